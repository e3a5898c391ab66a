"""Frames as text for a terminal of 80 columns; nothing in them can move its cursor."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

UNKNOWN = "–"


def printable(text: str) -> str:
    """Text without control characters: a job's name must not drive the terminal."""
    return "".join("�" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in text)


def cell(value: Any) -> str:
    """A value for people; what is missing is a dash, never 0."""
    if value is None or value is pd.NaT or value is pd.NA or value != value:  # noqa: PLR0124 - NaN
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, pd.Timestamp):
        return value.strftime("%H:%M:%S")
    return printable(str(value))


def duration(seconds: Any) -> str:
    """Seconds for people: ``12 s``, ``3 m 05 s``, ``2 h 10 m``."""
    if seconds is None or pd.isna(seconds):
        return UNKNOWN
    whole = round(float(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


def table(rows: Sequence[Mapping[str, str]], *, left: frozenset[str] = frozenset()) -> str:
    """Rows of text in aligned columns, numbers to the right, columns in ``left`` to the left."""
    if not rows:
        return ""
    widths = {c: max(len(c), *(len(row[c]) for row in rows)) for c in rows[0]}
    lines = [{c: c for c in rows[0]}, *rows]
    return "\n".join(
        "  ".join(
            line[c].ljust(width) if c in left else line[c].rjust(width)
            for c, width in widths.items()
        ).rstrip()
        for line in lines
    )


def shortened(text: str, width: int) -> str:
    """Text cut to a width, with a mark where it was cut."""
    return text if len(text) <= width else f"{text[: width - 1]}…"
