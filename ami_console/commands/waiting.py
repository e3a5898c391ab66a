"""Waiting until a time is up or somebody asks to end."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ended_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that both end a command in good order."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait(
    ended: threading.Event,
    for_s: float | None,
    *,
    tick_s: float = 1.0,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Wait until ``ended`` is set, for at most ``for_s`` seconds, calling ``tick`` meanwhile."""
    left_s = float("inf") if for_s is None else for_s
    while left_s > 0 and not ended.wait(min(tick_s, left_s)):
        left_s -= tick_s
        tick()
