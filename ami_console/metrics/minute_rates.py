"""Images settled in each of the last minutes, per job: what a sparkline draws."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console import frames
from ami_console.instants import NS_PER_S
from ami_console.metrics.arrays import Floats, Instants, floats, instants

MINUTE_NS = 60 * NS_PER_S
MINUTES = 30


def minute_rates(
    timeline: pd.DataFrame, *, as_of: pd.Timestamp, minutes: int = MINUTES
) -> pd.DataFrame:
    """Images settled per minute in each of the last minutes of the clock.

    Args:
        timeline: Rows of :func:`~ami_console.metrics.timeline`, any jobs: ``job_id``,
            ``observed_at``, ``acked_per_min``.
        as_of: Nothing later is used.
        minutes: How many, the one that ``as_of`` lies in included.

    Returns:
        One row per job (the index) that has any row in that time, one ``Float64`` column per
        minute, named by its begin: the last rate known in it, which looks back one minute. It is
        missing where nobody looked, and never 0 for that.

    Source:
        ``acked_per_min``.
    """
    frames.require(timeline, ("job_id", "observed_at", "acked_per_min"), "minute_rates")
    lines = (
        (int(job_id), instants(mine, "observed_at"), floats(mine, "acked_per_min"))
        for job_id, mine in timeline.groupby("job_id")
    )
    return typed_rates(*rates_of(lines, as_of=as_of, minutes=minutes), as_of=as_of)


def rates_of(
    lines: Iterable[tuple[int, Instants, Floats]], *, as_of: pd.Timestamp, minutes: int = MINUTES
) -> tuple[list[int], npt.NDArray[np.float64]]:
    """The same of plain arrays, for who keeps them.

    Args:
        lines: Job, instants (ns since the epoch, sorted) and its ``acked_per_min``.
        as_of: Nothing later is used.
        minutes: How many.

    Returns:
        The jobs that have any row in that time, and jobs × minutes; NaN missing.
    """
    first = as_of.value // MINUTE_NS - minutes + 1
    job_ids, rows = [], []
    for job_id, at_ns, rates in lines:
        begin = int(np.searchsorted(at_ns, first * MINUTE_NS))
        end = int(np.searchsorted(at_ns, as_of.value, side="right"))
        if begin >= end:
            continue
        values = rates[begin:end]
        known = np.flatnonzero(~np.isnan(values))
        row = np.full(minutes, np.nan)
        # Of several in one minute the last stays.
        row[at_ns[begin:end][known] // MINUTE_NS - first] = values[known]
        job_ids.append(job_id)
        rows.append(row)
    return job_ids, np.array(rows).reshape(len(rows), minutes)


def typed_rates(
    job_ids: list[int], rates: npt.NDArray[np.float64], *, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Plain arrays of :func:`rates_of` as the table of :func:`minute_rates`."""
    last = as_of.floor("min")
    begins = pd.date_range(end=last, periods=rates.shape[1], freq="min")
    index = pd.Index(job_ids, dtype=frames.COUNT, name="job_id")
    return pd.DataFrame(rates, index=index, columns=begins).astype(frames.MEASURE)
