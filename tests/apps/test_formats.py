"""Numbers as people read them: nothing missing ever looks like a zero."""

from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from ami_console.apps import formats

NEW_YORK = ZoneInfo("America/New_York")
AS_OF = pd.Timestamp("2026-11-23T15:30:00Z")


@pytest.mark.parametrize("missing", [None, pd.NA, pd.NaT, float("nan")])
def test_missing_is_a_dash(missing: object) -> None:
    """A source that did not answer must not read as "0"."""
    shown = [
        formats.count(missing),
        formats.measure(missing),
        formats.ratio(missing),
        formats.duration(missing),
        formats.size(missing),
        formats.clock(missing, NEW_YORK, as_of=AS_OF),
        formats.ago(missing, AS_OF),
        formats.escape(missing),
    ]
    assert shown == ["–"] * 8
    assert formats.state_of(missing).word == "not known"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0008, "1 ms"),
        (0.21, "210 ms"),
        (59.4, "59 s"),
        (65, "1 min 05 s"),
        (3_599.6, "1 h 00 min"),
        (8_000, "2 h 13 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    """Precise enough to act on, short enough for a table."""
    assert formats.duration(seconds) == text


def test_counts_and_measures_keep_about_three_digits() -> None:
    """4 200 images at 0.42 a minute is another night than at 42."""
    assert formats.count(12_345) == "12\u202f345"
    assert [formats.measure(v) for v in (0, 0.42, 4.2, 42.13, 421.4)] == [
        "0.0",
        "0.42",
        "4.2",
        "42.1",
        "421",
    ]
    assert [formats.size(v) for v in (0, 812, 4_130, 1_200_000)] == [
        "0 B",
        "812 B",
        "4.1 kB",
        "1.2 MB",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.0, "0 s"),
        (0.0123, "12 ms"),
        (0.9999, "1.0 s"),
        (2.44, "2.4 s"),
        (9.97, "10 s"),
        (59.7, "60 s"),
        (119.4, "119 s"),
        (119.6, "2.0 min"),
        (754.0, "13 min"),
        (7_199.0, "2.0 h"),
        (400_000.0, "111 h"),
        (-0.3, "0 s"),
    ],
)
def test_a_time_among_others_is_one_number(seconds: float | None, text: str) -> None:
    """Median, 95th and 99th side by side in a narrow card."""
    assert formats.short_duration(seconds) == text


def test_an_error_keeps_its_size() -> None:
    """Half a millisecond is not none."""
    assert [formats.within(v) for v in (None, 0.0005, 0.07, 0.5, 1.23, 45.0)] == [
        "–",
        "± 0.5 ms",
        "± 70 ms",
        "± 0.5 s",
        "± 1.2 s",
        "± 45 s",
    ]


def test_only_the_whole_is_a_hundred_percent() -> None:
    """4 199 of 4 200 is not done."""
    assert formats.ratio(4_199 / 4_200) == "99 %"
    assert formats.ratio(1.0) == "100 %"
    assert formats.ratio(0.29) == "29 %"


def test_wall_time_is_of_the_zone_and_has_its_day_when_it_is_not_today() -> None:
    """Log lines of Antenna are in its zone; yesterday's 23:10 must not read as tonight's."""
    assert formats.clock(AS_OF, NEW_YORK, as_of=AS_OF) == "10:30:00"
    yesterday = pd.Timestamp("2026-11-23T04:10:00Z")
    assert formats.clock(yesterday, NEW_YORK, as_of=AS_OF) == "22 Nov 23:10"


def test_a_new_status_keeps_its_own_word() -> None:
    """An Antenna of next year has a status that this version never saw."""
    state = formats.state_of("SLEEPING")
    assert (state.word, state.tone) == ("sleeping", "warn")


def test_every_state_has_a_word_and_a_mark_of_its_own() -> None:
    """Colour alone tells a colour-blind operator nothing."""
    states = formats.STATES.values()
    assert len({state.word for state in states}) == len(states)
    assert all(state.mark for state in states)
