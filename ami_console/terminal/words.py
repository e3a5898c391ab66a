"""Text and numbers as a terminal has room for them; nothing in them can move its cursor."""

import unicodedata
from collections.abc import Iterator
from typing import Any

import pandas as pd
from rich.cells import cell_len, set_cell_size

from ami_console.plain_text import one_line

UNKNOWN = "–"

_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    """Text on one line without control characters: a job's name must not drive the terminal."""
    if text.isascii() and text.isprintable():
        return text
    shown = ("�" if unicodedata.category(c) in _UNSHOWN else c for c in text)
    return one_line("".join(shown))


def absent(value: Any) -> bool:
    """Whether a value is missing: None, NA, NaT or NaN."""
    return value is None or bool(pd.isna(value))


def told(value: Any) -> str:
    """Text of others, printable; a dash for a missing one."""
    return UNKNOWN if absent(value) or value == "" else printable(str(value))


def count(value: Any) -> str:
    """A whole number: ``12,345``."""
    return UNKNOWN if absent(value) else f"{int(value):,}"


def measure(value: Any) -> str:
    """A measured number with about three digits: ``0.42``, ``4.2``, ``42``, ``421``."""
    if absent(value):
        return UNKNOWN
    number = float(value)
    if number and abs(number) < 1:
        return f"{number:.2f}"
    return f"{number:.1f}" if 0 < abs(number) < 9.95 else f"{round(number):,}"


def duration(value: Any) -> str:
    """Seconds as one or two units: ``12 s``, ``3 min 05 s``, ``2 h 10 min``, ``3 d 4 h``."""
    if absent(value):
        return UNKNOWN
    whole = round(float(value))
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def short(value: Any) -> str:
    """Seconds as one number: ``12 s``, ``3 min``, ``2 h``, ``3 d``."""
    return UNKNOWN if absent(value) else " ".join(_short(float(value)))


def short_range(low: Any, high: Any) -> str:
    """A time from fastest to slowest: ``5–7 min``; an end that is not known is a dash."""
    if absent(low):
        return UNKNOWN
    if absent(high):
        return f"{short(low)}–?"
    (first, unit), (last, last_unit) = _short(float(low)), _short(float(high))
    if unit != last_unit:
        return f"{first} {unit}–{last} {last_unit}"
    return f"{first} {unit}" if first == last else f"{first}–{last} {unit}"


def _short(seconds: float) -> tuple[str, str]:
    for unit, size, most in (("s", 1, 90), ("min", 60, 90 * 60), ("h", 3_600, 48 * 3_600)):
        if seconds < most:
            return f"{round(seconds / size)}", unit
    return f"{round(seconds / 86_400)}", "d"


def whole_range(low: Any, high: Any) -> str:
    """A number that is known to lie between two: ``7``, ``2–5``; a dash where nobody knows."""
    if absent(low) or absent(high):
        return UNKNOWN
    return count(low) if int(low) == int(high) else f"{count(low)}–{count(high)}"


def size(value: Any) -> str:
    """Bytes: ``512 B``, ``4.1 kB``, ``1.2 MB``."""
    if absent(value):
        return UNKNOWN
    number = float(value)
    for unit in ("B", "kB", "MB"):
        if number < 1000 or unit == "MB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


def cells(text: str) -> int:
    """How many columns a text takes: a CJK character takes two."""
    return cell_len(text)


def cut(text: str, width: int) -> str:
    """Text of at most so many columns, with a mark where it was cut."""
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 1).rstrip()}…" if width > 1 else "…"[:width]


def wrapped(
    text: str,
    width: int,
    *,
    head: str = "",
    indent: int | None = None,
    breaks_words: bool = True,
) -> list[str]:
    """Text in lines of at most so many columns; words stay whole where they fit.

    Args:
        text: Printable text.
        width: Columns.
        head: What the first line begins with.
        indent: Columns that the other lines begin with; those of the head when not given.
        breaks_words: Whether a word that fits no line is broken, or makes a line that is too
            long, as a path has to that shall be copied.
    """
    left = min(cells(head) if indent is None else indent, max(0, width - 10))
    lines = [cut(head, width)]
    begun = cells(lines[0])
    is_fresh = True  # nothing but the head or the indent is on the line
    for word in filter(None, text.split(" ")):
        for piece in _pieces(word, max(1, width - left)) if breaks_words else (word,):
            gap = 0 if is_fresh else 1
            if begun + gap + cells(piece) > width and begun > left:
                lines.append(" " * left)
                begun, gap = left, 0
            lines[-1] += " " * gap + piece
            begun += gap + cells(piece)
            is_fresh = False
    return [line.rstrip() for line in lines]


def _pieces(word: str, width: int) -> Iterator[str]:
    """A word in pieces that fit; one that does is one piece."""
    piece, taken = "", 0
    for character in word:
        more = cell_len(character)
        if piece and taken + more > width:
            yield piece
            piece, taken = "", 0
        piece += character
        taken += more
    if piece:
        yield piece
