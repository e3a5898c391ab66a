"""Keeping one open page up to date, and letting go of it when it closes."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

import panel as pn

from ami_console.apps.board import Board
from ami_console.apps.feed import Unsubscribe

log = logging.getLogger(__name__)

SETTLE_MS = 250
"""The sources answer one after another: wait this long, and refresh once for all of them."""

PAUSE_S = 1.0
"""A page is refreshed at most this often, however many sources have news, seconds."""

SHARE = 0.25
"""And for at most this share of the time: big jobs are refreshed less often."""

TICK_MS, RECORDED_TICK_MS = 1_000, 5_000


class Showable(Protocol):
    """A page that can be brought up to date."""

    page: Any
    view: Any

    def refresh(self) -> None: ...
    def tick(self) -> None: ...


def run(build: Callable[[], Showable], board: Board) -> Any:
    """Build a page and keep it up to date: in a server for its browser, else in the kernel.

    Args:
        build: Makes the page.
        board: Tells of news.
    """
    document = pn.state.curdoc
    if document is not None and document.session_context is not None:
        return _serve(build, board, document)
    return _in_kernel(build, board)


def _serve(build: Callable[[], Showable], board: Board, document: Any) -> Any:
    due = loaded = False
    refreshed_s, rest_s = 0.0, PAUSE_S
    shown: Showable | None = None

    def refresh() -> None:
        nonlocal due, refreshed_s, rest_s
        due = False  # first: news that comes while we refresh asks for another one
        begun_s = time.monotonic()
        if shown is not None:
            with pn.io.unlocked():  # one message for all that changed
                shown.refresh()
        refreshed_s = time.monotonic()
        rest_s = max(PAUSE_S, (refreshed_s - begun_s) * (1 / SHARE - 1))

    def settle() -> None:
        rest_ms = (refreshed_s + rest_s - time.monotonic()) * 1_000
        document.add_timeout_callback(refresh, max(SETTLE_MS, int(rest_ms)))

    def news() -> None:
        nonlocal due
        if loaded and not due:
            due = True
            try:
                document.add_next_tick_callback(settle)
            except RuntimeError:  # the page is just closing
                log.debug("news for a page that is closing")

    # Before the first numbers: they are then computed once and kept for the other pages.
    unsubscribe = board.subscribe(news)

    def close() -> None:
        unsubscribe()
        _open.discard(close)

    def closed(session_context: Any) -> None:
        close()

    _open.add(close)
    document.on_session_destroyed(closed)
    try:
        shown = build()
    except BaseException:
        close()
        raise
    if pn.state.location is not None:
        pn.state.location.sync(shown.view, {"job": "job", "window": "window"})

    def begin() -> None:
        # What changes while a browser takes the page over is lost to it for good: so nothing does.
        nonlocal loaded
        loaded = True
        refresh()

    pn.state.onload(begin)
    period = TICK_MS if board.feed.is_live else RECORDED_TICK_MS

    def tick() -> None:
        if loaded:
            with pn.io.unlocked():
                shown.tick()

    document.add_periodic_callback(tick, period)
    return shown.page


_open: set[Callable[[], None]] = set()


def let_go() -> None:
    """End the subscriptions of all pages of this process: its server ends."""
    for close in tuple(_open):
        close()


_end_of_kernel_page: Unsubscribe | None = None


def watching() -> bool:
    """Whether a page of this notebook's kernel is kept up to date."""
    return _end_of_kernel_page is not None


def _in_kernel(build: Callable[[], Showable], board: Board) -> Any:
    """A page in a notebook, updated on the kernel's own loop; the page before it stands still."""
    global _end_of_kernel_page  # noqa: PLW0603  (one kernel shows one live page)
    if _end_of_kernel_page is not None:
        _end_of_kernel_page()
        _end_of_kernel_page = None
    pn.extension("tabulator", inline=True)
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

    unsubscribe = board.subscribe(news)
    shown = build()
    ticking = pn.state.add_periodic_callback(shown.tick, TICK_MS)

    def end() -> None:
        unsubscribe()
        ticking.stop()

    _end_of_kernel_page = end
    return shown.page
