"""Measure one look at 10, 100 and 1,000 jobs, beside the least that it could take.

    python -m benchmarks.look                          all three, 40 looks each
    python -m benchmarks.look --jobs 1000 --times 100
    python -m benchmarks.look --json

The jobs are on a real nats-server and a real Redis (see ``benchmarks.many_jobs``), a few of them
with 44,000 images. A look is what the collector does of NATS and Redis: ask, make rows of the
answers, make frames of the rows. Its floor, taken in turn with it, asks the same and makes nothing
of the answers but JSON: ``/jsz`` over ``http.client`` and ``orjson``, and one pipeline of redis-py
with hiredis. The REST API is a stand-in in a process of its own, and has a floor of its own. Wall
time is that until the answer is there, the servers' work included; processor time is ours alone.
"""

import argparse
import asyncio
import contextlib
import gc
import http.client
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
import pandas as pd
import redis

from ami_console import frames
from ami_console.demo.servers import NatsServer, RedisServer
from ami_console.history import History
from ami_console.reading import Reading
from ami_console.settings import Settings
from ami_console.snapshot import Source
from ami_console.sources.antenna import AntennaSource
from ami_console.sources.counters import CountersSource
from ami_console.sources.jetstream import JetstreamSource
from benchmarks.figures import Figure, show
from benchmarks.many_jobs import JobPlan, fill_nats, fill_redis, plans

JOBS = (10, 100, 1_000)
GOAL_RATIO, GOAL_JOBS = 1.5, 1_000
BIG_SHARE = 100
"""One of so many jobs has 44,000 images, and at least one."""
REST_JOBS = 40
WARM = 3


@dataclass(slots=True)
class Times:
    """What one thing took, each time: wall time and processor time of this process, seconds."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def take(self, work: Callable[[], object]) -> None:
        """Do it once more."""
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        work()
        self.wall_s.append(time.perf_counter() - wall_s)
        self.cpu_s.append(time.process_time() - cpu_s)

    def __add__(self, other: "Times") -> "Times":
        """What both took together, time by time."""
        return Times(
            [a + b for a, b in zip(self.wall_s, other.wall_s, strict=True)],
            [a + b for a, b in zip(self.cpu_s, other.cpu_s, strict=True)],
        )

    @property
    def median_ms(self) -> float:
        """Wall time, median, ms."""
        return statistics.median(self.wall_s) * 1e3

    @property
    def p95_ms(self) -> float:
        """Wall time that 19 of 20 stay below, ms."""
        return sorted(self.wall_s)[math.ceil(0.95 * len(self.wall_s)) - 1] * 1e3

    @property
    def cpu_ms(self) -> float:
        """Processor time, median, ms."""
        return statistics.median(self.cpu_s) * 1e3


def _figures(
    jobs: int, what: str, floor: Times, ours: Times, ratio_goal: float | None = None
) -> list[Figure]:
    """Wall time, of which the goal is one, and processor time; medians."""
    about = f"{jobs:,} jobs: {what}"
    return [
        Figure(
            what=f"{about}, 95 % within {ours.p95_ms:.1f} ms",
            value=ours.median_ms,
            unit="ms",
            floor=floor.median_ms,
            ratio_goal=ratio_goal,
        ),
        Figure(what=f"{about}, processor", value=ours.cpu_ms, unit="ms", floor=floor.cpu_ms),
    ]


class Floor:
    """The same questions, and JSON of the answers."""

    def __init__(self, settings: Settings, job_ids: Sequence[int]) -> None:
        """Connect."""
        self._job_ids = job_ids
        self._monitor = _http(settings.nats_monitor_url.reveal())
        self._antenna = _http(settings.antenna_url.reveal())
        self._redis = redis.Redis.from_url(settings.redis_url.reveal())

    def nats(self) -> Any:
        """``/jsz`` as our look asks for it."""
        return _get(self._monitor, "/jsz?consumers=true")

    def redis(self) -> Any:
        """The commands of our look in one pipeline."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for job_id in self._job_ids:
            pipe.get(f"job:{job_id}:pending_images_total")
            pipe.scard(f"job:{job_id}:pending_images:process")
            pipe.scard(f"job:{job_id}:pending_images:results")
            pipe.scard(f"job:{job_id}:failed_images")
            pipe.ttl(f"job:{job_id}:pending_images_total")
        return pipe.execute()

    def rest(self) -> Any:
        """The details of some jobs, one after the other."""
        asked = self._job_ids[:REST_JOBS]
        return [_get(self._antenna, f"/api/v2/jobs/{job_id}/?logs_limit=1") for job_id in asked]

    def close(self) -> None:
        """Disconnect."""
        self._monitor.close()
        self._antenna.close()
        self._redis.close()


def _http(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port)


def _get(connection: http.client.HTTPConnection, path: str) -> Any:
    connection.request("GET", path)
    return orjson.loads(connection.getresponse().read())


class Ours:
    """The sources as the collector asks them, on a loop of their own."""

    def __init__(self, settings: Settings, job_ids: Sequence[int]) -> None:
        """Nothing is opened yet."""
        self._job_ids = frozenset(job_ids)
        self._rest_ids = frozenset(job_ids[:REST_JOBS])
        self._loop = asyncio.new_event_loop()
        self._sources: dict[str, Source] = {
            source.name: source
            for source in (
                JetstreamSource(settings), CountersSource(settings), AntennaSource(settings),
            )
        }  # fmt: skip
        self.readings: dict[str, Reading] = {}

    def look(self, source: str) -> None:
        """Ask one source, and keep the reading."""
        asked = self._rest_ids if source == "antenna" else self._job_ids
        self.readings[source] = self._loop.run_until_complete(self._sources[source].read(asked))

    def frames(self, source: str) -> list[pd.DataFrame]:
        """The frames of the newest reading."""
        return [frames.from_rows(*each) for each in self.readings[source].rows.items()]

    def close(self) -> None:
        """Disconnect."""
        for source in self._sources.values():
            self._loop.run_until_complete(source.aclose())
        self._loop.close()


@contextlib.contextmanager
def rest_process(jobs: int) -> Iterator[str]:
    """The stand-in of the REST API in a process of its own; its address."""
    command = [sys.executable, "-m", "benchmarks.rest_stand_in", str(jobs)]
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101
        assert process.stdin is not None  # noqa: S101
        yield process.stdout.readline().strip()
        process.stdin.close()


@contextlib.contextmanager
def filled(jobs: Sequence[JobPlan]) -> Iterator[dict[str, str]]:
    """A nats-server and a Redis with these jobs; the variables that lead to them."""
    nats_server, redis_server = NatsServer(), RedisServer()
    with contextlib.ExitStack() as stack:
        for server in (nats_server, redis_server):
            stack.callback(server.close)
            server.start()
        asyncio.run(fill_nats(nats_server.url, jobs))
        fill_redis(redis_server.url, jobs)
        yield {**nats_server.environment(), **redis_server.environment()}


def measured(count: int, times: int) -> list[Figure]:
    """A look at so many jobs, so many times."""
    jobs = plans(count, big=max(1, count // BIG_SHARE))
    with filled(jobs) as environment, rest_process(count) as antenna_url:
        environment["AMI_CONSOLE_ANTENNA_URL"] = antenna_url
        settings = Settings.from_environment(environment, dotenv=None)
        job_ids = [job.job_id for job in jobs]
        floor, ours = Floor(settings, job_ids), Ours(settings, job_ids)
        with contextlib.closing(floor), contextlib.closing(ours):
            return _measured(count, times, floor, ours)


def _measured(count: int, times: int, floor: Floor, ours: Ours) -> list[Figure]:
    history = History()
    done: dict[str, Times] = {}

    def take(name: str, work: Callable[[], object]) -> None:
        done.setdefault(name, Times()).take(work)

    for _ in range(WARM + times):
        for source in ("nats", "redis", "antenna"):
            take(f"floor {source}", getattr(floor, "rest" if source == "antenna" else source))
            take(source, lambda source=source: ours.look(source))
            take(f"frames {source}", lambda source=source: ours.frames(source))
            columns = _columns(ours.readings[source])
            take(f"floor frames {source}", lambda columns=columns: _built(columns))
            take(f"kept {source}", lambda source=source: history.add(ours.readings[source]))
            del columns
        gc.collect()  # of what was measured, not while it is measured
    for each in done.values():
        del each.wall_s[:WARM], each.cpu_s[:WARM]
    rows_made = sum(len(r) for s in ("nats", "redis") for r in ours.readings[s].rows.values())
    looked = {s: done[s] + done[f"frames {s}"] for s in ("nats", "redis", "antenna")}
    both, bare = looked["nats"] + looked["redis"], done["floor nats"] + done["floor redis"]
    made = done["frames nats"] + done["frames redis"]
    least = done["floor frames nats"] + done["floor frames redis"]
    kept = both + done["kept nats"] + done["kept redis"]
    rest = min(count, REST_JOBS)
    goal = GOAL_RATIO if count >= GOAL_JOBS else None
    told: list[tuple[str, Times, Times]] = [
        ("of it NATS", done["floor nats"], looked["nats"]),
        ("of it Redis", done["floor redis"], looked["redis"]),
        ("a look, and kept in the history", bare, kept),
        (f"{rows_made} rows → frames alone", least, made),
        (f"REST of {rest} of them, frames", done["floor antenna"], looked["antenna"]),
    ]
    return _figures(count, "a look: NATS, Redis, frames", bare, both, goal) + [
        figure for each in told for figure in _figures(count, *each)
    ]


def _columns(reading: Reading) -> list[tuple[str, dict[str, list[Any]]]]:
    """Of each frame its columns as lists: the least that a frame could be made of."""
    return [
        (name, {column: [row.get(column) for row in rows] for column in frames.schema(name)})
        for name, rows in reading.rows.items()
    ]


def _built(columns: Sequence[tuple[str, dict[str, list[Any]]]]) -> list[pd.DataFrame]:
    """The frames by pandas alone."""
    return [
        pd.DataFrame(
            {
                column: pd.to_datetime(values, utc=True)
                if frames.schema(name)[column] == frames.TIME
                else pd.array(values, dtype=frames.schema(name)[column])
                for column, values in held.items()
            }
        )
        for name, held in columns
    ]


def figures(*, quick: bool) -> list[Figure]:
    """What ``python -m benchmarks`` shows of it."""
    times = 10 if quick else 40
    return [figure for count in JOBS for figure in measured(count, times)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.look")
    parser.add_argument("--jobs", type=int, nargs="+", default=list(JOBS))
    parser.add_argument("--times", type=int, default=40, help="looks that are measured (40)")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    told = [figure for count in asked.jobs for figure in measured(count, asked.times)]
    show(told, as_json=asked.json)


if __name__ == "__main__":
    main()
