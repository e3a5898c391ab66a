"""Jobs saved from the REST API: a detail body as ``curl`` writes it, or with what came along."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from ami_console.errors import ImportLogError
from ami_console.instants import from_http_date, from_naive_local, from_rfc3339
from ami_console.logs import parse_job_log
from ami_console.reading import Reading
from ami_console.sources.job_rows import job_rows
from ami_console.sources.text_files import LONGEST_LINE_BYTES, encoding_of, opened
from ami_console.sources.values import identifier, items, mapping, text

_TELLTALES = frozenset({"logs", "progress", "dispatch_mode"})


def saved_job(path: Path) -> Mapping[str, Any] | None:
    """The file's object, if it is a saved job: the body itself, or one that has it as ``body``.

    Raises:
        OSError: It can't be read.
        EOFError: It is packed and ends early.
        zlib.error: It is packed and damaged.
        ImportLogError: It is too large for that.
    """
    with opened(path) as file:
        data = file.read(LONGEST_LINE_BYTES + 1)
    if len(data) > LONGEST_LINE_BYTES:
        raise ImportLogError(
            f"{path} begins like a saved job and has more than {LONGEST_LINE_BYTES >> 20} MB "
            "(unpacked), it is not read; save the job with fewer log lines (?logs_limit=5000)"
        )
    try:
        held = mapping(orjson.loads(data.decode(encoding_of(data)).lstrip()))
    except ValueError:
        return None
    return held if _body(held) is not None else None


def saved_readings(
    held: Mapping[str, Any], *, zone: ZoneInfo, written_at: int
) -> Iterator[Reading]:
    """The job's rows, and its log.

    Args:
        held: As :func:`saved_job` gives it.
        zone: Zone of the server's naive times.
        written_at: When the file was written, ns since the epoch.

    Yields:
        One reading of ``antenna`` with rows of ``jobs`` and ``stages``: observed at ``t``, or at
        the HTTP ``Date``, or when the job was last logged or written to, in this order. If there
        is a log, one of ``job_logs`` with rows of ``log_events``, observed when they were logged.
    """
    body = _body(held) or {}
    job_id = identifier(body.get("id")) or 0
    lines = [
        line for each in items(mapping(body.get("logs")).get("stdout")) if (line := text(each))
    ]
    batch = parse_job_log(lines, job_id=job_id, zone=zone, observed_at=None)
    newest = max(batch.column("observed_at"), default=None)
    observed_at = (
        from_rfc3339(held.get("t"))
        or _date(held.get("headers"))
        or newest
        or from_naive_local(body.get("updated_at"), zone)
        or written_at
    )
    job, stages = job_rows(body, observed_at=observed_at, zone=zone)
    yield Reading(source="antenna", observed_at=observed_at, rows={"jobs": [job], "stages": stages})
    if len(batch):
        yield Reading(source="job_logs", observed_at=observed_at, rows={"log_events": batch})


def _body(held: Mapping[str, Any]) -> Mapping[str, Any] | None:
    inner = held.get("body")
    body = inner if isinstance(inner, Mapping) else held
    is_job = identifier(body.get("id")) is not None and _TELLTALES & body.keys()
    return body if is_job else None


def _date(headers: object) -> int | None:
    for name, value in mapping(headers).items():
        if isinstance(value, str) and name.lower() == "date":
            return from_http_date(value)
    return None
