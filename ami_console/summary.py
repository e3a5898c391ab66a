"""One job's numbers in one object."""

from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.errors import UnknownJobError
from ami_console.frames import FrameSource
from ami_console.metrics import (
    coverage,
    estimated_tasks,
    fleet,
    job_log,
    tap_gaps,
    task_times,
    timeline,
)
from ami_console.metrics.arrays import Floats, flags, floats
from ami_console.metrics.fleet import FLEET
from ami_console.metrics.percentiles import spread
from ami_console.reading import FINAL_STATUSES

FRAMES = ("jobs", "stages", "consumers", "counters", "acks", "advisories", "log_events")


def summarise(source: FrameSource, job_id: int) -> dict[str, Any]:
    """The job's numbers as far as ``source`` tells; what is unknown is ``None``.

    Args:
        source: Live history or a recording.
        job_id: The job.

    Returns:
        ``job_id``, ``status``, ``started_at``, ``finished_at`` (ISO 8601, UTC); in images
        ``total``, ``processed``, ``failed``, ``lost`` (given up by the broker), ``acked``
        (distinct messages acknowledged, or, where nothing told of single ones, settled as of the
        last look); ``throughput_per_min`` settled per minute of the job,
        ``peak_throughput_per_min`` the best minute; ``redeliveries`` and ``redelivered_tasks``;
        ``max_delivery`` the highest attempt; ``attempts`` how many tasks needed how many.

        ``latency_s`` publish → ack of what was settled, ``queue_wait_s`` publish → first
        delivery, ``service_time_s`` delivery → result posted (delivery → ack where no log tells
        of the post: ``until`` says which), ``save_time_s`` posted → ack: each with ``n``,
        ``p50``, ``p95``, ``p99``, ``max``, the largest ``error_s`` of a value, ``is_estimate``,
        and for fewer than 20 values the ``values`` instead of percentiles.

        ``acks``: ``by`` what told of them (``tap``, ``logs``, or only ``looks``), how many were
        ``repeated``, ``late`` (the reservation had ended), ``after_delete`` (the stream was
        gone), ``discarded`` (that, and the result was thrown away), ``negative`` (-NAK, +TERM),
        and ``discarded_latency_s``. ``coverage``: ``acks_seen_ratio`` of what the broker called
        settled, ``missing`` acknowledgements, ``tap_gap_s`` seconds in which nobody listened,
        ``gaps`` (stretches in which a source could not be read), ``log_is_whole``.

    Raises:
        UnknownJobError: Nothing is known of the job.
    """
    held = {name: source.frame(name, job_id=job_id) for name in FRAMES}
    seen = [f["observed_at"] for n, f in held.items() if n != "stages" and len(f)]
    if not seen:
        raise UnknownJobError(f"nothing is known of job {job_id}")
    begin, end = min(times.min() for times in seen), max(times.max() for times in seen)
    reads = source.frame("reads", since=begin, until=end)
    now = _state(_OneJob(held, reads), job_id, held["log_events"], as_of=end)
    tasks, by = _tasks(held)
    line = timeline(held["consumers"], counters=held["counters"], tasks=tasks, reads=reads)
    logged = _logged(held["log_events"])
    redeliveries = _redeliveries(line, tasks, by, logged)
    attempts = floats(tasks, "max_delivery")
    discarded = tasks[flags(tasks, "is_discarded")]
    settled = tasks[~flags(tasks, "is_discarded") & tasks["acked_at"].notna()]
    return {
        "job_id": job_id,
        "status": _plain(now["status"]),
        "started_at": _plain(now["started_at"]),
        "finished_at": _plain(now["finished_at"]),
        "total": _plain(now["total"]),
        "processed": _plain(now["processed"]),
        "failed": _plain(now["failed"]),
        "lost": _lost(held["consumers"], tasks, by, now),
        "acked": _acked(tasks, by, line, held["consumers"], now),
        "throughput_per_min": _throughput(len(settled), by, now, line),
        "peak_throughput_per_min": _rounded(line["acked_per_min"].max()),
        "redeliveries": redeliveries,
        "redelivered_tasks": _redelivered_tasks(attempts, redeliveries, by, logged),
        "max_delivery": _max_delivery(attempts, held["consumers"], redeliveries, by, logged),
        "attempts": _attempts(attempts, by),
        "latency_s": _spread(settled, "latency_s"),
        "queue_wait_s": _spread(tasks, "queue_wait_s"),
        "service_time_s": _service(tasks),
        "save_time_s": _spread(settled, "save_time_s"),
        "acks": _acks(
            held["acks"], tasks, discarded, by, {"logs"} if len(held["log_events"]) else set()
        ),
        "coverage": _coverage(held, reads, now, tasks, by),
    }


def _tasks(held: dict[str, pd.DataFrame]) -> tuple[pd.DataFrame, str]:
    """The job's tasks, and what told of them: ``tap``, ``logs``, or only ``looks``."""
    tasks = task_times(
        held["consumers"],
        acks=held["acks"],
        log_events=held["log_events"],
        advisories=held["advisories"],
    )
    if len(held["acks"]) or len(held["advisories"]):
        return tasks, "tap"
    if len(held["log_events"]):
        return tasks, "logs"
    return estimated_tasks(held["consumers"], counters=held["counters"]), "looks"


def _state(
    one: FrameSource, job_id: int, log_events: pd.DataFrame, *, as_of: pd.Timestamp
) -> dict[str, Any]:
    """The job's row of the fleet; what it lacks is taken from the job's log, and its stream."""
    rows = fleet(one, as_of=as_of).to_dict("records")
    now: dict[str, Any] = dict(rows[0]) if rows else dict.fromkeys(FLEET, pd.NA)
    looks = one.frame("consumers", job_id=job_id)
    logged = _logged(log_events)
    logged["is_final"] = logged["status"] in FINAL_STATUSES if logged else pd.NA
    for column in ("status", "is_final", "total", "processed", "failed", "started_at"):
        if pd.isna(now[column]):
            now[column] = logged.get(column, pd.NA)
    if pd.isna(now["finished_at"]) and not pd.isna(now["is_final"]) and now["is_final"]:
        now["finished_at"] = logged.get("finished_at", pd.NaT)
    if pd.isna(now["started_at"]):
        now["started_at"] = looks["stream_created_at"].min()
    return now


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


def _acked(
    tasks: pd.DataFrame, by: str, line: pd.DataFrame, looks: pd.DataFrame, now: dict[str, Any]
) -> Any:
    if by != "looks":
        return int(tasks["acked_at"].notna().sum())
    # The last look comes before the last acknowledgements of a job that ended well.
    last_seq = looks["last_seq"].max()
    if _all_saved(now) and not pd.isna(last_seq) and last_seq == now["total"]:
        return int(now["total"])
    return _plain(line["settled_total"].max())


def _throughput(settled: int, by: str, now: dict[str, Any], line: pd.DataFrame) -> float | None:
    known = line.loc[line["settled_total"].notna(), "observed_at"]
    count = float(settled)
    if by == "looks":
        count = float(line["settled_total"].max()) if len(known) else np.nan
    ended_at = now["finished_at"]
    if by == "looks" or pd.isna(ended_at):
        # the last look that could count is as far as the count reaches
        ended_at = known.max() if len(known) else pd.NaT
    began_at = now["started_at"]
    if pd.isna(began_at) or pd.isna(ended_at) or np.isnan(count) or ended_at <= began_at:
        return None
    return round(count / (float((ended_at - began_at).total_seconds()) / 60.0), 3)


def _logged(log_events: pd.DataFrame) -> dict[str, Any]:
    """What the job's log tells as a whole; empty without one."""
    told = job_log(log_events).to_dict("records")
    return dict(told[0]) if told else {}


def _redeliveries(
    line: pd.DataFrame, tasks: pd.DataFrame, by: str, logged: dict[str, Any]
) -> int | None:
    """From the sequences at the last look that had them; single attempts may tell of more.

    Without looks from the consumer's last words in the log: deliveries, less the messages that
    were delivered at all.
    """
    known = [line["redeliveries_total"].max() if by != "logs" else pd.NA]
    words = [logged.get(column, pd.NA) for column in ("deliveries", "total", "num_pending")]
    if not any(map(pd.isna, words)):
        deliveries, total, pending = map(int, words)
        known.append(deliveries - (total - pending))
    told = [int(value) for value in known if not pd.isna(value)]
    if told and by != "looks" and len(tasks):
        told.append(int((floats(tasks, "max_delivery") - 1).sum()))
    return max(told) if told else None


def _redelivered_tasks(
    attempts: Floats, redeliveries: int | None, by: str, logged: dict[str, Any]
) -> int | None:
    if redeliveries == 0:
        return 0
    partial = by == "logs" and not logged.get("is_whole", False)
    return None if by == "looks" or partial else int((attempts > 1).sum())


def _max_delivery(
    attempts: Floats,
    looks: pd.DataFrame,
    redeliveries: int | None,
    by: str,
    logged: dict[str, Any],
) -> int | None:
    if by != "looks" and attempts.size:
        return int(np.nanmax(attempts))
    deliveries = looks["delivered_consumer_seq"].max()
    if pd.isna(deliveries):
        deliveries = logged.get("deliveries", pd.NA)
    return None if redeliveries != 0 or pd.isna(deliveries) else int(deliveries > 0)


def _attempts(attempts: Floats, by: str) -> dict[str, int] | None:
    if by == "looks":
        return None
    numbers, counts = np.unique(attempts[~np.isnan(attempts)].astype(int), return_counts=True)
    return {str(n): int(c) for n, c in zip(numbers, counts, strict=True)}


def _lost(looks: pd.DataFrame, tasks: pd.DataFrame, by: str, now: dict[str, Any]) -> int | None:
    """Messages that the broker gave up, at the last look at the consumer.

    With redelivered messages still in flight the broker does not tell which of them it will
    deliver again: unknown, unless some are surely given up, or all came back in the end.
    """
    known = looks[looks["num_redelivered"].notna() & looks["num_ack_pending"].notna()]
    counted = [now["total"], now["processed"], now["failed"]]
    all_saved = (
        not any(map(pd.isna, counted)) and counted[:2] == [counted[0]] * 2 and not counted[2]
    )
    is_final = not pd.isna(now["is_final"]) and bool(now["is_final"])
    acked = int(tasks["acked_at"].notna().sum()) if by != "looks" else 0
    if (is_final and all_saved) or (len(known) and acked >= known["last_seq"].max()):
        return 0
    if known.empty:
        return None
    last = known.iloc[-1]
    redelivered, in_flight = int(last["num_redelivered"]), int(last["num_ack_pending"])
    given_up = max(0, redelivered - in_flight)
    return given_up if given_up or not redelivered else None


def _all_saved(now: dict[str, Any]) -> bool:
    """Whether the job says that it is over and every image of it was saved."""
    total, processed, failed = (now[column] for column in ("total", "processed", "failed"))
    if any(map(pd.isna, (total, processed, failed, now["is_final"]))):
        return False
    return bool(now["is_final"]) and bool(processed == total) and failed == 0


def _spread(tasks: pd.DataFrame, column: str) -> dict[str, Any]:
    told = spread(floats(tasks, column))
    known = tasks[tasks[column].notna()]
    error_s = known[column.removesuffix("_s") + "_error_s"].max() if len(known) else None
    estimated = bool(flags(known, "is_estimate").any())
    return told | {"is_estimate": estimated, "error_s": _rounded(error_s)}


def _service(tasks: pd.DataFrame) -> dict[str, Any]:
    """Until the result was posted, where that was logged; else until it was acknowledged."""
    if tasks["service_time_s"].notna().any():
        return _spread(tasks, "service_time_s") | {"until": "posted"}
    return _spread(tasks, "in_flight_s") | {"until": "acked"}


def _acks(
    acks: pd.DataFrame, tasks: pd.DataFrame, discarded: pd.DataFrame, by: str, also: set[str]
) -> dict[str, Any]:
    single = by != "looks"
    ways = ["looks"] if not single else [w for w in ("tap", "logs") if w == by or w in also]
    told: dict[str, Any] = {"by": ways}
    told["repeated"] = int((floats(tasks, "acks") - 1).clip(min=0).sum()) if single else None
    for name in ("late", "after_delete", "discarded"):
        told[name] = int(flags(tasks, f"is_{name}").sum()) if single else None
    by_kind = acks["kind"].isin(("-NAK", "+TERM"))
    told["negative"] = int(by_kind.sum()) if by == "tap" else None
    if len(discarded):
        told["discarded_latency_s"] = _spread(discarded, "latency_s")
    return told


def _coverage(
    held: dict[str, pd.DataFrame],
    reads: pd.DataFrame,
    now: dict[str, Any],
    tasks: pd.DataFrame,
    by: str,
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "acks_seen_ratio": None,
        "missing": None,
        "tap_gap_s": None,
        "gaps": _gaps(reads),
        "log_is_whole": None,
    }
    if by == "tap":
        rows = coverage(
            held["consumers"],
            acks=held["acks"],
            reads=reads,
            jobs=held["jobs"],
            counters=held["counters"],
        ).to_dict("records")
        gaps = tap_gaps(reads)
        told["tap_gap_s"] = _rounded((gaps["ends_at"] - gaps["begins_at"]).dt.total_seconds().sum())
        if rows:
            told["acks_seen_ratio"] = _rounded(rows[0]["acks_seen_ratio"], digits=4)
            told["missing"] = _plain(rows[0]["missing"])
    if len(held["log_events"]):
        told["log_is_whole"] = _plain(job_log(held["log_events"])["is_whole"].any())
    if by == "logs" and not pd.isna(now["total"]) and now["total"]:
        # Nothing else tells how many were settled: of those the job had.
        seen = int(tasks["acked_at"].notna().sum())
        if now["status"] == "SUCCESS":
            told["acks_seen_ratio"] = round(min(1.0, seen / int(now["total"])), 4)
            told["missing"] = max(0, int(now["total"]) - seen)
    return told


def _gaps(reads: pd.DataFrame) -> int:
    """How often a source that could be read, or was never read, could not be read."""
    gaps = 0
    for _, mine in reads.sort_values("observed_at", kind="stable").groupby("source"):
        failed = (~mine["ok"].fillna(False).astype(bool)).to_numpy()
        gaps += int(failed[:1].sum() + (failed[1:] & ~failed[:-1]).sum())
    return gaps


def _rounded(value: Any, *, digits: int = 3) -> float | None:
    return None if pd.isna(value) else round(float(value), digits)


def _plain(value: Any) -> Any:
    """A value that JSON has: times as ISO 8601 in UTC, NA as ``None``."""
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat().replace("+00:00", "Z")
    return value.item() if isinstance(value, np.generic) else value
