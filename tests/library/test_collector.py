"""The loop: who is asked when, and that one dead source stops nobody."""

import asyncio
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar

import pytest
from waiting import until

from ami_console.active_jobs import ActiveJobs
from ami_console.collector import Collector
from ami_console.errors import SourceUnreachable
from ami_console.instants import now_ns
from ami_console.reading import Reading, SourceName
from ami_console.settings import Settings
from ami_console.snapshot import Source, look, take

SETTINGS = replace(Settings.from_environment({}, dotenv=None), every_s=0.2)


def reading(
    source: SourceName, *job_ids: int, status: str = "STARTED", found: bool = False
) -> Reading:
    at = now_ns()
    frame = {"antenna": "jobs", "nats": "consumers", "redis": "counters"}[source]
    rows = [{"observed_at": at, "job_id": j, "status": status} for j in job_ids]
    discovered = frozenset(job_ids) if found else None
    return Reading(source=source, observed_at=at, rows={frame: rows}, job_ids=discovered)


class Scripted:
    """A source that answers as told; the fault here is one of timing, not of a server."""

    name: ClassVar[SourceName] = "nats"

    def __init__(self, *, delay_s: float = 0.0, fails: bool = False) -> None:
        self.delay_s, self.fails = delay_s, fails
        self.reads: list[frozenset[int]] = []
        self.discoveries = 0
        self.closed = False

    async def _answer(self, *job_ids: int, found: bool) -> Reading:
        await asyncio.sleep(self.delay_s)
        if self.fails:
            raise SourceUnreachable(f"{self.name}: nobody there")
        return reading(self.name, *job_ids, found=found)

    async def discover(self) -> Reading:
        self.discoveries += 1
        return await self._answer(1, found=True)

    async def read(self, job_ids: Collection[int]) -> Reading:
        self.reads.append(frozenset(job_ids))
        return await self._answer(*job_ids, found=False)

    async def aclose(self) -> None:
        self.closed = True


class ScriptedAntenna(Scripted):
    name: ClassVar[SourceName] = "antenna"


class ScriptedRedis(Scripted):
    name: ClassVar[SourceName] = "redis"


@pytest.fixture
def collecting() -> Iterator[Callable[..., Collector]]:
    made: list[Collector] = []

    def make(*sources: Source, **options: object) -> Collector:
        made.append(Collector(SETTINGS, sources=lambda _: sources, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for collector in made:
        collector.stop()


def test_a_source_that_never_answers_does_not_delay_the_others(
    collecting: Callable[..., Collector],
) -> None:
    hung, alive = ScriptedAntenna(delay_s=60), Scripted()
    collector = collecting(hung, alive)
    collector.start()
    until(lambda: len(collector.history.frame("consumers")) >= 4)
    assert len(hung.reads) == 1


def test_a_failed_look_is_a_recorded_gap_with_its_reason(
    collecting: Callable[..., Collector],
) -> None:
    collector = collecting(ScriptedRedis(fails=True), Scripted())
    collector.start()
    until(lambda: (collector.history.frame("reads")["ok"] == False).sum() >= 3)  # noqa: E712
    reads = collector.history.frame("reads")
    failed = reads[~reads["ok"].astype(bool)]
    assert set(failed["source"]) == {"redis"}
    assert set(failed["error"]) == {"redis: nobody there"}
    assert collector.history.frame("counters").empty


def test_jobs_found_by_one_source_are_asked_of_all(collecting: Callable[..., Collector]) -> None:
    nats, redis = Scripted(), ScriptedRedis()
    collecting(nats, redis).start()
    until(lambda: frozenset({1}) in redis.reads and frozenset({1}) in nats.reads)


def test_one_watch_however_many_listen(collecting: Callable[..., Collector]) -> None:
    nats = Scripted()
    collector = collecting(nats)
    heard = [threading.Event() for _ in range(4)]
    leave = [collector.subscribe(event.set) for event in heard]
    for event in heard:
        assert event.wait(10)
    assert len([t for t in threading.enumerate() if t.name == "collector"]) == 1
    assert collector.listeners == 4
    for unsubscribe in leave:
        unsubscribe()
    assert collector.listeners == 0


def test_the_watch_ends_when_the_last_page_closed_and_starts_again_with_its_history(
    collecting: Callable[..., Collector],
) -> None:
    nats = Scripted()
    collector = collecting(nats, linger_s=0.1)
    leave = collector.subscribe(lambda: None)
    until(lambda: len(nats.reads) >= 2)
    leave()
    until(lambda: not collector.running)
    until(lambda: nats.closed)
    seen = len(collector.history.frame("reads"))
    assert seen >= 2
    collector.subscribe(lambda: None)
    until(lambda: len(collector.history.frame("reads")) > seen)


def test_a_reload_of_the_page_does_not_end_the_watch(collecting: Callable[..., Collector]) -> None:
    nats = Scripted()
    collector = collecting(nats, linger_s=60)
    collector.subscribe(lambda: None)()
    collector.subscribe(lambda: None)
    until(lambda: len(nats.reads) >= 3)
    assert collector.running
    assert not nats.closed


def test_a_broken_listener_stops_neither_the_watch_nor_the_recorder(
    collecting: Callable[..., Collector], caplog: pytest.LogCaptureFixture
) -> None:
    recorded: list[Reading] = []

    def broken() -> None:
        raise RuntimeError("a page with a fault")

    collector = collecting(Scripted())
    collector.add_sink(recorded.append)
    collector.subscribe(broken)
    until(lambda: len(recorded) >= 3)
    assert "a receiver of readings failed" in caplog.text


def test_an_answer_in_the_moment_of_the_end_does_not_keep_the_watch_alive() -> None:
    """``wait_for`` of a client library returned it and forgot that the task was cancelled."""

    class Forgetful(Scripted):
        async def read(self, job_ids: Collection[int]) -> Reading:
            self.reads.append(frozenset(job_ids))
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            return reading("nats", *job_ids)

    source = Forgetful()
    collector = Collector(SETTINGS, sources=lambda _: [source])
    collector.start()
    until(lambda: len(source.reads) > 0)
    watch = collector._thread
    collector.stop()
    assert watch is not None
    assert not watch.is_alive()
    assert source.closed


def test_only_the_jobs_that_were_asked_for(collecting: Callable[..., Collector]) -> None:
    nats = Scripted()
    collecting(nats, job_ids=[7, 8]).start()
    until(lambda: len(nats.reads) >= 2)
    assert set(nats.reads) == {frozenset({7, 8})}
    assert nats.discoveries == 0


async def test_a_deadline_is_a_failed_reading() -> None:
    slow = Scripted(delay_s=60)
    given_up = await look("nats", slow.discover, deadline_s=0.05)
    assert not given_up.ok
    assert "within 0.05 s" in (given_up.error or "")


async def test_a_fault_of_ours_is_a_failed_reading_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken() -> Reading:
        raise ZeroDivisionError

    failed = await look("redis", broken, deadline_s=1)
    assert not failed.ok
    assert "ZeroDivisionError" in (failed.error or "")
    assert "unexpected" in caplog.text


async def test_one_look_asks_all_about_what_any_found() -> None:
    nats, redis = Scripted(), ScriptedRedis(fails=True)
    readings = await take([nats, redis])
    assert nats.reads == redis.reads == [frozenset({1})]
    assert sorted((r.source, r.ok) for r in readings) == [
        ("nats", True),
        ("nats", True),
        ("redis", False),
        ("redis", False),
    ]


async def test_one_look_at_one_job_shows_no_other() -> None:
    class ShowsAll(Scripted):
        async def read(self, job_ids: Collection[int]) -> Reading:
            return reading("nats", 1, 2, 3)

    (only,) = await take([ShowsAll()], [2])
    assert [row["job_id"] for row in only.rows["consumers"]] == [2]


def test_a_final_job_is_not_asked_of_antenna_any_more() -> None:
    jobs = ActiveJobs()
    jobs.learn(reading("nats", 1, 2, found=True))
    jobs.learn(reading("antenna", 1, status="SUCCESS"), asked={1})
    jobs.learn(reading("antenna", 2, status="STARTED"), asked={2})
    assert jobs.wanted("antenna") == {2}


def test_a_stream_that_outlives_its_job_stays_in_sight() -> None:
    jobs = ActiveJobs()
    jobs.learn(reading("nats", 1, found=True))
    jobs.learn(reading("antenna", 1, status="REVOKED"), asked={1})
    assert jobs.wanted("nats") == {1}
    assert jobs.wanted("redis") == frozenset()
    jobs.learn(reading("nats", found=True))
    assert jobs.wanted("nats") == frozenset()


def test_a_job_antenna_does_not_know_is_asked_again_only_after_the_next_list() -> None:
    """A stream left over from a deleted job must not cost a request at every look."""
    jobs = ActiveJobs()
    jobs.learn(reading("nats", 9, found=True))
    jobs.learn(reading("antenna"), asked={9})
    assert jobs.wanted("antenna") == frozenset()
    assert jobs.wanted("nats") == {9}
    jobs.learn(reading("antenna", found=True))
    assert jobs.wanted("antenna") == {9}


def test_a_job_that_could_not_be_read_is_not_unknown() -> None:
    """One job's page answered with a 500, the others were read."""
    jobs = ActiveJobs()
    jobs.learn(reading("nats", 1, 2, found=True))
    partly = replace(reading("antenna", 2), error="1 of 2 jobs could not be read: …")
    jobs.learn(partly, asked={1, 2})
    assert jobs.wanted("antenna") == {1, 2}


def test_a_retried_job_is_active_again() -> None:
    jobs = ActiveJobs()
    jobs.learn(reading("antenna", 1, found=True))
    jobs.learn(reading("antenna", 1, status="FAILURE"), asked={1})
    assert jobs.wanted("antenna") == frozenset()
    jobs.learn(reading("antenna", 1, status="STARTED", found=True))
    assert jobs.wanted("antenna") == {1}


def test_a_failed_look_makes_nothing_unknown() -> None:
    jobs = ActiveJobs()
    jobs.learn(reading("nats", 1, found=True))
    failed = Reading(source="antenna", observed_at=now_ns(), ok=False, error="refused")
    jobs.learn(failed, asked={1})
    assert jobs.wanted("antenna") == {1}
