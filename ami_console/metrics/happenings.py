"""What happened to a job, event by event, told by every source that saw it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import Columns, typed
from ami_console.metrics.broker_happenings import of_broker
from ami_console.metrics.event import Event, span_text
from ami_console.metrics.log_happenings import Logged, logged
from ami_console.metrics.seen_job import SeenJob, seen_job
from ami_console.metrics.source_gaps import NS_PER_S, SOURCE_NAMES, source_gaps
from ami_console.metrics.verdict_spans import Verdict, shown_verdicts
from ami_console.plain_text import plain
from ami_console.reading import FINAL_STATUSES

HAPPENINGS: dict[str, str] = {
    "job_id": frames.COUNT,
    "at": frames.TIME,
    "until_at": frames.TIME,
    "is_open": frames.FLAG,
    "at_error_s": frames.MEASURE,
    "kind": frames.TEXT,
    "subject": frames.TEXT,
    "severity": frames.TEXT,
    "title": frames.TEXT,
    "reason": frames.TEXT,
}

KINDS: dict[str, str] = {
    "created": "the job was made",
    "started": "the job was started",
    "status": "its status became another",
    "finished": "it ended as SUCCESS or FAILURE",
    "revoked": "it ended as REVOKED: cancelled, or given up by the health check",
    "first_delivery": "a worker got the first images",
    "fetching_stopped": "images waited and nobody fetched any",
    "redelivery": "images were handed out again",
    "published_again": "more images were put into the stream that was there already",
    "restart": "the broker was restarted",
    "recreated": "the stream was made anew",
    "deleted": "the stream or the consumer is gone",
    "counters_gone": "the counters in Redis are gone",
    "worker_lost": "a worker's own log says that it died",
    "health_check": "the health check marked images as failed",
    "reaped": "the health check ended the job",
    "job_failed": "a log says that the job could not go on",
    "source_gap": "a source could not be read",
    "paused": "nobody looked",
    "verdict": "something was found of it",
}
"""Kind of event → what it says."""


def happenings(
    job_id: int,
    *,
    as_of: pd.Timestamp,
    jobs: pd.DataFrame,
    consumers: pd.DataFrame,
    counters: pd.DataFrame,
    reads: pd.DataFrame,
    log_events: pd.DataFrame | None = None,
    verdicts: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What happened to a job, one row per event, sorted by ``at``.

    What is seen between two looks happened between them: ``at`` is the later one, and the event
    is at most ``at_error_s`` older. Where Antenna or a log names the instant, ``at`` is that.
    That a worker was lost is told only by its own log: to the broker one that died and one that
    is slow look alike, so there it is ``fetching_stopped`` or ``redelivery``.

    Args:
        job_id: The job.
        as_of: The instant judged at; nothing later is used.
        jobs, consumers, counters: These frames, of this job or of more.
        reads: The ``reads`` frame, or those of its rows that tell of gaps.
        log_events: The ``log_events`` frame, of this job or of more.
        verdicts: :func:`ami_console.diagnosis.verdicts`, or what a live watch said so far.

    Returns:
        The columns of ``HAPPENINGS``. ``kind`` is one of ``KINDS``; ``until_at`` is missing for
        what has no length, and ``as_of`` for what lasts on (``is_open``); ``subject`` who told of
        it or, of a verdict, its code; ``severity`` of a verdict; ``title`` a short sentence,
        ``reason`` why, where it is known: both may hold text of others.
    """
    seen = seen_job(job_id, as_of=as_of, jobs=jobs, consumers=consumers, counters=counters,
                    reads=reads)  # fmt: skip
    return events_of(
        seen,
        gaps=source_gaps(reads, as_of=as_of),
        log_events=log_events,
        verdicts=shown_verdicts(verdicts, job_id, as_of=as_of),
    )


def events_of(
    seen: SeenJob,
    *,
    gaps: pd.DataFrame,
    log_events: pd.DataFrame | None,
    verdicts: Sequence[Verdict],
) -> pd.DataFrame:
    """:func:`happenings` of what was prepared already.

    Args:
        seen: The job.
        gaps: :func:`~ami_console.metrics.source_gaps.source_gaps`.
        log_events: The ``log_events`` frame, of this job or of more.
        verdicts: Those on the job.
    """
    told = logged(log_events, seen.job_id, as_of_ns=seen.as_of_ns)
    events = [
        *_of_antenna(seen, told),
        *of_broker(seen, told),
        *_of_counters(seen, told),
        *(Event(**event) for event in told.events()),
        *_of_verdicts(verdicts),
    ]
    begin_ns = min([seen.begin_ns, *(event.at_ns for event in events)])
    events += _of_watch(seen, gaps, begin_ns)
    return _frame(seen.job_id, sorted(events, key=lambda event: event.at_ns))


def _of_antenna(seen: SeenJob, told: Logged) -> Iterator[Event]:
    """Created, started, ended; and other changes of the status."""
    for at_ns in _told_instants(seen.jobs, "created_at"):
        yield Event(kind="created", at_ns=at_ns, subject="antenna", title="Created")
    for at_ns in _told_instants(seen.jobs, "started_at"):
        yield Event(kind="started", at_ns=at_ns, subject="antenna", title="Started")
    looks_ns, statuses = seen.jobs_ns, seen.statuses
    for look in np.flatnonzero(statuses[1:] != statuses[:-1]) + 1:
        status, was = statuses[look], statuses[look - 1]
        if status is None or was is None:
            continue
        before_ns, seen_ns = int(looks_ns[look - 1]), int(looks_ns[look])
        when: dict[str, Any] = {"at_ns": seen_ns, "error_s": (seen_ns - before_ns) / NS_PER_S}
        if status in FINAL_STATUSES:
            ended_s = seen.jobs["finished_at"][look]
            if not np.isnan(ended_s):
                when = {"at_ns": int(ended_s * 1e9), "error_s": 0.0}
            kind = "revoked" if status == "REVOKED" else "finished"
            title = "Revoked: cancelled or given up" if kind == "revoked" else f"Ended: {status}"
            yield Event(kind=kind, title=title, subject="antenna", **when)
        elif status != "STARTED":
            when |= told.first(("status",), before_ns, seen_ns, status=status)
            yield Event(kind="status", title=f"Status became {status}", subject="antenna", **when)


def _told_instants(looks: Columns, column: str) -> list[int]:
    """Different instants that a column told, in order."""
    if not looks.rows:
        return []
    values = looks[column]
    return [int(value) for value in np.unique(values[~np.isnan(values)]) * 1e9]


def _of_counters(seen: SeenJob, told: Logged) -> Iterator[Event]:
    looks = seen.counters
    if not looks.rows:
        return
    known = ~np.isnan(looks["total"])
    at_ns = looks["observed_at_ns"]
    for look in np.flatnonzero(known[:-1] & ~known[1:]) + 1:
        event: dict[str, Any] = {
            "at_ns": int(at_ns[look]),
            "error_s": float(at_ns[look] - at_ns[look - 1]) / NS_PER_S,
            "subject": "redis",
        }
        event |= told.first(("cleaned_up",), int(at_ns[look - 1]), int(at_ns[look]))
        yield Event(kind="counters_gone", title="The counters in Redis are gone", **event)


def _of_verdicts(verdicts: Sequence[Verdict]) -> Iterator[Event]:
    for each in verdicts:
        yield Event(
            kind="verdict",
            at_ns=each.begin_ns,
            until_ns=each.end_ns,
            is_open=each.is_open,
            error_s=float("nan"),
            subject=each.code,
            severity=each.severity,
            title=each.title,
        )


def _of_watch(seen: SeenJob, gaps: pd.DataFrame, begin_ns: int) -> Iterator[Event]:
    """When a source gave nothing, and when nobody looked, in the job's time."""
    for gap in gaps.to_dict("records"):
        if gap["ends_at"].value <= begin_ns or gap["begins_at"].value >= seen.end_ns:
            continue
        yield Event(
            kind="source_gap",
            at_ns=gap["begins_at"].value,
            until_ns=gap["ends_at"].value,
            is_open=bool(gap["is_open"]),
            subject=gap["source"],
            title=f"{SOURCE_NAMES[gap['source']]} gave nothing",
            reason=None if pd.isna(gap["reason"]) else gap["reason"],
        )
    for pause in seen.pauses:
        yield Event(
            kind="paused",
            at_ns=pause.begin_ns,
            until_ns=pause.end_ns,
            is_open=pause.is_open,
            title=f"Nobody looked for {span_text((pause.end_ns - pause.begin_ns) / NS_PER_S)}",
            reason="the watch was paused, off or cut off",
        )


def _frame(job_id: int, events: list[Event]) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "job_id": [job_id] * len(events),
        "at": np.array([e.at_ns for e in events], dtype="int64"),
        "until_at": np.array([e.until_ns for e in events], dtype="int64"),
        "is_open": [e.is_open for e in events],
        "at_error_s": [e.error_s for e in events],
        "kind": [e.kind for e in events],
        "subject": [e.subject for e in events],
        "severity": [e.severity for e in events],
        "title": [plain(e.title) for e in events],
        "reason": [plain(e.reason) if isinstance(e.reason, str) else None for e in events],
    }
    return pd.DataFrame({name: typed(columns[name], dtype) for name, dtype in HAPPENINGS.items()})
