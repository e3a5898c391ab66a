"""Instants as nanoseconds since the epoch (UTC), and the two ways text becomes one.

Rows carry times as plain ``int``: exact to the nanosecond that JetStream gives, cheap to
write, and turned into ``datetime64[ns, UTC]`` in one step when a frame is built.
"""

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

NS_PER_S = 1_000_000_000


def now_ns() -> int:
    """The wall clock of this machine. Only sources, collector and recorder may ask for it."""
    return time.time_ns()


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
        ``None`` for a missing time, for Go's zero time (year 1), and for anything else
        that is not a time.
    """
    if not isinstance(text, str) or len(text) < 20 or text.startswith("0001-"):
        return None
    body, decimals = text, ""
    if text[19] == ".":
        end = 20
        while end < len(text) and text[end].isascii() and text[end].isdigit():
            end += 1
        decimals, body = text[20:end], text[:19] + text[end:]
    try:
        moment = datetime.fromisoformat(body)
        if moment.tzinfo is None:
            return None
        return int(moment.timestamp()) * NS_PER_S + int(decimals[:9].ljust(9, "0") or 0)
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
        return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        return None


def from_http_date(text: str | None) -> int | None:
    """Instant of an HTTP ``Date`` header; it is cut to the second."""
    if not text:
        return None
    try:
        return from_datetime(parsedate_to_datetime(text))
    except (ValueError, TypeError):
        return None
