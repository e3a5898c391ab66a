"""Which days of a recording a job is in, so that only these are read of months."""

import os

import pandas as pd

from ami_console import frames
from ami_console.frames import FrameSource
from ami_console.recording import Recording
from ami_console.recording.layout import DAY_NS
from ami_console.recording.packed import PartReader
from ami_console.recording.store import Changed, Store

Days = tuple[int, int]
"""The first and the last UTC day, days since the epoch."""

_ATTEMPTS = 100


def days_of_jobs(*paths: str | os.PathLike[str]) -> dict[int, Days]:
    """Job id → the first and the last day of which anything of it was recorded.

    Only the column of job numbers is decoded.

    Args:
        paths: One recording, or several that are read as one.

    Raises:
        RecordingError: There is none at one of them, or it can't be read.
    """
    found: dict[int, Days] = {}
    of_jobs = [name for name in frames.FRAMES if "job_id" in frames.schema(name)]
    for store in map(Store, paths):
        reader = PartReader(store)
        for name in of_jobs:
            for job_id, day in _seen(store, reader, name):
                first, last = found.get(job_id, (day, day))
                found[job_id] = min(first, day), max(last, day)
    return dict(sorted(found.items()))


def _seen(store: Store, reader: PartReader, name: str) -> set[tuple[int, int]]:
    """Job and day of everything in a frame, the tail included."""
    for _ in range(_ATTEMPTS):
        view = store.view(name)
        try:
            seen = {(job, part.day) for part in view.parts for job in reader.jobs(part)}
        except Changed:
            continue
        for table in view.tail:
            days = [instant // DAY_NS for instant in table["observed_at"].cast("int64").to_pylist()]
            jobs = table["job_id"].to_pylist()
            seen |= {pair for pair in zip(jobs, days, strict=True) if pair[0] is not None}
        return seen
    raise store.too_fast()


class OfDays:
    """A recording of which only some days are read; a ``frames.FrameSource``."""

    def __init__(self, recording: Recording, days: Days) -> None:
        """Of the first day to the last, both included."""
        self._recording: FrameSource = recording
        self._since = pd.Timestamp(days[0] * DAY_NS, tz="UTC")
        self._until = pd.Timestamp((days[1] + 1) * DAY_NS - 1, tz="UTC")

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """As of the recording, nothing before or after these days."""
        since = self._since if since is None else max(since, self._since)
        until = self._until if until is None else min(until, self._until)
        return self._recording.frame(name, job_id=job_id, since=since, until=until)

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """As of the recording, nothing before or after these days."""
        return frames.last_rows(name, self.frame(name, until=until))
