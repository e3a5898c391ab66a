"""All jobs at one instant, a row each."""

from typing import Any

import pandas as pd

from ami_console import frames
from ami_console.frames import FrameSource
from ami_console.metrics.tasks import task_times
from ami_console.metrics.timeline import GAUGES, timeline
from ami_console.reading import FINAL_STATUSES

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

JOB_COLUMNS = (
    "name",
    "project",
    "pipeline",
    "status",
    "progress_ratio",
    "started_at",
    "finished_at",
)
NOW_ONLY = ("acked_per_min", "latency_p50_s", "latency_is_estimate", "eta_s")


def fleet(
    source: FrameSource,
    *,
    as_of: pd.Timestamp,
    window_s: float = 60.0,
    newest: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Every job that anything is known of, as of one instant.

    Args:
        source: Live history or a recording.
        as_of: The instant judged at; nothing later is used.
        window_s: How far rates look back, seconds.
        newest: The last row of each job of :func:`~ami_console.metrics.timeline`, nothing later
            than ``as_of``, for who keeps timelines up to date; ``None``: made from the source.

    Returns:
        One row per job, active ones first, then by newest: the columns of ``FLEET``.
        ``total``, ``processed``, ``failed`` images: of an active job from whichever of REST and
        Redis was read last and tells, of a final one from REST. Rates, latency and ETA are
        missing when the newest look at the broker is older than ``STALE_AFTER_S``; the counts
        of the broker are the last known ones, ``redeliveries_total`` also when the stream is
        gone; ``last_seen_at`` is the newest look of any source.
    """
    looks = source.latest("consumers", until=as_of)
    jobs, counters = (
        source.latest(name, until=as_of).set_index("job_id") for name in ("jobs", "counters")
    )
    consumers = looks.drop_duplicates("job_id", keep="last").set_index("job_id")
    alive = looks[looks["consumer_exists"].fillna(False)].set_index("job_id")
    stages = source.latest("stages", until=as_of)
    collect, process = (
        stages[stages["stage"] == stage].set_index("job_id") for stage in ("collect", "process")
    )
    if newest is None:
        newest = _newest(source, as_of, window_s)
    fresh = newest["observed_at"] >= as_of - pd.Timedelta(seconds=STALE_AFTER_S)
    now = newest[fresh].set_index("job_id")
    job_ids = jobs.index.union(consumers.index).union(counters.index).dropna().sort_values()
    jobs, consumers, alive, counters, collect, process, now = (
        frame.reindex(job_ids)
        for frame in (jobs, consumers, alive, counters, collect, process, now)
    )
    status = jobs["status"]
    is_final = status.isin(FINAL_STATUSES).astype(frames.FLAG).mask(status.isna())
    active = ~is_final.fillna(False)
    # A slow answer of REST tells of the past: it may be as old as its question.
    fresher = counters["observed_at"] >= process["observed_at"] - _took(source, process[active])
    counted = {
        "processed": (counters["total"] - counters["pending_process"]).where(active),
        "failed": counters["failed"].where(active),
    }
    table = pd.DataFrame(
        {
            **{column: jobs[column] for column in JOB_COLUMNS},
            "job_id": job_ids,
            "is_final": is_final,
            "total": collect["total"].fillna(counters["total"]),
            **{
                column: values.where(fresher).fillna(process[column]).fillna(values)
                for column, values in counted.items()
            },
            **{column: consumers[column] for column in GAUGES},
            **{column: now[column] for column in NOW_ONLY},
            "redeliveries_total": _redeliveries(alive),
            "last_seen_at": pd.concat(
                [frame["observed_at"] for frame in (jobs, consumers, counters)], axis=1
            ).max(axis=1),
        }
    )
    ordered = table.assign(final=is_final.fillna(False)).reset_index(drop=True)
    ordered = ordered.sort_values(["final", "job_id"], ascending=[True, False], kind="stable")
    return ordered[list(FLEET)].astype(FLEET).reset_index(drop=True)


def _newest(source: FrameSource, as_of: pd.Timestamp, window_s: float) -> pd.DataFrame:
    """The newest row of the timeline of each job that was looked at lately."""
    since = as_of - pd.Timedelta(seconds=2 * window_s)
    recent = {
        name: source.frame(name, since=since, until=as_of)
        for name in ("consumers", "counters", "acks", "log_events", "reads")
    }
    tasks = task_times(acks=recent["acks"], log_events=recent["log_events"])
    looked_at = set(recent["consumers"]["job_id"])
    lines = timeline(
        recent["consumers"],
        counters=recent["counters"],
        tasks=tasks[tasks["job_id"].isin(looked_at)],
        reads=recent["reads"],
        window_s=window_s,
    )
    return lines.drop_duplicates("job_id", keep="last")


def _took(source: FrameSource, process: pd.DataFrame) -> "pd.Series[Any]":
    """How long the REST look of each job took; nothing where that is not known."""
    known = process["observed_at"].dropna()
    if known.empty:
        return known - known
    reads = source.frame("reads", since=known.min(), until=known.max())
    looks = reads[(reads["source"] == "antenna").fillna(False)].drop_duplicates("observed_at")
    took_s = known.map(looks.set_index("observed_at")["elapsed_s"]).fillna(0.0)
    return pd.to_timedelta(took_s.astype("float64"), unit="s")


def _redeliveries(consumers: pd.DataFrame) -> pd.Series:
    return consumers["delivered_consumer_seq"] - consumers["delivered_stream_seq"]
