"""The table of jobs: those that run, and dimmed below them those that ended a while ago."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from rich.text import Text

from ami_console.metrics.fleet import STALE_AFTER_S
from ami_console.terminal.columns import Column, fitting, table
from ami_console.terminal.findings import Worst, worst_by_job
from ami_console.terminal.marks import NOT_JUDGED, WELL, status_of
from ami_console.terminal.numbers import Looked
from ami_console.terminal.sparkline import bar, sparkline
from ami_console.terminal.words import (
    UNKNOWN,
    absent,
    count,
    measure,
    short,
    short_range,
    told,
    whole_range,
)

ENDED_S = 3_600.0
"""Jobs that ended no longer ago than this are shown, seconds."""

CHOSEN, OTHER = "▸", " "
BAR = 8

_ORDER = (
    "job",
    "name",
    "status",
    "bar",
    "done",
    "failed",
    "rate",
    "spark",
    "left",
    "flight",
    "oldest",
    "attempts",
    "lost",
    "verdict",
)

Row = Mapping[Hashable, Any]


def shown_jobs(fleet: pd.DataFrame, *, as_of: pd.Timestamp) -> pd.DataFrame:
    """Rows of :func:`ami_console.metrics.fleet` that have a place: what runs, and what just ended.

    Args:
        fleet: All jobs, those that run first.
        as_of: The instant seen from.
    """
    ended_s = (as_of - fleet["finished_at"]).dt.total_seconds()
    is_shown = ~fleet["is_final"].fillna(False) | (ended_s <= ENDED_S).fillna(False)
    return fleet[is_shown].reset_index(drop=True)


def fleet_lines(
    looked: Looked, *, as_of: pd.Timestamp, width: int, most: int, chosen: int | None = None
) -> list[Text]:
    """The table, as many rows of it as there is room for; the chosen job is always in sight.

    Args:
        looked: What was seen.
        as_of: The instant that ages count from.
        width: Columns of the screen.
        most: Lines that there is room for, at least 3.
        chosen: The job that a key would open; ``None``: none.
    """
    jobs = shown_jobs(looked.fleet, as_of=as_of)
    if jobs.empty:
        is_known = bool(looked.sources["ok"].fillna(False).any())
        why = "no job is active, and none was lately" if is_known else "no source has answered yet"
        line = Text(f"  {why}", style="dim")
        line.truncate(width, overflow="ellipsis")
        return [line]
    rows = jobs.to_dict("records")
    lines = table(
        fitting(_steps(rows, looked, as_of, chosen), _ORDER, width),
        styles=["dim" if _is_over(row) else "" for row in rows],
    )
    place = next((i for i, row in enumerate(rows) if row["job_id"] == chosen), 0)
    return [lines[0], *_in_sight(lines[1:], place, most - 1, width)]


def _in_sight(lines: list[Text], place: int, most: int, width: int) -> list[Text]:
    """Lines around one of them; how many there are besides stands in the last."""
    if len(lines) <= most:
        return lines
    room = max(1, most - 1)
    begin = min(max(0, place - room + 1), len(lines) - room)
    above, below = begin, len(lines) - begin - room
    parts = [f"{n} more {where}" for n, where in ((above, "above"), (below, "below")) if n]
    line = Text(f"  {', '.join(parts)}", style="dim")
    line.truncate(width, overflow="ellipsis")
    return [*lines[begin : begin + room], line][: max(1, most)]


def _is_over(row: Row) -> bool:
    return row["is_final"] is True


def _steps(
    rows: Sequence[Row], looked: Looked, as_of: pd.Timestamp, chosen: int | None
) -> list[tuple[str, Column]]:
    """Columns, what matters most first; a wider form of one comes where there is room for it."""
    details = looked.details.to_dict("index")
    of = [details.get(row["job_id"], {}) for row in rows]
    is_stale = _is_stale(looked)
    worst = worst_by_job(looked.findings)
    verdicts = [_verdict(row, worst, is_judged=looked.judged is not None) for row in rows]
    codes = [_code(row, worst, verdict) for row, verdict in zip(rows, verdicts, strict=True)]
    names = [Text(told(row["name"])) for row in rows]
    left = [Text(_left(row, more)) for row, more in zip(rows, of, strict=True)]
    states = [status_of(row["status"]) for row in rows]
    ids = [
        Text.assemble(
            (CHOSEN if row["job_id"] == chosen else OTHER, "bold"),
            (f"{row['job_id']}", "bold" if row["job_id"] == chosen else ""),
        )
        for row in rows
    ]
    column = {
        "job": Column(" job", ids, is_left=True),
        "done": Column("done", [Text(_done(row)) for row in rows]),
        "worst": Column("verdict", verdicts, is_left=True),
        "mark": Column("", [Text(state.mark, style=state.style) for state in states]),
        "status": Column(
            "status", [Text(state.text, style=state.style) for state in states], is_left=True
        ),
        "name": Column("name", names, is_left=True, most=11),
        "rate": Column("/min", [Text(measure(row["acked_per_min"])) for row in rows]),
        "left": Column("left", left),
        "spark": Column(
            "10 min",
            [Text(_spark(row, looked.rates), style="cyan") for row in rows],
            is_left=True,
            most=10,
        ),
        "flight": Column(
            "in flight",
            [Text(UNKNOWN if is_stale else count(row["num_ack_pending"])) for row in rows],
        ),
        "lost": Column("lost", [_lost(more) for more in of]),
        "code": Column("verdict", codes, is_left=True),
        "longer": Column("name", names, is_left=True, most=20),
        "oldest": Column(
            "oldest", [Text(UNKNOWN if is_stale else _oldest(more, as_of)) for more in of]
        ),
        "attempts": Column(
            "attempts",
            [Text(whole_range(m.get("attempts_low"), m.get("attempts_high"))) for m in of],
        ),
        "bar": Column("", [_bar(row) for row in rows], is_left=True),
        "failed": Column("failed", [Text(count(row["failed"])) for row in rows]),
        "whole": Column("name", names, is_left=True, most=40),
    }
    forms = {"worst": "verdict", "code": "verdict", "mark": "status", "longer": "name"}
    return [({**forms, "whole": "name"}.get(name, name), each) for name, each in column.items()]


def _is_stale(looked: Looked) -> bool:
    """Whether what the broker told last says nothing of now: rates are missing then as well."""
    age_s = looked.sources.loc[looked.sources["source"] == "nats", "age_s"]
    return not bool((age_s <= STALE_AFTER_S).fillna(False).any())


def _done(row: Row) -> str:
    if absent(row["processed"]) and absent(row["total"]):
        return UNKNOWN
    return f"{count(row['processed'])}/{count(row['total'])}"


def _bar(row: Row) -> Text:
    is_known = not absent(row["processed"]) and not absent(row["total"]) and row["total"] > 0
    done, rest = bar(row["processed"] / row["total"] if is_known else None, BAR)
    return Text.assemble((done, "cyan"), (rest, "dim"))


def _spark(row: Row, rates: pd.DataFrame) -> str:
    if row["job_id"] not in rates.index:
        return ""
    return sparkline(rates.loc[row["job_id"]].to_numpy("float64", na_value=np.nan)).rstrip()


def _left(row: Row, details: Row) -> str:
    if _is_over(row):
        return ""
    return short_range(details.get("eta_low_s"), details.get("eta_high_s"))


def _lost(details: Row) -> Text:
    text = whole_range(details.get("lost_low"), details.get("lost_high"))
    return Text(text, style="" if text in ("0", UNKNOWN) else "red")


def _oldest(details: Row, as_of: pd.Timestamp) -> str:
    """How long the oldest image in flight is on its way, at least."""
    at = details.get("oldest_in_flight_at")
    if absent(at):
        return UNKNOWN
    mark = ">" if details.get("oldest_is_bound") is True else ""
    return f"{mark}{short(max(0.0, (as_of - at).total_seconds()))}"


def _verdict(row: Row, worst: Mapping[int, Worst], *, is_judged: bool) -> Text:
    found = worst.get(row["job_id"])
    if found is not None:
        return Text(found.state.text, style=found.state.style)
    if _is_over(row) or row["status"] == "CREATED":
        return Text("")
    state = WELL if is_judged else NOT_JUDGED
    return Text(state.text, style=state.style)


def _code(row: Row, worst: Mapping[int, Worst], verdict: Text) -> Text:
    """The same with the check that speaks, and how many do besides."""
    found = worst.get(row["job_id"])
    if found is None or found.state.word == "can't tell":
        return verdict
    more = f" +{found.others}" if found.others else ""
    return Text(f"{found.state.mark} {found.code}{more}", style=found.state.style)
