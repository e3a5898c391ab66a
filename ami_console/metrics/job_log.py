"""What a job's log alone tells of the job: size, begin, end, configuration."""

from typing import Any

import pandas as pd

from ami_console import frames

JOB_LOG: dict[str, str] = {
    "job_id": frames.COUNT,
    "status": frames.TEXT,
    "total": frames.COUNT,
    "processed": frames.COUNT,
    "failed": frames.COUNT,
    "started_at": frames.TIME,
    "finished_at": frames.TIME,
    "first_line_at": frames.TIME,
    "last_line_at": frames.TIME,
    "is_whole": frames.FLAG,
    "ack_wait_s": frames.MEASURE,
    "max_deliver": frames.COUNT,
    "deliveries": frames.COUNT,
    "num_pending": frames.COUNT,
    "fetched": frames.COUNT,
    "marked_failed": frames.COUNT,
}

_BEGUN = ("running", "status", "stream_created", "queued")
_ENDED = ("completed", "stream_deleted", "finalizing")


def job_log(log_events: pd.DataFrame) -> pd.DataFrame:
    """One row per job of which a log line is known, told by its log lines alone.

    Args:
        log_events: The ``log_events`` frame.

    Returns:
        The columns of ``JOB_LOG``. ``status`` is the last that a line names; a job whose log says
        that it was complete is SUCCESS or FAILURE by its stages. ``started_at`` and
        ``finished_at`` to the line's resolution, missing where the log does not reach so far;
        ``is_whole`` whether the log goes back to the job's beginning; ``deliveries`` the
        consumer's count at its end and ``num_pending`` what was not delivered then; ``fetched``
        the sum of all fetches; ``marked_failed`` images that the health check gave up.

    Source:
        Antenna's job log, and the logs of its processes.
    """
    known = log_events[log_events["job_id"].notna() & log_events["kind"].notna()]
    known = known.sort_values("logged_at", kind="stable")
    rows = [_row(int(job_id), mine) for job_id, mine in known.groupby("job_id", sort=True)]
    return frames.table(rows, JOB_LOG)


def _row(job_id: int, events: pd.DataFrame) -> dict[str, Any]:
    def of(*kinds: str) -> pd.DataFrame:
        return events[events["kind"].isin(kinds)]

    def last(column: str, *kinds: str) -> Any:
        values = of(*kinds)[column].dropna()
        return values.iloc[-1] if len(values) else pd.NA

    begun, ended = of(*_BEGUN), of(*_ENDED)
    fetched = of("fetched")
    finest = fetched["resolution_s"].min() if len(fetched) else 0.0
    return {
        "job_id": job_id,
        "status": _status(events, of("completed")),
        "total": last("total", "queued", "progress", "throughput", "pending"),
        "processed": last("processed", "progress", "throughput"),
        "failed": last("failed", "progress", "health_check"),
        "started_at": begun["logged_at"].iloc[0] if len(begun) else pd.NaT,
        "finished_at": ended["logged_at"].iloc[-1] if len(ended) else pd.NaT,
        "first_line_at": events["logged_at"].iloc[0],
        "last_line_at": events["logged_at"].iloc[-1],
        "is_whole": bool(len(begun)),
        "ack_wait_s": last("ack_wait_s", "consumer_created"),
        "max_deliver": last("max_deliver", "consumer_created"),
        "deliveries": last("delivered", "finalizing", "consumer_state"),
        "num_pending": last("num_pending", "finalizing", "consumer_state"),
        "fetched": fetched.loc[fetched["resolution_s"] == finest, "delivered"].sum()
        if len(fetched)
        else pd.NA,
        "marked_failed": last("failed", "health_check"),
    }


def _status(events: pd.DataFrame, completed: pd.DataFrame) -> Any:
    if len(completed):
        failed = completed["message"].str.contains("FAILURE", regex=False).fillna(False)
        return "FAILURE" if failed.iloc[-1] else "SUCCESS"
    told = events.loc[events["kind"].isin(("status", "fetch_refused", "running")), "status"]
    told = told.dropna()
    return told.iloc[-1] if len(told) else pd.NA
