"""What was seen of each job and each source, as arrays in order of time."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.frames import FrameSource
from ami_console.metrics.arrays import Columns, Floats, by_job, flags, floats, seconds
from ami_console.reading import FINAL_STATUSES

BROKER = (
    "stream_exists",
    "consumer_exists",
    "last_seq",
    "num_pending",
    "num_ack_pending",
    "num_redelivered",
    "num_waiting",
    "delivered_consumer_seq",
    "delivered_stream_seq",
    "delivered_last_active",
    "ack_floor_last_active",
    "ack_wait_s",
    "max_deliver",
    "max_ack_pending",
    "stream_created_at",
    "server_at",
    "observed_at",
)
COUNTERS = ("observed_at", "total", "pending_process", "pending_results", "failed")
STAGE = ("observed_at", "total", "processed", "remaining", "failed", "progress_ratio")
STATUS = (
    "observed_at",
    "is_known",
    "is_final",
    "is_active",
    "is_canceling",
    "is_success",
    "is_queued_by_nats",
    "created_at",
    "started_at",
    "finished_at",
    "updated_at",
)
WORKING = frozenset({"PENDING", "STARTED", "RETRY", "RECEIVED", "UNKNOWN"})
"""Statuses of a job that should be moving: not before it runs, being cancelled, or over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLooks:
    """One job: rows of the frames as columns, and its names.

    Attributes:
        parts: ``consumers``, ``counters``, ``jobs``, or a stage's name → columns; absent: no row.
        given_up_s: When the broker told of a message given up that was not acknowledged later,
            s since the epoch, sorted.
        name: What people call it; ``None`` unknown.
        pipeline: What it runs; ``None`` unknown.
        status: Of the newest look; ``None`` unknown.
    """

    job_id: int
    parts: Mapping[str, Columns]
    given_up_s: Floats = field(default_factory=lambda: np.empty(0))
    name: str | None = None
    pipeline: str | None = None
    status: str | None = None


@dataclass(frozen=True, kw_only=True)
class SourceLooks:
    """Reads of one source in order of time: when, whether they went well, what they said."""

    source: str
    at_s: Floats
    ok: Any
    elapsed_s: Floats
    clock_offset_s: Floats
    errors: Any

    @property
    def failed_s(self) -> Floats:
        """When it could not be read, s since the epoch."""
        return self.at_s[~self.ok]

    @cached_property
    def failing_since_s(self) -> Floats:
        """At each read since when it fails: the first failed read in a row; NaN at good ones.

        A failed read ends when the answer was given up, so its begin is what counts.
        """
        began = self.at_s - np.nan_to_num(self.elapsed_s)
        first = ~self.ok & np.append(True, self.ok[:-1])
        index = np.maximum.accumulate(np.where(first, np.arange(len(first)), -1))
        return np.where(self.ok, np.nan, began[np.maximum(index, 0)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that the checks look at, of one span of time.

    Attributes:
        queues: The ``queues`` frame.
        jobs_frame: The ``jobs`` frame, for evidence about the time zone.
        reads_frame: The ``reads`` frame.
        consumers_frame: The ``consumers`` frame.
    """

    as_of: pd.Timestamp
    jobs: Mapping[int, JobLooks]
    sources: Mapping[str, SourceLooks]
    queues: pd.DataFrame
    jobs_frame: pd.DataFrame
    reads_frame: pd.DataFrame
    consumers_frame: pd.DataFrame


def seen(
    source: FrameSource,
    *,
    as_of: pd.Timestamp,
    since: pd.Timestamp | None = None,
    job_ids: Collection[int] | None = None,
) -> Seen:
    """What a source of frames has of a span of time.

    Args:
        source: Live history or a recording.
        as_of: Nothing later is used.
        since: Nothing earlier is used, but the last row of what was not seen since; ``None``:
            everything.
        job_ids: Only these jobs and those that share a pipeline with them; ``None``: all.
    """
    held = {name: _rows(source, name, since, as_of) for name in ("jobs", "stages", "consumers")}
    held["counters"] = _rows(source, "counters", since, as_of)
    reads, queues, advisories, acks = (
        source.frame(name, since=since, until=as_of)
        for name in ("reads", "queues", "advisories", "acks")
    )
    if job_ids is not None:
        held = _of(held, job_ids)
    jobs = _jobs(held, _given_up(advisories, acks))
    sources = {str(name): _source(str(name), rows) for name, rows in reads.groupby("source")}
    return Seen(
        as_of=as_of,
        jobs=jobs,
        sources=sources,
        queues=queues,
        jobs_frame=held["jobs"],
        reads_frame=reads,
        consumers_frame=held["consumers"],
    )


def _rows(
    source: FrameSource, name: str, since: pd.Timestamp | None, as_of: pd.Timestamp
) -> pd.DataFrame:
    rows = source.frame(name, since=since, until=as_of)
    if since is None:
        return rows
    last = source.latest(name, until=as_of)
    older = last[last["observed_at"] < since]
    return pd.concat([older, rows], ignore_index=True) if len(older) else rows


def _of(held: dict[str, pd.DataFrame], job_ids: Collection[int]) -> dict[str, pd.DataFrame]:
    """Rows of some jobs, and of their pipelines' other jobs while these were seen."""
    mine = {name: frame["job_id"].isin(list(job_ids)) for name, frame in held.items()}
    pipelines = held["jobs"].loc[mine["jobs"], "pipeline"].dropna()
    is_mate = held["jobs"]["pipeline"].isin(pipelines)
    mates = held["jobs"].loc[is_mate, "job_id"].dropna().unique()
    times = held["consumers"].loc[mine["consumers"], "observed_at"]
    kept = {}
    for name, frame in held.items():
        meanwhile = frame["observed_at"].between(times.min(), times.max())
        kept[name] = frame[mine[name] | (frame["job_id"].isin(mates) & meanwhile)]
    return kept


def _jobs(held: Mapping[str, pd.DataFrame], given_up: Mapping[int, Floats]) -> dict[int, JobLooks]:
    jobs = held["jobs"]
    status = jobs["status"]
    numbers = jobs.assign(
        is_known=status.notna(),
        is_final=status.isin(FINAL_STATUSES),
        is_active=status.isin(WORKING),
        is_canceling=status == "CANCELING",
        is_success=status == "SUCCESS",
        is_queued_by_nats=jobs["dispatch_mode"].isin(["async_api"]) | jobs["dispatch_mode"].isna(),
    )
    for column in STATUS[1:7]:
        numbers[column] = numbers[column].astype(frames.FLAG).fillna(False)
    parts: dict[str, dict[int, Columns]] = {
        "jobs": by_job(numbers, STATUS),
        "consumers": by_job(held["consumers"], BROKER),
        "counters": by_job(held["counters"], COUNTERS),
    }
    for stage in ("collect", "process", "results"):
        rows = held["stages"][(held["stages"]["stage"] == stage).fillna(False)]
        parts[stage] = by_job(rows, STAGE)
    last = jobs.sort_values("observed_at", kind="stable").drop_duplicates("job_id", keep="last")
    names = {int(row["job_id"]): row for row in last.to_dict("records")}
    job_ids = sorted({*parts["jobs"], *parts["consumers"], *parts["counters"]})
    return {
        job_id: JobLooks(
            job_id=job_id,
            parts={name: found[job_id] for name, found in parts.items() if job_id in found},
            given_up_s=given_up.get(job_id, np.empty(0)),
            **{
                key: _text(names.get(job_id, {}).get(key)) for key in ("name", "pipeline", "status")
            },
        )
        for job_id in job_ids
    }


def _given_up(advisories: pd.DataFrame, acks: pd.DataFrame) -> dict[int, Floats]:
    told = advisories[(advisories["kind"] == "CONSUMER.MAX_DELIVERIES").fillna(False)]
    told = told.dropna(subset=["job_id", "stream_seq"])
    if told.empty:
        return {}
    saved = set(zip(acks["job_id"], acks["stream_seq"], strict=True))
    kept = [key not in saved for key in zip(told["job_id"], told["stream_seq"], strict=True)]
    lost = told[kept].drop_duplicates(["job_id", "stream_seq"])
    return {
        int(job_id): np.sort(seconds(mine, "observed_at"))
        for job_id, mine in lost.groupby("job_id")
    }


def _source(name: str, reads: pd.DataFrame) -> SourceLooks:
    reads = reads.sort_values("observed_at", kind="stable")
    return SourceLooks(
        source=name,
        at_s=seconds(reads, "observed_at"),
        ok=flags(reads, "ok"),
        elapsed_s=floats(reads, "elapsed_s"),
        clock_offset_s=floats(reads, "clock_offset_s"),
        errors=reads["error"].to_numpy(dtype=object, na_value=None),
    )


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else str(value)
