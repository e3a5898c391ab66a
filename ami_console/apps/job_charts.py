"""The charts of the chosen job: one time axis; what changes is streamed."""

import math
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import panel as pn
from bokeh.models import (
    AdaptiveTicker,
    CDSView,
    ColumnDataSource,
    CrosshairTool,
    CustomJSFilter,
    CustomJSHover,
    CustomJSTickFormatter,
    DataRange1d,
    DatetimeTickFormatter,
    HoverTool,
    NumeralTickFormatter,
    Span,
)
from bokeh.plotting import figure

from ami_console.apps.heat_chart import DURATION, HeatChart
from ami_console.apps.sent import SentSource
from ami_console.apps.task_marks import TaskMarks
from ami_console.charts import (
    CHARTS,
    COLUMNS,
    GREEN,
    MAX_POINTS,
    Chart,
    WallClock,
    floats,
    hour_minute_axis,
)

HEIGHT_PX = 172
EVERYTHING_MS = 1e13

_NUMBER = """
  return Number.isFinite(value) ? (Math.round(value * 100) / 100).toLocaleString("en") : "–"
"""

_LONE = """
  const values = source.data[column]
  const known = (i) => i >= 0 && i < values.length && Number.isFinite(values[i])
  return Array.from(values, (_, i) => known(i) && !known(i - 1) && !known(i + 1))
"""


class JobCharts:
    """Four figures on one :class:`ColumnDataSource`, and the heatmap.

    New looks are appended, old ones roll out. What single tasks tell has small sources of its own.
    Built once per page: another job or window gets other data, not other figures.
    """

    def __init__(self) -> None:
        """Empty charts."""
        self._clock = WallClock(ZoneInfo("UTC"), timedelta())
        self._drawn: object = None
        self._last_key: int | None = None
        self._last: dict[str, float] = {}
        self._turns = 0
        self.source = ColumnDataSource(self._columns(pd.DataFrame()), name="job")
        self._singles = SentSource(
            ("time", "value_s", "stream_seq"), key=("time", "value_s"), name="singles"
        )
        self._gaps = SentSource(("begin", "end"), key=("begin",), name="gaps")
        # The browser fits its axes to the data: nobody else needs to be told (syncable).
        self._x_range = DataRange1d(
            follow="end", follow_interval=EVERYTHING_MS, range_padding=0.01, syncable=False
        )
        cursor = Span(dimension="height", line_color="#888888", line_alpha=0.7, line_width=1)
        self.figures: dict[str, Any] = {
            chart.key: self._figure(chart, cursor, is_last=chart is CHARTS[-1]) for chart in CHARTS
        }
        self.heat = HeatChart(self._x_range, cursor)
        self._draw_tasks(self.figures["latency"])
        self.panes = {
            key: pn.pane.Bokeh(plot, margin=0, sizing_mode="stretch_width")
            for key, plot in {**self.figures, "heat": self.heat.figure}.items()
        }

    def _figure(self, chart: Chart, cursor: Span, *, is_last: bool) -> Any:
        plot = figure(
            height=HEIGHT_PX,
            sizing_mode="stretch_width",
            x_axis_type="datetime",
            x_range=self._x_range,
            y_range=DataRange1d(start=0, range_padding=0.12, default_span=4, syncable=False),
            tools="xpan,xbox_zoom,reset",
            active_drag=None,  # a finger that scrolls the page must not move the chart
            toolbar_location="right",
            output_backend="canvas",
            min_border_left=58,
            min_border_top=6,
            min_border_bottom=22,
            name=chart.key,
        )
        plot.outline_line_color = None
        plot.toolbar.autohide = True
        plot.toolbar.logo = None
        plot.xaxis.formatter = DatetimeTickFormatter(**hour_minute_axis())
        if chart.unit == "s":
            plot.yaxis.ticker = AdaptiveTicker(base=60, mantissas=[1, 2, 5, 10, 15, 30])
            plot.yaxis.formatter = CustomJSTickFormatter(code=f"{DURATION} return text(tick)")
        else:
            plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[00]")
            plot.yaxis.ticker.min_interval = 0 if chart.unit else 1
        plot.yaxis.ticker.desired_num_ticks = 4
        for line in chart.series:
            draw = plot.step if line.step else plot.line
            mode = {"mode": "after"} if line.step else {}
            draw(
                "time",
                line.column,
                source=self.source,
                line_color=line.colour,
                line_dash=line.dash,
                line_width=2,
                **mode,
            )
            # A single look between two gaps is no line; without a dot it would not be seen.
            lone = CDSView(filter=CustomJSFilter(args={"column": line.column}, code=_LONE))
            plot.scatter(
                "time", line.column, source=self.source, view=lone, size=4, color=line.colour
            )
        # Looks that gave nothing take their place on the time axis too: gaps keep their width.
        everywhere = plot.scatter("time", "zero", source=self.source, size=1, alpha=0)
        number = CustomJSHover(code=_NUMBER)
        plot.add_tools(
            HoverTool(
                renderers=[everywhere],
                mode="vline",
                tooltips=[("time", "@time{%H:%M:%S}")]
                + [(line.label, f"@{line.column}{{custom}}") for line in chart.series],
                formatters={"@time": "datetime"} | {f"@{s.column}": number for s in chart.series},
                point_policy="snap_to_data",
            ),
            CrosshairTool(overlay=cursor),
        )
        return plot

    def _draw_tasks(self, plot: Any) -> None:
        """On the chart of latency: single tasks as points, and when the tap saw nothing."""
        plot.vstrip(
            x0="begin",
            x1="end",
            source=self._gaps.source,
            level="underlay",
            fill_color="#8a8a8a",
            fill_alpha=0.15,
            hatch_pattern="right_diagonal_line",
            hatch_color="#8a8a8a",
            hatch_alpha=0.6,
            line_alpha=0,
        )
        points = plot.scatter(
            "time",
            "value_s",
            source=self._singles.source,
            size=5,
            line_color=GREEN,
            fill_alpha=0.35,
            fill_color=GREEN,
        )
        plot.add_tools(
            HoverTool(
                renderers=[points],
                tooltips=[
                    ("acknowledged", "@time{%H:%M:%S}"),
                    ("message", "@stream_seq{0}"),
                    ("took", "@value_s{custom}"),
                ],
                formatters={
                    "@time": "datetime",
                    "@value_s": CustomJSHover(code=f"{DURATION} return text(value)"),
                },
                attachment="below",
            )
        )

    def show(
        self,
        rows: pd.DataFrame,
        *,
        drawn: object,
        clock: WallClock,
        span_s: float | None,
        marks: TaskMarks | None = None,
    ) -> None:
        """Draw these rows; what is drawn already is not sent again.

        Args:
            rows: :func:`ami_console.charts.bucketed`; later calls bring the same rows, of which
                the last may have changed, and newer ones.
            drawn: What these rows are of: job, window, bucket. When it changes, all is drawn anew.
            clock: Turns instants into the wall time of the axis; taken when all is drawn anew.
            span_s: The axis follows the newest look and reaches back this far; None: all.
            marks: What is drawn of single tasks.
        """
        anew = drawn != self._drawn
        keys = rows["key"].to_numpy("int64")
        known = np.flatnonzero(keys == self._last_key) if self._last_key is not None else keys[:0]
        if anew or not len(known):
            if anew:
                self._drawn, self._clock = drawn, clock
                self._look_back(span_s)
            self.source.data = self._columns(rows)
        else:
            columns = self._columns(rows.iloc[known[0] :])
            self._mend({name: values[0] for name, values in columns.items()})
            if len(columns["time"]) > 1:
                newer = {name: values[1:] for name, values in columns.items()}
                self.source.stream(newer, rollover=MAX_POINTS)
        self._last_key = int(keys[-1]) if len(keys) else None
        data = self.source.data
        self._last = {name: float(data[name][-1]) for name in data if len(data[name])}
        self._show_tasks(marks if marks is not None else TaskMarks.none(), anew=anew)

    def _show_tasks(self, marks: TaskMarks, *, anew: bool) -> None:
        clock, singles, gaps = self._clock, marks.singles, marks.gaps
        self._singles.show(
            {
                "time": clock.milliseconds(singles["acked_at"]),
                "value_s": floats(singles, "value_s").round(3),
                "stream_seq": floats(singles, "stream_seq"),
            },
            anew=anew,
        )
        begins, ends = (clock.milliseconds(gaps[side]) for side in ("begins_at", "ends_at"))
        self._gaps.show({"begin": begins, "end": ends}, anew=anew)
        self.heat.show(marks.cells, clock, anew=anew)

    def _look_back(self, span_s: float | None) -> None:
        """Set how far the axis reaches; any change of it also ends a zoom of the reader."""
        self._turns += 1
        span_ms = EVERYTHING_MS if span_s is None else span_s * 1000
        self._x_range.follow_interval = span_ms + self._turns % 2

    def _mend(self, values: dict[str, Any]) -> None:
        """The newest drawn row may have been the beginning of a bucket: bring it up to date."""
        last = len(self.source.data["time"]) - 1
        changed = {
            name: [(last, value)]
            for name, value in values.items()
            if not _same(float(value), self._last.get(name, float("nan")))
        }
        if changed:
            self.source.patch(changed)

    def _columns(self, rows: pd.DataFrame) -> dict[str, Any]:
        if rows.empty:
            empty = np.empty(0)
            return dict.fromkeys(("time", "zero", *COLUMNS), empty)
        return {
            "time": self._clock.milliseconds(rows["observed_at"]),
            "zero": np.zeros(len(rows)),
            **{column: rows[column].to_numpy("float64").round(3) for column in COLUMNS},
        }


def _same(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))
