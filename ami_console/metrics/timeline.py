"""Throughput, backlog, redelivery and latency of each job at each look."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import Floats, count, flags, floats, measure, seconds
from ami_console.metrics.latency import trailing_ack_latency, trailing_estimate
from ami_console.metrics.settled import Curve, curve, gap_limit_s

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
        window's rate.

    Raises:
        FrameError: A needed column is absent.

    Source:
        JetStream ``CONSUMER.INFO``/``STREAM.INFO`` (or ``/jsz``), ``$JS.ACK`` subjects, Redis.
    """
    frames.require(consumers, frames.schema("consumers"), "timeline")
    failed_s = _failed_reads(reads)
    parts = []
    for job_id, looks in consumers.dropna(subset=["job_id"]).groupby("job_id", sort=True):
        ordered = looks.sort_values("observed_at", kind="stable")
        mine = {
            name: frames.select(frame, job_id=int(job_id)).sort_values("observed_at")
            for name, frame in (("counters", counters), ("acks", acks))
            if frame is not None
        }
        parts.append(
            _job(int(job_id), ordered, mine.get("counters"), mine.get("acks"), failed_s, window_s)
        )
    if not parts:
        return pd.DataFrame({c: pd.Series(dtype=dtype) for c, dtype in TIMELINE.items()})
    return pd.concat(parts, ignore_index=True)


def _failed_reads(reads: pd.DataFrame | None) -> Floats:
    if reads is None or reads.empty:
        return np.empty(0)
    failed = (reads["source"] == "nats").fillna(False) & (reads["ok"] == False).fillna(False)  # noqa: E712
    return np.sort(seconds(reads.loc[failed.astype(bool), "observed_at"]))


def _job(
    job_id: int,
    looks: pd.DataFrame,
    counters: pd.DataFrame | None,
    acks: pd.DataFrame | None,
    failed_s: Floats,
    window_s: float,
) -> pd.DataFrame:
    seen = curve(looks, counters, failed_s)
    first = window_starts(seen, window_s)
    acked_per_min = _per_min(seen, seen.settled, first, window_s)
    exists = flags(looks, "consumer_exists")
    gauges = {name: np.where(exists, floats(looks, name), np.nan) for name in GAUGES}
    if acks is not None and not acks.empty:
        p50, p95 = trailing_ack_latency(acks, seen.observed_s, window_s)
        estimated = False
    else:
        p50, p95 = trailing_estimate(seen, first)
        estimated = True
    remaining = gauges["num_pending"] + gauges["num_ack_pending"]
    with np.errstate(divide="ignore", invalid="ignore"):
        age_min = (seen.at_s - seen.started_s) / 60.0
        so_far = np.where(age_min > 0, seen.settled / age_min, np.nan)
        eta_s = np.where(acked_per_min > 0, remaining / acked_per_min * 60.0, np.nan)
    eta_s[remaining == 0] = 0.0
    has_latency = ~np.isnan(p50)
    frame = pd.DataFrame(
        {
            "job_id": pd.array([job_id] * len(looks), dtype=frames.COUNT),
            "observed_at": looks["observed_at"].array,
            "settled_total": count(seen.settled),
            "acked_per_min": measure(acked_per_min),
            "acked_per_min_so_far": measure(so_far),
            **{name: count(values) for name, values in gauges.items()},
            "redeliveries_total": count(seen.redeliveries),
            "redeliveries_per_min": measure(_per_min(seen, seen.redeliveries, first, window_s)),
            "latency_p50_s": measure(p50),
            "latency_p95_s": measure(p95),
            "latency_is_estimate": pd.array(np.full(len(looks), estimated), dtype=frames.FLAG),
            "eta_s": measure(eta_s),
        }
    )
    frame.loc[~has_latency, "latency_is_estimate"] = pd.NA
    return _with_gap_rows(frame, seen.observed_s, failed_s)


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


def _with_gap_rows(frame: pd.DataFrame, observed_s: Floats, failed_s: Floats) -> pd.DataFrame:
    """The frame with a row of missing values at each failed read and inside each long pause."""
    failed = failed_s[failed_s >= observed_s[0]] if len(observed_s) else failed_s
    pauses = np.flatnonzero(np.diff(observed_s) > gap_limit_s(observed_s))
    middles = (observed_s[pauses] + observed_s[pauses + 1]) / 2
    if not len(failed) and not len(middles):
        return frame
    instants = np.unique(np.concatenate([failed, middles]))
    gaps = pd.DataFrame({"observed_at": pd.to_datetime(instants, unit="s", utc=True)})
    gaps["observed_at"] = gaps["observed_at"].astype(frames.TIME)
    gaps["job_id"] = frame["job_id"].iloc[0]
    for column, dtype in TIMELINE.items():
        if column not in gaps:
            gaps[column] = pd.array([pd.NA] * len(gaps), dtype=dtype)
    joined = pd.concat([frame, gaps[list(TIMELINE)].astype(TIMELINE)], ignore_index=True)
    return joined.sort_values("observed_at", kind="stable", ignore_index=True)
