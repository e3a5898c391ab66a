"""Whatever the broker tells of its streams: no number that it did not tell of that job."""

import json

import pytest

from ami_console.reading import Reading
from ami_console.sources.consumer_rows import jsz_rows
from ami_console.sources.values import integer
from tests.input.jsz import JSZ
from tests.input.kept import assert_kept
from tests.input.properties import PROPERTIES, Property
from tests.input.rest import AT


@pytest.mark.parametrize("tried", PROPERTIES["jsz"], ids=lambda tried: tried.holds.__name__)
def test_any_body(tried: Property) -> None:
    """Another version, another server, another program on that port."""
    tried.try_few()


def test_a_stream_of_the_year_9999() -> None:
    """A time beyond what 64 bits hold is missing; it does not end the watch."""
    body = json.loads(JSZ[0].replace(b'"created":"2026', b'"created":"9999').replace(
        b'"created": "2026', b'"created": "9999'))  # fmt: skip
    rows = jsz_rows(body, observed_at=AT)
    assert rows
    assert all(row["stream_created_at"] is None for row in rows.values())
    assert_kept(Reading(source="nats", observed_at=AT, rows={"consumers": list(rows.values())}))


@pytest.mark.parametrize(
    ("told", "number"),
    [
        (7.0, 7),
        (2.0**53 - 1, 2**53 - 1),
        (2.0**53, None),  # 9007199254740993.0 reads as this
        (-(2.0**63), None),  # and -9223372036854775809 as this
        (float("nan"), None),
        (float("inf"), None),
        (7.5, None),
    ],
)
def test_a_number_that_may_have_been_rounded_is_none(told: float, number: int | None) -> None:
    assert integer(told) == number
