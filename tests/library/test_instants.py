"""Times exact to the nanosecond, naive server times in their zone."""

from zoneinfo import ZoneInfo

import pytest

from ami_console import instants

NEW_YORK = ZoneInfo("America/New_York")


def test_nanoseconds_survive() -> None:
    assert instants.from_rfc3339("2026-11-23T15:13:09.739831852Z") == 1795446789739831852


def test_an_offset_is_taken_at_its_word() -> None:
    assert instants.from_rfc3339("2026-11-23T10:13:09.5-05:00") == 1795446789500000000


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "yesterday",
        "2026-11-23T15:13:09",
        "0001-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
    ],
)
def test_what_is_no_time_is_missing(text: object) -> None:
    assert instants.from_rfc3339(text) is None


def test_winter_and_summer_of_the_server() -> None:
    winter = instants.from_naive_local("2026-11-23T10:09:17.869471", NEW_YORK)
    assert winter == instants.from_rfc3339("2026-11-23T15:09:17.869471Z")
    summer = instants.from_naive_local("2026-07-23T10:09:17", NEW_YORK)
    assert summer == instants.from_rfc3339("2026-07-23T14:09:17Z")


def test_the_hour_that_comes_twice_is_read_as_the_first() -> None:
    twice = instants.from_naive_local("2026-11-01T01:30:00", NEW_YORK)
    assert twice == instants.from_rfc3339("2026-11-01T05:30:00Z")


def test_back_to_a_datetime() -> None:
    moment = instants.to_datetime(1795446789739831852)
    assert moment.isoformat() == "2026-11-23T15:13:09.739831+00:00"
    assert instants.from_datetime(moment) == 1795446789739831000


def test_http_date() -> None:
    assert instants.from_http_date("Mon, 23 Nov 2026 15:49:08 GMT") == instants.from_rfc3339(
        "2026-11-23T15:49:08Z"
    )
    assert instants.from_http_date("soon") is None
    assert instants.from_http_date(None) is None
