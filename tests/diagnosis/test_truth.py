"""Three-valued conditions: unknown is never taken for false."""

import numpy as np
import pytest

from ami_console.diagnosis.truth import above, all_of, any_of, below, newest, no, same

T, F, U = 1.0, 0.0, float("nan")


def one(value: float) -> "np.typing.NDArray[np.float64]":
    """A single tick."""
    return np.array([value])


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        (T, T, T, T),
        (T, F, F, T),
        (F, F, F, F),
        (T, U, U, T),
        (F, U, F, U),
        (U, U, U, U),
    ],
)
def test_unknown_decides_nothing_that_the_rest_does_not(
    left: float, right: float, both: float, either: float
) -> None:
    """A stream that is known to be gone settles it, whatever Redis would say."""
    for a, b in ((left, right), (right, left)):
        np.testing.assert_equal(all_of(one(a), one(b)), one(both))
        np.testing.assert_equal(any_of(one(a), one(b)), one(either))
    np.testing.assert_equal(no(one(U)), one(U))


def test_a_comparison_with_something_unknown_is_unknown() -> None:
    """How many are in flight was not read: that is not "none"."""
    np.testing.assert_equal(above(np.array([2.0, 0.0, U]), 1.0), np.array([T, F, U]))
    np.testing.assert_equal(below(np.array([2.0, 0.0, U]), 1.0), np.array([F, T, U]))
    np.testing.assert_equal(same(np.array([1.0, U, 1.0]), np.array([1.0, 1.0, U])), [T, U, U])


def test_the_newest_instant_leaves_out_what_is_unknown() -> None:
    """Nothing was ever acknowledged, but something was handed out."""
    np.testing.assert_equal(newest(one(5.0), one(U), one(3.0)), one(5.0))
    np.testing.assert_equal(newest(one(U), one(U)), one(U))
