"""Runs on one axis: seconds since their start, or the share of their images that is done."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import Floats, Instants, floats, seconds, typed
from ami_console.runs.run import RunData

BY_TIME: dict[str, str] = {
    "label": frames.TEXT,
    "job_id": frames.COUNT,
    "since_start_s": frames.MEASURE,
    "progress_ratio": frames.MEASURE,
    "settled_total": frames.COUNT,
    "acked_per_min": frames.MEASURE,
    "num_pending": frames.COUNT,
    "num_ack_pending": frames.COUNT,
    "redeliveries_total": frames.COUNT,
}

BY_PROGRESS: dict[str, str] = {
    "label": frames.TEXT,
    "job_id": frames.COUNT,
    "progress_ratio": frames.MEASURE,
    "since_start_s": frames.MEASURE,
    "acked_per_min": frames.MEASURE,
    "num_ack_pending": frames.COUNT,
    "redeliveries_total": frames.COUNT,
}

STEP_RATIO = 0.05
"""The rate at a point of the progress is that of so large a part of the images before it."""


def by_time(runs: Sequence[RunData]) -> pd.DataFrame:
    """Each run at each look, by the time since its first image was queued.

    Returns:
        One row per (run, look) and per gap; of a run that was done the last row is its last image
        settled, which no look sees (the stream is gone by then): the columns of ``BY_TIME``. A
        run whose start is not known has no rows.
    """
    return _joined([_over_time(run) for run in runs], BY_TIME)


def by_progress(runs: Sequence[RunData]) -> pd.DataFrame:
    """Each run at 0, 1, … 100 % of its images settled.

    Returns:
        One row per (run, percent) as far as the run came: the columns of ``BY_PROGRESS``.
        ``since_start_s`` when so many were settled, ``acked_per_min`` over the twentieth of the
        images before (missing where there were not yet so many), the others as of the look before.
    """
    return _joined([_over_progress(run) for run in runs], BY_PROGRESS)


def _over_time(run: RunData) -> dict[str, Any]:
    if pd.isna(run.began_at):
        return {}
    began_s, acked_s = run.began_at.timestamp(), seconds(run.settled, "acked_at")
    values = {name: floats(run.line, name) for name in list(BY_TIME)[4:]}
    at_s = seconds(run.line, "observed_at")
    if len(acked_s) and run.told.left == 0:  # looks that come after its end tell nothing of it
        during = at_s < acked_s[-1]
        at_s = np.append(at_s[during], acked_s[-1])
        values = {name: np.append(each[during], np.nan) for name, each in values.items()}
        values["settled_total"][-1] = len(acked_s)
    return {
        "label": [run.label] * len(at_s),
        "job_id": np.full(len(at_s), float(run.job_id)),
        "since_start_s": at_s - began_s,
        "progress_ratio": values["settled_total"] / float(run.told.images or np.nan),
        **values,
    }


def _over_progress(run: RunData) -> dict[str, Any]:
    total, acked_s = run.told.images, seconds(run.settled, "acked_at")
    if pd.isna(run.began_at) or not total or not len(acked_s):
        return {}
    since_s = acked_s - run.began_at.timestamp()
    percents = np.arange(0, 101)
    percents = percents[percents * total <= 100.0 * len(since_s)]
    # The n-th image settled ends the part of n images.
    needed = np.ceil(percents * total / 100.0 - 1e-9).astype(int)
    at_s = np.where(needed > 0, since_s[np.maximum(needed - 1, 0)], 0.0)
    return {
        "label": [run.label] * len(percents),
        "job_id": np.full(len(percents), float(run.job_id)),
        "progress_ratio": percents / 100.0,
        "since_start_s": at_s,
        "acked_per_min": _rates(since_s, needed, max(1, round(STEP_RATIO * total))),
        **{name: _as_of(run, name, at_s) for name in ("num_ack_pending", "redeliveries_total")},
    }


def _rates(since_s: Floats, needed: Instants, step: int) -> Floats:
    """Images per minute from so many images before each to it."""
    before = np.maximum(needed - step, 1)
    images = needed - before
    took_s = since_s[np.maximum(needed - 1, 0)] - since_s[before - 1]
    known = (images >= step) & (took_s > 0)
    return np.divide(images * 60.0, took_s, out=np.full(len(needed), np.nan), where=known)


def _as_of(run: RunData, column: str, at_s: Floats) -> Floats:
    """A number of the timeline at the last look before each instant."""
    looks_s = seconds(run.line, "observed_at") - run.began_at.timestamp()
    if not len(looks_s):
        return np.full(len(at_s), np.nan)
    look = np.searchsorted(looks_s, at_s, side="right") - 1
    return np.where(look >= 0, floats(run.line, column)[np.maximum(look, 0)], np.nan)


def _joined(pieces: Sequence[dict[str, Any]], columns: dict[str, str]) -> pd.DataFrame:
    held = [
        pd.DataFrame({name: typed(piece[name], dtype) for name, dtype in columns.items()})
        for piece in pieces
        if piece
    ]
    return pd.concat(held, ignore_index=True) if held else frames.table([], columns)
