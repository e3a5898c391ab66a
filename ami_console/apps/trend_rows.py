"""Rows that several jobs share, for charts that draw them side by side."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console.apps.lines import COLUMNS, Lines
from ami_console.charts import SERIES, TRENDS, fold
from ami_console.instants import NS_PER_S

_PLACES = [COLUMNS.index(column) for column in TRENDS]
_FOLDS = [next(s.fold for s in SERIES if s.column == column) for column in TRENDS]


class TrendRows(NamedTuple):
    """Some rows.

    Attributes:
        at_ns: Instant of each row, ns since the epoch, sorted: that of a look, or the end of a
            bucket.
        values: Jobs × rows × columns of ``TRENDS``; NaN where a job has nothing.
    """

    at_ns: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


def trend_rows(
    lines: Lines,
    job_ids: Sequence[int],
    *,
    since: pd.Timestamp,
    until: pd.Timestamp,
    width_s: int,
) -> TrendRows:
    """The looks of several jobs between two instants, or whole buckets of them.

    Args:
        lines: Of the jobs.
        job_ids: The jobs, in the order wanted.
        since: Only what is later than this.
        until: And no later than this; a bucket that is still filling then is left out.
        width_s: Width of the buckets, seconds; 0 for one row per look.
    """
    step_ns = width_s * NS_PER_S
    begin_ns = since.value
    if width_s:  # whole buckets only
        begin_ns = since.value // step_ns * step_ns
        until = pd.Timestamp(until.value // step_ns * step_ns - 1, tz="UTC")
    first = pd.Timestamp(begin_ns + (0 if width_s else 1), tz="UTC")
    told = [_of_job(lines, job_id, first, until, step_ns) for job_id in job_ids]
    at_ns = np.unique(np.concatenate([at for at, _ in told])) if told else np.empty(0, "int64")
    values = np.full((len(job_ids), len(at_ns), len(TRENDS)), np.nan)
    for number, (mine_ns, mine) in enumerate(told):
        values[number, np.searchsorted(at_ns, mine_ns)] = mine
    if width_s:
        kept = at_ns > since.value
        at_ns, values = at_ns[kept], values[:, kept]
    return TrendRows(at_ns, values)


def _of_job(
    lines: Lines, job_id: int, since: pd.Timestamp, until: pd.Timestamp, step_ns: int
) -> tuple[Any, Any]:
    at_ns, values = lines.arrays(job_id, since=since, until=until)
    values = values[:, _PLACES]
    if not step_ns or not len(at_ns):
        return at_ns, values
    ends_ns = (at_ns // step_ns + 1) * step_ns
    begins = np.flatnonzero(np.append(True, np.diff(ends_ns) != 0))
    folded = [fold(values[:, i], begins, how) for i, how in enumerate(_FOLDS)]
    return ends_ns[begins], np.column_stack(folded)
