"""The streams of a log: who wrote a line, and which lines belong together."""

import re

from ami_console.logs.heads import Head, SourceKind
from ami_console.logs.masking import MESSAGE_LIMIT
from ami_console.logs.wall_time import Order

ENTRY_LIMIT = MESSAGE_LIMIT + 1
"""Characters of an entry of several lines; what comes behind is left out."""

TOGETHER_NS = 100_000_000
"""Docker stamps the lines of one entry within this time."""

WIDEST_SERVICE = 72
"""Characters within which the bar behind a service's name stands."""

Process = tuple[str, str | None]
"""Service (empty without one), and name or number of the process in it."""

_SERVICE = re.compile(r"[A-Za-z0-9][\w.-]{0,62}", re.ASCII)
_NUMBERED = re.compile(r"[-_][0-9]{1,4}$")
_HINTS: tuple[tuple[str, SourceKind], ...] = (
    ("celery", "celery"),
    ("flower", "celery"),
    ("django", "django"),
    ("gunicorn", "django"),
    ("web", "django"),
    ("worker", "worker"),
    ("companion", "worker"),
    ("processing", "worker"),
)


def hint_of(name: str) -> SourceKind | None:
    """Whose output it may be, by the name of a service or of a file."""
    lowered = name.lower()
    return next((source for part, source in _HINTS if part in lowered), None)


def service_of(line: str) -> tuple[str, str] | None:
    """Name and rest of a line that ``docker compose logs`` may have put a service before."""
    bar = line.find("|", 1, WIDEST_SERVICE)
    if bar < 0:
        return None
    service = line[:bar].rstrip(" ")
    if not _SERVICE.fullmatch(service):
        return None
    return service, line[bar + 1 :].removeprefix(" ")


def is_numbered(service: str) -> bool:
    """Whether the name ends as that of a container: ``django-1``, ``antenna_django_1``."""
    return _NUMBERED.search(service) is not None


Row = tuple[int | None, float | None, SourceKind, bool, str | None, Process, str]
"""An entry: when it was written (ns since the epoch), to what that is cut (seconds), whose it is,
whether it has the prefix of a known program, level, process, message."""


class Stream:
    """Lines of one service, or of a file.

    Attributes:
        service: Its name; empty for lines without one.
        hint: Whose output it is, by that name.
        order: Tells its times apart in autumn.
        row: The entry that may get more lines; ``None``: the next line is one itself.
    """

    __slots__ = ("_more", "_size", "_stamp", "hint", "order", "row", "service")

    def __init__(self, service: str, hint: SourceKind | None, order: Order) -> None:
        self.service, self.hint, self.order = service, hint, order
        self.row: Row | None = None
        self._more: list[str] | None = None
        self._size = 0
        self._stamp: int | None = None

    def begin(self, head: Head, stamp: int | None) -> Row:
        """Begin an entry.

        Args:
            head: Its first line.
            stamp: Docker's time of that line, if there is one.
        """
        source, message, instant, resolution_s, is_local, level, process = head
        if instant is not None:
            if is_local:
                instant = self.order.settled(instant, stamp)
            else:
                self.order.last = instant
        is_known = source != "text"
        if not is_known:
            message = message.rstrip(" ")
        if not is_known or (source == "django" and self.hint == "celery"):
            source = self.hint or "text"
        process_of = (self.service, process)
        self.row = row = (instant, resolution_s, source, is_known, level, process_of, message)
        self._more, self._stamp = None, stamp
        return row

    def add(self, text: str, stamp: int | None) -> None:
        """Add a line to the entry."""
        self._stamp = stamp
        if self._more is None:
            first = self.row[6] if self.row is not None else ""
            self._more, self._size = [first], len(first)
        if self._size < ENTRY_LIMIT:
            self._more.append(text[: ENTRY_LIMIT - self._size])
            self._size += len(text) + 1

    def is_continued_at(self, stamp: int | None) -> bool:
        """Whether a line that Docker stamped then, and that has no head, is of the entry."""
        if self.row is None or self._stamp is None or stamp is None:
            return False
        is_known = self.row[3]
        return is_known and stamp - self._stamp <= TOGETHER_NS

    def end(self) -> Row | None:
        """The entry, which gets no more lines; ``None``: there is none."""
        row, self.row = self.row, None
        if row is None or self._more is None:
            return row
        instant, resolution_s, source, is_known, level, process, _ = row
        message = "\n".join(self._more).rstrip()
        return (instant, resolution_s, source, is_known, level, process, message)
