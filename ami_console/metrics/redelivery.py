"""Attempts, last attempts, and tasks that the broker has given up."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import floats
from ami_console.metrics.deliveries import Life, lives

ATTEMPTS: dict[str, str] = {
    "job_id": frames.COUNT,
    "delivery": frames.COUNT,
    "tasks": frames.COUNT,
}

LAST_ATTEMPTS: dict[str, str] = {
    "job_id": frames.COUNT,
    "tasks_low": frames.COUNT,
    "tasks_high": frames.COUNT,
    "delivered_after": frames.TIME,
    "delivered_by": frames.TIME,
    "given_up_after": frames.TIME,
    "given_up_by": frames.TIME,
}

GIVEN_UP: dict[str, str] = {
    "job_id": frames.COUNT,
    "signature": frames.TEXT,
    "tasks_low": frames.COUNT,
    "tasks_high": frames.COUNT,
    "redis_left": frames.COUNT,
    "stream_seqs": frames.TEXT,
    "image_ids": frames.TEXT,
    "observed_at": frames.TIME,
}

SIGNATURES: Mapping[str, str] = {
    "advised": "the broker told of each by an advisory",
    "at_rest": "nothing pending or in flight, and yet messages that were delivered more than once",
    "unclaimed": "nothing pending, in flight for longer than ack wait, nobody pulling",
    "counted": "nothing pending or in flight, and Redis still holds images",
    "marked_failed": "the health check marked the images as failed",
}
"""How tasks that were given up show; of several that fit, the first is told."""


def attempts(tasks: pd.DataFrame) -> pd.DataFrame:
    """How many tasks needed how many attempts.

    Args:
        tasks: :func:`~ami_console.metrics.task_times`.

    Returns:
        One row per job and ``delivery`` (the highest attempt seen of a task): ``tasks``.
    """
    known = tasks.dropna(subset=["max_delivery"])
    counted = known.groupby(["job_id", "max_delivery"]).size().rename("tasks").reset_index()
    return counted.rename(columns={"max_delivery": "delivery"}).astype(ATTEMPTS)


def last_attempts(consumers: pd.DataFrame, *, as_of: pd.Timestamp) -> pd.DataFrame:
    """Tasks in flight on their last attempt, and when the broker gives them up.

    The broker tells how many messages in flight were delivered before, not which and not how
    often. With ``max_deliver`` 2 each of them is on its last attempt; with more, at most as many
    as there were redeliveries enough for. They are taken to be those delivered last.

    Args:
        consumers: The ``consumers`` frame.
        as_of: The instant judged at.

    Returns:
        One row per job and stretch between two looks in which such tasks were delivered:
        ``tasks_low`` to ``tasks_high`` tasks, ``delivered_after``, ``delivered_by``, and
        ``given_up_after``, ``given_up_by``: these plus ack wait. The broker acts on it when
        somebody next pulls, not before.

    Source:
        JetStream ``num_redelivered``, ``num_ack_pending``, ``delivered``, ``config.ack_wait``,
        ``config.max_deliver``.
    """
    rows: list[dict[str, Any]] = []
    seen = consumers[consumers["observed_at"] <= as_of]
    found = lives(seen)
    for job_id, last in _newest(seen).items():
        ack_wait_s, limit = last["ack_wait_s"], last["max_deliver"]
        if not found.get(job_id) or pd.isna(ack_wait_s) or pd.isna(limit) or limit < 1:
            continue
        for after_s, by_s, low, high in _on_last(found[job_id][-1], last, int(limit)):
            rows.append(
                {
                    "job_id": job_id,
                    "tasks_low": low,
                    "tasks_high": high,
                    "delivered_after": _instant(after_s),
                    "delivered_by": _instant(by_s),
                    "given_up_after": _instant(after_s + ack_wait_s),
                    "given_up_by": _instant(by_s + ack_wait_s),
                }
            )
    return frames.table(rows, LAST_ATTEMPTS)


def _on_last(
    life: Life, last: Mapping[str, Any], limit: int
) -> list[tuple[float, float, int, int]]:
    """After, by, lowest and highest number of each stretch, newest first."""
    counter = life.consumer_seq - life.stream_seq if limit > 1 else life.stream_seq
    gauges = [last["num_ack_pending"], *([last["num_redelivered"]] if limit > 1 else [])]
    if any(map(pd.isna, gauges)):
        return []
    left = min(map(int, gauges))
    enough = left if limit <= 2 else min(left, int(counter[-1]) // (limit - 1))
    stretches = []
    steps = np.diff(counter, prepend=0.0)
    for look in np.flatnonzero(steps > 0)[::-1]:
        if left <= 0 or enough <= 0:
            break
        here = min(left, int(steps[look]))
        before_s = life.at_s[look - 1] if look else life.created_s
        last_s = life.last_active_s[look]
        by_s = last_s if last_s > before_s else life.at_s[look]
        high = min(here, enough)
        stretches.append((before_s, float(by_s), high if limit <= 2 else 0, high))
        left, enough = left - here, enough - high
    return stretches


def given_up(
    consumers: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    counters: pd.DataFrame | None = None,
    advisories: pd.DataFrame | None = None,
    log_events: pd.DataFrame | None = None,
    tasks: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Tasks that nobody will ever deliver again, by every sign there is of them.

    Args:
        consumers: The ``consumers`` frame.
        as_of: The instant judged at.
        counters: The ``counters`` frame: whether Redis still waits for them.
        advisories: The ``advisories`` frame: ``CONSUMER.MAX_DELIVERIES`` names each.
        log_events: The ``log_events`` frame: the health check names the images.
        tasks: :func:`~ami_console.metrics.task_times`; what was acknowledged late was not lost,
            and it may tell the images.

    Returns:
        One row per job with any such sign: ``signature`` (a key of ``SIGNATURES``), ``tasks_low``
        to ``tasks_high`` of them: the same where it is sure; ``redis_left`` images that Redis
        still holds, ``stream_seqs`` and ``image_ids`` (separated by commas) where the message or
        the log tells, ``observed_at`` of the look.

    Source:
        JetStream, Redis ``pending_images:results``, ``MAX_DELIVERIES`` advisories, Antenna's
        ``jobs_health_check`` lines. Until somebody pulls, the broker itself shows expired and
        given up messages alike: then ``tasks_low`` is what it must be, ``tasks_high`` what it can
        be.
    """
    seen = consumers[consumers["observed_at"] <= as_of]
    counted = _counted(counters, as_of)
    newest, paired = _newest(seen), _newest(_before(seen, counted))
    left = {job_id: int(row["pending_results"]) for job_id, row in counted.items()}
    advised = _advised(advisories, tasks, as_of)
    marked = _marked(log_events, as_of)
    rows = []
    for job_id in sorted({*newest, *advised, *marked}):
        last = newest.get(job_id, {})
        signs = {
            "advised": _exactly(len(advised.get(job_id, ()))),
            **_at_rest(last),
            "counted": _left_over(last, paired.get(job_id, {}), left.get(job_id)),
            "marked_failed": _exactly(marked.get(job_id, (0, None))[0]),
        }
        told = [name for name in SIGNATURES if signs.get(name, (0, 0))[1]]
        if not told:
            continue
        sequences = advised.get(job_id, [])
        images = marked[job_id][1] if job_id in marked else _images_of(tasks, job_id, sequences)
        rows.append(
            {
                "job_id": job_id,
                "signature": told[0],
                "tasks_low": max(signs[name][0] for name in told),
                "tasks_high": max(signs[name][1] for name in told),
                "redis_left": left.get(job_id, pd.NA),
                "stream_seqs": ",".join(map(str, sequences)) or pd.NA,
                "image_ids": images or pd.NA,
                "observed_at": last.get("observed_at", pd.NaT),
            }
        )
    return frames.table(rows, GIVEN_UP)


def _left_over(
    last: Mapping[str, Any], paired: Mapping[str, Any], redis_left: int | None
) -> tuple[int, int]:
    """Images that Redis holds although the broker had nothing more of them when Redis was read."""
    columns = ("num_pending", "num_ack_pending", "num_redelivered")
    for look in (last, paired):
        counts = [look.get(column, pd.NA) for column in columns]
        if any(map(pd.isna, counts)) or any(counts) or not look["last_seq"]:
            return _exactly(0)
    return _exactly(redis_left or 0)


def _at_rest(last: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    columns = ("num_pending", "num_ack_pending", "num_redelivered")
    if not last or any(pd.isna(last[column]) for column in columns) or last["num_pending"]:
        return {}
    in_flight, redelivered = int(last["num_ack_pending"]), int(last["num_redelivered"])
    if not in_flight and redelivered:
        return {"at_rest": _exactly(redelivered)}
    idle = last["num_waiting"] == 0 and _idle_s(last) > last["ack_wait_s"]
    if not in_flight or pd.isna(idle) or not idle:
        return {}
    limit = last["max_deliver"]
    on_last = {1: in_flight, 2: min(in_flight, redelivered)}.get(limit, 0)
    return {"unclaimed": (on_last, in_flight)}


def _idle_s(last: Mapping[str, Any]) -> Any:
    now = last["server_at"] if not pd.isna(last["server_at"]) else last["observed_at"]
    if pd.isna(last["delivered_last_active"]):
        return pd.NA
    return (now - last["delivered_last_active"]).total_seconds()


def _exactly(number: int) -> tuple[int, int]:
    return number, number


def _newest(consumers: pd.DataFrame) -> dict[int, dict[str, Any]]:
    """Job id → its newest look while the consumer was there, with the configuration in force."""
    there = consumers[consumers["consumer_exists"].fillna(False) & consumers["job_id"].notna()]
    there = there.sort_values("observed_at", kind="stable")
    configured = there.groupby("job_id")[["ack_wait_s", "max_deliver"]].last()
    newest = there.drop_duplicates("job_id", keep="last")
    return {
        int(row["job_id"]): {**row, **configured.loc[row["job_id"]].to_dict()}
        for row in newest.to_dict("records")
    }


def _counted(counters: pd.DataFrame | None, as_of: pd.Timestamp) -> dict[int, dict[str, Any]]:
    """Job id → its newest row of Redis that tells what is left."""
    if counters is None or counters.empty:
        return {}
    known = counters[counters["observed_at"] <= as_of].dropna(subset=["pending_results"])
    known = known.sort_values("observed_at", kind="stable")
    last = known.drop_duplicates("job_id", keep="last")
    return {int(row["job_id"]): row for row in last.to_dict("records")}


def _before(consumers: pd.DataFrame, counted: Mapping[int, Mapping[str, Any]]) -> pd.DataFrame:
    """Looks at the broker up to the newest counters of their job.

    An image leaves Redis before it is acknowledged. Compared the other way round, one on its way
    would look given up.
    """
    until = {job_id: row["observed_at"] for job_id, row in counted.items()}
    limits = pd.to_datetime(consumers["job_id"].map(until), utc=True)
    return consumers[(consumers["observed_at"] <= limits).fillna(False)]


def _advised(
    advisories: pd.DataFrame | None, tasks: pd.DataFrame | None, as_of: pd.Timestamp
) -> dict[int, list[int]]:
    """Job id → messages that the broker said it gave up, and that were not acknowledged late."""
    if advisories is None or advisories.empty:
        return {}
    told = advisories[
        (advisories["kind"] == "CONSUMER.MAX_DELIVERIES").fillna(False)
        & (advisories["observed_at"] <= as_of)
    ].dropna(subset=["job_id", "stream_seq"])
    saved: set[tuple[int, int]] = set()
    if tasks is not None:
        acked = tasks[tasks["acked_at"].notna() & (tasks["acked_at"] <= as_of)]
        saved = set(zip(acked["job_id"], acked["stream_seq"], strict=True))
    found: dict[int, list[int]] = {}
    for job_id, mine in told.groupby("job_id"):
        sequences = sorted({int(seq) for seq in mine["stream_seq"]})
        lost = [seq for seq in sequences if (job_id, seq) not in saved]
        if lost:
            found[int(job_id)] = lost
    return found


def _marked(
    log_events: pd.DataFrame | None, as_of: pd.Timestamp
) -> dict[int, tuple[int, str | None]]:
    """Job id → how many images the health check marked as failed, and which."""
    if log_events is None or log_events.empty:
        return {}
    told = log_events[
        (log_events["kind"] == "health_check").fillna(False) & (log_events["logged_at"] <= as_of)
    ].dropna(subset=["job_id", "failed"])
    last = told.sort_values("logged_at", kind="stable").drop_duplicates("job_id", keep="last")
    return {
        int(row["job_id"]): (
            int(row["failed"]),
            None if pd.isna(row["image_ids"]) else row["image_ids"],
        )
        for row in last.to_dict("records")
    }


def _images_of(tasks: pd.DataFrame | None, job_id: int, sequences: list[int]) -> str | None:
    if tasks is None or not sequences:
        return None
    mine = tasks[(tasks["job_id"] == job_id) & tasks["stream_seq"].isin(sequences)]
    return ",".join(mine["image_id"].dropna()) or None


def _instant(second: float) -> pd.Timestamp:
    return pd.NaT if np.isnan(second) else pd.Timestamp(round(second * 1e9), tz="UTC")


def redelivered_tasks(tasks: pd.DataFrame) -> int:
    """How many tasks were seen on a later attempt than the first."""
    return int((floats(tasks, "max_delivery") > 1).sum())
