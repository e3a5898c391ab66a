"""How often an open page is brought up to date."""

from collections.abc import Callable
from typing import Any

import pytest
from staged_feed import Staged, StagedFeed

from ami_console.apps import session
from ami_console.apps.stage import Stage


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


class Tab:
    """A browser's document that remembers what is to be called, and when."""

    def __init__(self) -> None:
        self.waits_ms: list[float] = []
        self.callbacks: list[Callable[[], None]] = []
        self.periodic: list[Callable[[], None]] = []

    def add_next_tick_callback(self, callback: Callable[[], None]) -> None:
        callback()

    def add_timeout_callback(self, callback: Callable[[], None], wait_ms: float) -> None:
        self.waits_ms.append(wait_ms)
        self.callbacks.append(callback)

    def add_periodic_callback(self, callback: Callable[[], None], _period_ms: int) -> None:
        self.periodic.append(callback)

    def on_session_destroyed(self, *_: Any) -> None: ...


class Page:
    """A page whose refresh takes its time."""

    page: Any = None

    def __init__(self, clock: Clock, took_s: float) -> None:
        self.wrong: list[str] = []
        self.is_open = False
        self.clock, self.took_s, self.refreshed, self.ticked = clock, took_s, 0, 0

    def refresh(self) -> None:
        self.refreshed += 1
        self.clock.now_s += self.took_s

    def tick(self) -> None:
        self.ticked += 1


@pytest.mark.parametrize(("took_s", "wait_ms"), [(0.1, 1_000), (2.0, 6_000)])
def test_a_page_that_is_costly_rests_longer(
    monkeypatch: pytest.MonkeyPatch, took_s: float, wait_ms: float
) -> None:
    """The tap tells every second of a job of 100 000 tasks: the server must not be busy with it."""
    clock, tab = Clock(), Tab()
    monkeypatch.setattr(session, "time", clock)
    feed = StagedFeed((Staged(3, "one"),))
    page = Page(clock, took_s)
    stage = Stage(feed)
    stage.view.every = 1
    session._serve(lambda: page, stage, tab)
    assert page.refreshed == 1  # when its browser has it
    feed.look(2.0)
    tab.callbacks.pop()()
    assert page.refreshed == 2
    for at_s in (4.0, 6.0, 8.0):  # news that come while it rests are shown together
        feed.look(at_s)
    assert tab.waits_ms[1:] == [wait_ms]
    tab.callbacks.pop()()
    assert page.refreshed == 3
    session.let_go()
    assert feed.listeners == []


def test_nothing_changes_while_a_browser_takes_the_page_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was sent then was lost: the head of a chart told of its first seconds for ever."""
    opened: list[Callable[[], None]] = []
    monkeypatch.setattr(session.pn.state, "onload", opened.append)
    clock, tab = Clock(), Tab()
    monkeypatch.setattr(session, "time", clock)
    feed = StagedFeed((Staged(3, "one"),))
    page = Page(clock, 0.1)
    stage = Stage(feed)
    stage.view.every = 1
    session._serve(lambda: page, stage, tab)
    feed.look(2.0)
    for tick in tab.periodic:
        tick()
    assert (page.refreshed, page.ticked, tab.callbacks) == (0, 0, [])
    opened.pop()()
    assert page.refreshed == 1
    for tick in tab.periodic:
        tick()
    assert page.ticked == 0  # it has only just been refreshed, and that is a tick too
    clock.now_s += session.JUST_S
    for tick in tab.periodic:
        tick()
    feed.look(4.0)
    tab.callbacks.pop()()
    assert (page.refreshed, page.ticked) == (2, 1)
    session.let_go()
