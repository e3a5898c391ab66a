"""Looks to record: numbered ones, and one of every frame with every kind of value."""

import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pandas as pd

from ami_console import frames
from ami_console.batch import Batch
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading, Row
from ami_console.recording import Recording, RecordingWriter

NOON = 1_790_078_400 * NS_PER_S  # 2026-09-22T12:00:00Z
MIDNIGHT = NOON + 12 * 3600 * NS_PER_S
JOBS = (7, 8, 9)

StartRecorder = Callable[[Path, int, int, float], tuple[BaseProcess, Connection]]


def look(number: int, *, at: int | None = None, jobs: Sequence[int] = JOBS) -> Reading:
    """The look of that number, a second after the one before; ``messages`` says the number."""
    observed_at = NOON + number * NS_PER_S + 123 if at is None else at
    rows = [{"observed_at": observed_at, "job_id": job, "messages": number} for job in jobs]
    return Reading(source="nats", observed_at=observed_at, elapsed_s=0.01, rows={"consumers": rows})


def numbers(recording: Recording, job_id: int = JOBS[0]) -> list[int]:
    """The numbers of the looks that are recorded for a job, as they come."""
    return recording.frame("consumers", job_id=job_id)["messages"].tolist()


def rows_of_all_kinds(name: str, observed_at: int) -> list[Row]:
    """Rows of a frame with extreme, odd and missing values in every column."""
    kinds: dict[str, list[Any]] = {
        frames.TIME: [NOON + 1, None, 1, NOON - 999_999_999],
        frames.COUNT: [0, None, 2**63 - 1, -1],
        frames.MEASURE: [0.1, None, 1e-300, -0.0],
        frames.TEXT: ["Ünïcode 🦋 <b>&\n\x00", None, "", "x" * 5000],
        frames.FLAG: [True, None, False, True],
    }
    rows = []
    for index in range(4):
        row = {c: kinds[dtype][index] for c, dtype in frames.schema(name).items()}
        row["observed_at"] = observed_at + index
        if "job_id" in row:
            row["job_id"] = 40 - index
        rows.append(row)
    return rows


def look_of_all_kinds(observed_at: int = NOON) -> Reading:
    """A look with rows for every frame but ``reads``, which each look has anyway.

    What comes by the thousand comes as a batch of columns.
    """
    rows: dict[str, Sequence[Row]] = {}
    for name in frames.FRAMES:
        if name != "reads":
            of_all_kinds = rows_of_all_kinds(name, observed_at)
            batched = name in frames.BATCHED
            rows[name] = Batch.from_rows(of_all_kinds) if batched else of_all_kinds
    return Reading(
        source="antenna",
        observed_at=observed_at,
        ok=False,
        error="401 <b>",
        clock_offset_s=-1.5,
        rows=rows,
    )


def expected(name: str, readings: Sequence[Reading]) -> pd.DataFrame:
    """The frame that these looks make without being recorded, in the order of a recording."""
    rows = [row for reading in readings for row in reading.all_rows().get(name, [])]
    frame = frames.from_rows(name, rows)
    return frame.sort_values("observed_at", kind="stable", ignore_index=True)


def record_until(path: Path, begin: int, end: int, segment_s: float, said: Connection) -> None:
    """Record looks begin … end - 1, saying each number once it is recorded. Runs in a process."""
    with RecordingWriter(path, segment_s=segment_s) as writer:
        for number in range(begin, end):
            writer.append(look(number))
            said.send(number)
            time.sleep(0.0005)  # leaves the other side a turn on a small machine
    said.close()
