"""Publish → ack: measured from acknowledgements, or estimated from looks."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console.metrics.arrays import Columns, Floats, instants
from ami_console.metrics.settled import Curve

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
    known = np.flatnonzero(~np.isnan(seen.settled))
    p50, p95 = np.full((2, len(seen.at_s)), np.nan)
    if not known.size:
        return p50, p95
    settled, at_s = _anchored(seen, seen.settled, known)
    published, published_at_s = _anchored(seen, seen.published, known)
    low, high = seen.settled[begin], seen.settled
    rows = np.flatnonzero(high - low >= 1)
    share = (np.arange(QUANTILE_POINTS) + 0.5) / QUANTILE_POINTS
    images = low[rows, None] + (high - low)[rows, None] * share
    latency_s = _passed_at(images, settled, at_s) - _passed_at(images, published, published_at_s)
    p50[rows], p95[rows] = np.percentile(np.maximum(latency_s, 0.0), [50, 95], axis=1)
    return p50, p95


def estimated_latency(seen: Curve) -> tuple[Floats, float]:
    """Estimated publish → ack of every settled image of one job, seconds, and its error.

    The n-th image settled is taken to be the n-th published, each at the instant at which the
    counter passed n, read between looks on a straight line.

    Returns:
        One value per settled image, and the error of each in seconds: the longest pause between
        two looks. Empty, and NaN, when nothing is known to be settled.
    """
    known = np.flatnonzero(~np.isnan(seen.settled))
    if not known.size or np.nanmax(seen.settled) < 1:
        return np.empty(0), float("nan")
    settled, at_s = _anchored(seen, seen.settled, known)
    published, published_at_s = _anchored(seen, seen.published, known)
    images = np.arange(1.0, settled[-1] + 1.0)
    latency_s = _passed_at(images, settled, at_s) - _passed_at(images, published, published_at_s)
    return np.maximum(latency_s, 0.0), float(np.max(np.diff(seen.at_s[known]), initial=0.0))


def _passed_at(images: Floats, counts: Floats, at_s: Floats) -> Floats:
    """When a counter passed each number: on a straight line between the two looks around it."""
    after = np.clip(np.searchsorted(counts, images, side="left"), 1, len(counts) - 1)
    step = counts[after] - counts[after - 1]
    share = np.divide(images - counts[after - 1], step, out=np.ones_like(images), where=step > 0)
    return at_s[after - 1] + np.clip(share, 0.0, 1.0) * (at_s[after] - at_s[after - 1])


def _anchored(seen: Curve, values: Floats, known: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """A counter made monotone, with the stream's creation as its zero where that is known."""
    counts, at_s = np.maximum.accumulate(np.nan_to_num(values[known])), seen.at_s[known]
    started_s = seen.started_s[known[0]]
    begin_s = at_s[0] if np.isnan(started_s) else min(started_s, at_s[0])
    return np.concatenate([[0.0], counts]), np.concatenate([[begin_s], at_s])
