"""One job's numbers in one object."""

from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.errors import UnknownJobError
from ami_console.frames import FrameSource
from ami_console.metrics import ack_latency, estimated_latency, fleet, timeline
from ami_console.metrics.arrays import Floats, floats
from ami_console.metrics.settled import curves

PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}


def summarise(source: FrameSource, job_id: int) -> dict[str, Any]:
    """The job's numbers as far as ``source`` tells; what is unknown is ``None``.

    Args:
        source: Live history or a recording.
        job_id: The job.

    Returns:
        ``job_id``, ``status``, ``started_at``, ``finished_at`` (ISO 8601, UTC); in images
        ``total``, ``processed``, ``failed``, ``lost`` (given up by the broker), ``acked``
        (distinct messages acknowledged, or, where no acknowledgements were recorded, settled as
        of the last look); ``throughput_per_min`` settled while the stream was there per minute
        of the job, ``peak_throughput_per_min`` the best minute; ``redeliveries`` and
        ``redelivered_tasks``; ``max_delivery`` the highest attempt; ``latency_s`` publish → ack,
        with ``is_estimate`` and, for an estimate, ``error_s``; ``queue_wait_s`` and
        ``service_time_s``; ``coverage`` with ``acks_seen_ratio`` (of what the broker called
        settled) and ``gaps`` (stretches in which a source could not be read).

    Raises:
        UnknownJobError: Nothing is known of the job.
    """
    held = {
        name: source.frame(name, job_id=job_id)
        for name in ("jobs", "stages", "consumers", "counters", "acks", "advisories")
    }
    seen = [f["observed_at"] for n, f in held.items() if n != "stages" and len(f)]
    if not seen:
        raise UnknownJobError(f"nothing is known of job {job_id}")
    begin, end = min(times.min() for times in seen), max(times.max() for times in seen)
    reads = source.frame("reads", since=begin, until=end)
    one = _OneJob(held, reads)
    now = fleet(one, as_of=end).iloc[0]
    looks = held["consumers"]
    line = timeline(looks, counters=held["counters"], acks=held["acks"], reads=reads)
    tasks = ack_latency(held["acks"])
    tapped = bool(len(held["acks"]) or len(held["advisories"]))
    settled = _settled(held, tasks, line, tapped, cancelled=now["status"] == "REVOKED")
    redeliveries = _redeliveries(line, tasks)
    attempts = floats(tasks, "delivery")
    delivered = floats(looks, "delivered_consumer_seq")
    started_at = now["started_at"]
    if pd.isna(started_at):
        started_at = looks["stream_created_at"].min()
    return {
        "job_id": job_id,
        "status": _plain(now["status"]),
        "started_at": _plain(started_at),
        "finished_at": _plain(now["finished_at"]),
        "total": _plain(now["total"]),
        "processed": _plain(now["processed"]),
        "failed": _plain(now["failed"]),
        "lost": _lost(looks, tasks, now),
        "acked": len(tasks) if tapped else _plain(line["settled_total"].max()),
        "throughput_per_min": _throughput(settled, started_at, now, line, tapped),
        "peak_throughput_per_min": _rounded(line["acked_per_min"].max()),
        "redeliveries": redeliveries,
        "redelivered_tasks": _redelivered_tasks(attempts, redeliveries, tapped),
        "max_delivery": _max_delivery(attempts, delivered, redeliveries),
        "latency_s": _latency(held, tasks, tapped),
        "queue_wait_s": _percentiles(np.empty(0)),
        "service_time_s": _percentiles(np.empty(0)),
        "coverage": {
            "acks_seen_ratio": _acks_seen_ratio(line, tasks) if tapped else None,
            "gaps": _gaps(reads),
        },
    }


class _OneJob:
    """The frames of one job as a source of their own."""

    def __init__(self, held: dict[str, pd.DataFrame], reads: pd.DataFrame) -> None:
        self._held = {**held, "reads": reads}

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        return frames.select(self._held[name], job_id=job_id, since=since, until=until)

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        return frames.last_rows(name, self.frame(name, until=until))


def _settled(
    held: dict[str, pd.DataFrame],
    tasks: pd.DataFrame,
    line: pd.DataFrame,
    tapped: bool,
    *,
    cancelled: bool,
) -> float:
    """Images settled; NaN unknown.

    The results of a cancelled job that come when its stream is gone are thrown away. The last
    ones of a job that ends by itself count: they are saved before the stream goes, acknowledged
    after.
    """
    if not tapped:
        return float(line["settled_total"].max()) if line["settled_total"].notna().any() else np.nan
    if not cancelled:
        return float(len(tasks))
    deletions = held["advisories"].loc[
        (held["advisories"]["kind"] == "STREAM.DELETED").fillna(False), "observed_at"
    ]
    ended_at = deletions.min() if len(deletions) else tasks["acked_at"].max()
    return float((tasks["acked_at"] <= ended_at).sum()) if len(tasks) else 0.0


def _throughput(
    settled: float, started_at: Any, now: "pd.Series[Any]", line: pd.DataFrame, tapped: bool
) -> float | None:
    known = line.loc[line["settled_total"].notna(), "observed_at"]
    if tapped and not pd.isna(now["finished_at"]):
        ended_at = now["finished_at"]
    else:  # the last look that could count is as far as the count reaches
        ended_at = known.max() if len(known) else pd.NaT
    if pd.isna(started_at) or pd.isna(ended_at) or np.isnan(settled) or ended_at <= started_at:
        return None
    minutes = float((ended_at - started_at).total_seconds()) / 60.0
    return round(settled / minutes, 3)


def _redeliveries(line: pd.DataFrame, tasks: pd.DataFrame) -> int | None:
    """From the sequences at the last look that had them; acknowledgements may know of more."""
    by_looks = line["redeliveries_total"].max()
    by_acks = (floats(tasks, "delivery") - 1).sum() if len(tasks) else 0
    return None if pd.isna(by_looks) else int(max(by_looks, by_acks))


def _redelivered_tasks(attempts: Floats, redeliveries: int | None, tapped: bool) -> int | None:
    if redeliveries == 0:
        return 0
    return int((attempts > 1).sum()) if tapped else None


def _max_delivery(attempts: Floats, delivered: Floats, redeliveries: int | None) -> int | None:
    if attempts.size:
        return int(np.nanmax(attempts))
    if redeliveries == 0 and not np.isnan(delivered).all():
        return int(np.nanmax(delivered) > 0)
    return None


def _lost(looks: pd.DataFrame, tasks: pd.DataFrame, now: "pd.Series[Any]") -> int | None:
    """Messages that the broker gave up, at the last look at the consumer.

    With redelivered messages still in flight the broker does not tell which of them it will
    deliver again: unknown, unless some are surely given up, or all came back in the end.
    """
    known = looks[looks["num_redelivered"].notna() & looks["num_ack_pending"].notna()]
    counted = now[["total", "processed", "failed"]]
    all_saved = counted.notna().all() and now["processed"] == now["total"] and now["failed"] == 0
    is_final = not pd.isna(now["is_final"]) and bool(now["is_final"])
    if (is_final and all_saved) or (len(known) and len(tasks) >= known["last_seq"].max()):
        return 0
    if known.empty:
        return None
    last = known.iloc[-1]
    redelivered, in_flight = int(last["num_redelivered"]), int(last["num_ack_pending"])
    given_up = max(0, redelivered - in_flight)
    return given_up if given_up or not redelivered else None


def _latency(held: dict[str, pd.DataFrame], tasks: pd.DataFrame, tapped: bool) -> dict[str, Any]:
    if tapped:
        return _percentiles(floats(tasks, "latency_s")) | {"is_estimate": False}
    seen = curves(held["consumers"], held["counters"], np.empty(0))
    latency_s, error_s = np.empty(0), float("nan")
    for curve in seen.values():
        latency_s, error_s = estimated_latency(curve)
    return _percentiles(latency_s) | {"is_estimate": True, "error_s": _rounded(error_s)}


def _percentiles(values: Floats) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    shares: dict[str, Any] = dict.fromkeys(PERCENTILES)
    if known.size:
        marks = np.percentile(known, list(PERCENTILES.values()))
        shares = dict(zip(PERCENTILES, (round(float(m), 3) for m in marks), strict=True))
    return {"n": int(known.size), **shares}


def _acks_seen_ratio(line: pd.DataFrame, tasks: pd.DataFrame) -> float | None:
    """Messages seen acknowledged by the last look, of those the broker called settled then."""
    known = line[line["settled_total"].notna()]
    if known.empty or known["settled_total"].iloc[-1] == 0:
        return None
    settled, at = int(known["settled_total"].iloc[-1]), known["observed_at"].iloc[-1]
    # Looks are timed by the poller, acks by the tap: a second of tolerance between the two.
    seen = int((tasks["acked_at"] <= at + pd.Timedelta(seconds=1)).sum())
    return round(min(1.0, seen / settled), 4)


def _gaps(reads: pd.DataFrame) -> int:
    """How often a source that could be read, or was never read, could not be read."""
    gaps = 0
    for _, mine in reads.sort_values("observed_at", kind="stable").groupby("source"):
        failed = (~mine["ok"].fillna(False).astype(bool)).to_numpy()
        gaps += int(failed[:1].sum() + (failed[1:] & ~failed[:-1]).sum())
    return gaps


def _rounded(value: Any) -> float | None:
    return None if pd.isna(value) else round(float(value), 3)


def _plain(value: Any) -> Any:
    """A value that JSON has: times as ISO 8601 in UTC, NA as ``None``."""
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat().replace("+00:00", "Z")
    return value.item() if isinstance(value, np.generic) else value
