"""A job's story, told twice from one pass over its looks: as events and as lanes."""

from typing import NamedTuple

import pandas as pd

from ami_console.metrics.happenings import events_of
from ami_console.metrics.seen_job import seen_job
from ami_console.metrics.source_gaps import source_gaps
from ami_console.metrics.spans import spans_of
from ami_console.metrics.verdict_spans import shown_verdicts


class Story(NamedTuple):
    """A job's story.

    Attributes:
        happenings: :func:`ami_console.metrics.happenings`.
        spans: :func:`ami_console.metrics.spans`.
    """

    happenings: pd.DataFrame
    spans: pd.DataFrame


def story(
    job_id: int,
    *,
    as_of: pd.Timestamp,
    jobs: pd.DataFrame,
    consumers: pd.DataFrame,
    counters: pd.DataFrame,
    reads: pd.DataFrame,
    log_events: pd.DataFrame | None = None,
    verdicts: pd.DataFrame | None = None,
) -> Story:
    """Events and lanes of one job; for who needs both.

    Args:
        job_id: The job.
        as_of: The instant judged at; nothing later is used.
        jobs, consumers, counters: These frames, of this job or of more.
        reads: The ``reads`` frame, or those of its rows that tell of gaps.
        log_events: The ``log_events`` frame, of this job or of more.
        verdicts: :func:`ami_console.diagnosis.verdicts`, or what a live watch said so far.
    """
    seen = seen_job(job_id, as_of=as_of, jobs=jobs, consumers=consumers, counters=counters,
                    reads=reads)  # fmt: skip
    gaps = source_gaps(reads, as_of=as_of)
    found = shown_verdicts(verdicts, job_id, as_of=as_of)
    return Story(
        events_of(seen, gaps=gaps, log_events=log_events, verdicts=found),
        spans_of(seen, gaps=gaps, verdicts=None if verdicts is None else found),
    )
