"""Measure the log parser: a job's log, a log of Celery and output of docker compose logs.

    python -m benchmarks.logs                  1,000,000 lines of a job's log, 300,000 of the others
    python -m benchmarks.logs --lines 100000 --json

Lines are worded as Antenna words them, 20 for each image, with numbers that move. The floor is to
read the same file with one regular expression that only takes time, level and message apart, and
keeps nothing.
"""

import argparse
import random
import re
import resource
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ami_console.sources.log_files import Told, read_log
from benchmarks.figures import Figure, show

ZONE = ZoneInfo("America/New_York")
BEGIN = datetime(2026, 9, 22, tzinfo=UTC)
STORED_AT = 1_790_035_200_000_000_000
CLIENT = "user=operator@example.org, token_id=f34f83a8…"
PREFIX = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:,\d+: )?\]? ?(\w+)\S* (.*)")
COMPOSED = re.compile(r"([\w-]+) +\| \[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+: (\w+)\S* (.*)")


def image_lines(job: int, number: int, total: int, rng: random.Random) -> Iterator[str]:
    """What is logged while one image is saved."""
    share = 100 * number / total
    subject = (
        f"$JS.ACK.job_{job}.job-{job}-consumer.1.{number}.{number}."
        f"{STORED_AT + number * 1_234_567}.{total - number}"
    )
    task, crops = (uuid.UUID(int=rng.getrandbits(128)) for _ in range(2))
    found = rng.randrange(4)
    hours, minutes, seconds = number // 14_400, number // 240 % 60, number // 4 % 60
    elapsed = f"{hours}h {minutes:02d}m {seconds:02d}s" if hours else f"{minutes}m {seconds:02d}s"
    rate = (
        f"Job {job} throughput: elapsed={elapsed}, "
        f"processed={number}/{total}, rate={rng.uniform(200, 300):.1f} imgs/min, ETA=0m 39s"
    )
    if number % 8 == 1:
        yield f"Tasks fetched: requested=8, delivered=8, {CLIENT}"
    yield f"Queued pipeline result: task_id={task}, reply_subject={subject}, {CLIENT}"
    yield f"Updated job {job} progress in stage 'process' to {share}%"
    yield rate
    yield f"Processing pipeline result for job {job}, reply_subject: {subject}"
    yield (
        f" Job {job} progress: {number}/{total} images processed ({share}%), {total - number} "
        "remaining, 0 failed, 1 just processed"
    )
    yield "Saving results from pipeline fake_moths_2024"
    yield "Algorithms registered for pipeline: \nfake_detector, fake_moth_filter, fake_species"
    yield f"Created {found} new detections, updated 0 existing detections, for 1 source image(s)"
    yield (
        f"Created {found} new classifications, updated 0 existing classifications for {found} "
        "detections."
    )
    if found:
        yield f"Determining occurrences for {found} detections for source image {10**6 + number}"
        yield f"Created {found} new occurrences"
        yield f"Updated {found} detections with occurrences"
        yield f"Updated the determination of {found} occurrences, left 0 unchanged"
    yield f"Creating detection images in sub-task {crops}"
    yield "Created 0 new detections, updated 0 existing detections, for 0 source image(s)"
    yield (
        'Saved results from pipeline #1 "Fake Moths 2024" (fake_moths_2024) v1 in '
        f"{rng.uniform(0.3, 1):.2f} seconds"
    )
    yield f"Successfully saved results for job {job}"
    yield f"Updated job {job} progress in stage 'results' to {share}%"
    yield rate
    yield f"Successfully acknowledged task via NATS: {subject}"


def write(path: Path, lines: int, prefix: Callable[[datetime, int], str]) -> int:
    """Write a log of so many entries; returns the bytes."""
    rng = random.Random(1)  # noqa: S311
    job, total, written, number = 117, lines // 18 + 1, 0, 0
    with path.open("w") as file:
        while written < lines:
            number += 1
            at = BEGIN + timedelta(seconds=number * 0.25)
            for message in image_lines(job, number, total, rng):
                before, service = prefix(at, written), ""
                if "|" in before:
                    service = before[: before.index("|") + 2]
                file.write(before + message.replace("\n", f"\n{service}") + "\n")
                written += 1
    return path.stat().st_size


def parsed(path: Path) -> int:
    """Read with the parser; entries."""
    told = Told()
    count = sum(len(reading.rows["log_events"]) for reading in read_log(path, zone=ZONE, told=told))
    if told.unknown:
        raise SystemExit(f"{told.unknown} lines of {path.name} were not understood")
    return count


def matched(path: Path, pattern: re.Pattern[str]) -> int:
    """Read with one regular expression; lines that it fits."""
    count = 0
    with path.open() as file:
        for line in file:
            if found := pattern.match(line):
                found.groups()
                count += 1
    return count


def best_of(times: int, step: Callable[[], int]) -> tuple[float, int]:
    """Least processor time of the step, seconds, and what it gave."""
    taken, gave = [], 0
    for _ in range(times):
        begun = time.process_time()
        gave = step()
        taken.append(time.process_time() - begun)
    return min(taken), gave


SHAPES: dict[str, tuple[float, re.Pattern[str], Callable[[datetime, int], str]]] = {
    "job log": (1, PREFIX, lambda at, _: f"[{at:%Y-%m-%d %H:%M:%S}] INFO "),
    "Celery log": (
        0.3,
        PREFIX,
        lambda at, n: f"[{at:%Y-%m-%d %H:%M:%S},{n % 1000:03d}: INFO/ForkPoolWorker-{n % 3 + 1}] ",
    ),
    "compose logs": (
        0.3,
        COMPOSED,
        lambda at, n: (
            f"celeryworker-{n % 2 + 1}  | [{at:%Y-%m-%d %H:%M:%S},{n % 1000:03d}: "
            f"INFO/ForkPoolWorker-{n % 3 + 1}] "
        ),
    ),
}


def measure(lines: int, times: int) -> list[Figure]:
    """A figure per kind of log."""
    told = []
    with tempfile.TemporaryDirectory() as directory:
        for name, (share, pattern, prefix) in SHAPES.items():
            path = Path(directory) / f"{name.replace(' ', '_')}.log"
            size = write(path, int(lines * share), prefix)
            bare_s, _ = best_of(times, lambda path=path, p=pattern: matched(path, p))  # type: ignore[misc]
            whole_s, entries = best_of(times, lambda path=path: parsed(path))  # type: ignore[misc]
            told.append(
                Figure(
                    what=f"{name}, {entries:,} lines, {size / 1e6:.0f} MB",
                    value=whole_s,
                    unit="s",
                    floor=bare_s,
                    floor_is="one regular expression",
                )
            )
            path.unlink()
    most_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told.append(Figure(what="most memory while reading logs", value=most_mb, unit="MB"))
    return told


def figures(*, quick: bool) -> list[Figure]:
    """What ``python -m benchmarks`` shows of it."""
    return measure(100_000 if quick else 1_000_000, 1 if quick else 3)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3, help="how often each reading is repeated")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    show(measure(asked.lines, asked.times), as_json=asked.json)


if __name__ == "__main__":
    main()
