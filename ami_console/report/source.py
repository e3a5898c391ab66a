"""The frames of another source as they were at an instant; those of a job are read once."""

import pandas as pd

from ami_console import frames
from ami_console.frames import FrameSource


class AsOf:
    """A :class:`~ami_console.frames.FrameSource` that knows nothing later than an instant.

    A report asks for the frames of its job again and again, and a recording reads files each time.

    Attributes:
        as_of: The instant.
    """

    def __init__(self, source: FrameSource, as_of: pd.Timestamp) -> None:
        """Nothing is read yet."""
        self._source, self.as_of = source, as_of
        self._held: dict[tuple[str, int], pd.DataFrame] = {}

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Rows of one frame, sorted by ``observed_at``; bounds are inclusive."""
        end = self.as_of if until is None else min(until, self.as_of)
        if job_id is None or "job_id" not in frames.schema(name):
            return self._source.frame(name, since=since, until=end)
        if (name, job_id) not in self._held:
            self._held[name, job_id] = self._source.frame(name, job_id=job_id, until=self.as_of)
        return frames.select(self._held[name, job_id], since=since, until=end)

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """The last row of each thing, nothing later than ``until``."""
        end = self.as_of if until is None else min(until, self.as_of)
        return self._source.latest(name, until=end)
