"""Fewer rows for a chart: what a screen can show stays, peaks and gaps among it."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console.charts import MAX_POINTS, Floats, floats

Rows = npt.NDArray[np.intp]

_LEAST_BUCKETS = 8


def thinned(
    rows: pd.DataFrame, columns: tuple[str, ...], *, most: int = MAX_POINTS
) -> pd.DataFrame:
    """At most so many of the rows, the same lines to the eye.

    Of each stretch of time the first and the last row stay, those with the least and the most of
    each column, and of the rows where a column is missing the first and the last: a peak of a
    single look is still there, and no line is drawn over a gap. Rows stay as they are.

    Args:
        rows: Sorted by ``observed_at``.
        columns: Those that are drawn.
        most: Rows that are kept at most.
    """
    if len(rows) <= most:
        return rows
    at_ns = pd.DatetimeIndex(rows["observed_at"]).as_unit("ns").asi8
    values = np.column_stack([floats(rows, column) for column in columns])
    buckets = most // 2
    while True:
        kept = _kept(at_ns, values, buckets)
        if len(kept) <= most or buckets <= _LEAST_BUCKETS:
            return rows.iloc[kept]
        buckets = max(_LEAST_BUCKETS, min(buckets - 1, buckets * most // len(kept)))


def _kept(at_ns: npt.NDArray[np.int64], values: Floats, buckets: int) -> Rows:
    share = (at_ns - at_ns[0]) / max(1, int(at_ns[-1] - at_ns[0]))
    bucket = np.minimum((share * buckets).astype("int64"), buckets - 1)
    begins = np.flatnonzero(np.append(True, np.diff(bucket) != 0))
    ends = np.append(begins[1:], len(bucket)) - 1
    number = np.cumsum(np.append(False, np.diff(bucket) != 0))
    kept: list[Rows] = [begins, ends]
    for column in values.T:
        missing = np.isnan(column)
        kept.append(_extremes(np.where(missing, np.inf, column), begins, number))
        kept.append(_extremes(np.where(missing, np.inf, -column), begins, number))
        kept += _outermost(missing, number)
    return np.unique(np.concatenate(kept))


def _extremes(column: Floats, begins: Rows, number: npt.NDArray[np.intp]) -> Rows:
    """The first row with the least value of each bucket."""
    least = np.minimum.reduceat(column, begins)
    found = np.flatnonzero((column == least[number]) & np.isfinite(column))
    _, first = np.unique(number[found], return_index=True)
    return found[first]


def _outermost(missing: npt.NDArray[np.bool_], number: npt.NDArray[np.intp]) -> list[Rows]:
    """Of the missing values of each bucket the first and the last."""
    found = np.flatnonzero(missing)
    _, first = np.unique(number[found], return_index=True)
    _, last = np.unique(number[found][::-1], return_index=True)
    return [found[first], found[::-1][last]]
