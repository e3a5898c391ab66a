"""What libraries and surprises say on standard error: masked, and no command to a terminal.

Our own messages are so from the start. This is for the warnings of others, and for tracebacks of
what nobody expected: their last line may repeat a name, a log line or an answer of a server.
"""

import logging
import sys
import threading
import traceback
from types import TracebackType

from ami_console.logs.masking import masked


def guard() -> None:
    """From now on, what is logged without a handler of its own, and tracebacks, are said so."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Masked())
    sys.excepthook = _surprised
    threading.excepthook = _surprised_apart


class _Masked(logging.Formatter):
    """The message, and the traceback that belongs to it."""

    def format(self, record: logging.LogRecord) -> str:
        """All lines of it."""
        return _said(super().format(record))


def _said(text: str) -> str:
    return "\n".join(masked(text.split("\n")))


def _surprised(
    kind: type[BaseException], error: BaseException, where: TracebackType | None
) -> None:
    print(_said("".join(traceback.format_exception(kind, error, where))), file=sys.stderr, end="")


def _surprised_apart(told: threading.ExceptHookArgs) -> None:
    if told.exc_type is SystemExit or told.exc_value is None:
        return
    name = told.thread.name if told.thread is not None else "?"
    print(f"Exception in thread {name}:", file=sys.stderr)
    _surprised(told.exc_type, told.exc_value, told.exc_traceback)
