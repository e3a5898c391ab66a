"""The page of one job: verdict, evidence and next step; who agrees; the last minutes; its log."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
from rich.text import Text

from ami_console.diagnosis import Line, worst_first
from ami_console.instants import NS_PER_S
from ami_console.metrics.arrays import floats, instants
from ami_console.terminal.columns import Column, fitting, table
from ami_console.terminal.findings import cant_tell_lines, entry, finding_lines
from ami_console.terminal.marks import AGREEMENT, NOT_JUDGED, WELL, status_of
from ami_console.terminal.numbers import DRAWN_MIN, Looked
from ami_console.terminal.sparkline import bar, buckets, sparkline
from ami_console.terminal.words import (
    UNKNOWN,
    absent,
    count,
    cut,
    duration,
    measure,
    printable,
    short_range,
    told,
    whole_range,
    wrapped,
)

QUANTITIES = {
    "total": "in all",
    "processed": "processed",
    "in_flight": "in flight",
    "remaining": "remaining",
    "failed": "failed",
}
TELLERS = {"antenna": "Antenna", "nats": "NATS", "redis": "Redis"}
LOG_LINES = 8
DRAWN = {
    "acked_per_min": "settled /min",
    "num_pending": "in the queue",
    "num_ack_pending": "in flight",
    "redeliveries_per_min": "redelivered /min",
}

Row = Mapping[Hashable, Any]


def job_lines(looked: Looked, job_id: int, *, as_of: pd.Timestamp, width: int) -> list[Text]:
    """All lines of the page; a screen shows a part of them.

    Args:
        looked: What was seen; ``looked.jobs`` has the job once its page is open.
        job_id: The job.
        as_of: The instant that ages count from.
        width: Columns of the screen.
    """
    mine = looked.fleet[looked.fleet["job_id"] == job_id]
    if mine.empty:
        return [
            Text(line, style="dim")
            for line in wrapped(f"no source knows anything of job {job_id}", width, indent=0)
        ]
    row = mine.iloc[0].to_dict()
    details = looked.details.to_dict("index").get(job_id, {})
    lines = [*_head(row, details, width), Text(), *_verdict(looked, job_id, as_of, width)]
    numbers = looked.jobs.get(job_id)
    if numbers is None:
        lines += [Text(), Text("reading what is known of it …", style="dim")]
        return _fitted(lines, width)
    for coming in numbers.coming.to_dict("records"):
        left_s = max(0.0, (coming["at"] - as_of).total_seconds())
        lines += entry("next", f"in {duration(left_s)}: {printable(coming['says'])}", width)
    lines += [Text(), *_drawn(numbers.timeline, as_of, width)]
    lines += [Text(), *_agreement(numbers.agreement, width)]
    lines += [Text(), *_broker(numbers.consumer, width)]
    lines += [Text(), *_log(numbers.log, width)]
    return _fitted(lines, width)


def _fitted(lines: list[Text], width: int) -> list[Text]:
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _head(row: Row, details: Row, width: int) -> list[Text]:
    state = status_of(row["status"])
    title = wrapped(f"job {row['job_id']} · {told(row['name'])}", width, indent=2)
    about = " · ".join(told(row[name]) for name in ("project", "pipeline"))
    lines = [Text(text, style="bold") for text in title]
    lines += [Text(text, style="dim") for text in wrapped(about, width, indent=0)]
    is_known = not absent(row["processed"]) and not absent(row["total"]) and row["total"] > 0
    ratio = row["processed"] / row["total"] if is_known else None
    done, rest = bar(ratio, min(40, max(6, width - 50)))
    lines.append(
        Text.assemble(
            (state.text, state.style),
            "  ",
            (done, "cyan"),
            (rest, "dim"),
            f"  {count(row['processed'])} of {count(row['total'])} images",
        )
    )
    facts = {
        "failed": count(row["failed"]),
        "lost": whole_range(details.get("lost_low"), details.get("lost_high")),
        "attempts": whole_range(details.get("attempts_low"), details.get("attempts_high")),
        "redeliveries": count(row["redeliveries_total"]),
    }
    if row["is_final"] is not True:
        facts["left"] = short_range(details.get("eta_low_s"), details.get("eta_high_s"))
    text = " · ".join(f"{name} {value}" for name, value in facts.items())
    return [*lines, *(Text(line) for line in wrapped(text, width, indent=0))]


def _verdict(looked: Looked, job_id: int, as_of: pd.Timestamp, width: int) -> list[Text]:
    mine = worst_first([each for each in looked.findings if each.job_id == job_id])
    found = [each for each in mine if each.outcome == "finding"]
    lines: list[Text] = []
    for each in found:
        if lines:
            lines.append(Text())
        lines += finding_lines(each, as_of=as_of, width=width)
    if not found:
        state = NOT_JUDGED if looked.judged is None else WELL
        says = "not judged yet" if looked.judged is None else "nothing is found wrong with it"
        lines.append(Text(f"{state.mark} {says}", style=state.style))
    return lines + cant_tell_lines(mine, width=width)


def _drawn(timeline: pd.DataFrame, as_of: pd.Timestamp, width: int) -> list[Text]:
    """The last minutes of what moves, a line each, with what it is now."""
    room = min(60, width - 30)
    lines = [Text(f"last {DRAWN_MIN} min", style="dim")]
    at_ns = instants(timeline, "observed_at")
    begin_ns = as_of.value - DRAWN_MIN * 60 * NS_PER_S
    for column, name in DRAWN.items():
        values = floats(timeline, column)
        now = values[-1] if len(values) else float("nan")
        line = Text(f"  {name:<17}{measure(now):>8}  ")
        if room >= 5:
            row = buckets(at_ns, values, begin_ns=begin_ns, end_ns=as_of.value, number=room)
            line.append(sparkline(row), style="cyan")
        lines.append(line)
    return lines


def _agreement(lines: Sequence[Line], width: int) -> list[Text]:
    """Job database, broker and Redis side by side."""
    if not lines:
        return [Text("do the three agree? nothing to compare", style="dim")]
    states = [AGREEMENT[line.verdict] for line in lines]
    told_of = {
        teller: Column(name, [Text(_told(line, teller)) for line in lines])
        for teller, name in TELLERS.items()
    }
    names = [Text(f"  {QUANTITIES.get(line.quantity, line.quantity)}") for line in lines]
    words = [Text(state.text, style=state.style) for state in states]
    marks = [Text(state.mark, style=state.style) for state in states]
    order = ("images", *TELLERS, "verdict")
    columns = fitting(
        [
            ("images", Column("images", names, is_left=True)),
            ("verdict", Column("", marks)),
            *told_of.items(),
            ("verdict", Column("", words, is_left=True)),
        ],
        order,
        width,
    )
    shown = table(columns, styles=[""] * len(lines))
    reasons: dict[str, list[str]] = {}
    for line in lines:
        if line.why:
            since = "" if line.since is None else f", since {line.since:%H:%M:%S} UTC"
            reasons.setdefault(f"{line.why}{since}", []).append(line.quantity)
    for why, quantities in reasons.items():
        who = ", ".join(QUANTITIES.get(each, each) for each in quantities)
        who = "all" if len(quantities) == len(lines) else who
        shown += [Text(text, style="dim") for text in wrapped(f"{who}: {why}", width, head="  ")]
    return shown


def _told(line: Line, teller: str) -> str:
    """The number; empty where this one does not tell that at all."""
    return count(getattr(line, teller)) if teller in line.tellers else ""


def _broker(consumer: Row, width: int) -> list[Text]:
    if not consumer:
        return entry("broker", "has no consumer of it, or nobody could look", width)
    ack_wait = consumer["ack_wait_s"]
    facts = [
        f"ack wait {UNKNOWN if absent(ack_wait) else f'{ack_wait:g} s'}",
        f"max deliver {count(consumer['max_deliver'])}",
        f"max ack pending {count(consumer['max_ack_pending'])}",
        f"{count(consumer['messages'])} messages in the stream",
        f"{count(consumer['num_waiting'])} waiting pulls",
    ]
    return entry("broker", " · ".join(facts), width)


def _log(log: pd.DataFrame, width: int) -> list[Text]:
    """The newest lines, and of what went wrong the newest that are not among them."""
    if log.empty:
        return entry("log", "no line of its log is known", width)
    rows = log.to_dict("records")
    newest = rows[-LOG_LINES:]
    wrong = [row for row in rows[:-LOG_LINES] if _is_wrong(row)][-3:]
    lines = [Text("log", style="dim")]
    for row in (*wrong, *newest):
        at = row["logged_at"] if not absent(row["logged_at"]) else row["observed_at"]
        level = f" {row['level']}" if _is_wrong(row) else ""
        # Of several lines in one, as a traceback is, the first tells what it is about.
        text = told(str(row["message"]).partition("\n")[0])
        style = "" if not level else "yellow" if level == " WARNING" else "red"
        lines.append(Text(cut(f"  {at:%H:%M:%S}{level} {text}", width), style=style))
    return lines


def _is_wrong(row: Row) -> bool:
    return not absent(row["level"]) and row["level"] in ("WARNING", "ERROR", "CRITICAL")
