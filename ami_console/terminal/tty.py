"""The terminal itself: its keyboard, Ctrl-Z, and what would write across the screen."""

import io
import os
import select
import signal
import sys
import termios
import tty
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self, TextIO

KEPT = 200
"""Pieces of what was written to stderr."""


class Keyboard:
    """Keys as they are pressed, unseen; a context manager that leaves the terminal as it was."""

    def __init__(self, stdin: TextIO) -> None:
        """Nothing is changed yet.

        Args:
            stdin: Where keys come from, if it is a terminal.
        """
        self._stdin = stdin
        self._before: list[Any] | None = None

    @property
    def is_there(self) -> bool:
        """Whether there are keys to press."""
        return self._before is not None

    def __enter__(self) -> Self:
        self._take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._give_back()

    @contextmanager
    def given_back(self) -> Iterator[None]:
        """While this goes on the terminal is as it was."""
        self._give_back()
        try:
            yield
        finally:
            self._take()

    def _take(self) -> None:
        try:
            fd = self._stdin.fileno()
            if not os.isatty(fd):
                return
            self._before = termios.tcgetattr(fd)
            tty.setcbreak(fd)
        except (OSError, ValueError, termios.error):  # closed, or no terminal at all
            self._before = None

    def _give_back(self) -> None:
        if self._before is not None:
            termios.tcsetattr(self._stdin.fileno(), termios.TCSADRAIN, self._before)
            self._before = None

    def read(self, wait_s: float) -> bytes:
        """What was pressed, after at most so many seconds; empty: nothing."""
        fd = self._stdin.fileno() if self.is_there else None
        ready, _, _ = select.select([] if fd is None else [fd], [], [], wait_s)
        if not ready or fd is None:
            return b""
        try:
            pressed = os.read(fd, 1024)
        except OSError:
            pressed = b""
        if not pressed:  # whoever sat there is gone
            self._before = None
        return pressed


class Suspension:
    """Ctrl-Z: noted when it is pressed, so that the screen can be put in order before."""

    def __init__(self) -> None:
        """Nothing is changed yet."""
        self.is_wanted = False
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGTSTP, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGTSTP, self._before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.is_wanted = True

    def sleep(self) -> None:
        """Stand still until somebody brings it back to the front."""
        self.is_wanted = False
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._note)


class KeptErrors:
    """Keeps the last of what is written to stderr until the first screen is back."""

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self._pieces: deque[str] = deque(maxlen=KEPT)
        self._before = sys.stderr

    def __enter__(self) -> Self:
        self._before, sys.stderr = sys.stderr, _Kept(self._pieces)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        sys.stderr = self._before
        sys.stderr.write("".join(self._pieces))


class _Kept(io.TextIOBase):
    """A stream that keeps the last of what is written to it."""

    def __init__(self, pieces: deque[str]) -> None:
        self._pieces = pieces

    def write(self, text: str) -> int:
        self._pieces.append(text)
        return len(text)
