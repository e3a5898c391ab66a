"""Actions for the pages of a running watch, as long as a command needs them."""

from collections.abc import Iterator
from contextlib import contextmanager

from ami_console.actions import Desk, use
from ami_console.collector import Collector
from ami_console.recorder import Recorder
from ami_console.settings import Settings

ACTIONS_EFFECT = (
    "run, retry and cancel are offered: whoever can open the page can change jobs, with the token "
    "of this console"
)
"""What whoever switches actions on is told."""

_END_WITHIN_S = 5.0


@contextmanager
def acting(settings: Settings, collector: Collector, recorder: Recorder | None) -> Iterator[None]:
    """Offer run, retry and cancel on the pages of this process, where the settings allow it.

    Args:
        settings: Where the sources are, and whether actions are allowed.
        collector: Of the watch; while it is paused nobody is asked anything.
        recorder: Of the recording that this process writes, if it does.
    """
    desk = Desk(settings, recorder=recorder, may_look=lambda: collector.paused_at_ns is None)
    use(desk)
    try:
        yield
    finally:
        use(None)
        desk.join(_END_WITHIN_S)
