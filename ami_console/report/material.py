"""Everything that a report tells, computed once; no HTML and no chart yet."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console import metrics
from ami_console.charts import column_width_s
from ami_console.diagnosis import Rules
from ami_console.frames import FrameSource
from ami_console.markup import absent
from ami_console.metrics.source_gaps import pauses, source_gaps
from ami_console.metrics.story import Story, story
from ami_console.metrics.what_if import WhatIf, what_if
from ami_console.post_mortem import PostMortem, post_mortem
from ami_console.report.source import AsOf
from ami_console.report.words import Clock
from ami_console.summary import summarise

CONFIGURATION = ("ack_wait_s", "max_deliver", "max_ack_pending")
"""Columns of ``consumers`` that tell how the broker was set up for the job."""

LOOKED = ("antenna", "nats", "redis")

BEFORE_S = 600.0
"""Gaps of sources are told from so long before the job on: a verdict may look back as far."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a report on one job tells.

    Attributes:
        job_id: The job.
        as_of: The instant that all is seen from; nothing later is used.
        clock: Turns instants into wall time; its day is that of the job's begin.
        begins_at, ends_at: Of the job, as far as it is known; of one that runs until ``as_of``.
        row: Its newest row of ``jobs``; empty when Antenna did not tell of it.
        names: Of the recordings, without what leads to them; empty of a live history.
        told: The post-mortem.
        numbers: :func:`ami_console.summary.summarise`.
        if_else: What would have been otherwise.
        timeline: All its looks.
        tasks: All tasks, measured or estimated.
        cells: :func:`ami_console.metrics.heatmap` of them.
        story: What happened to it, and what was so when.
        configuration: One row per setup of the consumer that was seen, the newest last.
        gaps: :func:`ami_console.metrics.source_gaps.source_gaps`, those that touch the job; and
            stretches in which nobody looked, whose ``source`` is missing.
        logged: :func:`ami_console.metrics.log_groups`.
    """

    job_id: int
    as_of: pd.Timestamp
    clock: Clock
    begins_at: pd.Timestamp
    ends_at: pd.Timestamp
    row: dict[str, Any]
    names: tuple[str, ...]
    told: PostMortem
    numbers: dict[str, Any]
    if_else: WhatIf
    timeline: pd.DataFrame
    tasks: pd.DataFrame
    cells: pd.DataFrame
    story: Story
    configuration: pd.DataFrame
    gaps: pd.DataFrame
    logged: pd.DataFrame

    @property
    def margin(self) -> pd.Timedelta:
        """What is drawn before the job's begin and after its end: its last look comes later."""
        return margin(self.begins_at, self.ends_at)

    @property
    def is_estimate(self) -> bool:
        """Whether nothing told of single tasks, so that their times are taken from looks."""
        return bool(self.numbers["acks"]["by"] == ["looks"])


def material(
    source: FrameSource,
    job_id: int,
    *,
    zone: ZoneInfo,
    as_of: pd.Timestamp | None = None,
    rules: Rules | None = None,
) -> Material:
    """Read and compute all that a report on one job tells.

    Args:
        source: Live history or a recording.
        job_id: The job.
        zone: Zone of the wall time.
        as_of: The instant seen from; when not given, soon after the job's end.
        rules: What the platform did by itself; as Antenna ships it when not given.

    Raises:
        UnknownJobError: Nothing is known of the job.
    """
    told = post_mortem(source, job_id, as_of=as_of, rules=rules)
    until = told.as_of
    held = AsOf(source, until)
    numbers = summarise(held, job_id)
    jobs, consumers, counters, acks, advisories, logs = (
        held.frame(name, job_id=job_id)
        for name in ("jobs", "consumers", "counters", "acks", "advisories", "log_events")
    )
    tasks = metrics.task_times(consumers, acks=acks, log_events=logs, advisories=advisories)
    if tasks.empty:
        tasks = metrics.estimated_tasks(consumers, counters=counters)
    begins_at, ends_at = _window(numbers, jobs, consumers, tasks, logs, as_of=until)
    reads = held.frame("reads", since=begins_at - pd.Timedelta(seconds=BEFORE_S))
    line = metrics.timeline(consumers, counters=counters, tasks=tasks, reads=reads)
    until_end = line["observed_at"] <= ends_at + margin(begins_at, ends_at)
    width_s = column_width_s(max(1.0, (ends_at - begins_at).total_seconds()))
    return Material(
        job_id=job_id,
        as_of=until,
        clock=Clock(zone, begins_at, until),
        begins_at=begins_at,
        ends_at=ends_at,
        row=dict(jobs.iloc[-1]) if len(jobs) else {},
        names=_names(source),
        told=told,
        numbers=numbers,
        if_else=what_if(tasks, consumers, jobs=jobs, log_events=logs, as_of=until),
        timeline=line[until_end],
        tasks=tasks,
        cells=metrics.heatmap(tasks, as_of=until, width_s=width_s),
        story=story(
            job_id,
            as_of=until,
            jobs=jobs,
            consumers=consumers,
            counters=counters,
            reads=reads,
            log_events=logs,
            verdicts=told.verdicts,
        ),
        configuration=configuration(consumers),
        gaps=_gaps(reads, begins_at, ends_at, as_of=until),
        logged=metrics.log_groups(logs),
    )


def configuration(consumers: pd.DataFrame) -> pd.DataFrame:
    """How the broker was set up for a job, as its consumer told.

    Args:
        consumers: The ``consumers`` frame of one job.

    Returns:
        One row per setup in order of time: the columns of ``CONFIGURATION``, ``first_at`` and
        ``last_at`` when it was seen. One that came back has a row of its own.
    """
    columns = list(CONFIGURATION)
    seen = consumers[consumers[columns].notna().any(axis=1)]
    values = seen[columns].fillna(-1.0).astype("float64")
    number = values.ne(values.shift()).any(axis=1).cumsum()
    each = seen.groupby(number.to_numpy(), sort=True)
    table = each[columns].first()
    return table.assign(first_at=each["observed_at"].min(), last_at=each["observed_at"].max())


def _names(source: FrameSource) -> tuple[str, ...]:
    """Names of the folders alone: a path may tell of a machine, and a URI of an account."""
    paths = getattr(source, "paths", ())
    return tuple(PurePath(str(path).rstrip("/")).name for path in paths)


def _window(
    numbers: dict[str, Any],
    jobs: pd.DataFrame,
    consumers: pd.DataFrame,
    tasks: pd.DataFrame,
    logs: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """From the job's first sign to its last one; of a job that runs until now."""
    began = [numbers["started_at"], tasks["stored_at"].min(), consumers["stream_created_at"].min()]
    first = [pd.Timestamp(at) for at in began if not absent(at)]
    seen = [*jobs["observed_at"], *consumers["observed_at"], *logs["logged_at"].dropna()]
    begins_at = min(first or seen or [as_of])
    ended = numbers["finished_at"]
    if absent(ended):
        return begins_at, max(begins_at, as_of)
    last = [pd.Timestamp(ended), tasks["acked_at"].max(), tasks["posted_at"].max()]
    return begins_at, min(as_of, max(at for at in last if not absent(at)))


def margin(begins_at: pd.Timestamp, ends_at: pd.Timestamp) -> pd.Timedelta:
    """What is drawn beyond both ends of a job.

    Args:
        begins_at, ends_at: Of the job.
    """
    return max(pd.Timedelta(seconds=10), (ends_at - begins_at) * 0.03)


def _gaps(
    reads: pd.DataFrame, begins_at: pd.Timestamp, ends_at: pd.Timestamp, *, as_of: pd.Timestamp
) -> pd.DataFrame:
    gaps = source_gaps(reads, as_of=as_of)
    looks = [
        reads.loc[(reads["source"] == name).fillna(False), "observed_at"].array.asi8
        for name in LOOKED
    ]
    rows = [
        {
            "source": pd.NA,
            "begins_at": pd.Timestamp(each.begin_ns, tz="UTC"),
            "ends_at": pd.Timestamp(each.end_ns, tz="UTC"),
            "is_open": each.is_open,
            "reason": pd.NA,
        }
        for each in pauses(looks, until_ns=ends_at.value)
    ]
    if rows:
        gaps = pd.concat([gaps, pd.DataFrame(rows).astype(gaps.dtypes.to_dict())])
    touching = gaps[(gaps["ends_at"] > begins_at) & (gaps["begins_at"] < ends_at)]
    return touching.sort_values("begins_at", kind="stable", ignore_index=True)
