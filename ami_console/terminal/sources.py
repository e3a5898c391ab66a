"""Per source: can it be read, how old is what it told, what does a look cost, what went wrong."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from rich.text import Text

from ami_console.terminal.marks import State
from ami_console.terminal.words import UNKNOWN, absent, duration, printable, size, wrapped

NAMES = {
    "antenna": "Antenna",
    "nats": "NATS",
    "redis": "Redis",
    "tap": "Tap",
    "job_logs": "Job logs",
    "log_files": "Log files",
    "celery": "Celery",
    "diagnosis": "Verdicts",
}
RARELY_READ = frozenset({"job_logs", "log_files"})
"""They have a pause of their own; whether the watch stands still the others tell."""

OK = State("●", "ok", "good")
LATE = State("▲", "late", "warn")
DOWN = State("✕", "can't be read", "bad")
PAUSED = State("‖", "paused", "warn")
NEVER = State("○", "not read yet", "muted")

GAP = "   "

Source = Mapping[Hashable, Any]


def state_of(source: Source, *, age_s: float | None, every_s: float, is_paused: bool) -> State:
    """What to call a source.

    Args:
        source: A row of :func:`ami_console.metrics.source_ages`.
        age_s: Age of its newest good answer, seconds; ``None`` without one.
        every_s: Pause between two looks, seconds.
        is_paused: Whether nobody is asked anything, because an operator wanted it so.
    """
    if is_paused:
        return PAUSED
    if absent(source["ok"]):
        return NEVER
    if not source["ok"]:
        return DOWN
    is_late = age_s is not None and age_s > max(10.0, 4 * every_s)
    return LATE if is_late and source["source"] not in RARELY_READ else OK


def sources_lines(
    sources: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    every_s: float,
    width: int,
    is_paused: bool = False,
) -> list[Text]:
    """All sources in a line, or several; below it why one can't be read, in a line or two.

    Args:
        sources: :func:`ami_console.metrics.source_ages`.
        as_of: The instant that ages count from: later than that of the sources.
        every_s: Pause between two looks, seconds.
        width: Columns of the screen.
        is_paused: Whether the watch is paused.
    """
    rows = sources.to_dict("records")
    ages = {row["source"]: _age_s(row, as_of) for row in rows}
    states = {
        row["source"]: state_of(
            row, age_s=ages[row["source"]], every_s=every_s, is_paused=is_paused
        )
        for row in rows
    }
    # Whether all is judged nobody wants to read as long as it is.
    rows = [row for row in rows if (row["source"], states[row["source"]]) != ("diagnosis", OK)]
    told = [
        [_item(row, states[row["source"]], ages[row["source"]], has_cost=has_cost) for row in rows]
        for has_cost in (True, False)
    ]
    # What a look costs is told where there is room for it.
    lines = min((_flowed(items, width) for items in told), key=len)
    for row in rows:
        if states[row["source"]] is DOWN:
            lines += _why(row, ages[row["source"]], width)
    return lines


def _age_s(source: Source, as_of: pd.Timestamp) -> float | None:
    at = source["last_ok_at"]
    return None if absent(at) else max(0.0, (as_of - at).total_seconds())


def _item(source: Source, state: State, age_s: float | None, *, has_cost: bool) -> Text:
    name = NAMES.get(source["source"], printable(str(source["source"])))
    item = Text.assemble((state.mark, state.style), f" {name} ", (state.word, state.style))
    if state is not NEVER:
        item.append(f" {UNKNOWN if age_s is None else duration(age_s // 1)}")
    if has_cost and not absent(source["elapsed_s"]) and source["requests"] != 0:
        cost = f"{source['elapsed_s']:.2f} s"
        if not absent(source["bytes"]):
            cost = f"{cost}, {size(source['bytes'])}"
        item.append(f" ({cost})", style="dim")
    return item


def _flowed(items: list[Text], width: int) -> list[Text]:
    """Items one after another; one that does not fit any more begins a line."""
    lines: list[Text] = []
    for item in items:
        if lines and lines[-1].cell_len + len(GAP) + item.cell_len <= width:
            lines[-1].append(GAP).append_text(item)
        else:
            lines.append(item.copy())
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _why(source: Source, age_s: float | None, width: int) -> list[Text]:
    name = NAMES.get(source["source"], printable(str(source["source"])))
    error = "no reason was told" if absent(source["error"]) else printable(str(source["error"]))
    ever = "never answered" if age_s is None else f"last answer {duration(age_s // 1)} ago"
    lines = wrapped(error, width, head=f"✕ {name}, {ever}: ", indent=2)
    if len(lines) > 2:
        lines = [lines[0], f"{lines[1][: width - 2].rstrip()} …"]
    return [Text(line, style=DOWN.style) for line in lines]
