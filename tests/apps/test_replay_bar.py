"""The bar of a replay: what the reader asks for, and what happened when."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import panel as pn
import pytest
from browsing import Visit
from found import HOSTILE
from replayed import recording, replay
from waiting import until
from watched import at, watched

from ami_console import frames
from ami_console.apps import replay_bar, style
from ami_console.apps import replay_events as told
from ami_console.apps.replay_bar import ReplayBar
from ami_console.apps.replay_feed import ReplayFeed
from ami_console.apps.replay_stops import Stop, of_findings, of_jobs, of_sources, stops
from ami_console.demo.processes import free_port
from ami_console.held_frames import HeldFrames


def found(scenario: str) -> list[tuple[str, str, int | None]]:
    """What happened in a recording: time of day, what, of which job."""
    feed = replay(scenario)
    rows = stops(recording(scenario), since=feed.first_at, until=feed.last_at, rules=feed.rules)
    return [(f"{stop.at:%H:%M:%S}", stop.title, stop.job_id) for stop in rows]


def test_what_happened_while_no_worker_came() -> None:
    """Imported, so that nobody judged it live: the verdicts are found in it now."""
    assert found("b_no_worker") == [
        ("15:15:04", "Job 4: started", 4),
        ("15:15:48", "Job 4: 320 images are queued and no worker fetches them", 4),
        ("15:18:10", "Antenna can't be read", None),
        ("15:18:13", "Antenna can be read again", None),
        ("15:30:02", "Job 4: failure", 4),
        ("15:30:02", "Job 4: no worker, over", 4),
    ]


def test_piece_by_piece_the_same_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording of a week is gone through in pieces; what lies at a seam counts once."""
    whole = found("b_no_worker")
    monkeypatch.setattr("ami_console.apps.replay_stops.PIECE_S", 97.3)
    assert found("b_no_worker") == whole


def rows(name: str, *values: dict[str, Any]) -> pd.DataFrame:
    """A frame; times are seconds after the begin."""
    times = ("observed_at", "since")
    plain = [{k: at(v).value if k in times else v for k, v in row.items()} for row in values]
    return frames.from_rows(name, plain)


def test_of_empty_frames_nothing_happened() -> None:
    """A recording of logs alone."""
    assert list(of_jobs(frames.empty("jobs"))) == []
    assert list(of_sources(frames.empty("reads"))) == []
    assert list(of_findings(frames.empty("findings"), frames.empty("reads"))) == []


def test_what_a_live_watch_said_begins_and_ends() -> None:
    """Said at two looks of five; what stood at the first look may have begun long before."""
    reads = rows(
        "reads",
        *({"observed_at": s, "source": "diagnosis", "ok": True} for s in (0, 2, 4, 6, 8)),
        {"observed_at": 7, "source": "diagnosis", "ok": False},
    )
    said = {"code": "no_worker", "job_id": 4, "severity": "critical", "title": "nobody"}
    old = {"code": "slow", "job_id": 5, "severity": "info", "title": "slow"}
    findings = rows(
        "findings",
        {"observed_at": 0, **old},
        {"observed_at": 2, **said},
        {"observed_at": 4, **said},
        {"observed_at": 8, **said},
    )
    seen = sorted(of_findings(findings, reads), key=lambda stop: stop.at)
    assert [(stop.at, stop.title, stop.tone) for stop in seen] == [
        (at(2), "Job 5: slow, over", "good"),
        (at(2), "Job 4: nobody", "bad"),
        (at(6), "Job 4: no worker, over", "good"),
        (at(8), "Job 4: nobody", "bad"),
    ]


def test_when_nobody_looked_that_is_a_stop() -> None:
    """The laptop slept for ten minutes."""
    reads = rows(
        "reads",
        {"observed_at": 0, "source": "nats", "ok": True},
        {"observed_at": 2, "source": "nats", "ok": True},
        {"observed_at": 602, "source": "nats", "ok": True},
    )
    (stop,) = of_sources(reads)
    assert (stop.at, stop.title) == (at(602), "The first look after 10 min 00 s without any")


def test_what_one_look_brought_is_one_event() -> None:
    """Twenty jobs ended in one look: one press of the button, not twenty."""
    together = [Stop(at(2 + 0.01 * n), f"Job {n}: success", n, "good") for n in range(5)]
    later = Stop(at(9), "Job 9: failure", 9, "bad")
    worse = Stop(at(2.5), "NATS can't be read", None, "bad")
    both = told.events([*together, worse, later])
    assert [(event.at, event.tone) for event in both] == [(at(2.5), "bad"), (at(9), "bad")]
    assert both[0].title == "NATS can't be read · Job 0: success · Job 1: success · and 3 more"
    assert told.after(both, at(2.5)) == told.before(both, at(100)) == both[1]
    assert told.newest(both, at(2)) is None
    assert told.before(both, at(2.5)) is None
    assert told.marks([], at(0), at(0)) == []
    crowded = told.events([Stop(at(2 * n), "x", None, "muted") for n in range(2_000)])
    assert len(told.marks(crowded, at(0), at(4_000))) <= told.MARKS + 1


def bar_of(scenario: str) -> tuple[ReplayBar, ReplayFeed, list[pd.Timestamp]]:
    """A bar with all moves that it made."""
    feed = replay(scenario)
    moves: list[pd.Timestamp] = []

    def moved(instant: pd.Timestamp) -> None:
        moves.append(instant)
        feed.move_to(instant)

    return ReplayBar(feed, moved=moved, back_to_live=None), feed, moves


def test_moves_steps_and_jumps_are_answered() -> None:
    """Each wish of the browser is fulfilled, and then its number is told."""
    bar, feed, moves = bar_of("b_no_worker")
    track = bar.pane
    at_ms = pd.Timestamp("2026-11-23T15:20:00Z").value // 1_000_000
    wishes = [("move", at_ms), ("step", 1), ("step", -1), ("jump", 1), ("jump", -1), ("move", 5)]
    for number, (what, value) in enumerate(wishes, start=1):
        track._handle_msg({"what": what, "value": value, "number": number})
        assert track.acked == number
        assert track.at_ms == feed.as_of().value // 1_000_000
    assert [f"{instant:%H:%M:%S}" for instant in moves] == [
        "15:20:00", "15:20:01", "15:20:00", "15:30:02", "15:18:13", "15:15:00",
    ]  # fmt: skip
    assert (track.gone, track.said) == ("", "Nothing happened up to here")
    assert track.coming == "10:15:04 Job 4: started"


@pytest.mark.parametrize(
    "message",
    [None, [], {}, {"what": "move"}, {"what": "move", "value": 1, "number": "1"},
     {"what": "move", "value": 1, "number": True}, {"what": "move", "value": 1, "number": -3}],
)  # fmt: skip
def test_what_no_bar_of_ours_sends_does_nothing(message: Any) -> None:
    """Somebody writes to the websocket by hand."""
    bar, _, moves = bar_of("c_worker_crash")
    bar.pane._handle_msg(message)
    assert (moves, bar.pane.acked) == ([], 0)


@pytest.mark.parametrize("wish", [("fly", 1), ("move", "1"), ("move", 10**30), ("step", 1.5)])
def test_a_wish_that_makes_no_sense_is_answered_all_the_same(wish: tuple[Any, Any]) -> None:
    """Otherwise the browser would wait for ever."""
    bar, _, moves = bar_of("c_worker_crash")
    bar.pane._handle_msg({"what": wish[0], "value": wish[1], "number": 1})
    assert (moves, bar.pane.acked) == ([], 1)


def test_a_page_that_can_not_be_brought_up_to_date_is_answered_too() -> None:
    """Our own code failed once: the next wish may go well."""
    feed = replay("c_worker_crash")

    def moved(_: pd.Timestamp) -> None:
        raise RuntimeError("out of order")

    bar = ReplayBar(feed, moved=moved)
    with pytest.raises(RuntimeError):
        bar.pane._handle_msg({"what": "step", "value": -1, "number": 1})
    assert bar.pane.acked == 1


def test_events_that_can_not_be_found_are_no_calm(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The recording was taken away meanwhile: that nothing happened is not known."""

    def broken(*_: Any, **__: Any) -> list[Stop]:
        raise OSError("gone")

    monkeypatch.setattr(replay_bar, "stops", broken)
    monkeypatch.setattr(replay_bar, "_all", {})
    bar, _, _ = bar_of("c_worker_crash")
    assert bar.pane.said == "Events could not be found (OSError); see the log"
    assert "could not be found" in caplog.text


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[pd.Timestamp], Any]]:
    """A page with the bar alone; where it is, its moves, and what holds the server up."""
    hostile = [Stop(pd.Timestamp("2026-11-23T15:16:40Z"), HOSTILE, 6, "bad")]
    monkeypatch.setattr(replay_bar, "stops", lambda *_, **__: hostile)
    monkeypatch.setattr(replay_bar, "_all", {})
    moves: list[pd.Timestamp] = []
    go = threading.Event()
    go.set()

    def page() -> Any:
        feed = replay("c_worker_crash")

        def moved(instant: pd.Timestamp) -> None:
            moves.append(instant)
            go.wait(20)
            feed.move_to(instant)

        return pn.Column(ReplayBar(feed, moved=moved, back_to_live=lambda: None).pane)

    port = free_port()
    server = pn.serve({"bar": page}, port=port, address="127.0.0.1", threaded=True, show=False)
    yield f"http://127.0.0.1:{port}/bar", moves, go
    go.set()
    server.stop()


@pytest.mark.browser
def test_a_reader_moves_it_with_mouse_and_keys(
    served: tuple[str, list[pd.Timestamp], Any], visit: Callable[..., Visit]
) -> None:
    """Steps, jumps, drags and plays; what happened stays text, and a slow server is not pressed."""
    url, moves, go = served
    page = visit(url, ready="text=REPLAY").page
    slider = page.get_by_role("slider")
    assert slider.get_attribute("aria-valuetext") == "10:17:21, 23 Nov 2026, America/New_York"
    page.get_by_role("button", name=f"Event before: 10:16:40 {HOSTILE}", exact=True).click()
    page.get_by_text(f"10:16:40 {HOSTILE}", exact=True).wait_for()
    slider.focus()
    page.keyboard.press("ArrowRight")
    until(lambda: len(moves) == 2)
    page.keyboard.press("Shift+ArrowLeft")
    until(lambda: len(moves) == 3)
    assert [f"{instant:%H:%M:%S}" for instant in moves] == ["15:16:40", "15:16:42", "15:16:40"]

    go.clear()  # the server has its hands full
    box = slider.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2)
    page.mouse.down()
    until(lambda: len(moves) == 4)
    for x in range(10, 200, 5):
        page.mouse.move(box["x"] + x, box["y"] + box["height"] / 2)
    page.mouse.up()
    wanted = slider.get_attribute("aria-valuetext")
    assert len(moves) == 4
    go.set()
    until(lambda: len(moves) == 5)  # the newest wish, and none of those before it
    assert f"{moves[-1].tz_convert('America/New_York'):%H:%M:%S}" == str(wanted)[:8]

    page.get_by_role("combobox", name="Speed").select_option("60")
    slider.focus()
    page.keyboard.press("Space")
    until(lambda: moves[-1] == replay("c_worker_crash").last_at)
    page.get_by_role("button", name="Play").wait_for()
    assert moves[4:] == sorted(moves[4:])
    assert len(moves) > 5
    assert page.locator("img").count() == 0


def test_its_style_sheet_is_there() -> None:
    """Built into a wheel without it, the bar would look like nothing."""
    assert ".replay" in style.sheet("replay")


def test_a_live_watch_that_goes_on_has_new_events() -> None:
    """While the operator looks back, a job ends: the track grows, and gets a mark."""
    history = watched(100).history
    ends = {"last": at(40)}
    feed = ReplayFeed(
        HeldFrames(history, grows=True), label="x", ends=lambda: (at(0), ends["last"])
    )
    bar = ReplayBar(feed, moved=feed.move_to)
    before = list(bar.pane.marks)
    ends["last"] = at(40 + replay_bar.AGAIN_S + 1)
    bar.show()
    assert bar.pane.last_ms == at(101).value // 1_000_000
    assert len(bar.pane.marks) == len(before) + 1
