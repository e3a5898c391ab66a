"""A thousand jobs at once on real servers: all are seen, with their numbers, in few questions."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pandas as pd
import pytest
from needed import missing
from waiting import until

from ami_console import frames, live_diagnosis
from ami_console.collector import DETAILS_PER_LOOK, Collector
from ami_console.errors import ServerMissingError
from ami_console.reading import Reading
from ami_console.settings import Settings
from ami_console.snapshot import look
from ami_console.sources.antenna import AntennaSource
from ami_console.sources.counters import CountersSource
from ami_console.sources.jetstream import JetstreamSource
from benchmarks.look import filled
from benchmarks.many_jobs import ACKNOWLEDGED, RESERVED, JobPlan, plans
from benchmarks.rest_stand_in import RestStandIn

pytestmark = pytest.mark.servers

JOBS = plans(1000, big=1)


@pytest.fixture(scope="module")
def antenna() -> Iterator[RestStandIn]:
    with RestStandIn(JOBS) as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def settings(antenna: RestStandIn) -> Iterator[Settings]:
    with contextlib.ExitStack() as stack:
        try:
            environment = stack.enter_context(filled(JOBS))
        except ServerMissingError as error:
            missing(str(error))
        environment["AMI_CONSOLE_ANTENNA_URL"] = antenna.url
        yield Settings.from_environment(environment, dotenv=None)


def of_jobs(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_index("job_id").loc[[job.job_id for job in JOBS]]


def wanted(number: Callable[[JobPlan], int]) -> list[int]:
    return [number(job) for job in JOBS]


def test_one_look_sees_them_all_with_their_numbers(
    settings: Settings, antenna: RestStandIn
) -> None:
    """One question to the broker, one to Redis, the lists of Antenna; one job has 44,000 images."""

    async def looked() -> list[Reading]:
        readings = []
        for source in (
            JetstreamSource(settings), CountersSource(settings), AntennaSource(settings),
        ):  # fmt: skip
            readings.append(await look(source.name, source.discover, deadline_s=30.0))
            await source.aclose()
        return readings

    antenna.asked.clear()
    nats, redis, rest = asyncio.run(looked())
    assert [nats.error, redis.error, rest.error] == [None, None, None]
    everything = frozenset(job.job_id for job in JOBS)
    assert nats.job_ids == redis.job_ids == rest.job_ids == everything

    consumers = of_jobs(frames.from_rows("consumers", nats.rows["consumers"]))
    assert len(nats.rows["consumers"]) == len(JOBS)
    assert consumers["last_seq"].tolist() == wanted(lambda job: job.images)
    assert consumers["num_pending"].tolist() == wanted(lambda job: job.pending)
    assert set(consumers["num_ack_pending"]) == {RESERVED - ACKNOWLEDGED}
    assert set(consumers["ack_floor_stream_seq"]) == {ACKNOWLEDGED}
    assert set(consumers["max_deliver"]) == {5}
    assert nats.requests == 1

    counters = of_jobs(frames.from_rows("counters", redis.rows["counters"]))
    assert len(redis.rows["counters"]) == len(JOBS)
    assert counters["total"].tolist() == wanted(lambda job: job.images)
    assert counters["pending_process"].tolist() == wanted(lambda job: job.unsaved)
    assert counters["pending_results"].tolist() == wanted(lambda job: job.unsaved)

    jobs = of_jobs(frames.from_rows("jobs", rest.rows["jobs"]))
    assert len(rest.rows["jobs"]) == len(JOBS)
    assert set(jobs["status"]) == {"STARTED"}
    assert antenna.asked == {"jobs/": rest.requests}
    assert rest.requests == 6 + len(JOBS) // 100 + 1


def test_antenna_is_not_asked_for_a_thousand_details_every_two_seconds(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A detail takes Antenna 35 ms: of so many jobs each has its turn, and the lists tell of all.

    All of them at every look would keep its web workers busy for half a minute, and the look
    would be given up before it ends: Antenna would seem to be down.
    """
    monkeypatch.setattr(live_diagnosis, "EVERY_S", 3600.0)  # what they are judged by is elsewhere
    watch = Collector(replace(settings, every_s=0.2, job_logs_every_s=0.0), taps=lambda _: [])
    readings: list[Reading] = []
    watch.add_sink(readings.append)

    def details() -> list[Reading]:
        return [
            r for r in readings if r.source == "antenna" and 0 < len(r.rows.get("jobs", ())) < 99
        ]

    watch.start()
    try:
        until(lambda: len(details()) >= 4)
        history = watch.history
        for name in ("jobs", "consumers", "counters"):
            until(lambda name=name: len(history.latest(name)) == len(JOBS))
    finally:
        watch.stop()
    seen = details()[:4]
    assert all(reading.ok for reading in readings)
    assert [reading.requests for reading in seen] == [DETAILS_PER_LOOK] * 4
    assert all(f"{DETAILS_PER_LOOK} of 1000 jobs a look" in str(reading.error) for reading in seen)
    turns = [row["job_id"] for reading in seen for row in reading.rows["jobs"]]
    assert len(set(turns)) == len(turns), "a job had a second turn before others had their first"
    nats = [reading for reading in readings if reading.source == "nats"]
    assert {reading.requests for reading in nats} <= {1, 2}, "2: when its configuration is new"
