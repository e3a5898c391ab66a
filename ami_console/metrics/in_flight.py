"""Since when the oldest image in flight of each job is on its way."""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import Columns, by_job, typed

OLDEST: dict[str, str] = {
    "job_id": frames.COUNT,
    "oldest_in_flight_at": frames.TIME,
    "oldest_is_bound": frames.FLAG,
}

SURE_S = 30.0
"""A first delivery that is known to within this is known; else only that it was before."""

_COLUMNS = (
    "server_at",
    "observed_at",
    "stream_created_at",
    "consumer_exists",
    "delivered_last_active",
    "delivered_stream_seq",
    "ack_floor_stream_seq",
    "num_ack_pending",
)


def oldest_in_flight(consumers: pd.DataFrame) -> pd.DataFrame:
    """When the oldest image in flight of each job was first delivered.

    The message after the ack floor is the oldest that is not settled. It was delivered between
    the two looks between which the deliveries passed its number; the later of these is told, so
    the image is in flight for at least so long.

    Args:
        consumers: The ``consumers`` frame.

    Returns:
        One row per job that had a consumer at its last look: ``oldest_in_flight_at``, missing
        where nothing is in flight or the broker does not tell; ``oldest_is_bound`` True where it
        may have been more than ``SURE_S`` earlier, because nobody looked then.

    Source:
        JetStream ``ack_floor.stream_seq``, ``delivered``, ``num_ack_pending``.
    """
    deliveries = Deliveries()
    deliveries.take(consumers)
    return deliveries.oldest()


@dataclass
class _Job:
    """What is delivered and not settled of one job: sequence, after and by when."""

    created_s: float
    looked_s: float
    floor: float = np.nan
    in_flight: float = np.nan
    seqs: list[float] = field(default_factory=list)
    after_s: list[float] = field(default_factory=list)
    by_s: list[float] = field(default_factory=list)

    def settle(self) -> None:
        """Let go of what needs no instant any more."""
        settled = bisect_left(self.seqs, self.floor + 1.0)
        del self.seqs[:settled], self.after_s[:settled], self.by_s[:settled]


class Deliveries:
    """The deliveries of all jobs that are not settled, look by look."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._jobs: dict[int, _Job] = {}
        self._seen_ns: dict[int, int] = {}

    def take(self, consumers: pd.DataFrame) -> None:
        """Take looks in; those that came before the last one of their job are left out.

        Args:
            consumers: Rows of the ``consumers`` frame.
        """
        for job_id, looks in by_job(consumers, _COLUMNS).items():
            seen_ns = self._seen_ns.get(job_id, 0)
            at_ns = looks["observed_at_ns"]
            begin = int(np.searchsorted(at_ns, seen_ns, side="right"))
            if begin < len(at_ns):
                self._take(job_id, looks.cut(begin, len(at_ns)))
                self._seen_ns[job_id] = int(at_ns[-1])

    def _take(self, job_id: int, looks: Columns) -> None:
        server_s = looks["server_at"]
        at_s = np.where(np.isnan(server_s), looks["observed_at"], server_s)
        told = (at_s, *(looks[name] for name in _COLUMNS[2:]))
        job = self._jobs.get(job_id)
        for at, created, exists, last_active, seq, floor, in_flight in zip(
            *(values.tolist() for values in told), strict=True
        ):
            if not exists or seq != seq:  # noqa: PLR0124 - NaN: the broker did not tell
                job = None
                continue
            anew = job is None or abs(job.created_s - created) > 0
            if job is None or anew or (job.seqs and seq < job.seqs[-1]):
                job = _Job(created_s=created, looked_s=created)
            if seq > (job.seqs[-1] if job.seqs else job.floor if job.floor > 0 else 0.0):
                by_s = last_active if job.looked_s < last_active <= at else at
                job.seqs.append(seq)
                job.after_s.append(job.looked_s)
                job.by_s.append(by_s)
            job.looked_s, job.floor, job.in_flight = at, floor, in_flight
            job.settle()
        if job is None:
            self._jobs.pop(job_id, None)
        else:
            self._jobs[job_id] = job

    def oldest(self) -> pd.DataFrame:
        """As of the last looks: the rows of :func:`oldest_in_flight`."""
        rows = [(job_id, *_oldest(job)) for job_id, job in sorted(self._jobs.items())]
        columns: list[Any] = list(map(list, zip(*rows, strict=True))) or [[], [], []]
        return pd.DataFrame(
            {
                name: typed(np.array(values, dtype="float64"), dtype)
                for (name, dtype), values in zip(OLDEST.items(), columns, strict=True)
            }
        )


def _oldest(job: _Job) -> tuple[float, float]:
    """By when it was delivered, and whether it may have been long before."""
    if not job.in_flight > 0 or not job.seqs or np.isnan(job.floor):
        return np.nan, np.nan
    after_s, by_s = job.after_s[0], job.by_s[0]
    return by_s, float(not by_s - after_s <= SURE_S)
