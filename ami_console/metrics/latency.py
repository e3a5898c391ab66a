"""Publish → ack in the window that ends at each look."""

from typing import Any

import numpy as np
import pandas as pd

from ami_console.metrics.arrays import Columns, Floats, by_job, floats, instants
from ami_console.metrics.over_time import FEW
from ami_console.metrics.percentiles import FEWEST, PERCENTILES, trailing

_COLUMNS = ("latency_s", "is_estimate", "stream_seq", "stored_at", "delivered_at", "max_delivery")


def latency_columns(
    tasks: pd.DataFrame | None, *, within_s: float = float("inf")
) -> dict[int, Columns]:
    """Job id → latencies of its settled tasks in the order in which they were acknowledged.

    Args:
        tasks: :func:`~ami_console.metrics.task_times`.
        within_s: Leave out those whose instant is less sure than this, seconds.
    """
    if tasks is None or tasks.empty:
        return {}
    kept = (
        tasks["acked_at"].notna().to_numpy()
        & ~tasks["is_discarded"].to_numpy(dtype=bool, na_value=False)
        & ~(floats(tasks, "acked_error_s") > within_s)
        & ~np.isnan(floats(tasks, "latency_s"))
    )
    return by_job(tasks[kept], _COLUMNS, order="acked_at")


def trailing_latency(
    tasks: Columns | None,
    observed_s: Floats,
    window_s: float,
    *,
    server_s: Floats | None = None,
    known: Any = True,
) -> dict[str, Floats]:
    """Count and percentiles of the tasks acknowledged in the window that ends at each look.

    Args:
        tasks: One job's of :func:`latency_columns`.
        observed_s: Our clock at each look, s since the epoch.
        window_s: Width of the window, seconds.
        server_s: The server's clock at each look, which estimates are on.
        known: Whether each look could count, without which it has no estimate.
    """
    missing = np.full(len(observed_s), np.nan)
    marks = np.tile(missing, (len(PERCENTILES), 1))
    n = estimated = missing
    if tasks is not None and tasks.rows:
        is_estimate = bool(tasks["is_estimate"][0])
        ends_s = server_s if is_estimate and server_s is not None else observed_s
        if is_estimate:  # a look that could not count tells of no window
            ends_s = np.where(known, ends_s, -np.inf)
        n, marks = trailing(tasks["acked_at_ns"] / 1e9, tasks["latency_s"], ends_s, window_s)
        n = np.where(np.isinf(ends_s), np.nan, n)
        estimated = np.where(n > 0, float(is_estimate), np.nan)
    named = {f"latency_{mark}_s": values for mark, values in zip(PERCENTILES, marks, strict=True)}
    return {"latency_n": n, **named, "latency_is_estimate": estimated}


def single_latencies(tasks: pd.DataFrame, *, window_s: float = 60.0) -> pd.DataFrame:
    """The latencies that are too few for percentiles: of tasks with fewer than 20 in their window.

    Args:
        tasks: :func:`~ami_console.metrics.task_times`.
        window_s: The window that ended when a task was acknowledged, seconds.

    Returns:
        One row per such task: ``job_id``, ``acked_at``, ``stream_seq``, ``value_s``.
    """
    kept = tasks[tasks["acked_at"].notna() & ~tasks["is_discarded"].fillna(False)]
    kept = kept.dropna(subset=["latency_s"]).sort_values(["job_id", "acked_at"], kind="stable")
    few = np.zeros(len(kept), dtype=bool)
    job_ids, at_ns = kept["job_id"].to_numpy("int64"), instants(kept, "acked_at")
    for job_id in np.unique(job_ids):
        rows = np.flatnonzero(job_ids == job_id)
        begin = np.searchsorted(at_ns[rows], at_ns[rows] - int(window_s * 1e9), side="right")
        end = np.searchsorted(at_ns[rows], at_ns[rows], side="right")
        few[rows] = end - begin < FEWEST
    shown: Any = kept[few].rename(columns={"latency_s": "value_s"})
    return shown[list(FEW)].astype(FEW).reset_index(drop=True)
