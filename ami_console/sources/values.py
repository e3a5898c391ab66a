"""Values out of other people's JSON: what is not plainly a value is missing, never zero.

Nothing here raises, and nothing guesses: an empty text (Antenna's params start as ``""``), a
flag where a number belongs, NaN, or a number that does not fit 64 bits become ``None``. A number
with a decimal point, or longer than 64 bits, comes as a float: one that may have been rounded on
the way becomes ``None`` too.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ami_console.logs.masking import masked
from ami_console.plain_text import one_line

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)

LONGEST_LABEL = 1_000
"""Characters of a name that are kept; Antenna's own fields have room for 255."""

_EXACT_FLOAT = 2**53  # below it, every whole number is a float of its own
_DECIMAL = re.compile(r"[+-]?[0-9]{1,19}")
_NOTHING: Mapping[str, Any] = {}


def integer(value: object) -> int | None:
    """A whole number within 64 bits; decimal text (Redis, some params) counts as one."""
    if type(value) is int:  # by far the most
        return value if INT64_MIN <= value <= INT64_MAX else None
    if isinstance(value, bool):
        return None
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if isinstance(value, str):
        stripped = value.strip()
        value = int(stripped) if _DECIMAL.fullmatch(stripped) else None
    elif isinstance(value, float):
        # NaN is below nothing.
        value = int(value) if abs(value) < _EXACT_FLOAT and value.is_integer() else None
    if not isinstance(value, int):
        return None
    return value if INT64_MIN <= value <= INT64_MAX else None


def count(value: object) -> int | None:
    """A whole number that is not negative: how many of something, or a sequence."""
    if type(value) is int:
        return value if 0 <= value <= INT64_MAX else None
    whole = integer(value)
    return whole if whole is not None and whole >= 0 else None


def identifier(value: object) -> int | None:
    """The number of a job or project: a positive JSON integer, nothing else."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value <= INT64_MAX else None


def ratio(value: object) -> float | None:
    """A share from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 1 else None


def seconds_from_ns(value: object) -> float | None:
    """A Go duration (ns) as seconds; Go's 0 means that it is not set."""
    duration_ns = count(value)
    return duration_ns / 1e9 if duration_ns else None


def text(value: object) -> str | None:
    """Text that is not empty, safe to store (a lone surrogate can't be written to disk)."""
    if not isinstance(value, str) or not value:
        return None
    return value.encode("utf-8", "replace").decode("utf-8")


def label(value: object) -> str | None:
    """A name that somebody gave to a thing: on one line, masked as lines of a log are, and cut."""
    name = text(value)
    return None if name is None else _label(name[:LONGEST_LABEL])


@lru_cache(maxsize=4096)  # the same names come with every look
def _label(name: str) -> str | None:
    return one_line(masked([name])[0]).strip() or None


def shown(value: object) -> str:
    """What came, for a message; JSON may be nested deeper than Python can print."""
    try:
        return str(value)
    except RecursionError:
        return f"a {type(value).__name__} that is nested too deep to be shown"


def mapping(value: object) -> Mapping[str, Any]:
    """The mapping, or an empty one: so that a missing level reads as missing values."""
    return value if type(value) is dict or isinstance(value, Mapping) else _NOTHING


def items(value: object) -> list[Any]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []
