"""What the three sources told of one job: its last looks, and what could not be read since."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ami_console.frames import FrameSource
from ami_console.reading import SourceName

NAMES: Mapping[SourceName, str] = {"antenna": "Antenna", "nats": "NATS", "redis": "Redis"}
"""The sources that know of a job, as people call them."""

_FRAMES: Mapping[SourceName, str] = {"antenna": "jobs", "nats": "consumers", "redis": "counters"}

Row = Mapping[Any, Any]


@dataclass(frozen=True, kw_only=True)
class JobLooks:
    """Looks at one job.

    Attributes:
        job_id: The job.
        rows: Source → rows of ``jobs``, ``consumers`` or ``counters``, oldest first.
        errors: Source → when and why it could not be read, where that came after its last row.
        images: Images that the job consists of, as far as anybody told.
    """

    job_id: int
    rows: Mapping[SourceName, tuple[Row, ...]] = field(default_factory=dict)
    errors: Mapping[SourceName, tuple[pd.Timestamp, str]] = field(default_factory=dict)
    images: int | None = None

    def of(self, source: SourceName) -> tuple[Row, ...]:
        """All rows of a source, oldest first."""
        return self.rows.get(source, ())

    def last(self, source: SourceName) -> Row | None:
        """The newest row of a source; ``None``: it told nothing."""
        mine = self.of(source)
        return mine[-1] if mine else None

    @property
    def status(self) -> str | None:
        """Antenna's status of the job; ``None``: not known."""
        row = self.last("antenna")
        return None if row is None or pd.isna(row["status"]) else str(row["status"])

    @property
    def name(self) -> str | None:
        """What people call the job; ``None``: not known."""
        row = self.last("antenna")
        return None if row is None or pd.isna(row["name"]) else str(row["name"])

    @property
    def oldest_at(self) -> pd.Timestamp | None:
        """When the oldest of the newest rows was read; ``None``: there is none."""
        rows = [row for source in NAMES if (row := self.last(source)) is not None]
        return min((row["observed_at"] for row in rows), default=None)


def newest_looks(source: FrameSource, job_id: int, *, as_of: pd.Timestamp) -> JobLooks:
    """The last that each source told of a job.

    Args:
        source: Of the frames.
        job_id: The job.
        as_of: Nothing later is used.
    """
    frames = {name: source.latest(frame, until=as_of) for name, frame in _FRAMES.items()}
    rows = {name: _rows(name, frame, job_id)[-1:] for name, frame in frames.items()}
    return _looks(source, job_id, rows, as_of=as_of)


def looks_since(
    source: FrameSource, job_id: int, *, since: pd.Timestamp, as_of: pd.Timestamp
) -> JobLooks:
    """Everything that the sources told of a job in a span of time.

    Args:
        source: Of the frames.
        job_id: The job.
        since: Nothing earlier is used.
        as_of: Nothing later is used.
    """
    frames = {
        name: source.frame(frame, job_id=job_id, since=since, until=as_of)
        for name, frame in _FRAMES.items()
    }
    rows = {name: _rows(name, frame, job_id) for name, frame in frames.items()}
    return _looks(source, job_id, rows, as_of=as_of, since=since)


def _rows(name: SourceName, frame: pd.DataFrame, job_id: int) -> tuple[Row, ...]:
    mine = frame[(frame["job_id"] == job_id).fillna(False).astype(bool)]
    if name == "nats":  # a row that does not say whether there is a stream says nothing
        mine = mine[mine["stream_exists"].notna()]
    return tuple(mine.sort_values("observed_at", kind="stable").to_dict("records"))


def _looks(
    source: FrameSource,
    job_id: int,
    rows: Mapping[SourceName, tuple[Row, ...]],
    *,
    as_of: pd.Timestamp,
    since: pd.Timestamp | None = None,
) -> JobLooks:
    reads = source.latest("reads", until=as_of)
    failed = reads[~reads["ok"].fillna(True).astype(bool)]
    errors: dict[SourceName, tuple[pd.Timestamp, str]] = {}
    for name in NAMES:
        mine = failed[(failed["source"] == name).fillna(False).astype(bool)]
        told = rows[name][-1]["observed_at"] if rows[name] else since
        for at, error in zip(mine["observed_at"], mine["error"], strict=True):
            if told is None or at > told:
                errors[name] = (at, "it could not be read" if pd.isna(error) else str(error))
    return JobLooks(
        job_id=job_id, rows=rows, errors=errors, images=_images(source, job_id, rows, as_of)
    )


def _images(
    source: FrameSource,
    job_id: int,
    rows: Mapping[SourceName, tuple[Row, ...]],
    as_of: pd.Timestamp,
) -> int | None:
    """By the counters, or by what the stage that collects them told."""
    counted = rows["redis"][-1]["total"] if rows["redis"] else pd.NA
    if pd.isna(counted):
        stages = source.latest("stages", until=as_of)
        mine = stages[(stages["job_id"] == job_id).fillna(False).astype(bool)]
        told = mine["total"].dropna()
        counted = told.iloc[-1] if len(told) else pd.NA
    return None if pd.isna(counted) else int(counted)
