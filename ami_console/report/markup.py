"""The few pieces of HTML that all parts of a report are made of."""

import re
from collections.abc import Iterable, Sequence

from ami_console.report.words import escape


def section(key: str, title: str, body: str, *, about: str = "") -> str:
    """A part of the page.

    Args:
        key: Its id, for links to it.
        title: Plain text.
        body: HTML.
        about: Beside the title; plain text.
    """
    beside = f' <span class="dim">{escape(about)}</span>' if about else ""
    return f'<section id="{key}"><h2>{escape(title)}{beside}</h2>{body}</section>'


def paragraphs(texts: Iterable[str], *, tone: str = "") -> str:
    """Plain texts as paragraphs.

    Args:
        texts: Plain text.
        tone: A class of theirs.
    """
    named = f' class="{tone}"' if tone else ""
    return "".join(f"<p{named}>{escape(text)}</p>" for text in texts if text)


def note(text: str) -> str:
    """A remark; plain text."""
    return f'<p class="note">{escape(text)}</p>' if text else ""


def stepped(text: str) -> str:
    """What to do; what stands between backticks is a command.

    Args:
        text: Plain text.
    """
    parts = re.split(r"`([^`]+)`", text)
    return "".join(
        f"<code>{escape(part)}</code>" if number % 2 else escape(part) if part else ""
        for number, part in enumerate(parts)
    )


def pairs(told: Iterable[tuple[str, str]]) -> str:
    """Names with their values; both are HTML."""
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in told)
    return f"<dl>{rows}</dl>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, label: str, left: int = 1) -> str:
    """A table; the first cell of a row is its head.

    Args:
        heads: Of the columns; plain text.
        rows: Cells as HTML.
        label: What it shows, for who can't see it; plain text.
        left: So many of the columns are text; those behind them are numbers.
    """
    columns = "".join(
        f'<th scope="col"{_kind(place, left)}>{escape(head) if head else ""}</th>'
        for place, head in enumerate(heads)
    )
    wide = ' class="wide"' if len(heads) > 4 else ""
    body = "".join(f"<tr>{_cells(row, left)}</tr>" for row in rows)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">'
        f"<table{wide}><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cells(row: Sequence[str], left: int) -> str:
    first, *others = row
    cells = [f'<th scope="row">{first}</th>']
    cells += [f"<td{_kind(place, left)}>{cell}</td>" for place, cell in enumerate(others, start=1)]
    return "".join(cells)


def _kind(place: int, left: int) -> str:
    return "" if place < left else ' class="n"'


def folded(summary: str, body: str, *, is_open: bool = False, on_paper: bool = True) -> str:
    """What is long, behind a line that opens it.

    Args:
        summary: Plain text.
        body: HTML.
        is_open: Whether it is from the beginning.
        on_paper: Whether it is printed.
    """
    state = (" open" if is_open else "") + (' data-paper="open"' if on_paper else "")
    return f"<details{state}><summary>{escape(summary)}</summary>{body}</details>"


def badge(word: str, mark: str, tone: str) -> str:
    """A state as mark and word: never told by colour alone.

    Args:
        word: Plain text.
        mark: One sign.
        tone: ``good``, ``active``, ``warn``, ``bad`` or ``muted``.
    """
    return f'<span class="state {tone}"><i aria-hidden="true">{mark}</i> {escape(word)}</span>'
