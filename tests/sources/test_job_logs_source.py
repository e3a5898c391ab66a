"""Job logs over a real HTTP connection: every line once, and what is missing is said."""

import asyncio
import gzip
import json
from collections.abc import Callable, Mapping
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import orjson
import pytest
from pandas.testing import assert_frame_equal
from tornado.httputil import HTTPServerRequest

from ami_console import frames
from ami_console.errors import SourceMalformed, SourceRefused, SourceUnreachable
from ami_console.logs import parse_job_log
from ami_console.reading import Reading
from ami_console.settings import Settings
from ami_console.sources import job_logs
from ami_console.sources.job_log_lines import unseen
from ami_console.sources.job_logs import JobLogsSource

Make = Callable[..., Settings]
DATA = Path(__file__).parents[1] / "data" / "antenna" / "c_worker_crash"


class Antenna:
    """Jobs with logs that grow, as the recorded backend gives them: newest lines first."""

    def __init__(self, *job_ids: int) -> None:
        self.logs: dict[int, list[str]] = {job_id: [] for job_id in job_ids}
        self.status = dict.fromkeys(job_ids, "STARTED")
        self.failing: dict[int, tuple[int, bytes]] = {}
        self.most: int | None = None
        self.before: Callable[[int], None] = lambda job_id: None

    def log(self, job_id: int, *messages: str, at: str = "10:13:09") -> None:
        """Write lines."""
        self.logs[job_id] += [f"[2026-11-23 {at}] INFO {message}" for message in messages]

    async def __call__(self, request: HTTPServerRequest) -> tuple[int, Mapping[str, str], bytes]:
        status, body = self.respond(request)
        headers = {"Content-Type": "application/json", "Date": formatdate(usegmt=True)}
        return status, headers, body if isinstance(body, bytes) else orjson.dumps(body)

    def respond(self, request: HTTPServerRequest) -> tuple[int, Any]:
        parts = urlsplit(request.uri or "")
        path = parts.path.removeprefix("/api/v2/")
        if path == "":
            return 200, {"jobs": "http://127.0.0.1:8000/api/v2/jobs/"}
        job_id = int(path.removeprefix("jobs/").rstrip("/"))
        self.before(job_id)
        if job_id in self.failing:
            return self.failing[job_id]
        if job_id not in self.logs:
            return 404, {"detail": "Not found."}
        limit = int(parse_qs(parts.query)["logs_limit"][0])
        assert limit <= 5000, "Antenna answers 400"
        stdout = self.logs[job_id][::-1][: self.most or limit]
        logs = {"stdout": stdout, "stderr": []}
        return 200, {"id": job_id, "status": self.status[job_id], "logs": logs}


@pytest.fixture
def antenna(http_stand_in: Any) -> Antenna:
    """One job; what is asked of it: ``http_stand_in.asked``."""
    made = Antenna(3)
    http_stand_in.script = made
    return made


@pytest.fixture
def source(http_stand_in: Any, settings_of: Make) -> JobLogsSource:
    return JobLogsSource(settings_of(ANTENNA_URL=http_stand_in.url, ANTENNA_TOKEN="t0k3n"))


def messages(reading: Reading) -> list[str]:
    rows = reading.rows.get("log_events", ())
    return [row["message"] for row in rows]


def numbered(first: int, last: int) -> list[str]:
    return [f"line {number}" for number in range(first, last + 1)]


def limits(asked: list[str]) -> list[int]:
    return [int(uri.partition("logs_limit=")[2]) for uri in asked]


async def test_the_recorded_log_is_read_once_whatever_the_looks(
    antenna: Antenna, source: JobLogsSource
) -> None:
    """The log of the job whose worker died, as it grew: many lines alike within one second, looks
    that bring nothing, one line, or hundreds.
    """
    detail = json.loads(gzip.decompress((DATA / "final_detail.json.gz").read_bytes()))
    whole: list[str] = detail["body"]["logs"]["stdout"][::-1]
    assert len(whole) == 796
    seen: list[dict[str, Any]] = []
    for length in (11, 11, 12, 60, 61, 130, 260, 700, 790, 796):
        antenna.logs[3] = whole[:length]
        reading = await source.read([3])
        assert (reading.ok, reading.error) == (True, None)
        rows = reading.rows.get("log_events", ())
        assert all(row["observed_at"] == reading.observed_at for row in rows)
        seen += [{**row, "observed_at": 0} for row in rows]
    await source.aclose()
    at_once = parse_job_log(whole[::-1], job_id=3, zone=ZoneInfo("America/New_York"), observed_at=0)
    assert_frame_equal(
        frames.from_rows("log_events", seen), frames.from_batch("log_events", at_once)
    )
    assert len(seen) == 796
    assert "operator@example.org" not in str(seen)


async def test_the_first_look_takes_all_that_antenna_gives_and_later_ones_what_is_new(
    antenna: Antenna, source: JobLogsSource, http_stand_in: Any
) -> None:
    """The console is started when the job has run for a while."""
    antenna.log(3, *numbered(1, 400))
    reading = await source.read([3])
    assert messages(reading) == numbered(1, 400)
    assert (reading.requests, set(reading.rows)) == (1, {"log_events"})
    assert reading.bytes is not None
    assert reading.bytes > 400 * 20
    assert reading.clock_offset_s is not None
    assert reading.elapsed_s is not None
    antenna.log(3, *numbered(401, 402))
    assert messages(await source.read([3])) == numbered(401, 402)
    nothing = await source.read([3])
    assert (nothing.ok, nothing.rows) == (True, {})
    await source.aclose()
    assert limits(http_stand_in.asked) == [5000, 850, 100]
    assert {urlsplit(uri).path for uri in http_stand_in.asked} == {"/api/v2/jobs/3/"}
    assert http_stand_in.headers[0]["Authorization"] == "Token t0k3n"


async def test_lines_that_are_alike_in_one_second_are_all_read(
    antenna: Antenna, source: JobLogsSource
) -> None:
    """Three results were saved in a second, then two more in the same second."""
    antenna.log(3, *numbered(1, 12), *["saved"] * 3)
    await source.read([3])
    antenna.log(3, "saved", "saved", "done")
    assert messages(await source.read([3])) == ["saved", "saved", "done"]
    await source.aclose()


async def test_a_line_that_turns_up_between_known_ones_is_new(
    antenna: Antenna, source: JobLogsSource
) -> None:
    """Lines are ordered by when they were written, and seen when their transaction ends."""
    antenna.log(3, *numbered(1, 30))
    await source.read([3])
    antenna.logs[3].insert(25, "[2026-11-23 10:13:09] INFO of a long transaction")
    antenna.log(3, "line 31")
    assert messages(await source.read([3])) == ["of a long transaction", "line 31"]
    await source.aclose()


async def test_a_line_that_vanishes_makes_nothing_new(
    antenna: Antenna, source: JobLogsSource
) -> None:
    """Older versions: two processes write the log at once, and one of the lines is lost."""
    antenna.log(3, *numbered(1, 30))
    await source.read([3])
    del antenna.logs[3][27]
    antenna.log(3, "line 31")
    assert messages(await source.read([3])) == ["line 31"]
    await source.aclose()


async def test_more_lines_than_asked_for_are_asked_for_at_once(
    antenna: Antenna, source: JobLogsSource, http_stand_in: Any
) -> None:
    """The worker wakes up: three thousand lines since the last look."""
    antenna.log(3, *numbered(1, 20))
    await source.read([3])
    antenna.log(3, *numbered(21, 3020))
    reading = await source.read([3])
    assert messages(reading) == numbered(21, 3020)
    assert (reading.error, reading.requests) == (None, 2)
    antenna.log(3, "line 3021")
    assert messages(await source.read([3])) == ["line 3021"]
    await source.aclose()
    assert limits(http_stand_in.asked) == [5000, 100, 5000, 5000]


async def test_more_lines_than_antenna_gives_are_a_gap_with_its_times(
    antenna: Antenna, source: JobLogsSource, http_stand_in: Any
) -> None:
    """Antenna could not be read for a while, and the job went on."""
    antenna.log(3, *numbered(1, 20), at="10:13:09")
    await source.read([3])
    antenna.log(3, *numbered(21, 40), at="10:13:10")
    antenna.log(3, *numbered(41, 5040), at="10:13:11")
    reading = await source.read([3])
    assert reading.ok
    assert reading.error == (
        "job 3: lines between 2026-11-23 10:13:09 and 2026-11-23 10:13:11 were not read "
        "(more than 5000 came since the last look)"
    )
    assert messages(reading) == numbered(41, 5040)
    antenna.log(3, "line 5041", at="10:13:12")
    again = await source.read([3])
    await source.aclose()
    assert (messages(again), again.error) == (["line 5041"], None)
    assert limits(http_stand_in.asked) == [5000, 100, 5000, 5000]


async def test_an_older_version_keeps_a_thousand_lines_whatever_is_asked_for(
    antenna: Antenna, source: JobLogsSource
) -> None:
    """It has no ``logs_limit``: what it dropped between two looks is a gap too."""
    antenna.most = 1000
    antenna.log(3, *numbered(1, 900), at="10:13:09")
    assert (await source.read([3])).error is None
    antenna.log(3, *numbered(901, 1990), at="10:13:11")
    reading = await source.read([3])
    assert messages(reading) == numbered(991, 1990)
    assert reading.error is not None
    assert "lines between 2026-11-23 10:13:09 and 2026-11-23 10:13:11 were not" in reading.error
    assert "more than 1000 came" in reading.error
    await source.aclose()


async def test_what_a_long_log_had_before_the_watch_is_said(
    antenna: Antenna, source: JobLogsSource
) -> None:
    """The job wrote more than 5000 lines before anybody looked; four such jobs are one remark."""
    for job_id in (3, 4, 5, 6, 7):
        antenna.logs[job_id], antenna.status[job_id] = [], "STARTED"
        antenna.log(job_id, *numbered(1, 5001), at="10:13:11")
    reading = await source.read([3])
    assert messages(reading)[0] == "line 2"
    assert reading.error == (
        "job 3: lines before 2026-11-23 10:13:11 were not read (Antenna gives the newest 5000)"
    )
    several = await source.read([3, 4, 5, 6, 7])
    await source.aclose()
    assert several.error is not None
    assert several.error.startswith("job 4: lines before")
    assert several.error.endswith("; the same of 1 other jobs")
    assert "line" not in several.error.replace("lines", ""), "no text of a log"


async def test_an_ended_job_is_read_to_its_end_and_then_left_alone(
    antenna: Antenna, source: JobLogsSource, http_stand_in: Any
) -> None:
    """Results of a cancelled job come in after it; half a minute later somebody retries it."""
    antenna.log(3, "line 1")
    await source.read([3])
    antenna.status[3] = "REVOKED"
    assert messages(await source.read([3])) == []
    antenna.log(3, "late result")
    assert messages(await source.read([3])) == ["late result"]
    assert messages(await source.read([3])) == []
    assert limits(http_stand_in.asked) == [5000, 100, 100, 100]
    antenna.status[3] = "STARTED"
    antenna.log(3, "retried")
    seen = [messages(await source.read([3])) for _ in range(5)]
    assert seen == [[], [], [], [], ["retried"]]
    assert len(limits([uri for uri in http_stand_in.asked if "jobs" in uri])) == 5
    antenna.log(3, "on it goes")
    assert messages(await source.read([3])) == ["on it goes"]
    await source.aclose()


async def test_a_short_job_that_was_over_before_it_was_found(
    antenna: Antenna, source: JobLogsSource, http_stand_in: Any
) -> None:
    antenna.log(3, *numbered(1, 40))
    antenna.status[3] = "SUCCESS"
    assert messages(await source.read([3])) == numbered(1, 40)
    for _ in range(4):
        await source.read([3])
    await source.aclose()
    assert limits([uri for uri in http_stand_in.asked if "jobs" in uri]) == [5000, 130]


async def test_a_job_that_is_not_asked_for_any_more_is_forgotten(
    antenna: Antenna, source: JobLogsSource, http_stand_in: Any
) -> None:
    """Thousands of jobs come and go under one watch."""
    antenna.logs[4], antenna.status[4] = [], "STARTED"
    antenna.log(3, "line 1")
    await source.read([3, 4])
    await source.read([4])
    assert messages(await source.read([3])) == ["line 1"]
    await source.aclose()
    assert limits([uri for uri in http_stand_in.asked if "jobs/3" in uri]) == [5000, 5000]


async def test_two_jobs_are_one_batch(antenna: Antenna, source: JobLogsSource) -> None:
    antenna.logs[4], antenna.status[4] = [], "STARTED"
    antenna.log(3, "of three")
    antenna.log(4, "of four", "Job 4 throughput: elapsed=1m 11s, processed=3/9, rate=2.5 imgs/min")
    reading = await source.read([4, 3])
    await source.aclose()
    rows = list(reading.rows["log_events"])
    assert [(row["job_id"], row["message"]) for row in rows[:2]] == [
        (3, "of three"),
        (4, "of four"),
    ]
    assert rows[0].get("kind") is None
    assert rows[2]["job_id"] == 4


async def test_one_log_that_fails_does_not_hide_the_others(
    antenna: Antenna, source: JobLogsSource
) -> None:
    """One job's page runs into a bug of Antenna, another job was deleted."""
    antenna.log(3, "line 1")
    antenna.failing[5] = (500, b"<!doctype html>")
    reading = await source.read([3, 5, 99])
    assert reading.ok
    assert messages(reading) == ["line 1"]
    assert reading.requests == 3
    assert reading.error is not None
    assert reading.error.startswith("1 of 3 logs could not be read: Antenna at http://127.0.0.1")
    with pytest.raises(SourceMalformed, match="500"):
        await source.read([5])
    await source.aclose()


async def test_the_wrong_job_is_not_taken_for_the_right_one(
    http_stand_in: Any, source: JobLogsSource
) -> None:
    http_stand_in.answer(200, {"id": 4, "logs": {"stdout": ["[2026-11-23 10:13:09] INFO secret"]}})
    with pytest.raises(SourceMalformed, match="asked for job 3, got one with id 4") as caught:
        await source.read([3])
    await source.aclose()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "logs",
    [None, [], "text", {}, {"stdout": None}, {"stdout": "text"}, {"stdout": [None, 3, []]}],
)
async def test_a_version_that_gives_no_log(
    http_stand_in: Any, source: JobLogsSource, logs: object
) -> None:
    """An older Antenna, or one whose log is kept elsewhere: nothing is new, nothing is wrong."""
    http_stand_in.answer(200, {"id": 3, "status": ["odd"], "logs": logs})
    for _ in range(2):
        reading = await source.read([3])
        assert (reading.ok, reading.error, reading.rows) == (True, None, {})
    await source.aclose()


async def test_a_log_that_is_empty_for_a_moment_is_not_read_twice(
    antenna: Antenna, source: JobLogsSource
) -> None:
    antenna.log(3, *numbered(1, 20))
    await source.read([3])
    kept, antenna.logs[3] = antenna.logs[3], []
    assert messages(await source.read([3])) == []
    antenna.logs[3] = [*kept, "[2026-11-23 10:13:10] INFO line 21"]
    assert messages(await source.read([3])) == ["line 21"]
    await source.aclose()


async def test_a_look_that_was_given_up_loses_no_line(
    antenna: Antenna, source: JobLogsSource, http_stand_in: Any
) -> None:
    """One of two jobs hangs, and the deadline ends the look at both."""
    antenna.logs[4], antenna.status[4] = [], "STARTED"
    antenna.log(3, "line 1")
    hanging = asyncio.Event()

    async def hang(request: HTTPServerRequest) -> Any:
        if "jobs/4" in (request.uri or ""):
            hanging.set()
            await asyncio.Event().wait()
        return await antenna(request)

    http_stand_in.script = hang
    look = asyncio.create_task(source.read([3, 4]))
    await hanging.wait()
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await look
    http_stand_in.script = antenna
    assert messages(await source.read([3, 4])) == ["line 1"]
    await source.aclose()


async def test_a_slow_antenna_is_asked_for_the_rest_next_time(
    antenna: Antenna, source: JobLogsSource, http_stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every answer takes six seconds: two at once, and after ten seconds no more are begun."""
    for job_id in (1, 2, 3, 4, 5):
        antenna.logs[job_id], antenna.status[job_id] = [], "STARTED"
        antenna.log(job_id, "line 1")
    clock = SimpleNamespace(now=100.0)

    def answer_slowly(_: int) -> None:
        clock.now += 6.0

    antenna.before = answer_slowly
    monkeypatch.setattr(job_logs, "time", SimpleNamespace(monotonic=lambda: clock.now))
    first = await source.read([1, 2, 3, 4, 5])
    assert first.ok
    assert first.error is not None
    assert "of 5 logs are left for the next look, Antenna is slow" in first.error
    asked = len(http_stand_in.asked)
    assert 2 <= asked < 5
    rest = [f"/api/v2/jobs/{job_id}/?logs_limit=5000" for job_id in range(asked + 1, 6)]
    await source.read([1, 2, 3, 4, 5])
    await source.aclose()
    next_asked = http_stand_in.asked[asked:]
    assert sorted(next_asked[: len(rest)]) == rest[: len(next_asked)]


async def test_without_jobs_it_still_asks_whether_antenna_is_there(
    http_stand_in: Any, antenna: Antenna, source: JobLogsSource, settings_of: Make, free_port: int
) -> None:
    """Nothing runs at night, and a token expires."""
    for question in (source.read([]), source.discover()):
        reading = await question
        assert (reading.ok, reading.requests, reading.rows) == (True, 1, {})
        assert reading.job_ids is None
    assert http_stand_in.asked == ["/api/v2/", "/api/v2/"]
    http_stand_in.answer(401, {"detail": "Invalid token."})
    with pytest.raises(SourceRefused, match="Invalid token"):
        await source.read([])
    await source.aclose()
    nobody = JobLogsSource(settings_of(ANTENNA_URL=f"http://127.0.0.1:{free_port}"))
    with pytest.raises(SourceUnreachable, match="connection refused"):
        await nobody.read([3])
    await nobody.aclose()


async def test_to_ask_for_jobs_forgets_none(antenna: Antenna, source: JobLogsSource) -> None:
    antenna.log(3, "line 1")
    await source.read([3])
    await source.discover()
    assert messages(await source.read([3])) == []
    await source.aclose()


def test_few_lines_alike_are_no_overlap() -> None:
    """A retry writes the same first lines again, in the same second."""
    old = tuple(hash(f"old {number}") for number in range(50))
    assert unseen([*(f"new {number}" for number in range(50)), "old 0"], old) is None
    assert unseen([f"old {number}" for number in range(9)], old) is None
    assert unseen([f"old {number}" for number in range(10)], old) == []
    assert unseen([], old) is None
    assert unseen(["new"], ()) is None
