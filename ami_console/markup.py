"""HTML of a few plain parts, for objects that show themselves in a notebook.

Self-contained and small. Text that is not :class:`Html` is escaped, so that what users of Antenna
typed stays text. Light and dark as the notebook is.
"""

import html
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.plain_text import plain

MISSING = "–"

UTC = ZoneInfo("UTC")

_LIGHT = (
    "--ami-good:#0b6b4b;--ami-active:#1b5e92;--ami-warn:#8f4a00;--ami-bad:#b3161d;"
    "--ami-muted:#55616d"
)
_DARK = (
    "--ami-good:#4fc79a;--ami-active:#74b6ea;--ami-warn:#f0a95b;--ami-bad:#ff8a8a;"
    "--ami-muted:#a3afba"
)

STYLE = f"""<style>
.ami-cell{{{_LIGHT};max-width:70em;font-size:13px;line-height:1.5}}
@media(prefers-color-scheme:dark){{.ami-cell{{{_DARK}}}}}
[data-jp-theme-light="true"] .ami-cell{{{_LIGHT}}}
[data-jp-theme-light="false"] .ami-cell,[data-theme="dark"] .ami-cell,.vscode-dark .ami-cell{{{_DARK}}}
.ami-cell h3{{font-size:14px;font-weight:600;margin:0 0 4px}}
.ami-cell p{{margin:4px 0}}
.ami-cell .ami-scroll{{overflow-x:auto;margin:6px 0}}
.ami-cell.ami-cell table{{border-collapse:collapse;margin:0;font-size:inherit}}
.ami-cell.ami-cell caption{{text-align:left;color:var(--ami-muted);padding:0 0 2px}}
.ami-cell.ami-cell table :is(th,td){{text-align:left;padding:2px 14px 2px 4px;vertical-align:top;white-space:normal;max-width:44em}}
.ami-cell.ami-cell thead th{{font-weight:600;border-bottom:1px solid var(--ami-muted)}}
.ami-cell.ami-cell table .ami-n{{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}}
.ami-cell details{{border-left:3px solid var(--ami-tone,var(--ami-muted));padding:2px 0 2px 10px;margin:6px 0}}
.ami-cell summary{{cursor:pointer}}
.ami-cell .ami-dim{{color:var(--ami-muted)}}
.ami-cell .ami-state{{color:var(--ami-tone);font-weight:600;white-space:nowrap}}
.ami-good{{--ami-tone:var(--ami-good)}}.ami-active{{--ami-tone:var(--ami-active)}}
.ami-warn{{--ami-tone:var(--ami-warn)}}.ami-bad{{--ami-tone:var(--ami-bad)}}
.ami-muted{{--ami-tone:var(--ami-muted)}}
</style>"""  # noqa: E501 - a rule a line

STATES: Mapping[str, tuple[str, str]] = {
    "CREATED": ("○", "muted"),
    "PENDING": ("◔", "active"),
    "RECEIVED": ("◔", "active"),
    "STARTED": ("▶\ufe0e", "active"),
    "RETRY": ("↻", "warn"),
    "CANCELING": ("◌", "warn"),
    "SUCCESS": ("✓", "good"),
    "FAILURE": ("✕", "bad"),
    "REVOKED": ("⊘", "muted"),
}
"""Status of a job → its mark and tone."""

SEVERITIES: Mapping[str, tuple[str, str]] = {
    "critical": ("✕", "bad"),
    "warning": ("!", "warn"),
    "info": ("i", "active"),
}
"""How bad a finding is → its mark and tone."""


class Html(str):
    """Text that is HTML already; any other is escaped where it is put."""

    __slots__ = ()


def absent(value: Any) -> bool:
    """Whether a value is missing: None, NA, NaT or NaN."""
    return value is None or bool(pd.isna(value))


def safe(value: Any) -> Html:
    """A value as HTML: escaped, and a dash where it is missing."""
    if isinstance(value, Html):
        return value
    return Html(MISSING if absent(value) or value == "" else html.escape(plain(str(value))))


def count(value: Any) -> str:
    """A whole number with thin spaces: ``12 345``."""
    return MISSING if absent(value) else f"{int(value):,}".replace(",", "\u202f")


def measure(value: Any) -> str:
    """A measured number with about three digits: ``0.42``, ``4.2``, ``421``."""
    if absent(value):
        return MISSING
    number = float(value)
    if number and abs(number) < 1:
        return f"{number:.2f}"
    return f"{number:.1f}" if abs(number) < 100 else count(round(number))


def duration(value: Any) -> str:
    """Seconds as the two largest units: ``320 ms``, ``4.2 s``, ``1 min 05 s``, ``2 h 13 min``."""
    if absent(value):
        return MISSING
    seconds = float(value)
    if 0 < seconds < 9.95 and seconds % 1:
        return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def instant(at: Any, zone: ZoneInfo = UTC) -> str:
    """Wall time of a zone with its offset: ``2026-11-23 10:12:30 UTC−05:00``; UTC if not given."""
    if absent(at):
        return MISSING
    local = at.tz_convert(zone)
    minutes = round(local.utcoffset().total_seconds() / 60)
    if not minutes:
        return f"{local:%Y-%m-%d %H:%M:%S} UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"{local:%Y-%m-%d %H:%M:%S} UTC{'−' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


def state(word: Any, mark: str, tone: str) -> Html:
    """A state as mark and word, in its tone: never told by colour alone."""
    return Html(f'<span class="ami-state ami-{tone}">{mark} {safe(word)}</span>')


def status(value: Any) -> Html:
    """A job's status; one that is new to us keeps its own word."""
    if absent(value):
        return state("not known", "?", "muted")
    return state(str(value).lower(), *STATES.get(str(value), ("?", "warn")))


def table(
    rows: Sequence[Mapping[str, Any]], *, numbers: Collection[str] = (), caption: str = ""
) -> Html:
    """Rows as a table, a column per key of the first; empty without rows.

    Args:
        rows: Heading → value.
        numbers: Headings of columns that are set to the right.
        caption: What it is.
    """
    if not rows:
        return Html("")
    side = {name: ' class="ami-n"' if name in numbers else "" for name in rows[0]}
    head = "".join(f'<th scope="col"{side[name]}>{safe(name)}</th>' for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td{side[name]}>{safe(row[name])}</td>" for name in rows[0]) + "</tr>"
        for row in rows
    )
    told = f"<caption>{safe(caption)}</caption>" if caption else ""
    return Html(
        f'<div class="ami-scroll"><table>{told}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def pairs(facts: Mapping[str, Any], *, caption: str = "") -> Html:
    """Names and values, a row each."""
    rows = "".join(
        f'<tr><th scope="row">{safe(name)}</th><td>{safe(value)}</td></tr>'
        for name, value in facts.items()
    )
    told = f"<caption>{safe(caption)}</caption>" if caption else ""
    return Html(f'<div class="ami-scroll"><table>{told}<tbody>{rows}</tbody></table></div>')


def paragraph(text: Any, *, dim: bool = False) -> Html:
    """A paragraph."""
    return Html(f'<p class="ami-dim">{safe(text)}</p>' if dim else f"<p>{safe(text)}</p>")


def folded(head: Html, body: Html, *, tone: str, is_open: bool = False) -> Html:
    """A line that unfolds."""
    unfolded = " open" if is_open else ""
    return Html(f'<details class="ami-{tone}"{unfolded}><summary>{head}</summary>{body}</details>')


def joined(parts: Sequence[Any], between: str = "") -> Html:
    """Several parts as one."""
    return Html(between.join(safe(part) for part in parts))


def card(title: Any, *parts: Html) -> str:
    """The whole of what an object shows of itself."""
    return f'{STYLE}<div class="ami-cell"><h3>{safe(title)}</h3>{"".join(parts)}</div>'
