"""Rows of the ``jobs`` and ``stages`` frames from the body of one job, as REST gives it."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from ami_console.errors import SourceMalformed
from ami_console.instants import from_naive_local
from ami_console.reading import Row
from ami_console.sources.values import (
    count,
    identifier,
    items,
    label,
    mapping,
    ratio,
    shown,
    text,
)

STAGE_COUNTS = (
    "processed",
    "remaining",
    "failed",
    "captures",
    "detections",
    "classifications",
)


def job_rows(body: Mapping[str, Any], *, observed_at: int, zone: ZoneInfo) -> tuple[Row, list[Row]]:
    """The job's row and one row per stage, of a detail body or of an entry of a list.

    Args:
        body: The job as JSON gives it. Only ``id`` must be there; all else may be missing.
        observed_at: When the answer was in, ns since the epoch.
        zone: Zone of the server's naive times.

    Returns:
        The ``jobs`` row (one per job) and the ``stages`` rows (one per stage that has a key).

    Raises:
        SourceMalformed: This is no job: not a mapping, or without an integer ``id``.

    Source:
        REST ``/api/v2/jobs/{id}/``. ``status`` is the job's own; ``progress.summary.status``
        can stay STARTED for good after a cancel and is never read.
    """
    if not isinstance(body, Mapping):
        raise SourceMalformed(f"a job should be a JSON object, and this is {_named(body)}")
    job_id = identifier(body.get("id"))
    if job_id is None:
        came = f"id {_named(body['id'])}" if "id" in body else f"only the keys {_keys(body)}"
        raise SourceMalformed(f"a job should have an integer id, and this one has {came}")
    progress = mapping(body.get("progress"))
    job: Row = {
        "observed_at": observed_at,
        "job_id": job_id,
        "name": label(body.get("name")),
        "project": _name(body.get("project")),
        "pipeline": _name(body.get("pipeline")),
        "dispatch_mode": label(body.get("dispatch_mode")),
        "status": label(body.get("status")),
        "progress_ratio": ratio(mapping(progress.get("summary")).get("progress")),
        "project_id": identifier(mapping(body.get("project")).get("id")),
    }
    for column in ("created_at", "started_at", "finished_at", "updated_at"):
        job[column] = from_naive_local(body.get(column), zone)
    stages = [
        _stage_row(stage, key, job_id=job_id, observed_at=observed_at)
        for stage in map(mapping, items(progress.get("stages")))
        if (key := label(stage.get("key")))
    ]
    return job, stages


def _stage_row(stage: Mapping[str, Any], key: str, *, job_id: int, observed_at: int) -> Row:
    params = {
        name: param.get("value")
        for param in map(mapping, items(stage.get("params")))
        if (name := text(param.get("key")))
    }
    row: Row = {
        "observed_at": observed_at,
        "job_id": job_id,
        "stage": key,
        "status": label(stage.get("status")),
        "progress_ratio": ratio(stage.get("progress")),
        "total": count(params.get("total_images")) if key == "collect" else None,
    }
    row.update({column: count(params.get(column)) for column in STAGE_COUNTS})
    return row


def _name(value: object) -> str | None:
    """Name of a project or pipeline, nested or plain."""
    return label(value["name"] if isinstance(value, Mapping) and "name" in value else value)


def _named(value: object) -> str:
    """What came, short enough for a message."""
    came = repr(value) if isinstance(value, str) else shown(value)
    return came if len(came) <= 60 else f"{came[:60]}…"


def _keys(body: Mapping[str, Any]) -> str:
    return ", ".join(sorted(str(key)[:30] for key in body)[:8]) or "(none)"
