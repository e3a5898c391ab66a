"""Measure the tap: acknowledgements a second without loss, from NATS into a recording.

    python -m benchmarks.tap                 50,000/s for 20 s, then the highest rate that is held
    python -m benchmarks.tap --rate 20000 --seconds 60 --json

A real nats-server, and another process that publishes (see ``benchmarks.blast``), on this machine.
``whole`` is the tap of a collector with its history and a recorder, ``tap`` the tap alone, ``bare``
a subscription of nats-py with a callback that counts and takes the time. A rate is held when
nothing is lost and all has arrived within half a second of the last message sent.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import nats

from ami_console.collector import Collector
from ami_console.demo.servers import NatsServer
from ami_console.reading import Reading
from ami_console.recorder import Recorder
from ami_console.recording import open_recording
from ami_console.settings import Settings
from ami_console.sources.tap import Tap
from benchmarks.figures import Figure, show

LAG_S = 0.5
STEP = 1.15
SENT = 0.97  # share of the rate asked for at which the sender has reached its own end
FIRST_RATE = 50_000
GIVE_UP_S = 15.0


@dataclass(frozen=True, slots=True)
class Run:
    """What one run gave.

    Attributes:
        what: ``bare``, ``tap`` or ``whole``.
        rate: Messages a second that were asked for.
        sent_per_s: Messages a second that were sent.
        sent: Messages that were sent.
        seen: Messages that arrived; rows, where there are rows.
        distinct: Distinct job and stream sequence in the recording; of ``whole`` only.
        failed_reads: Readings that told of a loss.
        lag_s: From the last message sent to the last one received, seconds.
        done_s: From the last message sent until its row was handed on (and recorded), seconds.
        cores: Processor time over wall time of this process.
        server_cores: The same of nats-server.
        sender_cores: The same of who sends.
        rss_mb: The most memory that this process ever had, megabytes.
    """

    what: str
    rate: int
    sent_per_s: int
    sent: int
    seen: int
    distinct: int | None
    failed_reads: int
    lag_s: float
    done_s: float
    cores: float
    server_cores: float
    sender_cores: float
    rss_mb: int

    @property
    def held(self) -> bool:
        """Whether nothing was lost and nothing piled up."""
        whole = self.distinct is None or self.distinct == self.sent
        return self.seen == self.sent and whole and not self.failed_reads and self.lag_s < LAG_S


class Counted:
    """Takes readings of a tap, and counts what is in them."""

    def __init__(self) -> None:
        self.seen = self.failed = self.last_at = 0
        self.errors: list[str] = []

    def __call__(self, reading: Reading) -> None:
        acks: Any = reading.rows.get("acks")
        if acks:
            self.seen += len(acks)
            self.last_at = int(acks.columns["acked_at"][-1])
        if not reading.ok:
            self.failed += 1
            self.errors.append(reading.error or "")


@contextmanager
def bare(server: NatsServer, counted: Counted) -> Iterator[None]:
    """The least that nats-py can do: count, and note the time."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def count(_: object) -> None:
        counted.seen += 1
        counted.last_at = time.time_ns()

    async def listen() -> nats.aio.client.Client:
        client = await nats.connect(server.url)
        await client.subscribe("$JS.ACK.>", cb=count)
        await client.flush()
        return client

    client = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(client.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def alone(server: NatsServer, counted: Counted) -> Iterator[None]:
    """The tap; its readings are counted."""
    tap = Tap(settings_of(server))
    tap.start(counted)
    try:
        yield
    finally:
        tap.stop()


@contextmanager
def whole(server: NatsServer, counted: Counted, into: Path) -> Iterator[None]:
    """The tap of a collector; its readings go into the history and a recording."""
    collector = Collector(replace(settings_of(server), tap=True), sources=lambda _: ())
    recorder = Recorder(into)
    collector.add_sink(recorder)
    collector.add_sink(counted)
    collector.start()
    try:
        yield
    finally:
        collector.stop()
        recorder.close()


def settings_of(server: NatsServer) -> Settings:
    """Settings that lead to the server, and to no other."""
    return Settings.from_environment(server.environment(), dotenv=None)


def server_cpu_s(server: NatsServer) -> float:
    """Processor time that nats-server has used, seconds."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(what: str, rate: int, seconds: float) -> Run:
    """One run on a fresh server."""
    folder = Path(tempfile.mkdtemp())
    counted = Counted()
    listeners: dict[str, Callable[[NatsServer], Any]] = {
        "bare": lambda server: bare(server, counted),
        "tap": lambda server: alone(server, counted),
        "whole": lambda server: whole(server, counted, folder / "recording"),
    }
    command = [sys.executable, "-m", "benchmarks.blast"]
    try:
        with NatsServer() as server, listeners[what](server):
            blast = subprocess.Popen(  # noqa: S603 - a module beside this one
                [*command, str(server.port), str(rate), str(seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert blast.stdin is not None  # noqa: S101
            assert blast.stdout is not None  # noqa: S101
            blast.stdout.readline()
            begun_s, cpu_s, of_server_s = (
                time.monotonic(),
                time.process_time(),
                server_cpu_s(server),
            )
            blast.stdin.write("go\n")
            blast.stdin.flush()
            told = json.loads(blast.stdout.readline())
            moved_s, before = time.monotonic(), -1
            while counted.seen < told["sent"] and time.monotonic() - moved_s < GIVE_UP_S:
                if counted.seen != before:
                    moved_s, before = time.monotonic(), counted.seen
                time.sleep(0.005)
            done_at, took_s = time.time_ns(), time.monotonic() - begun_s
            cores = (time.process_time() - cpu_s) / took_s
            server_cores = (server_cpu_s(server) - of_server_s) / took_s
            blast.communicate()
        distinct = None
        if what == "whole":
            acks = open_recording(folder / "recording").frame("acks")
            distinct = len(acks[["job_id", "stream_seq"]].drop_duplicates())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for error in counted.errors:
        print(f"  {error}", file=sys.stderr)
    return Run(
        what=what,
        rate=rate,
        sent_per_s=round(told["sent"] / told["took_s"]),
        sent=told["sent"],
        seen=counted.seen,
        distinct=distinct,
        failed_reads=counted.failed,
        lag_s=round((counted.last_at - told["ended_at"]) / 1e9, 3),
        done_s=round((done_at - told["ended_at"]) / 1e9, 3),
        cores=round(cores, 2),
        server_cores=round(server_cores, 2),
        sender_cores=round(told["cpu_s"] / told["took_s"], 2),
        rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    )


def highest(what: str, seconds: float, times: int, told: Callable[[Run], None]) -> int:
    """The highest rate that is held, in steps of 15 %; 0: not even the first one.

    A rate that is not held is tried again: on a busy machine it may have been somebody else.
    """
    rate, best = FIRST_RATE, 0
    while True:
        for _ in range(times):
            run = measure(what, rate, seconds)
            told(run)
            if run.held or run.sent_per_s < SENT * rate:
                break
        if not run.held or run.sent_per_s < SENT * rate:
            return best
        rate, best = int(rate * STEP), rate


COLUMNS = [field.name for field in fields(Run)]


def line(values: list[Any]) -> str:
    """One line of the table."""
    return " ".join(str("-" if value is None else value).rjust(12) for value in values)


def measured(
    rate: int, seconds: float, each: float, times: int, told: Callable[[Run], None]
) -> list[Figure]:
    """The rate that is to be held, then the highest that is."""
    run = measure("whole", rate, seconds)
    told(run)
    rates = {what: highest(what, each, times, told) for what in ("bare", "tap", "whole")}
    lost = run.sent - (run.seen if run.distinct is None else run.distinct)
    return [
        Figure(
            what=f"lost of {run.sent:,} acknowledgements at {rate:,}/s",
            value=lost if run.held else max(lost, 1),
            unit="rows",
            goal=0,
        ),
        *(
            Figure(
                what=f"most acknowledgements without loss, {what}",
                value=rates[key],
                unit="/s",
                floor=rates["bare"],
                floor_is="a nats-py callback",
                goal=rate,
                more_is_better=True,
            )
            for key, what in (("tap", "tap alone"), ("whole", "tap, history and recording"))
        ),
    ]


def figures(*, quick: bool) -> list[Figure]:
    """What ``python -m benchmarks`` shows of it."""
    seconds, each, times = (4.0, 2.0, 1) if quick else (20.0, 4.0, 3)
    return measured(50_000, seconds, each, times, lambda _: None)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rate", type=int, default=50_000, help="to hold, messages a second")
    parser.add_argument("--seconds", type=float, default=20, help="for so long")
    parser.add_argument("--each", type=float, default=4, help="seconds of each rate that is tried")
    parser.add_argument("--times", type=int, default=3, help="how often a rate is tried")
    parser.add_argument("--json", action="store_true", help="print one object")
    asked = parser.parse_args()

    def told(run: Run) -> None:
        values = list(asdict(run).values())
        print(line([*values, "held" if run.held else "NOT HELD"]), file=sys.stderr, flush=True)

    print(line([*COLUMNS, ""]), file=sys.stderr)
    show(measured(asked.rate, asked.seconds, asked.each, asked.times, told), as_json=asked.json)


if __name__ == "__main__":
    main()
