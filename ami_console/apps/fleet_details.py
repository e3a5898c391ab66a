"""What the table tells beside the counts of the fleet, kept up to date look by look."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.apps.lines import COLUMNS, Lines
from ami_console.frames import FrameSource
from ami_console.metrics.fleet_details import fleet_details, may_have_lost
from ami_console.metrics.in_flight import Deliveries
from ami_console.metrics.minute_rates import MINUTES, rates_of, typed_rates
from ami_console.metrics.redelivery import given_up

BACK_S = 2_100.0
"""So far looks are read back when they are first wanted, seconds."""

SLACK_S = 45.0
"""So long after its instant a row may still come in."""

LOOK_SLACK_S = 10.0
"""And a look, which takes as long as the broker takes to answer."""

CONTEXT_S = 120.0
"""Looks before the last one, which tell whether images were given up, seconds."""

NEW_LINES = 25
"""Timelines of so many more jobs are begun at a time: each may take some milliseconds."""

_RATE = COLUMNS.index("acked_per_min")

Key = tuple[Any, ...]


class Details(NamedTuple):
    """Rows of :func:`ami_console.metrics.fleet_details.fleet_details`, and the rates they used.

    Attributes:
        rows: One per job of the fleet.
        rates: :func:`ami_console.metrics.minute_rates.minute_rates`.
    """

    rows: pd.DataFrame
    rates: pd.DataFrame


class FleetDetails:
    """Reads what came since the last time; begins anew when the instant goes back."""

    def __init__(self, source: FrameSource) -> None:
        """Nothing is read yet.

        Args:
            source: Of the looks.
        """
        self._source = source
        self._begin()

    def _begin(self) -> None:
        self._until: pd.Timestamp | None = None
        self._deliveries = Deliveries()
        self._rows: dict[str, pd.DataFrame] = {}
        self._acks: dict[int, tuple[int, float]] = {}
        self._lost: dict[int, tuple[Key, dict[str, Any] | None]] = {}
        self._drawn: set[int] = set()

    def of(self, fleet: pd.DataFrame, *, lines: Lines, as_of: pd.Timestamp) -> Details:
        """The details of a fleet.

        Args:
            fleet: :func:`ami_console.metrics.fleet` as of that instant.
            lines: Timelines, up to date.
            as_of: Nothing later is used.
        """
        if self._until is not None and as_of < self._until:
            self._begin()
        self._read(as_of)
        looks = self._source.latest("consumers", until=as_of)
        looks = looks[looks["consumer_exists"].fillna(False)]
        counters = self._source.latest("counters", until=as_of)
        rates = typed_rates(*self._rates(fleet, lines, as_of), as_of=as_of)
        rows = fleet_details(
            fleet,
            looks=looks,
            rates=rates,
            oldest=self._deliveries.oldest(),
            given_up=self._given_up(looks, counters, as_of),
            acks=self._last_acks(),
        )
        return Details(rows, rates)

    def _read(self, as_of: pd.Timestamp) -> None:
        until, self._until = self._until, as_of
        begins_at = as_of - pd.Timedelta(seconds=BACK_S)

        def after(slack_s: float) -> pd.Timestamp:
            if until is None:
                return begins_at
            return max(begins_at, until - pd.Timedelta(seconds=slack_s))

        # Those of the looks that come again are left out.
        looks = self._source.frame("consumers", since=after(LOOK_SLACK_S), until=as_of)
        self._deliveries.take(looks)
        since = after(SLACK_S)
        acks = self._source.frame("acks", since=since, until=as_of)
        self._take_acks(acks[(acks["kind"] == "+ACK").fillna(False)])
        for name, kind in (("advisories", "CONSUMER.MAX_DELIVERIES"), ("log_events", _CHECK)):
            # What was given up stays so: these few are kept for good.
            read_from = None if until is None else since
            new = self._source.frame(name, since=read_from, until=as_of)
            new = new[(new["kind"] == kind).fillna(False)]
            held = self._rows.get(name)
            if held is not None and read_from is not None:
                new = pd.concat([held[held["observed_at"] < read_from], new], ignore_index=True)
            self._rows[name] = new

    def _take_acks(self, acks: pd.DataFrame) -> None:
        if acks.empty:
            return
        by_job = acks.dropna(subset=["job_id"]).groupby("job_id")
        found = by_job.agg({"acked_at": "max", "delivery": "max"})
        for job_id, at, delivery in zip(
            found.index, found["acked_at"], found["delivery"], strict=True
        ):
            before_ns, before = self._acks.get(int(job_id), (0, np.nan))
            most = np.nan if pd.isna(delivery) else float(delivery)
            at_ns = 0 if pd.isna(at) else at.value
            self._acks[int(job_id)] = max(before_ns, at_ns), float(np.fmax(before, most))

    def _last_acks(self) -> pd.DataFrame:
        at_ns = np.array([at for at, _ in self._acks.values()], dtype="int64")
        return pd.DataFrame(
            {
                "job_id": pd.array(list(self._acks), dtype=frames.COUNT),
                "acked_at": pd.DatetimeIndex(at_ns.view("M8[ns]"), tz="UTC"),
                "delivery": pd.array(
                    [delivery for _, delivery in self._acks.values()], dtype=frames.MEASURE
                ),
            }
        )

    def _rates(self, fleet: pd.DataFrame, lines: Lines, as_of: pd.Timestamp) -> tuple[Any, Any]:
        begins_at = as_of.floor("min") - pd.Timedelta(minutes=MINUTES)
        recent = fleet[(fleet["last_seen_at"] >= begins_at).fillna(False)]
        wanted = [int(job_id) for job_id in recent["job_id"]]
        self._drawn.update([job_id for job_id in wanted if job_id not in self._drawn][:NEW_LINES])
        told = []
        for job_id in wanted:
            if job_id in self._drawn:
                at_ns, values = lines.arrays(job_id, since=begins_at, until=as_of)
                told.append((job_id, at_ns, values[:, _RATE]))
        return rates_of(told, as_of=as_of)

    def _given_up(
        self, looks: pd.DataFrame, counters: pd.DataFrame, as_of: pd.Timestamp
    ) -> pd.DataFrame:
        """Of the jobs that show a sign of it, and anew only where a look is new."""
        asked = set(may_have_lost(looks, counters))
        for held in self._rows.values():
            asked |= {int(job_id) for job_id in held["job_id"].dropna()}
        looked_at = dict(zip(looks["job_id"], looks["observed_at"], strict=True))
        counted_at = dict(zip(counters["job_id"], counters["observed_at"], strict=True))
        told = tuple(map(len, self._rows.values()))
        keys = {job_id: (looked_at.get(job_id), counted_at.get(job_id), told) for job_id in asked}
        anew = [j for j in asked if j not in self._lost or self._lost[j][0] != keys[j]]
        found = self._ask(anew, looked_at, counters, as_of) if anew else {}
        self._lost = {
            job_id: (keys[job_id], found.get(job_id)) if job_id in set(anew) else self._lost[job_id]
            for job_id in asked
        }
        rows = [row for _, row in self._lost.values() if row is not None]
        return frames.table(
            rows,
            {"job_id": frames.COUNT, "tasks_low": frames.COUNT, "tasks_high": frames.COUNT},
        )

    def _ask(
        self,
        job_ids: list[int],
        looked_at: dict[int, pd.Timestamp],
        counters: pd.DataFrame,
        as_of: pd.Timestamp,
    ) -> dict[int, dict[str, Any]]:
        looks = [
            self._source.frame(
                "consumers",
                job_id=job_id,
                since=looked_at[job_id] - pd.Timedelta(seconds=CONTEXT_S),
                until=as_of,
            )
            for job_id in job_ids
            if job_id in looked_at
        ]
        found = given_up(
            pd.concat(looks, ignore_index=True) if looks else frames.empty("consumers"),
            as_of=as_of,
            counters=counters[counters["job_id"].isin(job_ids)],
            advisories=self._rows["advisories"],
            log_events=self._rows["log_events"],
        )
        return {int(row["job_id"]): row for row in found.to_dict("records")}


_CHECK = "health_check"
