"""What is drawn: the series table, the wall clock of the time axis, and buckets with open gaps.

The streamed charts of the dashboard and the elements of :mod:`ami_console.plots` share this
table, so that a line has one name, colour and unit everywhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.palettes import Viridis256

from ami_console import frames

Floats = npt.NDArray[np.float64]

MAX_POINTS = 1_500
"""Rows that one chart holds: more costs the browser seconds and shows nothing more."""

WIDTHS_S = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1_800,
    3_600,
    7_200,
    14_400,
    43_200,
    86_400,
)
"""Bucket widths that people can name, seconds."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line: a column of the timeline and how it is named and drawn.

    Attributes:
        column: Column of :func:`ami_console.metrics.timeline`.
        label: What the legend says; short.
        colour: Hex; readable on white and on near-black, told apart by the colour-blind (the
            hues of Okabe and Ito). The dash tells the lines apart without any colour.
        dash: Bokeh dash pattern.
        step: Hold the value until the next look: for counters.
        fold: What a bucket of several looks shows of it.
    """

    column: str
    label: str
    colour: str
    dash: Literal["solid", "dashed", "dotted"] = "solid"
    step: bool = False
    fold: Literal["mean", "max", "last"] = "mean"


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One plot: its title, what its numbers count, and its lines.

    Attributes:
        key: Name of the function in :mod:`ami_console.plots` that draws it.
        title: Shown above it.
        axis: What the value axis counts, with the unit.
        unit: Behind a single number of it; empty for counts.
        series: The lines, main one first.
        nothing: Said in place of numbers when there are none, and why.
    """

    key: str
    title: str
    axis: str
    unit: str
    series: tuple[Series, ...]
    nothing: str


BLUE, GREEN, PURPLE, ORANGE = "#2a8bd4", "#12a078", "#c26a9c", "#d9641a"
GREY = "#8a8a8a"

HEAT: tuple[str, ...] = tuple(Viridis256[60:232])
"""Few to many, told apart by the colour-blind; without the ends that white or black would hide."""

HEAT_COLUMNS = 120
"""Columns of a heatmap: more are narrower than a reader can point at."""

CHARTS: tuple[Chart, ...] = (
    Chart(
        key="throughput",
        title="Throughput",
        axis="images settled per minute",
        unit="/min",
        series=(
            Series(column="acked_per_min", label="last minute", colour=BLUE),
            Series(
                column="acked_per_min_so_far",
                label="so far",
                colour=ORANGE,
                dash="dashed",
                fold="last",
            ),
        ),
        nothing="No rate: it takes looks at the broker over a quarter of a minute.",
    ),
    Chart(
        key="backlog",
        title="Backlog and in flight",
        axis="images",
        unit="",
        series=(
            Series(column="num_pending", label="backlog", colour=GREEN),
            Series(column="num_ack_pending", label="in flight", colour=ORANGE, dash="dashed"),
        ),
        nothing="The broker has not told of this job's queue.",
    ),
    Chart(
        key="redelivery",
        title="Redelivery",
        axis="deliveries beyond the first",
        unit="",
        series=(
            Series(
                column="redeliveries_total",
                label="redeliveries so far",
                colour=PURPLE,
                step=True,
                fold="last",
            ),
            Series(
                column="num_redelivered",
                label="not yet settled (gauge)",
                colour=ORANGE,
                dash="dashed",
                step=True,
                fold="max",
            ),
        ),
        nothing="The broker has not told of this job's deliveries.",
    ),
    Chart(
        key="latency",
        title="Latency",
        axis="from published to acknowledged, seconds",
        unit="s",
        series=(
            Series(column="latency_p50_s", label="median", colour=BLUE),
            Series(
                column="latency_p95_s",
                label="95th percentile",
                colour=ORANGE,
                dash="dashed",
                fold="max",
            ),
            Series(
                column="latency_p99_s",
                label="99th",
                colour=PURPLE,
                dash="dotted",
                fold="max",
            ),
        ),
        nothing="Nothing was acknowledged in the last minute of looks, so there is no latency.",
    ),
)

TRENDS: tuple[str, ...] = (
    "acked_per_min",
    "num_pending",
    "num_ack_pending",
    "redeliveries_total",
    "latency_p50_s",
    "latency_p95_s",
)
"""Columns that are drawn of several jobs side by side."""

MOST_TRENDS = 20
"""Jobs in one chart: of more, nobody can tell the lines apart."""

JOB_COLOURS = ("#2a8bd4", "#d9641a", "#12a078", "#c26a9c", "#b08d00", "#5fb3e6", "#8a8a8a")
JOB_DASHES = ("solid", "dashed", "dotted")

SERIES: tuple[Series, ...] = tuple(series for chart in CHARTS for series in chart.series)
COLUMNS: tuple[str, ...] = tuple(series.column for series in SERIES)
FOLDS = tuple(series.fold for series in SERIES)


def chart(key: str) -> Chart:
    """The chart of that name."""
    return next(c for c in CHARTS if c.key == key)


@dataclass(frozen=True)
class WallClock:
    """The one place where instants become the wall time of a plot's axis.

    The offset stays what it is at one instant, for the whole plot: a clock that is put back at
    night would make lines run backwards. The label says which offset it is.
    """

    zone: ZoneInfo
    offset: timedelta

    @classmethod
    def of(cls, zone: ZoneInfo, instant: pd.Timestamp) -> "WallClock":
        """The clock of a zone as it stood at an instant."""
        offset = instant.tz_convert(zone).utcoffset()
        return cls(zone, offset if offset is not None else timedelta())

    @property
    def label(self) -> str:
        """Such as ``time, America/New_York (UTC−05:00)``."""
        minutes = round(self.offset.total_seconds() / 60)
        if self.zone.key in ("UTC", "Etc/UTC"):
            return "time, UTC"
        sign = "−" if minutes < 0 else "+"
        hours, rest = divmod(abs(minutes), 60)
        return f"time, {self.zone.key} (UTC{sign}{hours:02d}:{rest:02d})"

    def to_axis(self, times: "pd.Series[Any] | pd.DatetimeIndex") -> npt.NDArray[np.datetime64]:
        """Aware instants as naive wall time, for data, ranges and annotations alike."""
        naive = pd.DatetimeIndex(times).tz_convert("UTC").tz_localize(None)
        return np.asarray(naive.to_numpy("datetime64[ns]") + np.timedelta64(self.offset))

    def milliseconds(self, times: "pd.Series[Any] | pd.DatetimeIndex") -> Floats:
        """The same as milliseconds, the number that Bokeh has on its axis."""
        return self.to_axis(times).astype("datetime64[us]").astype("int64") / 1_000.0


def floats(frame: pd.DataFrame, column: str) -> Floats:
    """A column as floats in which missing is NaN: a break in the line."""
    return frame[column].to_numpy(dtype="float64", na_value=np.nan)


def bucket_width_s(span_s: float, every_s: float, *, max_points: int = MAX_POINTS) -> int:
    """Width of the buckets for a span, seconds; 0 where every look can be drawn.

    Half of the points are kept free: a gap inside a bucket takes a row of its own.
    """
    least_s = span_s / (max_points // 2)
    if least_s <= every_s:
        return 0
    return next((width for width in WIDTHS_S if width >= least_s), WIDTHS_S[-1])


def column_width_s(span_s: float, *, columns: int = HEAT_COLUMNS) -> int:
    """Width of a heatmap's columns for a span, seconds: no more columns than that."""
    least_s = span_s / (columns - 1)  # the first and the last are seldom whole
    return next((width for width in WIDTHS_S if width >= least_s), WIDTHS_S[-1])


def lowest_s(cells: pd.DataFrame) -> Floats:
    """Lower edge of each cell for a logarithmic axis, which has no 0, seconds.

    Args:
        cells: :func:`ami_console.metrics.heatmap`; its lowest step begins at 0 and is drawn as
            high as the others.
    """
    low, high = floats(cells, "low_s"), floats(cells, "high_s")
    usual = high[low > 0] / low[low > 0]
    step = float(usual[0]) if len(usual) else 10.0 ** (1 / 5)
    return np.where(low > 0, low, high / step)


def bucketed(timeline: pd.DataFrame, width_s: int) -> pd.DataFrame:
    """The drawn columns of one job's timeline, one row per bucket, with a stable ``key``.

    Rows that are all missing (a failed look, a long pause) are folded apart from the others, so
    that a gap stays open however wide the bucket is.

    Args:
        timeline: Of one job, sorted by ``observed_at``.
        width_s: Width of a bucket, seconds; 0 for one row per look.

    Returns:
        One row per bucket, sorted by time: ``key`` (int64; the bucket, equal from call to call,
        odd for a gap), ``observed_at`` (the last look in it) and the columns of ``SERIES`` as
        float64.
    """
    frames.require(timeline, ("observed_at", *COLUMNS), "bucketed")
    at_ns = pd.DatetimeIndex(timeline["observed_at"]).as_unit("ns").asi8
    values = np.column_stack([floats(timeline, column) for column in COLUMNS])
    keys = bucket_keys(at_ns, values, width_s)
    if width_s and len(keys):
        keys, at_ns, values = _folded(keys, at_ns, values)
    drawn: dict[str, Any] = {"key": keys, "observed_at": pd.DatetimeIndex(at_ns, tz="UTC")}
    return pd.DataFrame(drawn | dict(zip(COLUMNS, values.T, strict=True)))


def bucket_keys(
    at_ns: npt.NDArray[np.int64], values: Floats, width_s: int
) -> npt.NDArray[np.int64]:
    """The bucket of each row, equal from call to call; odd for rows that are all missing.

    Args:
        at_ns: When each was observed, ns since the epoch.
        values: Rows × columns.
        width_s: Width of a bucket, seconds; 0 for one row per look.
    """
    is_gap = np.isnan(values).all(axis=1)
    return np.asarray((at_ns // max(1, width_s * 1_000_000_000)) * 2 + is_gap)


def _folded(keys: Any, at_ns: Any, values: Floats) -> tuple[Any, Any, Floats]:
    """One row per key, sorted by time."""
    order = np.argsort(keys, kind="stable")
    begins = np.flatnonzero(np.append(True, np.diff(keys[order]) != 0))
    last = np.append(begins[1:], len(keys)) - 1
    ordered = values[order]
    columns = [fold(ordered[:, i], begins, how) for i, how in enumerate(FOLDS)]
    folded_at = at_ns[order][last]
    by_time = np.argsort(folded_at, kind="stable")
    return keys[order][begins][by_time], folded_at[by_time], np.column_stack(columns)[by_time]


def fold(values: Floats, begins: npt.NDArray[np.intp], how: str) -> Floats:
    """One value for each run of rows, of those that are not missing.

    Args:
        values: Of all rows.
        begins: First row of each run.
        how: ``mean``, ``max`` or ``last``.
    """
    known = ~np.isnan(values)
    if how == "max":
        return np.asarray(np.fmax.reduceat(values, begins))
    if how == "mean":
        count = np.add.reduceat(known.astype("float64"), begins)
        total = np.add.reduceat(np.where(known, values, 0.0), begins)
        return np.divide(total, count, out=np.full(len(begins), np.nan), where=count > 0)
    newest = np.maximum.reduceat(np.where(known, np.arange(len(values)), -1), begins)
    return np.where(newest >= begins, values[newest], np.nan)


def hour_minute_axis() -> dict[str, Sequence[str] | str]:
    """Formats of a time axis, 24 h, for a Bokeh ``DatetimeTickFormatter``."""
    second, minute = "%H:%M:%S", "%H:%M"
    return {
        "microseconds": second,
        "milliseconds": second,
        "seconds": second,
        "minsec": second,
        "minutes": minute,
        "hourmin": minute,
        "hours": minute,
        "days": "%d %b",
        "months": "%b %Y",
        "years": "%Y",
    }


def last_values(rows: pd.DataFrame, columns: Iterable[str]) -> dict[str, float]:
    """The newest row's values; NaN where it has none, even if an older row had one."""
    if rows.empty:
        return dict.fromkeys(columns, float("nan"))
    last = rows.iloc[-1]
    return {column: float(last[column]) for column in columns}
