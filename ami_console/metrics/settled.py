"""Which looks at a consumer may be compared, and how many images were settled at each."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ami_console.metrics.arrays import Flags, Floats, flags, floats, seconds

MIN_GAP_S = 10.0
"""A pause between two looks shorter than this is never called a gap."""


@dataclass(frozen=True)
class Curve:
    """One job's looks as arrays of one length, in order of time.

    Attributes:
        at_s: Server's clock at the look (ours where the server's is missing), s since the epoch.
        observed_s: Our clock at the look, s since the epoch.
        started_s: When the stream was created, server's clock; NaN unknown.
        settled: Images settled so far; NaN unknown.
        published: Messages published so far (``last_seq``); NaN unknown.
        redeliveries: Redeliveries so far; NaN unknown.
        segment: Looks with the same number may be compared with each other; between two
            segments lies a gap, a reset or a counter that went backwards.
    """

    at_s: Floats
    observed_s: Floats
    started_s: Floats
    settled: Floats
    published: Floats
    redeliveries: Floats
    segment: Floats


def curve(looks: pd.DataFrame, counters: pd.DataFrame | None, failed_reads_s: Floats) -> Curve:
    """Settled images and redeliveries of one job at each look.

    Settled is ``delivered_stream_seq − num_ack_pending − exhausted``. How many messages are
    exhausted the broker does not say; at least ``num_redelivered − num_ack_pending`` are. Where
    the stream holds each image once, Redis sets the other bound: an image still in the ``results``
    set has not been saved, so it was not acknowledged.

    Args:
        looks: ``consumers`` rows of one job, sorted by ``observed_at``.
        counters: ``counters`` rows of the same job, or ``None``.
        failed_reads_s: Instants (s since the epoch, sorted) at which NATS could not be read.

    Source:
        JetStream ``CONSUMER.INFO`` and ``STREAM.INFO``; Redis ``pending_images:results``.
    """
    observed_s = seconds(looks["observed_at"])
    server_s = seconds(looks["server_at"])
    at_s = np.where(np.isnan(server_s), observed_s, server_s)
    started_s = seconds(looks["stream_created_at"])
    delivered, ack_pending = floats(looks, "delivered_stream_seq"), floats(looks, "num_ack_pending")
    redelivered, published = floats(looks, "num_redelivered"), floats(looks, "last_seq")
    # Messages that left the stream above the ack floor were never settled, and the sequences
    # no longer tell how many they were.
    whole = ~(floats(looks, "first_seq") > floats(looks, "ack_floor_stream_seq") + 1) | (
        floats(looks, "first_seq") <= 1
    )
    settled = delivered - ack_pending - np.maximum(0.0, redelivered - ack_pending)
    redeliveries = floats(looks, "delivered_consumer_seq") - delivered
    for values in (settled, redeliveries):
        values[~whole | ~flags(looks, "consumer_exists")] = np.nan
    saved = _saved(looks, counters, observed_s)
    bounded = ~np.isnan(saved)
    settled = np.where(bounded, np.minimum(settled, saved), settled)

    breaks = _breaks(looks, at_s, observed_s, started_s, settled, failed_reads_s)
    # With redeliveries about, the two ways to count may differ: do not compare across them.
    breaks[1:] |= (bounded[1:] != bounded[:-1]) & (np.fmax(redelivered[1:], redelivered[:-1]) > 0)
    return Curve(
        at_s=at_s,
        observed_s=observed_s,
        started_s=started_s,
        settled=settled,
        published=published,
        redeliveries=redeliveries,
        segment=np.cumsum(breaks).astype("float64"),
    )


def gap_limit_s(observed_s: Floats) -> float:
    """The longest pause between two looks that is not a gap: three usual ones, seconds."""
    pauses = np.diff(observed_s)
    return max(MIN_GAP_S, 3.0 * float(np.median(pauses))) if pauses.size else MIN_GAP_S


def _saved(looks: pd.DataFrame, counters: pd.DataFrame | None, observed_s: Floats) -> Floats:
    """Images that Redis calls saved, at the nearest look within the gap limit; NaN unknown."""
    saved = np.full(len(looks), np.nan)
    if counters is None or counters.empty:
        return saved
    at_s = seconds(counters["observed_at"])
    total = floats(counters, "total")
    values = total - floats(counters, "pending_results")
    right = np.clip(np.searchsorted(at_s, observed_s), 0, len(at_s) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(
        np.abs(at_s[left] - observed_s) <= np.abs(at_s[right] - observed_s), left, right
    )
    near = np.abs(at_s[nearest] - observed_s) <= gap_limit_s(observed_s)
    once = floats(looks, "messages") == total[nearest]
    return np.where(near & once, values[nearest], saved)


def _breaks(
    looks: pd.DataFrame,
    at_s: Floats,
    observed_s: Floats,
    started_s: Floats,
    settled: Floats,
    failed_reads_s: Floats,
) -> Flags:
    """True where a look may not be compared with the one before it."""
    breaks = np.zeros(len(looks), dtype=bool)
    if len(looks) < 2:
        return breaks

    def fell(values: Floats) -> Flags:
        return values[1:] < values[:-1]

    recreated = (
        (np.abs(np.diff(started_s)) > 0)
        | fell(floats(looks, "delivered_consumer_seq"))
        | fell(floats(looks, "delivered_stream_seq"))
    )
    below = _below_earlier(settled, recreated)
    consumer_s = seconds(looks["consumer_created_at"])
    active = ~np.isnan(seconds(looks["delivered_last_active"]))
    failed_between = np.searchsorted(
        failed_reads_s, observed_s[1:], side="right"
    ) > np.searchsorted(failed_reads_s, observed_s[:-1], side="right")
    breaks[1:] = (
        np.isnan(settled[1:] + settled[:-1])
        | ~(np.diff(at_s) > 0)
        | (np.diff(observed_s) > gap_limit_s(observed_s))
        | failed_between
        | recreated
        | (np.abs(np.diff(consumer_s)) > 0)  # recreated, or its server was restarted
        | (active[:-1] & ~active[1:])
        | below[1:]
        | below[:-1]
    )
    return breaks


def _below_earlier(settled: Floats, recreated: Flags) -> Flags:
    """True where a count that can only grow stands below what it was: one of the two is wrong."""
    life = np.concatenate([[0], np.cumsum(recreated)])
    highest = pd.Series(settled).groupby(life).cummax().to_numpy()
    return settled < highest
