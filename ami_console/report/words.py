"""Numbers, instants and texts of others as a report writes them; missing is a dash, never zero."""

import html
import math
import re
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.markup import MISSING, absent, count
from ami_console.plain_text import plain

NOT_KNOWN = "not known"

BEFORE = pd.Timedelta(minutes=10)
"""What is told of a job without a date is not much older than the job."""


def escape(text: Any) -> str:
    """Text of others for HTML; the dash for a missing one."""
    return MISSING if absent(text) or text == "" else html.escape(plain(str(text)))


def plural(number: int, one: str) -> str:
    """A number with its noun: ``1 image``, ``8 images``."""
    return f"{count(number)} {one if number == 1 else f'{one}s'}"


def ratio(value: Any) -> str:
    """A share of 0–1 in percent; rounded down, so that only the whole is 100 %."""
    return MISSING if absent(value) else f"{math.floor(float(value) * 100 + 1e-9)} %"


def round_duration(seconds: float) -> str:
    """A round duration, as an axis names it: ``0.5 s``, ``10 min``, ``2 h``."""
    for length_s, unit in ((3_600, "h"), (60, "min")):
        if seconds >= length_s:
            return f"{seconds / length_s:g} {unit}"
    return f"{seconds:g} s"


def sentence(text: str) -> str:
    """A text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class Clock:
    """The wall clock of a report: the day is told where it is not that of the report.

    Attributes:
        zone: Zone of the wall time.
        day_of: When the report's job began.
        until: Nothing later is told of.
    """

    zone: ZoneInfo
    day_of: pd.Timestamp
    until: pd.Timestamp

    def at(self, instant: Any) -> str:
        """Such as ``10:14:30``, on another day ``24 Nov 10:14:30``."""
        if absent(instant):
            return MISSING
        local, day = instant.tz_convert(self.zone), self.day_of.tz_convert(self.zone)
        if local.date() == day.date():
            return f"{local:%H:%M:%S}"
        return f"{local:%d %b %H:%M:%S}" if local.year == day.year else self.whole(instant)

    def whole(self, instant: Any) -> str:
        """Such as ``23 Nov 2026, 10:14:30``."""
        if absent(instant):
            return MISSING
        return f"{instant.tz_convert(self.zone):%d %b %Y, %H:%M:%S}"

    def html(self, instant: Any) -> str:
        """:meth:`at` as a ``time`` element, which carries the instant in UTC."""
        if absent(instant):
            return MISSING
        utc = f"{instant.tz_convert('UTC'):%Y-%m-%dT%H:%M:%S}Z"
        return f'<time datetime="{utc}">{self.at(instant)}</time>'

    def told(self, text: str) -> str:
        """A sentence whose times (``15:30:00 UTC``, with a date or without) become wall time.

        One without a date is taken to be the first after the job began; where that would be
        later than the report, the one nearest to that.
        """
        return text if self.zone.key == "UTC" else _IN_UTC.sub(self._local, text)

    def _local(self, found: re.Match[str]) -> str:
        date, hour, minute, second = found.groups()
        if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
            return found.group()
        if date is not None:
            at = pd.to_datetime(f"{date} {hour}:{minute}:{second}", errors="coerce", utc=True)
            return found.group() if absent(at) else self.whole(at)
        midnight = self.day_of.tz_convert("UTC").normalize()
        first = midnight + pd.Timedelta(hours=int(hour), minutes=int(minute), seconds=int(second))
        days = [first + pd.Timedelta(days=shift) for shift in (-1, 0, 1)]
        later = [each for each in days if each >= self.day_of - BEFORE]
        nearest = min(days, key=lambda each: abs(each - self.day_of))
        return self.at(later[0] if later and later[0] <= self.until else nearest)


_IN_UTC = re.compile(r"(?:\b(\d{4}-\d\d-\d\d)[ T])?\b(\d\d):(\d\d):(\d\d) UTC\b")
