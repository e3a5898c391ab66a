"""Keeping one open page up to date, and letting go of it when it closes."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

import panel as pn

from ami_console.apps import view as views
from ami_console.apps.feed import Unsubscribe
from ami_console.apps.stage import Stage

log = logging.getLogger(__name__)

SETTLE_MS = 250
"""The sources answer one after another: wait this long, and refresh once for all of them."""

PAUSE_S = 1.0
"""A live page is refreshed at most this often, however many sources have news, seconds."""

REPLAY_PAUSE_S = 0.05
"""A replay asks for nothing: its pages are refreshed as fast as they are wound."""

SHARE = 0.25
"""And for at most this share of the time: big jobs are refreshed less often."""

TICK_MS, RECORDED_TICK_MS = 1_000, 5_000

JUST_S = 0.7
"""A page that was refreshed so short ago, seconds, needs no tick."""


class Showable(Protocol):
    """A page that can be brought up to date."""

    page: Any
    wrong: list[str]
    is_open: bool

    def refresh(self) -> None: ...
    def tick(self) -> None: ...


def run(build: Callable[[], Showable], stage: Stage) -> Any:
    """Build a page and keep it up to date: in a server for its browser, else in the kernel.

    Args:
        build: Makes the page.
        stage: What it shows; tells of news, and when it is something else.
    """
    document = pn.state.curdoc
    if document is not None and document.session_context is not None:
        return _serve(build, stage, document)
    return _in_kernel(build, stage)


def _serve(build: Callable[[], Showable], stage: Stage, document: Any) -> Any:
    session = _Session(stage, document)
    _open.add(session.close)
    document.on_session_destroyed(session.closed)
    try:
        location = pn.state.location
        wrong = [] if location is None else views.read(stage.view, location.search or "")
        shown = build()
        shown.wrong = wrong
    except BaseException:
        session.close()
        raise
    if location is not None:
        _keep_address(location, stage.view)
    session.show(shown)
    return shown.page


class _Session:
    """One browser's page: when it is brought up to date."""

    def __init__(self, stage: Stage, document: Any) -> None:
        self._stage, self._document = stage, document
        self._shown: Showable | None = None
        self._is_due = self._is_loaded = False
        self._refreshed_s, self._rest_s = 0.0, PAUSE_S
        self._following = _Following(stage, self._news)

    def show(self, shown: Showable) -> None:
        """The page was built; from the moment when a browser has it, it moves."""
        self._shown = shown
        pn.state.onload(self._begin)
        period_ms = TICK_MS if self._stage.home.is_live else RECORDED_TICK_MS
        self._document.add_periodic_callback(self._tick, period_ms)

    def _begin(self) -> None:
        # What changes while a browser takes the page over is lost to it for good: so nothing does.
        self._is_loaded = True
        if self._shown is not None:
            self._shown.is_open = True
        self._refresh()

    def _refresh(self) -> None:
        self._is_due = False  # first: news that comes while we refresh asks for another one
        begun_s = time.monotonic()
        if self._shown is not None:
            with pn.io.unlocked():  # one message for all that changed
                self._shown.refresh()
        self._refreshed_s = time.monotonic()
        took_s = self._refreshed_s - begun_s
        self._rest_s = max(self._least_s(), took_s * (1 / SHARE - 1))

    def _least_s(self) -> float:
        """The next look is due in ``every`` seconds; its answers then take a moment to settle."""
        if not self._stage.is_live:
            return REPLAY_PAUSE_S
        return max(PAUSE_S, self._stage.view.every - 2 * SETTLE_MS / 1_000)

    def _news(self) -> None:
        if self._is_loaded and not self._is_due:
            self._is_due = True
            try:
                self._document.add_next_tick_callback(self._settle)
            except RuntimeError:  # the page is just closing
                log.debug("news for a page that is closing")

    def _settle(self) -> None:
        rest_ms = (self._refreshed_s + self._rest_s - time.monotonic()) * 1_000
        self._document.add_timeout_callback(self._refresh, max(SETTLE_MS, int(rest_ms)))

    def _tick(self) -> None:
        if time.monotonic() - self._refreshed_s < JUST_S:
            return
        if self._is_loaded and self._shown is not None:
            with pn.io.unlocked():
                self._shown.tick()

    def closed(self, _session_context: Any) -> None:
        """Its browser is gone."""
        self.close()

    def close(self) -> None:
        """Hear of no more news."""
        self._following.end()
        _open.discard(self.close)


class _Following:
    """A subscription to the news of what is shown, whatever that is."""

    def __init__(self, stage: Stage, news: Callable[[], None]) -> None:
        # Before the first numbers: they are then computed once and kept for the other pages.
        self._stage, self._news = stage, news
        self._unsubscribe: Unsubscribe = self._subscribed()
        stage.changed = self._change

    def _subscribed(self) -> Unsubscribe:
        """A replay moves when its own page winds it, which then shows it at once."""
        news = self._news if self._stage.is_live else lambda: None
        return self._stage.board.subscribe(news)

    def _change(self) -> None:
        before = self._unsubscribe
        self._unsubscribe = self._subscribed()
        before()

    def end(self) -> None:
        self._stage.changed = lambda: None
        self._unsubscribe()


def _keep_address(location: Any, view: views.View) -> None:
    """What the reader looks at is in the address, and what comes into the address is looked at."""

    def write(*_: Any) -> None:
        location.search = views.written(view, location.search or "")

    def read(event: Any) -> None:
        if (event.new or "") != views.written(view, event.new or ""):
            views.read(view, event.new or "")

    view.param.watch(write, list(views.NAMES))
    location.param.watch(read, "search")


_open: set[Callable[[], None]] = set()


def let_go() -> None:
    """End the subscriptions of all pages of this process: its server ends."""
    for close in tuple(_open):
        close()


_end_of_kernel_page: Unsubscribe | None = None


def watching() -> bool:
    """Whether a page of this notebook's kernel is kept up to date."""
    return _end_of_kernel_page is not None


def _in_kernel(build: Callable[[], Showable], stage: Stage) -> Any:
    """A page in a notebook, updated on the kernel's own loop; the page before it stands still."""
    global _end_of_kernel_page  # noqa: PLW0603  (one kernel shows one live page)
    if _end_of_kernel_page is not None:
        _end_of_kernel_page()
        _end_of_kernel_page = None
    pn.extension(inline=True)
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a plain script: there is nothing that could bring it up to date
        return build().page
    shown: Showable | None = None

    def refresh() -> None:
        if shown is not None:
            shown.refresh()
            pn.io.push_notebook(shown.page)  # the charts' source is no part of a Panel component

    def news() -> None:
        loop.call_soon_threadsafe(loop.call_later, SETTLE_MS / 1000, refresh)

    following = _Following(stage, news)
    shown = build()
    ticking = pn.state.add_periodic_callback(shown.tick, TICK_MS)

    def end() -> None:
        following.end()
        ticking.stop()

    _end_of_kernel_page = end
    return shown.page
