"""Numbers over time in one line of characters."""

import math
from collections.abc import Sequence

import numpy as np

from ami_console.metrics.arrays import Floats, Instants

LEVELS = "▁▂▃▄▅▆▇"
"""Not the full block: lines below each other would become one."""

DONE, LEFT, NOT_KNOWN = "━", "─", "┄"


def sparkline(values: Sequence[float] | Floats) -> str:
    """One character per value, the highest full; a gap where a value is missing, never a zero."""
    known = [value for value in values if not math.isnan(value)]
    top = max(known, default=0.0)

    def level(value: float) -> str:
        if math.isnan(value):
            return " "
        if value <= 0:
            return LEVELS[0]
        # Whatever is more than nothing looks so.
        return LEVELS[max(1, round(value / top * (len(LEVELS) - 1)))]

    return "".join(map(level, values))


def bar(ratio: float | None, width: int) -> tuple[str, str]:
    """Progress as what is done and what is left; full only when all is done.

    Args:
        ratio: 0–1; ``None`` or NaN: not known.
        width: Columns.
    """
    if ratio is None or math.isnan(ratio):
        return "", NOT_KNOWN * width
    done = math.floor(min(1.0, max(0.0, ratio)) * width + 1e-9)
    return DONE * done, LEFT * (width - done)


def buckets(at_ns: Instants, values: Floats, *, begin_ns: int, end_ns: int, number: int) -> Floats:
    """The last known value in each of so many equal parts of a time; NaN where none is known.

    Args:
        at_ns: When each was observed, ns since the epoch, sorted.
        values: What was observed, NaN missing.
        begin_ns: First instant.
        end_ns: Last instant.
        number: Of parts.
    """
    row = np.full(number, np.nan)
    inside = (at_ns >= begin_ns) & (at_ns <= end_ns) & ~np.isnan(values)
    place = (at_ns[inside] - begin_ns) * number // max(1, end_ns - begin_ns)
    row[np.minimum(place, number - 1)] = values[inside]
    return row
