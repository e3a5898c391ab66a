"""Which looks at a consumer may be compared, and how many images were settled at each."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ami_console.metrics.arrays import Columns, Flags, Floats, Instants, by_job

MIN_GAP_S = 10.0
"""A pause between two looks shorter than this is never called a gap."""

SAME_LOOK_RATIO = 0.6
"""Each source has its own beat: a look of the other lies at most half a pause away."""

CONSUMER_COLUMNS = (
    "observed_at",
    "server_at",
    "stream_created_at",
    "consumer_created_at",
    "delivered_last_active",
    "consumer_exists",
    "messages",
    "first_seq",
    "last_seq",
    "num_pending",
    "num_ack_pending",
    "num_redelivered",
    "delivered_consumer_seq",
    "delivered_stream_seq",
    "ack_floor_stream_seq",
)
COUNTER_COLUMNS = ("observed_at", "total", "pending_results")


@dataclass(frozen=True)
class Curve:
    """One job's looks as arrays of one length, in order of time.

    Attributes:
        looks: The columns of the looks themselves.
        at_s: Server's clock at the look (ours where the server's is missing), s since the epoch.
        settled: Images settled so far; NaN unknown.
        redeliveries: Redeliveries so far; NaN unknown.
        segment: Looks with the same number may be compared with each other; between two
            segments lies a gap, a reset or a counter that went backwards.
    """

    looks: Columns
    at_s: Floats
    settled: Floats
    redeliveries: Floats
    segment: Floats

    @property
    def observed_s(self) -> Floats:
        """Our clock at the look, s since the epoch."""
        return self.looks["observed_at"]

    @property
    def observed_ns(self) -> Instants:
        """The same, ns since the epoch."""
        return self.looks["observed_at_ns"]

    @property
    def started_s(self) -> Floats:
        """When the stream was created, server's clock; NaN unknown."""
        return self.looks["stream_created_at"]

    @property
    def published(self) -> Floats:
        """Messages published so far; NaN unknown."""
        return self.looks["last_seq"]


def curves(
    consumers: pd.DataFrame, counters: pd.DataFrame | None, failed_reads_s: Floats
) -> dict[int, Curve]:
    """Job id → settled images and redeliveries at each look.

    Settled is ``delivered_stream_seq − num_ack_pending − exhausted``. How many messages are
    exhausted the broker does not say; at least ``num_redelivered − num_ack_pending`` are. Where
    the stream holds each image once, Redis sets the other bound: an image still in the ``results``
    set has not been saved, so it was not acknowledged.

    Args:
        consumers: The ``consumers`` frame.
        counters: The ``counters`` frame, or ``None``.
        failed_reads_s: Instants (s since the epoch, sorted) at which NATS could not be read.

    Source:
        JetStream ``CONSUMER.INFO`` and ``STREAM.INFO``; Redis ``pending_images:results``.
    """
    counted = {} if counters is None else by_job(counters, COUNTER_COLUMNS)
    return {
        job_id: _curve(looks, counted.get(job_id), failed_reads_s)
        for job_id, looks in by_job(consumers, CONSUMER_COLUMNS).items()
    }


def usual_pause_s(observed_s: Floats) -> float:
    """The median pause between two looks, seconds; 2 where there is only one look."""
    return float(np.median(np.diff(observed_s))) if len(observed_s) > 1 else 2.0


def gap_limit_s(observed_s: Floats) -> float:
    """The longest pause between two looks that is not a gap: three usual ones, seconds."""
    return max(MIN_GAP_S, 3.0 * usual_pause_s(observed_s))


def _curve(looks: Columns, counters: Columns | None, failed_reads_s: Floats) -> Curve:
    observed_s, server_s = looks["observed_at"], looks["server_at"]
    at_s = np.where(np.isnan(server_s), observed_s, server_s)
    delivered, ack_pending = looks["delivered_stream_seq"], looks["num_ack_pending"]
    redelivered = looks["num_redelivered"]
    # Messages that left the stream above the ack floor were never settled, and the sequences
    # no longer tell how many they were.
    first = looks["first_seq"]
    whole = (first <= 1) | ~(first > looks["ack_floor_stream_seq"] + 1)
    known = whole & looks["consumer_exists"]
    settled = delivered - ack_pending - np.maximum(0.0, redelivered - ack_pending)
    settled = np.where(known, settled, np.nan)
    redeliveries = np.where(known, looks["delivered_consumer_seq"] - delivered, np.nan)
    saved = _saved(looks, counters)
    bounded = ~np.isnan(saved)
    settled = np.where(bounded, np.minimum(settled, saved), settled)
    breaks = _breaks(looks, at_s, settled, failed_reads_s)
    # With redeliveries about, the two ways to count may differ: do not compare across them.
    about = np.fmax(redelivered[1:], redelivered[:-1]) > 0
    breaks[1:] |= (bounded[1:] != bounded[:-1]) & about
    return Curve(
        looks=looks,
        at_s=at_s,
        settled=settled,
        redeliveries=redeliveries,
        segment=np.cumsum(breaks).astype("float64"),
    )


def _saved(looks: Columns, counters: Columns | None) -> Floats:
    """Images that Redis calls saved, by a look of about the same instant; NaN unknown.

    An older one would hold the count back while Redis is away.
    """
    observed_s = looks["observed_at"]
    if counters is None:
        return np.full(len(observed_s), np.nan)
    at_s, total = counters["observed_at"], counters["total"]
    right = np.clip(np.searchsorted(at_s, observed_s), 0, len(at_s) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(
        np.abs(at_s[left] - observed_s) <= np.abs(at_s[right] - observed_s), left, right
    )
    near = np.abs(at_s[nearest] - observed_s) <= SAME_LOOK_RATIO * usual_pause_s(observed_s)
    once = looks["messages"] == total[nearest]
    return np.where(near & once, (total - counters["pending_results"])[nearest], np.nan)


def _breaks(looks: Columns, at_s: Floats, settled: Floats, failed_reads_s: Floats) -> Flags:
    """True where a look may not be compared with the one before it."""
    observed_s = looks["observed_at"]
    breaks = np.zeros(len(observed_s), dtype=bool)

    def fell(column: str) -> Flags:
        return looks[column][1:] < looks[column][:-1]

    recreated = (
        (np.abs(np.diff(looks["stream_created_at"])) > 0)
        | fell("delivered_consumer_seq")
        | fell("delivered_stream_seq")
    )
    below = _below_earlier(settled, recreated)
    active = ~np.isnan(looks["delivered_last_active"])
    failed_before = np.searchsorted(failed_reads_s, observed_s, side="right")
    breaks[1:] = (
        np.isnan(settled[1:] + settled[:-1])
        | ~(np.diff(at_s) > 0)
        | (np.diff(observed_s) > gap_limit_s(observed_s))
        | (np.diff(failed_before) > 0)
        | recreated
        # the consumer was made anew, or its server was restarted and the gauge fell to 0
        | (np.abs(np.diff(looks["consumer_created_at"])) > 0)
        | (active[:-1] & ~active[1:])
        | below[1:]
        | below[:-1]
    )
    return breaks


def _below_earlier(settled: Floats, recreated: Flags) -> Flags:
    """True where a count that can only grow stands below what it was: one of the two is wrong."""
    below = np.zeros(len(settled), dtype=bool)
    ends = np.flatnonzero(np.append(recreated, True)) + 1
    for begin, end in zip(np.append(0, ends[:-1]), ends, strict=True):
        life = settled[begin:end]
        below[begin:end] = life < np.fmax.accumulate(life)
    return below
