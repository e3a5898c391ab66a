"""The charts of the chosen job: one time axis; what changes is streamed."""

import math
from collections.abc import Callable
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
    CustomJSFilter,
    CustomJSHover,
    CustomJSTickFormatter,
    DataRange1d,
    HoverTool,
    NumeralTickFormatter,
    Span,
)

from ami_console.apps.chart_frame import chart_frame, draw_gaps, draw_marks, lean, tell_taps
from ami_console.apps.heat_chart import DURATION, HeatChart
from ami_console.apps.sent import SentSource, short
from ami_console.apps.state_chart import StateChart
from ami_console.apps.story_marks import StoryMarks
from ami_console.apps.story_rows import GAP_COLUMNS, drawn_window
from ami_console.apps.task_marks import TaskMarks
from ami_console.charts import (
    CHARTS,
    COLUMNS,
    GREEN,
    MAX_POINTS,
    Chart,
    WallClock,
    chart,
    floats,
)
from ami_console.metrics.story import Story

HEIGHT_PX = 172
EVERYTHING_MS = 1e13

_NUMBER = """
  const number = source.data[format][special_vars.index]
  return Number.isFinite(number) ? (Math.round(number * 100) / 100).toLocaleString("en") : "–"
"""
"""Bokeh writes NaN for a missing value before it asks: it is asked of one that is never missing."""

_SINGLE = f"""
  {DURATION}
  if (format === "took") {{ return text(value) }}
  const seq = source.data.stream_seq[special_vars.index]
  return Number.isFinite(seq) ? String(seq) : "–"
"""

_LONE = """
  const values = source.data[column]
  const known = (i) => i >= 0 && i < values.length && Number.isFinite(values[i])
  return Array.from(values, (_, i) => known(i) && !known(i - 1) && !known(i + 1))
"""

KEYS = ("states", *(each.key for each in CHARTS), "heat")
"""The charts, from the top."""


class JobCharts:
    """Four figures on one :class:`ColumnDataSource`, the states above them, the heatmap below.

    New looks are appended, old ones roll out. What single tasks and the
    job's story tell has small sources of its own.
    Built once per page: another job or window gets other data, not other figures.
    """

    def __init__(self, picked: Callable[[pd.Timestamp], None] | None = None) -> None:
        """Empty charts.

        Args:
            picked: Called with the instant at which a chart was clicked.
        """
        self._clock = WallClock(ZoneInfo("UTC"), timedelta())
        self._drawn: object = None
        self._last_key: int | None = None
        self._last: dict[str, float] = {}
        self._turns = 0
        self._picked = picked
        self._story: Story | None = None
        self._marks: TaskMarks | None = None
        self.source = ColumnDataSource(self._columns(pd.DataFrame()), name="job")
        self._singles = SentSource(
            ("time", "value_s", "stream_seq"), key=("time", "value_s"), name="singles"
        )
        self._gaps = SentSource(GAP_COLUMNS, key=("begin",), name="gaps")
        self.story = StoryMarks()
        # The browser fits its axes to the data: nobody else needs to be told (syncable).
        self._x_range = DataRange1d(
            follow="end", follow_interval=EVERYTHING_MS, range_padding=0.01, syncable=False
        )
        self._cursor = Span(dimension="height", line_color="#888888", line_alpha=0.7, line_width=1)
        self.states = StateChart(self._x_range, self._cursor, self.story.marks.source)
        self.heat = HeatChart(self._x_range, self._cursor)
        self._panes: dict[str, Any] = {}

    def figure(self, key: str) -> Any:
        """The figure of one of :data:`KEYS`."""
        return self.pane(key).object

    def pane(self, key: str) -> Any:
        """The pane of one of :data:`KEYS`; made when it is first wanted, for it takes long."""
        if key not in self._panes:
            plot = self._made(key)
            self._panes[key] = pn.pane.Bokeh(plot, margin=0, sizing_mode="stretch_width")
        return self._panes[key]

    def _made(self, key: str) -> Any:
        if key == "states":
            plot = self.states.figure
        else:
            plot = self.heat.figure if key == "heat" else self._figure(chart(key))
            if key == "latency":
                self._draw_tasks(plot)
            by_tap = key in ("latency", "heat")
            draw_marks(plot, self.story.marks.source)
            draw_gaps(plot, (self._gaps if by_tap else self.story.gaps).source)
        if self._picked is not None:
            tell_taps(plot, self._tapped)
        return lean(plot)

    def _tapped(self, at_ms: float) -> None:
        """A click beside the drawn rows, on a label of an axis for example, means no instant."""
        times = self.source.data["time"]
        if self._picked is None or not len(times):
            return
        begin_ms, end_ms = float(times[0]), float(times[-1])
        margin_ms = max(60_000.0, (end_ms - begin_ms) * 0.05)
        if begin_ms - margin_ms <= at_ms <= end_ms + margin_ms:
            wall = pd.Timestamp(round(at_ms * 1e6), tz="UTC")
            self._picked(wall - pd.Timedelta(self._clock.offset))

    def _figure(self, chart: Chart) -> Any:
        fitted = DataRange1d(start=0, range_padding=0.12, default_span=4, syncable=False)
        plot = chart_frame(chart.key, HEIGHT_PX, self._x_range, self._cursor, fitted)
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
        everywhere = plot.line("time", "zero", source=self.source, line_alpha=0)
        number = CustomJSHover(args={"source": self.source}, code=_NUMBER)
        plot.add_tools(
            HoverTool(
                renderers=[everywhere],
                mode="vline",
                tooltips=[("time", "@time{%H:%M:%S}")]
                + [(line.label, f"@zero{{{line.column}}}") for line in chart.series],
                formatters={"@time": "datetime", "@zero": number},
                line_policy="nearest",
                point_policy="snap_to_data",
            )
        )
        return plot

    def _draw_tasks(self, plot: Any) -> None:
        """On the chart of latency: single tasks as points."""
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
                    ("message", "@value_s{message}"),
                    ("took", "@value_s{took}"),
                ],
                formatters={
                    "@time": "datetime",
                    "@value_s": CustomJSHover(args={"source": self._singles.source}, code=_SINGLE),
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
        story: Story | None = None,
    ) -> None:
        """Draw these rows; what is drawn already is not sent again.

        Args:
            rows: :func:`ami_console.charts.bucketed`; later calls bring the same rows, of which
                the last may have changed, and newer ones.
            drawn: What these rows are of: job, window, bucket. When it changes, all is drawn anew.
            clock: Turns instants into the wall time of the axis; taken when all is drawn anew.
            span_s: The axis follows the newest look and reaches back this far; None: all.
            marks: What is drawn of single tasks.
            story: What happened to the job, and what was so when.
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
                self.source.stream(short(newer), rollover=MAX_POINTS)
        self._last_key = int(keys[-1]) if len(keys) else None
        data = self.source.data
        self._last = {name: float(data[name][-1]) for name in data if len(data[name])}
        self._show_tasks(marks if marks is not None else TaskMarks.none(), anew=anew)
        self._show_story(story, span_s, anew=anew)

    def _show_story(self, story: Story | None, span_s: float | None, *, anew: bool) -> None:
        times = self.source.data["time"]
        if story is None or not len(times):
            self._story = None
            self.story.clear()
            self.states.clear()
            return
        if story is self._story and not anew:
            return
        window = drawn_window(float(times[0]), float(times[-1]), span_s)
        self.story.show(story.happenings, self._clock, window, anew=anew)
        self.states.show(story.spans, self._clock, window, anew=anew)
        self._story = story

    def _show_tasks(self, marks: TaskMarks, *, anew: bool) -> None:
        if marks is self._marks and not anew:
            return
        self._marks = marks
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
