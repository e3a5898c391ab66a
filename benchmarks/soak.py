"""Ten hours of looks in some minutes: what the console takes in memory, files and threads.

    python -m benchmarks.soak                           18,000 looks at 10 jobs
    python -m benchmarks.soak --looks 3000 --markdown
    python -m benchmarks.soak --keep-hours 6            what is kept as long as usual
    python -m benchmarks.soak --json

Real sources look at real servers, in a process of their own (``benchmarks.soak_world``), whose
jobs end and follow each other. The collector, its history and its judge, the recorder and a page
that is held open run as ever, but for the pace: from one look to the next, whatever time it really
takes, this process's clock goes on by two seconds. What is done rarely (lists, logs) is done once
in as many looks as ever; judged is one look in ten, and the page is drawn at its own pace.

By design three things grow: the history, until it is full after six hours, the timelines of the
page, until they are after 24 (both here after one hour, a tenth of the run, so that what grows
after that is a leak), and the recording on disk. Memory is taken
after a collection of garbage, and after what is free was given back to the system.
"""

import argparse
import asyncio
import contextlib
import ctypes
import gc
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ami_console import collector as collecting
from ami_console import instants, live_diagnosis
from ami_console.apps import lines, serve
from ami_console.apps.feed import LiveFeed
from ami_console.batch import Batch
from ami_console.collector import Collector
from ami_console.frames import FRAMES, TIME
from ami_console.history import History
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading, SourceName
from ami_console.recorder import Recorder
from ami_console.settings import Settings
from ami_console.snapshot import Source
from ami_console.sources.live import live_sources
from ami_console.steady_clock import SteadyClock
from benchmarks.dashboard import Page
from benchmarks.figures import aligned, machine

LOOKS = 18_000
EVERY_S = 2.0
PACE_S = 0.02
LISTS_EVERY_S, LOGS_EVERY_S = 30.0, 15.0
JUDGED_EVERY = 10
STEPS = 10
_MOVED = frozenset(
    {"server_at", "delivered_last_active", "ack_floor_last_active", "stream_created_at",
     "consumer_created_at", "created_at", "started_at", "finished_at", "updated_at"}
)  # fmt: skip


class Clock:
    """A wall clock that goes on by two seconds with each look at NATS."""

    def __init__(self) -> None:
        """It begins now."""
        now = time.time_ns()
        self._ticks: deque[tuple[int, int]] = deque([(now - NS_PER_S, now - NS_PER_S), (now, now)])
        self.looks = 0

    def tick(self) -> None:
        """A look begins."""
        self.looks += 1
        self._ticks.append((time.time_ns(), self._ticks[-1][1] + int(EVERY_S * NS_PER_S)))
        if len(self._ticks) > 5_000:
            self._ticks.popleft()

    def now_ns(self) -> int:
        """What is now, by this clock; ns since the epoch."""
        real, ours = self._ticks[-1]
        # Never as far as the next tick, however long the look takes.
        since = time.time_ns() - real
        return ours + int(EVERY_S * NS_PER_S * since / (since + PACE_S * NS_PER_S))

    def moved(self, instants: Sequence[int | None]) -> list[int | None]:
        """What the servers' clocks say, by this clock."""
        real, ours = np.array(self._ticks, dtype="float64").T - self._ticks[0][0]
        begin = self._ticks[0][0]
        return [
            None if at is None else begin + int(np.interp(at - begin, real, ours))
            for at in instants
        ]

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """This process goes by it."""
        usual, instants.CLOCK = instants.CLOCK, SteadyClock(self.now_ns, self.now_ns)
        try:
            yield
        finally:
            instants.CLOCK = usual


class Hastened:
    """A real source; the times that it tells are those of the clock that goes faster."""

    name: ClassVar[SourceName]

    def __init__(self, source: Source, clock: Clock) -> None:
        """Look through it."""
        self.name = source.name  # type: ignore[misc]
        self._source, self._clock = source, clock
        self._due = {"read": 0, "discover": 0}

    async def read(self, job_ids: Collection[int]) -> Reading:
        """Read, as the source does."""
        if self.name == "nats":
            self._clock.tick()
        if self.name == "job_logs":
            await self._not_too_soon("read", LOGS_EVERY_S)
        return self._in_our_time(await self._source.read(job_ids))

    async def discover(self) -> Reading:
        """Find jobs, as the source does."""
        await self._not_too_soon("discover", LISTS_EVERY_S)
        return self._in_our_time(await self._source.discover())

    async def aclose(self) -> None:
        """Close, as the source does."""
        await self._source.aclose()

    async def _not_too_soon(self, what: str, every_s: float) -> None:
        """Wait until as many looks have passed as lie between two of these; a moment at most."""
        for _ in range(100):
            if self._clock.looks >= self._due[what]:
                break
            await asyncio.sleep(PACE_S)
        self._due[what] = self._clock.looks + int(every_s / EVERY_S)

    def _in_our_time(self, reading: Reading) -> Reading:
        moved = {}
        for name, rows in reading.rows.items():
            columns = [c for c, dtype in FRAMES[name].items() if dtype == TIME and c in _MOVED]
            if not columns or isinstance(rows, Batch) or not rows:
                moved[name] = rows
                continue
            copies = [dict(row) for row in rows]
            for column in columns:
                at = self._clock.moved([row.get(column) for row in copies])
                for row, instant in zip(copies, at, strict=True):
                    row[column] = instant
            moved[name] = copies
        offset_s = None if reading.clock_offset_s is None else 0.0
        return replace(reading, rows=moved, clock_offset_s=offset_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What this process has at one moment.

    Attributes:
        share: Of all looks.
        looks: At NATS, so far.
        hours: By the clock of the looks.
        memory_bytes: Resident.
        files: Open file descriptors.
        threads: Of Python.
        kept_rows: In the history, of all frames.
        jobs: Of which the history knows anything.
        failed: Looks that failed, of any source, so far.
    """

    share: float
    looks: int
    hours: float
    memory_bytes: int
    files: int
    threads: int
    kept_rows: int
    jobs: int
    failed: int


def resident_bytes() -> int:
    """What of this process is in memory, after what is free was given back."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # there is no other way to ask for it
        ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    """How many file descriptors are open."""
    return len(list(Path("/proc/self/fd").iterdir())) - 1  # that of the folder itself


@contextlib.contextmanager
def world(jobs: int) -> Iterator[dict[str, str]]:
    """Servers with jobs that move, in a process of their own; the settings that lead to them."""
    command = [sys.executable, "-m", "benchmarks.soak_world", str(jobs)]
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101
        assert process.stdin is not None  # noqa: S101
        yield json.loads(process.stdout.readline())
        process.stdin.close()


@contextlib.contextmanager
def hastened(clock: Clock) -> Iterator[None]:
    """Times are those of the faster clock; what has a rhythm of its own goes by looks."""
    usual_s, collecting.DISCOVER_EVERY_S = collecting.DISCOVER_EVERY_S, PACE_S
    judged_s, live_diagnosis.EVERY_S = live_diagnosis.EVERY_S, 1e6
    try:
        with clock.kept():
            yield
    finally:
        collecting.DISCOVER_EVERY_S, live_diagnosis.EVERY_S = usual_s, judged_s


def soaked(
    looks: int,
    *,
    jobs: int,
    keep_s: float,
    steps: int = STEPS,
    page: bool = True,
    judged_every: int = JUDGED_EVERY,
) -> list[Taken]:
    """So many looks, and what this process had after each part of them.

    Args:
        looks: How many, at NATS.
        jobs: At a time.
        keep_s: How long the history keeps rows, seconds.
        steps: In so many parts.
        page: Whether a page of the dashboard is open.
        judged_every: One look in so many is judged.
    """
    clock = Clock()
    with (
        world(jobs) as environment,
        tempfile.TemporaryDirectory(prefix="ami-console-soak-") as folder,
        hastened(clock),
        contextlib.ExitStack() as stack,
    ):
        settings = Settings.from_environment(environment, dotenv=None)
        settings = replace(settings, every_s=PACE_S, job_logs_every_s=PACE_S)
        watch = Collector(
            settings, sources=lambda given: [Hastened(each, clock) for each in live_sources(given)]
        )
        watch.history._keep_ns = int(keep_s * NS_PER_S)
        usual_s, lines.KEEP_S = lines.KEEP_S, keep_s
        stack.callback(setattr, lines, "KEEP_S", usual_s)
        recorder = Recorder(Path(folder) / "recording")
        stack.callback(recorder.close)
        failed = _Failures()
        watch.add_sink(recorder)
        watch.add_sink(failed)
        watch.add_sink(_Judge(watch, recorder, judged_every))
        watch.start()
        stack.callback(watch.stop)
        if page:
            stack.enter_context(_page_open(watch))
        found = []
        for step in range(1, steps + 1):
            while clock.looks < looks * step // steps:
                time.sleep(PACE_S)
            taken = Taken(
                share=step / steps,
                looks=clock.looks,
                hours=clock.looks * EVERY_S / 3600,
                memory_bytes=resident_bytes(),
                files=open_files(),
                threads=threading.active_count(),
                kept_rows=kept_rows(watch.history),
                jobs=len(watch.history.job_ids()),
                failed=failed.count,
            )
            found.append(taken)
            logging.getLogger(__name__).info("%s", taken)
        return found


class _Judge:
    """Judges one look in so many, as the judge of a watch does every two seconds."""

    def __init__(self, watch: Collector, recorder: Recorder, every: int) -> None:
        self._watch, self._recorder, self._every = watch, recorder, every
        self._looks = 0

    def __call__(self, reading: Reading) -> None:
        if reading.source != "nats":
            return
        self._looks += 1
        if self._looks % self._every == 0:
            as_of = pd.Timestamp(instants.now_ns(), tz="UTC")
            judged = self._watch.diagnosis.judge(as_of)
            self._watch.history.add(judged)
            self._recorder(judged)


class _Failures:
    """Counts readings that failed."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, reading: Reading) -> None:
        if not reading.ok:
            self.count += 1


def kept_rows(history: History) -> int:
    """Rows of all frames that a history holds."""
    return sum(len(history.frame(name)) for name in FRAMES)


@contextlib.contextmanager
def _page_open(watch: Collector) -> Iterator[None]:
    """A page of the dashboard, without a browser, on a thread of its own."""
    server = serve.serve(LiveFeed(watch), port=0, threaded=True)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="page")
    thread.start()

    def on_loop(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    page = on_loop(Page.open(server.url, "tab=jobs"))
    try:
        yield
        if page.is_closed:
            raise SystemExit("the page was closed on the way")
    finally:
        on_loop(page.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        server.stop()


HEAD = (
    "looks",
    "hours",
    "memory",
    "since a tenth",
    "files",
    "threads",
    "rows kept",
    "jobs",
    "failed",
)


def table(found: Sequence[Taken], *, markdown: bool) -> str:
    """The rows as text."""
    lines = [HEAD]
    for each in found:
        grown = each.memory_bytes - found[0].memory_bytes
        lines.append(
            (
                f"{each.share:.0%} {each.looks:,}",
                f"{each.hours:.1f}",
                f"{each.memory_bytes / 1e6:.0f} MB",
                f"{grown / 1e6:+.1f} MB",
                str(each.files),
                str(each.threads),
                f"{each.kept_rows:,}",
                str(each.jobs),
                str(each.failed),
            )
        )
    return aligned(lines, markdown=markdown)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--looks", type=int, default=LOOKS, help="18,000: ten hours")
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--keep-hours", type=float, help="in memory (a tenth of the run)")
    parser.add_argument("--progress", action="store_true", help="say each part as it is done")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.progress:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        logging.getLogger("httpx").setLevel(logging.WARNING)
    # What moves on while the memory is counted is no fault of the page.
    logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)
    keep_s = asked.looks * EVERY_S / STEPS if asked.keep_hours is None else asked.keep_hours * 3600
    began_s, facts = time.monotonic(), machine()
    found = soaked(asked.looks, jobs=asked.jobs, keep_s=keep_s)
    facts["took_s"] = round(time.monotonic() - began_s)
    if asked.json:
        print(json.dumps({"machine": facts, "rows": [asdict(each) for each in found]}, indent=2))
        return
    print(table(found, markdown=asked.markdown))
    print("\n" + ", ".join(f"{name} {value}" for name, value in facts.items()))


if __name__ == "__main__":
    main()
