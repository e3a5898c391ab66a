"""Frames as text for a terminal, 80 columns wide or not; nothing in them can move its cursor."""

import json
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
import pandas as pd

from ami_console.plain_text import UNSHOWN
from ami_console.terminal.words import UNKNOWN, cells, cut, printable, wrapped

__all__ = [
    "UNKNOWN",
    "cell",
    "complain",
    "duration",
    "json_text",
    "paragraph",
    "printable",
    "prose_width",
    "shortened",
    "table",
    "unbroken",
    "width",
]

_NO_BREAK = "\N{NO-BREAK SPACE}"

NARROWEST = 20
WIDEST_PROSE = 100
"""Longer lines than that nobody reads with ease."""


def width() -> int:
    """Columns that a line may take: of COLUMNS if it is set, of the terminal, or 80 elsewhere."""
    return max(NARROWEST, shutil.get_terminal_size((80, 24)).columns)


def prose_width() -> int:
    """The same for sentences."""
    return min(width(), WIDEST_PROSE)


def paragraph(text: str, *, head: str = "", indent: int | None = None) -> str:
    """Sentences in lines of the width that there is; a path or a command's word stays whole.

    Args:
        text: Of others too; control characters are taken out.
        head: What the first line begins with.
        indent: Columns that the other lines begin with; those of the head when not given.
    """
    lines = wrapped(printable(text), prose_width(), head=head, indent=indent, breaks_words=False)
    return "\n".join(lines).replace(_NO_BREAK, " ")


def complain(text: str) -> None:
    """What went wrong, on a line of standard error.

    Args:
        text: Of others too; control characters are taken out.
    """
    print(f"ami-console: {printable(text)}", file=sys.stderr)


def json_text(value: Any) -> str:
    """A value as JSON for scripts, which a terminal shows unharmed all the same.

    Args:
        value: Of anything that JSON has; what a terminal would obey is written as ``\\uXXXX``, so
            that whoever reads it gets the very same text.
    """
    written = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return UNSHOWN.sub(lambda found: json.dumps(found.group())[1:-1], written)


def unbroken(text: str) -> str:
    """Words that stay on one line of a paragraph."""
    return text.replace(" ", _NO_BREAK)


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


def table(
    rows: Sequence[Mapping[str, str]],
    *,
    left: frozenset[str] = frozenset(),
    shrinks: Mapping[str, int] | None = None,
    drops: Collection[str] = (),
) -> str:
    """Rows of text in aligned columns, numbers to the right, columns in ``left`` to the left.

    Args:
        rows: Column → text, all with the same columns.
        left: Columns of text.
        shrinks: Columns that are cut where there is no room for all, and to how many columns of
            the screen at least.
        drops: Columns that are left out where that is not enough, the first one first.
    """
    if not rows:
        return ""
    widths = {c: max(cells(c), *(cells(row[c]) for row in rows)) for c in rows[0]}
    room = width() + 2
    for column, least in (shrinks or {}).items():
        too_much = sum(widths.values()) + 2 * len(widths) - room
        widths[column] = max(min(widths[column], least), widths[column] - max(0, too_much))
    for column in drops:
        if sum(widths.values()) + 2 * len(widths) > room:
            del widths[column]
    lines = [{c: c for c in rows[0]}, *rows]
    return "\n".join(
        "  ".join(_set(line[c], w, is_left=c in left) for c, w in widths.items()).rstrip()
        for line in lines
    )


def _set(text: str, to_width: int, *, is_left: bool) -> str:
    shown = cut(text, to_width)
    room = " " * (to_width - cells(shown))
    return f"{shown}{room}" if is_left else f"{room}{shown}"


def shortened(text: str, to_width: int) -> str:
    """Text cut to a width, with a mark where it was cut."""
    return cut(text, to_width)
