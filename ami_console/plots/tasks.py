"""Tasks in, HoloViews element out: how often each was tried, and where its time went."""

from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd

from ami_console import frames, metrics
from ami_console.charts import BLUE, GREEN, GREY, ORANGE, PURPLE, WallClock, floats
from ami_console.plots.axes import HEIGHT_PX, UTC, Zone, by_job, clock_of, time_axis, whole
from ami_console.plots.source import Drawable, Jobs, one_job, taken, tasks_of

MOST_TASKS = 2_000
"""Rows of a task timeline: more are thinner than a pixel, and the browser gets slow."""

PHASES = (
    ("queue wait", "stored_at", "first_delivered_at", BLUE),
    ("earlier attempts", "first_delivered_at", "delivered_at", PURPLE),
    ("worker", "delivered_at", "posted_at", ORANGE),
    ("saving", "posted_at", "acked_at", GREEN),
)
"""Name, begin, end and colour of each stretch of a task's life, in their order."""

IN_FLIGHT = ("worker and saving", "delivered_at", "acked_at", GREY)
"""Where nothing told when the result was posted."""

AGAIN = "delivered more than once"

_COLUMNS = ("job_id", "stream_seq", "latency_s", "max_delivery", "is_estimate")
_INSTANTS = ("stored_at", "first_delivered_at", "delivered_at", "posted_at", "acked_at")


def attempts(
    data: Drawable,
    *,
    job: Jobs = None,
    as_of: pd.Timestamp | None = None,
    zone: Zone = UTC,
) -> hv.Overlay:
    """How many tasks needed how many attempts.

    Args:
        data: :func:`ami_console.metrics.attempts`, or a recording, a watch or a job.
        job: Only this job, or these; ``None``: all.
        as_of: Of a source: nothing later is used; ``None``: its last look.
        zone: As of all plots; there is no time on these axes.

    Returns:
        A bar per job and number of attempts; with several jobs they stand side by side.
    """
    frame = taken(data, job, as_of, lambda source: metrics.attempts(tasks_of(source, job, as_of)))
    frames.require(frame, ("job_id", "delivery", "tasks"), "plots.attempts")
    several = frame["job_id"].nunique() > 1
    parts = list(by_job(frame))
    share = 0.8 / len(parts)
    elements = []
    for number, (whose, colour, rows) in enumerate(parts):
        left = floats(rows, "delivery") - 0.4 + number * share
        data = (left, np.zeros(len(rows)), left + share, floats(rows, "tasks"))
        box = [hv.Dimension("attempts", label="attempts"), "zero", "until", "tasks"]
        bars = hv.Rectangles(data, box, label=f"{whose}tasks").opts(
            color=colour or BLUE, line_width=0, tools=["hover"], ylabel="tasks", backend="bokeh"
        )
        elements.append(bars)
    most = int(frame["delivery"].max()) if len(frame) else 1
    return whole(
        elements,
        "Attempts",
        xticks=list(range(1, most + 1)),
        xlim=(0.5, most + 0.5),
        show_legend=several,
        legend_position="top_right",
    )


def task_timeline(
    data: Drawable,
    *,
    job: int | None = None,
    as_of: pd.Timestamp | None = None,
    zone: Zone = UTC,
) -> hv.Overlay:
    """Where the time of each task went: a row per task, in the order of the stream.

    Args:
        data: :func:`ami_console.metrics.task_times` of one job, or a recording, a watch or a job.
            Of more than ``MOST_TASKS`` the slowest and those delivered more than once are drawn,
            and the title says so.
        job: The job, where there are several.
        as_of: Of a source: nothing later is used; ``None``: its last look.
        zone: The axis shows this zone's wall time, and says so.

    Returns:
        A bar per stretch whose begin and end are known: waiting in the queue, earlier attempts,
        worker, saving. Where nothing told of the post, worker and saving are one. What is not
        known stays open.
    """
    tasks = taken(data, job, as_of, lambda source: tasks_of(source, one_job(source, job), as_of))
    frames.require(tasks, (*_COLUMNS, *_INSTANTS), "plots.task_timeline")
    shown = thinned(tasks)
    shown = shown.sort_values(["job_id", "stream_seq"], kind="stable", ignore_index=True)
    clock = clock_of(tasks["acked_at"], zone)
    elements: list[hv.Element] = []
    for label, begin, end, colour in (*PHASES, IN_FLIGHT):
        known = shown[begin].notna() & shown[end].notna()
        if label == IN_FLIGHT[0]:
            known &= shown["posted_at"].isna()
        rows = shown[known & (shown[begin] < shown[end])]
        if len(rows):
            elements.append(_stretch(rows, label, begin, end, colour, clock))
    again = shown[(shown["max_delivery"] > 1).fillna(False) & shown["acked_at"].notna()]
    if len(again):
        elements.append(_marks(again, clock))
    if not elements:
        label, begin, end, colour = PHASES[0]
        elements.append(_stretch(shown.head(0), label, begin, end, colour, clock))
    return whole(
        elements,
        _title(tasks, len(shown)),
        height=max(HEIGHT_PX, min(700, 120 + 5 * len(shown))),
        legend_position="right",
        invert_yaxis=True,
        ylim=(-1, max(1, len(shown))),
        yaxis="bare",
    )


def thinned(tasks: pd.DataFrame, *, most: int = MOST_TASKS) -> pd.DataFrame:
    """At most so many of the tasks: the repeated ones first, then the slowest.

    A task that was not acknowledged counts as slow as its age when the last one was.
    """
    if len(tasks) <= most:
        return tasks
    age_s = (tasks["acked_at"].max() - tasks["stored_at"]).dt.total_seconds()
    took_s = pd.Series(floats(tasks, "latency_s"), index=tasks.index).fillna(age_s)
    repeated = (tasks["max_delivery"] > 1).fillna(False).astype(bool)
    order = pd.DataFrame({"repeated": repeated, "took_s": took_s})
    order = order.sort_values(["repeated", "took_s"], ascending=False, kind="stable")
    return tasks.loc[order.index[:most].sort_values()]


def _title(tasks: pd.DataFrame, shown: int) -> str:
    job_ids = tasks["job_id"].dropna().unique()
    title = f"Tasks of job {job_ids[0]}" if len(job_ids) == 1 else "Tasks"
    if tasks["is_estimate"].fillna(False).any():
        title += " (estimate from looks)"
    if shown < len(tasks):
        repeated = int((tasks["max_delivery"] > 1).sum())
        which = (
            "the slowest of those delivered more than once"
            if repeated > shown
            else "those delivered more than once, and the slowest"
        )
        title += f": {shown:,} of {len(tasks):,}, {which}"
    return title


def _stretch(
    rows: pd.DataFrame, label: str, begin: str, end: str, colour: str, clock: WallClock
) -> hv.Rectangles:
    place = rows.index.to_numpy("float64")
    length_s = (rows[end] - rows[begin]).dt.total_seconds().to_numpy("float64")
    data: tuple[Any, ...] = (
        clock.to_axis(rows[begin]),
        place - 0.4,
        clock.to_axis(rows[end]),
        place + 0.4,
        *_said(rows),
        length_s,
    )
    box = [
        hv.Dimension("time", label=clock.label),
        hv.Dimension("row", label="task"),
        "until",
        "to",
    ]
    says = ["stream_seq", "image", "attempts", hv.Dimension("length_s", label=f"{label}, s")]
    return hv.Rectangles(data, box, says, label=label).opts(
        color=colour, line_width=0, tools=["hover"], ylabel="tasks, first to last", **time_axis()
    )


def _marks(rows: pd.DataFrame, clock: WallClock) -> hv.Scatter:
    place = rows.index.to_numpy("float64")
    time, row = hv.Dimension("time", label=clock.label), hv.Dimension("row", label="task")
    data = (clock.to_axis(rows["acked_at"]), place, *_said(rows))
    marks = hv.Scatter(data, time, [row, "stream_seq", "image", "attempts"], label=AGAIN)
    return marks.opts(
        marker="diamond", size=8, color=PURPLE, line_width=0, tools=["hover"], **time_axis()
    )


def _said(rows: pd.DataFrame) -> tuple[Any, ...]:
    """What a tooltip tells of a task: its number in the stream, its image, its attempts."""
    image = rows["image_id"] if "image_id" in rows else pd.Series(pd.NA, index=rows.index)
    unknown = "not known"
    return tuple(
        values.astype("string").fillna(unknown).to_numpy(dtype=object)
        for values in (rows["stream_seq"], image, rows["max_delivery"])
    )
