"""Images settled per minute in each of the last minutes, kept up to date look by look."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ami_console.metrics.arrays import floats, instants
from ami_console.metrics.minute_rates import MINUTE_NS, rates_of, typed_rates


class RecentRates:
    """The last known rate of each minute and job; only new looks have to be gone through."""

    def __init__(self, minutes: int) -> None:
        """Args: ``minutes`` are kept, the one that goes on included."""
        self._minutes = minutes
        self._of: dict[int, dict[int, tuple[int, float]]] = {}

    def take(self, timeline: pd.DataFrame) -> None:
        """Take in rows of :func:`ami_console.metrics.timeline`; those of known looks are new."""
        for job_id, mine in timeline.groupby("job_id"):
            held = self._of.setdefault(int(job_id), {})
            rates = floats(mine, "acked_per_min")
            for at_ns, rate in zip(instants(mine, "observed_at").tolist(), rates, strict=True):
                minute = at_ns // MINUTE_NS
                is_newer = minute not in held or at_ns >= held[minute][0]
                if is_newer and not np.isnan(rate):
                    held[minute] = at_ns, float(rate)

    def table(self, *, as_of: pd.Timestamp) -> pd.DataFrame:
        """Rows of :func:`ami_console.metrics.minute_rates.minute_rates`; older ones are let go of.

        Args:
            as_of: Nothing later is used.
        """
        oldest = as_of.value // MINUTE_NS - self._minutes + 1
        for job_id, held in list(self._of.items()):
            self._of[job_id] = {minute: told for minute, told in held.items() if minute >= oldest}
            if not self._of[job_id]:
                del self._of[job_id]
        found = rates_of(self._lines(), as_of=as_of, minutes=self._minutes)
        return typed_rates(*found, as_of=as_of)

    def _lines(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        for job_id, held in self._of.items():
            told = sorted(held.values())
            yield (
                job_id,
                np.array([at_ns for at_ns, _ in told], dtype="int64"),
                np.array([rate for _, rate in told]),
            )
