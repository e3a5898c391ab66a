"""Naive wall time of a server as instants, and the hour that autumn repeats."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ami_console.instants import LATEST, NS_PER_S

NS_PER_MINUTE = 60 * NS_PER_S

FRESH_NS = 20 * NS_PER_MINUTE
"""A log that is followed is read so soon after it was written, at most."""

DISORDER_NS = 5 * NS_PER_MINUTE
"""Processes that share a log write a little out of order; what goes back further is autumn."""

_CACHED = 50_000
_MINUTE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class WallTime(dict[str, int | None]):
    """``2026-11-23 10:14:20`` → ns since the epoch, ``None``: this is no time.

    In brackets, with a space behind, as a job's log has it, it is the same.

    A dict that fills itself: a log has many lines within a second, and asking the zone is slow.
    Of a time that the zone has twice this is the first; :attr:`repeated` knows of the second.

    Attributes:
        repeated: First ns of a minute that the zone has twice → ns until it comes again; of the
            minutes that were met so far.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__()
        self._zone = zone
        self._minutes: dict[str, int | None] = {}
        self.repeated: dict[int, int] = {}

    def __missing__(self, text: str) -> int | None:
        if len(self) >= _CACHED:
            self.clear()
        self[text] = instant = self._instant(text)
        return instant

    def _instant(self, text: str) -> int | None:
        if len(text) == 22 and text[0] == "[" and text[20:] == "] ":
            text = text[1:20]
        if len(text) != 19 or text[16] != ":":
            return None
        minute, second = text[:16], text[17:]
        if minute not in self._minutes:
            if len(self._minutes) >= _CACHED:
                self._minutes.clear()
            self._minutes[minute] = self._of_minute(minute)
        begin = self._minutes[minute]
        if begin is None or not (second.isascii() and second.isdecimal() and int(second) < 60):
            return None
        return begin + int(second) * NS_PER_S

    def _of_minute(self, text: str) -> int | None:
        if not _MINUTE.fullmatch(text):
            return None
        try:
            moment = datetime.fromisoformat(text).replace(tzinfo=self._zone)
        except ValueError:
            return None
        first = (moment - _EPOCH) // _SECOND * NS_PER_S
        second = (moment.replace(fold=1) - _EPOCH) // _SECOND * NS_PER_S
        if not 0 < first < LATEST:
            return None
        if second > first:
            self.repeated[first - first % NS_PER_MINUTE] = second - first
        return first


class Order:
    """Which of its two a repeated time is, told by the order of the lines of one process' log.

    Attributes:
        last: The instant of the newest line so far.
    """

    __slots__ = ("_repeated", "last")

    def __init__(self, repeated: Mapping[int, int]) -> None:
        self._repeated = repeated
        self.last: int | None = None

    def settled(self, instant: int, known: int | None = None) -> int:
        """The instant itself, or the later one that its wall time may mean as well.

        Args:
            instant: The first of the two.
            known: When the line was written, as somebody else noted without doubt.
        """
        shift = self._shift(instant) if self._repeated else 0
        if shift:
            if known is not None:
                is_later = abs(known - instant) > abs(known - instant - shift)
            else:
                is_later = self.last is not None and instant < self.last - DISORDER_NS
            instant += shift if is_later else 0
        self.last = instant
        return instant

    def all_settled(self, instants: Sequence[int | None]) -> list[int | None]:
        """The same for lines in their order; one that has no time gets that of the line before."""
        if not self._repeated and instants and None not in instants:
            self.last = instants[-1]
            return list(instants)
        return [self.last if each is None else self.settled(each) for each in instants]

    def all_settled_by(self, instants: Sequence[int | None], read_at: int) -> list[int | None]:
        """The same where it is known when the lines were read.

        What was just written can't be of the first of the two hours when it is read in the
        second; so the lines are gone through from the newest.
        """
        newest = next((each for each in reversed(instants) if each is not None), None)
        shift = self._shift(newest)
        if (
            newest is None
            or not shift
            or not 0 <= read_at + DISORDER_NS - newest - shift < FRESH_NS
        ):
            return self.all_settled(instants)
        bound, settled = read_at, []
        for instant in reversed(instants):
            chosen = instant
            if instant is not None:
                later = instant + self._shift(instant)
                chosen = bound = later if later <= bound + DISORDER_NS else instant
            settled.append(chosen)
        settled.reverse()
        return Order({}).all_settled(settled)

    def _shift(self, instant: int | None) -> int:
        """How much later the same wall time comes again, ns; 0: it does not."""
        if instant is None:
            return 0
        return self._repeated.get(instant - instant % NS_PER_MINUTE, 0)
