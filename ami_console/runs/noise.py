"""Is a difference more than noise? Blocks that do not hang together, ranks, and a bootstrap.

What is measured in one run one after another hangs together: a slow minute makes several slow
batches. So values are first folded into blocks as long as their correlation reaches. Ranks of the
blocks say whether one run's are larger than the other's (Mann and Whitney, by permutation); a
bootstrap of the blocks says by how much. All chance is drawn from a seeded generator: the same
runs give the same words.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ami_console.metrics.arrays import Floats

FEWEST = 3
"""With fewer blocks in a run than this nothing can be told from chance."""

MOST = 400
"""More blocks than this tell nothing more, and cost time."""

DRAWS = 4_000
LEVEL = 0.05

Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """How one run's values compare with another's.

    Attributes:
        ratio: The statistic of the other by that of the first.
        low, high: Its 95 % interval.
        p: How often chance alone would set the runs so far apart.
        blocks: Of each run.
    """

    ratio: float
    low: float
    high: float
    p: float
    blocks: tuple[int, int]


def contrast(
    first: Floats, other: Floats, *, middle: str = "median", draws: int = DRAWS
) -> Contrast | None:
    """How the values of one run compare with those of another.

    Args:
        first, other: Positive values in the order in which they came.
        middle: What of them is compared: ``median`` or ``mean``.
        draws: How often chance is drawn.

    Returns:
        ``None`` where a run has fewer than ``FEWEST`` blocks, or the two have so few that even
        runs without any overlap could be chance.
    """
    here, there = folded(first, middle), folded(other, middle)
    if min(len(here), len(there)) < FEWEST or _least_p(len(here), len(there)) >= LEVEL:
        return None
    chance = np.random.default_rng(20_261)
    of = np.median if middle == "median" else np.mean
    drawn = [of(chance.choice(each, size=(draws, len(each))), axis=1) for each in (here, there)]
    low, high = np.percentile(drawn[1] / drawn[0], [100 * LEVEL / 2, 100 * (1 - LEVEL / 2)])
    return Contrast(
        ratio=float(of(other) / of(first)),
        low=float(low),
        high=float(high),
        p=_by_ranks(here, there, chance, draws),
        blocks=(len(here), len(there)),
    )


def folded(values: Floats, middle: str = "median") -> Floats:
    """The values in blocks as long as their correlation reaches, one number each.

    Args:
        values: In the order in which they came.
        middle: ``median`` or ``mean``.
    """
    blocks = min(MOST, max(1, round(len(values) / dependence(values))))
    if blocks >= len(values):
        return values
    of = np.median if middle == "median" else np.mean
    return np.array([of(block) for block in np.array_split(values, blocks)])


def dependence(values: Floats) -> float:
    """How many values tell as much as one that is independent of all others; 1 or more.

    From the correlation r of neighbours, where that is more than chance: (1 + r) / (1 − r). It is
    that of ranks, so that one odd value does not hide it.
    """
    if len(values) < 4 or np.ptp(values) == 0:
        return 1.0
    ranks = _ranks(values)
    apart = ranks - ranks.mean()
    correlation = float(np.sum(apart[1:] * apart[:-1]) / np.sum(apart * apart))
    if correlation <= 1.645 / math.sqrt(len(values)):
        return 1.0
    return (1 + correlation) / max(1 - correlation, 1e-9)


def _least_p(first: int, other: int) -> float:
    """Two-sided p of two runs so large of which one is above the other throughout."""
    return 2 / math.comb(first + other, first)


def _by_ranks(first: Floats, other: Floats, chance: np.random.Generator, draws: int) -> float:
    """Two-sided p of the rank sum, by permutation."""
    ranks = _ranks(np.concatenate([first, other]))
    expected = len(first) * ranks.mean()
    apart = abs(ranks[: len(first)].sum() - expected)
    shuffled = chance.permuted(np.tile(ranks, (draws, 1)), axis=1)[:, : len(first)].sum(axis=1)
    return float((np.sum(np.abs(shuffled - expected) >= apart - 1e-9) + 1) / (draws + 1))


def _ranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share theirs."""
    _, which, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    return np.asarray((ends - (count - 1) / 2.0)[which])


def fisher(hits: tuple[int, int], tries: tuple[int, int]) -> float:
    """Two-sided p that two shares differ so much by chance (Fisher's exact test).

    Args:
        hits: How often it came in each run.
        tries: Of how many that are independent of each other.
    """
    total, both = sum(tries), sum(hits)
    lowest, highest = max(0, both - tries[1]), min(both, tries[0])

    def logarithm(k: int) -> float:
        return _choices(tries[0], k) + _choices(tries[1], both - k) - _choices(total, both)

    here = logarithm(hits[0])
    rarer = [each for k in range(lowest, highest + 1) if (each := logarithm(k)) <= here + 1e-9]
    return min(1.0, sum(map(math.exp, rarer)))


def _choices(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def holm(ps: list[float]) -> list[float]:
    """The p of each of several tests, as if it were the only one (Holm's correction)."""
    order = np.argsort(ps, kind="stable")
    adjusted, least = [1.0] * len(ps), 0.0
    for place, index in enumerate(order):
        least = max(least, min(1.0, (len(ps) - place) * ps[index]))
        adjusted[index] = least
    return adjusted
