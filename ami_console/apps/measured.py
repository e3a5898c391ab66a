"""What single tasks tell of one job, who told of them, and how much of it was seen."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ami_console import metrics
from ami_console.metrics.arrays import flags, floats
from ami_console.metrics.percentiles import spread
from ami_console.metrics.redelivery import redelivered_tasks
from ami_console.metrics.tasks import TIMES

By = Literal["tap", "logs", "looks"]


@dataclass(frozen=True, kw_only=True)
class JobFrames:
    """The frames of one job, nothing later than the instant judged at."""

    jobs: pd.DataFrame
    consumers: pd.DataFrame
    counters: pd.DataFrame
    acks: pd.DataFrame
    advisories: pd.DataFrame
    log_events: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What single tasks tell of one job.

    Attributes:
        by: What told of them; ``looks``: nothing did, what is known is estimated.
        is_whole: Whether all that was settled was seen.
        log: Whose log told of acknowledgements: that of the job, or those of processes.
        log_error_s: How far from its instant a line may have been written, seconds.
        only_logged: Acknowledgements that the tap did not see and a log did.
        tap_has_run: Whether the tap was listening at some time.
        coverage: Row of :func:`ami_console.metrics.coverage`; empty when there is none.
        gaps: :func:`ami_console.metrics.tap_gaps`.
        attempts: :func:`ami_console.metrics.attempts`.
        redelivered: Tasks on a later attempt than the first; None not known.
        redelivered_is_sure: Whether there are no more than these.
        last_attempts: :func:`ami_console.metrics.last_attempts`.
        given_up: Row of :func:`ami_console.metrics.given_up`; empty when nothing shows it.
        late, repeated, discarded: Acknowledgements; None not known.
        singles: :func:`ami_console.metrics.single_latencies`.
        times: Column of :func:`ami_console.metrics.task_times` → how the values are spread
            (:func:`ami_console.metrics.percentiles.spread`), with their largest ``error_s``.
    """

    by: By
    is_whole: bool
    log: Literal["job", "processes"]
    log_error_s: float
    only_logged: int
    tap_has_run: bool
    coverage: dict[str, Any]
    gaps: pd.DataFrame
    attempts: pd.DataFrame
    redelivered: int | None
    redelivered_is_sure: bool
    last_attempts: pd.DataFrame
    given_up: dict[str, Any]
    late: int | None
    repeated: int | None
    discarded: int | None
    singles: pd.DataFrame
    times: dict[str, dict[str, Any]]


def tasks_of(job: JobFrames) -> pd.DataFrame:
    """All tasks of a job: measured where anything told of single ones, else estimated."""
    tasks = metrics.task_times(
        job.consumers, acks=job.acks, log_events=job.log_events, advisories=job.advisories
    )
    if tasks.empty:
        tasks = metrics.estimated_tasks(job.consumers, counters=job.counters)
    return tasks


def measured(
    job: JobFrames,
    tasks: pd.DataFrame,
    *,
    reads: pd.DataFrame,
    redeliveries: Any,
    as_of: pd.Timestamp,
) -> Measured:
    """What single tasks tell of one job.

    Args:
        job: Its frames.
        tasks: :func:`tasks_of` it.
        reads: The ``reads`` frame, or those of its rows that tell of gaps.
        redeliveries: So far, by the broker's counters; missing: not known.
        as_of: The instant judged at.
    """
    by = _by(job, tasks)
    found = metrics.coverage(
        job.consumers, acks=job.acks, reads=reads, jobs=job.jobs, counters=job.counters
    ).to_dict("records")
    coverage: dict[str, Any] = dict(found[0]) if found else {}
    single = tasks if by != "looks" else tasks.head(0)
    logged = single[floats(single, "acked_error_s") > 0]
    log, log_error_s = _log(job.log_events)
    never = not pd.isna(redeliveries) and redeliveries == 0
    is_whole = _is_whole(by, coverage, job.log_events)
    given_up = metrics.given_up(
        job.consumers,
        as_of=as_of,
        counters=job.counters,
        advisories=job.advisories,
        log_events=job.log_events,
        tasks=single,
    ).to_dict("records")
    return Measured(
        by=by,
        is_whole=is_whole,
        log=log,
        log_error_s=log_error_s,
        only_logged=len(logged),
        tap_has_run=bool((reads["source"] == "tap").any()),
        coverage=coverage,
        gaps=metrics.tap_gaps(reads, as_of=as_of),
        attempts=metrics.attempts(single),
        redelivered=0 if never else redelivered_tasks(single) if len(single) else None,
        redelivered_is_sure=never or is_whole,
        last_attempts=metrics.last_attempts(job.consumers, as_of=as_of),
        given_up=dict(given_up[0]) if given_up else {},
        late=_sum(single, "is_late"),
        repeated=int((floats(single, "acks") - 1).clip(min=0).sum()) if len(single) else None,
        discarded=_sum(single, "is_discarded"),
        singles=metrics.single_latencies(tasks),
        times=_times(tasks),
    )


def _times(tasks: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Of the tasks that were settled: what a cancelled job threw away took other times."""
    settled = tasks[tasks["acked_at"].notna() & ~flags(tasks, "is_discarded")]
    told = {}
    for column in TIMES:
        values = floats(settled, column)
        errors = floats(settled, column.removesuffix("_s") + "_error_s")[~np.isnan(values)]
        told[column] = spread(values) | {"error_s": float(errors.max(initial=0.0))}
    return told


def _by(job: JobFrames, tasks: pd.DataFrame) -> By:
    if (job.acks["kind"] == "+ACK").any():
        return "tap"
    if len(tasks) and not flags(tasks, "is_estimate").any():
        return "logs"
    return "looks"


def _is_whole(by: By, coverage: dict[str, Any], log_events: pd.DataFrame) -> bool:
    if by == "tap":
        missing = coverage.get("missing", pd.NA)
        return not pd.isna(missing) and missing == 0
    return by == "logs" and bool(flags(metrics.job_log(log_events), "is_whole").all())


def _log(log_events: pd.DataFrame) -> tuple[Literal["job", "processes"], float]:
    """Whose lines of acknowledgements are the finest, and how sure their instants are, seconds."""
    told = log_events[(log_events["kind"] == "acked").fillna(False)]
    told = told.dropna(subset=["resolution_s"])
    if told.empty:
        return "job", 0.5
    finest = told.loc[told["resolution_s"].idxmin()]
    return "job" if finest["source"] == "job" else "processes", float(finest["resolution_s"]) / 2


def _sum(tasks: pd.DataFrame, column: str) -> int | None:
    return int(flags(tasks, column).sum()) if len(tasks) else None
