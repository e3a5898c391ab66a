"""The values of a chart in words: those at the instant that is pointed at."""

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool

from ami_console.charts import Chart, WallClock
from ami_console.markup import MISSING, absent, count, duration, measure


def tell_values(figure: Any, chart: Chart, rows: pd.DataFrame, clock: WallClock) -> None:
    """The values of all lines at the instant that is pointed at, at whatever height.

    As words: with functions in JavaScript, as the dashboard has them, the page would have to
    allow that texts in it are run.

    Args:
        figure: Of the chart; its other tooltips are dropped.
        chart: Names the lines.
        rows: Of the timeline, as they are drawn.
        clock: Turns instants into the wall time of the axis.
    """
    words = {
        f"word{number}": [value_text(value, chart.unit) for value in rows[line.column]]
        for number, line in enumerate(chart.series)
    }
    at_ms = clock.milliseconds(rows["observed_at"])
    source = ColumnDataSource({"time": at_ms, "zero": np.zeros(len(rows)), **words})
    # Looks that gave nothing are told too: of them each value is a dash.
    everywhere = figure.line("time", "zero", source=source, line_alpha=0)
    hover = HoverTool(
        renderers=[everywhere],
        tooltips=[
            ("time", "@time{%H:%M:%S}"),
            *((line.label, f"@word{number}") for number, line in enumerate(chart.series)),
        ],
        formatters={"@time": "datetime"},
        mode="vline",
        line_policy="nearest",
        point_policy="snap_to_data",
    )
    figure.toolbar.tools = [hover]


def value_text(value: Any, unit: str) -> str:
    """One value of a line with its unit; a dash where it is missing.

    Args:
        value: Of the timeline.
        unit: Of the chart.
    """
    if absent(value):
        return MISSING
    if unit == "s":
        return duration(value)
    return f"{measure(value)}{unit}" if unit else count(round(value))
