"""What a death left of a recording, held against what was said to be in it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from ami_console.reading import SourceName
from ami_console.recording import open_recording
from ami_console.recording.layout import INFO, part_span
from benchmarks.crashing import FRAME_OF, JOBS, SOURCES, looked_at_ns

KEYS: Mapping[str, list[str]] = {
    "stages": ["observed_at", "job_id", "total"],
    "consumers": ["observed_at", "job_id", "messages"],
    "counters": ["observed_at", "job_id", "total"],
    "reads": ["observed_at", "source"],
}
"""Frame → the columns that tell its rows apart."""

Counts = Mapping[SourceName, int]
"""Source → looks."""

_Key = tuple[Any, ...]


@dataclass(slots=True)
class Tally:
    """What came of some deaths.

    Attributes:
        deaths: How many.
        looks: That were said to be recorded, or were there before.
        in_flight: Looks that had been taken and are not there, over all deaths.
        in_flight_max: The most of one death.
        lost: Looks that were said to be recorded, and are not there.
        twice: Rows that are there more than once.
        invented: Rows that nobody recorded, or looks of which only some rows are there.
        damaged: Files that the library left out.
        twice_to_others: Deaths after which another engine would have counted rows twice until
            the next recorder, as a join was cut off between its two halves.
        not_opened: Recordings that the library, pyarrow or the next recorder could not open.
        hung: Processes that did not end.
        opened_ms_max: The longest that opening and reading all took, milliseconds.
        ended_ms_max: The longest that one took to end after SIGTERM, milliseconds.
        problems: What is not right, in words.
    """

    deaths: int = 0
    looks: int = 0
    in_flight: int = 0
    in_flight_max: int = 0
    lost: int = 0
    twice: int = 0
    invented: int = 0
    damaged: int = 0
    twice_to_others: int = 0
    not_opened: int = 0
    hung: int = 0
    opened_ms_max: float = 0.0
    ended_ms_max: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is lost but one look in flight, and nothing is wrong."""
        wrong = (self.lost, self.twice, self.invented, self.damaged, self.not_opened, self.hung)
        return not any(wrong) and self.in_flight_max <= 1 and not self.problems

    def add(self, other: "Tally") -> None:
        """Take another's in."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            whole = max(mine, theirs) if each.name.endswith("_max") else mine + theirs
            setattr(self, each.name, whole)


def looks_in(path: Path) -> dict[SourceName, int]:
    """How many looks of each source a recording has."""
    if not (path / INFO).exists():
        return dict.fromkeys(SOURCES, 0)  # it died before it had begun
    reads = open_recording(path).frame("reads")
    return {name: int((reads["source"] == name).sum()) for name in SOURCES}


def compare(paths: Sequence[Path], taken: Counts, recorded: Counts, tally: Tally) -> None:
    """Count what is there, and hold it against what a recorder has said.

    Args:
        paths: A recording, or one and its archive.
        taken: Looks that were taken.
        recorded: Looks that were said to be recorded.
        tally: What is found is put down there.
    """
    began = time.monotonic()
    there = [path for path in paths if (path / INFO).exists()]
    if not there:  # died before it had begun
        tally.not_opened += int(any(taken.values()))
        return
    try:
        recording = open_recording(*there)
        found = {name: recording.frame(name) for name in KEYS}
        tally.opened_ms_max = (time.monotonic() - began) * 1e3
        alone = [(name, _by_pyarrow(path, name)) for path in there for name in KEYS]
    except Exception as error:  # whatever it is, it is counted and shown
        tally.not_opened += 1
        tally.problems.append(f"{there}: {type(error).__name__}: {error}")
        return
    tally.damaged += len(recording.damaged)
    for source in SOURCES:
        looks = _check(source, found, tally)
        tally.looks += looks
        tally.lost += max(0, recorded[source] - looks)
        tally.invented += max(0, looks - taken[source])
        tally.in_flight += max(0, taken[source] - looks)
    tally.in_flight_max = tally.in_flight
    for name, rows in alone:
        tally.twice_to_others |= len(set(rows)) < len(rows)
        tally.invented += len(set(rows) - set(_keys(found[name], name)))


def _check(source: SourceName, found: Mapping[str, pd.DataFrame], tally: Tally) -> int:
    """Count the looks of a source; each must be there whole, once, in its place."""
    name, column = FRAME_OF[source]
    rows, reads = found[name], found["reads"][found["reads"]["source"] == source]
    numbers = reads["requests"].to_numpy(dtype="int64", na_value=-1)
    looks = len(set(numbers))
    tally.twice += len(numbers) - looks + int(rows.duplicated(["job_id", column]).sum())
    tally.invented += int((np.unique(numbers) != np.arange(looks)).sum())
    tally.invented += abs(len(rows) - len(JOBS) * len(numbers))
    for frame, told in ((rows, rows[column]), (reads, reads["requests"])):
        at_ns = frame["observed_at"].dt.tz_localize(None).to_numpy("M8[ns]").view("int64")
        due_ns = looked_at_ns(told.to_numpy(dtype="int64", na_value=-1))
        tally.invented += int((at_ns != due_ns).sum())
    return looks


def _by_pyarrow(path: Path, name: str) -> list[_Key]:
    """What all Parquet files of a frame hold, as another engine reads them."""
    files = [f for f in (path / f"frame={name}").rglob("*.parquet") if part_span(f.name)]
    tables = [pq.ParquetFile(file).read(columns=KEYS[name]) for file in files]
    return [key for table in tables for key in _keys(table.to_pandas(), name)]


def _keys(rows: pd.DataFrame, name: str) -> list[_Key]:
    at_ns = rows["observed_at"].dt.tz_localize(None).to_numpy("M8[ns]").view("int64").tolist()
    rest = (rows[column].tolist() for column in KEYS[name][1:])
    return list(zip(at_ns, *rest, strict=True))
