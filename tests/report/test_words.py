"""Instants and texts as a report writes them."""

from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from ami_console.report.words import Clock, escape, plural, ratio, round_duration

NEW_YORK = ZoneInfo("America/New_York")
CLOCK = Clock(NEW_YORK, pd.Timestamp("2026-11-23T15:16:14Z"), pd.Timestamp("2026-11-24T09:00:00Z"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("at 15:30:00 UTC", "at 10:30:00"),
        ("from 2026-11-23 15:16:14 UTC to", "from 23 Nov 2026, 10:16:14 to"),
        ("at 23:50:00 UTC", "at 18:50:00"),
        ("at 04:10:00 UTC", "at 23:10:00"),  # it ran into the night, which is the same day there
        ("at 08:10:00 UTC", "at 24 Nov 03:10:00"),
        ("created at 15:10:00 UTC", "created at 10:10:00"),
        ("idle since 14:00:00 UTC", "idle since 09:00:00"),  # a day later nothing is told of
        ("99:99:99 UTC", "99:99:99 UTC"),
        ("2026-02-31 10:00:00 UTC", "2026-02-31 10:00:00 UTC"),
        ("nothing at all", "nothing at all"),
    ],
)
def test_a_sentence_is_told_in_the_wall_time_of_the_report(text: str, told: str) -> None:
    """Verdicts speak UTC, and the reader in New York compares them with the chart above."""
    assert CLOCK.told(text) == told


def test_in_utc_a_sentence_stays_as_it_is() -> None:
    """Then it says the right thing already."""
    assert (
        Clock(ZoneInfo("UTC"), CLOCK.day_of, CLOCK.until).told("at 15:30:00 UTC")
        == "at 15:30:00 UTC"
    )


def test_a_day_is_told_where_it_is_another() -> None:
    """A job ran over midnight: 00:10 of which day?"""
    assert CLOCK.at(pd.Timestamp("2026-11-24T04:59:59Z")) == "23:59:59"
    assert CLOCK.at(pd.Timestamp("2026-11-24T05:00:00Z")) == "24 Nov 00:00:00"
    assert CLOCK.at(pd.Timestamp("2027-01-01T05:00:00Z")) == "01 Jan 2027, 00:00:00"
    assert CLOCK.at(pd.NaT) == CLOCK.whole(None) == CLOCK.html(pd.NA) == "–"


def test_an_instant_carries_itself_in_utc() -> None:
    """Somebody in another zone hovers over a time, or a script reads the page."""
    told = CLOCK.html(pd.Timestamp("2026-11-23T15:30:00.7Z"))
    assert told == '<time datetime="2026-11-23T15:30:00Z">10:30:00</time>'


def test_texts_of_others_are_escaped_and_missing_is_a_dash() -> None:
    """A job is called <img src=x onerror=alert(1)>, another has no name."""
    assert escape("<img src=x onerror='1'>") == "&lt;img src=x onerror=&#x27;1&#x27;&gt;"
    assert [escape(each) for each in (None, pd.NA, "")] == ["–"] * 3


def test_numbers_read_well() -> None:
    """One image is not one images, and nearly all is not all."""
    assert [plural(1, "image"), plural(44_000, "image")] == ["1 image", "44\u202f000 images"]
    assert [ratio(0.99999), ratio(1.0), ratio(None)] == ["99 %", "100 %", "–"]
    assert [round_duration(s) for s in (0.5, 10, 90, 36_000)] == [
        "0.5 s",
        "10 s",
        "1.5 min",
        "10 h",
    ]
