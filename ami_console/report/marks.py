"""What the charts of a report have in common: events as thin lines, silent sources hatched."""

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, LinearScale, Range1d

from ami_console.charts import GREY, WallClock
from ami_console.lanes import HATCH, MARKS, TONES, mark_of

SAME_MS = 2_000.0
"""Events that follow each other within this share one mark: side by side they would be one blot."""

MOST_MARKS = 100
"""On a long axis events share a mark sooner, so that there are no more of them."""

MOST_NAMED = 5
"""Events of one mark that are named when it is pointed at; the text lists more."""

_EVENT = """
<div style="max-width: min(280px, 60vw); white-space: normal; padding: 2px 4px">
  <b>@time{%H:%M:%S}</b> @title
</div>
"""


def marks_of(happenings: pd.DataFrame, clock: WallClock) -> ColumnDataSource:
    """Marks of the events of a job, those of one instant together.

    Args:
        happenings: :func:`ami_console.metrics.happenings`, in order of time.
        clock: Turns instants into the wall time of the axis.
    """
    events = happenings[happenings["kind"].isin(list(MARKS)).to_numpy(dtype=bool)]
    at_ms = clock.milliseconds(events["at"])
    same_ms = max(SAME_MS, float(np.ptp(at_ms)) / MOST_MARKS) if len(at_ms) else SAME_MS
    groups: list[tuple[float, Any, list[str]]] = []
    for time, row in zip(at_ms, events.to_dict("records"), strict=True):
        title = str(row["title"])
        mark = mark_of(str(row["kind"]), row["subject"], row["severity"], title)
        if groups and time - groups[-1][0] <= same_ms:
            first, other, titles = groups[-1]
            groups[-1] = (first, min(other, mark, key=lambda each: each.rank), [*titles, title])
        else:
            groups.append((float(time), mark, [title]))
    return ColumnDataSource(
        {
            "time": np.array([time for time, _, _ in groups], dtype="float64"),
            "title": [_named(titles) for _, _, titles in groups],
            "marker": [mark.marker for _, mark, _ in groups],
            "colour": [TONES[mark.tone] for _, mark, _ in groups],
            "top": np.full(len(groups), 0.96),
        },
        name="marks",
    )


def _named(titles: list[str]) -> str:
    more = len(titles) - MOST_NAMED
    return "; ".join(titles[:MOST_NAMED]) + (f"; and {more:,} more" if more > 0 else "")


def heaviest(happenings: pd.DataFrame, most: int) -> pd.DataFrame:
    """Those events that weigh most, in order of time.

    Args:
        happenings: :func:`ami_console.metrics.happenings`.
        most: How many at most.
    """
    if len(happenings) <= most:
        return happenings
    ranks = [MARKS[kind].rank if kind in MARKS else 99 for kind in happenings["kind"]]
    return happenings.iloc[np.sort(np.argsort(ranks, kind="stable")[:most])]


def gaps_of(gaps: pd.DataFrame, source: str, clock: WallClock) -> ColumnDataSource:
    """When a source gave nothing, or nobody looked.

    Args:
        gaps: Columns ``source``, ``begins_at``, ``ends_at``; a missing source: nobody looked.
        source: Of ``reads``.
        clock: Turns instants into the wall time of the axis.
    """
    mine = gaps[(gaps["source"].isna() | (gaps["source"] == source)).fillna(False).astype(bool)]
    return ColumnDataSource(
        {
            "begin": clock.milliseconds(mine["begins_at"]),
            "end": clock.milliseconds(mine["ends_at"]),
        },
        name=f"gaps {source}",
    )


def draw_gaps(plot: Any, gaps: ColumnDataSource) -> None:
    """Hatch when the source of a chart gave nothing.

    Args:
        plot: The figure.
        gaps: :func:`gaps_of` its source.
    """
    plot.vstrip(
        x0="begin",
        x1="end",
        source=gaps,
        level="underlay",
        fill_color=GREY,
        fill_alpha=0.15,
        hatch_pattern=HATCH,
        hatch_color=GREY,
        hatch_alpha=0.6,
        line_alpha=0,
    )


def draw_marks(plot: Any, marks: ColumnDataSource) -> None:
    """Mark events: a thin line each, and at its top a sign that tells which when pointed at.

    Args:
        plot: A figure whose own glyphs are drawn.
        marks: :func:`marks_of` the job.
    """
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
    plot.add_tools(
        HoverTool(
            renderers=[signs],
            tooltips=_EVENT,
            formatters={"@time": "datetime"},
            attachment="below",
        )
    )
