"""All jobs at one instant, a row each."""

from typing import Any

import pandas as pd

from ami_console import frames
from ami_console.frames import FrameSource
from ami_console.metrics.timeline import timeline

FINAL_STATUSES = ("SUCCESS", "FAILURE", "REVOKED")

STALE_AFTER_S = 30.0
"""A rate whose newest look is older than this says nothing of now."""

FLEET: dict[str, str] = {
    "job_id": frames.COUNT,
    "name": frames.TEXT,
    "project": frames.TEXT,
    "pipeline": frames.TEXT,
    "status": frames.TEXT,
    "is_final": frames.FLAG,
    "total": frames.COUNT,
    "processed": frames.COUNT,
    "failed": frames.COUNT,
    "progress_ratio": frames.MEASURE,
    "acked_per_min": frames.MEASURE,
    "num_pending": frames.COUNT,
    "num_ack_pending": frames.COUNT,
    "num_redelivered": frames.COUNT,
    "redeliveries_total": frames.COUNT,
    "latency_p50_s": frames.MEASURE,
    "latency_is_estimate": frames.FLAG,
    "eta_s": frames.MEASURE,
    "started_at": frames.TIME,
    "finished_at": frames.TIME,
    "last_seen_at": frames.TIME,
}

NOW_ONLY = ("acked_per_min", "latency_p50_s", "latency_is_estimate", "eta_s")


def fleet(source: FrameSource, *, as_of: pd.Timestamp, window_s: float = 60.0) -> pd.DataFrame:
    """Every job that anything is known of, as of one instant.

    Args:
        source: Live history or a recording.
        as_of: The instant judged at; nothing later is used.
        window_s: How far rates look back, seconds.

    Returns:
        One row per job, active ones first, then by newest: the columns of ``FLEET``.
        ``total``, ``processed``, ``failed`` images: of an active job from whichever of REST and
        Redis was read last, of a final one from REST. Rates, latency and ETA are missing when
        the newest look at the broker is older than ``STALE_AFTER_S``; the counts of the broker
        are the last known ones, ``last_seen_at`` the newest look of any source.
    """
    latest = {
        name: source.latest(name, until=as_of).set_index("job_id", drop=False)
        for name in ("jobs", "consumers", "counters")
    }
    stages = source.latest("stages", until=as_of)
    since = as_of - pd.Timedelta(seconds=2 * window_s)
    recent = timeline(
        source.frame("consumers", since=since, until=as_of),
        counters=source.frame("counters", since=since, until=as_of),
        acks=source.frame("acks", since=since, until=as_of),
        reads=source.frame("reads", since=since, until=as_of),
        window_s=window_s,
    )
    now = recent.drop_duplicates("job_id", keep="last").set_index("job_id", drop=False)
    job_ids = sorted({int(i) for frame in latest.values() for i in frame["job_id"].dropna()})
    rows = [_row(job_id, latest, stages, now, as_of) for job_id in job_ids]
    out = frames.table(rows, FLEET)
    out["_final"] = out["is_final"].fillna(False)
    ordered = out.sort_values(["_final", "job_id"], ascending=[True, False], kind="stable")
    return ordered.drop(columns="_final").reset_index(drop=True)


def _row(
    job_id: int,
    latest: dict[str, pd.DataFrame],
    stages: pd.DataFrame,
    now: pd.DataFrame,
    as_of: pd.Timestamp,
) -> dict[str, Any]:
    job, consumer, counter = (
        _at(latest[name], job_id) for name in ("jobs", "consumers", "counters")
    )
    stage = stages[stages["job_id"] == job_id].set_index("stage")
    collect, process = _at(stage, "collect"), _at(stage, "process")
    status = job.get("status", pd.NA)
    is_final = pd.NA if pd.isna(status) else status in FINAL_STATUSES
    total = _first(collect.get("total"), counter.get("total"))
    processed, failed = process.get("processed", pd.NA), process.get("failed", pd.NA)
    if is_final is not True and _newer(counter, process):
        processed = _first(_minus(counter.get("total"), counter.get("pending_process")), processed)
        failed = _first(counter.get("failed"), failed)
    recent = _at(now, job_id)
    stale = recent.get("observed_at", pd.NaT) is pd.NaT or (
        (as_of - recent["observed_at"]).total_seconds() > STALE_AFTER_S
    )
    seen = [part["observed_at"] for part in (job, consumer, counter) if part]
    return {
        **{column: job.get(column, pd.NA) for column in ("name", "project", "pipeline")},
        "job_id": job_id,
        "status": status,
        "is_final": is_final,
        "total": total,
        "processed": processed,
        "failed": failed,
        "progress_ratio": job.get("progress_ratio", pd.NA),
        **{
            column: consumer.get(column, pd.NA)
            for column in ("num_pending", "num_ack_pending", "num_redelivered")
        },
        "redeliveries_total": recent.get("redeliveries_total", pd.NA),
        **{column: pd.NA if stale else recent.get(column, pd.NA) for column in NOW_ONLY},
        "started_at": job.get("started_at", pd.NaT),
        "finished_at": job.get("finished_at", pd.NaT),
        "last_seen_at": max(seen) if seen else pd.NaT,
    }


def _at(frame: pd.DataFrame, key: object) -> dict[str, Any]:
    """The row of a key as a dict; empty when there is none."""
    return dict(frame.loc[key]) if key in frame.index else {}


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None and not pd.isna(value)), pd.NA)


def _minus(left: Any, right: Any) -> Any:
    return pd.NA if pd.isna(_first(left)) or pd.isna(_first(right)) else left - right


def _newer(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return bool(left) and (not right or left["observed_at"] >= right["observed_at"])
