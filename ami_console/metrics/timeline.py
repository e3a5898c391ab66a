"""Throughput, backlog, redelivery and latency of each job at each look."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import Columns, Floats, Instants, seconds, typed
from ami_console.metrics.estimates import estimated_latencies
from ami_console.metrics.latency import latency_columns, trailing_latency
from ami_console.metrics.settled import Curve, curves, gap_limit_s
from ami_console.metrics.task_timeline import task_line

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
    "latency_n": frames.COUNT,
    "latency_p50_s": frames.MEASURE,
    "latency_p95_s": frames.MEASURE,
    "latency_p99_s": frames.MEASURE,
    "latency_is_estimate": frames.FLAG,
    "eta_s": frames.MEASURE,
}


def timeline(
    consumers: pd.DataFrame,
    *,
    counters: pd.DataFrame | None = None,
    tasks: pd.DataFrame | None = None,
    reads: pd.DataFrame | None = None,
    window_s: float = 60.0,
    half_life_s: float | None = None,
    since: pd.Timestamp | None = None,
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
        tasks: :func:`~ami_console.metrics.task_times`; with tasks of a job its latency is
            measured, else estimated from its looks.
        reads: The ``reads`` frame; a failed NATS read becomes a row that is all missing.
        window_s: How far rates and percentiles look back, seconds.
        half_life_s: Smooth ``acked_per_min`` with an exponentially weighted mean: a look so many
            seconds ago counts half. ``None``: as it is.

    Returns:
        One row per (job, look) and per gap, sorted by ``job_id``, ``observed_at``: the columns
        of ``TIMELINE``. ``acked_per_min`` settled images per minute over the window,
        ``acked_per_min_so_far`` since the stream was created, ``settled_total`` images,
        ``redeliveries_total`` since the stream was created (a counter), ``num_redelivered`` the
        broker's gauge as it is, ``latency_n`` images settled in the window whose publish → ack is
        known, ``latency_p50_s``/``p95``/``p99`` its percentiles, missing for fewer than 20
        (:func:`~ami_console.metrics.single_latencies` gives those), ``latency_is_estimate`` True
        where they come from looks and not from single tasks, ``eta_s`` seconds until nothing is
        pending or in flight at the window's rate; missing where images were given up that nobody
        will deliver again. A job of which there are tasks and fewer than two looks (it was too
        short, or only its log is left) has a row a second told by its tasks.

    Raises:
        FrameError: A needed column is absent.

    Source:
        JetStream ``CONSUMER.INFO``/``STREAM.INFO`` (or ``/jsz``), ``$JS.ACK`` subjects,
        logs, Redis.
    """
    whole = timeline_arrays(
        consumers,
        counters=counters,
        tasks=tasks,
        reads=reads,
        window_s=window_s,
        half_life_s=half_life_s,
        since=since,
    )
    return pd.DataFrame({column: typed(whole[column], dtype) for column, dtype in TIMELINE.items()})


def timeline_arrays(
    consumers: pd.DataFrame,
    *,
    counters: pd.DataFrame | None = None,
    tasks: pd.DataFrame | None = None,
    reads: pd.DataFrame | None = None,
    window_s: float = 60.0,
    half_life_s: float | None = None,
    since: pd.Timestamp | None = None,
) -> dict[str, npt.NDArray[Any]]:
    """The columns of :func:`timeline` as plain arrays, for who keeps many of them up to date.

    Returns:
        Column of ``TIMELINE`` → values: ``observed_at`` int64 ns since the epoch, the others
        float64 with NaN where they are missing. Arguments and rows as of :func:`timeline`.

    Raises:
        FrameError: A needed column is absent.
    """
    frames.require(consumers, frames.schema("consumers"), "timeline")
    failed_s = _failed_reads(reads)
    known = latency_columns(tasks, within_s=window_s / 2)
    seen_of = curves(consumers, counters, failed_s)
    others = {job_id: seen for job_id, seen in seen_of.items() if job_id not in known}
    known |= estimated_latencies(others, within_s=window_s / 2)
    lines = []
    for job_id in sorted({*seen_of, *known}):
        seen, mine = seen_of.get(job_id), known.get(job_id)
        # The end of a line is of looks; whether its tasks tell more, only the whole of it shows.
        if since is None and mine is not None and _tells_more(mine, seen):
            lines.append(task_line(job_id, mine, window_s, TIMELINE))
        elif seen is not None:
            begin = 0 if since is None else int(np.searchsorted(seen.observed_ns, since.value))
            line = _job(job_id, seen, mine, window_s, half_life_s, begin)
            lines.append(_with_gap_rows(job_id, line, seen.observed_ns, failed_s, begin))
    if not lines:
        return {"observed_at": np.empty(0, "int64")} | {
            column: np.empty(0) for column in TIMELINE if column != "observed_at"
        }
    return {column: np.concatenate([line[column] for line in lines]) for column in TIMELINE}


def _tells_more(tasks: Columns, seen: Curve | None) -> bool:
    """Whether a job's tasks tell more than its looks: fewer than two of these could count."""
    if not tasks.rows or tasks["is_estimate"][0]:
        return False
    return seen is None or int(np.sum(~np.isnan(seen.settled))) < 2


def _failed_reads(reads: pd.DataFrame | None) -> Floats:
    """When NATS could not be read, s since the epoch, sorted."""
    if reads is None or reads.empty:
        return np.empty(0)
    nats = (reads["source"] == "nats").to_numpy(dtype=bool, na_value=False)
    failed = ~reads["ok"].to_numpy(dtype=bool, na_value=True)
    return np.sort(seconds(reads, "observed_at")[nats & failed])


def _job(
    job_id: int,
    seen: Curve,
    tasks: Columns | None,
    window_s: float,
    half_life_s: float | None,
    begin: int,
) -> dict[str, Any]:
    """Column → values of one job from a look on, missing as NaN."""
    first = window_starts(seen, window_s)
    acked_per_min = _per_min(seen, seen.settled, first, window_s)
    if half_life_s is not None:
        acked_per_min = _smoothed(acked_per_min, seen, half_life_s)
    exists = seen.looks["consumer_exists"]
    gauges = {name: np.where(exists, seen.looks[name], np.nan) for name in GAUGES}
    remaining = gauges["num_pending"] + gauges["num_ack_pending"]
    with np.errstate(divide="ignore", invalid="ignore"):
        age_min = (seen.at_s - seen.started_s) / 60.0
        so_far = np.where(age_min > 0, seen.settled / age_min, np.nan)
        eta_s = np.where(acked_per_min > 0, remaining / acked_per_min * 60.0, np.nan)
    # With nothing left to deliver, what is not settled was given up: it will never be done.
    eta_s[remaining == 0] = np.where(seen.settled >= seen.published, 0.0, np.nan)[remaining == 0]
    line = {
        "job_id": np.full(len(seen.at_s), float(job_id)),
        "observed_at": seen.observed_ns,
        "settled_total": seen.settled,
        "acked_per_min": acked_per_min,
        "acked_per_min_so_far": so_far,
        **gauges,
        "redeliveries_total": seen.redeliveries,
        "redeliveries_per_min": _per_min(seen, seen.redeliveries, first, window_s),
        "eta_s": eta_s,
    }
    return {column: values[begin:] for column, values in line.items()} | trailing_latency(
        tasks,
        seen.observed_s[begin:],
        window_s,
        server_s=seen.at_s[begin:],
        known=~np.isnan(seen.settled[begin:]),
    )


def _smoothed(values: Floats, seen: Curve, half_life_s: float) -> Floats:
    """Exponentially weighted mean; begins anew after every gap, and is missing where a value is."""
    smooth = np.full(len(values), np.nan)
    for segment in np.unique(seen.segment):
        rows = np.flatnonzero((seen.segment == segment) & ~np.isnan(values))
        if rows.size:
            times = pd.to_datetime(seen.at_s[rows], unit="s")
            weighted = pd.Series(values[rows]).ewm(halflife=f"{half_life_s}s", times=times)
            smooth[rows] = weighted.mean().to_numpy()
    return smooth


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


def _with_gap_rows(
    job_id: int, line: dict[str, Any], looks_ns: Instants, failed_s: Floats, begin: int
) -> dict[str, Any]:
    """The line with a row of missing values at each failed read and inside each long pause."""
    observed_ns = looks_ns[max(0, begin - 1) :]  # what came before the first is a gap or none
    observed_s = observed_ns / 1e9
    if not len(observed_ns):
        return line
    pauses = np.flatnonzero(np.diff(observed_s) > gap_limit_s(looks_ns / 1e9))
    middles_ns = observed_ns[pauses] + (observed_ns[pauses + 1] - observed_ns[pauses]) // 2
    failed_ns = (failed_s[failed_s >= observed_s[0]] * 1e9).astype("int64")
    gaps_ns = np.unique(np.concatenate([failed_ns, middles_ns]))
    if not gaps_ns.size:
        return line
    order = np.argsort(np.concatenate([line["observed_at"], gaps_ns]), kind="stable")
    gaps: dict[str, Any] = dict.fromkeys(line, np.full(len(gaps_ns), np.nan))
    gaps |= {"observed_at": gaps_ns, "job_id": np.full(len(gaps_ns), float(job_id))}
    return {column: np.concatenate([line[column], gaps[column]])[order] for column in line}
