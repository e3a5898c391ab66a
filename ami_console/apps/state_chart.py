"""The chart of states: what was so of the job from when to when, and what happened to it."""

from typing import Any

import pandas as pd
from bokeh.core.properties import value
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    DataRange1d,
    FactorRange,
    HoverTool,
    Span,
)

from ami_console.apps.chart_frame import chart_frame, events_hover
from ami_console.apps.story_marks import nothing
from ami_console.apps.story_rows import BAR_COLUMNS, DrawnWindow, TextSource, bar_rows
from ami_console.charts import WallClock
from ami_console.lanes import LANE_NAMES

HEIGHT_PX = 176

_WORDS = """
  if (plot.properties.inner_width.is_unset) { return }  // it is not laid out yet
  const width = plot.inner_width
  const {start, end} = x_range
  if (!(width > 0) || !Number.isFinite(end - start) || end <= start) { return }
  const per_ms = width / (end - start)
  const pen = document.createElement("canvas").getContext("2d")
  pen.font = "11px Helvetica, Arial, sans-serif"
  const told = {time: [], lane: [], word: [], colour: [], behind: []}
  const say = (time, lane, word, colour, behind) => {
    told.time.push(time)
    told.lane.push(lane)
    told.word.push(word)
    told.colour.push(colour)
    told.behind.push(behind)
  }
  const {left, right, lane, word, colour} = bars.data
  for (let i = 0; i < left.length; i++) {
    const from = Math.max(left[i], start)
    const until = Math.min(right[i], end)
    if ((until - from) * per_ms >= pen.measureText(word[i]).width + 8) {
      say(from + 4 / per_ms, lane[i], word[i], "#ffffff", colour[i])
    }
  }
  const ink = axis.major_label_text_color ?? "#444444"
  const at = Array.from(marks.data.time, (time) => (time - start) * per_ms)
  for (let i = 0; i < at.length; i++) {
    const until = at[i] + 14 + pen.measureText(marks.data.word[i]).width
    if (at[i] >= 0 && until <= Math.min(width, (at[i + 1] ?? Infinity) - 8)) {
      say(marks.data.time[i] + 8 / per_ms, marks.data.lane[i], marks.data.word[i], ink, "#00000000")
    }
  }
  if (JSON.stringify(told) !== JSON.stringify(words.data)) { words.data = told }
"""
"""Which words there is room for, in bars and beside marks; they move with the axis."""


class StateChart:
    """One figure: a lane per thing that is so or not so, and one of events."""

    def __init__(self, x_range: DataRange1d, cursor: Span, marks: ColumnDataSource) -> None:
        """Empty.

        Args:
            x_range: The time axis that it shares with the other charts.
            cursor: Their common line under the pointer.
            marks: Their common source of events.
        """
        self.sent = TextSource(
            BAR_COLUMNS, key=("left", "lane", "word", "colour", "hatch"), name="states"
        )
        # What the browser finds room for is nobody else's business (syncable).
        self._words = ColumnDataSource(
            {name: [] for name in ("time", "lane", "word", "colour", "behind")},
            name="words",
            syncable=False,
        )
        self.figure = self._figure(x_range, cursor, marks)

    def show(
        self, spans: pd.DataFrame, clock: WallClock, window: DrawnWindow, *, anew: bool
    ) -> None:
        """Bring it up to date.

        Args:
            spans: :func:`ami_console.metrics.spans` of one job.
            clock: Turns instants into the wall time of the axis.
            window: What is drawn.
            anew: They are of another job or window than those before.
        """
        self.sent.show(bar_rows(spans, clock, window), anew=anew)

    def clear(self) -> None:
        """Nothing is known."""
        self.sent.show(nothing(BAR_COLUMNS), anew=True)

    def _figure(self, x_range: DataRange1d, cursor: Span, marks: ColumnDataSource) -> Any:
        lanes = FactorRange(factors=[*LANE_NAMES.values()][::-1], range_padding=0.02)
        plot = chart_frame("states", HEIGHT_PX, x_range, cursor, lanes)
        plot.yaxis.major_tick_line_color = None
        plot.ygrid.grid_line_color = None
        bars = plot.hbar(
            y="lane",
            left="left",
            right="right",
            height=0.8,
            source=self.sent.source,
            fill_color="colour",
            line_width=0,
            hatch_pattern="hatch",
            hatch_color="#ffffff",
            hatch_alpha=0.45,
            hatch_scale=8,
        )
        signs = plot.scatter(
            "time", "lane", source=marks, marker="marker", size=10, color="colour", name="events"
        )
        plot.text(
            "time",
            "lane",
            text="word",
            source=self._words,
            text_color="colour",
            text_font=value("Helvetica, Arial, sans-serif"),
            text_font_size="11px",
            text_baseline="middle",
            background_fill_color="behind",
        )
        self._keep_words(plot, x_range, marks)
        plot.add_tools(
            HoverTool(
                renderers=[bars],
                tooltips=[
                    ("@lane", "@word"),
                    ("time", "@left{%H:%M:%S} to @right{%H:%M:%S}"),
                ],
                formatters={"@left": "datetime", "@right": "datetime"},
                point_policy="follow_mouse",
                attachment="below",
            ),
            events_hover(signs),
        )
        return plot

    def _keep_words(self, plot: Any, x_range: DataRange1d, marks: ColumnDataSource) -> None:
        """Look for room again whenever the axis, the width, the colours or the rows change."""
        place = CustomJS(
            args={
                "plot": plot,
                "x_range": x_range,
                "axis": plot.yaxis[0],
                "bars": self.sent.source,
                "marks": marks,
                "words": self._words,
            },
            code=_WORDS,
        )
        for name in ("start", "end"):
            x_range.js_on_change(name, place)
        plot.js_on_change("inner_width", place)
        plot.yaxis[0].js_on_change("major_label_text_color", place)
        for source in (self.sent.source, marks):
            for name in ("data", "streaming", "patching"):
                source.js_on_change(name, place)
