"""What the looks and the log tell of one job as a whole, as a what-if needs it."""

from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.errors import FrameError
from ami_console.metrics.settled import curves
from ami_console.reading import FINAL_STATUSES

_FINAL = [[status] for status in FINAL_STATUSES]


def until(frame: pd.DataFrame, column: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """The rows up to an instant."""
    frames.require(frame, ("job_id", column), "what_if")
    return frame[(frame[column] <= as_of).fillna(False)]


def only_job(*held: pd.DataFrame | None) -> int | None:
    """The job that all of the frames are of; ``None`` where they tell of none.

    Raises:
        FrameError: They are of several.
    """
    job_ids = {int(each) for f in held if f is not None for each in f["job_id"].dropna().unique()}
    if len(job_ids) > 1:
        named = ", ".join(map(str, sorted(job_ids)[:5]))
        raise FrameError(
            f"what_if looks at one job, and the frames tell of {len(job_ids)} ({named}); "
            "ask for the frames with job_id="
        )
    return next(iter(job_ids), None)


def looked_at(consumers: pd.DataFrame, job_id: int | None) -> dict[str, Any]:
    """What the looks at the broker tell of the job as a whole."""
    told: dict[str, Any] = dict.fromkeys(
        ("ack_wait_s", "max_ack_pending", "published", "settled", "most_in_flight", "gone_at")
    )
    told["redeliveries"] = 0
    if consumers.empty:
        return told
    consumers = consumers.sort_values("observed_at", kind="stable")
    for name in ("ack_wait_s", "max_ack_pending"):
        known = consumers[name].dropna()
        told[name] = float(known.iloc[-1]) if len(known) else None
    exists = consumers["consumer_exists"].fillna(False)
    if exists.any() and not exists.iloc[-1]:
        told["gone_at"] = consumers.loc[exists, "observed_at"].max()
    seen = None if job_id is None else curves(consumers, None, np.empty(0)).get(job_id)
    if seen is not None:
        for name, values in (
            ("published", seen.published),
            ("settled", seen.settled),
            ("most_in_flight", seen.looks["num_ack_pending"]),
            ("redeliveries", seen.redeliveries),
        ):
            told[name] = float(np.nanmax(values)) if not np.isnan(values).all() else told[name]
    return told


def logged_of(log_events: pd.DataFrame | None) -> dict[str, Any]:
    """What the log tells of the job as a whole."""
    told: dict[str, Any] = dict.fromkeys(("ack_wait_s", "max_ack_pending", "total"))
    told["clients"] = 0
    if log_events is None or log_events.empty:
        return told
    for name in ("ack_wait_s", "max_ack_pending", "total"):
        known = log_events[name].dropna()
        told[name] = float(known.max()) if len(known) else None
    fetched = (log_events["kind"] == "fetched") & (log_events["delivered"] > 0)
    told["clients"] = int(log_events.loc[fetched.fillna(False), "client"].nunique())
    return told


def first(*values: float | None) -> float | None:
    """The first that is known."""
    return next((value for value in values if value is not None), None)


def over(
    jobs: pd.DataFrame | None, looked: dict[str, Any], images: float | None, settled: int | None
) -> bool:
    """Whether the job has ended: all is settled, or its stream is gone, or its status says so."""
    statuses = [] if jobs is None else jobs.sort_values("observed_at")["status"].dropna().tolist()
    is_done = images is not None and settled is not None and settled >= images
    return is_done or looked["gone_at"] is not None or statuses[-1:] in _FINAL
