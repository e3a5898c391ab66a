"""How far a share of few can be from the share of many."""

import math

TWO_SIDED_95 = 1.959964
"""Standard deviations on each side of a 95 % interval."""


def wilson(hits: int, tries: int, *, z: float = TWO_SIDED_95) -> tuple[float, float]:
    """The interval (0–1) that a share seen as ``hits`` of ``tries`` is in, by Wilson's score.

    Args:
        hits: How often it came.
        tries: Of how many; 0 tells nothing: the interval is 0 to 1.
        z: Standard deviations on each side; 1.96 for 95 %.

    Source:
        E. B. Wilson, Probable inference, the law of succession, and statistical inference (1927).
    """
    if tries <= 0:
        return 0.0, 1.0
    share, spread = hits / tries, z * z / tries
    middle = share + spread / 2
    half = z * math.sqrt(share * (1 - share) / tries + spread / (4 * tries))
    low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
    return (max(0.0, low) if hits else 0.0), (min(1.0, high) if hits < tries else 1.0)
