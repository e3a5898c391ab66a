"""The numbers that the screen shows of one instant, read from what was seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ami_console import frames, metrics
from ami_console.diagnosis import Finding, Line, Rules, consistency, outlook
from ami_console.frames import FrameSource
from ami_console.live_diagnosis import WINDOW_S, Judged
from ami_console.metrics.fleet_details import fleet_details, may_have_lost
from ami_console.metrics.in_flight import Deliveries
from ami_console.one_job import OneJob
from ami_console.terminal.recent_rates import RecentRates

MINUTES = 16
"""So many minutes of rates tell how sure the time left is; the last of them are drawn."""

DRAWN_MIN = 10
CONTEXT_S = 105.0
"""What a look looks back on, seconds: the window of the rates, and the looks before that."""

SLACK_S = 45.0
"""So long after a look something may still come in that tells of it: a slow answer."""

LINES = 200
"""Newest lines of a job's log that are kept for its page."""


@dataclass(frozen=True, kw_only=True)
class JobNumbers:
    """What the page of one job tells beside its row of the fleet.

    Attributes:
        timeline: :func:`ami_console.metrics.timeline` of the last minutes.
        consumer: Newest row of the ``consumers`` frame, empty: the broker knows nothing.
        agreement: :func:`ami_console.diagnosis.consistency`.
        coming: :func:`ami_console.diagnosis.outlook`.
        log: Newest rows of the ``log_events`` frame, the oldest first.
    """

    timeline: pd.DataFrame
    consumer: Mapping[Any, Any]
    agreement: Sequence[Line]
    coming: pd.DataFrame
    log: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Looked:
    """All that is shown of one instant.

    Attributes:
        as_of: The instant.
        sources: :func:`ami_console.metrics.source_ages`.
        fleet: :func:`ami_console.metrics.fleet`.
        details: :func:`ami_console.metrics.fleet_details.fleet_details`, by ``job_id``.
        rates: :func:`ami_console.metrics.minute_rates.minute_rates` of the last minutes.
        judged: The newest judgement; ``None`` before the first.
        jobs: Of the jobs whose page is open.
    """

    as_of: pd.Timestamp
    sources: pd.DataFrame
    fleet: pd.DataFrame
    details: pd.DataFrame
    rates: pd.DataFrame
    judged: Judged | None
    jobs: Mapping[int, JobNumbers]

    @property
    def findings(self) -> Sequence[Finding]:
        """What is found now; nothing before the first judgement."""
        return () if self.judged is None else self.judged.findings


class Numbers:
    """Reads what came since the last time; what else is shown is kept."""

    def __init__(self, source: FrameSource, *, rules: Rules) -> None:
        """Nothing is read yet.

        Args:
            source: What was seen.
            rules: What the platform does by itself.
        """
        self._source, self._rules = source, rules
        self._until: pd.Timestamp | None = None
        self._deliveries = Deliveries()
        self._rates = RecentRates(MINUTES)
        self._attempts: dict[int, float] = {}

    def of(
        self, as_of: pd.Timestamp, *, judged: Judged | None, open_job: int | None = None
    ) -> Looked:
        """Everything as of an instant.

        Args:
            as_of: Nothing later is used.
            judged: The newest judgement.
            open_job: The job whose page is open.
        """
        since = as_of.floor("min") - pd.Timedelta(minutes=MINUTES)
        if self._until is not None:
            since = max(since, self._until - pd.Timedelta(seconds=SLACK_S))
        looks, timeline = self._timeline(self._source, since, as_of)
        self._deliveries.take(looks)
        self._rates.take(timeline)
        rates = self._rates.table(as_of=as_of)
        fleet = metrics.fleet(
            self._source, as_of=as_of, newest=timeline.drop_duplicates("job_id", keep="last")
        )
        details = self._details(fleet, looks, rates, as_of)
        self._until = as_of
        return Looked(
            as_of=as_of,
            sources=metrics.source_ages(self._source.latest("reads", until=as_of), as_of=as_of),
            fleet=fleet,
            details=details.set_index("job_id", drop=False),
            rates=rates.iloc[:, -DRAWN_MIN:],
            judged=judged,
            jobs={} if open_job is None else {open_job: self._job(open_job, as_of)},
        )

    def _timeline(
        self, source: FrameSource, since: pd.Timestamp, as_of: pd.Timestamp
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Looks at the broker, and what became of the jobs since an instant."""
        begin = since - pd.Timedelta(seconds=CONTEXT_S)
        looks, counters, reads = (
            source.frame(name, since=begin, until=as_of)
            for name in ("consumers", "counters", "reads")
        )
        line = metrics.timeline(looks, counters=counters, reads=reads, since=since)
        return looks, line

    def _details(
        self, fleet: pd.DataFrame, looks: pd.DataFrame, rates: pd.DataFrame, as_of: pd.Timestamp
    ) -> pd.DataFrame:
        last = self._source.latest("consumers", until=as_of)
        last = last[last["consumer_exists"].fillna(False)]
        counters = self._source.latest("counters", until=as_of)
        asked = set(may_have_lost(last, counters))
        advisories, events = (
            self._source.latest(name, until=as_of) for name in ("advisories", "log_events")
        )
        for rows in (
            advisories[(advisories["kind"] == "CONSUMER.MAX_DELIVERIES").fillna(False)],
            events[(events["kind"] == "health_check").fillna(False)],
        ):
            asked |= {int(job_id) for job_id in rows["job_id"].dropna()}
        return fleet_details(
            fleet,
            looks=last,
            rates=rates,
            oldest=self._deliveries.oldest(),
            given_up=self._given_up(sorted(asked), looks, counters, as_of),
            acks=self._last_acks(as_of),
        )

    def _given_up(
        self, job_ids: list[int], looks: pd.DataFrame, counters: pd.DataFrame, as_of: pd.Timestamp
    ) -> pd.DataFrame:
        """Of the jobs that show a sign of it."""
        told = {
            name: pd.concat(
                [
                    frames.empty(name),
                    *(self._source.frame(name, job_id=job_id, until=as_of) for job_id in job_ids),
                ],
                ignore_index=True,
            )
            for name in ("advisories", "log_events")
        }
        return metrics.given_up(
            looks[looks["job_id"].isin(job_ids)],
            as_of=as_of,
            counters=counters[counters["job_id"].isin(job_ids)],
            **told,
        )

    def _last_acks(self, as_of: pd.Timestamp) -> pd.DataFrame:
        """The newest of each job, and the highest delivery that was ever the newest."""
        acks = self._source.latest("acks", until=as_of).dropna(subset=["job_id"])
        most = []
        for job_id, delivery in zip(acks["job_id"], acks["delivery"], strict=True):
            before = self._attempts.get(int(job_id), 0.0)
            now = before if pd.isna(delivery) else max(before, float(delivery))
            self._attempts[int(job_id)] = now
            most.append(now or None)
        return pd.DataFrame(
            {
                "job_id": acks["job_id"].array,
                "acked_at": acks["acked_at"].array,
                "delivery": pd.array(most, dtype=frames.MEASURE),
            }
        )

    def _job(self, job_id: int, as_of: pd.Timestamp) -> JobNumbers:
        source = OneJob(self._source, job_id)
        since = as_of - pd.Timedelta(seconds=WINDOW_S)
        _, timeline = self._timeline(source, since, as_of)
        consumer = source.latest("consumers", until=as_of)
        consumer = consumer[consumer["consumer_exists"].fillna(False)]
        log = source.frame("log_events", until=as_of)
        order = log["logged_at"].fillna(log["observed_at"]).argsort(kind="stable")
        return JobNumbers(
            timeline=timeline,
            consumer=dict(consumer.iloc[-1]) if len(consumer) else {},
            agreement=consistency(source, job_id, as_of=as_of, since=since),
            coming=outlook(source, as_of=as_of, job_ids=[job_id], since=since, rules=self._rules),
            log=log.iloc[order].tail(LINES),
        )
