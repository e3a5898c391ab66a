"""How often batches outlive the ack wait, and which ack wait they would not have outlived."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ami_console.metrics.arrays import Floats, flags, floats, seconds
from ami_console.metrics.chance import wilson

MARGIN = 1.25
"""A safe ack wait is the longest batch that was seen, and a quarter more."""

FEWEST = 5
"""Of fewer batches nothing is said about a safe ack wait."""


@dataclass(frozen=True, kw_only=True)
class Risk:
    """How many batches outlived the ack wait.

    Attributes:
        batches: Of how many it is known.
        over: How many outlived it: one of their images was acknowledged later than that, or was
            delivered again, or nothing of it was heard by then.
        unanswered: Of these, how many had an image that was never acknowledged on that delivery:
            a longer ack wait would have found it no more.
        low_ratio, high_ratio: 95 % interval of ``over`` / ``batches``.
        images, images_over: The same of single images. Those of one batch share its fate, so
            they have no interval.
    """

    batches: int
    over: int
    unanswered: int
    low_ratio: float
    high_ratio: float
    images: int
    images_over: int


@dataclass(frozen=True, kw_only=True)
class SafeWait:
    """The smallest ack wait that would have been enough, and how the rule fared.

    Attributes:
        ack_wait_s: The longest batch × ``MARGIN``, rounded up to whole seconds.
        exceeded, tried: Applied to the batches before each one, from the ``FEWEST``-th on, how
            often the rule's ack wait would have been too short, of how many.
    """

    ack_wait_s: float
    exceeded: int
    tried: int


def risk(
    found: pd.DataFrame,
    tasks: pd.DataFrame,
    *,
    ack_wait_s: float,
    until: pd.Timestamp,
    is_whole: bool,
) -> Risk | None:
    """How many batches outlived the ack wait.

    Args:
        found: :func:`~ami_console.metrics.batches.batches` of one job.
        tasks: The tasks that these are of.
        ack_wait_s: The consumer's ack wait, seconds.
        until: The instant judged at, or when the consumer went, whichever comes first.
        is_whole: Whether every acknowledgement was heard: only then an image of which nothing
            was heard is one that nobody answered.

    Returns:
        ``None`` where no batch is known to the end.
    """
    took_s, fetched_s = floats(found, "batch_time_s"), seconds(found, "fetched_at")
    images, acked, back = (floats(found, name) for name in ("images", "acked", "came_back"))
    silent = np.maximum(images - acked - back, 0.0)
    expired = fetched_s + ack_wait_s < until.value / 1e9
    unanswered = (back > 0) | ((silent > 0) & expired & is_whole)
    late = took_s > ack_wait_s
    known = unanswered | ~np.isnan(took_s)
    batches, over = int(known.sum()), int((late | unanswered).sum())
    if not batches:
        return None
    in_flight_s = floats(tasks, "in_flight_s")
    left = back + np.where(expired & is_whole, silent, 0.0)
    low, high = wilson(over, batches)
    return Risk(
        batches=batches,
        over=over,
        unanswered=int(unanswered.sum()),
        low_ratio=low,
        high_ratio=high,
        images=int((acked + left)[known].sum()),
        images_over=int((in_flight_s > ack_wait_s).sum() + left[known].sum()),
    )


def safe_wait(found: pd.DataFrame) -> SafeWait | None:
    """The smallest ack wait that no batch would have outlived, with a margin.

    Batches that were never answered are left out: no ack wait is long enough for those.

    Args:
        found: :func:`~ami_console.metrics.batches.batches` of one job.

    Returns:
        ``None`` for fewer than ``FEWEST`` batches.
    """
    took_s = _longest(found)
    if len(took_s) < FEWEST:
        return None
    so_far_s = np.maximum.accumulate(took_s)
    exceeded = took_s[FEWEST:] > MARGIN * so_far_s[FEWEST - 1 : -1]
    return SafeWait(
        ack_wait_s=float(math.ceil(MARGIN * took_s.max())),
        exceeded=int(exceeded.sum()),
        tried=len(exceeded),
    )


def _longest(found: pd.DataFrame) -> Floats:
    """How long each answered batch may have taken at most, in the order in which they ended."""
    took_s = floats(found, "batch_time_s") + np.nan_to_num(floats(found, "batch_time_error_s"))
    known = ~np.isnan(took_s)
    order = np.argsort(seconds(found, "last_acked_at")[known], kind="stable")
    return took_s[known][order]


def all_heard(tasks: pd.DataFrame, settled: float | None) -> bool:
    """Whether as many acknowledgements were heard as the broker counted.

    Args:
        tasks: Those of one job.
        settled: Images settled at the last look; ``None`` where nobody looked.
    """
    if settled is None or flags(tasks, "is_estimate").any():
        return False
    return int(tasks["acked_at"].notna().sum()) >= settled
