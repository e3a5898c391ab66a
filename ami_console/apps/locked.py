"""What a browser's message asks for, done as everything else on the page is."""

from collections.abc import Callable
from functools import partial

import panel as pn


def locked(work: Callable[[], None]) -> None:
    """Do something that changes the page, with its lock and in one message.

    Panel hands messages on without the document's lock, and charts can't be changed without it.

    Args:
        work: What is to be done; at once where no browser is behind the page.
    """
    document = pn.state.curdoc
    if document is None or document.session_context is None:
        work()
    else:
        document.add_next_tick_callback(partial(_in_one_message, work))


def _in_one_message(work: Callable[[], None]) -> None:
    with pn.io.unlocked():
        work()
