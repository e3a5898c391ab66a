"""A job's story in, HoloViews element out: lanes of states, and the events above them."""

from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.charts import WallClock
from ami_console.lanes import EVENTS, HATCH, LANE_NAMES, MARKS, TONES, mark_of
from ami_console.plots.axes import UTC, Zone, clock_of, time_axis
from ami_console.plots.source import Drawable, given, one_job, story_of

HEIGHT_PX = 220
HALF = 0.4
WORD_SHARE = 0.012
"""A bar has room for a word when it is as long as this share of the plot for each letter."""


def states(
    data: Drawable,
    happenings: pd.DataFrame | None = None,
    *,
    job: int | None = None,
    as_of: pd.Timestamp | None = None,
    zone: Zone = UTC,
) -> hv.Overlay:
    """What was so of a job from when to when, a lane each; what is not known is hatched.

    Args:
        data: :func:`ami_console.metrics.spans` of one job, or a recording, a watch or a job.
        happenings: :func:`ami_console.metrics.happenings` of the same job, marked above; of a
            source they are found by themselves.
        job: The job, where there are several.
        as_of: Of a source: nothing later is used; ``None``: its last look.
        zone: The axis shows this zone's wall time, and says so.

    Returns:
        A rectangle per stretch with its word, where there is room, and a mark per event.
    """
    if isinstance(data, pd.DataFrame):
        spans = given(data, job, as_of)
    else:
        happenings, spans = story_of(data, one_job(data, job), as_of)
    frames.require(
        spans, ("job_id", "lane", "value", "begins_at", "ends_at", "tone"), "plots.states"
    )
    if happenings is not None:
        columns = ("at", "kind", "subject", "severity", "title")
        frames.require(happenings, columns, "plots.states")
    clock = clock_of(spans["ends_at"], zone)
    levels = {lane: len(LANE_NAMES) - 1 - number for number, lane in enumerate(LANE_NAMES)}
    unknown = (spans["tone"] == "unknown").to_numpy(dtype=bool, na_value=False)
    not_known = _bars(spans[unknown], levels, clock).opts(hooks=[_hatched], backend="bokeh")
    elements = [_bars(spans[~unknown], levels, clock), not_known, _words(spans, levels, clock)]
    if happenings is not None:
        elements.append(_events(happenings, levels, clock))
    job_ids = spans["job_id"].dropna().unique()
    return hv.Overlay(elements).opts(
        title=f"Story of job {job_ids[0]}" if len(job_ids) else "Story",
        yticks=[(level, LANE_NAMES[lane]) for lane, level in levels.items()],
        ylim=(-0.6, len(levels) - 0.4),
        ylabel="",
        responsive=True,
        height=HEIGHT_PX,
        show_legend=False,
        backend="bokeh",
    )


def _bars(spans: pd.DataFrame, levels: dict[str, int], clock: WallClock) -> hv.Rectangles:
    level = _levels(spans, levels)
    box = [hv.Dimension("time", label=clock.label), "lane", "until", "top"]
    data = (
        clock.to_axis(spans["begins_at"]),
        level - HALF,
        clock.to_axis(spans["ends_at"]),
        level + HALF,
        spans["value"].to_numpy(dtype=object),
        np.array([TONES[str(tone)] for tone in spans["tone"]], dtype=object),
    )
    return hv.Rectangles(data, box, ["value", "colour"]).opts(
        color="colour",
        line_width=0,
        tools=["hover"],
        hover_tooltips=[("state", "@value"), ("from", "@time{%H:%M:%S}"),
                        ("until", "@until{%H:%M:%S}")],
        hover_formatters={"@time": "datetime", "@until": "datetime"},
        **time_axis(),
    )  # fmt: skip


def _hatched(plot: Any, _: hv.Element) -> None:
    """HoloViews has no option for it."""
    plot.handles["glyph"].update(
        hatch_pattern=HATCH, hatch_color="#ffffff", hatch_alpha=0.35, hatch_scale=8
    )


def _words(spans: pd.DataFrame, levels: dict[str, int], clock: WallClock) -> hv.Labels:
    """Words of the bars that are long enough for them, at their beginning."""
    begin, end = clock.to_axis(spans["begins_at"]), clock.to_axis(spans["ends_at"])
    words = spans["value"].to_numpy(dtype=object)
    instant = np.timedelta64(1, "ns")  # a story that is one look long has no length to divide by
    whole = max(end.max() - begin.min(), instant) if len(spans) else instant
    share = (end - begin) / whole
    fits = share >= np.array([WORD_SHARE * (len(word) + 2) for word in words], dtype="float64")
    middle = begin[fits] + (end - begin)[fits] / 2
    data = (middle, _levels(spans, levels)[fits], words[fits])
    return hv.Labels(data, [hv.Dimension("time", label=clock.label), "lane"], "word").opts(
        text_color="#ffffff",
        text_font_size="8pt",
        **time_axis(),
    )


def _events(happenings: pd.DataFrame, levels: dict[str, int], clock: WallClock) -> hv.Points:
    marked = happenings[happenings["kind"].isin(list(MARKS)).fillna(False).to_numpy(dtype=bool)]
    marks = [
        mark_of(kind, subject, severity, title)
        for kind, subject, severity, title in zip(
            *(marked[name] for name in ("kind", "subject", "severity", "title")), strict=True
        )
    ]
    data = (
        clock.to_axis(marked["at"]),
        np.full(len(marked), float(levels[EVENTS])),
        *(np.array(values, dtype=object) for values in (
            [mark.word for mark in marks], [mark.marker for mark in marks],
            [TONES[mark.tone] for mark in marks], [str(title) for title in marked["title"]],
        )),
    )  # fmt: skip
    box = [hv.Dimension("time", label=clock.label), "lane"]
    return hv.Points(data, box, ["word", "marker", "colour", "title"]).opts(
        color="colour",
        marker="marker",
        size=9,
        tools=["hover"],
        hover_tooltips=[("time", "@time{%H:%M:%S}"), ("event", "@title")],
        hover_formatters={"@time": "datetime"},
        **time_axis(),
    )


def _levels(spans: pd.DataFrame, levels: dict[str, int]) -> Any:
    return np.array([levels[lane] for lane in spans["lane"]], dtype="float64")
