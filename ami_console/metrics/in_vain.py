"""Acknowledgements that came late, or in vain: when the stream they were for was gone."""

from typing import Any

import numpy as np
import pandas as pd

from ami_console.metrics.arrays import Floats, instants
from ami_console.metrics.deliveries import Bracket
from ami_console.metrics.sightings import Sighted


def late(
    values: dict[str, Any],
    seen: Sighted,
    attempts: Bracket,
    chosen: Any,
    begins: Any,
    consumers: pd.DataFrame | None,
    log_events: pd.DataFrame | None,
) -> Floats:
    """1 where an acknowledgement surely came after its reservation had ended, NaN unknown.

    Args:
        values: Columns of ``TASKS`` so far.
        seen: All attempts.
        attempts: When each was delivered.
        chosen: Index of the attempt that settled each task.
        begins: Index of the first attempt of each task.
        consumers: The ``consumers`` frame, for ack wait.
        log_events: The ``log_events`` frame, for ack wait where no look tells it.
    """
    wait_s = np.full(len(chosen), np.nan)
    for frame in (log_events, consumers):
        if frame is None or frame.empty:
            continue
        told = frame.dropna(subset=["ack_wait_s", "job_id"]).groupby("job_id")["ack_wait_s"].last()
        for job_id, value in told.items():
            wait_s[values["job_id"] == job_id] = value
    held_s, error_s = values["in_flight_s"], values["in_flight_error_s"]
    late = np.where(np.isnan(held_s + wait_s), np.nan, (held_s - error_s > wait_s) * 1.0)
    # The next attempt of the same task had been handed out by then.
    acked_s = seen.at_s["acked"][chosen]
    again = np.append(np.isin(np.arange(1, len(seen.job_id)), begins, invert=True), False)
    after = np.flatnonzero(again)
    next_by_s = np.full(len(seen.job_id), np.nan)
    next_by_s[after] = attempts.by_s[after + 1]
    overtaken = next_by_s[chosen] < acked_s
    return np.where(np.isnan(acked_s), np.nan, np.where(overtaken, 1.0, late))


def deletions(
    advisories: pd.DataFrame | None, log_events: pd.DataFrame | None
) -> dict[int, Bracket]:
    """Job id → when its streams were deleted: after one instant and by another.

    Source:
        ``STREAM.DELETED`` advisories; without one ``Deleted NATS stream`` lines.
    """
    found: dict[int, Bracket] = {}
    for frame, kind, column in (
        (advisories, "STREAM.DELETED", "observed_at"),
        (log_events, "stream_deleted", "logged_at"),
    ):
        if frame is None or frame.empty:
            continue
        mine = frame[(frame["kind"] == kind).fillna(False) & frame["job_id"].notna()]
        for job_id, lines in mine.groupby("job_id"):
            logged = column == "logged_at"
            finest = lines["resolution_s"].min() if logged else 0.0
            told = lines[lines["resolution_s"] == finest] if logged else lines
            at_s = np.unique(instants(told, column)) / 1e9
            found.setdefault(int(job_id), Bracket(at_s, at_s + finest))
    return found


def after_delete(
    acked_s: Floats, error_s: Floats, job_ids: Any, stored_s: Floats, deleted: dict[int, Bracket]
) -> Floats:
    """1 where the stream that a message was in had been deleted when it was acknowledged.

    NaN where the two instants are too near each other for their errors.
    """
    after = np.where(np.isnan(acked_s), np.nan, 0.0)
    for job_id, gone in deleted.items():
        rows = np.flatnonzero((job_ids == job_id) & ~np.isnan(acked_s))
        following = np.searchsorted(gone.after_s, stored_s[rows], side="right")
        known = following < len(gone.after_s)
        at = np.minimum(following, len(gone.after_s) - 1)
        surely = known & (acked_s[rows] - error_s[rows] > gone.by_s[at])
        maybe = known & (acked_s[rows] + error_s[rows] > gone.after_s[at])
        after[rows] = np.where(surely, 1.0, np.where(maybe, np.nan, 0.0))
    return after


def discarded(
    values: dict[str, Any], seen: Sighted, begins: Any, deleted: dict[int, Bracket]
) -> Floats:
    """1 where the result was thrown away: acknowledged too late in a stream that was not done."""
    discarded = np.array(values["is_after_delete"])
    after = ~(discarded == 0) & ~np.isnan(values["acked_error_s"])
    # What was delivered and what was pending then add up to what had been published.
    published = grouped(np.fmax, seen.stream_seq + seen.num_pending_then, begins)
    for job_id in np.unique(values["job_id"][after]):
        mine = values["job_id"] == job_id
        stream = np.searchsorted(
            deleted[int(job_id)].after_s, values["stored_at"] / 1e9, side="right"
        )
        for number in np.unique(stream[mine & after]):
            rows = mine & (stream == number)
            acked = np.sum(~np.isnan(values["acked_error_s"][rows]))
            if acked >= np.nanmax(published[rows], initial=0.0) > 0:
                discarded[rows & after] = 0.0
    return discarded


def grouped(fold: Any, values: Floats, begins: Any) -> Floats:
    """The values of each task's attempts folded into one; ``begins``: index of each first."""
    return fold.reduceat(values, begins) if len(begins) else np.empty(0)
