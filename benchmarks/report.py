"""Measure the report: how long it takes to make one of a large job, and how large it is.

    python -m benchmarks.report                     44,000 images, looks, the tap and the job's log
    python -m benchmarks.report --images 8000 --json
    python -m benchmarks.report --into DIR          keep the recording and the report there

The job is invented but moves like a real one: four workers fetch eight images at a time, every
fiftieth batch is lost with its worker and comes back after ack wait. Every source is looked at
every two seconds.
"""

import argparse
import heapq
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from ami_console.batch import Batch
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter, open_recording
from ami_console.report import page
from ami_console.report.embedded import scripts
from ami_console.report.material import material
from benchmarks.figures import Figure, best_of, show
from benchmarks.recording import BEGIN_AT, EVERY_S

JOB = 7
WORKERS, BATCH = 4, 8
ACK_WAIT_S = 60.0
LOST_EVERY = 50
LOOKS_PER_SEGMENT = 600
ZONE = ZoneInfo("America/New_York")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Deliveries:
    """Every delivery of the job, in order: seconds since its begin.

    Attributes:
        seq: Sequence of the message.
        attempt: Which delivery of it.
        at_s: When it was delivered.
        acked_s: When it was acknowledged; infinite: never.
    """

    seq: npt.NDArray[np.int64]
    attempt: npt.NDArray[np.int64]
    at_s: Floats
    acked_s: Floats


def deliveries(images: int, rng: np.random.Generator) -> Deliveries:
    """The life of the job."""
    rows: list[tuple[int, int, float, float]] = []
    back: list[tuple[float, int, int]] = []
    free = [(5.0 + worker, worker) for worker in range(WORKERS)]
    following, batch = 1, 0
    while following <= images or back:
        at_s, worker = heapq.heappop(free)
        taken: list[tuple[int, int]] = []
        while back and back[0][0] <= at_s and len(taken) < BATCH:
            _, seq, attempt = heapq.heappop(back)
            taken.append((seq, attempt))
        while following <= images and len(taken) < BATCH:
            taken.append((following, 1))
            following += 1
        batch += 1
        is_lost = batch % LOST_EVERY == 0 and all(attempt == 1 for _, attempt in taken)
        steps_s = np.sort(rng.uniform(2, 12, len(taken)))
        for (seq, attempt), step_s in zip(taken, steps_s, strict=True):
            acked_s = np.inf if is_lost else at_s + float(step_s)
            rows.append((seq, attempt, at_s, acked_s))
            if is_lost:
                heapq.heappush(back, (at_s + ACK_WAIT_S, seq, attempt + 1))
        pause_s = float(rng.uniform(12, 16)) if taken else 1.0
        heapq.heappush(free, (at_s + pause_s, worker))
    seq, attempt, at_s, acked_s = map(np.array, zip(*rows, strict=True))
    return Deliveries(seq, attempt, at_s, acked_s)


def looks(made: Deliveries, images: int) -> Iterator[Reading]:
    """What the sources tell at each look, and what the tap and the log tell in between."""
    at_s, acked_s = made.at_s, made.acked_s
    done_s = np.sort(acked_s[np.isfinite(acked_s)])
    of_seq = np.full(images, np.inf)
    np.minimum.at(of_seq, made.seq - 1, acked_s)
    floor_s = np.maximum.accumulate(of_seq)
    again = made.attempt > 1
    again_s, again_done_s = np.sort(at_s[again]), np.sort(acked_s[again])
    highest = np.maximum.accumulate(made.seq)
    end_s = float(done_s[-1])
    before_s = 0.0
    for look in range(int(end_s / EVERY_S) + 6):
        now_s = look * EVERY_S
        out, done, repeated, repeated_done, floor = (
            int(np.searchsorted(times, now_s, side="right"))
            for times in (at_s, done_s, again_s, again_done_s, floor_s)
        )
        is_over = now_s > end_s
        reached = int(highest[out - 1]) if out else 0
        yield from _sources(
            _ns(now_s),
            images=images,
            done=done,
            is_over=is_over,
            end_s=end_s,
            broker={
                "messages": images - done,
                "first_seq": min(floor + 1, images),
                "last_seq": images,
                "num_pending": images - reached,
                "num_ack_pending": reached - done,
                "num_redelivered": repeated - repeated_done,
                "delivered_consumer_seq": out,
                "delivered_stream_seq": reached,
                "ack_floor_consumer_seq": floor,
                "ack_floor_stream_seq": floor,
                "delivered_last_active": _ns(float(at_s[out - 1])) if out else None,
                "ack_floor_last_active": _ns(float(done_s[done - 1])) if done else None,
            },
        )
        yield from _heard(made, before_s, now_s, images)
        before_s = now_s


def _ns(seconds: float) -> int:
    return BEGIN_AT + int(seconds * NS_PER_S)


def _sources(
    at: int, *, images: int, done: int, is_over: bool, end_s: float, broker: dict[str, Any]
) -> Iterator[Reading]:
    status = "SUCCESS" if is_over else "STARTED"
    told = {"observed_at": at, "job_id": JOB}
    job = {
        **told,
        "name": "A whole season of the trap",
        "project": "Panama plots",
        "pipeline": "Global moths 2026",
        "dispatch_mode": "async_api",
        "status": status,
        "progress_ratio": done / images,
        "created_at": BEGIN_AT - 9 * NS_PER_S,
        "started_at": BEGIN_AT - 7 * NS_PER_S,
        "finished_at": _ns(end_s + 1) if is_over else None,
        "updated_at": at,
    }
    stage = {
        **told,
        "status": status,
        "progress_ratio": done / images,
        "total": images,
        "processed": done,
        "remaining": images - done,
        "failed": 0,
    }
    stages = [{**stage, "stage": name} for name in ("process", "results")]
    setup = {"ack_wait_s": ACK_WAIT_S, "max_deliver": 5, "max_ack_pending": 1000}
    there = {"stream_exists": not is_over, "consumer_exists": not is_over}
    made = {"stream_created_at": BEGIN_AT - 5 * NS_PER_S,
            "consumer_created_at": BEGIN_AT - 3 * NS_PER_S}  # fmt: skip
    consumer = {**told, **there} if is_over else {**told, **there, **broker, **setup, **made,
                                                  "num_waiting": 0, "server_at": at}  # fmt: skip
    left = images - done
    counter = {**told, "total": images, "pending_process": left, "pending_results": left,
               "failed": 0, "ttl_s": 600_000}  # fmt: skip
    yield Reading(source="antenna", observed_at=at, elapsed_s=0.09,
                  rows={"jobs": [job], "stages": stages})  # fmt: skip
    yield Reading(source="nats", observed_at=at, elapsed_s=0.004, rows={"consumers": [consumer]})
    yield Reading(source="redis", observed_at=at, elapsed_s=0.002,
                  rows={"counters": [] if is_over else [counter]})  # fmt: skip


def _heard(made: Deliveries, before_s: float, now_s: float, images: int) -> Iterator[Reading]:
    """Acknowledgements, and the log's lines of the images that were saved."""
    rows = np.flatnonzero((made.acked_s > before_s) & (made.acked_s <= now_s))
    acked = np.array([_ns(float(at)) for at in made.acked_s[rows]], dtype="int64")
    seq, attempt = made.seq[rows], made.attempt[rows]
    acks = Batch.of(
        {
            "observed_at": acked,
            "acked_at": acked,
            "stream_seq": seq,
            "consumer_seq": rows + 1,
            "delivery": attempt,
            "stored_at": BEGIN_AT + seq,
            "num_pending_then": images - seq,
        },
        job_id=JOB,
        kind="+ACK",
    )
    yield Reading(source="tap", observed_at=_ns(now_s), elapsed_s=now_s - before_s, requests=0,
                  rows={"acks": acks} if len(rows) else {})  # fmt: skip
    if not len(rows):
        return
    lines = [_lines(made, int(row), _ns(now_s)) for row in rows]
    logged = Batch.from_rows([line for each in lines for line in each])
    yield Reading(source="job_logs", observed_at=_ns(now_s), elapsed_s=0.05,
                  rows={"log_events": logged})  # fmt: skip


def _lines(made: Deliveries, row: int, read_at: int) -> Iterator[dict[str, Any]]:
    seq, attempt = int(made.seq[row]), int(made.attempt[row])
    subject = f"$JS.ACK.job_{JOB}.job-{JOB}-consumer.{attempt}.{seq}.{row + 1}.{BEGIN_AT + seq}.0"
    acked_s = float(made.acked_s[row])
    told = {
        "observed_at": read_at,
        "job_id": JOB,
        "resolution_s": 1.0,
        "source": "job",
        "level": "INFO",
        "stream_seq": seq,
        "consumer_seq": row + 1,
        "delivery": attempt,
        "stored_at": BEGIN_AT + seq,
    }
    for kind, before_s, says in (
        ("posted", 2.0, f"Queued pipeline result: task_id=…, reply_subject={subject}"),
        ("processing", 1.0, f"Processing pipeline result for job {JOB}, reply_subject: {subject}"),
        ("acked", 0.0, f"Successfully acknowledged task via NATS: {subject}"),
    ):
        at = _ns(max(0.0, acked_s - before_s)) // NS_PER_S * NS_PER_S
        image = {"image_ids": str(10**6 + seq)} if kind == "posted" else {}
        yield told | {"logged_at": at, "kind": kind, "message": says} | image
    if seq % 500 == 0:
        line = {"kind": None, "level": "ERROR", "message": f"Failed to read image {10**6 + seq}"}
        yield told | {"logged_at": _ns(acked_s) // NS_PER_S * NS_PER_S} | line


def record(into: Path, images: int) -> None:
    """Record the job from begin to end."""
    made = deliveries(images, np.random.default_rng(1))
    with RecordingWriter(into) as writer:
        for number, reading in enumerate(looks(made, images), start=1):
            writer.append(reading)
            if number % (4 * LOOKS_PER_SEGMENT) == 0:
                writer.seal(wait=True)


def measure(recording: Path, out: Path) -> list[Figure]:
    """Make the report, twice: step by step here, and as the command does."""
    held = open_recording(recording)
    bare_s = best_of(3, lambda: [pq.ParquetFile(path).read() for path in parquet(recording)])
    begun = time.perf_counter()
    found = material(held, JOB, zone=ZONE)
    known = time.perf_counter()
    html = page(found)
    drawn = time.perf_counter()
    command = [sys.executable, "-m", "ami_console", "report", str(JOB)]
    subprocess.run(  # noqa: S603 - the package beside this one
        [*command, "--recording", str(recording), "--out", str(out)],
        check=True,
        capture_output=True,
    )
    whole = time.perf_counter() - drawn
    code = sum(len(script.encode()) for script in scripts())
    size = len(html.encode())
    about = f"{found.numbers['total']:,} images, {len(found.timeline):,} looks"
    return [
        Figure(
            what=f"report of {about}: read and computed",
            value=known - begun,
            unit="s",
            floor=bare_s,
            floor_is="pyarrow reads it all",
        ),
        Figure(what="the same: drawn and written", value=drawn - known, unit="s"),
        Figure(what="the same: the command as a whole", value=whole, unit="s"),
        Figure(what="size of the report", value=size / 1e6, unit="MB"),
        Figure(what="of that BokehJS and our script", value=code / 1e6, unit="MB"),
    ]


def parquet(recording: Path) -> list[Path]:
    """The Parquet files of a recording."""
    return sorted(recording.rglob("*.parquet"))


def measured(folder: Path, images: int) -> list[Figure]:
    """Record the job if that was not done, and report it."""
    recording = folder / f"recording-{images}"
    if not recording.exists():
        record(recording, images)
    return measure(recording, folder / "report.html")


def figures(*, quick: bool) -> list[Figure]:
    """What ``python -m benchmarks`` shows of it."""
    with tempfile.TemporaryDirectory() as folder:
        return measured(Path(folder), 4_000 if quick else 44_000)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=44_000)
    parser.add_argument("--into", type=Path, help="keep recording and report there")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    folder = asked.into or Path(tempfile.mkdtemp())
    try:
        show(measured(folder, asked.images), as_json=asked.json)
    finally:
        if asked.into is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
