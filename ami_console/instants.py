"""Instants as nanoseconds since the epoch (UTC), and the two ways text becomes one.

Rows carry times as plain ``int``: exact to the nanosecond that JetStream gives, cheap to
write, and turned into ``datetime64[ns, UTC]`` in one step when a frame is built.
"""

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from ami_console.steady_clock import SteadyClock

NS_PER_S = 1_000_000_000

LATEST = 230 * 365 * 86_400 * NS_PER_S
"""Times before the epoch, and from here on (some weeks before the year 2200), are no times of a
server: 64 bits have no room to count with them."""

_LONGEST_ZONE = len("+00:00:00.000000")


CLOCK = SteadyClock(time.time_ns, time.monotonic_ns)
"""The clock of this process; the same for looks, judgements and pages."""


def now_ns() -> int:
    """The time of day by :data:`CLOCK`, which never runs back, ns since the epoch.

    Not for metrics and judgements: they are told the instant.
    """
    return CLOCK.now_ns()


def from_datetime(moment: datetime) -> int:
    """Nanoseconds since the epoch of an aware datetime, exact to the microsecond."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * NS_PER_S + moment.microsecond * 1_000


def to_datetime(instant_ns: int) -> datetime:
    """Aware UTC datetime of an instant, cut to the microsecond."""
    whole_s, rest_ns = divmod(instant_ns, NS_PER_S)
    return datetime.fromtimestamp(whole_s, UTC).replace(microsecond=rest_ns // 1_000)


def from_rfc3339(text: object) -> int | None:
    """Instant of an RFC 3339 time with up to nine decimals (``…T15:13:09.739831852Z``).

    Returns:
        ``None`` for a missing time, for Go's zero time (year 1), for one beyond
        :data:`LATEST`, and for anything else that is not a time.
    """
    if not isinstance(text, str) or len(text) < 20 or text.startswith("0001-"):
        return None
    whole, rest = text[:19], text[19:]
    decimals = ""
    if rest[0] in ".,":
        zone = rest[1:].lstrip("0123456789")
        decimals, rest = rest[1 : len(rest) - len(zone)], zone
    if len(rest) > _LONGEST_ZONE:
        return None
    whole_ns = _whole_second(whole + rest)
    return None if whole_ns is None else _usable(whole_ns + int(decimals[:9].ljust(9, "0")))


@lru_cache(maxsize=4096)
def _whole_second(text: str) -> int | None:
    """Instant of a time without decimals: what is read together mostly lies in few seconds."""
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else from_datetime(moment)
    except (ValueError, OverflowError):
        return None


def from_naive_local(text: object, zone: ZoneInfo) -> int | None:
    """Instant of a naive server time (``2026-11-23T10:09:17.869471``) in the server's zone.

    A time that carries an offset is taken at its word. In the hour that a zone repeats in
    autumn the earlier reading is taken: the text alone can't tell.
    """
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return _usable(from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=zone)))
    except (ValueError, OverflowError):
        return None


def from_http_date(text: str | None) -> int | None:
    """Instant of an HTTP ``Date`` header; it is cut to the second."""
    if not text:
        return None
    try:
        return _usable(from_datetime(parsedate_to_datetime(text)))
    except (ValueError, TypeError, OverflowError):
        return None


def _usable(instant_ns: int) -> int | None:
    return instant_ns if 0 <= instant_ns < LATEST else None
