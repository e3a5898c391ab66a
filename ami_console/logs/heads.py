"""How log lines begin: the prefix of each program, with time, level and process."""

import re
from typing import Literal

from ami_console.instants import LATEST, from_rfc3339
from ami_console.logs.wall_time import WallTime

SourceKind = Literal["job", "django", "celery", "worker", "text"]

SECOND, MILLISECOND, MICROSECOND = 1.0, 1e-3, 1e-6

LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})

_LEVEL_OF = {"WARN": "WARNING", "FATAL": "CRITICAL", "EXCEPTION": "ERROR"}
_GUNICORN = re.compile(
    r"\[([0-9-]{10} [0-9:]{8}) ([+-][0-9]{2})([0-9]{2})\] \[([0-9]{1,10})\] \[([A-Z]{1,16})\] (.*)",
    re.ASCII | re.DOTALL,
)
_CELERY = re.compile(
    r"\[([0-9-]{10} [0-9:]{8}),([0-9]{3}): ([A-Z]{1,16})/([A-Za-z]{1,24}(?:-[0-9]{1,6})?)\] (.*)",
    re.ASCII | re.DOTALL,
)
_DJANGO = re.compile(
    r"([A-Z]{1,16}) ([0-9-]{10} [0-9:]{8}),([0-9]{3}) [\w.]{1,200} ([0-9]{1,10}) [0-9]{1,24} (.*)",
    re.ASCII | re.DOTALL,
)
JOB_LINE = re.compile(r"\[([0-9-]{10} [0-9:]{8})\] (?:([A-Z]{1,16}) )?(.*)", re.ASCII | re.DOTALL)
# 2026-11-23T10:14:20.123Z, 2026-11-23 10:14:20,123 …; [info     ] behind it is structlog's level.
_DATED = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]{1,9}))?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})? ?(?:\[([a-z]{1,16}) *\] )?(.*)",
    re.ASCII | re.DOTALL,
)
_PLAIN_LEVEL = re.compile(r"([A-Z]{1,16}): +(.*)", re.ASCII | re.DOTALL)
_ACCESS = re.compile(r"\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4} ", re.ASCII)


Head = tuple[SourceKind, str, int | None, float | None, bool, str | None, str | None]
"""What the beginning of a line tells; a plain tuple, as there is one for each line:

- whose format it is; ``text``: nobody's in particular
- the rest of the line
- when it was written, ns since the epoch; ``None``: the line does not tell
- to what that is cut, seconds
- whether the time had no offset: in autumn it may mean two instants
- ``INFO`` and so on
- name or number of the process
"""


def head_of(line: str, wall: WallTime) -> Head | None:
    """The head of a line; ``None``: it has none, so it may belong to the line before it."""
    first = line[:1]
    if first == "[":
        return _bracketed(line, wall)
    if first.isdigit():
        return _dated(line, wall)
    if first.isupper():
        return _levelled(line, wall)
    return None


def _bracketed(line: str, wall: WallTime) -> Head | None:
    behind = line[20:21]
    if behind == "," and (found := _CELERY.match(line)):
        clock, decimals, level, process, message = found.groups()
        begin = wall[clock]
        if begin is not None:
            instant = begin + int(decimals) * 1_000_000
            return ("celery", message, instant, MILLISECOND, True, level, process)
    elif behind == "]" and (found := JOB_LINE.match(line)):
        begin = wall[found[1]]
        if begin is not None:
            return ("job", found[3], begin, SECOND, True, found[2], None)
    elif behind == " " and (found := _GUNICORN.match(line)):
        instant_z = from_rfc3339(f"{found[1]}{found[2]}:{found[3]}")
        if instant_z is not None and 0 < instant_z < LATEST:
            return ("django", found[6], instant_z, SECOND, False, found[5], found[4])
    elif _ACCESS.match(line):
        return ("text", line, None, None, False, None, None)
    return None


def _dated(line: str, wall: WallTime) -> Head | None:
    found = _DATED.match(line)
    if found is None:
        return None
    day, clock, decimals, offset, word, message = found.groups()
    if offset:
        instant = from_rfc3339(f"{day}T{clock}.{decimals or 0}{offset}")
    else:
        instant = wall[f"{day} {clock}"]
        if instant is not None and decimals:
            instant += int(decimals.ljust(9, "0"))
    if instant is None or not 0 < instant < LATEST:
        return None
    level = None
    if word:
        name = word.upper()
        level = _LEVEL_OF.get(name, name)
        if level not in LEVELS:
            level, message = None, f"[{word}] {message}"
    resolution_s = 10.0 ** -min(len(decimals), 6) if decimals else SECOND
    return ("text", message, instant, resolution_s, not offset, level, None)


def _levelled(line: str, wall: WallTime) -> Head | None:
    if found := _DJANGO.match(line):
        level, clock, decimals, process, message = found.groups()
        begin = wall[clock]
        if begin is not None:
            instant = begin + int(decimals) * 1_000_000
            return ("django", message, instant, MILLISECOND, True, level, process)
    elif (found := _PLAIN_LEVEL.match(line)) and found[1] in LEVELS:
        return ("text", found[2], None, None, False, found[1], None)
    return None
