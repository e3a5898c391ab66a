"""Upkeep of a recording in place: each day that is over becomes one file.

It may be done while the recording is written and read. A day is changed under the packing lock;
a join is that of :mod:`ami_console.recording.compaction`, so that it can die anywhere and nothing
is lost or doubled.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ami_console import frames
from ami_console.errors import RecordingError
from ami_console.recording import compaction, layout
from ami_console.recording.layout import Span
from ami_console.recording.lock import RecordingInUse, WriterLock, packing
from ami_console.recording.sealing import Sealer
from ami_console.recording.store import Store

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many of these are done, and how many there are."""

_TURN_S = 0.002
"""Whoever waits for the packing lock gets it in such a pause; it is not handed on by itself."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What joining made of one frame and day.

    Attributes:
        name: The frame.
        day: Days since the epoch.
        files_before: How many there were, and ``bytes_before`` of them.
        files_after: How many there are; more than one where a damaged one lies between.
    """

    name: str
    day: int
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True)
class Compacted:
    """What :func:`compact` did.

    Attributes:
        joined: The days that it changed.
        days: How many frames' days that are over there are.
        in_use: Who is recording there at the moment; ``None``: nobody, and the tail was packed.
        problems: What was found damaged, or could not be done; for people.
    """

    joined: list[Joined]
    days: int
    in_use: str | None
    problems: list[str]


def compact(
    path: str | os.PathLike[str], *, now: pd.Timestamp, progress: Progress | None = None
) -> Compacted:
    """Join the parts of each frame and UTC day that is over into one.

    Where nobody is recording, the tail is packed first, as the next recorder would do.

    Args:
        path: A local recording.
        now: Days before that of this instant are over.
        progress: Told before each frame and day.

    Raises:
        RecordingError: It is no recording, or of another version, or the disk did not take it.
    """
    home = local(path)
    try:
        in_use, problems = _pack_tail(home)
        over = [(n, day) for n, day in frames_days(home) if day < day_of(now)]
        joined = []
        for done, (name, day) in enumerate(over):
            if progress is not None:
                progress(f"{name} {shown(day)}", done, len(over))
            if change := _join(home, name, day, problems):
                joined.append(change)
                time.sleep(_TURN_S)
    except OSError as error:
        raise not_kept(home, error) from error
    return Compacted(joined, len(over), in_use, problems)


def local(path: str | os.PathLike[str]) -> Path:
    """The directory of a recording that this version may change.

    Raises:
        RecordingError: It lies elsewhere, is none, or is of another version.
    """
    text = os.fspath(path)
    if "://" in text:
        raise RecordingError(
            f"The recording {Store(text).shown} lies elsewhere and can't be changed there; copy it "
            "with `ami-console recording compact URL --to DIR`, or name a local directory."
        )
    Store(text)
    home = Path(os.path.abspath(text))
    try:
        layout.Info.parse((home / layout.INFO).read_bytes()).check(text, to_write=True)
    except (OSError, ValueError) as error:
        raise RecordingError(
            f"The recording {text} is left as it is: its {layout.INFO} can't be read ({error}). "
            f"`ami-console record --into {text}` writes it anew."
        ) from error
    return home


def day_of(instant: pd.Timestamp) -> int:
    """The UTC day of an instant, days since the epoch."""
    return int(instant.as_unit("ns").value) // layout.DAY_NS


def shown(day: int) -> str:
    """A day for people: ``2026-11-23``."""
    return layout.day_directory(day).partition("=")[2]


def frames_days(home: Path) -> list[tuple[str, int]]:
    """The frames and days of which there are directories, in order."""

    def days(name: str) -> Iterator[int]:
        of_frame = home / layout.frame_directory(name)
        for directory in of_frame.iterdir() if of_frame.is_dir() else ():
            if (day := layout.day_of_directory(directory.name)) is not None:
                yield day

    return [(name, day) for name in frames.FRAMES for day in sorted(days(name))]


def directory_of(home: Path, name: str, day: int) -> Path:
    """Where the parts of a frame and day lie."""
    return home / layout.frame_directory(name) / layout.day_directory(day)


def _pack_tail(home: Path) -> tuple[str | None, list[str]]:
    """Pack the tail, unless somebody is recording; returns who, and what was found damaged."""
    try:
        lock = WriterLock(home / layout.LOCK)
    except RecordingInUse:
        holder = (home / layout.LOCK).read_text(errors="replace").strip()
        return holder or "another process", []
    try:
        sealer = Sealer(home)
        sealer.finish(sealer.recover())
    finally:
        lock.release()
    return None, [*sealer.problems, *([sealer.trouble] if sealer.trouble else [])]


def _join(home: Path, name: str, day: int, problems: list[str]) -> Joined | None:
    """Join a day; ``None`` when it is one file already, or none."""
    directory = directory_of(home, name, day)
    with packing(home):
        if not directory.is_dir():
            return None
        compaction.remove_leftovers(directory)
        before = compaction.parts_in(directory)
        bytes_before = size_of(before.values())
        damaged: set[Span] = set()
        while run := _mergeable(list(compaction.parts_in(directory)), damaged):
            try:
                compaction.merge(directory, name, run)
            except compaction.UnreadablePart as error:
                held = compaction.parts_in(directory)
                damaged |= {span for span in run if held[span] == error.path}
                problems.append(f"{error.path} is damaged and left as it is: {error.reason}")
        after = compaction.parts_in(directory)
        if before.keys() == after.keys():
            return None
        return Joined(name, day, len(before), len(after), bytes_before, size_of(after.values()))


def _mergeable(spans: list[Span], damaged: Collection[Span]) -> list[Span]:
    """The first neighbours with nothing damaged between them; empty when there are none."""
    run: list[Span] = []
    for span in spans:
        if span not in damaged:
            run.append(span)
        elif len(run) > 1:
            break
        else:
            run = []
    return run if len(run) > 1 else []


def size_of(files: Iterable[Path]) -> int:
    """Bytes of some files."""
    return sum(file.stat().st_size for file in files)


def not_kept(home: Path, error: OSError) -> RecordingError:
    """That the disk did not take a change."""
    return RecordingError(
        f"Upkeep of {home} stopped: {error}. Nothing is lost; mend that and run it again."
    )
