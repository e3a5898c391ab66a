"""Charts of several jobs side by side, on one wide source of which a row is sent at a time."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import panel as pn
from bokeh.models import (
    AdaptiveTicker,
    ColumnDataSource,
    CrosshairTool,
    CustomJSTickFormatter,
    DataRange1d,
    DatetimeTickFormatter,
    HoverTool,
    NumeralTickFormatter,
    Span,
)
from bokeh.plotting import figure

from ami_console.apps.chart_frame import lean
from ami_console.apps.heat_chart import DURATION
from ami_console.apps.sent import short
from ami_console.apps.trend_rows import TrendRows
from ami_console.charts import (
    JOB_COLOURS,
    JOB_DASHES,
    MAX_POINTS,
    SERIES,
    TRENDS,
    WallClock,
    hour_minute_axis,
)

HEIGHT_PX = 200
SECONDS = frozenset({"latency_p50_s", "latency_p95_s"})


def look_of(number: int) -> tuple[str, str]:
    """Colour and dash of the n-th job: told apart by both, so that neither is needed alone."""
    colours = len(JOB_COLOURS)
    return JOB_COLOURS[number % colours], JOB_DASHES[number // colours % len(JOB_DASHES)]


class TrendCharts:
    """A figure for each of ``TRENDS``, made for certain jobs; another job needs other figures.

    Attributes:
        job_ids: The jobs, in the order of their colours.
    """

    def __init__(self, job_ids: Sequence[int]) -> None:
        """Empty charts of these jobs."""
        self.job_ids = tuple(job_ids)
        self._clock = WallClock(ZoneInfo("UTC"), timedelta())
        names = [_name(job_id, column) for job_id in job_ids for column in TRENDS]
        empty = {name: np.empty(0, "float32") for name in names}
        self.source = ColumnDataSource({"time": np.empty(0), **empty}, name="trends")
        self._x_range = DataRange1d(range_padding=0.01, syncable=False)
        self._cursor = Span(dimension="height", line_color="#888888", line_alpha=0.7, line_width=1)
        self._panes: dict[str, Any] = {}

    def figure(self, column: str) -> Any:
        """The figure of one of ``TRENDS``."""
        return self.pane(column).object

    def pane(self, column: str) -> Any:
        """The pane of one of ``TRENDS``; made when it is first wanted, for it takes long."""
        if column not in self._panes:
            plot = self._made(column)
            self._panes[column] = pn.pane.Bokeh(plot, margin=0, sizing_mode="stretch_width")
        return self._panes[column]

    def _made(self, column: str) -> Any:
        plot = figure(
            height=HEIGHT_PX,
            sizing_mode="stretch_width",
            x_axis_type="datetime",
            x_range=self._x_range,
            y_range=DataRange1d(start=0, range_padding=0.12, default_span=4, syncable=False),
            tools="xpan,xbox_zoom,reset",
            active_drag=None,
            toolbar_location="right",
            output_backend="canvas",
            min_border_left=58,
            min_border_top=6,
            min_border_bottom=22,
            name=f"trend-{column}",
        )
        plot.outline_line_color = None
        plot.toolbar.autohide = True
        plot.toolbar.logo = None
        plot.xaxis.formatter = DatetimeTickFormatter(**hour_minute_axis())
        plot.xaxis.ticker.desired_num_ticks = 5
        if column in SECONDS:
            plot.yaxis.ticker = AdaptiveTicker(base=60, mantissas=[1, 2, 5, 10, 15, 30])
            plot.yaxis.formatter = CustomJSTickFormatter(code=f"{DURATION} return text(tick)")
        else:
            plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[00]")
        plot.yaxis.ticker.desired_num_ticks = 4
        is_step = next(s.step for s in SERIES if s.column == column)
        draw = plot.step if is_step else plot.line
        lines = []
        for number, job_id in enumerate(self.job_ids):
            colour, dash = look_of(number)
            lines.append(
                draw(
                    "time",
                    _name(job_id, column),
                    source=self.source,
                    line_color=colour,
                    line_dash=dash,
                    line_width=2,
                    name=f"job {job_id}",
                    hover_line_width=4,
                    hover_line_color=colour,
                    **({"mode": "after"} if is_step else {}),
                )
            )
        plot.add_tools(
            HoverTool(
                renderers=lines,
                tooltips=[("", "$name"), ("time", "$x{%H:%M:%S}"), ("", "$y{0,0.[0]}")],
                formatters={"$x": "datetime"},
                line_policy="nearest",
            ),
            CrosshairTool(overlay=self._cursor),
        )
        return lean(plot)

    def draw(self, rows: TrendRows, clock: WallClock) -> None:
        """Draw these rows and no others.

        Args:
            rows: Of the jobs.
            clock: Turns instants into the wall time of the axis.
        """
        self._clock = clock
        self.source.data = self._columns(rows)

    def add(self, rows: TrendRows, *, most: int = MAX_POINTS) -> None:
        """Append rows; the oldest go when there are more than ``most``."""
        if len(rows.at_ns):
            self.source.stream(short(self._columns(rows)), rollover=most)

    def _columns(self, rows: TrendRows) -> dict[str, Any]:
        wall_ms = rows.at_ns / 1e6 + self._clock.offset.total_seconds() * 1e3
        columns: dict[str, Any] = {"time": wall_ms}
        for number, job_id in enumerate(self.job_ids):
            for place, column in enumerate(TRENDS):
                values = rows.values[number, :, place].astype("float32")
                columns[_name(job_id, column)] = values
        return columns


def _name(job_id: int, column: str) -> str:
    """Sent with each row, so it is short."""
    return f"{job_id}.{TRENDS.index(column)}"
