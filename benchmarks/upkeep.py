"""Measure the upkeep of a recording: joining it, copying it, and metrics per job of it.

python -m benchmarks.upkeep                   24 hours of 20 jobs, a look every 2 s
python -m benchmarks.upkeep --hours 1 --jobs 5
python -m benchmarks.upkeep --recording DIR   of `benchmarks.recording --into DIR`; not changed
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from distributed import Client

from ami_console import many
from ami_console.recording import open_recording
from ami_console.recording.archive import archive
from ami_console.recording.upkeep import compact
from benchmarks.figures import Figure, best_of, show
from benchmarks.recording import EVERY_S, FRAMES_MEASURED, Job, write

LATER = pd.Timestamp("2027-01-01T00:00:00Z")


def state(directory: Path, when: str) -> list[Figure]:
    """Size and load time of a recording."""

    def load() -> None:
        recording = open_recording(directory)
        for name in FRAMES_MEASURED:
            recording.frame(name)

    files, megabytes = 0, 0.0
    for path in directory.rglob("*"):
        if path.is_file():
            files, megabytes = files + 1, megabytes + path.stat().st_size / 1e6
    return [
        Figure(what=f"recording {when}", value=megabytes, unit="MB"),
        Figure(what=f"files of it {when}", value=files, unit="files"),
        Figure(what=f"load it {when}", value=best_of(3, load), unit="s"),
    ]


def measure(directory: Path, copy: Path) -> list[Figure]:
    """All of it, in order."""

    def took(what: str, step: Callable[[], Any], floor: Figure | None = None) -> Figure:
        return Figure(
            what=what,
            value=best_of(1, step),
            unit="s",
            floor=None if floor is None else floor.value,
            floor_is="" if floor is None else floor.what,
        )

    told = state(directory, "as written")
    bare = took("shutil.copytree", lambda: shutil.copytree(directory, copy.with_name("bare")))
    told += [
        took("copy it", lambda: archive(directory, str(copy)), bare),
        took("copy it again", lambda: archive(directory, str(copy))),
        took("join it", lambda: compact(directory, now=LATER)),
        *state(directory, "joined"),
    ]
    told.append(
        took(
            "summaries of all jobs, here",
            lambda: many.per_job(directory, many.summary_row, progress=None),
        )
    )
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        told.append(
            took(
                "summaries of all jobs, two Dask workers",
                lambda: many.per_job(directory, many.summary_row, client=client, progress=None),
            )
        )
    return told


def measured(hours: float, count: int, recording: Path | None = None) -> list[Figure]:
    """Of a recording that is made for it, or of a copy of this one."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "recording"
        if recording is not None:
            shutil.copytree(recording, directory)
        else:
            span_s = hours * 3600
            rng = np.random.default_rng(1)
            jobs = [Job(100 + number, span_s, rng) for number in range(count)]
            write(directory, jobs, int(span_s / EVERY_S), rng)
        return measure(directory, Path(folder) / "copy")


def figures(*, quick: bool) -> list[Figure]:
    """What ``python -m benchmarks`` shows of it."""
    return measured(1 if quick else 24, 20)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--recording", type=Path, help="measure a copy of this one")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    show(measured(asked.hours, asked.jobs, asked.recording), as_json=asked.json)


if __name__ == "__main__":
    main()
