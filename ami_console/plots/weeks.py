"""Pipelines week by week in, HoloViews element out."""

import holoviews as hv
import pandas as pd
from bokeh.models import DatetimeTickFormatter, FixedTicker

from ami_console import frames
from ami_console.charts import JOB_COLOURS
from ami_console.plots.axes import whole

_DASHES = ("solid", "dashed", "dotted", "dotdash", "dashdot")
_MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle")
MAX_MARKED = 12
_NO_PIPELINE = "pipeline not known"


def redeliveries_by_week(table: pd.DataFrame) -> hv.Overlay:
    """Redeliveries per 1000 images, week by week, a line per pipeline.

    Args:
        table: :func:`ami_console.many.by_week`.

    Returns:
        A mark per week and pipeline at the Monday that the week begins on (UTC); the line is
        open where a week has no number. Pipelines are told apart by colour, dash and mark.
    """
    columns = ("pipeline", "week", "redeliveries_per_1000_images")
    frames.require(table, columns, "plots.redeliveries_by_week")
    dated = table.dropna(subset=["week"])
    weeks = _every_week(dated["week"])
    elements: list[hv.Element] = []
    for number, (pipeline, rows) in enumerate(dated.groupby("pipeline", dropna=False)):
        told = rows.set_index("week")["redeliveries_per_1000_images"].reindex(weeks)
        points = pd.DataFrame(
            {
                "week": weeks.tz_localize(None),
                "ratio": told.to_numpy("float64", na_value=float("nan")),
            }
        )
        label = _NO_PIPELINE if pd.isna(pipeline) else str(pipeline)
        colour = JOB_COLOURS[number % len(JOB_COLOURS)]
        elements += [
            _drawn(hv.Curve, points, label).opts(
                color=colour, line_dash=_DASHES[number % len(_DASHES)], line_width=2
            ),
            _drawn(hv.Scatter, points, label).opts(
                color=colour, marker=_MARKERS[number % len(_MARKERS)], size=8
            ),
        ]
    if not elements:
        nothing = pd.DataFrame({"week": weeks.tz_localize(None), "ratio": 0.0})
        return whole([_drawn(hv.Curve, nothing, "")], "Redeliveries by week: nothing was counted")
    return whole(
        elements,
        "Redeliveries by week",
        xformatter=DatetimeTickFormatter(days="%d %b", months="%d %b"),
        xticks=FixedTicker(ticks=_marked(weeks)),
        padding=(0.03, 0.1),
        legend_position="right",
    )


def _drawn(element: type[hv.Element], points: pd.DataFrame, label: str) -> hv.Element:
    ratio = hv.Dimension("ratio", label="redeliveries per 1000 images")
    week = hv.Dimension("week", label="week that begins on (UTC)")
    return element(points, week, ratio, label=label).opts(backend="bokeh", tools=["hover"])


def _every_week(weeks: "pd.Series[pd.Timestamp]") -> pd.DatetimeIndex:
    """All weeks from the first to the last, those without a look too."""
    if weeks.empty:
        return pd.DatetimeIndex([], tz="UTC")
    return pd.date_range(weeks.min(), weeks.max(), freq="7D")


def _marked(weeks: pd.DatetimeIndex) -> list[float]:
    """Mondays that stand at the axis, ms since the epoch: no more than there is room for."""
    every = -(-len(weeks) // MAX_MARKED)
    return [week.timestamp() * 1e3 for week in weeks[::every]]
