"""How many workers a job had, what each of them did, and what kept it from going faster."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ami_console.metrics.arrays import Floats, floats, seconds

Limit = Literal["workers", "savers", "max_ack_pending"]

LAGGING_BATCHES = 3.0
"""Results lag when, at the last fetch, so many batches wait beyond those that workers hold."""

FULL_RATIO = 0.95
"""With this share of ``max_ack_pending`` in flight the broker holds images back."""

FEWEST = 3
"""Of fewer batches no pace is told."""

_OVERHEAD = 0.25


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What a job's workers did.

    Attributes:
        throughput_per_min: Images settled per minute, from the first fetch to the last ack.
        fetched_per_min: Answered images fetched per minute while images were fetched.
        at_once: Batches that workers were busy with at a time, on average.
        workers: That, as a number of workers: a worker works off one batch after another, and
            what it does between two is not counted in ``at_once``. Never fewer than clients.
        savers_per_min: Images per minute at which results were saved while there were any.
        limited_by: What kept it from going faster.
    """

    throughput_per_min: float
    fetched_per_min: float
    at_once: float
    workers: int
    savers_per_min: float | None
    limited_by: Limit


def pace(
    found: pd.DataFrame,
    tasks: pd.DataFrame,
    *,
    clients: int = 0,
    most_in_flight: float | None = None,
    max_ack_pending: float | None = None,
) -> Pace | None:
    """What a job's workers did, as far as its batches tell.

    Args:
        found: :func:`~ami_console.metrics.batches.batches` of one job.
        tasks: The tasks that these are of.
        clients: Who fetched, by the log: workers that share a token are one.
        most_in_flight: The highest ``num_ack_pending`` that was seen.
        max_ack_pending: The consumer's limit of it.

    Returns:
        ``None`` for fewer than ``FEWEST`` batches that were answered.
    """
    answered = found[(found["acked"] > 0).fillna(False)]
    acked_s = np.sort(seconds(tasks, "acked_at"))
    acked_s = acked_s[~np.isnan(acked_s)]
    if len(answered) < FEWEST or len(acked_s) < FEWEST:
        return None
    fetched_s, images = seconds(answered, "fetched_at"), floats(answered, "images")
    worked_s = _worked_s(answered, fetched_s)
    span_s = fetched_s.max() + worked_s - fetched_s.min()
    whole_s = acked_s[-1] - fetched_s.min()
    if span_s <= 0 or whole_s <= 0:
        return None
    at_once = len(answered) * worked_s / span_s
    workers = max(1, clients, math.ceil(at_once - _OVERHEAD))
    throughput = float(len(acked_s) / whole_s * 60.0)
    savers = _savers_per_min(answered)
    last_fetch_s = fetched_s.max()
    in_flight = images[fetched_s < last_fetch_s].sum() - np.sum(acked_s < last_fetch_s)
    limited_by: Limit = "workers"
    if most_in_flight and max_ack_pending and most_in_flight >= FULL_RATIO * max_ack_pending:
        limited_by = "max_ack_pending"
    elif in_flight >= (workers + LAGGING_BATCHES) * np.median(images):
        limited_by = "savers"
    return Pace(
        throughput_per_min=throughput,
        fetched_per_min=float(images.sum() / span_s * 60.0),
        at_once=float(at_once),
        workers=workers,
        savers_per_min=None if savers is None else max(savers, throughput),
        limited_by=limited_by,
    )


def _worked_s(answered: pd.DataFrame, fetched_s: Floats) -> float:
    """How long a worker is busy with a batch, seconds.

    Until it posts, where a log told that. Else until the first image is acknowledged, at its
    best: results that wait to be saved are no work of a worker.
    """
    worked_s = seconds(answered, "posted_at") - fetched_s  # below 0 the log's resolution shows
    if not np.isnan(worked_s).all():
        return float(np.nanmean(worked_s))
    return float(np.min(seconds(answered, "first_acked_at") - fetched_s))


def _savers_per_min(answered: pd.DataFrame) -> float | None:
    """The pace of acknowledgements while a batch is being saved, the median of such stretches.

    The results of a batch arrive at once. Batches that are saved at the same time count together.
    """
    first_s, last_s = seconds(answered, "first_acked_at"), seconds(answered, "last_acked_at")
    order = np.argsort(first_s, kind="stable")
    begin_s, end_s = first_s[order], np.maximum.accumulate(last_s[order])
    count = floats(answered, "acked")[order]
    begins = np.flatnonzero(np.append(True, begin_s[1:] > end_s[:-1]))
    images = np.add.reduceat(count, begins)
    took_s = end_s[np.append(begins[1:], len(begin_s)) - 1] - begin_s[begins]
    told = (images >= 4) & (took_s > 0)
    if not told.any():
        return None
    return float(np.median((images[told] - 1) / took_s[told]) * 60.0)
