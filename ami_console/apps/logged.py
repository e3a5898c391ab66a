"""Jobs that a recording knows from logs or the tap alone: nobody looked while they ran."""

from typing import Any

import pandas as pd

from ami_console import frames, metrics
from ami_console.apps.feed import Feed
from ami_console.metrics.fleet import FLEET
from ami_console.reading import FINAL_STATUSES

_TOLD = ("status", "total", "processed", "failed", "started_at", "finished_at")


def with_logged_jobs(fleet: pd.DataFrame, feed: Feed, *, as_of: pd.Timestamp) -> pd.DataFrame:
    """The fleet with a row for each job of which there are only acknowledgements or log lines.

    Args:
        fleet: :func:`ami_console.metrics.fleet`.
        feed: What it is of.
        as_of: The instant judged at.
    """
    others = sorted(set(feed.job_ids()) - set(fleet["job_id"]), reverse=True)
    rows = [row for job_id in others if (row := _row(job_id, feed, as_of)) is not None]
    if not rows:
        return fleet
    whole = pd.concat([fleet, frames.table(rows, FLEET)], ignore_index=True)
    ended = whole["is_final"].fillna(False).astype(bool)
    order = pd.DataFrame({"ended": ended, "newest": -whole["job_id"]})
    return whole.loc[order.sort_values(["ended", "newest"]).index].reset_index(drop=True)


def _row(job_id: int, feed: Feed, as_of: pd.Timestamp) -> dict[str, Any] | None:
    events = feed.frame("log_events", job_id=job_id, until=as_of)
    acks = feed.frame("acks", job_id=job_id, until=as_of)
    if events.empty and acks.empty:
        return None
    told = metrics.job_log(events).to_dict("records")
    row: dict[str, Any] = {name: told[0][name] for name in _TOLD} if told else {}
    status = row.get("status", pd.NA)
    seen = pd.concat([events["logged_at"], acks["acked_at"]])
    return row | {
        "job_id": job_id,
        "is_final": pd.NA if pd.isna(status) else status in FINAL_STATUSES,
        "last_seen_at": seen.max(),
    }
