"""Publish → ack: measured from acknowledgements, or estimated from looks."""

import numpy as np
import pandas as pd

from ami_console.metrics.arrays import Columns, Floats, instants
from ami_console.metrics.settled import Curve, gap_limit_s

QUANTILE_POINTS = 41
"""Images per window at which the estimate is taken; more changes p95 by under a percent."""


def ack_latency(acks: pd.DataFrame) -> pd.DataFrame:
    """Publish → ack of each task, seconds, from its first acknowledgement.

    Only ``+ACK`` counts; repeated acknowledgements of a message are left out. A message is told
    apart by its sequence and the instant at which it was stored: a recreated stream counts from
    1 again.

    Args:
        acks: The ``acks`` frame.

    Returns:
        One row per (job, message), sorted by ``acked_at``: ``job_id``, ``stream_seq``,
        ``stored_at``, ``acked_at``, ``delivery`` (the highest attempt acknowledged),
        ``latency_s`` (Float64).

    Source:
        ``$JS.ACK`` subjects; ``acked_at`` is our receipt, ``stored_at`` the server's clock, so a
        clock offset between the two is part of the figure.
    """
    settled = acks[acks["kind"].fillna("") == "+ACK"].sort_values("acked_at", kind="stable")
    message = ["job_id", "stream_seq", "stored_at"]
    if settled.duplicated(message).any():
        settled = settled.assign(delivery=settled.groupby(message)["delivery"].transform("max"))
    first = settled.drop_duplicates(message)
    out = first[["job_id", "stream_seq", "stored_at", "acked_at", "delivery"]].reset_index(
        drop=True
    )
    latency_s = (instants(out, "acked_at") - instants(out, "stored_at")) / 1e9
    return out.assign(latency_s=pd.array(latency_s, dtype="Float64"))


def trailing_ack_latency(
    tasks: Columns, observed_s: Floats, window_s: float
) -> tuple[Floats, Floats]:
    """p50 and p95 of the tasks acknowledged in the window that ends at each look, seconds."""
    acked_s, latency_s = tasks["acked_at_ns"] / 1e9, tasks["latency_s"]
    begin = np.searchsorted(acked_s, observed_s - window_s, side="right")
    end = np.searchsorted(acked_s, observed_s, side="right")
    percentiles = np.full((2, len(observed_s)), np.nan)
    for i, (low, high) in enumerate(zip(begin, end, strict=True)):
        if high > low:
            percentiles[:, i] = np.percentile(latency_s[low:high], [50, 95])
    return percentiles[0], percentiles[1]


def trailing_estimate(seen: Curve, first: Floats) -> tuple[Floats, Floats]:
    """Estimated p50 and p95 of the images settled since each window's first look, seconds."""
    begin = first.astype("int64")
    p50, p95 = np.full((2, len(seen.at_s)), np.nan)
    low, high = seen.settled[begin], seen.settled
    rows = np.flatnonzero(high - low >= 1)
    if not rows.size:
        return p50, p95
    share = (np.arange(QUANTILE_POINTS) + 0.5) / QUANTILE_POINTS
    images = low[rows, None] + (high - low)[rows, None] * share
    p50[rows], p95[rows] = np.percentile(_latency_s(seen, images), [50, 95], axis=1)
    return p50, p95


def estimated_latency(seen: Curve) -> tuple[Floats, float]:
    """Estimated publish → ack of the images of one job that were seen to settle, seconds.

    The n-th image settled is taken to be the n-th published, each at the instant at which the
    counter passed n, read between looks on a straight line. What was published before the first
    look counts as published when the stream was created, as Antenna does it. Of images that were
    settled before a watch began late, nothing is known; they are left out.

    Returns:
        One value per image, and the error of each in seconds: the longest pause between two
        looks. Empty, and NaN, when nothing was seen to settle.
    """
    known = np.flatnonzero(~np.isnan(seen.settled))
    if not known.size:
        return np.empty(0), float("nan")
    counts, at_s = _settling(seen)
    images = np.arange(counts[0] + 1.0, counts[-1] + 1.0)
    if not images.size:
        return images, float("nan")
    return _latency_s(seen, images), float(np.max(np.diff(at_s), initial=0.0))


def _latency_s(seen: Curve, images: Floats) -> Floats:
    published, published_at_s = _publishing(seen)
    settled_at_s = _passed_at(images, *_settling(seen))
    return np.maximum(settled_at_s - _passed_at(images, published, published_at_s), 0.0)


def _settling(seen: Curve) -> tuple[Floats, Floats]:
    """Settled count and instant, monotone; from 0 at the stream's creation if seen from there."""
    known = np.flatnonzero(~np.isnan(seen.settled))
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


def _passed_at(images: Floats, counts: Floats, at_s: Floats) -> Floats:
    """When a counter passed each number: on a straight line between the two looks around it."""
    if len(counts) < 2:
        return np.full(images.shape, at_s[0])
    after = np.clip(np.searchsorted(counts, images, side="left"), 1, len(counts) - 1)
    step = counts[after] - counts[after - 1]
    share = np.divide(images - counts[after - 1], step, out=np.ones_like(images), where=step > 0)
    return at_s[after - 1] + np.clip(share, 0.0, 1.0) * (at_s[after] - at_s[after - 1])
