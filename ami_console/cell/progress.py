"""One line that says what is being done: in a notebook, in a terminal, or nowhere."""

import sys
import time
from importlib import import_module
from typing import Any, Self

QUIET_S = 0.7
"""What is done sooner says nothing, seconds."""


class Progress:
    """A line that is replaced by the next one. A context manager.

    Needs no IPython: without it the line goes to the terminal, and where there is none, it is not
    said at all.
    """

    def __init__(self, *, quiet_s: float = QUIET_S) -> None:
        """Args: ``quiet_s`` is how long nothing is said, seconds."""
        self._begin_at = time.monotonic() + quiet_s
        self._handle: Any = None
        self._said = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._said and not _in_notebook():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Replace the line."""
        if time.monotonic() >= self._begin_at:
            self._put(text)

    def end(self, text: str) -> None:
        """The last line; it stays in a notebook, if anything was said before."""
        if self._said:
            self._put(text)

    def _put(self, text: str) -> None:
        if _in_notebook():
            self._show(text)
        elif sys.stderr.isatty():
            print(f"\r\x1b[K{text[:79]}", end="", file=sys.stderr, flush=True)
            self._said = True

    def _show(self, text: str) -> None:
        line = {"text/plain": text}
        if self._handle is None:
            display: Any = import_module("IPython.display").display  # a kernel has it
            self._handle = display(line, raw=True, display_id=True)
        else:
            self._handle.update(line, raw=True)
        self._said = True


def _in_notebook() -> bool:
    """Whether this runs in a kernel, which can replace what it showed."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
