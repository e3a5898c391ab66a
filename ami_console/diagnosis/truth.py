"""Three-valued conditions: 1 true, 0 false, NaN unknown. Unknown is never taken for false."""

import numpy as np

from ami_console.metrics.arrays import Flags, Floats

Truth = Floats


def all_of(*parts: Truth) -> Truth:
    """True where all are, false where one is false, else unknown."""
    whole = np.stack(np.broadcast_arrays(*parts))
    unknown = np.isnan(whole)
    told = np.where(unknown.any(axis=0), np.nan, 1.0)
    return np.where(((whole == 0) & ~unknown).any(axis=0), 0.0, told)


def any_of(*parts: Truth) -> Truth:
    """True where one is, false where all are false, else unknown."""
    return no(all_of(*map(no, parts)))


def no(part: Truth) -> Truth:
    """True where it is false."""
    return 1.0 - part


def above(left: Floats, right: Floats | float) -> Truth:
    """Whether left > right; unknown where one of them is."""
    return _known(left, right, np.greater(left, right))


def below(left: Floats, right: Floats | float) -> Truth:
    """Whether left < right; unknown where one of them is."""
    return _known(left, right, np.less(left, right))


def same(left: Floats, right: Floats | float) -> Truth:
    """Whether left == right; unknown where one of them is."""
    return _known(left, right, np.equal(left, right))


def _known(left: Floats, right: Floats | float, told: object) -> Truth:
    return np.where(np.isnan(left) | np.isnan(right), np.nan, np.asarray(told, dtype="float64"))


def is_true(part: Truth) -> Flags:
    """Where it is known to be true."""
    return part == 1.0


def newest(*instants: Floats) -> Floats:
    """The latest of several instants, s since the epoch; those that are unknown are left out."""
    return np.fmax.reduce(np.stack(np.broadcast_arrays(*instants)))
