"""Measure a replay: what a step and a jump cost, and the memory that it holds.

    python -m benchmarks.replay                       1 hour of 20 jobs, a look every 2 s
    python -m benchmarks.replay --hours 12 --jobs 20 --into DIR

The recording is that of ``benchmarks.recording``: all jobs run all the time and are of one
pipeline, which is the most that there is to judge. CPU of this process, not time on the wall.
``live`` replays the same rows out of the history of a watch, which still grows.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ami_console import frames, metrics
from ami_console.apps.feed import LiveFeed, RecordedFeed
from ami_console.apps.replay_feed import ReplayFeed
from ami_console.apps.replay_stops import stops
from ami_console.collector import Collector
from ami_console.recording import open_recording
from ami_console.settings import Settings
from benchmarks.figures import Figure, show
from benchmarks.recording import EVERY_S, Job, write


def cpu_ms(step: Callable[[], Any]) -> float:
    """CPU that a step took, ms."""
    begun = time.process_time()
    step()
    return (time.process_time() - begun) * 1e3


def read(feed: ReplayFeed) -> None:
    """The frames of a page with all jobs and one of them opened; nothing is judged."""
    as_of = feed.as_of()
    metrics.fleet(feed, as_of=as_of)
    job_id = feed.job_ids()[0]
    for name in frames.FRAMES:
        feed.frame(name, job_id=job_id, since=as_of - pd.Timedelta(hours=1))


def replayed(feed: ReplayFeed, of: str, *, steps: int, jumps: int) -> list[Figure]:
    """Costs of going through a feed."""
    first = cpu_ms(lambda: read(feed))
    first_judged = cpu_ms(feed.judged)
    span_s = (feed.last_at - feed.first_at).total_seconds()
    reading: dict[str, list[float]] = {"step": [], "jump": []}
    judging: dict[str, list[float]] = {"step": [], "jump": []}
    feed.move_to(feed.first_at + pd.Timedelta(seconds=0.8 * span_s))
    places = np.random.default_rng(2).uniform(0.1, 1.0, jumps)
    targets = [lambda: feed.neighbour(1)] * steps
    targets += [lambda p=p: feed.first_at + pd.Timedelta(seconds=p * span_s) for p in places]  # type: ignore[misc]
    for number, target in enumerate(targets):
        kind = "step" if number < steps else "jump"
        feed.move_to(target())
        reading[kind].append(cpu_ms(lambda: read(feed)))
        judging[kind].append(cpu_ms(feed.judged))
    costs = {"first reading": [first], "first judging": [first_judged]}
    costs |= {f"reading after a {kind}": times for kind, times in reading.items()}
    costs |= {f"judging after a {kind}": times for kind, times in judging.items()}
    return [
        *(
            Figure(what=f"replay of {of}: {what}", value=statistics.median(times), unit="ms")
            for what, times in costs.items()
        ),
        Figure(what=f"replay of {of}: held", value=feed.whole.held_bytes / 1e6, unit="MB"),
    ]


def measure(into: Path, hours: float, count: int, *, steps: int, jumps: int) -> list[Figure]:
    """Of a recording, made if it is not there, and of the history of a watch."""
    if not into.exists():
        rng = np.random.default_rng(1)
        span_s = hours * 3600
        jobs = [Job(100 + number, span_s, rng) for number in range(count)]
        write(into, jobs, int(span_s / EVERY_S), rng)
    recording = open_recording(into)
    like = RecordedFeed(recording, zone=ZoneInfo("America/New_York"))
    feed = ReplayFeed.of_recording(recording, like=like)
    last_at = feed.last_at
    told = [
        Figure(
            what="all stops of a recording",
            value=cpu_ms(lambda: stops(recording, since=feed.first_at, until=last_at)),
            unit="ms",
        ),
        *replayed(feed, "a recording", steps=steps, jumps=jumps),
    ]
    collector = Collector(Settings(), sources=lambda _: ())
    collector.history.load(recording, until=last_at)
    live = _At(collector, last_at)
    return told + replayed(ReplayFeed.over(live), "a watch", steps=steps, jumps=jumps)


def figures(*, quick: bool) -> list[Figure]:
    """What ``python -m benchmarks`` shows of it."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "recording"
        return measure(into, 0.25 if quick else 1, 20, steps=10 if quick else 20, jumps=8)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hours", type=float, default=1)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--jumps", type=int, default=8)
    parser.add_argument("--into", type=Path, help="keep the recording there; used if it is there")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    into = asked.into or Path(tempfile.mkdtemp()) / "recording"
    try:
        told = measure(into, asked.hours, asked.jobs, steps=asked.steps, jumps=asked.jumps)
        show(told, as_json=asked.json)
    finally:
        if asked.into is None:
            shutil.rmtree(into.parent, ignore_errors=True)


class _At(LiveFeed):
    """A live watch whose clock stands still."""

    def __init__(self, collector: Collector, now: pd.Timestamp) -> None:
        super().__init__(collector)
        self._now = now

    def as_of(self) -> pd.Timestamp:
        return self._now


if __name__ == "__main__":
    main()
