"""What is known of one job, for the cards and charts about it."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ami_console.apps.measured import JobFrames, Measured, measured, tasks_of
from ami_console.frames import FrameSource
from ami_console.metrics.story import Story, story


@dataclass(frozen=True)
class Evidence:
    """What takes a while to compute, so that it may be some seconds older than the rest.

    Attributes:
        as_of: The instant that it was computed at.
        config: The newest row of ``consumers`` that tells the consumer's configuration.
        tasks: All tasks, measured or estimated.
        measured: What these tell, and who told of them.
        log_events: All its log lines.
        story: What happened to it, and what was so when.
    """

    as_of: pd.Timestamp
    config: dict[str, Any]
    tasks: pd.DataFrame
    measured: Measured
    log_events: pd.DataFrame
    story: Story


@dataclass(frozen=True)
class Job:
    """The newest that each source told of one job; a key that is absent was never told.

    Attributes:
        row: Its row of :func:`ami_console.metrics.fleet`.
        job, consumer, counters: Newest rows of those frames.
        stages: Newest row per stage.
        timeline: All its looks.
        evidence: What single tasks tell.
    """

    row: dict[str, Any]
    job: dict[str, Any]
    consumer: dict[str, Any]
    counters: dict[str, Any]
    stages: pd.DataFrame
    timeline: pd.DataFrame
    evidence: Evidence

    @property
    def is_over(self) -> bool:
        """Whether it is final."""
        is_final = self.row["is_final"]
        return not pd.isna(is_final) and bool(is_final)

    @property
    def config(self) -> dict[str, Any]:
        """The newest row of ``consumers`` that tells the consumer's configuration."""
        return self.evidence.config

    @property
    def tasks(self) -> pd.DataFrame:
        """All its tasks, measured or estimated."""
        return self.evidence.tasks

    @property
    def measured(self) -> Measured:
        """What these tell, and who told of them."""
        return self.evidence.measured


def evidence_of(
    source: FrameSource,
    job_id: int,
    *,
    jobs: pd.DataFrame,
    reads: pd.DataFrame,
    redeliveries: Any,
    verdicts: pd.DataFrame,
    as_of: pd.Timestamp,
) -> Evidence:
    """What single tasks of a job tell.

    Args:
        source: Of its frames.
        job_id: The job.
        jobs: Its newest row of ``jobs``.
        reads: The ``reads`` frame, or those of its rows that tell of gaps.
        redeliveries: So far, by the broker's counters; missing: not known.
        verdicts: :func:`ami_console.diagnosis.verdicts`, or what a live watch said so far.
        as_of: The instant judged at.
    """
    held = JobFrames(
        jobs=jobs,
        **{
            name: source.frame(name, job_id=job_id, until=as_of)
            for name in ("consumers", "counters", "acks", "advisories", "log_events")
        },
    )
    configured = held.consumers["ack_wait_s"].notna().to_numpy().nonzero()[0]
    tasks = tasks_of(held)
    return Evidence(
        as_of=as_of,
        config=dict(held.consumers.iloc[configured[-1]]) if len(configured) else {},
        tasks=tasks,
        measured=measured(held, tasks, reads=reads, redeliveries=redeliveries, as_of=as_of),
        log_events=held.log_events,
        story=story(
            job_id,
            as_of=as_of,
            jobs=source.frame("jobs", job_id=job_id, until=as_of),
            consumers=held.consumers,
            counters=held.counters,
            reads=reads,
            log_events=held.log_events,
            verdicts=verdicts,
        ),
    )
