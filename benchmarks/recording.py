"""Measure a recording: size on disk, cost of a look, time to load all frames.

    python -m benchmarks.recording                24 hours of 20 jobs, a look every 2 s
    python -m benchmarks.recording --hours 1 --jobs 5 --into DIR --json

Looks are invented but move like real ones: a worker per job reserves eight images every half
minute or so and returns them one by one; every source is read with some milliseconds of jitter.
The floor of appending a look is orjson and one write of its rows, of loading that pyarrow alone
reads the same columns.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ami_console.instants import NS_PER_S
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter, open_recording
from benchmarks.figures import Figure, best_of, show

BEGIN_AT = 1_790_035_200 * NS_PER_S  # 2026-09-22T00:00:00Z: one day, as the goal says
EVERY_S = 2
LOOKS_PER_SEGMENT = 60
BARE_EVERY = 20
FRAMES_MEASURED = ("jobs", "stages", "consumers", "counters", "reads")


class Job:
    """A job as its worker moves it."""

    def __init__(self, number: int, span_s: float, rng: np.random.Generator) -> None:
        self.number = number
        batches = int(span_s / 18)
        reserved = np.cumsum(rng.uniform(18, 30, batches))
        steps = 8 + np.arange(8) * 1.7
        self.reserved_at = BEGIN_AT + (reserved * NS_PER_S).astype("int64")
        acked = reserved[:, None] + steps + rng.uniform(0, 0.5, (batches, 8))
        self.acked_at = BEGIN_AT + (np.sort(acked.ravel()) * NS_PER_S).astype("int64")
        self.total = 8 * batches

    def rows(self, looked_at: dict[str, int]) -> dict[str, list[dict[str, Any]]]:
        """What each source says of it; looked_at: source → instant."""
        at = looked_at["nats"]
        delivered = 8 * int(np.searchsorted(self.reserved_at, at))
        acked = int(np.searchsorted(self.acked_at, at))
        left = self.total - acked
        job = {"job_id": self.number}
        saved_at = int(self.acked_at[acked - 1]) // 1000 * 1000 if acked else BEGIN_AT
        rest = {"observed_at": looked_at["antenna"], **job}
        return {
            "jobs": [
                {
                    **rest,
                    "name": f"Night {self.number} of the trap",
                    "project": "Panama plots",
                    "pipeline": "Global moths 2026",
                    "dispatch_mode": "async_api",
                    "status": "STARTED",
                    "progress_ratio": acked / self.total,
                    "created_at": BEGIN_AT - 9 * NS_PER_S,
                    "started_at": BEGIN_AT - 7 * NS_PER_S,
                    "finished_at": None,
                    "updated_at": saved_at,
                }
            ],
            "stages": [
                {
                    **rest,
                    "stage": stage,
                    "status": "STARTED",
                    "progress_ratio": acked / self.total,
                    "total": self.total,
                    "processed": acked,
                    "remaining": left,
                    "failed": 0,
                    "captures": acked,
                    "detections": 7 * acked + acked % 3,
                    "classifications": 12 * acked + acked % 5,
                }
                for stage in ("delay", "process", "results")
            ],
            "consumers": [
                {
                    "observed_at": at,
                    **job,
                    "stream_exists": True,
                    "consumer_exists": True,
                    "messages": left,
                    "first_seq": acked + 1,
                    "last_seq": self.total,
                    "num_pending": self.total - delivered,
                    "num_ack_pending": delivered - acked,
                    "num_redelivered": 0,
                    "num_waiting": 0,
                    "delivered_consumer_seq": delivered,
                    "delivered_stream_seq": delivered,
                    "ack_floor_consumer_seq": acked,
                    "ack_floor_stream_seq": acked,
                    "delivered_last_active": int(self.reserved_at[delivered // 8 - 1])
                    if delivered
                    else None,
                    "ack_floor_last_active": int(self.acked_at[acked - 1]) if acked else None,
                    "ack_wait_s": 300.0,
                    "max_deliver": 5,
                    "max_ack_pending": 1000,
                    "stream_created_at": BEGIN_AT - 5 * NS_PER_S,
                    "consumer_created_at": BEGIN_AT - 3 * NS_PER_S,
                    "server_at": at - 1_500_000,
                }
            ],
            "counters": [
                {
                    "observed_at": looked_at["redis"],
                    **job,
                    "total": self.total,
                    "pending_process": left,
                    "pending_results": left,
                    "failed": 0,
                    "ttl_s": 604_800 - (looked_at["redis"] - BEGIN_AT) // NS_PER_S,
                }
            ],
        }


SOURCES = {"antenna": ("jobs", "stages"), "nats": ("consumers",), "redis": ("counters",)}


def looks(jobs: list[Job], count: int, rng: np.random.Generator) -> Iterator[list[Reading]]:
    """The three readings of each look."""
    for number in range(count):
        at = BEGIN_AT + number * EVERY_S * NS_PER_S
        took = {"antenna": 0.09, "nats": 0.004, "redis": 0.002}
        took = {s: mean * float(rng.lognormal(0, 0.3)) for s, mean in took.items()}
        looked_at = {source: at + int(s * NS_PER_S) for source, s in took.items()}
        rows = [job.rows(looked_at) for job in jobs]
        yield [
            Reading(
                source=source,  # type: ignore[arg-type]
                observed_at=looked_at[source],
                elapsed_s=took[source],
                bytes=int(rng.integers(20_000, 21_000)),
                requests=1,
                clock_offset_s=float(rng.normal(0, 0.001)),
                rows={name: [row for each in rows for row in each[name]] for name in names},
            )
            for source, names in SOURCES.items()
        ]


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a look cost to append, and its rows as bare JSON, ms."""

    append_ms: float
    append_p99_ms: float
    bare_ms: float


def write(into: Path, jobs: list[Job], count: int, rng: np.random.Generator) -> Written:
    """Record all looks; returns what that cost."""
    costs_ms, bare_ms = [], []
    with tempfile.TemporaryFile(buffering=0) as bare, RecordingWriter(into) as writer:
        for number, readings in enumerate(looks(jobs, count, rng), start=1):
            before = time.perf_counter()
            for reading in readings:
                writer.append(reading)
            between = time.perf_counter()
            if number % BARE_EVERY == 0:
                bare.write(orjson.dumps([reading.rows for reading in readings]))
                bare_ms.append((time.perf_counter() - between) * 1e3)
            costs_ms.append((between - before) * 1e3)
            if number % LOOKS_PER_SEGMENT == 0:  # as two minutes of wall time would
                writer.seal(wait=True)
        trouble = writer.trouble
    if trouble is not None:
        raise SystemExit(f"recording failed: {trouble}")
    return Written(
        append_ms=statistics.median(costs_ms),
        append_p99_ms=float(np.percentile(costs_ms, 99)),
        bare_ms=statistics.median(bare_ms),
    )


def load(directory: Path, times: int) -> list[Figure]:
    """Load all frames of a recording anew, and the same columns with Parquet alone."""

    def raw(name: str) -> list[pa.Table]:
        files = sorted((directory / f"frame={name}").rglob("*.parquet"))
        return [pq.ParquetFile(path).read() for path in files]

    recording = open_recording(directory)
    rows = {name: len(recording.frame(name)) for name in FRAMES_MEASURED}
    job = recording.jobs()[0]
    last_at = recording.last_at
    assert last_at is not None  # noqa: S101
    hour = last_at.floor("h")

    def opened(name: str, **limits: Any) -> pd.DataFrame:
        return open_recording(directory).frame(name, **limits)

    whole_s = best_of(times, lambda: list(map(opened, FRAMES_MEASURED)))
    bare_s = best_of(times, lambda: list(map(raw, FRAMES_MEASURED)))
    parts: dict[str, Callable[[], Any]] = {
        "consumers of one job": lambda: opened("consumers", job_id=job),
        "consumers of the last hour": lambda: opened("consumers", since=hour),
        "the same again": lambda: recording.frame("consumers", since=hour),
    }
    return [
        Figure(
            what=f"load {sum(rows.values()):,} rows",
            value=whole_s,
            unit="s",
            floor=bare_s,
            floor_is="pyarrow alone",
            goal=1.0,
            ratio_goal=2.0,
        ),
        *(
            Figure(what=f"load {what}", value=best_of(times, step), unit="s")
            for what, step in parts.items()
        ),
    ]


def size(directory: Path) -> list[Figure]:
    """What lies on disk."""
    files = [file for file in directory.rglob("*") if file.is_file()]
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    return [
        Figure(what="recording on disk", value=megabytes, unit="MB", goal=30.0),
        Figure(what="files of it", value=len(files), unit="files"),
    ]


def measure(into: Path, hours: float, count: int, times: int) -> list[Figure]:
    """Write the recording if it is not there, and load it."""
    told = []
    if not into.exists():
        rng = np.random.default_rng(1)
        span_s = hours * 3600
        jobs = [Job(100 + number, span_s, rng) for number in range(count)]
        cost = write(into, jobs, int(span_s / EVERY_S), rng)
        told = [
            Figure(
                what=f"append a look at {count} jobs",
                value=cost.append_ms,
                unit="ms",
                floor=cost.bare_ms,
                floor_is="orjson and one write",
            ),
            Figure(what="the same, 99th percentile", value=cost.append_p99_ms, unit="ms"),
        ]
    return told + size(into) + load(into, times)


def figures(*, quick: bool) -> list[Figure]:
    """What ``python -m benchmarks`` shows of it."""
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder) / "recording", 1 if quick else 24, 20, 3)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--times", type=int, default=3, help="how often each loading is repeated")
    parser.add_argument(
        "--into", type=Path, help="keep the recording there; used as it is if there"
    )
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    into = asked.into or Path(tempfile.mkdtemp()) / "recording"
    try:
        show(measure(into, asked.hours, asked.jobs, asked.times), as_json=asked.json)
    finally:
        if asked.into is None:
            shutil.rmtree(into.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
