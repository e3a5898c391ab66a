"""Numbers, times and states as people read them; a missing value is a dash, never a zero."""

import html
import math
import re
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.plain_text import plain

MISSING = "–"

Tone = Literal["good", "active", "warn", "bad", "muted"]


@dataclass(frozen=True)
class State:
    """A state as word, mark and tone: never told by colour alone."""

    word: str
    mark: str
    tone: Tone


STATES: dict[str, State] = {
    "CREATED": State("created", "○", "muted"),
    "PENDING": State("pending", "◔", "active"),
    "RECEIVED": State("received", "◔", "active"),
    "STARTED": State("started", "▶\ufe0e", "active"),
    "RETRY": State("retry", "↻", "warn"),
    "CANCELING": State("canceling", "◌", "warn"),
    "SUCCESS": State("success", "✓", "good"),
    "FAILURE": State("failure", "✕", "bad"),
    "REVOKED": State("revoked", "⊘", "muted"),
}


def state_of(status: Any) -> State:
    """How a job or stage status is shown; one that is new to us keeps its own word."""
    if absent(status):
        return State("not known", "?", "muted")
    return STATES.get(str(status), State(str(status).lower(), "?", "warn"))


def absent(value: Any) -> bool:
    """Whether a value is missing: None, NA, NaT or NaN."""
    return value is None or bool(pd.isna(value))


def escape(text: Any) -> str:
    """Text of others for HTML; the dash for a missing one."""
    return MISSING if absent(text) or text == "" else html.escape(plain(str(text)))


def count(value: Any) -> str:
    """A whole number with thin spaces: ``12 345``."""
    return MISSING if absent(value) else f"{int(value):,}".replace(",", "\u202f")


def measure(value: Any) -> str:
    """A measured number with about three digits: ``0.42``, ``4.2``, ``42.1``, ``421``."""
    if absent(value):
        return MISSING
    number = float(value)
    if number and abs(number) < 1:
        return f"{number:.2f}"
    return f"{number:.1f}" if abs(number) < 100 else count(round(number))


def ratio(value: Any) -> str:
    """A share of 0–1 in percent; rounded down, so that only the whole is 100 %."""
    return MISSING if absent(value) else f"{math.floor(float(value) * 100 + 1e-9)} %"


def duration(value: Any) -> str:
    """Seconds as the two largest units: ``2 s``, ``1 min 05 s``, ``2 h 13 min``, ``3 d 4 h``."""
    if absent(value):
        return MISSING
    seconds = float(value)
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def short_duration(value: Any) -> str:
    """Seconds as one number, where several stand side by side: ``2.4 s``, ``68 s``, ``15 min``."""
    if absent(value):
        return MISSING
    number, unit = float(value), "s"
    if 0 < number < 0.9995:
        return f"{number * 1000:.0f} ms"
    if number >= 119.5:
        number, unit = (number / 60, "min") if number < 7_170 else (number / 3_600, "h")
    return f"{number:.1f} {unit}" if 0 < number < 9.95 else f"{count(round(number))} {unit}"


def within(error_s: Any) -> str:
    """How far a time may be off: ``± 0.5 s``."""
    if absent(error_s):
        return MISSING
    error = float(error_s)
    if error < 0.1:
        return f"± {error * 1_000:.2g} ms"
    return f"± {error:.1f} s" if error < 10 else f"± {short_duration(error)}"


def size(value: Any) -> str:
    """Bytes: ``512 B``, ``4.1 kB``, ``1.2 MB``."""
    if absent(value):
        return MISSING
    number = float(value)
    for unit in ("B", "kB", "MB"):
        if number < 1000 or unit == "MB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError


def clock(instant: Any, zone: ZoneInfo, *, as_of: pd.Timestamp) -> str:
    """Wall time in a zone: ``12:03:04``, with its day where that is not today's."""
    if absent(instant):
        return MISSING
    local, today = instant.tz_convert(zone), as_of.tz_convert(zone)
    if local.date() == today.date():
        return f"{local:%H:%M:%S}"
    return f"{local:%d %b %H:%M}" if local.year == today.year else f"{local:%d %b %Y %H:%M}"


def ago(instant: Any, as_of: pd.Timestamp) -> str:
    """How long before ``as_of``: ``2 s ago``."""
    if absent(instant):
        return MISSING
    return f"{duration(max(0.0, (as_of - instant).total_seconds()) // 1)} ago"


_IN_UTC = re.compile(r"\b(\d\d):(\d\d):(\d\d) UTC\b")


def in_zone(text: str, zone: ZoneInfo, *, as_of: pd.Timestamp) -> str:
    """A sentence whose times (``15:30:00 UTC``) are told as wall time of a zone.

    Args:
        text: Plain text.
        zone: Zone of the wall time.
        as_of: Each time is that of the day on which it is nearest to this instant.
    """
    day = as_of.tz_convert("UTC").normalize()

    def local(found: re.Match[str]) -> str:
        hour, minute, second = map(int, found.groups())
        if hour > 23 or minute > 59 or second > 59:
            return found.group()
        at = day + pd.Timedelta(hours=hour, minutes=minute, seconds=second)
        days = [at + pd.Timedelta(days=shift) for shift in (-1, 0, 1)]
        nearest = min(days, key=lambda each: abs(each - as_of))
        return f"{nearest.tz_convert(zone):%H:%M:%S}"

    return text if zone.key == "UTC" else _IN_UTC.sub(local, text)
