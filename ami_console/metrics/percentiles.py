"""Percentiles, and the values themselves where they are too few for percentiles."""

from typing import Any

import numpy as np

from ami_console.metrics.arrays import Floats

FEWEST = 20
"""Fewer values than this have no percentiles: the 95th would be one of them by chance."""

PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0}


def spread(values: Floats) -> dict[str, Any]:
    """How values are spread: ``n``, ``p50``, ``p95``, ``p99``, ``max``; of few also ``values``.

    Args:
        values: Any order; NaN is left out.

    Returns:
        Percentiles are ``None`` for fewer than ``FEWEST`` values; these are then given under
        ``values``, lowest first.
    """
    known = np.sort(values[~np.isnan(values)])
    n = int(known.size)
    told: dict[str, Any] = {"n": n, **dict.fromkeys(PERCENTILES), "max": None}
    if n:
        told["max"] = round(float(known[-1]), 3)
    if n >= FEWEST:
        marks = np.percentile(known, list(PERCENTILES.values()))
        told |= dict(zip(PERCENTILES, (round(float(m), 3) for m in marks), strict=True))
    elif n:
        told["values"] = [round(float(value), 3) for value in known]
    return told


def trailing(
    at_s: Floats, values: Floats, ends_s: Floats, window_s: float
) -> tuple[Floats, Floats]:
    """Percentiles of the values in the window that ends at each instant.

    Args:
        at_s: When each value came, sorted, s since the epoch.
        values: The values.
        ends_s: Ends of the windows, s since the epoch.
        window_s: Their width, seconds.

    Returns:
        How many values each window holds, and a row of percentiles for each of
        ``PERCENTILES``; NaN for fewer than ``FEWEST`` values.
    """
    begin = np.searchsorted(at_s, ends_s - window_s, side="right")
    end = np.searchsorted(at_s, ends_s, side="right")
    count = (end - begin).astype("float64")
    marks = np.full((len(PERCENTILES), len(ends_s)), np.nan)
    # Windows of as many values are sorted together: one at a time costs more than the sorting.
    wide = np.flatnonzero(count >= FEWEST)
    wide = wide[np.argsort(count[wide], kind="stable")]
    sizes, firsts = np.unique(count[wide], return_index=True)
    for size, alike in zip(sizes.astype("int64"), np.split(wide, firsts)[1:], strict=True):
        for rows in np.array_split(alike, -(-len(alike) * size // AT_ONCE)):
            windows = values[begin[rows, None] + np.arange(size)]
            marks[:, rows] = _marks(np.sort(windows, axis=1))
    return count, marks


AT_ONCE = 1_000_000
"""Values that are sorted together: 8 MB."""

_RATIOS = np.array(list(PERCENTILES.values())) / 100.0


def _marks(ordered: Floats) -> Floats:
    """What ``np.percentile`` gives of each row, which is sorted: a row for each percentile."""
    place = _RATIOS * (ordered.shape[1] - 1)
    below = place.astype("int64")
    low, high = ordered[:, below].T, ordered[:, np.minimum(below + 1, ordered.shape[1] - 1)].T
    share, step = (place - below)[:, None], high - low
    return np.where(share >= 0.5, high - step * (1.0 - share), low + step * share)
