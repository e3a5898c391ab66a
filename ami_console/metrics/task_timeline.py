"""The timeline of a job that was hardly looked at, from its tasks alone."""

from typing import Any

import numpy as np

from ami_console.metrics.arrays import Columns, Floats
from ami_console.metrics.latency import trailing_latency

MOST_ROWS = 1_500


def task_line(job_id: int, tasks: Columns, window_s: float, columns: Any) -> dict[str, Any]:
    """Column → values of one job at every second (of a long job: rarer), missing as NaN.

    Rates look back over the window, of a young job to its first message. Where the first tasks are
    not known (a log that was cut), they look back to the first that is, and totals are missing.
    What only looks tell (pending, in flight) is missing.

    Args:
        job_id: The job.
        tasks: Its settled tasks in the order in which they were acknowledged.
        window_s: How far rates and percentiles look back, seconds.
        columns: The columns wanted.
    """
    acked_s = tasks["acked_at_ns"] / 1e9
    is_whole = tasks["stream_seq"].min() == 1
    began_s = float(np.nanmin(tasks["stored_at"])) if is_whole else float(acked_s[0])
    step_s = max(1.0, np.ceil((acked_s[-1] - began_s) / MOST_ROWS))
    at_s = np.append(np.arange(np.ceil(began_s), acked_s[-1], step_s), acked_s[-1])
    settled = np.searchsorted(acked_s, at_s, side="right").astype("float64")
    again_s, again = _redeliveries(tasks, acked_s)
    redeliveries = again[np.searchsorted(again_s, at_s, side="right")]
    age_min = (at_s - began_s) / 60.0
    with np.errstate(divide="ignore", invalid="ignore"):
        so_far = np.where(age_min > 0, settled / age_min, np.nan)
    line = {
        "job_id": np.full(len(at_s), float(job_id)),
        "observed_at": (at_s * 1e9).astype("int64"),
        "settled_total": settled if is_whole else np.full(len(at_s), np.nan),
        "acked_per_min": _per_min(at_s, settled, began_s, window_s),
        "acked_per_min_so_far": so_far if is_whole else np.full(len(at_s), np.nan),
        "redeliveries_total": redeliveries if is_whole else np.full(len(at_s), np.nan),
        "redeliveries_per_min": _per_min(at_s, redeliveries, began_s, window_s),
        **trailing_latency(tasks, at_s, window_s),
    }
    return {name: line.get(name, np.full(len(at_s), np.nan)) for name in columns}


def _redeliveries(tasks: Columns, acked_s: Floats) -> tuple[Floats, Floats]:
    """When later attempts were handed out (or settled, where that is not known), and their sum."""
    later = tasks["max_delivery"] > 1
    delivered_s = tasks["delivered_at"][later]
    at_s = np.where(np.isnan(delivered_s), acked_s[later], delivered_s)
    order = np.argsort(at_s)
    return at_s[order], np.append(0.0, np.cumsum(tasks["max_delivery"][later][order] - 1))


def _per_min(at_s: Floats, total: Floats, began_s: float, window_s: float) -> Floats:
    """Change per minute since the window's edge; missing over less than a quarter of it."""
    edge_s = np.maximum(at_s - window_s, began_s)
    before = np.interp(edge_s, at_s, total)
    before[edge_s <= began_s] = 0.0
    span_s = at_s - edge_s
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(span_s >= window_s / 4, (total - before) / span_s * 60.0, np.nan)
