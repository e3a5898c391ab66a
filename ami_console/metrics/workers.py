"""Who fetched a job's images and posted their results, and which processes saved them."""

from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import floats

WORKERS: dict[str, str] = {
    "job_id": frames.COUNT,
    "client": frames.TEXT,
    "sources": frames.TEXT,
    "fetches": frames.COUNT,
    "empty_fetches": frames.COUNT,
    "refused_fetches": frames.COUNT,
    "tasks_fetched": frames.COUNT,
    "batch_size": frames.COUNT,
    "results_posted": frames.COUNT,
    "failed_posts": frames.COUNT,
    "unposted": frames.COUNT,
    "first_fetched_at": frames.TIME,
    "last_fetched_at": frames.TIME,
    "first_posted_at": frames.TIME,
    "last_posted_at": frames.TIME,
    "last_sign_at": frames.TIME,
    "posted_per_min": frames.MEASURE,
}

SAVERS: dict[str, str] = {
    "job_id": frames.COUNT,
    "process": frames.TEXT,
    "results_saved": frames.COUNT,
    "failed_saves": frames.COUNT,
    "first_saved_at": frames.TIME,
    "last_saved_at": frames.TIME,
    "saving_p50_s": frames.MEASURE,
}

SHORTEST_S = 5.0
"""A pace of less time than this is chance."""

_COLUMNS = (
    "job_id",
    "logged_at",
    "source",
    "kind",
    "client",
    "requested",
    "delivered",
    "task_id",
)
_OF_ANTENNA = ("fetched", "fetch_refused", "posted")
_OF_WORKER = ("worker_fetched", "worker_posted", "worker_failed")


def workers(log_events: pd.DataFrame) -> pd.DataFrame:
    """What each client fetched and posted of each job, as far as the logs tell.

    A client is a user with a token, under a pseudonym: workers that share a token are one client.

    Args:
        log_events: The ``log_events`` frame.

    Returns:
        One row per job and client, the last sign of life first; one with no ``client`` for the
        own output of workers (``sources`` is ``worker``), and one for results whose lines name
        nobody. One fetch often stands in the job's log and in
        Django's: fetches are those of the log that has most of them, results are told apart by
        their ``task_id``. ``unposted`` is ``tasks_fetched`` − ``results_posted``, missing below
        zero (then lines of fetches are missing). ``posted_per_min`` is their number by the time
        from the first fetch to the last post, missing below ``SHORTEST_S``. ``failed_posts`` is
        told by a worker's own output alone.

    Source:
        ``Tasks fetched``, ``Tasks requested for non-active job`` and ``Queued pipeline result``
        lines of the job's log or Django's; ``reserved`` and ``posted`` lines of a worker.
    """
    frames.require(log_events, _COLUMNS, "workers")
    told = log_events["kind"].isin((*_OF_ANTENNA, *_OF_WORKER))
    known = log_events.loc[told, list(_COLUMNS)].dropna(subset=["job_id", "logged_at"])
    by_antenna = known[known["kind"].isin(_OF_ANTENNA)]
    own = known[known["kind"].isin(_OF_WORKER)]
    rows = []
    for (job_id, client), mine in by_antenna.dropna(subset=["client"]).groupby(
        ["job_id", "client"], sort=True
    ):
        rows.append(_told_by_antenna(mine) | {"job_id": job_id, "client": client})
    for job_id, mine in _anonymous(by_antenna).groupby("job_id", sort=True):
        rows.append(_told_by_antenna(mine) | {"job_id": job_id, "client": pd.NA})
    for job_id, mine in own.groupby("job_id", sort=True):
        rows.append(_told_by_worker(mine) | {"job_id": job_id, "client": pd.NA})
    table = frames.table(rows, WORKERS)
    return table.sort_values(
        ["job_id", "last_sign_at"], ascending=[True, False], kind="stable", ignore_index=True
    )


def _anonymous(lines: pd.DataFrame) -> pd.DataFrame:
    """Results of which no line names a client; Django writes a second line that names none."""
    posted = lines[(lines["kind"] == "posted") & lines["task_id"].notna()]
    named = posted.loc[posted["client"].notna(), "task_id"]
    return posted[posted["client"].isna() & ~posted["task_id"].isin(named)]


def _told_by_antenna(mine: pd.DataFrame) -> dict[str, Any]:
    fetched = _of_fullest(mine[mine["kind"] == "fetched"])
    refused = _of_fullest(mine[mine["kind"] == "fetch_refused"])
    posted = mine[mine["kind"] == "posted"]
    is_full = fetched["delivered"].fillna(0) > 0
    results = posted["task_id"].nunique() if posted["task_id"].notna().any() else len(posted)
    row = {
        "sources": ",".join(sorted(mine["source"].dropna().unique())),
        "fetches": int(is_full.sum()),
        "empty_fetches": int((~is_full).sum()),
        "refused_fetches": len(refused),
        "tasks_fetched": int(fetched["delivered"].sum()),
        "batch_size": _last(fetched, "requested"),
        "results_posted": results,
        "failed_posts": pd.NA,
    }
    return row | _times(mine, fetched[is_full], posted, results, row["tasks_fetched"])


def _told_by_worker(mine: pd.DataFrame) -> dict[str, Any]:
    fetched, posted = mine[mine["kind"] == "worker_fetched"], mine[mine["kind"] == "worker_posted"]
    tasks, results = int(fetched["delivered"].sum()), int(posted["delivered"].sum())
    row = {
        "sources": ",".join(sorted(mine["source"].dropna().unique())),
        "fetches": len(fetched),
        "empty_fetches": pd.NA,
        "refused_fetches": pd.NA,
        "tasks_fetched": tasks,
        "batch_size": pd.NA,
        "results_posted": results,
        "failed_posts": int((mine["kind"] == "worker_failed").sum()),
    }
    return row | _times(mine, fetched, posted, results, tasks)


def _times(
    mine: pd.DataFrame, fetched: pd.DataFrame, posted: pd.DataFrame, results: int, tasks: int
) -> dict[str, Any]:
    first_fetched_at, last_posted_at = fetched["logged_at"].min(), posted["logged_at"].max()
    took_s = (last_posted_at - first_fetched_at).total_seconds() if results and tasks else 0.0
    return {
        "unposted": tasks - results if tasks >= results else pd.NA,
        "first_fetched_at": first_fetched_at,
        "last_fetched_at": fetched["logged_at"].max(),
        "first_posted_at": posted["logged_at"].min(),
        "last_posted_at": last_posted_at,
        "last_sign_at": mine["logged_at"].max(),
        "posted_per_min": results * 60 / took_s if took_s >= SHORTEST_S else pd.NA,
    }


def _of_fullest(lines: pd.DataFrame) -> pd.DataFrame:
    """The lines of the log that has most of them: logs tell the same and not all of it."""
    counts = lines["source"].value_counts()
    return lines[lines["source"] == counts.index[0]] if len(counts) else lines


def _last(lines: pd.DataFrame, column: str) -> Any:
    told = lines.dropna(subset=[column])
    return told[column].loc[told["logged_at"].idxmax()] if len(told) else pd.NA


def savers(log_events: pd.DataFrame) -> pd.DataFrame:
    """What each process of Celery saved of each job, as far as its log tells.

    Args:
        log_events: The ``log_events`` frame.

    Returns:
        One row per job and process: ``results_saved``, ``failed_saves``, when it first and last
        did, and the median time of a save, seconds. Nothing of a job log: it names no process.

    Source:
        ``Saved results from pipeline`` and ``Error processing pipeline result`` lines of
        Celery's log.
    """
    columns = ("job_id", "logged_at", "process", "kind", "duration_s")
    frames.require(log_events, columns, "savers")
    is_save = log_events["kind"].isin(("saved", "result_failed"))
    told = log_events.loc[is_save, list(columns)].dropna(subset=["job_id", "process", "logged_at"])
    rows = []
    for (job_id, process), mine in told.groupby(["job_id", "process"], sort=True):
        saved = mine[mine["kind"] == "saved"]
        took_s = floats(saved, "duration_s")
        rows.append(
            {
                "job_id": job_id,
                "process": process,
                "results_saved": len(saved),
                "failed_saves": len(mine) - len(saved),
                "first_saved_at": saved["logged_at"].min(),
                "last_saved_at": saved["logged_at"].max(),
                "saving_p50_s": np.nanmedian(took_s) if not np.isnan(took_s).all() else pd.NA,
            }
        )
    return frames.table(rows, SAVERS)
