"""How much of what was settled the tap has seen, and when it was not listening."""

from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import Floats, flags, floats, instants, seconds
from ami_console.metrics.settled import curves
from ami_console.reading import FINAL_STATUSES

LOOKS = 5
"""The newest looks that are compared: an ack on its way at one of them is there at the next."""

SAME_INSTANT_S = 0.25
"""An acknowledgement reaches server and tap at about the same time."""

OFF_S = 0.5
"""Reads of the tap follow each other without a pause, but for rounding."""

GAPS: dict[str, str] = {
    "begins_at": frames.TIME,
    "ends_at": frames.TIME,
    "reason": frames.TEXT,
}

COVERAGE: dict[str, str] = {
    "job_id": frames.COUNT,
    "settled": frames.COUNT,
    "seen": frames.COUNT,
    "missing": frames.COUNT,
    "acks_seen_ratio": frames.MEASURE,
    "gap_s": frames.MEASURE,
}


def tap_gaps(reads: pd.DataFrame, *, as_of: pd.Timestamp | None = None) -> pd.DataFrame:
    """Stretches in which the tap was not listening, or lost what it heard.

    A gap reaches from the last good read before a failed one to the first good read after it;
    one that has no end yet ends at ``as_of`` (its newest read when not given). A good read
    speaks of the ``elapsed_s`` before it: what lies between that and the read before it was
    heard by nobody, because the tap was off.

    Args:
        reads: The ``reads`` frame.
        as_of: The instant judged at.

    Returns:
        One row per gap: ``begins_at``, ``ends_at``, ``reason`` (of its first failed read).
    """
    mine = reads[(reads["source"] == "tap").fillna(False)].sort_values("observed_at", kind="stable")
    if as_of is not None:
        mine = mine[mine["observed_at"] <= as_of]
    gaps: list[dict[str, Any]] = []
    open_since: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    reason: Any = None
    for at, ok, error, elapsed_s in zip(
        mine["observed_at"],
        flags(mine, "ok"),
        mine["error"],
        floats(mine, "elapsed_s"),
        strict=True,
    ):
        if not ok:
            if open_since is None:
                open_since, reason = last if last is not None else at, error
        elif open_since is not None:
            gaps.append({"begins_at": open_since, "ends_at": at, "reason": reason})
            open_since = None
        elif last is not None and not np.isnan(elapsed_s):
            begins_at = at - pd.Timedelta(seconds=elapsed_s)
            if (begins_at - last).total_seconds() > OFF_S:
                gaps.append({"begins_at": last, "ends_at": begins_at, "reason": "the tap was off"})
        last = at
    if open_since is not None:
        gaps.append({"begins_at": open_since, "ends_at": as_of or last, "reason": reason})
    return frames.table(_merged(gaps), GAPS)


def _merged(gaps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Gaps that follow each other at once are one: a last word came in between."""
    whole: list[dict[str, Any]] = []
    for gap in gaps:
        if whole and gap["begins_at"] <= whole[-1]["ends_at"]:
            whole[-1]["ends_at"] = gap["ends_at"]
        else:
            whole.append(gap)
    return whole


def coverage(
    consumers: pd.DataFrame,
    *,
    acks: pd.DataFrame,
    reads: pd.DataFrame,
    jobs: pd.DataFrame | None = None,
    counters: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Distinct messages that the tap saw acknowledged, against what the consumer called settled.

    Compared are the newest looks that could count, each with what had been seen by then; the
    best of them counts, so that an acknowledgement on its way is not called lost. Of a job that
    ended well, all of its messages must have been seen.

    Args:
        consumers: The ``consumers`` frame.
        acks: The ``acks`` frame.
        reads: The ``reads`` frame, for the tap's gaps.
        jobs: The ``jobs`` frame, for how a job ended.
        counters: The ``counters`` frame, as for :func:`~ami_console.metrics.timeline`.

    Returns:
        One row per job that was looked at: the columns of ``COVERAGE``. ``settled`` and ``seen``
        messages as of the look compared, ``missing`` of them, ``acks_seen_ratio`` seen of
        settled, missing where nothing was settled or it is not known; ``gap_s`` seconds of the
        job's time in which the tap was not listening.
    """
    gaps = tap_gaps(reads)
    messages = _first_acks(acks)
    ended_well = _ended_well(jobs)
    rows = []
    for job_id, seen in curves(consumers, counters, np.empty(0)).items():
        acked_s = messages.get(job_id, np.empty(0))
        known = np.flatnonzero(~np.isnan(seen.settled))[-LOOKS:]
        row: dict[str, object] = {"job_id": job_id, "gap_s": _overlap_s(gaps, seen.observed_s)}
        if job_id in ended_well and not np.isnan(seen.published).all():
            total = int(np.nanmax(seen.published))
            rows.append(row | _compared(total, min(total, len(acked_s))))
        elif known.size:
            settled = seen.settled[known].astype("int64")
            by_then = np.searchsorted(acked_s, seen.observed_s[known] + SAME_INSTANT_S)
            best = int(np.argmin(np.maximum(settled - by_then, 0)[::-1]))
            best = len(known) - 1 - best
            rows.append(
                row | _compared(int(settled[best]), min(int(settled[best]), int(by_then[best])))
            )
        else:
            rows.append(row)
    return frames.table(rows, COVERAGE)


def _compared(settled: int, seen: int) -> dict[str, object]:
    ratio = seen / settled if settled else None
    return {
        "settled": settled, "seen": seen, "missing": settled - seen, "acks_seen_ratio": ratio,
    }  # fmt: skip


def _first_acks(acks: pd.DataFrame) -> dict[int, Floats]:
    """Job id → when each message was first acknowledged, sorted, s since the epoch."""
    settling = acks[(acks["kind"] == "+ACK").fillna(False)].sort_values("acked_at", kind="stable")
    first = settling.drop_duplicates(["job_id", "stream_seq", "stored_at"])
    return {int(job_id): seconds(mine, "acked_at") for job_id, mine in first.groupby("job_id")}


def _ended_well(jobs: pd.DataFrame | None) -> set[int]:
    """Jobs whose last status is final and not REVOKED: all of their messages were settled."""
    if jobs is None or jobs.empty:
        return set()
    last = jobs.sort_values("observed_at", kind="stable").drop_duplicates("job_id", keep="last")
    well = last["status"].isin(FINAL_STATUSES - {"REVOKED", "FAILURE"})
    return {int(job_id) for job_id in last.loc[well, "job_id"].dropna()}


def _overlap_s(gaps: pd.DataFrame, observed_s: Floats) -> float:
    begins, ends = instants(gaps, "begins_at") / 1e9, instants(gaps, "ends_at") / 1e9
    shared = np.minimum(ends, observed_s[-1]) - np.maximum(begins, observed_s[0])
    return float(np.maximum(shared, 0.0).sum())
