"""Images that a worker fetched together: when, how many, and when the last was acknowledged."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import (
    Floats,
    Instants,
    flags,
    floats,
    instants,
    seconds,
    typed,
)
from ami_console.metrics.deliveries import Life, fetches, lives
from ami_console.metrics.settled import gap_limit_s
from ami_console.metrics.sightings import KINDS

BATCHES: dict[str, str] = {
    "job_id": frames.COUNT,
    "fetched_at": frames.TIME,
    "fetched_error_s": frames.MEASURE,
    "images": frames.COUNT,
    "acked": frames.COUNT,
    "came_back": frames.COUNT,
    "posted_at": frames.TIME,
    "first_acked_at": frames.TIME,
    "last_acked_at": frames.TIME,
    "batch_time_s": frames.MEASURE,
    "batch_time_error_s": frames.MEASURE,
    "worker_time_s": frames.MEASURE,
    "save_time_s": frames.MEASURE,
    "told_by": frames.TEXT,
}

NEEDED = (
    "job_id",
    "stream_seq",
    "stored_at",
    "delivery",
    "max_delivery",
    "delivered_at",
    "delivered_error_s",
    "first_delivered_at",
    "posted_at",
    "acked_at",
    "acked_error_s",
    "is_estimate",
)

REGULAR_RATIO = 0.8
"""So many of the steps of the delivery counter must be whole batches for a batch size."""

FEWEST_STEPS = 3
"""Fewer steps than this fit any batch size."""

_FUZZ_S = 0.002  # instants are floats of seconds: they agree to the microsecond at best


def batches(
    tasks: pd.DataFrame, consumers: pd.DataFrame, *, log_events: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The batches of each job: images that were fetched together, and how long that took.

    By the log's fetch lines where it has them. Else by looks: what was handed out between two
    looks is one batch, or several of one size where nearly all such steps are multiples of it;
    they are then cut in the order of the stream.

    Args:
        tasks: :func:`~ami_console.metrics.task_times` or ``estimated_tasks``.
        consumers: The ``consumers`` frame.
        log_events: The ``log_events`` frame.

    Returns:
        One row per batch, sorted by ``job_id``, ``fetched_at``: the columns of ``BATCHES``.
        ``images`` handed out, ``acked`` of them acknowledged on that attempt, ``came_back`` not
        acknowledged on it and seen again on a later one. ``batch_time_s`` fetched → the last of
        them acknowledged, which counts against ack wait; missing while not all are.
        ``worker_time_s`` fetched → the last posted; ``save_time_s`` median posted → acked.
        ``told_by`` ``fetches`` or ``looks``.

    Raises:
        FrameError: A needed column is absent.

    Source:
        ``Tasks fetched`` lines; JetStream ``delivered.consumer_seq``; see
        :func:`~ami_console.metrics.task_times`.
    """
    frames.require(tasks, NEEDED, "batches")
    logged = {} if log_events is None or log_events.empty else fetches(log_events)
    looked = {} if consumers.empty else lives(consumers)
    pieces = []
    for job_id in sorted({*tasks["job_id"].dropna().astype(int)}):
        mine = tasks[tasks["job_id"] == job_id]
        if job_id in logged:
            fetched = logged[job_id]
            handed = _Handed(fetched.after_s, fetched.by_s, fetched.count, "fetches")
            seq = _sequences(mine, log_events)
            known = ~np.isnan(seq)
            at = np.searchsorted(fetched.last_seq, np.where(known, seq, 0.0), side="left")
            by_seq = np.where(known & (at < len(fetched.last_seq)), at, -1)
            pieces.append(_of_job(job_id, mine, handed, by_seq))
        elif job_id in looked:
            handed = _by_looks(looked[job_id])
            by_number = _by_number(mine, handed, looked[job_id])
            pieces.append(_of_job(job_id, mine, handed, by_number))
    whole = pd.concat(pieces, ignore_index=True) if pieces else frames.table([], BATCHES)
    return whole.sort_values(["job_id", "fetched_at"], kind="stable", ignore_index=True)


def batch_size(found: pd.DataFrame, *, log_events: pd.DataFrame | None = None) -> int | None:
    """How many images the workers ask for at once; ``None`` where that can't be told.

    Args:
        found: :func:`batches` of one job.
        log_events: The ``log_events`` frame of it: its fetch lines tell what was asked for.

    Returns:
        What was asked for most often; without fetch lines the size of the batches, where at
        least half of them have the same.
    """
    if log_events is not None and len(log_events):
        asked = log_events.loc[(log_events["kind"] == "fetched").fillna(False), "requested"]
        if asked.notna().any():
            return int(asked.dropna().mode().iloc[0])
    sizes = found["images"].dropna()
    if len(sizes) < FEWEST_STEPS:
        return None
    usual = int(sizes.mode().iloc[0])
    return usual if (sizes == usual).mean() >= 0.5 else None


@dataclass(frozen=True)
class _Handed:
    """What was handed out at once, in order: after and by which instant, and how many images."""

    after_s: Floats
    by_s: Floats
    count: Floats
    told_by: str


def _by_looks(lives_of_job: list[Life]) -> _Handed:
    """The steps of the counter between looks that are near enough to each other."""
    after_s, by_s, count = [], [], []
    for life in lives_of_job:
        at_s = np.append(life.created_s, life.at_s)
        steps = np.diff(np.append(0.0, life.consumer_seq))
        near = np.diff(at_s) <= gap_limit_s(life.at_s)
        taken = np.flatnonzero((steps > 0) & near)
        last_s = life.last_active_s[taken]
        after_s.append(at_s[taken])
        by_s.append(np.where(last_s > at_s[taken], last_s, life.at_s[taken]))
        count.append(steps[taken])
    steps = np.concatenate(count)
    size = _regular(steps)
    times = np.where(steps % size == 0, steps / size, 1.0).astype(int) if size else 1
    return _Handed(
        np.repeat(np.concatenate(after_s), times),
        np.repeat(np.concatenate(by_s), times),
        np.repeat(steps / times, times),
        "looks",
    )


def _regular(steps: Floats) -> int | None:
    """The largest number of which nearly all steps are multiples; ``None`` where there is none."""
    if len(steps) < FEWEST_STEPS:
        return None
    for size in range(int(steps.max()), 0, -1):
        if np.mean(steps % size == 0) >= REGULAR_RATIO:
            # every number is a multiple of 1: that says something only of steps of 1
            return size if size > 1 or np.mean(steps == 1) >= REGULAR_RATIO else None
    return None


def _sequences(tasks: pd.DataFrame, log_events: pd.DataFrame | None) -> Floats:
    """Consumer sequence of the attempt that settled each task, where a log line told of it."""
    assert log_events is not None  # noqa: S101 - there were fetches in it
    told = log_events[log_events["kind"].isin(KINDS)].dropna(
        subset=["stream_seq", "stored_at", "delivery", "consumer_seq"]
    )
    columns = ("stream_seq", "delivery")
    keys = zip(instants(told, "stored_at"), *(floats(told, c) for c in columns), strict=True)
    number = dict(zip(keys, floats(told, "consumer_seq"), strict=True))
    wanted = zip(instants(tasks, "stored_at"), *(floats(tasks, c) for c in columns), strict=True)
    return np.array([number.get(key, np.nan) for key in wanted], dtype="float64")


def _by_number(tasks: pd.DataFrame, handed: _Handed, lives_of_job: list[Life]) -> Instants:
    """Index of the batch of each estimated task: the n-th settled is the n-th handed out.

    That holds where every step of one counter is known and nothing was handed out twice.
    """
    (life, *more) = lives_of_job
    total = float(life.consumer_seq[-1])
    whole = not more and handed.count.sum() == total == float(life.stream_seq[-1])
    if not whole or not flags(tasks, "is_estimate").all():
        return np.full(len(tasks), -1)
    rank = np.argsort(np.argsort(instants(tasks, "acked_at"), kind="stable"), kind="stable")
    return np.searchsorted(np.cumsum(handed.count), rank + 1.0, side="left")


def _of_job(job_id: int, tasks: pd.DataFrame, handed: _Handed, by_seq: Any) -> pd.DataFrame:
    count = len(handed.count)
    if not count:
        return frames.table([], BATCHES)
    settled = _placed(tasks, handed, _middle(tasks), by_seq)
    attempts, again = floats(tasks, "delivery"), floats(tasks, "max_delivery")
    # Of an image that came back, the attempt before is seen only if it was the first.
    first = _placed(tasks, handed, seconds(tasks, "first_delivered_at"), np.full(len(tasks), -1))
    back = np.bincount(first[(attempts > 1) & (again > 1) & (first >= 0)], minlength=count)
    acked_s, posted_s = seconds(tasks, "acked_at"), seconds(tasks, "posted_at")
    error_s = np.nan_to_num(floats(tasks, "acked_error_s"))
    placed = settled >= 0
    acked = np.bincount(settled[placed & ~np.isnan(acked_s)], minlength=count).astype(float)
    middle_s, half_s = _fetched(settled, tasks, handed)
    last_acked_s = _extreme(np.fmax, settled, acked_s, count)
    last_posted_s = _extreme(np.fmax, settled, posted_s, count)
    # What was logged before it could be fetched is the clocks' resolution.
    took_s = np.maximum(last_acked_s - middle_s, 0.0)
    worked_s = np.maximum(last_posted_s - middle_s, 0.0)
    whole = acked >= handed.count
    values: dict[str, Any] = {
        "job_id": np.full(count, float(job_id)),
        "fetched_at": middle_s,
        "fetched_error_s": half_s,
        "images": handed.count,
        "acked": acked,
        "came_back": back.astype(float),
        "posted_at": last_posted_s,
        "first_acked_at": _extreme(np.fmin, settled, acked_s, count),
        "last_acked_at": last_acked_s,
        "batch_time_s": np.where(whole, took_s, np.nan),
        "batch_time_error_s": np.where(
            whole, half_s + _extreme(np.fmax, settled, error_s, count), np.nan
        ),
        "worker_time_s": worked_s,
        "save_time_s": _medians(settled, np.maximum(acked_s - posted_s, 0.0), count),
        "told_by": [handed.told_by] * count,
    }
    return pd.DataFrame({name: typed(values[name], dtype) for name, dtype in BATCHES.items()})


def _middle(tasks: pd.DataFrame) -> Floats:
    """When each task was handed out; estimates have that of the first time only."""
    at_s = seconds(tasks, "delivered_at")
    only_once = floats(tasks, "max_delivery")
    return np.where(np.isnan(at_s) & ~(only_once > 1), seconds(tasks, "first_delivered_at"), at_s)


def _placed(tasks: pd.DataFrame, handed: _Handed, at_s: Floats, by_seq: Any) -> Any:
    """Index of the batch of each task, by its sequence or else by its instant; −1 not known."""
    index = np.searchsorted(handed.by_s, at_s - _FUZZ_S, side="left")
    at = np.minimum(index, len(handed.by_s) - 1)
    within = ~np.isnan(at_s) & (index < len(handed.by_s)) & (at_s >= handed.after_s[at] - _FUZZ_S)
    place = np.where(by_seq >= 0, by_seq, np.where(within, at, -1)).astype(int)
    return _spread(place, by_seq, handed, floats(tasks, "stream_seq"))


def _spread(place: Any, by_seq: Any, handed: _Handed, stream_seq: Floats) -> Any:
    """Batches of one moment hold what was handed out then in the order of the stream."""
    same = np.flatnonzero(np.diff(handed.by_s, prepend=np.nan) != 0)
    batches_then = dict(zip(same.tolist(), np.diff(np.append(same, len(handed.by_s))), strict=True))
    for begin, rows in _grouped(np.where(by_seq < 0, place, -1)):
        several = batches_then.get(begin, 1)
        if several > 1:
            order = rows[np.argsort(stream_seq[rows], kind="stable")]
            edges = np.cumsum(handed.count[begin : begin + several])
            number = np.searchsorted(edges, np.arange(len(rows)) + 1.0, side="left")
            place[order] = begin + np.minimum(number, several - 1)
    return place


def _grouped(place: Any) -> Iterator[tuple[int, Any]]:
    """Each batch that has rows, and these."""
    rows = np.flatnonzero(place >= 0)
    order = rows[np.argsort(place[rows], kind="stable")]
    begins = np.flatnonzero(np.diff(place[order], prepend=-1))
    for mine in np.split(order, begins[1:]) if len(order) else []:
        yield int(place[mine[0]]), mine


def _extreme(which: Any, place: Any, values: Floats, count: int) -> Floats:
    """The latest (``fmax``) or earliest (``fmin``) of each batch; NaN where none is known."""
    found = np.full(count, np.nan)
    rows = place >= 0
    which.at(found, place[rows], values[rows])
    return found


def _medians(place: Any, values: Floats, count: int) -> Floats:
    found = np.full(count, np.nan)
    for batch, rows in _grouped(np.where(np.isnan(values), -1, place)):
        found[batch] = np.median(values[rows])
    return found


def _fetched(place: Any, tasks: pd.DataFrame, handed: _Handed) -> tuple[Floats, Floats]:
    """When each batch was handed out, and the error: as of the image that is known best."""
    at_s, error_s = (handed.after_s + handed.by_s) / 2, (handed.by_s - handed.after_s) / 2
    told_s, told_error_s = seconds(tasks, "delivered_at"), floats(tasks, "delivered_error_s")
    rows = np.flatnonzero((place >= 0) & ~np.isnan(told_s) & ~np.isnan(told_error_s))
    for row in rows[np.argsort(-told_error_s[rows], kind="stable")]:
        if told_error_s[row] <= error_s[place[row]]:
            at_s[place[row]], error_s[place[row]] = told_s[row], told_error_s[row]
    return at_s, error_s
