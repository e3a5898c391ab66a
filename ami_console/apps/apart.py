"""Work that takes a while, on a thread of its own: the pages of others must not wait for it."""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

import panel as pn
from panel.io.state import set_curdoc

log = logging.getLogger(__name__)

T = TypeVar("T")


def apart(work: Callable[[], T], then: Callable[[T], None]) -> None:
    """Do some work, and hand what it gave to the page it was begun from.

    In a notebook and in a script there is nobody else who would wait: it is done at once.

    Args:
        work: Reads, computes; touches no part of the page. It must not raise.
        then: Called with what it gave, on the thread that serves the page.
    """
    document = pn.state.curdoc
    if document is None or document.session_context is None:
        then(work())
        return

    def show(given: T) -> None:
        with pn.io.unlocked():  # one message for all that changed
            then(given)

    def hand_over(given: T) -> None:
        # What changes while a browser takes the page over is lost to it: not before it has it.
        with set_curdoc(document):
            pn.state.onload(lambda: show(given))

    def run() -> None:
        given = work()
        try:
            document.add_next_tick_callback(lambda: hand_over(given))
        except RuntimeError:  # the page is just closing
            log.debug("a page that is closing gets no answer")

    threading.Thread(target=run, name="apart", daemon=True).start()
