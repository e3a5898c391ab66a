"""Everything that a source tells of one job, read once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from ami_console.diagnosis import Rules, verdicts
from ami_console.errors import UnknownJobError
from ami_console.frames import FrameSource
from ami_console.metrics import happenings, job_log, tap_gaps, task_times
from ami_console.metrics.sightings import Sighted, sightings
from ami_console.post_mortem.held import Held, Window
from ami_console.post_mortem.instants import absent
from ami_console.reading import FINAL_STATUSES
from ami_console.summary import FRAMES, summarise

AFTER_S = 900.0
"""So long after a job's end it is still looked at, where nobody says as of when, seconds."""

BEFORE_S = 60.0
"""A job that waits to be started is looked at so long before its start, seconds."""

SERVICES = ("django", "celery", "worker", "text")

_NAME = re.compile(r'Running job #\d+ "(.*)" \(')


@dataclass(frozen=True, kw_only=True)
class Known:
    """One job as of an instant.

    Attributes:
        job_id: The job.
        as_of: The instant judged at.
        held: Frames of this job by name, and ``reads`` of its time; nothing later than ``as_of``.
        numbers: :func:`ami_console.summary.summarise`.
        logged: The job's row of :func:`ami_console.metrics.job_log`; empty without log lines.
        tasks: :func:`ami_console.metrics.task_times`; empty where only looks tell.
        verdicts: :func:`ami_console.diagnosis.verdicts` on the job, and on sources in its time.
        happenings: :func:`ami_console.metrics.happenings`.
        rules: What the platform does by itself.
    """

    job_id: int
    as_of: pd.Timestamp
    held: Mapping[str, pd.DataFrame]
    numbers: Mapping[str, Any]
    logged: Mapping[str, Any]
    tasks: pd.DataFrame
    verdicts: pd.DataFrame
    happenings: pd.DataFrame
    rules: Rules

    def lines(self, *kinds: str) -> pd.DataFrame:
        """Log lines of these kinds, in order of time."""
        events = self.held["log_events"]
        mine = events[events["kind"].isin(kinds)]
        return mine.sort_values("logged_at", kind="stable")

    @cached_property
    def attempts(self) -> Sighted:
        """Every attempt of which something came back."""
        return sightings(self.held["acks"], self.held["log_events"])

    @cached_property
    def name(self) -> str | None:
        """What people call the job."""
        named = self.held["jobs"]["name"].dropna()
        if len(named):
            return str(named.iloc[-1])
        found = [_NAME.match(line) for line in self.lines("running")["message"]]
        return next((each.group(1) for each in found if each), None)

    @cached_property
    def status(self) -> str | None:
        """The job's last known status."""
        told = [self.numbers["status"], self._late_status]
        final = [each for each in told if each in FINAL_STATUSES]
        return next((str(each) for each in (*final, *told) if not absent(each)), None)

    @property
    def _late_status(self) -> Any:
        told = self.lines("late_result", "fetch_refused")["status"].dropna()
        return told.iloc[-1] if len(told) else None

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self.status in FINAL_STATUSES

    @property
    def ended_well(self) -> bool:
        """Whether it is SUCCESS, and no image of it is known to have failed."""
        return self.status == "SUCCESS" and not self.failed

    @property
    def total(self) -> int | None:
        """Its images."""
        return _whole(self.numbers["total"])

    @property
    def processed(self) -> int | None:
        """Those of which a result or an error is known to Antenna."""
        return _whole(self.numbers["processed"])

    @property
    def failed(self) -> int | None:
        """Those that failed."""
        return _whole(self.numbers["failed"])

    @cached_property
    def begun_at(self) -> pd.Timestamp | None:
        """When it was started."""
        return _instant(self.numbers["started_at"])

    @cached_property
    def ended_at(self) -> pd.Timestamp | None:
        """When it ended."""
        if not self.is_over:
            return None
        told = _instant(self.numbers["finished_at"]) or _instant(self.logged.get("finished_at"))
        gone = self.happenings.loc[self.happenings["kind"] == "deleted", "at"]
        return told or (gone.iloc[-1] if len(gone) else None)

    @cached_property
    def config(self) -> dict[str, float | None]:
        """``ack_wait_s`` and ``max_deliver`` in force: by the last look, else by the log."""
        looks = self.held["consumers"]
        found: dict[str, float | None] = {}
        for column in ("ack_wait_s", "max_deliver"):
            told = looks[column].dropna()
            value: Any = told.iloc[-1] if len(told) else self.logged.get(column)
            found[column] = None if absent(value) else float(value)
        return found

    @cached_property
    def told_by(self) -> tuple[str, ...]:
        """The ways of knowing that told of it: of ``looks``, ``tap``, ``job log``, …."""
        events = set(self.held["log_events"]["source"].dropna())
        looked = len(self.held["consumers"]) + len(self.held["counters"])
        ways = {
            "looks": looked > 0 or len(self.held["jobs"]) > 1,
            "saved job": not looked and len(self.held["jobs"]) == 1,
            "tap": len(self.held["acks"]) + len(self.held["advisories"]) > 0,
            "job log": "job" in events,
            "service logs": not events.isdisjoint(SERVICES),
        }
        return tuple(way for way, is_told in ways.items() if is_told)

    @cached_property
    def log_is_whole(self) -> bool:
        """Whether the logs go back to the job's beginning."""
        return bool(self.logged) and bool(self.logged["is_whole"])

    @cached_property
    def sees_single_images(self) -> bool:
        """Whether each attempt of which something came back would have been seen."""
        if self.log_is_whole:
            return True
        acks = self.held["acks"]
        return len(acks) > 0 and tap_gaps(self.held["reads"]).empty

    @property
    def tells(self) -> str:
        """Which source of ``reads`` tells of single images: the tap, else logs, else looks."""
        by = {"tap": "tap", "job log": "job_logs", "service logs": "log_files"}
        return next((by[way] for way in self.told_by if way in by), "nats")

    def shown(self, code: str) -> pd.DataFrame:
        """Episodes of a verdict that no other explained."""
        rows = self.verdicts
        return rows[(rows["code"] == code).fillna(False) & rows["hidden_by"].isna()]


def known(
    source: FrameSource, job_id: int, *, as_of: pd.Timestamp | None, rules: Rules | None
) -> Known:
    """Read what a source has of one job.

    Raises:
        UnknownJobError: It has nothing.
    """
    held = {name: source.frame(name, job_id=job_id, until=as_of) for name in FRAMES}
    seen = [frame["observed_at"] for frame in held.values() if len(frame)]
    if not seen:
        raise UnknownJobError(f"nothing is known of job {job_id}")
    begin, end = min(times.min() for times in seen), max(times.max() for times in seen)
    begin, end = _life(held, begin, end)
    if as_of is None:
        as_of = end
        held = {name: frame[frame["observed_at"] <= end] for name, frame in held.items()}
    held["reads"] = source.frame("reads", since=begin, until=as_of)
    found = verdicts(Window(source, begin, as_of), as_of=as_of, job_ids=[job_id], rules=rules)
    events = held["log_events"]
    logged = job_log(events).to_dict("records")
    return Known(
        job_id=job_id,
        as_of=as_of,
        held=held,
        numbers=summarise(Held(held), job_id),
        logged=logged[0] if logged else {},
        tasks=task_times(
            held["consumers"],
            acks=held["acks"],
            log_events=events,
            advisories=held["advisories"],
        ),
        verdicts=found,
        happenings=happenings(
            job_id,
            as_of=as_of,
            jobs=held["jobs"],
            consumers=held["consumers"],
            counters=held["counters"],
            reads=held["reads"],
            log_events=events,
            verdicts=found,
        ),
        rules=rules or Rules(),
    )


def _life(
    held: Mapping[str, pd.DataFrame], begin: pd.Timestamp, end: pd.Timestamp
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """From a little before a job's start to a while after its end, as far as anything is seen."""
    jobs, first = held["jobs"], begin
    started, finished = jobs["started_at"].dropna(), jobs["finished_at"].dropna()
    if len(started):
        begin = max(begin, started.min() - pd.Timedelta(seconds=BEFORE_S))
    if len(finished) and jobs["status"].iloc[-1] in FINAL_STATUSES:
        # of a job that ended long before anybody looked, at least the first look
        end = min(end, max(first, finished.iloc[-1] + pd.Timedelta(seconds=AFTER_S)))
    return min(begin, end), end


def _instant(value: Any) -> pd.Timestamp | None:
    return None if absent(value) else pd.Timestamp(value).tz_convert("UTC")


def _whole(value: Any) -> int | None:
    return None if absent(value) else int(value)
