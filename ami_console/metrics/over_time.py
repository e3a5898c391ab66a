"""Tasks by bucket of time: throughput, redelivery and percentiles, with honest edges."""

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import Floats, floats, instants, typed
from ami_console.metrics.percentiles import FEWEST, PERCENTILES

OVER_TIME: dict[str, str] = {
    "job_id": frames.COUNT,
    "begins_at": frames.TIME,
    "ends_at": frames.TIME,
    "covered_s": frames.MEASURE,
    "is_filling": frames.FLAG,
    "acked": frames.COUNT,
    "acked_per_min": frames.MEASURE,
    "redelivered": frames.COUNT,
    "late": frames.COUNT,
    "discarded": frames.COUNT,
    "n": frames.COUNT,
    "p50_s": frames.MEASURE,
    "p95_s": frames.MEASURE,
    "p99_s": frames.MEASURE,
    "max_s": frames.MEASURE,
}

FEW: dict[str, str] = {
    "job_id": frames.COUNT,
    "acked_at": frames.TIME,
    "stream_seq": frames.COUNT,
    "value_s": frames.MEASURE,
}

HEATMAP: dict[str, str] = {
    "job_id": frames.COUNT,
    "begins_at": frames.TIME,
    "ends_at": frames.TIME,
    "low_s": frames.MEASURE,
    "high_s": frames.MEASURE,
    "tasks": frames.COUNT,
}

LEAST_SHARE = 0.25
"""A bucket of which less was covered than this share has no rate: a few acks would make a spike."""


def over_time(
    tasks: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    width_s: float = 60.0,
    value: str = "latency_s",
    since: pd.Series | None = None,
    gaps: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Tasks settled per bucket, their rate, and the spread of one of their times.

    Buckets begin at whole multiples of ``width_s`` since the epoch, so that jobs and days can be
    laid side by side. A rate is per minute that was covered: of the first bucket the part since
    the job began, of the last the part until ``as_of`` (marked ``is_filling``), less the gaps.

    Args:
        tasks: :func:`~ami_console.metrics.task_times`.
        as_of: The instant judged at; later acknowledgements are left out.
        width_s: Width of a bucket, seconds.
        value: Which time: ``latency_s``, ``queue_wait_s``, ``service_time_s``, ``save_time_s`` or
            ``in_flight_s``.
        since: Job id → when it began to be covered (a ``Timestamp``); where it is missing, its
            first message stored.
        gaps: :func:`~ami_console.metrics.tap_gaps`, where the tap alone told of the tasks.

    Returns:
        One row per job and bucket from its first to its last, empty ones included: the columns
        of ``OVER_TIME``. ``acked`` tasks settled (results that were thrown away are not among
        them: ``discarded`` counts these), ``redelivered`` of them on a later attempt than
        the first, ``late`` after their reservation had ended; ``n`` values and their percentiles,
        missing for fewer than 20: :func:`few_values` gives these themselves. Counts of a bucket
        that was not covered at all are missing, not 0.

    Raises:
        FrameError: A needed column is absent.
    """
    frames.require(tasks, ("job_id", "acked_at", value, "is_discarded"), "over_time")
    known = _until(tasks, as_of)
    pieces = [
        _of_job(int(job_id), mine, as_of, width_s, value, since, gaps)
        for job_id, mine in known.groupby("job_id", sort=True)
    ]
    if not pieces:
        return frames.table([], OVER_TIME)
    return pd.concat(pieces, ignore_index=True)


def few_values(
    tasks: pd.DataFrame, buckets: pd.DataFrame, *, value: str = "latency_s"
) -> pd.DataFrame:
    """The values of those buckets that hold too few for percentiles, one row per task.

    Args:
        tasks: :func:`~ami_console.metrics.task_times`.
        buckets: :func:`over_time` of the same tasks and value.
        value: Which time.
    """
    few = buckets[(buckets["n"] > 0) & (buckets["n"] < FEWEST)]
    settled = tasks[tasks["acked_at"].notna() & ~tasks["is_discarded"].fillna(False)]
    if few.empty or settled.empty:
        return frames.table([], FEW)
    width_ns = int((few["ends_at"].iloc[0] - few["begins_at"].iloc[0]).value)
    bucket = instants(settled, "acked_at") // width_ns * width_ns
    wanted = set(zip(few["job_id"], instants(few, "begins_at"), strict=True))
    mine = [key in wanted for key in zip(settled["job_id"], bucket, strict=True)]
    found = settled[np.array(mine)].dropna(subset=[value])
    return (
        found[["job_id", "acked_at", "stream_seq"]]
        .assign(value_s=found[value])
        .reset_index(drop=True)
        .astype(FEW)
    )


def heatmap(
    tasks: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    width_s: float = 60.0,
    value: str = "latency_s",
    steps: int = 5,
) -> pd.DataFrame:
    """How many tasks took how long, by bucket of time and by step of the duration.

    Args:
        tasks: :func:`~ami_console.metrics.task_times`.
        as_of: The instant judged at.
        width_s: Width of a bucket of time, seconds.
        value: Which time, by the instant at which it ended.
        steps: Steps per tenfold; the lowest begins at 0.

    Returns:
        One row per job, bucket and step that holds a task: ``begins_at``, ``ends_at``,
        ``low_s``, ``high_s`` (from, up to and not including), ``tasks``.
    """
    frames.require(tasks, ("job_id", "acked_at", value, "is_discarded"), "heatmap")
    known = _until(tasks, as_of)
    known = known[~known["is_discarded"].fillna(False)].dropna(subset=[value])
    if known.empty:
        return frames.table([], HEATMAP)
    width_ns = int(width_s * 1e9)
    took_s = np.maximum(floats(known, value), 0.0)
    step = np.floor(np.log10(np.maximum(took_s, 1e-9)) * steps).astype("int64")
    lowest = int(np.floor(np.log10(0.1) * steps))
    counted = pd.DataFrame(
        {
            "job_id": known["job_id"].to_numpy("int64"),
            "bucket": instants(known, "acked_at") // width_ns,
            "step": np.maximum(step, lowest - 1),
        }
    ).value_counts(sort=False)
    cells = counted.rename("tasks").reset_index().sort_values(["job_id", "bucket", "step"])
    begins = cells["bucket"].to_numpy() * width_ns
    low = np.where(cells["step"] < lowest, 0.0, 10.0 ** (cells["step"] / steps))
    values = {
        "job_id": cells["job_id"],
        "begins_at": begins,
        "ends_at": begins + width_ns,
        "low_s": low,
        "high_s": 10.0 ** ((cells["step"] + 1) / steps),
        "tasks": cells["tasks"],
    }
    return pd.DataFrame({name: typed(values[name], dtype) for name, dtype in HEATMAP.items()})


def _until(tasks: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    return tasks[tasks["acked_at"].notna() & (tasks["acked_at"] <= as_of)]


def _of_job(
    job_id: int,
    tasks: pd.DataFrame,
    as_of: pd.Timestamp,
    width_s: float,
    value: str,
    since: pd.Series | None,
    gaps: pd.DataFrame | None,
) -> pd.DataFrame:
    width_ns = int(width_s * 1e9)
    acked_ns = instants(tasks, "acked_at")
    began = since.get(job_id) if since is not None else None
    began_ns = tasks["stored_at"].min().value if began is None or pd.isna(began) else began.value
    first, last = min(began_ns, acked_ns.min()) // width_ns, acked_ns.max() // width_ns
    count = int(last - first) + 1
    begins_ns = (first + np.arange(count)) * width_ns
    until_ns = np.minimum(begins_ns + width_ns, as_of.value)
    covered_s = (until_ns - np.maximum(begins_ns, began_ns)) / 1e9
    covered_s = np.clip(covered_s - _gap_s(gaps, begins_ns, until_ns, began_ns), 0.0, None)
    where = (acked_ns // width_ns - first).astype("int64")
    gone = tasks["is_discarded"].to_numpy(dtype=bool, na_value=False)
    again = (floats(tasks, "delivery") > 1) & ~gone
    late = tasks["is_late"].to_numpy(dtype=bool, na_value=False) & ~gone

    def counted(rows: np.ndarray) -> Floats:
        numbers = np.bincount(where[rows], minlength=count).astype("float64")
        return np.where((covered_s <= 0) & (numbers == 0), np.nan, numbers)

    acked = counted(~gone)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(covered_s >= LEAST_SHARE * width_s, acked / covered_s * 60.0, np.nan)
    spread = _spread(where[~gone], floats(tasks, value)[~gone], count)
    values = {
        "job_id": np.full(count, job_id),
        "begins_at": begins_ns,
        "ends_at": begins_ns + width_ns,
        "covered_s": covered_s,
        "is_filling": (begins_ns + width_ns > as_of.value) * 1.0,
        "acked": acked,
        "acked_per_min": rate,
        "redelivered": counted(again),
        "late": counted(late),
        "discarded": counted(gone),
        **spread,
    }
    return pd.DataFrame({name: typed(values[name], dtype) for name, dtype in OVER_TIME.items()})


def _spread(where: np.ndarray, took_s: Floats, count: int) -> dict[str, Floats]:
    known = ~np.isnan(took_s)
    where, took_s = where[known], took_s[known]
    order = np.argsort(where, kind="stable")
    where, took_s = where[order], took_s[order]
    n = np.bincount(where, minlength=count)
    ends = np.cumsum(n)
    out = {f"{mark}_s": np.full(count, np.nan) for mark in (*PERCENTILES, "max")}
    for bucket in np.flatnonzero(n):
        mine = took_s[ends[bucket] - n[bucket] : ends[bucket]]
        out["max_s"][bucket] = mine.max()
        if n[bucket] >= FEWEST:
            for mark, value in zip(
                PERCENTILES, np.percentile(mine, list(PERCENTILES.values())), strict=True
            ):
                out[f"{mark}_s"][bucket] = value
    return {"n": n.astype("float64"), **out}


def _gap_s(
    gaps: pd.DataFrame | None, begins_ns: np.ndarray, until_ns: np.ndarray, began_ns: int
) -> Floats:
    """Seconds of each bucket in which nobody listened."""
    total = np.zeros(len(begins_ns))
    if gaps is None:
        return total
    for low, high in zip(instants(gaps, "begins_at"), instants(gaps, "ends_at"), strict=True):
        shared = np.minimum(until_ns, high) - np.maximum(np.maximum(begins_ns, low), began_ns)
        total += np.maximum(shared, 0) / 1e9
    return total
