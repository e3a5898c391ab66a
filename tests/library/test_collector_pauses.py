"""How often each source is looked at, and which of them is asked about which jobs."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from waiting import until

from ami_console.active_jobs import LOOKED_BACK_S, ActiveJobs
from ami_console.batch import Batch
from ami_console.collector import Collector, pause_s
from ami_console.instants import NS_PER_S, now_ns
from ami_console.reading import Reading, SourceName
from ami_console.settings import Settings
from ami_console.snapshot import READ_DEADLINES_S, Source, only, take

SETTINGS = Settings.from_environment({}, dotenv=None)
MINUTE = 60 * NS_PER_S
NIGHT = 1_000_000 * NS_PER_S
"""An instant at which a watch begins."""


class Scripted:
    """A source that answers at once; what is tested is when and of what it is asked."""

    name: ClassVar[SourceName] = "nats"

    def __init__(self) -> None:
        self.reads: list[frozenset[int]] = []
        self.discoveries = 0

    async def discover(self) -> Reading:
        self.discoveries += 1
        return Reading(source=self.name, observed_at=now_ns(), job_ids=frozenset({1}))

    async def read(self, job_ids: Collection[int]) -> Reading:
        self.reads.append(frozenset(job_ids))
        return Reading(source=self.name, observed_at=now_ns())

    async def aclose(self) -> None:
        pass


class ScriptedLogs(Scripted):
    name: ClassVar[SourceName] = "job_logs"


class ScriptedQueues(Scripted):
    name: ClassVar[SourceName] = "celery"


@pytest.fixture
def collecting() -> Iterator[Callable[..., Collector]]:
    made: list[Collector] = []

    def make(*sources: Source, **changed: float) -> Collector:
        settings = replace(SETTINGS, every_s=0.2, **changed)  # type: ignore[arg-type]
        made.append(Collector(settings, sources=lambda _: sources))
        return made[-1]

    yield make
    for collector in made:
        collector.stop()


@pytest.mark.parametrize(
    ("source", "every_s", "asked", "pause"),
    [
        ("antenna", 2.0, {1}, 2.0),
        ("nats", 7.0, {1}, 7.0),
        ("redis", 0.2, {1}, 0.2),
        ("log_files", 2.0, {1}, 2.0),
        ("celery", 2.0, {1}, 5.0),
        ("celery", 30.0, {1}, 30.0),
        ("job_logs", 2.0, {1}, 20.0),
        ("job_logs", 2.0, set(), 2.0),
    ],
)
def test_the_pause_of_each_source(
    source: SourceName, every_s: float, asked: set[int], pause: float
) -> None:
    """Logs are costly for Antenna and RabbitMQ's numbers are 5 s old; the others are cheap."""
    settings = replace(SETTINGS, every_s=every_s, job_logs_every_s=20.0)
    assert pause_s(settings, source, asked=asked) == pause
    assert source in READ_DEADLINES_S


def test_logs_and_queues_are_looked_at_rarely_and_never_asked_for_jobs(
    collecting: Callable[..., Collector],
) -> None:
    """The logs of a job are asked for as soon as it is found, then an hour later."""
    nats, logs, queues = Scripted(), ScriptedLogs(), ScriptedQueues()
    collecting(nats, logs, queues, job_logs_every_s=3600.0).start()
    until(lambda: frozenset({1}) in logs.reads)
    looks = len(nats.reads)
    until(lambda: len(nats.reads) >= looks + 8)
    assert logs.reads.count(frozenset({1})) == 1
    assert 1 <= len(queues.reads) < len(nats.reads) / 2
    assert nats.discoveries >= 1
    assert (logs.discoveries, queues.discoveries) == (0, 0)


def test_the_last_lines_are_read_when_the_watch_ends(
    collecting: Callable[..., Collector],
) -> None:
    """A recording is ended between two looks at the log: a quarter of a minute would be missing."""
    nats, logs = Scripted(), ScriptedLogs()
    collector = collecting(nats, logs, job_logs_every_s=3600.0)
    collector.start()
    until(lambda: frozenset({1}) in logs.reads)
    reads = len(nats.reads)
    until(lambda: len(nats.reads) >= reads + 3)
    assert logs.reads.count(frozenset({1})) == 1
    collector.stop()
    assert logs.reads.count(frozenset({1})) == 2


async def test_one_look_asks_only_who_can_tell_which_jobs_there_are() -> None:
    nats, queues = Scripted(), ScriptedQueues()
    readings = await take([nats, queues])
    assert [r.source for r in readings].count("celery") == 1
    assert (nats.discoveries, queues.discoveries) == (1, 0)
    assert queues.reads == [frozenset({1})]


def test_queues_and_lines_of_no_job_stay_when_only_one_job_is_watched() -> None:
    """``record --job 7``: the queues are everybody's."""
    events = {"job_id": [7, 8, None], "message": ["seven", "eight", "nobody's"]}
    reading = Reading(
        source="celery",
        observed_at=1,
        rows={
            "queues": [{"observed_at": 1, "queue": "ml_results", "ready": 125}],
            "jobs": [{"observed_at": 1, "job_id": 7}, {"observed_at": 1, "job_id": 8}],
            "log_events": Batch.of(events, observed_at=1),
            "acks": Batch.of({"job_id": np.array([8, 8]), "stream_seq": np.array([1, 2])}),
        },
    )
    left = only(reading, [7]).rows
    assert left["queues"] == reading.rows["queues"]
    assert left["jobs"] == [{"observed_at": 1, "job_id": 7}]
    assert isinstance(left["log_events"], Batch)
    assert left["log_events"].column("message") == ["seven", "nobody's"]
    assert len(left["acks"]) == 0


def listed(
    at: int, *jobs: tuple[int, str], ended_at: int | None = None, found: bool = True
) -> Reading:
    """What Antenna's list, or its look at some jobs, tells."""
    rows = [
        {"observed_at": at, "job_id": job_id, "status": status, "finished_at": ended_at}
        for job_id, status in jobs
    ]
    active = frozenset(job_id for job_id, status in jobs if status == "STARTED")
    return Reading(
        source="antenna",
        observed_at=at,
        rows={"jobs": rows},
        job_ids=active if found else None,
    )


def read_logs(jobs: ActiveJobs, at: int) -> None:
    """A look at the logs that are wanted."""
    jobs.learn(Reading(source="job_logs", observed_at=at), asked=jobs.wanted("job_logs"))


def test_the_log_of_an_ended_job_is_asked_for_a_while_longer() -> None:
    """Its last lines come after its end; a minute later they are all there."""
    jobs = ActiveJobs(ended_for_s=60.0)
    jobs.learn(listed(NIGHT, (1, "STARTED"), (2, "STARTED")))
    assert jobs.wanted("job_logs") == {1, 2}
    jobs.learn(listed(NIGHT + MINUTE, (1, "SUCCESS"), (2, "STARTED"), found=False), asked={1, 2})
    assert jobs.wanted("antenna") == {2}
    read_logs(jobs, NIGHT + 2 * MINUTE)
    assert jobs.wanted("job_logs") == {1, 2}
    read_logs(jobs, NIGHT + 2 * MINUTE + 1)
    assert jobs.wanted("job_logs") == {2}


def test_an_end_that_nobody_could_read_is_read_after_the_outage() -> None:
    """Antenna is stopped for an hour right after the job ended."""
    jobs = ActiveJobs(ended_for_s=60.0)
    jobs.learn(listed(NIGHT, (1, "STARTED")))
    jobs.learn(listed(NIGHT, (1, "SUCCESS"), found=False), asked={1})
    later = NIGHT + 60 * MINUTE
    jobs.learn(Reading(source="job_logs", observed_at=later, ok=False, error="no"), asked={1})
    jobs.learn(Reading(source="job_logs", observed_at=later), asked={2})
    assert jobs.wanted("job_logs") == {1}
    read_logs(jobs, later)
    assert jobs.wanted("job_logs") == frozenset()


def test_a_job_that_was_over_before_it_was_found_is_read_if_that_is_not_long_ago() -> None:
    """Short jobs live between two lists; the fifty jobs changed last are listed, old ones too."""
    before = NIGHT - int(LOOKED_BACK_S * NS_PER_S)
    jobs = ActiveJobs()
    jobs.learn(listed(NIGHT, (1, "SUCCESS"), ended_at=before))
    jobs.learn(listed(NIGHT, (2, "SUCCESS"), ended_at=before - 1))
    jobs.learn(listed(NIGHT, (3, "FAILURE"), ended_at=None))
    assert jobs.wanted("job_logs") == {1}
    read_logs(jobs, NIGHT + 2 * MINUTE)
    later = NIGHT + 600 * MINUTE
    jobs.learn(listed(later, (4, "REVOKED"), ended_at=later - 30 * MINUTE))
    assert jobs.wanted("job_logs") == {4}, "after a long time without an answer"
    read_logs(jobs, later + 2 * MINUTE)
    jobs.learn(listed(later + 2 * MINUTE, (4, "REVOKED"), ended_at=later))
    assert jobs.wanted("job_logs") == frozenset(), "the same end is not told twice"
    jobs.learn(listed(later + 3 * MINUTE, (4, "STARTED")))
    jobs.learn(listed(later + 4 * MINUTE, (4, "SUCCESS")))
    assert jobs.wanted("job_logs") == {4}, "a retried job ends again"


def test_jobs_that_antenna_does_not_know_have_no_log() -> None:
    """A stream was left over from a deleted job."""
    jobs = ActiveJobs()
    jobs.learn(Reading(source="nats", observed_at=NIGHT, job_ids=frozenset({1, 9})))
    assert jobs.wanted("job_logs") == {1, 9}
    jobs.learn(listed(NIGHT, (1, "STARTED"), found=False), asked={1, 9})
    assert jobs.wanted("job_logs") == {1}
