"""The dashboard's server on a busy feed, in a process of its own: it does what it is told.

    python -m benchmarks.busy_server JOBS LOOKS

It says where it serves, and answers each line that comes in with one line of JSON: ``look`` makes
the next look at all sources and judges it, ``glance`` does not judge it, ``told`` says what
processor time this process took until now, ``memory`` what it holds, ``hurry`` lets pages be drawn
as often as they can, ``keep`` lets go of looks as old as the first ones, so that what is kept grows
no more. It ends when there are no more lines.
"""

import gc
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ami_console.apps import lines, serve, session
from ami_console.apps.feed import LiveFeed, Unsubscribe
from ami_console.batch import Batch
from ami_console.collector import Collector
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading
from ami_console.settings import Settings
from benchmarks.recording import BEGIN_AT, EVERY_S, Job, looks

AHEAD = 20_000
"""Looks that the jobs have work for, after those that were there from the beginning."""

FIRST_JOB = 101


class BusyFeed(LiveFeed):
    """A live feed with all of its machinery, but for the sources: looks are made when told.

    Every job has a worker that reserves eight images every half minute and returns them one by
    one; the tap hears each.
    """

    def __init__(self, jobs: int) -> None:
        """Nothing was looked at yet."""
        self._watch = Collector(Settings.from_environment({}, dotenv=None))
        super().__init__(self._watch)
        rng = np.random.default_rng(1)
        span_s = float(AHEAD * EVERY_S)
        self._jobs = [Job(FIRST_JOB + number, span_s, rng) for number in range(jobs)]
        self._looks = looks(self._jobs, AHEAD, rng)
        self._listeners: list[Callable[[], None]] = []
        self._at, self._looked_s = BEGIN_AT, time.monotonic()

    def as_of(self) -> pd.Timestamp:
        passed_ns = int((time.monotonic() - self._looked_s) * NS_PER_S)
        return pd.Timestamp(self._at + passed_ns, tz="UTC")

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def look(self, *, judged: bool = True) -> None:
        """The next look at every source; whoever listens hears of it once."""
        self.fill()
        if judged:
            as_of = pd.Timestamp(self._at, tz="UTC")
            self._watch.history.add(self._watch.diagnosis.judge(as_of))
        for listener in tuple(self._listeners):
            listener()

    def fill(self) -> None:
        """The next look at every source, and nobody hears of it."""
        before = self._at
        readings = next(self._looks)
        at = max(reading.observed_at for reading in readings)
        for reading in (*readings, self._heard(before, at)):
            self._watch.history.add(reading)
        self._at, self._looked_s = at, time.monotonic()

    def _heard(self, before: int, at: int) -> Reading:
        rows = [row for job in self._jobs for row in _acks(job, before, at)]
        return Reading(
            source="tap",
            observed_at=at,
            elapsed_s=(at - before) / NS_PER_S,
            requests=0,
            rows={"acks": Batch.from_rows(rows)} if rows else {},
        )

    def keep(self) -> None:
        """Let go of what is older than the span of the looks so far."""
        self._watch.history._keep_ns = self._at - BEGIN_AT
        lines.KEEP_S = (self._at - BEGIN_AT) / NS_PER_S


def _acks(job: Job, before: int, at: int) -> Iterator[dict[str, Any]]:
    """What the tap hears of a job between two instants."""
    first, end = np.searchsorted(job.acked_at, [before, at])
    for index in range(first, end):
        acked_at, seq = int(job.acked_at[index]), int(index) + 1
        yield {
            "observed_at": acked_at,
            "job_id": job.number,
            "acked_at": acked_at,
            "stream_seq": seq,
            "consumer_seq": seq,
            "delivery": 1,
            "stored_at": BEGIN_AT + seq,
            "num_pending_then": job.total - seq,
            "kind": "+ACK",
            "image_id": str(1000 + seq),
        }


def hurry() -> None:
    """Draw pages as often as they can be: the pauses are there for the reader, not for the page."""
    session.SETTLE_MS, session.SHARE = 10, 1.0
    session._Session._least_s = lambda _: 0.0  # type: ignore[method-assign]


def resident_bytes() -> int:
    """What of this process is in memory now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Serve, and do what is told."""
    # Panel logs to standard output, where our answers go.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # A page that was closed is told of news until its session ends some seconds later.
    logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)
    feed = BusyFeed(int(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        feed.fill()
    feed.look()
    server = serve.serve(feed, port=0, threaded=True)
    feed_s = 0.0
    print(json.dumps({"url": server.url}), file=answers, flush=True)
    for asked in sys.stdin:
        answer: dict[str, Any] = {}
        match asked.strip():
            case "look":
                begun_s = time.thread_time()
                feed.look()
                feed_s += time.thread_time() - begun_s
            case "glance":
                feed.look(judged=False)
            case "hurry":
                hurry()
            case "keep":
                feed.keep()
            case "told":
                answer = {"cpu_s": time.process_time() - feed_s, "feed_s": feed_s}
            case "memory":
                answer = {"bytes": resident_bytes()}
        print(json.dumps(answer), file=answers, flush=True)
    server.stop()


if __name__ == "__main__":
    main()
