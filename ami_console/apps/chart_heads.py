"""Heads of the charts: the newest values, who told of them, and how much of it was seen."""

import math

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.board import Drawn
from ami_console.apps.formats import count, duration, measure, ratio, short_duration, within
from ami_console.apps.job import Job
from ami_console.apps.measured import Measured
from ami_console.apps.task_marks import TaskMarks
from ami_console.apps.told import Places, Told
from ami_console.charts import CHARTS, Chart, last_values
from ami_console.metrics.percentiles import FEWEST

BY_TASKS = frozenset({"latency", "redelivery", "heat"})
"""Charts whose numbers rest on single tasks, wholly or in part."""

FEW = f"fewer than {FEWEST} in the window: single tasks"


def chart_heads(job: Job, drawn: Drawn, marks: TaskMarks) -> dict[str, Told]:
    """Head of each chart, by its key.

    Args:
        job: What is known of it.
        drawn: What its charts draw.
        marks: What they draw of single tasks.
    """
    estimated = is_estimated(job)
    heads = {
        chart.key: chart_head(chart, job, drawn.rows, marks, estimated=estimated)
        for chart in CHARTS
    }
    return heads | {"heat": heat_head(job, marks, estimated=estimated)}


def is_estimated(job: Job) -> bool:
    """Whether the newest latencies come from looks and not from single tasks."""
    known = job.timeline["latency_is_estimate"].dropna()
    return bool(known.iloc[-1]) if len(known) else job.measured.by == "looks" and len(job.tasks) > 0


def chart_head(
    chart: Chart, job: Job, rows: pd.DataFrame, marks: TaskMarks, *, estimated: bool
) -> Told:
    """Title and legend of a chart with the newest values; with the last known of a job that ended.

    Args:
        chart: The chart.
        job: The job.
        rows: What it draws.
        marks: What it draws of single tasks.
        estimated: Whether latencies are estimates.
    """
    put = Places()
    is_time = chart.unit == "s"
    when = "; values at its end" if job.is_over else ""
    what = chart.axis.removesuffix(", seconds")
    badges = evidence(job, put, estimated=estimated and is_time) if chart.key in BY_TASKS else ""
    title = f'<h3>{chart.title}<span class="dim">{what}{when}</span></h3>{badges}'
    columns = [line.column for line in chart.series]
    has_points = is_time and len(marks.singles) > 0
    points = '<span class="line"><i class="dot"></i>single tasks</span>' if has_points else ""
    if rows.empty or rows[columns].isna().all(axis=None):
        why = FEW if has_points and (job.is_over or _counted(job)) else chart.nothing
        nothing = f'<span class="nothing">{why}</span>'
        return put.told(f'<div class="head">{title}{points}{nothing}</div>')
    now = last_values(rows.ffill() if job.is_over else rows, columns)
    lines = []
    for line in chart.series:
        value = now[line.column]
        text = short_duration(value) if is_time else measure(value) if chart.unit else count(value)
        known = not math.isnan(value)
        about = "≈ " if estimated and is_time and known else ""
        unit = f" {chart.unit}" if chart.unit == "/min" and known else ""
        lines.append(
            f'<span class="line"><i class="s-{line.column}"></i>{line.label}'
            f"<b>{put(about + text)}</b>{unit}</span>"
        )
    why = f'<span class="nothing">{FEW}</span>' if is_time and _too_few(job, now) else ""
    return put.told(f'<div class="head">{title}{"".join(lines)}{points}{why}</div>')


def _too_few(job: Job, now: dict[str, float]) -> bool:
    """Whether percentiles are missing for the reason that too few tasks were settled."""
    return all(map(math.isnan, now.values())) and 0 < _counted(job) < FEWEST


def _counted(job: Job) -> int:
    """Tasks settled in the window that ends at the newest look."""
    counted = job.timeline["latency_n"].iloc[-1]
    return 0 if formats.absent(counted) else int(counted)


def heat_head(job: Job, marks: TaskMarks, *, estimated: bool) -> Told:
    """Head of the heatmap."""
    put = Places()
    width = f"; columns of {duration(marks.width_s)}" if marks.width_s else ""
    title = (
        f'<h3>Latency of all tasks<span class="dim">how many took how long{width}</span></h3>'
        f"{evidence(job, put, estimated=estimated)}"
    )
    nothing = ""
    if marks.cells.empty:
        nothing = '<span class="nothing">No task is known to be acknowledged in this time.</span>'
    return put.told(f'<div class="head">{title}{nothing}</div>')


def evidence(job: Job, put: Places, *, estimated: bool) -> str:
    """Badges: who told of the tasks, how much of what was settled that is, gaps of the tap."""
    found = job.measured
    badges = []
    if estimated:
        badges.append(_badge("warn", "estimate from looks"))
    if found.by == "tap":
        badges.append(_seen_by_tap(found, put))
    elif found.by == "logs":
        whose = "the job's log" if found.log == "job" else "Antenna's logs"
        badges.append(_badge("muted", f"from {whose}, {put(within(found.log_error_s))}"))
    elif found.tap_has_run and _positive(found.coverage.get("settled")):
        badges.append(_badge("warn", "the tap saw none of what was settled"))
    gap_s = found.coverage.get("gap_s")
    if _positive(gap_s):
        badges.append(_badge("warn", f"tap gap {put(duration(gap_s))}"))
    return f'<div class="badges">{"".join(badges)}</div>' if badges else ""


def _seen_by_tap(found: Measured, put: Places) -> str:
    share = found.coverage.get("acks_seen_ratio")
    more = f"; {put(count(found.only_logged))} more by a log" if found.only_logged else ""
    if formats.absent(share):
        nothing = found.coverage.get("settled") == 0
        seen = "nothing is settled yet" if nothing else "how much it saw is not known"
        return _badge("muted", f"by the tap; {seen}{more}")
    tone: formats.Tone = "good" if found.coverage["missing"] == 0 else "warn"
    return _badge(tone, f"by the tap, sees {put(ratio(share))} of what was settled{more}")


def _badge(tone: formats.Tone, text: str) -> str:
    return f'<span class="state {tone}">{text}</span>'


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not formats.absent(value) and value > 0
