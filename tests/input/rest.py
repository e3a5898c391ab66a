"""Antenna's REST API and RabbitMQ's, when their bodies are not what they were."""

import asyncio
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson
from hypothesis import strategies as st

from ami_console.errors import SourceMalformed
from ami_console.reading import Reading
from ami_console.settings import Settings
from ami_console.snapshot import Source, look
from ami_console.sources.antenna import AntennaSource
from ami_console.sources.celery_queue import CeleryQueueSource
from ami_console.sources.job_logs import JobLogsSource
from ami_console.sources.job_rows import STAGE_COUNTS, job_rows
from tests.input.hostile_server import HostileServer, hostile_server, whole
from tests.input.kept import assert_kept
from tests.input.mutated import INT64_MAX, damaged, exactly, may_be, mutated

DATA = Path(__file__).parents[1] / "data"
DETAILS = [path.read_bytes() for path in sorted((DATA / "sources").glob("job_detail_*.json"))]
LISTS = [(DATA / "sources" / "jobs_list.json").read_bytes()]
QUEUES = [(DATA / "sources" / "rabbitmq.json").read_bytes()]
LOGGED = [
    body.replace(
        b'"progress"',
        b'"logs": {"stdout": ["[2026-11-23 10:14:20] INFO Job 3 throughput: elapsed=1m 02s, '
        b'processed=7/320, rate=3.5 imgs/min, ETA=unknown", "[2026-11-23 10:14:19] ERROR no", '
        b'"a line without a time"]}, "progress"',
        1,
    )
    for body in DETAILS
]
ZONE = ZoneInfo("America/New_York")
AT = 1_795_446_789_000_000_000

JOB_ID = int(exactly(DETAILS[-1])["id"])


class Look(NamedTuple):
    """One look over HTTP: who looks at what, and what is answered."""

    source: type[AntennaSource | JobLogsSource | CeleryQueueSource]
    job_id: int | None
    body: bytes
    status: int
    headers: dict[str, str]
    judged: bool


bodies = mutated(DETAILS) | damaged(mutated(DETAILS))
logs = mutated(LOGGED)
headers = st.fixed_dictionaries(
    {},
    optional={
        "date": st.sampled_from(
            ["", "soon", "Mon, 23 Nov 2026 15:49:08 GMT", "9" * 5000,
             "Mon, 01 Jan 99999999999999999999 00:00:00", "Mon, 01 Jan 0001 00:00:00 GMT",
             "Mon, 01 Jan 2026 00:00:00 +" + "9" * 40]
        ),
        "content-encoding": st.sampled_from(["identity", "gzip", "br", "gzip, gzip", "x"]),
        "content-type": st.sampled_from(["application/json", "text/html", "\xff", ""]),
        "location": st.sampled_from(
            ["", "/", "http://[", "http://[::1", "https://a.b/?token=1", "//x:99999", "\xff",
             "x" * 5000]
        ),
    },
)  # fmt: skip
statuses = st.sampled_from([200, 200, 200, 204, 301, 302, 400, 401, 404, 429, 500, 503, 599, 999])
looks = st.builds(
    Look,
    st.sampled_from([AntennaSource, AntennaSource, JobLogsSource, CeleryQueueSource]),
    st.sampled_from([JOB_ID, None]),
    mutated([*DETAILS, *LISTS, *QUEUES]),
    statuses,
    headers,
    st.sampled_from([False] * 9 + [True]),
)


def settings(server: HostileServer) -> Settings:
    """Settings that lead to the server, and to nobody else."""
    url = server.url.replace("http://", "http://guest:guest@")
    environment = {"ANTENNA_URL": server.url, "NATS_MONITOR_URL": server.url, "RABBITMQ_URL": url}
    named = {f"AMI_CONSOLE_{key}": value for key, value in environment.items()}
    named["AMI_CONSOLE_NATS_URL"] = "nats://127.0.0.1:1"
    return Settings.from_environment(named, dotenv=None)


def asked(source: Source, job_id: int | None) -> Reading:
    """One look as the collector takes it; ``None``: which jobs are there."""
    question = source.discover if job_id is None else partial(source.read, [job_id])

    async def once() -> Reading:
        try:
            return await look(source.name, question, deadline_s=20)
        finally:
            await source.aclose()

    return asyncio.run(once())


def job_of_any_body(body: bytes) -> None:
    """Every number of a job's rows is the one that the body has at that place, or missing."""
    try:
        held = exactly(body)
    except (ValueError, RecursionError):
        held = None
    parsed = _parsed(body)
    try:
        job, stages = job_rows(parsed, observed_at=AT, zone=ZONE)
    except SourceMalformed:
        assert not isinstance(held, dict) or not _is_id(held.get("id")) or parsed is None
        return
    assert isinstance(held, dict)
    assert job["job_id"] == held["id"]
    assert_kept(Reading(source="antenna", observed_at=AT, rows={"jobs": [job], "stages": stages}))
    progress = held.get("progress") if isinstance(held.get("progress"), dict) else {}
    summary = progress.get("summary") if isinstance(progress.get("summary"), dict) else {}
    _check_ratio(summary.get("progress"), job["progress_ratio"])
    told = progress.get("stages") if isinstance(progress.get("stages"), list) else []
    told = [s for s in told if isinstance(s, dict) and isinstance(s.get("key"), str)]
    for stage in stages:
        mine = [s for s in told if s["key"].strip() == stage["stage"]] or told
        params = [_params(each) for each in mine]
        for column in STAGE_COUNTS:
            assert any(may_be(each.get(column), stage[column]) for each in params)
        assert any(may_be(each.get("total_images"), stage["total"]) for each in params) or (
            stage["total"] is None
        )


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _is_id(value: object) -> bool:
    return type(value) is int and 0 < value <= INT64_MAX


def _params(stage: dict[str, Any]) -> dict[str, Any]:
    params = stage.get("params") if isinstance(stage.get("params"), list) else []
    return {
        each["key"]: each.get("value")
        for each in params
        if isinstance(each, dict) and isinstance(each.get("key"), str)
    }


def _check_ratio(told: object, got: float | None) -> None:
    if got is not None:
        assert isinstance(told, int | Decimal)
        assert not isinstance(told, bool)
        assert got == float(told)
        assert 0 <= got <= 1


def look_at_any_body(asked_for: Look) -> None:
    """A look over HTTP, whatever is answered: rows or a reason, to be held, recorded and judged."""
    names = {
        name.replace("-", "_"): told.encode("latin-1") for name, told in asked_for.headers.items()
    }
    with hostile_server() as server:
        server.answer = lambda path: whole(asked_for.body, asked_for.status, **names)
        reading = asked(asked_for.source(settings(server)), asked_for.job_id)
    assert_kept(reading, judged=asked_for.judged)


def log_of_any_body(body: bytes) -> None:
    """The log of a job: as many rows as there are lines, each of this job."""
    with hostile_server() as server:
        server.answer = lambda path: whole(body)
        reading = asked(JobLogsSource(settings(server)), JOB_ID)
    assert_kept(reading)
    for row in reading.rows.get("log_events", ()):
        assert row["job_id"] == JOB_ID
