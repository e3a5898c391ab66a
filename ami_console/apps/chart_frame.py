"""What all charts over a job's time have in common: the frame, the marks of events, the gaps."""

from collections.abc import Callable
from typing import Any

from bokeh.events import Tap
from bokeh.models import (
    ColumnDataSource,
    CrosshairTool,
    DataRange1d,
    DatetimeTickFormatter,
    HoverTool,
    LinearScale,
    Range1d,
    Span,
)
from bokeh.plotting import figure

from ami_console.charts import hour_minute_axis

GREY = "#8a8a8a"

_EVENT = """
<div style="max-width: min(280px, 60vw); white-space: normal; padding: 2px 4px">
  <b>@time{%H:%M:%S}</b> @title
</div>
"""


def chart_frame(
    name: str, height_px: int, x_range: DataRange1d, cursor: Span, y_range: Any, **options: Any
) -> Any:
    """An empty figure on the common time axis.

    Args:
        name: Of the figure.
        height_px: Its height, pixels.
        x_range: The time axis that it shares with the other charts.
        cursor: Their common line under the pointer.
        y_range: Its own axis.
        options: More of Bokeh's ``figure``.
    """
    plot = figure(
        height=height_px,
        sizing_mode="stretch_width",
        x_axis_type="datetime",
        x_range=x_range,
        y_range=y_range,
        tools="xpan,xbox_zoom,reset",
        active_drag=None,  # a finger that scrolls the page must not move the chart
        toolbar_location="right",
        output_backend="canvas",
        min_border_left=58,
        min_border_top=6,
        min_border_bottom=22,
        name=name,
        **options,
    )
    plot.outline_line_color = None
    plot.toolbar.autohide = True
    plot.toolbar.logo = None
    plot.xaxis.formatter = DatetimeTickFormatter(**hour_minute_axis())
    plot.add_tools(CrosshairTool(overlay=cursor))
    return plot


def lean(plot: Any) -> Any:
    """Let go of glyphs for what can't be done here: nothing is selected, nothing muted.

    With every message the server goes through all models of the page, and these were half.

    Args:
        plot: A figure that is drawn to its end.
    """
    for renderer in plot.renderers:
        renderer.nonselection_glyph = None
        renderer.muted_glyph = None
    return plot


def draw_marks(plot: Any, marks: ColumnDataSource) -> None:
    """Mark events: a thin line each, and at its top a sign that tells which when pointed at.

    Args:
        plot: A figure whose own glyphs are drawn; its value axis fits these alone.
        marks: Columns ``time``, ``title``, ``marker``, ``colour``, and ``top`` (0 to 1).
    """
    plot.y_range.renderers = list(plot.renderers)
    plot.extra_y_ranges = {"marks": Range1d(0, 1)}
    plot.extra_y_scales = {"marks": LinearScale()}
    plot.vspan(
        x="time",
        source=marks,
        y_range_name="marks",
        line_color="colour",
        line_dash="dotted",
        line_alpha=0.8,
        line_width=1,
    )
    signs = plot.scatter(
        "time",
        "top",
        source=marks,
        y_range_name="marks",
        marker="marker",
        size=8,
        color="colour",
        name="events",
    )
    plot.add_tools(events_hover(signs))


def events_hover(signs: Any) -> HoverTool:
    """What is told of an event that is pointed at; its title is set as text."""
    return HoverTool(
        renderers=[signs],
        tooltips=_EVENT,
        formatters={"@time": "datetime"},
        attachment="below",
    )


def draw_gaps(plot: Any, gaps: ColumnDataSource) -> None:
    """Hatch when the source of a chart gave nothing.

    Args:
        plot: The figure.
        gaps: Columns ``begin`` and ``end``.
    """
    plot.vstrip(
        x0="begin",
        x1="end",
        source=gaps,
        level="underlay",
        fill_color=GREY,
        fill_alpha=0.15,
        hatch_pattern="right_diagonal_line",
        hatch_color=GREY,
        hatch_alpha=0.6,
        line_alpha=0,
    )


def tell_taps(plot: Any, tapped: Callable[[float], None]) -> None:
    """Call ``tapped`` with where on the time axis the chart was clicked, ms."""

    def heard(event: Tap) -> None:
        if event.x is not None:
            tapped(float(event.x))

    plot.on_event(Tap, heard)
