"""Frames of one job, and of a span of a source, as sources of their own."""

from collections.abc import Mapping

import pandas as pd

from ami_console import frames
from ami_console.frames import FrameSource


class Held:
    """Frames that were read already; what is not among them is empty."""

    def __init__(self, held: Mapping[str, pd.DataFrame]) -> None:
        """Args: ``held`` are frames by name, sorted by ``observed_at``."""
        self._held = held

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Rows of one frame."""
        whole = self._held.get(name)
        if whole is None:
            return frames.empty(name)
        return frames.select(whole, job_id=job_id, since=since, until=until)

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """The last row of each thing."""
        return frames.last_rows(name, self.frame(name, until=until))


class Window:
    """A source as if it held nothing but a span of time: a job's life in months of recording."""

    def __init__(self, source: FrameSource, since: pd.Timestamp, until: pd.Timestamp) -> None:
        """Args: ``since`` and ``until`` are included."""
        self._source, self._since, self._until = source, since, until

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Rows of one frame within the span."""
        begin = self._since if since is None else max(since, self._since)
        end = self._until if until is None else min(until, self._until)
        return self._source.frame(name, job_id=job_id, since=begin, until=end)

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """The last row of each thing within the span."""
        return frames.last_rows(name, self.frame(name, until=until))
