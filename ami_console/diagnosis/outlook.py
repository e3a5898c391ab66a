"""What the platform will do next by itself, and when."""

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.diagnosis.looks import seen
from ami_console.diagnosis.rules import Rules
from ami_console.diagnosis.sheet import Sheet, instant
from ami_console.frames import FrameSource
from ami_console.metrics.redelivery import last_attempts

OUTLOOK: dict[str, str] = {
    "job_id": frames.COUNT,
    "kind": frames.TEXT,
    "at": frames.TIME,
    "idle_since": frames.TIME,
    "images": frames.COUNT,
    "becomes": frames.TEXT,
    "says": frames.TEXT,
    "assumes": frames.TEXT,
}

SOON_S = 60.0
"""A job that was updated more recently than this is not called idle."""


def outlook(
    source: FrameSource,
    *,
    as_of: pd.Timestamp,
    job_ids: Collection[int] | None = None,
    since: pd.Timestamp | None = None,
    rules: Rules | None = None,
) -> pd.DataFrame:
    """What will happen to idle jobs and to tasks on their last attempt if nothing else does.

    Args:
        source: Live history or a recording.
        as_of: The instant judged at; nothing later is used.
        job_ids: Only these jobs; ``None``: all that run.
        since: Do not look further back.
        rules: What the platform does by itself; as Antenna ships it when not given.

    Returns:
        One row per thing to come, the next first: ``kind`` ``health_check`` (``becomes`` the
        status that it leads to, ``images`` it will mark as failed) or ``given_up`` (``images``
        that the broker gives up), ``at`` when, ``idle_since`` when Antenna last updated the job,
        ``says`` a sentence, ``assumes`` what must stay as it is. ``images`` is missing where
        Redis can't tell; then ``becomes`` is too.

    Source:
        REST ``updated_at``, Redis sets, JetStream ``ack_wait`` and ``max_deliver``; the settings
        for what no source tells.
    """
    rules = rules or Rules()
    known = seen(source, as_of=as_of, since=since, job_ids=job_ids)
    rows: list[dict[str, Any]] = []
    for job_id, looks in known.jobs.items():
        if job_ids is not None and job_id not in job_ids:
            continue
        sheet = Sheet(looks, known.sources, as_of=as_of, rules=rules)
        if sheet.active[-1] == 1.0:
            rows += _health_check(sheet, as_of, rules)
    running = {row.job_id for row in known.jobs.values() if row.status == "STARTED"}
    rows += [row for row in _given_up(known.consumers_frame, as_of) if row["job_id"] in running]
    wanted = [row for row in rows if job_ids is None or row["job_id"] in job_ids]
    return frames.table(sorted(wanted, key=lambda row: row["at"]), OUTLOOK)


def _health_check(sheet: Sheet, as_of: pd.Timestamp, rules: Rules) -> list[dict[str, Any]]:
    updated_s = sheet["updated_at"][-1]
    now_s = as_of.value / 1e9
    if np.isnan(updated_s) or now_s - updated_s < SOON_S:
        return []
    # A job must be idle for longer than the limit when the check comes by.
    idle_by_s = max(updated_s + rules.health_check_idle_s, now_s)
    every_s = rules.health_check_every_s
    at_s = (math.floor(idle_by_s / every_s) + 1) * every_s
    left, total = sheet["redis_pending_results"][-1], sheet["redis_total"][-1]
    failed, processing = sheet["redis_failed"][-1], sheet["redis_pending_process"][-1]
    waiting = np.fmax(left, processing)
    if sheet.counters_exist[-1] == 0.0:  # keys that are gone count as empty sets
        waiting = 0.0
    images, becomes = None, None
    if waiting == 0:
        images, becomes = 0, "REVOKED"
        what = "Redis waits for no image: it will set the job to REVOKED"
    elif not np.isnan(waiting):
        images = int(waiting)
        share = (np.nan_to_num(failed) + waiting) / total if total else np.nan
        becomes = "FAILURE" if share > rules.failure_ratio else "SUCCESS"
        what = (
            f"it will mark {images:,} image{'s' if images != 1 else ''} as failed, and the job "
            f"will end as {becomes}"
        )
    else:
        what = (
            "it will mark what is left as failed, or set the job to REVOKED; which, Redis would "
            "have to tell"
        )
    at = instant(at_s)
    assert at is not None  # noqa: S101 - it was reckoned from a known instant
    return [
        {
            "job_id": sheet.looks.job_id,
            "kind": "health_check",
            "at": at,
            "idle_since": instant(updated_s),
            "images": images,
            "becomes": becomes,
            "says": f"The health check of {at:%H:%M:%S} UTC finds the job idle: {what}.",
            "assumes": "that nothing of the job moves until then; that the health check runs "
            f"every {every_s / 60:g} min and calls jobs idle after "
            f"{rules.health_check_idle_s / 60:g} min "
            "(AMI_CONSOLE_HEALTH_CHECK_EVERY_S and _IDLE_S: no source tells)",
        }
    ]


def _given_up(consumers: pd.DataFrame, as_of: pd.Timestamp) -> list[dict[str, Any]]:
    """Tasks on their last attempt, those that are still in time."""
    newest = consumers.sort_values("observed_at", kind="stable").drop_duplicates(
        "job_id", keep="last"
    )
    there = newest.loc[newest["consumer_exists"].fillna(False), "job_id"]
    attempts = last_attempts(consumers[consumers["job_id"].isin(there)], as_of=as_of)
    rows: list[dict[str, Any]] = []
    for job_id, mine in attempts.groupby("job_id"):
        coming = mine[mine["given_up_by"] > as_of]
        if coming.empty:
            continue
        at = coming["given_up_by"].max()
        low, high = int(coming["tasks_low"].sum()), int(coming["tasks_high"].sum())
        number = f"{high:,}" if low == high else f"up to {high:,}"
        rows.append(
            {
                "job_id": int(job_id),
                "kind": "given_up",
                "at": at,
                "idle_since": None,
                "images": high,
                "becomes": None,
                "says": f"The broker gives up {number} image{'s' if high != 1 else ''} on the last "
                f"attempt at {at:%H:%M:%S} UTC.",
                "assumes": "that they are not acknowledged before; the broker acts on it when "
                "somebody next pulls, and a late acknowledgement still counts",
            }
        )
    return rows
