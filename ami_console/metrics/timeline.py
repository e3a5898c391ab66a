"""Throughput, backlog, redelivery and latency of each job at each look."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import Columns, Floats, Instants, by_job, count, measure, seconds
from ami_console.metrics.latency import ack_latency, trailing_ack_latency, trailing_estimate
from ami_console.metrics.settled import Curve, curves, gap_limit_s

GAUGES = ("num_pending", "num_ack_pending", "num_redelivered")

TIMELINE: dict[str, str] = {
    "job_id": frames.COUNT,
    "observed_at": frames.TIME,
    "settled_total": frames.COUNT,
    "acked_per_min": frames.MEASURE,
    "acked_per_min_so_far": frames.MEASURE,
    "num_pending": frames.COUNT,
    "num_ack_pending": frames.COUNT,
    "num_redelivered": frames.COUNT,
    "redeliveries_total": frames.COUNT,
    "redeliveries_per_min": frames.MEASURE,
    "latency_p50_s": frames.MEASURE,
    "latency_p95_s": frames.MEASURE,
    "latency_is_estimate": frames.FLAG,
    "eta_s": frames.MEASURE,
}


def timeline(
    consumers: pd.DataFrame,
    *,
    counters: pd.DataFrame | None = None,
    acks: pd.DataFrame | None = None,
    reads: pd.DataFrame | None = None,
    window_s: float = 60.0,
) -> pd.DataFrame:
    """Throughput, backlog, redelivery, latency and ETA per job and look.

    Rates look back ``window_s`` on the server's clock. They are missing, never 0 and never a
    spike, until a quarter of the window has been seen, and over a gap, a recreated consumer, a
    restarted server or a counter that went backwards.

    Args:
        consumers: The ``consumers`` frame, any number of jobs.
        counters: The ``counters`` frame; bounds what counts as settled where the broker gave
            messages up. Without it, messages given up while others are in flight count as
            settled for as long as those are.
        acks: The ``acks`` frame; with rows of a job its latency is measured, else estimated.
        reads: The ``reads`` frame; a failed NATS read becomes a row that is all missing.
        window_s: How far rates and percentiles look back, seconds.

    Returns:
        One row per (job, look) and per gap, sorted by ``job_id``, ``observed_at``: the columns
        of ``TIMELINE``. ``acked_per_min`` settled images per minute over the window,
        ``acked_per_min_so_far`` since the stream was created, ``settled_total`` images,
        ``redeliveries_total`` since the stream was created (a counter), ``num_redelivered`` the
        broker's gauge as it is, ``latency_p50_s``/``latency_p95_s`` publish → ack of the images
        settled in the window, ``latency_is_estimate`` True where they come from looks and not
        from acknowledgements, ``eta_s`` seconds until nothing is pending or in flight at the
        window's rate; missing where images were given up that nobody will deliver again.

    Raises:
        FrameError: A needed column is absent.

    Source:
        JetStream ``CONSUMER.INFO``/``STREAM.INFO`` (or ``/jsz``), ``$JS.ACK`` subjects, Redis.
    """
    frames.require(consumers, frames.schema("consumers"), "timeline")
    failed_s = _failed_reads(reads)
    tasks = {} if acks is None else by_job(ack_latency(acks), ("latency_s",), order="acked_at")
    lines = [
        _with_gap_rows(_job(job_id, seen, tasks.get(job_id), window_s), seen.observed_ns, failed_s)
        for job_id, seen in curves(consumers, counters, failed_s).items()
    ]
    if not lines:
        return frames.table([], TIMELINE)
    whole = {column: np.concatenate([line[column] for line in lines]) for column in lines[0]}
    return pd.DataFrame(
        {column: _typed(whole[column], dtype) for column, dtype in TIMELINE.items()}
    )


def _typed(values: npt.NDArray[Any], dtype: str) -> Any:
    if dtype == frames.TIME:
        return pd.DatetimeIndex(values.view("M8[ns]"), tz="UTC")
    if dtype == frames.FLAG:
        missing = np.isnan(values)
        return pd.arrays.BooleanArray(np.where(missing, 0.0, values).astype(bool), missing)
    return count(values) if dtype == frames.COUNT else measure(values)


def _failed_reads(reads: pd.DataFrame | None) -> Floats:
    """When NATS could not be read, s since the epoch, sorted."""
    if reads is None or reads.empty:
        return np.empty(0)
    nats = (reads["source"] == "nats").to_numpy(dtype=bool, na_value=False)
    failed = ~reads["ok"].to_numpy(dtype=bool, na_value=True)
    return np.sort(seconds(reads, "observed_at")[nats & failed])


def _job(job_id: int, seen: Curve, tasks: Columns | None, window_s: float) -> dict[str, Any]:
    """Column → values of one job, missing as NaN."""
    first = window_starts(seen, window_s)
    acked_per_min = _per_min(seen, seen.settled, first, window_s)
    exists = seen.looks["consumer_exists"]
    gauges = {name: np.where(exists, seen.looks[name], np.nan) for name in GAUGES}
    if tasks is not None:
        p50, p95 = trailing_ack_latency(tasks, seen.observed_s, window_s)
    else:
        p50, p95 = trailing_estimate(seen, first)
    remaining = gauges["num_pending"] + gauges["num_ack_pending"]
    with np.errstate(divide="ignore", invalid="ignore"):
        age_min = (seen.at_s - seen.started_s) / 60.0
        so_far = np.where(age_min > 0, seen.settled / age_min, np.nan)
        eta_s = np.where(acked_per_min > 0, remaining / acked_per_min * 60.0, np.nan)
    # With nothing left to deliver, what is not settled was given up: it will never be done.
    eta_s[remaining == 0] = np.where(seen.settled >= seen.published, 0.0, np.nan)[remaining == 0]
    return {
        "job_id": np.full(len(seen.at_s), float(job_id)),
        "observed_at": seen.observed_ns,
        "settled_total": seen.settled,
        "acked_per_min": acked_per_min,
        "acked_per_min_so_far": so_far,
        **gauges,
        "redeliveries_total": seen.redeliveries,
        "redeliveries_per_min": _per_min(seen, seen.redeliveries, first, window_s),
        "latency_p50_s": p50,
        "latency_p95_s": p95,
        "latency_is_estimate": np.where(np.isnan(p50), np.nan, float(tasks is None)),
        "eta_s": eta_s,
    }


def window_starts(seen: Curve, window_s: float) -> Floats:
    """Index of the look at which each look's trailing window begins.

    The last look at or before the window's edge, else the first of the same segment.
    """
    index = np.arange(len(seen.at_s))
    edge = np.searchsorted(seen.at_s, seen.at_s - window_s, side="right") - 1
    segment_first = np.searchsorted(seen.segment, seen.segment, side="left")
    return np.clip(np.maximum(edge, segment_first), 0, index).astype("float64")


def _per_min(seen: Curve, values: Floats, first: Floats, window_s: float) -> Floats:
    """Change per minute of a counter since the window's first look; NaN over too short a span.

    A stream that is younger than the window is known to have stood at 0 when it was created,
    so the span may begin there.
    """
    begin = first.astype("int64")
    span_s = seen.at_s - seen.at_s[begin]
    change = values - values[begin]
    young = (seen.at_s - seen.started_s) <= window_s
    from_start = young & (seen.segment == seen.segment[_first_of_stream(seen)])
    span_s = np.where(from_start, seen.at_s - seen.started_s, span_s)
    change = np.where(from_start, values, change)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((span_s >= window_s / 4) & (change >= 0), change / span_s * 60.0, np.nan)


def _first_of_stream(seen: Curve) -> npt.NDArray[np.intp]:
    """Index of the first look at which each look's stream was there, settled count and all."""
    stream = np.where(np.isnan(seen.settled), np.nan, seen.started_s)
    _, first, which = np.unique(stream, return_index=True, return_inverse=True)
    return first[which]


def _with_gap_rows(line: dict[str, Any], observed_ns: Instants, failed_s: Floats) -> dict[str, Any]:
    """The line with a row of missing values at each failed read and inside each long pause."""
    observed_s = observed_ns / 1e9
    pauses = np.flatnonzero(np.diff(observed_s) > gap_limit_s(observed_s))
    middles_ns = observed_ns[pauses] + (observed_ns[pauses + 1] - observed_ns[pauses]) // 2
    failed_ns = (failed_s[failed_s >= observed_s[0]] * 1e9).astype("int64")
    gaps_ns = np.unique(np.concatenate([failed_ns, middles_ns]))
    if not gaps_ns.size:
        return line
    order = np.argsort(np.concatenate([observed_ns, gaps_ns]), kind="stable")
    gaps: dict[str, Any] = dict.fromkeys(line, np.full(len(gaps_ns), np.nan))
    gaps |= {"observed_at": gaps_ns, "job_id": np.full(len(gaps_ns), line["job_id"][0])}
    return {column: np.concatenate([line[column], gaps[column]])[order] for column in line}
