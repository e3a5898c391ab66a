"""Old days of a recording: which there are, and their removal.

Never the present day, never the tail, and never a day that has changed since it was looked at.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ami_console.recording import compaction, layout, parts
from ami_console.recording.lock import packing
from ami_console.recording.upkeep import (
    Progress,
    day_of,
    directory_of,
    frames_days,
    local,
    not_kept,
    shown,
    size_of,
)
from ami_console.recording.writer import write_info


@dataclass(frozen=True, slots=True)
class DayFiles:
    """The parts of one frame and UTC day.

    Attributes:
        name: The frame.
        day: Days since the epoch.
        files: None inside another, in order.
        rows: In all of them; ``None`` where one is damaged.
        bytes: Of all of them.
    """

    name: str
    day: int
    files: tuple[Path, ...]
    rows: int | None
    bytes: int


def old_days(
    path: str | os.PathLike[str],
    *,
    older_than_days: int,
    now: pd.Timestamp,
    progress: Progress | None = None,
) -> list[DayFiles]:
    """The whole UTC days of each frame that ended so many days ago, or before.

    Args:
        path: A local recording.
        older_than_days: At least 1, so that the present day is never among them.
        now: Ages are counted back from this instant.
        progress: Told before each frame and day, as all of it is read: the checksum is
            verified before anything in a file is believed.

    Raises:
        RecordingError: It is no recording, or of another version.
        ValueError: Less than a day.
    """
    if older_than_days < 1:
        raise ValueError("the present day is not removed: at least 1 day")
    home = local(path)
    first_kept = day_of(now - pd.Timedelta(days=older_than_days))
    try:
        old = [(n, day) for n, day in frames_days(home) if day < first_kept]
        found = []
        for done, (name, day) in enumerate(old):
            if progress is not None:
                progress(f"{name} {shown(day)}", done, len(old))
            found.append(_day_files(home, name, day))
    except OSError as error:
        raise not_kept(home, error) from error
    return [each for each in found if each.files]


def remove(path: str | os.PathLike[str], days: Collection[DayFiles]) -> list[DayFiles]:
    """Remove days from a recording, unless they have changed since they were looked at.

    Args:
        path: A local recording.
        days: What :func:`old_days` found.

    Returns:
        Those that were not removed, as they have other files by now.

    Raises:
        RecordingError: Something could not be removed; the message says what.
    """
    home = local(path)
    kept = []
    try:
        _remember_numbers(home)
        for each in days:
            directory = directory_of(home, each.name, each.day)
            with packing(home):
                if set(compaction.parts_in(directory).values()) != set(each.files):
                    kept.append(each)
                    continue
                compaction.remove_leftovers(directory)  # else they would come to light
                for file in each.files:
                    file.unlink()
                parts.sync_directory(directory)
                if not any(directory.iterdir()):
                    directory.rmdir()
    except OSError as error:
        raise not_kept(home, error) from error
    return kept


def _day_files(home: Path, name: str, day: int) -> DayFiles:
    with packing(home):  # so that none is merged away meanwhile
        files = tuple(compaction.parts_in(directory_of(home, name, day)).values())
        return DayFiles(name, day, files, _rows(name, files), size_of(files))


def _rows(name: str, files: Collection[Path]) -> int | None:
    rows = 0
    for file in files:
        try:
            rows += compaction.rows_in(file.read_bytes(), file.name)
        except Exception:  # a damaged file can fail in any way
            return None
    return rows


def _remember_numbers(home: Path) -> None:
    """Keep the highest segment number, as it may be about to go."""
    with packing(home):
        highest = max(
            (
                span.last
                for name, day in frames_days(home)
                for span in compaction.parts_in(directory_of(home, name, day))
            ),
            default=0,
        )
        info = layout.Info.parse((home / layout.INFO).read_bytes())
        if highest > info.segments_pruned:
            write_info(home, replace(info, segments_pruned=highest))
