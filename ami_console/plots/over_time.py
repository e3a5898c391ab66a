"""Buckets of time in, HoloViews element out: percentiles, throughput, and the heatmap."""

from dataclasses import dataclass
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd

from ami_console import frames, metrics
from ami_console.charts import (
    BLUE,
    GREY,
    HEAT,
    HEAT_COLUMNS,
    Floats,
    Series,
    WallClock,
    chart,
    floats,
    lowest_s,
)
from ami_console.frames import FrameSource
from ami_console.plots.axes import (
    HEIGHT_PX,
    UTC,
    Zone,
    by_job,
    clock_of,
    time_axis,
    titled,
    whole,
    width_text,
)
from ami_console.plots.source import (
    Drawable,
    Jobs,
    given,
    instant_of,
    taken,
    tasks_of,
    width_s_of,
)

FILLING = "bucket still filling"
FEW = "single tasks (fewer than 20)"

_PERCENTILES = {"p50_s": "latency_p50_s", "p95_s": "latency_p95_s", "p99_s": "latency_p99_s"}


def percentiles(
    data: Drawable,
    few: pd.DataFrame | None = None,
    *,
    job: Jobs = None,
    as_of: pd.Timestamp | None = None,
    width_s: float | None = None,
    zone: Zone = UTC,
) -> hv.Overlay:
    """Percentiles per bucket, and the single tasks of buckets with too few for percentiles.

    Args:
        data: :func:`ami_console.metrics.over_time`, or a recording, a watch or a job.
        few: :func:`ami_console.metrics.few_values` of the same buckets; drawn as points. Of a
            source they are found by themselves.
        job: Only this job, or these; ``None``: all.
        as_of: Of a source: nothing later is used; ``None``: its last look.
        width_s: Of a source: width of the buckets, seconds; ``None``: one that shows all.
        zone: The axis shows this zone's wall time, and says so.

    Returns:
        A line per percentile, at the middle of the buckets, open where fewer than 20 tasks are
        in one. What the bucket that is still filling gives so far is hollow and no part of a line.
    """
    if isinstance(data, pd.DataFrame):
        over_time = given(data, job, as_of)
    else:
        tasks = tasks_of(data, job, as_of)
        over_time = _buckets_of(data, tasks, as_of, width_s)
        few = metrics.few_values(tasks, over_time)
    columns = ("job_id", "begins_at", "ends_at", "is_filling", *_PERCENTILES)
    frames.require(over_time, columns, "plots.percentiles")
    if few is not None:
        frames.require(few, ("job_id", "acked_at", "value_s"), "plots.percentiles")
    clock = clock_of(over_time["ends_at"], zone)
    elements: list[hv.Element] = []
    for whose, colour, rows in by_job(over_time):
        filling = _flags(rows, "is_filling")
        middle = rows["begins_at"] + (rows["ends_at"] - rows["begins_at"]) / 2
        for column, name in _PERCENTILES.items():
            line = next(each for each in chart("latency").series if each.column == name)
            drawn = _Line(f"{whose}{line.label}", colour or line.colour, line, clock)
            value = floats(rows, column)
            elements += drawn.of(middle, np.where(filling, np.nan, value))
            elements += drawn.hollow(middle[filling], value[filling], f"{whose}{FILLING}")
        if few is not None:
            mine = few[few["job_id"].isin(rows["job_id"])]
            elements += _singles(mine, rows["begins_at"][filling], whose, colour or GREY, clock)
    width = width_text(over_time)
    title = f"Percentiles, in buckets of {width}" if width else "Percentiles"
    return whole(elements, title, legend_position="right", padding=(0.03, 0.1))


@dataclass(frozen=True)
class _Line:
    label: str
    colour: str
    series: Series
    clock: WallClock

    def of(self, at: "pd.Series[Any]", value: Floats) -> list[hv.Element]:
        """The line; with dots, for one bucket between two open ones is no line."""
        line = hv.Curve(self._data(at, value), *_time_and_seconds(self.clock), label=self.label)
        known = ~np.isnan(value)
        dots = _dots(at[known], value[known], self.label, self.colour, self.clock)
        look = {"line_width": 2, "line_dash": self.series.dash, "tools": ["hover"]}
        return [line.opts(color=self.colour, **look, **time_axis()), dots]

    def hollow(self, at: "pd.Series[Any]", value: Floats, label: str) -> list[hv.Element]:
        known = ~np.isnan(value)
        if not known.any():
            return []
        return [_dots(at[known], value[known], label, self.colour, self.clock, hollow=True)]

    def _data(self, at: "pd.Series[Any]", value: Floats) -> tuple[Any, Floats]:
        return self.clock.to_axis(at), value


def _singles(
    few: pd.DataFrame, filling: "pd.Series[Any]", whose: str, colour: str, clock: WallClock
) -> list[hv.Element]:
    """Points of single tasks; those of the bucket that is still filling are hollow too."""
    last = few["acked_at"] >= filling.iloc[0] if len(filling) else few["acked_at"].isna()
    elements = []
    for rows, label, hollow in ((few[~last], FEW, False), (few[last], FILLING, True)):
        if len(rows):
            value = floats(rows, "value_s")
            at = rows["acked_at"]
            elements.append(_dots(at, value, f"{whose}{label}", colour, clock, hollow=hollow))
    return elements


def _dots(
    at: "pd.Series[Any]",
    value: Floats,
    label: str,
    colour: str,
    clock: WallClock,
    *,
    hollow: bool = False,
) -> hv.Scatter:
    dots = hv.Scatter((clock.to_axis(at), value), *_time_and_seconds(clock), label=label)
    look: dict[str, Any] = {"size": 8, "fill_alpha": 0.0} if hollow else {"size": 5}
    return dots.opts(color=colour, line_width=2 if hollow else 0, **look, **time_axis())


def _time_and_seconds(clock: WallClock) -> tuple[hv.Dimension, hv.Dimension]:
    return hv.Dimension("time", label=clock.label), hv.Dimension("value_s", label="seconds")


def buckets(
    data: Drawable,
    *,
    job: Jobs = None,
    as_of: pd.Timestamp | None = None,
    width_s: float | None = None,
    zone: Zone = UTC,
) -> hv.Overlay:
    """Tasks settled per minute, a bar per bucket; that of the bucket still filling is hollow.

    Args:
        data: :func:`ami_console.metrics.over_time`, or a recording, a watch or a job.
        job: Only this job, or these; ``None``: all.
        as_of: Of a source: nothing later is used; ``None``: its last look.
        width_s: Of a source: width of the buckets, seconds; ``None``: one that shows all.
        zone: The axis shows this zone's wall time, and says so.

    Returns:
        Bars as wide as their buckets; none where too little of a bucket was covered for a rate.
    """
    over_time = taken(
        data,
        job,
        as_of,
        lambda source: _buckets_of(source, tasks_of(source, job, as_of), as_of, width_s),
    )
    columns = ("job_id", "begins_at", "ends_at", "is_filling", "acked", "acked_per_min")
    frames.require(over_time, columns, "plots.buckets")
    clock = clock_of(over_time["ends_at"], zone)
    elements = []
    for whose, colour, rows in by_job(over_time):
        known = rows[rows["acked_per_min"].notna()]
        filling = _flags(known, "is_filling")
        elements.append(_bars(known[~filling], f"{whose}settled", colour or BLUE, clock))
        if filling.any():
            label = f"{whose}{FILLING}"
            elements.append(_bars(known[filling], label, colour or BLUE, clock, hollow=True))
    drawn, width = chart("throughput"), width_text(over_time)
    title = f"{drawn.title}, in buckets of {width}" if width else drawn.title
    return whole(elements, title, legend_position="right")


def _buckets_of(
    source: FrameSource, tasks: pd.DataFrame, as_of: pd.Timestamp | None, width_s: float | None
) -> pd.DataFrame:
    """Buckets of a source's tasks; where only the tap told of them, without its gaps."""
    reads = source.frame("reads", until=as_of)
    judged_at = instant_of(source, as_of)
    by_tap = bool((reads["source"] == "tap").any()) and bool(tasks["posted_at"].isna().all())
    return metrics.over_time(
        tasks,
        as_of=judged_at,
        width_s=width_s or width_s_of(tasks),
        gaps=metrics.tap_gaps(reads, as_of=judged_at) if by_tap else None,
    )


def _bars(
    rows: pd.DataFrame, label: str, colour: str, clock: WallClock, *, hollow: bool = False
) -> hv.Rectangles:
    begins, ends = clock.to_axis(rows["begins_at"]), clock.to_axis(rows["ends_at"])
    rate = floats(rows, "acked_per_min")
    box = [
        hv.Dimension("time", label=clock.label),
        "zero",
        "until",
        hv.Dimension("acked_per_min", label=chart("throughput").axis),
    ]
    data = (begins, np.zeros(len(rows)), ends, rate, floats(rows, "acked"))
    return hv.Rectangles(data, box, ["acked"], label=label).opts(
        fill_color=colour,
        fill_alpha=0.0 if hollow else 0.5,
        line_color=colour,
        line_dash="dashed" if hollow else "solid",
        line_width=1.5 if hollow else 1,
        ylabel=chart("throughput").axis,
        tools=["hover"],
        **time_axis(),
    )


def latency_heatmap(
    data: Drawable,
    *,
    job: Jobs = None,
    as_of: pd.Timestamp | None = None,
    width_s: float | None = None,
    zone: Zone = UTC,
) -> hv.Rectangles:
    """How many tasks took how long, over time; the more, the brighter.

    Args:
        data: :func:`ami_console.metrics.heatmap`, or a recording, a watch or a job; of several
            jobs the tasks are added up.
        job: Only this job, or these; ``None``: all.
        as_of: Of a source: nothing later is used; ``None``: its last look.
        width_s: Of a source: width of the columns, seconds; ``None``: one that shows all.
        zone: The axis shows this zone's wall time, and says so.

    Returns:
        A rectangle per cell that holds a task, on a logarithmic axis of seconds.
    """
    cells = taken(data, job, as_of, lambda source: _cells_of(source, job, as_of, width_s))
    box = ["begins_at", "ends_at", "low_s", "high_s"]
    frames.require(cells, ("job_id", *box, "tasks"), "plots.latency_heatmap")
    summed = cells.groupby(box, sort=True, as_index=False)["tasks"].sum()
    clock = clock_of(summed["ends_at"], zone)
    data = (
        clock.to_axis(summed["begins_at"]),
        lowest_s(summed),
        clock.to_axis(summed["ends_at"]),
        floats(summed, "high_s"),
        floats(summed, "tasks"),
    )
    edges = [
        hv.Dimension("time", label=clock.label),
        hv.Dimension("low_s", label="from, seconds"),
        "until",
        hv.Dimension("high_s", label="up to, seconds"),
    ]
    (title, axis), width = titled(chart("latency")), width_text(cells)
    return hv.Rectangles(data, edges, ["tasks"]).opts(
        title=f"{title}, in columns of {width}" if width else title,
        color="tasks",
        cmap=list(HEAT),
        clim=(0, max(1.0, float(np.max(data[-1], initial=1.0)))),
        colorbar=True,
        clabel="tasks",
        line_width=0,
        logy=True,
        ylabel=axis,
        responsive=True,
        height=HEIGHT_PX,
        tools=["hover"],
        **time_axis(),
    )


def _cells_of(
    source: FrameSource, jobs: Jobs, as_of: pd.Timestamp | None, width_s: float | None
) -> pd.DataFrame:
    tasks = tasks_of(source, jobs, as_of)
    width_s = width_s or width_s_of(tasks, columns=HEAT_COLUMNS)
    return metrics.heatmap(tasks, as_of=instant_of(source, as_of), width_s=width_s)


def _flags(frame: pd.DataFrame, column: str) -> Any:
    return frame[column].to_numpy(dtype=bool, na_value=False)
