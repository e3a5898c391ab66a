"""One job of what was seen: quick to read where there are many."""

import pandas as pd

from ami_console import frames
from ami_console.frames import FrameSource


class OneJob:
    """The frames of another source, of one job only."""

    def __init__(self, source: FrameSource, job_id: int) -> None:
        """Args: ``job_id`` is the job."""
        self._source, self._job_id = source, job_id

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """As of the other source; frames without jobs whole."""
        wanted = self._job_id if "job_id" in frames.schema(name) else None
        return self._source.frame(name, job_id=wanted, since=since, until=until)

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """As of the other source; frames without jobs whole."""
        rows = self._source.latest(name, until=until)
        if "job_id" not in rows:
            return rows
        return rows[(rows["job_id"] == self._job_id).fillna(False)].reset_index(drop=True)
