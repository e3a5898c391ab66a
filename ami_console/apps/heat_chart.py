"""The heatmap of the chosen job: how many tasks took how long, over time."""

from functools import cached_property
from typing import Any

import pandas as pd
from bokeh.models import (
    BasicTicker,
    ColorBar,
    CustomJSHover,
    CustomJSTickFormatter,
    DataRange1d,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    NoOverlap,
    Span,
)

from ami_console.apps.chart_frame import chart_frame
from ami_console.apps.sent import SentSource
from ami_console.charts import HEAT, WallClock, floats, lowest_s

HEIGHT_PX = 190

_STEPS = (1, 2, 5, 10, 15, 20, 30, 45)
TICKS_S = (
    *(0.1, 0.2, 0.5),
    *_STEPS,
    *(60 * step for step in _STEPS),
    *(3_600 * step for step in (1, 2, 5, 10, 24, 48)),
)
"""Durations that people can name; labels that would overlap are left out."""

GRID_S = (0.1, 1, 10, 60, 600, 3_600, 36_000)

DURATION = """
  const round = (value) => Math.round(value * 10) / 10
  const text = (s) => s < 60 ? `${round(s)} s` : s < 3600 ? `${round(s / 60)} min`
    : `${round(s / 3600)} h`
"""

COLUMNS = ("left", "right", "bottom", "top", "low", "tasks")


class HeatChart:
    """One figure on a source of its own; the newest column is mended, newer ones are appended."""

    def __init__(self, x_range: DataRange1d, cursor: Span) -> None:
        """Empty.

        Args:
            x_range: The time axis that it shares with the other charts.
            cursor: Their common line under the pointer.
        """
        self.sent = SentSource(COLUMNS, key=("left", "bottom"), name="heat")
        self._mapper = LinearColorMapper(palette=HEAT, low=0, high=1)
        self._x_range, self._cursor = x_range, cursor

    @cached_property
    def figure(self) -> Any:
        """The figure, made when it is first wanted."""
        fitted = DataRange1d(range_padding=0.05, syncable=False)
        plot = chart_frame(
            "heat", HEIGHT_PX, self._x_range, self._cursor, fitted, y_axis_type="log"
        )
        plot.yaxis.ticker = FixedTicker(ticks=TICKS_S, minor_ticks=[])
        plot.yaxis.formatter = CustomJSTickFormatter(code=f"{DURATION} return text(tick)")
        plot.yaxis.major_label_policy = NoOverlap(min_distance=4)
        plot.ygrid.ticker = FixedTicker(ticks=GRID_S, minor_ticks=[])
        cells = plot.quad(
            left="left",
            right="right",
            bottom="bottom",
            top="top",
            source=self.sent.source,
            fill_color={"field": "tasks", "transform": self._mapper},
            line_width=0,
        )
        bar = ColorBar(
            color_mapper=self._mapper,
            width=10,
            padding=4,
            title="tasks",
            title_standoff=6,
            background_fill_alpha=0,
            ticker=BasicTicker(desired_num_ticks=4, min_interval=1),
            name="tasks",
        )
        plot.add_layout(bar, "right")
        seconds = CustomJSHover(code=f"{DURATION} return text(value)")
        plot.add_tools(
            HoverTool(
                renderers=[cells],
                tooltips=[
                    ("time", "@left{%H:%M:%S} to @right{%H:%M:%S}"),
                    ("took", "@low{custom} to @top{custom}"),
                    ("tasks", "@tasks"),
                ],
                formatters={
                    "@left": "datetime", "@right": "datetime", "@low": seconds, "@top": seconds,
                },
                point_policy="follow_mouse",
            )
        )  # fmt: skip
        return plot

    def show(self, cells: pd.DataFrame, clock: WallClock, *, anew: bool) -> None:
        """Draw these cells; what is drawn already is not sent again.

        Args:
            cells: :func:`ami_console.metrics.heatmap` of one job.
            clock: Turns instants into the wall time of the axis.
            anew: They are of another job or window than those before.
        """
        tasks = floats(cells, "tasks").astype("float32")
        most = max(1.0, float(tasks.max(initial=0)))
        if self._mapper.high != most:
            self._mapper.high = most
        self.sent.show(
            {
                "left": clock.milliseconds(cells["begins_at"]),
                "right": clock.milliseconds(cells["ends_at"]),
                "bottom": lowest_s(cells).astype("float32"),
                "top": floats(cells, "high_s").astype("float32"),
                "low": floats(cells, "low_s").astype("float32"),
                "tasks": tasks,
            },
            anew=anew,
        )
