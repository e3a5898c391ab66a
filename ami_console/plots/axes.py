"""What all plots share: the wall clock of the time axis, the colours of jobs, the size."""

from collections.abc import Iterator
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import holoviews as hv
import holoviews.plotting.bokeh  # registers the backend that the options are of
import pandas as pd
from bokeh.models import DatetimeTickFormatter

from ami_console.charts import JOB_COLOURS, Chart, WallClock, hour_minute_axis

UTC = ZoneInfo("UTC")

Zone: TypeAlias = ZoneInfo | str
"""A time zone or its name, such as ``"America/New_York"``."""


HEIGHT_PX = 260


def clock_of(times: "pd.Series[Any]", zone: Zone) -> WallClock:
    """The clock of a plot: as the zone's stood at the newest of these times."""
    last = times.max()
    zone = ZoneInfo(zone) if isinstance(zone, str) else zone
    return WallClock.of(zone, last if pd.notna(last) else pd.Timestamp(0, tz="UTC"))


def by_job(frame: pd.DataFrame) -> Iterator[tuple[str, str | None, pd.DataFrame]]:
    """What goes before a label, the colour of the job, and its rows; of one job neither is needed.

    A frame without rows is given once, so that an empty plot has its axes and lines too.
    """
    groups = list(frame.groupby("job_id", sort=True)) or [(pd.NA, frame)]
    for number, (job_id, rows) in enumerate(groups):
        several = len(groups) > 1
        colour = JOB_COLOURS[number % len(JOB_COLOURS)] if several else None
        yield f"job {job_id}, " if several else "", colour, rows


def width_text(buckets: pd.DataFrame) -> str:
    """How wide the buckets are: ``60 s``; empty when there is none."""
    if buckets.empty:
        return ""
    width_s = (buckets["ends_at"].iloc[0] - buckets["begins_at"].iloc[0]).total_seconds()
    return f"{width_s:g} s"


def titled(drawn: Chart) -> tuple[str, str]:
    """Title and label of the value axis; what is too long for the axis goes into the title."""
    what, _, unit = drawn.axis.rpartition(", ")
    return (f"{drawn.title}, {what}", unit) if what else (drawn.title, drawn.axis)


def time_axis() -> dict[str, Any]:
    """Options of elements over time."""
    return {"xformatter": DatetimeTickFormatter(**hour_minute_axis()), "backend": "bokeh"}


def whole(elements: list[hv.Element], title: str, **options: Any) -> hv.Overlay:
    """The elements as one plot."""
    return hv.Overlay(elements).opts(
        title=title,
        responsive=True,
        show_grid=True,
        backend="bokeh",
        **{"height": HEIGHT_PX, "legend_position": "top_left", "ylim": (0, None)} | options,
    )
