"""When a message was delivered: between which two looks, or within which fetch of the log."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ami_console.metrics.arrays import Columns, Floats, by_job

LOOK_COLUMNS = (
    "server_at",
    "observed_at",
    "stream_created_at",
    "consumer_exists",
    "delivered_last_active",
    "delivered_consumer_seq",
    "delivered_stream_seq",
)
FETCH_COLUMNS = (
    "logged_at",
    "resolution_s",
    "delivered",
)

FETCH_TOOK_S = 0.5
"""A fetch is logged when its messages are in: they were delivered at most so long before."""


@dataclass(frozen=True)
class Bracket:
    """Delivered after one instant and by another, s since the epoch; NaN unknown."""

    after_s: Floats
    by_s: Floats

    @classmethod
    def unknown(cls, count: int) -> "Bracket":
        """Nothing is known of that many."""
        return cls(np.full(count, np.nan), np.full(count, np.nan))

    @property
    def at_s(self) -> Floats:
        """The middle: the best estimate."""
        return (self.after_s + self.by_s) / 2.0

    @property
    def error_s(self) -> Floats:
        """How far from the estimate it may have been, seconds."""
        return (self.by_s - self.after_s) / 2.0

    def within(self, other: "Bracket") -> "Bracket":
        """What both allow; this one where they contradict each other, the other where unknown."""
        after_s = np.fmax(self.after_s, other.after_s)
        by_s = np.fmin(self.by_s, other.by_s)
        contradict = after_s > by_s
        return Bracket(
            np.where(contradict, self.after_s, after_s), np.where(contradict, self.by_s, by_s)
        )


@dataclass(frozen=True)
class Life:
    """One consumer from its creation on: its counters at each look, none of which ever falls.

    Attributes:
        created_s: When its stream was created, server's clock; NaN unknown.
        begins_s: Its first look.
        at_s: Server's clock at each look.
        last_active_s: When the last delivery was, as of each look; NaN where not told.
        consumer_seq: Deliveries so far, redeliveries included.
        stream_seq: Highest message delivered so far.
    """

    created_s: float
    begins_s: float
    at_s: Floats
    last_active_s: Floats
    consumer_seq: Floats
    stream_seq: Floats

    def delivered(self, sequence: Floats, counter: Floats) -> Bracket:
        """When a counter passed each number, from the looks around it."""
        look = np.searchsorted(counter, sequence, side="left")
        known = look < len(counter)
        at = np.minimum(look, len(counter) - 1)
        before_s = np.where(at > 0, self.at_s[np.maximum(at - 1, 0)], self.created_s)
        last_s = self.last_active_s[at]
        by_s = np.where(last_s > before_s, last_s, self.at_s[at])
        # The last delivery before a look is told to the nanosecond.
        is_last = (counter[at] == sequence) & (last_s > before_s)
        after_s = np.where(is_last, last_s, np.fmin(before_s, by_s))
        return Bracket(np.where(known, after_s, np.nan), np.where(known, by_s, np.nan))


def lives(consumers: pd.DataFrame) -> dict[int, list[Life]]:
    """Job id → its consumers one after another, as the looks saw them.

    Source:
        JetStream ``delivered.consumer_seq``, ``delivered.stream_seq``, ``delivered.last_active``.
    """
    return {job_id: _lives(looks) for job_id, looks in by_job(consumers, LOOK_COLUMNS).items()}


def _lives(looks: Columns) -> list[Life]:
    told = looks["delivered_consumer_seq"] + looks["delivered_stream_seq"]
    known = looks["consumer_exists"] & ~np.isnan(told)
    rows = np.flatnonzero(known)
    if not rows.size:
        return []
    server_s, created_s = looks["server_at"][rows], looks["stream_created_at"][rows]
    at_s = np.where(np.isnan(server_s), looks["observed_at"][rows], server_s)
    consumer_seq = looks["delivered_consumer_seq"][rows]
    stream_seq = looks["delivered_stream_seq"][rows]
    anew = (
        (np.abs(np.diff(created_s)) > 0) | (np.diff(consumer_seq) < 0) | (np.diff(stream_seq) < 0)
    )
    ends = np.append(np.flatnonzero(anew) + 1, len(rows))
    begins = np.append(0, ends[:-1])
    return [
        Life(
            created_s=float(created_s[begin]),
            begins_s=float(at_s[begin]),
            at_s=at_s[begin:end],
            last_active_s=looks["delivered_last_active"][rows][begin:end],
            consumer_seq=consumer_seq[begin:end],
            stream_seq=stream_seq[begin:end],
        )
        for begin, end in zip(begins, ends, strict=True)
    ]


def which_life(found: Sequence[Life], stored_s: Floats, seen_s: Floats) -> Floats:
    """Index of the life that each message was delivered in; −1 where none fits.

    Args:
        found: The job's lives, in order.
        stored_s: When each message was stored.
        seen_s: When it was first seen delivered (posted or acknowledged).
    """
    which = np.full(len(stored_s), -1.0)
    for number, life in enumerate(found):
        # Of two consumers on one stream the later one counts from when it was first seen.
        same_stream = number > 0 and found[number - 1].created_s == life.created_s
        begun = ~(stored_s < life.created_s)
        which[begun & (seen_s >= life.begins_s) if same_stream else begun] = number
    return which


def fetches(log_events: pd.DataFrame) -> dict[int, "Fetches"]:
    """Job id → its fetches as logged, with the deliveries that each handed out.

    The n-th delivery is the consumer sequence n, so adding up what was fetched numbers the
    deliveries of every fetch. The sum is anchored where the log tells a sequence: at the creation
    of the consumer, at a ``consumer_state`` line right before the fetch, or at the end.

    Source:
        ``Tasks fetched`` and ``Reserved … tasks`` lines.
    """
    found = {}
    jobs = log_events[log_events["job_id"].notna()]
    for job_id, mine in jobs.groupby("job_id", sort=True):
        fetched = _fetches(mine)
        if fetched is not None:
            found[int(job_id)] = fetched
    return found


@dataclass(frozen=True)
class Fetches:
    """One job's fetches in order.

    Attributes:
        last_seq: Consumer sequence of the last delivery of each fetch.
        count: Deliveries of each.
        after_s: It took place after this instant, s since the epoch.
        by_s: And by this one.
    """

    last_seq: Floats
    count: Floats
    after_s: Floats
    by_s: Floats

    def delivered(self, consumer_seq: Floats) -> Bracket:
        """When each delivery was handed out."""
        if not len(self.last_seq):
            return Bracket.unknown(len(consumer_seq))
        fetch = np.searchsorted(self.last_seq, consumer_seq, side="left")
        at = np.minimum(fetch, len(self.last_seq) - 1)
        known = (fetch < len(self.last_seq)) & (consumer_seq > self.last_seq[at] - self.count[at])
        return Bracket(
            np.where(known, self.after_s[at], np.nan), np.where(known, self.by_s[at], np.nan)
        )


def _fetches(events: pd.DataFrame) -> Fetches | None:
    """From the log with the finest times that has fetches."""
    for kind in ("reserved", "fetched"):
        lines = events[(events["kind"] == kind).fillna(False) & (events["delivered"] > 0)]
        lines = _once(lines)
        if lines.empty:
            continue
        columns = next(iter(by_job(lines, FETCH_COLUMNS, order="logged_at").values()))
        logged_s, count = columns["logged_at"], columns["delivered"]
        total = np.cumsum(count)
        offset = _anchor(events, logged_s[0], logged_s[-1], float(total[-1]))
        if offset is None:
            continue
        return Fetches(
            last_seq=total + offset,
            count=count,
            after_s=logged_s - FETCH_TOOK_S,
            by_s=logged_s + columns["resolution_s"],
        )
    return None


def _once(lines: pd.DataFrame) -> pd.DataFrame:
    """Each fetch once, though the job log and a process may both tell of it."""
    if lines.empty:
        return lines
    finest = lines["resolution_s"].min()
    return lines[lines["resolution_s"] == finest]


def _anchor(events: pd.DataFrame, first_s: float, last_s: float, total: float) -> float | None:
    """Deliveries before the first fetch of the log; ``None`` when the log does not tell."""
    first, last = (pd.Timestamp(round(second * 1e9), tz="UTC") for second in (first_s, last_s))
    marks = events.sort_values("logged_at", kind="stable")
    before = marks[
        marks["kind"].isin(("consumer_created", "consumer_state")) & (marks["logged_at"] <= first)
    ]
    if len(before):
        told = before["delivered"].iloc[-1]
        is_new = before["kind"].iloc[-1] == "consumer_created"
        return 0.0 if is_new else None if pd.isna(told) else float(told)
    after = marks[(marks["kind"] == "finalizing").fillna(False) & (marks["logged_at"] >= last)]
    told = after["delivered"].iloc[0] if len(after) else pd.NA
    return None if pd.isna(told) else float(told) - total
