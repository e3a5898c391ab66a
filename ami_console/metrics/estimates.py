"""Times of tasks estimated from looks alone, where nothing told of single tasks."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ami_console.metrics.arrays import Columns, Floats, typed
from ami_console.metrics.settled import Curve, curves, gap_limit_s
from ami_console.metrics.tasks import TASKS


def estimated_tasks(
    consumers: pd.DataFrame, *, counters: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The images of each job that were seen to settle, with estimated instants.

    The n-th image settled is taken to be the n-th published and the n-th delivered, each at the
    instant at which the counter passed n, read between looks on a straight line. What was
    published before the first look counts as published when the stream was created, as Antenna
    does it. Of images that were settled before a watch began late nothing is known; they are
    left out. Images are told apart by their number, so which one took how long is not known:
    only how the times are spread.

    Args:
        consumers: The ``consumers`` frame.
        counters: The ``counters`` frame, as for :func:`~ami_console.metrics.timeline`.

    Returns:
        One row per image: ``TASKS`` with ``is_estimate`` True; what only acknowledgements and
        logs tell is missing. The error of an instant is the pause between the two looks around.

    Source:
        JetStream ``CONSUMER.INFO``/``STREAM.INFO`` (or ``/jsz``).
    """
    pieces = [
        _of_job(job_id, seen) for job_id, seen in curves(consumers, counters, np.empty(0)).items()
    ]
    whole = {
        name: np.concatenate([piece[name] for piece in pieces]) if pieces else np.empty(0)
        for name in ("job_id", *_COLUMNS)
    }
    count = len(whole["job_id"])
    values = {name: np.full(count, np.nan) for name in TASKS} | whole
    values["image_id"] = np.full(count, None, dtype=object)
    values["is_estimate"] = np.ones(count)
    values["is_discarded"] = np.zeros(count)
    return pd.DataFrame({name: typed(values[name], dtype) for name, dtype in TASKS.items()})


def estimated_latencies(seen_of: Mapping[int, Curve], *, within_s: float) -> dict[int, Columns]:
    """The latencies of :func:`estimated_tasks`, without all else that they have.

    Args:
        seen_of: Job id → its looks.
        within_s: Leave out those whose instant is less sure than this, seconds.

    Returns:
        Job id → ``acked_at_ns``, ``latency_s`` and ``is_estimate`` in the order in which the
        images were settled; without jobs of which none is known.
    """
    found = {}
    for job_id, seen in seen_of.items():
        told = _of_job(job_id, seen)
        kept = (told["acked_error_s"] <= within_s) & ~np.isnan(told["latency_s"])
        if kept.any():
            acked_s = told["acked_at"][kept]
            found[job_id] = Columns(
                {
                    "acked_at_ns": (acked_s * 1e9).astype("int64"),
                    "latency_s": told["latency_s"][kept],
                    "is_estimate": np.ones(len(acked_s)),
                }
            )
    return found


_COLUMNS = (
    "stored_at",
    "first_delivered_at",
    "first_delivered_error_s",
    "acked_at",
    "acked_error_s",
    "queue_wait_s",
    "queue_wait_error_s",
    "in_flight_s",
    "in_flight_error_s",
    "latency_s",
    "latency_error_s",
)


def _of_job(job_id: int, seen: Curve) -> dict[str, Floats]:
    known = np.flatnonzero(~np.isnan(seen.settled))
    images = np.empty(0)
    if known.size:
        counts, at_s = _settling(seen, known)
        images = np.arange(counts[0] + 1.0, counts[-1] + 1.0)
    if not images.size:
        return {name: np.empty(0) for name in ("job_id", *_COLUMNS)}
    acked_s, acked_error_s = _passed_at(images, counts, at_s)
    stored_s, stored_error_s = _passed_at(images, *_publishing(seen))
    delivered_s, delivered_error_s = _passed_at(
        images, *_from_creation(seen, seen.looks["delivered_stream_seq"])
    )
    delivered_s = np.clip(delivered_s, np.fmin(stored_s, acked_s), acked_s)
    return {
        "job_id": np.full(len(images), float(job_id)),
        "stored_at": stored_s,
        "first_delivered_at": delivered_s,
        "first_delivered_error_s": delivered_error_s,
        "acked_at": acked_s,
        "acked_error_s": acked_error_s,
        "queue_wait_s": np.maximum(delivered_s - stored_s, 0.0),
        "queue_wait_error_s": stored_error_s + delivered_error_s,
        "in_flight_s": acked_s - delivered_s,
        "in_flight_error_s": delivered_error_s + acked_error_s,
        "latency_s": np.maximum(acked_s - stored_s, 0.0),
        "latency_error_s": stored_error_s + acked_error_s,
    }


def _settling(seen: Curve, known: np.ndarray) -> tuple[Floats, Floats]:
    """Settled count and instant, monotone; from 0 at the stream's creation if seen from there."""
    counts, at_s = np.maximum.accumulate(seen.settled[known]), seen.at_s[known]
    started_s = seen.started_s[known[0]]
    if 0 <= at_s[0] - started_s <= gap_limit_s(seen.observed_s):
        counts, at_s = np.append(0.0, counts), np.append(started_s, at_s)
    return counts, at_s


def _publishing(seen: Curve) -> tuple[Floats, Floats]:
    """Published count and instant; what the first look found is as old as its stream."""
    known = np.flatnonzero(~np.isnan(seen.published))
    counts, at_s = np.maximum.accumulate(seen.published[known]), seen.at_s[known].copy()
    started_s = seen.started_s[known[0]]
    if not np.isnan(started_s):
        at_s[0] = min(started_s, at_s[0])
    return np.append(0.0, counts), np.append(at_s[0], at_s)


def _from_creation(seen: Curve, counter: Floats) -> tuple[Floats, Floats]:
    """A counter that stood at 0 when the stream was created."""
    known = np.flatnonzero(~np.isnan(counter))
    counts, at_s = np.maximum.accumulate(counter[known]), seen.at_s[known]
    started_s = seen.started_s[known[0]]
    begin_s = min(started_s, at_s[0]) if not np.isnan(started_s) else at_s[0]
    return np.append(0.0, counts), np.append(begin_s, at_s)


def _passed_at(images: Floats, counts: Floats, at_s: Floats) -> tuple[Floats, Floats]:
    """When a counter passed each number, on a straight line between the looks around it.

    Returns:
        The instants, and the pause between the two looks, seconds.
    """
    if len(counts) < 2:
        return np.full(images.shape, at_s[0]), np.zeros(images.shape)
    after = np.clip(np.searchsorted(counts, images, side="left"), 1, len(counts) - 1)
    step = counts[after] - counts[after - 1]
    share = np.divide(images - counts[after - 1], step, out=np.ones_like(images), where=step > 0)
    pause_s = at_s[after] - at_s[after - 1]
    return at_s[after - 1] + np.clip(share, 0.0, 1.0) * pause_s, pause_s
