"""What a plot draws, taken out of a source of frames: the numbers of the dashboard."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import pandas as pd

from ami_console import frames, metrics
from ami_console.charts import MAX_POINTS, bucket_width_s, bucketed, column_width_s
from ami_console.diagnosis import Rules, verdicts
from ami_console.errors import UnknownJobError
from ami_console.frames import FrameSource
from ami_console.metrics.story import Story, story
from ami_console.plots.one_job import OneJob, jobs_of, last_look_at

Drawable: TypeAlias = pd.DataFrame | FrameSource
"""What a plot takes: the frame that it draws, or a recording, a watch or a job to take it from."""

Jobs: TypeAlias = int | Iterable[int] | None
"""One job, several, or all that there are."""

MOST_COLUMNS = 60
"""Buckets in one plot: of more the bars are lines."""

BEFORE_S = 600.0
"""So long before it was first seen sources are looked at: some verdicts on it began with them."""


def rules_for(source: FrameSource) -> Rules | None:
    """What the platform does by itself, where the source was made with settings that say so."""
    return getattr(source, "rules", None)


def timeline_of(source: FrameSource, jobs: Jobs, as_of: pd.Timestamp | None) -> pd.DataFrame:
    """:func:`ami_console.metrics.timeline` of a source.

    Args:
        source: Of its frames.
        jobs: One job, several, or ``None`` for all.
        as_of: Nothing later is used; ``None``: all that there is.
    """
    chosen = _chosen(source, jobs)
    held = {
        name: _frame(source, name, chosen, as_of)
        for name in ("consumers", "counters", "acks", "log_events", "advisories")
    }
    tasks = metrics.task_times(
        held["consumers"],
        acks=held["acks"],
        log_events=held["log_events"],
        advisories=held["advisories"],
    )
    looked_at = held["consumers"]["observed_at"]
    # A failed read is a gap in what was looked at, and no part of the time after it.
    reads = source.frame("reads", since=_bound(looked_at.min()), until=_bound(looked_at.max()))
    return metrics.timeline(held["consumers"], counters=held["counters"], tasks=tasks, reads=reads)


def folded(timeline: pd.DataFrame) -> pd.DataFrame:
    """A timeline with no more rows of a job than a plot can show: long ones in buckets."""
    if timeline.empty or timeline.groupby("job_id").size().max() <= MAX_POINTS:
        return timeline
    pieces = [_folded(int(job_id), rows) for job_id, rows in timeline.groupby("job_id")]
    return pd.concat(pieces, ignore_index=True)


def _folded(job_id: int, rows: pd.DataFrame) -> pd.DataFrame:
    at = rows["observed_at"]
    width_s = bucket_width_s((at.iloc[-1] - at.iloc[0]).total_seconds(), 0.0)
    is_estimate = bool(rows["latency_is_estimate"].fillna(False).any())
    return bucketed(rows, width_s).assign(job_id=job_id, latency_is_estimate=is_estimate)


def tasks_of(source: FrameSource, jobs: Jobs, as_of: pd.Timestamp | None) -> pd.DataFrame:
    """All tasks of each job: measured where anything told of single ones, else estimated.

    Args:
        source: Of its frames.
        jobs: One job, several, or ``None`` for all.
        as_of: Nothing later is used; ``None``: all that there is.

    Returns:
        The columns of :func:`ami_console.metrics.task_times`; ``is_estimate`` says which.
    """
    chosen = _chosen(source, jobs)
    consumers, counters, acks, log_events, advisories = (
        _frame(source, name, chosen, as_of)
        for name in ("consumers", "counters", "acks", "log_events", "advisories")
    )
    tasks = metrics.task_times(consumers, acks=acks, log_events=log_events, advisories=advisories)
    guessed = consumers[~consumers["job_id"].isin(tasks["job_id"].unique())]
    if guessed.empty:
        return tasks
    estimated = metrics.estimated_tasks(guessed, counters=counters)
    found = [each for each in (tasks, estimated) if len(each)]
    return pd.concat(found, ignore_index=True) if found else tasks


def story_of(source: FrameSource, job_id: int, as_of: pd.Timestamp | None) -> Story:
    """:func:`ami_console.metrics.story` of one job, with the verdicts on it."""
    whole = source.whole if isinstance(source, OneJob) else source
    one = source if isinstance(source, OneJob) else OneJob(source, job_id)
    judged_at = as_of or one.last_at or pd.Timestamp(0, tz="UTC")
    since = None if one.first_at is None else one.first_at - pd.Timedelta(seconds=BEFORE_S)
    names = ("jobs", "consumers", "counters", "log_events")
    return story(
        job_id,
        as_of=judged_at,
        reads=one.frame("reads", since=since, until=judged_at),
        verdicts=verdicts(
            whole, as_of=judged_at, job_ids=[job_id], since=since, rules=rules_for(whole)
        ),
        **{name: one.frame(name, until=judged_at) for name in names},
    )


def one_job(source: FrameSource, job: Jobs) -> int:
    """The job of a plot that draws one.

    Raises:
        UnknownJobError: It is not known, or which one is meant.
    """
    chosen = _chosen(source, job)
    known = jobs_of(source) if chosen is None else chosen
    if len(known) != 1:
        told = ", ".join(map(str, known)) or "none"
        raise UnknownJobError(f"this plot draws one job: say job=…; jobs to choose from: {told}")
    return known[0]


def instant_of(source: FrameSource, as_of: pd.Timestamp | None) -> pd.Timestamp:
    """The instant judged at: what was asked for, or the last look."""
    return as_of or last_look_at(source) or pd.Timestamp(0, tz="UTC")


def width_s_of(tasks: pd.DataFrame, *, columns: int = MOST_COLUMNS) -> float:
    """Width of the buckets that show all of these tasks, seconds."""
    begin, end = tasks["stored_at"].min(), tasks["acked_at"].max()
    if pd.isna(begin) or pd.isna(end):
        return 60.0
    return float(column_width_s((end - begin).total_seconds(), columns=columns))


def taken(
    data: Drawable,
    job: Jobs,
    as_of: pd.Timestamp | None,
    take: Callable[[FrameSource], pd.DataFrame],
) -> pd.DataFrame:
    """The frame that is drawn: as it was given, or taken out of a source.

    Args:
        data: What the plot was given.
        job: Only these jobs.
        as_of: Of a source: nothing later is used.
        take: Makes the frame of a source.

    Raises:
        UnknownJobError: The source knows nothing of a job.
        ValueError: A frame was given, and an instant to look at it from.
    """
    return given(data, job, as_of) if isinstance(data, pd.DataFrame) else take(data)


def given(frame: pd.DataFrame, job: Jobs, as_of: pd.Timestamp | None) -> pd.DataFrame:
    """A frame that was made already, without the rows of other jobs.

    Raises:
        ValueError: It was to be drawn as of an instant, which only a source can be.
    """
    if as_of is not None:
        raise ValueError("as_of goes with a source of frames; a frame is drawn as it is")
    if job is None:
        return frame
    frames.require(frame, ("job_id",), "plots")
    return frame[frame["job_id"].isin(_numbers(job)).to_numpy(dtype=bool, na_value=False)]


def _bound(instant: Any) -> pd.Timestamp:
    """An instant to read from or until; of nothing at all, one at which there is nothing."""
    return pd.Timestamp(0, tz="UTC") if pd.isna(instant) else instant


def _numbers(jobs: int | Iterable[int]) -> list[int]:
    return list(map(int, jobs)) if isinstance(jobs, Iterable) else [int(jobs)]


def _chosen(source: FrameSource, jobs: Jobs) -> Sequence[int] | None:
    if jobs is None:
        return None
    chosen, known = _numbers(jobs), jobs_of(source)
    if unknown := [job_id for job_id in chosen if job_id not in known]:
        told = ", ".join(map(str, known)) or "none"
        raise UnknownJobError(
            f"nothing is known of job {', '.join(map(str, unknown))}; jobs to choose from: {told}"
        )
    return chosen


def _frame(
    source: FrameSource, name: str, jobs: Sequence[int] | None, until: pd.Timestamp | None
) -> pd.DataFrame:
    wanted: Sequence[int | None] = [None] if jobs is None else jobs
    pieces: list[Any] = [source.frame(name, job_id=job_id, until=until) for job_id in wanted]
    return pieces[0] if len(pieces) == 1 else pd.concat(pieces, ignore_index=True)
