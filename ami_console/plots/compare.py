"""Runs side by side in, HoloViews element out: by the time since their start, and by progress."""

from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
from bokeh.models import NumeralTickFormatter

from ami_console import frames
from ami_console.charts import JOB_COLOURS, JOB_DASHES, floats
from ami_console.plots.axes import HEIGHT_PX
from ami_console.runs import Comparison

LABELS = {
    "progress_ratio": ("Progress", "images settled, share"),
    "settled_total": ("Progress", "images settled"),
    "acked_per_min": ("Throughput", "images settled per minute"),
    "num_pending": ("Backlog", "images"),
    "num_ack_pending": ("In flight", "images"),
    "redeliveries_total": ("Redeliveries", "deliveries beyond the first"),
    "since_start_s": ("Time since the first image was queued", "seconds"),
}
"""Column of the aligned frames → title and what the value axis counts."""

BY_TIME = ("progress_ratio", "acked_per_min")
BY_PROGRESS = ("since_start_s", "acked_per_min")


def compare_by_time(
    comparison: Comparison | pd.DataFrame, *, values: tuple[str, ...] = BY_TIME
) -> hv.Layout:
    """Runs over the time since each one's first image was queued, a line per run.

    Args:
        comparison: :func:`ami_console.runs.compare`, or its ``by_time``.
        values: Columns of ``by_time``, a plot each.

    Returns:
        The plots below each other; a gap of the looks is a gap of the line.
    """
    frame = comparison.by_time if isinstance(comparison, Comparison) else comparison
    frames.require(frame, ("label", "since_start_s", *values), "plots.compare_by_time")
    minutes = frame.assign(since_start_min=frame["since_start_s"] / 60.0)
    along = hv.Dimension("since_start_min", label="minutes since the first image was queued")
    return _below([_plot(minutes, along, value, "over time") for value in values])


def compare_by_progress(
    comparison: Comparison | pd.DataFrame, *, values: tuple[str, ...] = BY_PROGRESS
) -> hv.Layout:
    """Runs over the share of their images that is settled, a line per run.

    Args:
        comparison: :func:`ami_console.runs.compare`, or its ``by_progress``.
        values: Columns of ``by_progress``, a plot each.

    Returns:
        The plots below each other.
    """
    frame = comparison.by_progress if isinstance(comparison, Comparison) else comparison
    frames.require(frame, ("label", "progress_ratio", *values), "plots.compare_by_progress")
    along = hv.Dimension("progress_ratio", label="share of the images settled")
    return _below([_plot(frame, along, value, "by progress") for value in values])


def _plot(frame: pd.DataFrame, along: hv.Dimension, value: str, how: str) -> hv.Overlay:
    title, axis = LABELS[value]
    options: dict[str, Any] = {}
    if along.name == "progress_ratio":
        options |= {"xformatter": NumeralTickFormatter(format="0 %"), "xlim": (0, 1)}
    if value == "progress_ratio":
        options["yformatter"] = NumeralTickFormatter(format="0 %")
    runs = list(frame.groupby("label", sort=False)) or [("no run", frame)]
    curves = [
        _curve(str(label), rows, along, hv.Dimension(value, label=axis), number)
        for number, (label, rows) in enumerate(runs)
    ]
    return hv.Overlay(curves).opts(
        title=f"{title} {how}",
        responsive=True,
        height=HEIGHT_PX,
        show_grid=True,
        legend_position="right",
        ylim=(0, None),
        backend="bokeh",
        **options,
    )


def _curve(
    label: str, rows: pd.DataFrame, along: hv.Dimension, value: hv.Dimension, number: int
) -> hv.Curve:
    at, values = floats(rows, along.name), floats(rows, value.name)
    known = ~np.isnan(at)
    return hv.Curve((at[known], values[known]), along, value, label=label).opts(
        color=JOB_COLOURS[number % len(JOB_COLOURS)],
        line_dash=JOB_DASHES[number % len(JOB_DASHES)],
        line_width=2,
        interpolation="steps-post" if value.name == "redeliveries_total" else "linear",
        tools=["hover"],
        backend="bokeh",
    )


def _below(plots: list[hv.Overlay]) -> hv.Layout:
    return hv.Layout(plots).cols(1).opts(shared_axes=False, backend="bokeh")
