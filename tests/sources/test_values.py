"""What is not plainly a value is missing."""

import math

import orjson
import pytest

from ami_console.sources.values import count, identifier, integer, ratio, seconds_from_ns, text

NOT_NUMBERS = [
    "", " ", None, True, False, math.nan, math.inf, -math.inf, [], {}, "12 images", "1.5", "0x10",
    "١٢", 1.5, 2**63, -(2**63) - 1, 1e300, "9" * 30, b"", b"\xff", ValueError("WRONGTYPE"),
]  # fmt: skip


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
def test_a_number_that_is_none_is_missing_not_zero(value: object) -> None:
    """Antenna's params start as an empty text; other versions may send worse."""
    assert integer(value) is None
    assert count(value) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (320, 320), ("320", 320), (" 7 ", 7), (b"200", 200), (40.0, 40), (2**63 - 1,) * 2],
)
def test_numbers_come_as_numbers_and_as_text(value: object, number: int) -> None:
    """Redis sends its total as text, JSON may write 40 as 40.0."""
    assert integer(value) == count(value) == number


def test_unlimited_is_a_number_but_no_count() -> None:
    """``max_deliver`` is -1 where there is no limit; a count can't be negative."""
    assert (integer(-1), count(-1)) == (-1, None)


@pytest.mark.parametrize("value", [True, "3", 3.0, 0, -3, None, 2**63])
def test_a_job_number_is_a_positive_integer_and_nothing_like_it(value: object) -> None:
    """A body with a strange id is not the job that was asked for."""
    assert identifier(value) is None


@pytest.mark.parametrize(
    ("value", "share"),
    [(0, 0.0), (1, 1.0), (0.36, 0.36), (1.01, None), (-0.1, None), (math.nan, None), (True, None)],
)
def test_a_share_is_between_0_and_1(value: object, share: float | None) -> None:
    """A share outside of its range says that something else was sent."""
    assert ratio(value) == share


def test_a_duration_of_zero_is_not_set() -> None:
    """Go leaves unset durations at 0: that is no ack wait of 0 s."""
    assert seconds_from_ns(30_000_000_000) == 30.0
    assert seconds_from_ns(0) is None


def test_text_can_be_stored() -> None:
    """JSON may hold half a character; Parquet can't."""
    assert text(orjson.loads(b'"Set \xc3\xa9"')) == "Set é"
    assert text("half \ud800 character") == "half ? character"
    assert text("") is None
    assert text(3) is None
