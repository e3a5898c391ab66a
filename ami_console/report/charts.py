"""The charts of a report: the plots of the library as Bokeh figures on one time axis."""

import threading
from dataclasses import dataclass
from typing import Any, NamedTuple

import holoviews as hv
import pandas as pd
from bokeh.models import (
    AdaptiveTicker,
    BoxZoomTool,
    CrosshairTool,
    DataRange1d,
    FixedTicker,
    HoverTool,
    NumeralTickFormatter,
    PanTool,
    Range1d,
    ResetTool,
    Span,
    Toolbar,
)

from ami_console import metrics, plots
from ami_console.charts import CHARTS, GREEN, Chart, Series, WallClock, floats, lowest_s
from ami_console.markup import absent, count
from ami_console.report.marks import draw_gaps, draw_marks, gaps_of, heaviest, marks_of
from ami_console.report.material import Material
from ami_console.report.thinned import thinned
from ami_console.report.values import tell_values, value_text
from ami_console.report.words import round_duration

HEIGHT_PX = 190
STATES_PX = 210
MOST_EVENTS = 300
MOST_SINGLES = 1_000
LONG_S = 300.0
"""Durations beyond this are told as hours, minutes and seconds."""

STEPS_S = (0.1, 1, 10, 60, 600, 3_600, 36_000, 360_000)
NEAR_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200,
                18_000, 36_000, 86_400, 360_000)  # fmt: skip
"""Durations that a logarithmic axis names; those near to each other where it is short."""
STATES = "What was so when"
BORDER_PX = 66
"""Left of each plot: the same for all, so that their time axes stand one below the other."""


class Line(NamedTuple):
    """A line of a chart as its legend tells of it.

    Attributes:
        label: What it shows.
        most: The highest that it reaches, in words; empty: it is nowhere known.
        colour: Of the line.
        dash: Of the line; ``dot``: it is of points.
    """

    label: str
    most: str
    colour: str
    dash: str


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One chart.

    Attributes:
        key: Its name; of the figure too.
        title: Said above it.
        axis: What it counts, with the unit.
        figure: Of Bokeh; ``None``: there is nothing to draw.
        legend: Its lines.
        note: Said below it; empty: nothing.
    """

    key: str
    title: str
    axis: str
    figure: Any
    legend: tuple[Line, ...] = ()
    note: str = ""


_DRAWING = threading.RLock()
"""HoloViews keeps its options in one place for all threads."""


def figures(told: Material) -> list[Drawn]:
    """The charts over time, in the order in which they are shown, one axis for all; and attempts.

    Args:
        told: What is drawn.
    """
    with _DRAWING:
        return [*_over_time(told), _attempts(told)]


def _over_time(told: Material) -> list[Drawn]:
    clock = WallClock.of(told.clock.zone, told.as_of)
    axis = _axis(told, clock)
    marks = marks_of(told.story.happenings, clock)
    broker, tap = (gaps_of(told.gaps, name, clock) for name in ("nats", "tap"))
    cursor = Span(dimension="height", line_color="#888888", line_alpha=0.7, line_width=1)
    drawn = [_states(told)]
    drawn += [_line(chart, told) for chart in CHARTS]
    drawn.append(_heat(told))
    for each in drawn:
        if each.figure is None:
            continue
        _place(each, axis, cursor)
        if each.key != "states":
            draw_gaps(each.figure, tap if each.key in ("latency", "heat") else broker)
            draw_marks(each.figure, marks)
    return drawn


def _attempts(told: Material) -> Drawn:
    """How many tasks needed how many attempts; nothing is drawn where none is known."""
    counted = metrics.attempts(told.tasks[~told.tasks["is_estimate"].fillna(True).astype(bool)])
    axis = "tasks that needed so many attempts"
    if counted.empty:
        return Drawn(key="attempts", title="Attempts", axis=axis, figure=None)
    plot = plots.attempts(counted, zone=told.clock.zone)
    figure = _rendered("attempts", plot.opts(title="", height=HEIGHT_PX, backend="bokeh"))
    figure.yaxis.axis_label = None
    return Drawn(key="attempts", title="Attempts", axis=axis, figure=figure)


def _axis(told: Material, clock: WallClock) -> Range1d:
    ends = pd.DatetimeIndex([told.begins_at - told.margin, told.ends_at + told.margin])
    begin_ms, end_ms = clock.milliseconds(ends)
    return Range1d(
        begin_ms,
        end_ms,
        bounds=(begin_ms, end_ms),
        min_interval=2_000,
        name="time",
    )


def _states(told: Material) -> Drawn:
    spans = told.story.spans
    ends_at = told.ends_at + told.margin
    spans = spans.assign(ends_at=spans["ends_at"].clip(upper=ends_at))
    spans = spans[spans["begins_at"] < spans["ends_at"]]
    if spans.empty:
        return Drawn(key="states", title=STATES, axis="", figure=None,
                     note="It was seen at one instant only, so nothing lasted.")  # fmt: skip
    events = heaviest(told.story.happenings, MOST_EVENTS)
    plot = plots.states(spans, events, zone=told.clock.zone)
    figure = _rendered("states", plot.opts(title="", height=STATES_PX, backend="bokeh"))
    figure.ygrid.grid_line_color = None
    figure.yaxis.major_tick_line_color = None
    return Drawn(key="states", title=STATES, axis="", figure=figure)


def _line(chart: Chart, told: Material) -> Drawn:
    columns = tuple(line.column for line in chart.series)
    if told.timeline.empty or not told.timeline[list(columns)].notna().any(axis=None):
        return Drawn(key=chart.key, title=chart.title, axis=chart.axis, figure=None,
                     note=chart.nothing)  # fmt: skip
    rows = thinned(told.timeline, columns)
    draw = getattr(plots, chart.key)
    plot = draw(rows, zone=told.clock.zone).opts(
        title="", height=HEIGHT_PX, show_legend=False, backend="bokeh"
    )
    figure = _rendered(chart.key, plot)
    tell_values(figure, chart, rows, WallClock.of(told.clock.zone, told.as_of))
    legend = [_legend(line, chart, told) for line in chart.series]
    if chart.key == "latency":
        legend += _singles(figure, told)
    figure.y_range = DataRange1d(start=0, range_padding=0.12, default_span=4)
    figure.y_range.renderers = list(figure.renderers)  # not of the events that come later
    axis = chart.axis
    figure.yaxis.ticker.desired_num_ticks = 4
    figure.yaxis.formatter = NumeralTickFormatter(format="0,0.[00]")
    if chart.unit == "s" and told.timeline[list(columns)].max(axis=None) > LONG_S:
        axis = axis.replace("seconds", "h:mm:ss")
        figure.yaxis.ticker = AdaptiveTicker(
            base=60, mantissas=[1, 2, 5, 10, 15, 30], desired_num_ticks=4
        )
        figure.yaxis.formatter = NumeralTickFormatter(format="00:00:00")
    elif not chart.unit:
        figure.yaxis.ticker.min_interval = 1
    note = ""
    if len(rows) < len(told.timeline):
        note = (
            f"{count(len(rows))} of {count(len(told.timeline))} looks are drawn: of each stretch "
            "the highest and the lowest."
        )
    return Drawn(
        key=chart.key,
        title=chart.title,
        axis=axis,
        figure=figure,
        legend=tuple(legend),
        note=note,
    )


def _legend(line: Series, chart: Chart, told: Material) -> Line:
    label = plots.label_of(line, estimated=plots.is_estimate(told.timeline))
    most = told.timeline[line.column].max()
    text = "" if absent(most) else f"at most {value_text(most, chart.unit)}"
    return Line(label, text, line.colour, line.dash)


def _singles(figure: Any, told: Material) -> list[Line]:
    """Tasks one by one, where there are too few for percentiles."""
    rows = metrics.single_latencies(told.tasks).tail(MOST_SINGLES)
    if rows.empty:
        return []
    clock = WallClock.of(told.clock.zone, told.as_of)
    figure.scatter(
        clock.milliseconds(rows["acked_at"]),
        floats(rows, "value_s"),
        size=5,
        line_color=GREEN,
        fill_alpha=0.35,
        fill_color=GREEN,
    )
    return [Line("single tasks", "", GREEN, "dot")]


def _heat(told: Material) -> Drawn:
    title, axis = "Latency of all tasks", "from published to acknowledged; the brighter, the more"
    if told.cells.empty:
        return Drawn(key="heat", title=title, axis=axis, figure=None,
                     note="No single task is known, so there is nothing to count.")  # fmt: skip
    plot = plots.latency_heatmap(told.cells, zone=told.clock.zone)
    figure = _rendered(
        "heat", plot.opts(title="", height=HEIGHT_PX, colorbar=False, backend="bokeh")
    )
    low, high = lowest_s(told.cells).min(), floats(told.cells, "high_s").max()
    steps = NEAR_STEPS_S if high < 100 * low else STEPS_S
    figure.yaxis.ticker = FixedTicker(ticks=list(steps), minor_ticks=[])
    figure.yaxis.major_label_overrides = {step: round_duration(step) for step in steps}
    most = int(told.cells["tasks"].max())
    width_s = (told.cells["ends_at"] - told.cells["begins_at"]).iloc[0].total_seconds()
    note = f"Columns of {width_s:g} s; the brightest cell holds {count(most)} tasks."
    if told.is_estimate:
        note += " Estimated from looks."
    return Drawn(key="heat", title=title, axis=axis, figure=figure, note=note)


def _rendered(key: str, plot: hv.Element) -> Any:
    figure = hv.render(plot, backend="bokeh")
    figure.name = key
    figure.sizing_mode = "stretch_width"
    figure.min_border_left = BORDER_PX
    figure.min_border_right = 12
    figure.min_border_top = 6
    figure.outline_line_color = None
    figure.background_fill_color = None
    figure.border_fill_color = None
    figure.output_backend = "canvas"
    hovers = [tool for tool in figure.tools if isinstance(tool, HoverTool)]
    figure.toolbar = Toolbar(tools=hovers, logo=None, autohide=True)
    return figure


def _place(drawn: Drawn, axis: Range1d, cursor: Span) -> None:
    """On the common axis, with the tools for it; the value axis is told in words above."""
    figure = drawn.figure
    figure.x_range = axis
    figure.xaxis.axis_label = None
    figure.yaxis.axis_label = None
    # A finger that scrolls the page must not move the chart.
    figure.add_tools(
        PanTool(dimensions="width"),
        BoxZoomTool(dimensions="width"),
        ResetTool(),
        CrosshairTool(overlay=cursor),
    )
    figure.toolbar.active_drag = None
