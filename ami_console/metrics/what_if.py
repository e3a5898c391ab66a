"""What if: another ack wait, one worker more or less, from what one job was seen to do."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ami_console.metrics.ack_wait_risk import FEWEST as FEWEST_FOR_SAFETY
from ami_console.metrics.ack_wait_risk import (
    MARGIN,
    Risk,
    SafeWait,
    all_heard,
    risk,
    safe_wait,
)
from ami_console.metrics.batches import batch_size, batches
from ami_console.metrics.what_if_seen import first, logged_of, looked_at, only_job, over, until
from ami_console.metrics.what_if_words import in_words
from ami_console.metrics.worker_count import Pace, pace


@dataclass(frozen=True, kw_only=True)
class WithWorkers:
    """The job with another number of workers.

    Attributes:
        workers: How many.
        throughput_per_min: Images settled per minute.
        ends_at: When all of it is settled at that; ``None`` where it never would be.
        bounded_by: What keeps it from being in proportion to the workers: ``savers`` or
            ``max_ack_pending``; ``None`` where nothing does.
    """

    workers: int
    throughput_per_min: float
    ends_at: pd.Timestamp | None
    bounded_by: str | None


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """What one job was seen to do, and what that says of other settings; ``None`` is not known.

    Attributes:
        job_id: The job; ``None`` where the frames tell of none.
        as_of: The instant judged at.
        is_over: Whether the job had ended then.
        ack_wait_s: The consumer's ack wait, seconds.
        max_ack_pending: Its limit of images in flight.
        batch_size: Images that a worker asks for at once.
        told_by: What told of the batches: ``fetches`` (log lines) or ``looks``.
        batch_time_p50_s, batch_time_max_s: Fetched → the last image of the batch acknowledged.
        batch_time_error_s: How far off a batch's time may be at most.
        risk: How many batches outlived the ack wait.
        safe: The smallest ack wait that is safe.
        pace: Workers, and what they did.
        fewer, more: The job with one worker less, and with one more.
        images: Of the whole job.
        settled: Of these, as of ``as_of``.
        began_at: The first fetch.
        ends_at: When the last image was settled; of a job that goes on, or that was ended
            before, when it would be if nothing changes.
        why_not: Name of an attribute that is ``None`` → why.
    """

    job_id: int | None
    as_of: pd.Timestamp
    is_over: bool
    ack_wait_s: float | None
    max_ack_pending: int | None
    batch_size: int | None
    told_by: str | None
    batch_time_p50_s: float | None
    batch_time_max_s: float | None
    batch_time_error_s: float | None
    risk: Risk | None
    safe: SafeWait | None
    pace: Pace | None
    fewer: WithWorkers | None
    more: WithWorkers | None
    images: int | None
    settled: int | None
    began_at: pd.Timestamp | None
    ends_at: pd.Timestamp | None
    why_not: Mapping[str, str] = field(default_factory=dict)

    @property
    def left(self) -> int | None:
        """Images that are not settled."""
        if self.images is None or self.settled is None:
            return None
        return max(0, self.images - self.settled)

    def in_words(self) -> list[str]:
        """Plain sentences, times in UTC: batches, ack wait, workers, end; what is not known."""
        return in_words(self)

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in self.in_words())
        return f'<ul class="ami-what-if">{lines}</ul>'


def what_if(
    tasks: pd.DataFrame,
    consumers: pd.DataFrame,
    *,
    jobs: pd.DataFrame | None = None,
    log_events: pd.DataFrame | None = None,
    as_of: pd.Timestamp,
) -> WhatIf:
    """What one job's batches say of another ack wait and of one worker more or less.

    Args:
        tasks: :func:`~ami_console.metrics.task_times` of the job; ``estimated_tasks`` where
            nothing told of single ones.
        consumers: The ``consumers`` frame of it.
        jobs: The ``jobs`` frame of it; tells whether it is over.
        log_events: The ``log_events`` frame of it; tells of fetches, and what was asked for.
        as_of: The instant judged at; nothing later is used.

    Returns:
        See :class:`WhatIf`; docs/what-if.md has the formula and the assumption of each number.

    Raises:
        FrameError: A needed column is absent, or the frames tell of several jobs.

    Source:
        See :func:`~ami_console.metrics.batches.batches`; JetStream ``config.ack_wait``,
        ``config.max_ack_pending``, ``num_ack_pending``.
    """
    consumers = until(consumers, "observed_at", as_of)
    tasks = tasks[~(tasks["acked_at"] > as_of).fillna(False)]
    log_events = None if log_events is None else until(log_events, "logged_at", as_of)
    jobs = None if jobs is None else until(jobs, "observed_at", as_of)
    job_id = only_job(tasks, consumers, log_events, jobs)
    looked = looked_at(consumers, job_id)
    logged = logged_of(log_events)
    found = batches(tasks, consumers, log_events=log_events)
    took_s = found["batch_time_s"].dropna()
    ack_wait_s = first(looked["ack_wait_s"], logged["ack_wait_s"])
    max_ack_pending = first(looked["max_ack_pending"], logged["max_ack_pending"])
    kept = tasks[~tasks["is_discarded"].fillna(False).astype(bool)]
    why: dict[str, str] = {}
    risked = _risk(found, tasks, looked, ack_wait_s, as_of)
    if isinstance(risked, str):
        why["risk"] = risked
    safe = safe_wait(found)
    if safe is None:
        why["safe"] = (
            f"it takes {FEWEST_FOR_SAFETY} batches that are known to the end, and there are "
            f"{len(took_s)}"
        )
    at_work = pace(
        found,
        kept,
        clients=logged["clients"],
        most_in_flight=looked["most_in_flight"],
        max_ack_pending=max_ack_pending,
    )
    if at_work is None:
        why["pace"] = _no_batches(tasks, found)
    known = int(kept["acked_at"].notna().sum())
    is_counted = known > 0 or looked["settled"] is not None
    settled = max(known, int(looked["settled"] or 0)) if is_counted else None
    images = first(looked["published"], logged["total"])
    began_at = found["fetched_at"].min() if len(found) else None
    is_over = over(jobs, looked, images, settled)
    last_acked_at = kept["acked_at"].max() if known else None
    job = _Job(as_of, is_over, began_at, images, settled, max_ack_pending)
    fewer, more = (_with(job, at_work, kept, change) for change in (-1, 1))
    if images is None:
        why["images"] = "neither the broker nor a log told how many images there are"
    return WhatIf(
        job_id=job_id,
        as_of=as_of,
        is_over=is_over,
        ack_wait_s=ack_wait_s,
        max_ack_pending=None if max_ack_pending is None else int(max_ack_pending),
        batch_size=batch_size(found, log_events=log_events),
        told_by=str(found["told_by"].iloc[0]) if len(found) else None,
        batch_time_p50_s=float(took_s.median()) if len(took_s) else None,
        batch_time_max_s=float(took_s.max()) if len(took_s) else None,
        batch_time_error_s=float(found["batch_time_error_s"].max()) if len(took_s) else None,
        risk=None if isinstance(risked, str) else risked,
        safe=safe,
        pace=at_work,
        fewer=fewer,
        more=more,
        images=None if images is None else int(images),
        settled=settled,
        began_at=began_at,
        ends_at=last_acked_at
        if is_over and settled is not None and images is not None and settled >= images
        else job.ends_at(at_work.throughput_per_min if at_work else None),
        why_not=why,
    )


def _risk(
    found: pd.DataFrame,
    tasks: pd.DataFrame,
    looked: dict[str, Any],
    ack_wait_s: float | None,
    as_of: pd.Timestamp,
) -> Risk | str:
    """How many batches outlived the ack wait, or why that is not known."""
    if ack_wait_s is None:
        return "neither the broker nor a log told the ack wait"
    if looked["redeliveries"] and tasks["is_estimate"].fillna(False).any():
        return "images came back, and looks at the broker do not tell which"
    gone_at = looked["gone_at"]
    told = risk(
        found,
        tasks,
        ack_wait_s=ack_wait_s,
        until=as_of if gone_at is None else min(as_of, gone_at),
        is_whole=all_heard(tasks, looked["settled"]),
    )
    return _no_batches(tasks, found) if told is None else told


@dataclass(frozen=True)
class _Job:
    as_of: pd.Timestamp
    is_over: bool
    began_at: pd.Timestamp | None
    images: float | None
    settled: int | None
    max_ack_pending: float | None

    def ends_at(self, per_min: float | None) -> pd.Timestamp | None:
        """When the last image is settled at a pace: from the first fetch, or from now on."""
        if not per_min or self.images is None or self.began_at is None:
            return None
        if self.is_over:
            return self.began_at + pd.Timedelta(self.images / per_min, unit="min")
        left = max(0.0, self.images - (self.settled or 0))
        return self.as_of + pd.Timedelta(left / per_min, unit="min")


def _with(job: _Job, at_work: Pace | None, tasks: pd.DataFrame, change: int) -> WithWorkers | None:
    """In proportion to the workers, as far as savers and the broker's limit let it."""
    if at_work is None:
        return None
    workers = at_work.workers + change
    now = at_work.throughput_per_min
    bounds: list[tuple[float, str | None]] = []
    if at_work.limited_by == "workers":
        bounds.append((now * workers / at_work.workers, None))
        if at_work.savers_per_min is not None:
            bounds.append((at_work.savers_per_min, "savers"))
        in_flight_s = tasks["in_flight_s"].dropna()
        if job.max_ack_pending and len(in_flight_s) and in_flight_s.median() > 0:
            most = 60.0 * job.max_ack_pending / float(in_flight_s.median())
            bounds.append((most, "max_ack_pending"))
    else:
        bounds.append((at_work.fetched_per_min * workers / at_work.workers, None))
        bounds.append((now, at_work.limited_by))
    per_min, bounded_by = min(bounds, key=lambda bound: bound[0])
    return WithWorkers(
        workers=workers,
        throughput_per_min=per_min,
        ends_at=job.ends_at(per_min),
        bounded_by=bounded_by,
    )


def _no_batches(tasks: pd.DataFrame, found: pd.DataFrame) -> str:
    if tasks.empty:
        return "no image was seen to be acknowledged"
    if found.empty:
        return (
            "neither a fetch line of a log nor a look at the broker tells when images were fetched"
        )
    return "too few batches are known to the end"


__all__ = ["MARGIN", "WhatIf", "WithWorkers", "what_if"]
