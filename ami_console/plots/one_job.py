"""One job of a source of frames, and what a source holds."""

import pandas as pd

from ami_console import frames
from ami_console.frames import FrameSource

HAVE_JOBS = ("jobs", "consumers", "counters", "acks", "log_events")
"""Frames in which a job is seen."""

AFTER_S = 900.0
"""So long after it was last seen a job is still looked at, where nobody says till when, seconds."""


class OneJob:
    """One job of another source, as a source of its own, up to an instant.

    Attributes:
        whole: The other source: some verdicts on a job rest on what others did meanwhile.
        job_id: The job.
    """

    def __init__(
        self, source: FrameSource, job_id: int, *, until: pd.Timestamp | None = None
    ) -> None:
        """Nothing is read yet.

        Args:
            source: Where its rows come from.
            job_id: The job.
            until: Nothing later is told; ``None``: all that there is.
        """
        self.whole, self.job_id, self._until = source, job_id, until

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Its rows of one frame; frames without jobs whole."""
        has_jobs = "job_id" in frames.schema(name)
        if has_jobs and job_id is not None and job_id != self.job_id:
            return frames.empty(name)
        wanted = self.job_id if has_jobs else None
        return self.whole.frame(name, job_id=wanted, since=since, until=self._earlier(until))

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """The last row of each thing; of frames with jobs, of its own."""
        if "job_id" in frames.schema(name):
            return frames.last_rows(name, self.frame(name, until=until)).reset_index(drop=True)
        return self.whole.latest(name, until=self._earlier(until)).reset_index(drop=True)

    def jobs(self) -> list[int]:
        """The one job."""
        return [self.job_id]

    @property
    def first_at(self) -> pd.Timestamp | None:
        """When it was first seen; ``None``: never."""
        return self._seen()[0]

    @property
    def last_at(self) -> pd.Timestamp | None:
        """When it was last seen, and for how long after that it was still looked for.

        ``None``: it was never seen. Of a recording that goes on for long the time after it is
        no part of the job's.
        """
        last_at, looked_at = self._seen()[1], last_look_at(self.whole)
        if last_at is None or looked_at is None:
            return last_at
        until = last_at + pd.Timedelta(seconds=AFTER_S)
        return self._earlier(max(last_at, min(looked_at, until)))

    def _seen(self) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
        times = [self.frame(name)["observed_at"] for name in HAVE_JOBS]
        told = [at for at in times if len(at)]
        if not told:
            return None, None
        return min(at.min() for at in told), max(at.max() for at in told)

    def _earlier(self, until: pd.Timestamp | None) -> pd.Timestamp | None:
        told = [instant for instant in (until, self._until) if instant is not None]
        return min(told) if told else None


def jobs_of(source: FrameSource) -> list[int]:
    """Numbers of the jobs that a source has anything of, in order."""
    listed = getattr(source, "jobs", None)
    if callable(listed):
        return list(listed())
    found = (source.latest(name)["job_id"].dropna() for name in HAVE_JOBS)
    return sorted({int(job_id) for each in found for job_id in each})


def last_look_at(source: FrameSource) -> pd.Timestamp | None:
    """When a source last heard of anything; ``None``: it holds nothing."""
    if hasattr(source, "last_at"):
        told: pd.Timestamp | None = source.last_at
        return told
    last = source.latest("reads")["observed_at"].max()
    return None if pd.isna(last) else last
