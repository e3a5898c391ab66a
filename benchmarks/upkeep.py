"""Measure the upkeep of a recording: joining it, copying it, and metrics per job of it.

python -m benchmarks.upkeep                   24 hours of 20 jobs, a look every 2 s
python -m benchmarks.upkeep --hours 1 --jobs 5
python -m benchmarks.upkeep --recording DIR   of `benchmarks.recording --into DIR`; not changed
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
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
from benchmarks.recording import EVERY_S, FRAMES_MEASURED, Job, best_of, size, write

LATER = pd.Timestamp("2027-01-01T00:00:00Z")


def load_all_s(directory: Path) -> float:
    """Seconds to open a recording and load its frames."""

    def load() -> None:
        recording = open_recording(directory)
        for name in FRAMES_MEASURED:
            recording.frame(name)

    return best_of(3, load)


def state(directory: Path) -> dict[str, Any]:
    """Size and load time of a recording."""
    disk = size(directory)
    return {**{k: disk[k] for k in ("megabytes", "files")}, "load_all_s": load_all_s(directory)}


def took_s(step: Callable[[], Any]) -> float:
    """Seconds that a step took, once."""
    begun = time.perf_counter()
    step()
    return round(time.perf_counter() - begun, 2)


def measure(directory: Path, copy: Path) -> dict[str, Any]:
    """All of it, in order."""
    result: dict[str, Any] = {"before": state(directory)}
    result["copy_s"] = took_s(lambda: archive(directory, str(copy)))
    result["copy_again_s"] = took_s(lambda: archive(directory, str(copy)))
    result["compact_s"] = took_s(lambda: compact(directory, now=LATER))
    result["after"] = state(directory)
    summaries = [
        took_s(lambda: many.per_job(directory, many.summary_row, progress=None)),
    ]
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        summaries.append(
            took_s(lambda: many.per_job(directory, many.summary_row, client=client, progress=None))
        )
    result["summaries_of_all_jobs_s"] = dict(zip(("here", "two_workers"), summaries, strict=True))
    return result


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--recording", type=Path, help="measure a copy of this one")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        directory = folder / "recording"
        if asked.recording is not None:
            shutil.copytree(asked.recording, directory)
        else:
            span_s = asked.hours * 3600
            rng = np.random.default_rng(1)
            jobs = [Job(100 + number, span_s, rng) for number in range(asked.jobs)]
            write(directory, jobs, int(span_s / EVERY_S), rng)
        json.dump(measure(directory, folder / "copy"), sys.stdout, indent=2)
        print()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
