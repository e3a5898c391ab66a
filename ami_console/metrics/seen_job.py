"""The looks at one job as columns, cut at an instant, with when nothing was looked at."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console.metrics.arrays import Columns, Instants, by_job, flags, instants
from ami_console.metrics.fetching import COLUMNS
from ami_console.metrics.source_gaps import Stretch, pauses
from ami_console.reading import FINAL_STATUSES

_CONSUMER = (*COLUMNS, "stream_exists", "delivered_stream_seq", "last_seq", "consumer_created_at")
_JOB = ("observed_at", "created_at", "started_at", "finished_at")
_COUNTERS = ("observed_at", "total")
_NONE = Columns({"observed_at_ns": np.empty(0, dtype="int64")})


@dataclass(frozen=True, kw_only=True)
class SeenJob:
    """What was looked at of one job, nothing later than ``as_of_ns``.

    Attributes:
        job_id: The job.
        jobs, consumers, counters: Looks in order of time.
        statuses: Antenna's status at each look of ``jobs``; ``None`` not told.
        failed_ns: Source → when it could not be read, in order.
        pauses: When nothing at all was looked at, while the job was not over.
        as_of_ns: The instant judged at.
        begin_ns: The first look; ``as_of_ns`` where there is none.
        end_ns: The last look at a job that is over, else ``as_of_ns``.
    """

    job_id: int
    jobs: Columns
    statuses: npt.NDArray[np.object_]
    consumers: Columns
    counters: Columns
    failed_ns: dict[str, Instants]
    pauses: list[Stretch]
    as_of_ns: int
    begin_ns: int
    end_ns: int

    @property
    def jobs_ns(self) -> Instants:
        """When Antenna told of it."""
        looked: Instants = self.jobs["observed_at_ns"]
        return looked

    @property
    def is_over(self) -> bool:
        """Whether its last known status is final."""
        return bool(len(self.statuses)) and self.statuses[-1] in FINAL_STATUSES

    @property
    def is_gone(self) -> bool:
        """Whether there is no stream any more."""
        return bool(self.consumers.rows) and not self.consumers["stream_exists"][-1]


def seen_job(
    job_id: int,
    *,
    as_of: pd.Timestamp,
    jobs: pd.DataFrame,
    consumers: pd.DataFrame,
    counters: pd.DataFrame,
    reads: pd.DataFrame,
) -> SeenJob:
    """The looks at one job.

    Args:
        job_id: The job.
        as_of: Nothing later is used.
        jobs, consumers, counters, reads: The frames, of this job or of more.
    """
    mine = _of(jobs, job_id, as_of).sort_values("observed_at", kind="stable")
    statuses = mine["status"].astype("object").where(mine["status"].notna(), None).to_numpy()
    held = {
        "jobs": by_job(mine, _JOB).get(job_id, _NONE),
        "consumers": by_job(_of(consumers, job_id, as_of), _CONSUMER).get(job_id, _NONE),
        "counters": by_job(_of(counters, job_id, as_of), _COUNTERS).get(job_id, _NONE),
    }
    looked_ns = [each["observed_at_ns"] for each in held.values()]
    whole = np.concatenate(looked_ns)
    as_of_ns = as_of.value
    begin_ns = int(whole.min()) if len(whole) else as_of_ns
    failed_ns = _failed(reads, as_of_ns)
    is_over = bool(len(statuses)) and statuses[-1] in FINAL_STATUSES
    end_ns = int(whole.max()) if is_over else as_of_ns
    tried_ns = [each[each >= begin_ns] for each in failed_ns.values()]
    return SeenJob(
        job_id=job_id,
        **held,
        statuses=statuses,
        failed_ns=failed_ns,
        pauses=pauses([*looked_ns, *tried_ns], until_ns=_over_ns(held["jobs"], statuses, as_of_ns)),
        as_of_ns=as_of_ns,
        begin_ns=begin_ns,
        end_ns=end_ns,
    )


def _of(frame: pd.DataFrame, job_id: int, as_of: pd.Timestamp) -> pd.DataFrame:
    mine = (frame["job_id"] == job_id).to_numpy(dtype=bool, na_value=False)
    mine &= instants(frame, "observed_at") <= as_of.value
    return frame if mine.all() else frame[mine]


def _failed(reads: pd.DataFrame, as_of_ns: int) -> dict[str, Instants]:
    """Source → when it could not be read; of every source that a lane is drawn of."""
    at_ns = instants(reads, "observed_at")
    bad = ~flags(reads, "ok") & (at_ns <= as_of_ns)
    source = reads["source"].to_numpy(dtype=object, na_value="")[bad]
    return {name: np.sort(at_ns[bad][source == name]) for name in ("antenna", "nats", "redis")}


def _over_ns(jobs: Columns, statuses: npt.NDArray[np.object_], as_of_ns: int) -> int:
    """When the job was first seen to be over for good; ``as_of_ns`` while it is not."""
    if not len(statuses) or statuses[-1] not in FINAL_STATUSES:
        return as_of_ns
    going = np.flatnonzero([status not in FINAL_STATUSES for status in statuses])
    first = int(going[-1]) + 1 if len(going) else 0
    return int(jobs["observed_at_ns"][first])
