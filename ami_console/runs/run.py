"""One run: a job of a source, read once."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ami_console.frames import FrameSource
from ami_console.metrics.arrays import flags
from ami_console.metrics.batches import batches
from ami_console.metrics.estimates import estimated_tasks
from ami_console.metrics.settled import curves
from ami_console.metrics.tasks import task_times
from ami_console.metrics.timeline import timeline
from ami_console.metrics.what_if import WhatIf, what_if
from ami_console.summary import summarise

FRAMES = ("jobs", "consumers", "counters", "acks", "advisories", "log_events")


class Run(NamedTuple):
    """Which job, where from, and what it is called.

    Attributes:
        source: Live history or a recording.
        job_id: The job.
        label: What it is called here; ``job 3`` where it is empty.
    """

    source: FrameSource
    job_id: int
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class RunData:
    """What is known of one run.

    Attributes:
        label: What it is called here.
        job_id: The job.
        pipeline, name: Antenna's; ``None`` not known.
        began_at: When its first image was queued; NaT not known.
        settled: Tasks that count, in the order in which they were acknowledged: all that were,
            or, where acknowledgements are missing, those estimated from looks.
        line: :func:`~ami_console.metrics.timeline` of it.
        batches: :func:`~ami_console.metrics.batches.batches` of it.
        told: :func:`~ami_console.metrics.what_if.what_if` of it, at its last look.
        max_deliver: The consumer's; ``None`` not known.
        numbers: :func:`~ami_console.summary.summarise` of it.
    """

    label: str
    job_id: int
    pipeline: str | None
    name: str | None
    began_at: Any
    settled: pd.DataFrame
    line: pd.DataFrame
    batches: pd.DataFrame
    told: WhatIf
    max_deliver: int | None
    numbers: dict[str, Any]


def read(run: Run) -> RunData:
    """All that is known of one run.

    Args:
        run: Which job, where from.

    Raises:
        UnknownJobError: Nothing is known of the job.
    """
    numbers = summarise(run.source, run.job_id)
    held = {name: run.source.frame(name, job_id=run.job_id) for name in FRAMES}
    seen = [frame["observed_at"] for frame in held.values() if len(frame)]
    begin, end = min(at.min() for at in seen), max(at.max() for at in seen)
    tasks = _tasks(held)
    jobs, consumers = held["jobs"].sort_values("observed_at"), held["consumers"]
    found = {name: _last(jobs, name) for name in ("pipeline", "name")}
    told = what_if(tasks, consumers, jobs=jobs, log_events=held["log_events"], as_of=end)
    kept = tasks[~flags(tasks, "is_discarded") & tasks["acked_at"].notna().to_numpy()]
    began_at = tasks["stored_at"].min()
    max_deliver = _last(consumers, "max_deliver")
    return RunData(
        label=run.label or f"job {run.job_id}",
        job_id=run.job_id,
        **found,
        began_at=consumers["stream_created_at"].min() if pd.isna(began_at) else began_at,
        settled=kept.sort_values("acked_at", kind="stable", ignore_index=True),
        line=timeline(
            consumers,
            counters=held["counters"],
            tasks=tasks,
            reads=run.source.frame("reads", since=begin, until=end),
        ),
        batches=batches(tasks, consumers, log_events=held["log_events"]),
        told=told,
        max_deliver=None if max_deliver is None else int(max_deliver),
        numbers=numbers,
    )


def _tasks(held: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Measured where acknowledgements are known, and no fewer than the broker counted."""
    tasks = task_times(
        held["consumers"],
        acks=held["acks"],
        log_events=held["log_events"],
        advisories=held["advisories"],
    )
    acked = int(tasks["acked_at"].notna().sum())
    seen = curves(held["consumers"], held["counters"], np.empty(0)).values()
    counted = max((np.nanmax(c.settled, initial=0.0) for c in seen), default=0.0)
    if acked and acked >= MOSTLY_RATIO * counted:
        return tasks
    return estimated_tasks(held["consumers"], counters=held["counters"])


MOSTLY_RATIO = 0.9
"""With a smaller share of the acknowledgements heard, looks tell more of a run."""


def _last(frame: pd.DataFrame, column: str) -> Any:
    known = frame[column].dropna()
    return known.iloc[-1] if len(known) else None
