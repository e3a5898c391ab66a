"""Antenna over a real HTTP connection."""

import asyncio
import copy
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from tornado.httputil import HTTPServerRequest

from ami_console.demo.servers import TlsFiles
from ami_console.errors import SourceError, SourceMalformed, SourceRefused, SourceUnreachable
from ami_console.instants import now_ns
from ami_console.settings import Settings
from ami_console.sources.antenna import AntennaSource

Make = Callable[..., Settings]
HTML = b"<!doctype html><title>Antenna</title>"
TOKEN = "t0k3n-0f-4nn"


class Antenna:
    """Jobs behind the REST API, with the filters and paging of the recorded backend.

    Args:
        jobs: Bodies, by id.
        knows: Statuses that this version has.
    """

    def __init__(self, *jobs: dict[str, Any], knows: set[str] | None = None) -> None:
        self.jobs = {job["id"]: job for job in jobs}
        self.knows = knows
        self.failing: dict[int, tuple[int, bytes]] = {}

    async def __call__(self, request: HTTPServerRequest) -> tuple[int, Mapping[str, str], bytes]:
        status, body = self.respond(request)
        headers = {"Content-Type": "application/json", "Date": formatdate(usegmt=True)}
        return status, headers, body if isinstance(body, bytes) else orjson.dumps(body)

    def respond(self, request: HTTPServerRequest) -> tuple[int, Any]:
        parts = urlsplit(request.uri or "")
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/api/v2/")
        if path == "":
            return 200, {"jobs": "http://127.0.0.1:8000/api/v2/jobs/"}
        if path != "jobs/":
            job_id = int(path.removeprefix("jobs/").rstrip("/"))
            if job_id in self.failing:
                return self.failing[job_id]
            found = self.jobs.get(job_id)
            return (200, found) if found else (404, {"detail": "Not found."})
        status = query.get("status")
        if status and self.knows is not None and status not in self.knows:
            return 400, {"status": [f"Select a valid choice. {status} is not one of them."]}
        jobs = [job for job in self.jobs.values() if status in (None, job["status"])]
        if query.get("ordering") == "-updated_at":
            jobs.sort(key=lambda job: job["updated_at"], reverse=True)
        start, limit = int(query.get("offset", 0)), int(query["limit"])
        more = "http://antenna.internal/api/v2/jobs/?offset=" if start + limit < len(jobs) else None
        page = jobs[start : start + limit]
        return 200, {"count": len(jobs), "next": more, "previous": None, "results": page}


@pytest.fixture
def job(recorded: Callable[[str], Any]) -> Callable[..., dict[str, Any]]:
    """``job(3, "STARTED", project=2)``: the recorded body with other values."""
    body = recorded("job_detail_started")

    def make(job_id: int, status: str, *, project: int = 3, **more: Any) -> dict[str, Any]:
        copied = copy.deepcopy(body) | {"id": job_id, "status": status, **more}
        copied["project"]["id"] = project
        return copied

    return make


async def test_jobs_are_read_at_once_with_the_token(
    http_stand_in: Any, settings_of: Make, job: Callable[..., dict[str, Any]]
) -> None:
    """The operator watches three jobs; one of them was deleted meanwhile."""
    http_stand_in.script = Antenna(job(3, "STARTED"), job(4, "SUCCESS"))
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url, ANTENNA_TOKEN=TOKEN))
    before = now_ns()
    reading = await source.read([4, 3, 99, 3])
    await source.aclose()
    assert (reading.ok, reading.error, reading.requests) == (True, None, 3)
    assert [(row["job_id"], row.get("status")) for row in reading.rows["jobs"]] == [
        (3, "STARTED"),
        (4, "SUCCESS"),
        (99, None),
    ]
    assert len(reading.rows["stages"]) == 6
    assert {row["observed_at"] for row in reading.rows["stages"]} == {reading.observed_at}
    assert before < reading.observed_at <= now_ns()
    assert reading.bytes is not None
    assert reading.bytes > 4000
    assert reading.elapsed_s is not None
    assert reading.clock_offset_s is not None
    assert abs(reading.clock_offset_s) < 1
    assert reading.job_ids is None
    assert sorted(http_stand_in.asked) == [
        f"/api/v2/jobs/{job_id}/?logs_limit=1" for job_id in (3, 4, 99)
    ]
    assert {headers["Authorization"] for headers in http_stand_in.headers} == {f"Token {TOKEN}"}


async def test_without_jobs_it_still_asks_whether_antenna_is_there(
    http_stand_in: Any, settings_of: Make
) -> None:
    """Nothing runs at night; that Antenna is down must show all the same."""
    http_stand_in.script = Antenna()
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url))
    reading = await source.read([])
    assert (reading.ok, reading.requests, reading.rows) == (True, 1, {"jobs": [], "stages": []})
    assert http_stand_in.asked == ["/api/v2/"]
    assert "Authorization" not in http_stand_in.headers[0], "anonymous, not an empty token"
    http_stand_in.answer(503, HTML, Content_Type="text/html")
    with pytest.raises(SourceUnreachable, match="503"):
        await source.read([])
    await source.aclose()


async def test_one_job_that_fails_does_not_hide_the_others(
    http_stand_in: Any, settings_of: Make, job: Callable[..., dict[str, Any]]
) -> None:
    """One job's page runs into a bug of Antenna: 500 in HTML."""
    antenna = http_stand_in.script = Antenna(job(3, "STARTED"))
    antenna.failing = {5: (500, HTML)}
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url))
    reading = await source.read([3, 5])
    assert [row["job_id"] for row in reading.rows["jobs"]] == [3]
    assert reading.ok
    assert reading.error is not None
    assert reading.error.startswith("1 of 2 jobs could not be read: Antenna at http://127.0.0.1")
    assert "500 with an HTML page" in reading.error
    with pytest.raises(SourceMalformed, match="500"):
        await source.read([5])
    await source.aclose()


async def test_the_wrong_job_is_not_taken_for_the_right_one(
    http_stand_in: Any, settings_of: Make, job: Callable[..., dict[str, Any]]
) -> None:
    """A cache in front of Antenna hands out somebody else's answer."""
    http_stand_in.answer(200, job(4, "SUCCESS"))
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url))
    with pytest.raises(SourceMalformed, match="asked for job 3, got one with id 4"):
        await source.read([3])
    await source.aclose()


async def test_active_jobs_are_found_over_many_pages(
    http_stand_in: Any, settings_of: Make, job: Callable[..., dict[str, Any]]
) -> None:
    """250 started jobs: ``next`` names a host that only Antenna itself can reach."""
    started = [job(number, "STARTED") for number in range(1, 251)]
    late = {"updated_at": "2027-01-01T00:00:00"}
    others = [
        job(301, "CREATED"),
        job(302, "PENDING"),
        job(303, "CANCELING", **late),
        job(304, "SUCCESS"),
        job(305, "REVOKED", **late),
        job(306, "STARTED", dispatch_mode="internal"),
        job(307, "RETRY"),
    ]
    http_stand_in.script = Antenna(*started, *others)
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url))
    reading = await source.discover()
    await source.aclose()
    assert reading.job_ids == {*range(1, 251), 302, 303, 307}
    listed = [row["job_id"] for row in reading.rows["jobs"]]
    assert len(listed) == len(set(listed)), "a job of two lists is one row"
    assert {301, 305} <= set(listed), "waiting and just ended jobs are shown"
    assert 306 not in listed, "a job that is not worked over NATS"
    assert {row["job_id"] for row in reading.rows["stages"]} == set(listed)
    assert (reading.ok, reading.error, reading.requests) == (True, None, 10)
    asked = [parse_qs(urlsplit(uri).query) for uri in http_stand_in.asked]
    assert [query["offset"] for query in asked if query.get("status") == ["STARTED"]] == [
        ["0"], ["100"], ["200"]
    ]  # fmt: skip
    assert all(query["dispatch_mode"] == ["async_api"] for query in asked)
    assert all("project_id" not in query for query in asked)


async def test_an_observer_asks_nothing_that_changes_anything(
    http_stand_in: Any, settings_of: Make, job: Callable[..., dict[str, Any]]
) -> None:
    """``tasks/`` takes work away, ``ids_only`` marks workers as alive, ``status/`` pings them."""
    http_stand_in.script = Antenna(job(3, "STARTED"))
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url))
    await source.discover()
    await source.read([3])
    await source.aclose()
    paths = {urlsplit(uri).path for uri in http_stand_in.asked}
    assert paths == {"/api/v2/jobs/", "/api/v2/jobs/3/"}
    assert not any("ids_only" in uri for uri in http_stand_in.asked)


async def test_a_list_without_end_is_cut_and_says_so(
    http_stand_in: Any, settings_of: Make, job: Callable[..., dict[str, Any]]
) -> None:
    """Thousands of jobs left STARTED: the look must end, and must not pretend to be whole."""
    http_stand_in.script = Antenna(*(job(number, "STARTED") for number in range(1, 1102)))
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url))
    reading = await source.discover()
    await source.aclose()
    assert reading.ok
    assert reading.error == "only the first 1000 jobs with status STARTED were read"
    assert reading.job_ids is not None
    assert len(reading.job_ids) == 1000


async def test_an_older_antenna(
    http_stand_in: Any, settings_of: Make, job: Callable[..., dict[str, Any]]
) -> None:
    """It has no CANCELING, no dispatch mode, and other kinds of jobs beside ML."""
    ours, other = job(3, "STARTED"), job(4, "STARTED", job_type={"key": "data_export"})
    for each in (ours, other):
        del each["dispatch_mode"]
    http_stand_in.script = Antenna(ours, other, knows={"CREATED", "PENDING", "STARTED"})
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url))
    reading = await source.discover()
    await source.aclose()
    assert (reading.ok, reading.error) == (True, None)
    assert reading.job_ids == {3}
    assert reading.rows["jobs"][0]["dispatch_mode"] is None


async def test_only_the_project_of_the_settings(
    http_stand_in: Any, settings_of: Make, job: Callable[..., dict[str, Any]]
) -> None:
    """Antenna ignores a project it does not know, and sends everybody's jobs."""
    http_stand_in.script = Antenna(job(3, "STARTED", project=7), job(4, "STARTED", project=8))
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url, PROJECT="7"))
    assert (await source.discover()).job_ids == {3}
    assert all("project_id=7" in uri for uri in http_stand_in.asked)
    await source.aclose()
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url, PROJECT="99"))
    reading = await source.discover()
    await source.aclose()
    assert (reading.job_ids, reading.rows["jobs"]) == (frozenset(), [])
    assert reading.error == "no job of project 99, is AMI_CONSOLE_PROJECT right"


async def test_the_recorded_list(
    http_stand_in: Any, settings_of: Make, recorded: Callable[[str], Any]
) -> None:
    """The real backend's list of three finished jobs."""
    http_stand_in.answer(200, recorded("jobs_list") | {"next": None})
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url))
    reading = await source.discover()
    await source.aclose()
    assert reading.job_ids == frozenset()
    assert [row["status"] for row in reading.rows["jobs"]] == ["REVOKED", "SUCCESS", "SUCCESS"]
    assert reading.clock_offset_s is None, "no Date header, no offset"


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "words"),
    [
        (401, {"detail": "Invalid token."}, {}, SourceRefused, ["401", "Invalid token.", "token"]),
        (403, {"detail": "No."}, {}, SourceRefused, ["403", "this login may read"]),
        (404, HTML, {}, SourceMalformed, ["404", "HTML page", "AMI_CONSOLE_ANTENNA_URL"]),
        (200, HTML, {}, SourceMalformed, ["200", "HTML page", "AMI_CONSOLE_ANTENNA_URL"]),
        (502, HTML, {"Content_Type": "text/html"}, SourceUnreachable, ["502", "gateway"]),
        (500, HTML, {}, SourceMalformed, ["500", "own log"]),
        (301, b"", {"Location": "https://x:y@other.example/a"}, SourceMalformed,
         ["https://other.example", "AMI_CONSOLE_ANTENNA_URL"]),
        (200, b"", {}, SourceMalformed, ["empty body"]),
        (200, b'{"id": 3, "na', {}, SourceMalformed, ["no JSON, or breaks off"]),
        (200, b"[1, 2]", {}, SourceMalformed, ["list instead of an object"]),
        (200, b'{"id": NaN}', {}, SourceMalformed, ["no JSON"]),
        (200, b"{}", {"Content_Encoding": "gzip"}, SourceMalformed, ["decompressed"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("call", ["read", "discover"])
async def test_what_answers_in_antennas_place(
    http_stand_in: Any,
    settings_of: Make,
    call: str,
    status: int,
    body: Any,
    headers: dict[str, str],
    kind: type[SourceError],
    words: list[str],
) -> None:
    """A wrong token, the web page instead of the API, a gateway without Antenna behind it."""
    http_stand_in.answer(status, body, **headers)
    url = http_stand_in.url.replace("//", "//ann:pa55@")
    source = AntennaSource(settings_of(ANTENNA_URL=url, ANTENNA_TOKEN=TOKEN))
    with pytest.raises(kind) as caught:
        await (source.read([3]) if call == "read" else source.discover())
    await source.aclose()
    said = str(caught.value)
    assert said.startswith(f"Antenna at {http_stand_in.url}: ")
    assert [word for word in words if word not in said] == []
    assert TOKEN not in said
    assert "pa55" not in said
    assert http_stand_in.headers[0]["Authorization"] == f"Token {TOKEN}"


async def test_a_list_that_is_none(http_stand_in: Any, settings_of: Make) -> None:
    """JSON, but of another service."""
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url))
    for body in ({"status": "ok"}, {"results": [{"name": "no id"}]}, {"results": [None]}):
        http_stand_in.answer(200, body)
        with pytest.raises(SourceMalformed, match=r"Antenna at http://127\.0\.0\.1"):
            await source.discover()
    await source.aclose()


async def test_an_answer_that_breaks_off(http_stand_in: Any, settings_of: Make) -> None:
    """The connection dies in the middle of a body."""

    async def cut(_: HTTPServerRequest) -> None:
        return None

    http_stand_in.script = cut
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url))
    with pytest.raises(SourceMalformed, match="breaks off"):
        await source.read([3])
    await source.aclose()


async def test_nobody_there(settings_of: Make, free_port: int) -> None:
    """Antenna is stopped: the reason is the system's, not "all connection attempts failed"."""
    source = AntennaSource(settings_of(ANTENNA_URL=f"http://127.0.0.1:{free_port}"))
    with pytest.raises(SourceUnreachable, match=r"connection refused; check that it is running"):
        await source.read([3, 4])
    await source.aclose()


async def test_a_deadline_leaves_it_usable(
    http_stand_in: Any, settings_of: Make, job: Callable[..., dict[str, Any]]
) -> None:
    """Antenna hangs, the look is given up; the next look gets its own answers."""
    hanging = asyncio.Event()
    antenna = Antenna(job(3, "STARTED"), job(4, "SUCCESS"))

    async def hang(_: HTTPServerRequest) -> None:
        hanging.set()
        await asyncio.Event().wait()

    http_stand_in.script = hang
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url))
    look = asyncio.create_task(source.read(range(1, 20)))
    await hanging.wait()
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await look
    http_stand_in.script = antenna
    reading = await source.read([4, 3])
    await source.aclose()
    assert [(row["job_id"], row["status"]) for row in reading.rows["jobs"]] == [
        (3, "STARTED"), (4, "SUCCESS")
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", ["", "/", "/api/v2", "/api/v2/"])
async def test_the_address_may_be_given_in_every_usual_form(
    http_stand_in: Any, settings_of: Make, suffix: str
) -> None:
    """Copied from a browser, from a worker's configuration, with and without a slash."""
    http_stand_in.script = Antenna()
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url + suffix))
    await source.read([3])
    await source.aclose()
    assert http_stand_in.asked == ["/api/v2/jobs/3/?logs_limit=1"]


@pytest.mark.parametrize("token", ["two\nlines", "smört"])
async def test_a_token_that_cannot_be_sent(
    http_stand_in: Any, settings_of: Make, token: str
) -> None:
    """Pasted with a line break: the library's own message would print it."""
    http_stand_in.script = Antenna()
    source = AntennaSource(settings_of(ANTENNA_URL=http_stand_in.url, ANTENNA_TOKEN=token))
    with pytest.raises(SourceRefused, match="check the token") as caught:
        await source.read([3])
    await source.aclose()
    assert token not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_https_with_a_private_authority(
    http_stand_in: Any,
    settings_of: Make,
    tls_front: Callable[[int], int],
    self_signed: TlsFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An institute signs its own certificates; ``SSL_CERT_FILE`` names its authority."""
    http_stand_in.script = Antenna()
    settings = settings_of(ANTENNA_URL=f"https://localhost:{tls_front(http_stand_in.port)}")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    source = AntennaSource(settings)
    with pytest.raises(SourceUnreachable, match=r"not trusted .*SSL_CERT_FILE"):
        await source.read([])
    await source.aclose()
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(SourceUnreachable, match=r"/nowhere/ca\.pem"):
        await source.read([])
    monkeypatch.setenv("SSL_CERT_FILE", str(self_signed.ca))
    assert (await source.read([])).ok
    await source.aclose()
