"""What the reader looks at is in the address, whole, and nothing else gets in through it."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_console.apps import view as views
from ami_console.apps.view import View

EVERYTHING = {
    "tab": "job",
    "job": 7,
    "part": "logs",
    "window": "2026-11-23T15:00:00Z/2026-11-23T15:30:00Z",
    "zone": "Europe/Berlin",
    "every": 15,
    "recording": "night of 23, & more",
    "at": "2026-11-23T15:20:00.250Z",
    "fleet": "q=panama&state=started&sort=-rate",
    "minute": "2026-11-23T15:19:00Z",
    "frame": "acks",
}


def test_a_copied_link_opens_the_same_view() -> None:
    """A colleague gets the address of a replay, with its window, zone and filters."""
    assert set(EVERYTHING) == set(views.NAMES)
    mine, theirs = View(**EVERYTHING), View()
    assert views.read(theirs, views.written(mine)) == []
    assert {name: getattr(theirs, name) for name in views.NAMES} == EVERYTHING


def test_what_is_as_usual_is_not_in_the_address() -> None:
    """The address of a page that was just opened stays short; what is not ours stays in it."""
    assert views.written(View()) == ""
    assert views.written(View(), "?theme=dark") == "?theme=dark"
    assert views.written(View(job=3), "?theme=dark&job=9") == "?job=3&theme=dark"


def test_going_back_in_the_browser_makes_as_usual_what_was_not_said() -> None:
    """The address before had no job: the page must not keep the one of the address after."""
    view = View(job=3, tab="job")
    assert views.read(view, "?window=6h") == []
    assert (view.job, view.tab, view.window) == (None, "jobs", "6h")


@pytest.mark.parametrize(
    "search",
    [
        "?job=abc",
        "?job=0",
        "?job=-4",
        "?tab=admin",
        "?part=x",
        "?window=3y",
        "?window=2026-11-23T16:00:00Z/2026-11-23T15:00:00Z",
        "?zone=Mars/Olympus",
        "?zone=../../etc/passwd",
        "?every=0",
        "?every=9999999",
        "?at=yesterday%20evening",
        "?minute=x",
    ],
)
def test_what_an_address_says_wrongly_is_told_and_left_out(search: str) -> None:
    """A link was mistyped: the page opens as usual, and says what it did not understand."""
    view = View()
    (wrong,) = views.read(view, search)
    assert search[1:].partition("=")[0] in wrong
    assert views.written(view) == ""


@given(st.text(max_size=60))
def test_no_address_makes_the_page_fail(text: str) -> None:
    """Addresses come from anywhere."""
    view = View()
    for name in views.NAMES:
        views.read(view, f"?{name}={text}")
    views.read(view, text)


def test_windows_by_name_and_by_instants() -> None:
    """The last hour moves along; from three to half past stays where it is."""
    assert [w.key for w in views.WINDOWS] == ["15m", "1h", "6h", "24h", "all"]
    assert views.window("15m").span_s == 900
    assert views.window("nonsense").key == "1h"
    fixed = views.window("2026-11-23T15:00:00Z/2026-11-23T15:30:00Z")
    assert fixed.is_fixed
    assert fixed.begins_at == pd.Timestamp("2026-11-23T15:00:00Z")
    assert fixed.ends_at == pd.Timestamp("2026-11-23T15:30:00Z")


def test_instants_of_addresses() -> None:
    """With a zone, without one (UTC), and none."""
    assert views.instant("2026-11-23T15:20:00+02:00") == pd.Timestamp("2026-11-23T13:20:00Z")
    assert views.instant("2026-11-23T15:20:00") == pd.Timestamp("2026-11-23T15:20:00Z")
    assert views.instant("NaT") is None
    assert views.instant("9999999-01-01") is None
    assert views.iso(pd.Timestamp("2026-11-23T15:20:00Z")) == "2026-11-23T15:20:00Z"
