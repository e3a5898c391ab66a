"""Timeline in, HoloViews element out: the charts of the dashboard for notebooks and reports."""

import holoviews as hv
import pandas as pd

from ami_console import frames
from ami_console.charts import Chart, Series, WallClock, chart, floats
from ami_console.plots.axes import UTC, Zone, by_job, clock_of, time_axis, titled, whole
from ami_console.plots.source import Drawable, Jobs, folded, taken, timeline_of


def throughput(
    data: Drawable,
    *,
    job: Jobs = None,
    as_of: pd.Timestamp | None = None,
    zone: Zone = UTC,
) -> hv.Overlay:
    """Settled images per minute over time: the trailing window, and so far.

    Args:
        data: :func:`ami_console.metrics.timeline`, or a recording, a watch or a job.
        job: Only this job, or these; ``None``: all.
        as_of: Of a source: nothing later is used; ``None``: its last look.
        zone: The axis shows this zone's wall time, and says so.

    Returns:
        One curve per line, and per job where there are several; missing values leave gaps.
    """
    return _draw(chart("throughput"), _timeline(data, job, as_of), zone)


def backlog(
    data: Drawable,
    *,
    job: Jobs = None,
    as_of: pd.Timestamp | None = None,
    zone: Zone = UTC,
) -> hv.Overlay:
    """Images not yet delivered, and delivered but not yet acknowledged, over time.

    Args:
        data: :func:`ami_console.metrics.timeline`, or a recording, a watch or a job.
        job: Only this job, or these; ``None``: all.
        as_of: Of a source: nothing later is used; ``None``: its last look.
        zone: The axis shows this zone's wall time, and says so.
    """
    return _draw(chart("backlog"), _timeline(data, job, as_of), zone)


def redelivery(
    data: Drawable,
    *,
    job: Jobs = None,
    as_of: pd.Timestamp | None = None,
    zone: Zone = UTC,
) -> hv.Overlay:
    """Redeliveries so far (a counter, as steps) and the broker's gauge of those not settled.

    Args:
        data: :func:`ami_console.metrics.timeline`, or a recording, a watch or a job.
        job: Only this job, or these; ``None``: all.
        as_of: Of a source: nothing later is used; ``None``: its last look.
        zone: The axis shows this zone's wall time, and says so.
    """
    return _draw(chart("redelivery"), _timeline(data, job, as_of), zone)


def latency(
    data: Drawable,
    *,
    job: Jobs = None,
    as_of: pd.Timestamp | None = None,
    zone: Zone = UTC,
) -> hv.Overlay:
    """Publish → ack in seconds, its percentiles over time; the legend says if it is estimated.

    Args:
        data: :func:`ami_console.metrics.timeline`, or a recording, a watch or a job.
        job: Only this job, or these; ``None``: all.
        as_of: Of a source: nothing later is used; ``None``: its last look.
        zone: The axis shows this zone's wall time, and says so.
    """
    return _draw(chart("latency"), _timeline(data, job, as_of), zone)


def _timeline(data: Drawable, job: Jobs, as_of: pd.Timestamp | None) -> pd.DataFrame:
    return taken(data, job, as_of, lambda source: folded(timeline_of(source, job, as_of)))


def is_estimate(timeline: pd.DataFrame) -> bool:
    """Whether any latency of the timeline comes from looks and not from acknowledgements."""
    return bool(timeline["latency_is_estimate"].fillna(False).any())


def label_of(line: Series, *, estimated: bool) -> str:
    """What the legend calls a line; an estimate is never shown without that word."""
    if estimated and line.column.startswith("latency_"):
        return f"{line.label} (estimate from looks)"
    return line.label


def _draw(shown: Chart, timeline: pd.DataFrame, zone: Zone) -> hv.Overlay:
    columns = [line.column for line in shown.series]
    frames.require(
        timeline, ("job_id", "observed_at", "latency_is_estimate", *columns), f"plots.{shown.key}"
    )
    clock = clock_of(timeline["observed_at"], zone)
    title, axis = titled(shown)
    curves = [
        _curve(
            line,
            rows,
            clock,
            axis,
            label=f"{whose}{label_of(line, estimated=is_estimate(rows))}",
            colour=colour or line.colour,
        )
        for whose, colour, rows in by_job(timeline)
        for line in shown.series
    ]
    return whole(curves, title)


def _curve(
    line: Series, rows: pd.DataFrame, clock: WallClock, axis: str, *, label: str, colour: str
) -> hv.Curve:
    time = hv.Dimension("time", label=clock.label)
    value = hv.Dimension(line.column, label=axis)
    data = (clock.to_axis(rows["observed_at"]), floats(rows, line.column))
    return hv.Curve(data, time, value, label=label).opts(
        color=colour,
        line_dash=line.dash,
        line_width=2,
        interpolation="steps-post" if line.step else "linear",
        tools=["hover"],
        **time_axis(),
    )
