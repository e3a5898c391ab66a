"""Looking at the files of a recording, local or remote, while a writer changes them.

A writer only ever adds a complete file, appends to the last tail segment, or deletes a file
whose content is in another already; it packs segments in their order. So a reader takes the
names, reads the tail, and takes the names again: if the parts are the same and no segment is
gone, nothing moved from tail to parts or between parts meanwhile, and what it holds is one state
of the recording.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module

import pyarrow as pa
import pyarrow.fs

from ami_console import frames
from ami_console.errors import RecordingError
from ami_console.recording import layout, parts, tail
from ami_console.recording.layout import Span

_ATTEMPTS = 200
_INFO_BYTES = 1 << 20  # of recording.json; ours has a few hundred


@dataclass(frozen=True, slots=True)
class Damage:
    """Something of a recording that could not be read, and was left out.

    Attributes:
        path: The file.
        reason: Where in it, and why; for people.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file as it was found; a changed one is another part."""

    path: str
    name: str
    day: int
    span: Span
    size: int
    changed_at: int | None


@dataclass(frozen=True, slots=True)
class View:
    """One state of one frame.

    Attributes:
        parts: What to read, none inside another, by day and age.
        tail: What is not in parts yet, oldest first.
    """

    parts: list[Part]
    tail: list[pa.Table]


class Changed(Exception):
    """A file went away between finding and reading it: what it held is elsewhere by now."""


class Store:
    """The files of one recording."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Find the recording.

        Args:
            path: A directory, or a URI that Arrow or fsspec knows (``s3://…``, ``file://…``).

        Raises:
            RecordingError: There is none, or one that this version can't read.
        """
        self.shown = without_secrets(os.fspath(path))
        self.files, self.root = filesystem(os.fspath(path), self.shown)
        self._segments: dict[int, _Segment] = {}
        self._damage: dict[tuple[str, str], Damage] = {}
        self._check()

    def view(self, name: str) -> View:
        """The present state of a frame.

        Raises:
            RecordingError: The recording is gone, or can't be reached.
        """
        for _ in range(_ATTEMPTS):
            try:
                segments, found = self._segment_files(), self._parts(name)
                self._follow(segments)
                if found == self._parts(name) and segments.keys() <= self._segment_files().keys():
                    return View(found, self._unpacked(name, segments, found))
            except Changed:
                continue
            except OSError as error:
                raise RecordingError(
                    f"The recording {self.shown} can't be read any more: {error}. Check that it "
                    "is still there, and the rights to it."
                ) from error
        raise self.too_fast()

    def damage(self) -> list[Damage]:
        """What was found damaged so far, and what the writer has set aside as such."""
        aside = {}
        for file in self._list(layout.DAMAGED):
            reason = "damaged lines that the recorder kept apart; the rest was recorded"
            if not file.base_name.endswith(".jsonl"):
                reason = "it was damaged and has been written anew"
            aside[file.path, reason] = Damage(file.path, reason)
        return list((self._damage | aside).values())

    def note_damage(self, path: str, reason: str) -> None:
        """Remember that something can't be read."""
        self._damage[path, reason] = Damage(path, reason)

    def open(self, part: Part) -> pa.NativeFile:
        """Open a part for reading.

        Raises:
            Changed: It has been merged into another meanwhile.
        """
        try:
            return self.files.open_input_file(part.path)
        except FileNotFoundError:
            raise Changed from None

    def too_fast(self) -> RecordingError:
        """That no two looks at the files were the same."""
        return RecordingError(
            f"The recording {self.shown} changes faster than it can be read; try again."
        )

    def too_much(self, name: str, rows: int, most: int) -> RecordingError:
        """That more rows are asked for than are read at once."""
        return RecordingError(
            f"The recording {self.shown} has {rows} rows of {name} in one file where it was asked "
            f"for them, and no more than {most} are read at once; ask for a shorter time, or read "
            "the files with DuckDB or Polars."
        )

    def _check(self) -> None:
        path = f"{self.root}/{layout.INFO}"
        try:
            kind = self.files.get_file_info(self.root).type
            if kind == pa.fs.FileType.File:
                raise self._none_here("it is a file")
            present = {file.base_name for file in self._list("")}
            text = self._read(path, 0, _INFO_BYTES) if layout.INFO in present else b""
        except OSError as error:
            raise RecordingError(
                f"The recording {self.shown} can't be read: {error}. Check the path and the "
                "rights to it."
            ) from error
        if kind == pa.fs.FileType.NotFound and not present:
            raise self._none_here("it does not exist")
        if layout.INFO not in present:
            raise self._none_here(f"the directory has no {layout.INFO}")
        try:
            layout.Info.parse(text).check(self.shown)
        except ValueError as error:
            ours = {layout.TAIL, *map(layout.frame_directory, frames.FRAMES)}
            if not present & ours:
                raise self._none_here(f"its {layout.INFO} is not ours ({error})") from error
            self.note_damage(path, f"{error}; the rest is read as format {layout.MAJOR}")

    def _none_here(self, why: str) -> RecordingError:
        return RecordingError(
            f"There is no recording at {self.shown}: {why}. Give the directory that "
            "`ami-console record --into` or `ami-console import --into` made."
        )

    def _list(self, directory: str, *, recursive: bool = False) -> list[pa.fs.FileInfo]:
        base = f"{self.root}/{directory}".rstrip("/")
        selector = pa.fs.FileSelector(base, allow_not_found=True, recursive=recursive)
        found: list[pa.fs.FileInfo] = self.files.get_file_info(selector)
        return found

    def _segment_files(self) -> dict[int, pa.fs.FileInfo]:
        return {
            number: file
            for file in self._list(layout.TAIL)
            if file.is_file and (number := layout.segment_number(file.base_name)) is not None
        }

    def _parts(self, name: str) -> list[Part]:
        by_day: dict[int, dict[Span, Part]] = {}
        for file in self._list(layout.frame_directory(name), recursive=True):
            span = layout.part_span(file.base_name)
            day = layout.day_of_directory(file.path.rsplit("/", 2)[-2])
            if file.is_file and span and day is not None:
                part = Part(file.path, name, day, span, file.size, file.mtime_ns)
                by_day.setdefault(day, {})[span] = part
        return [
            of_day[span]
            for _, of_day in sorted(by_day.items())
            for span in layout.outermost(list(of_day))
        ]

    def _read(self, path: str, begin: int, most: int) -> bytes:
        with self.files.open_input_file(path) as file:
            file.seek(begin)
            content: bytes = file.read(most)
            return content

    def _follow(self, files: dict[int, pa.fs.FileInfo]) -> None:
        """Read what was appended to the tail since the last time."""
        for gone in self._segments.keys() - files.keys():
            del self._segments[gone]
        for number, file in sorted(files.items()):
            segment = self._segments.get(number)
            if segment is None or segment.end > file.size:
                segment = self._segments[number] = _Segment()
            if segment.end == file.size:
                continue
            try:
                damaged = segment.follow(partial(self._read, file.path), file.size)
            except FileNotFoundError:
                raise Changed from None
            for line in damaged:
                self.note_damage(file.path, f"line {line} is damaged; it was left out")

    def _unpacked(
        self, name: str, segments: dict[int, pa.fs.FileInfo], found: list[Part]
    ) -> list[pa.Table]:
        """Tail rows of the frame, without the days of a segment that are in a part already."""
        tables = []
        for number in sorted(segments):
            span = Span(number, number)
            packed = {part.day for part in found if part.span.covers(span)}
            for table in self._segments[number].tables(name):
                if packed:
                    tables += [of_day for day, of_day in parts.by_day(table) if day not in packed]
                else:
                    tables.append(table)
        return tables


class _Segment:
    """What has been read of one tail segment."""

    def __init__(self) -> None:
        self._pieces = tail.Pieces()
        self._tables: dict[str, list[pa.Table]] = {}

    @property
    def end(self) -> int:
        """Bytes that were read: all complete lines."""
        return self._pieces.end

    def follow(self, read: Callable[[int, int], bytes], size: int) -> list[int]:
        """Take in what follows; returns the numbers of damaged lines.

        Args:
            read: Gives the bytes from a place on, so many at most.
            size: Bytes that the segment has.
        """
        found = self._pieces.follow(read, size)
        for name, pieces in found.rows.items():
            if any(map(len, pieces)) and name in frames.FRAMES:
                table, _ = parts.from_rows(name, pieces)
                self._tables.setdefault(name, []).append(table)
        return [number for number, _ in found.bad]

    def tables(self, name: str) -> list[pa.Table]:
        """Its rows of one frame."""
        held = self._tables.get(name, [])
        if len(held) > 1:
            held[:] = [pa.concat_tables(held).combine_chunks()]
        return held


def without_secrets(path: str) -> str:
    """The path; of a URI, without user, password and query."""
    scheme, separator, rest = path.partition("://")
    if not separator:
        return path
    place, slash, inner = rest.partition("?")[0].partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{inner}"


def filesystem(path: str, shown: str) -> tuple[pa.fs.FileSystem, str]:
    """The file system that a path or URI is on, and the path in it.

    Raises:
        RecordingError: It can't be reached; the message calls it ``shown``.
    """
    try:
        if "://" not in path:
            return pa.fs.LocalFileSystem(), os.path.abspath(path)
        try:
            files, root = pa.fs.FileSystem.from_uri(path)
        except pa.ArrowInvalid:
            fsspec = import_module("fsspec.core")  # not needed for what Arrow itself knows
            found, root = fsspec.url_to_fs(path)
            files = pa.fs.PyFileSystem(pa.fs.FSSpecHandler(found))
    except (OSError, ValueError, ImportError) as error:
        raise RecordingError(
            f"The recording {shown} can't be reached ({type(error).__name__}). Give a local "
            "directory or an address that Arrow knows (s3://, gs://, hdfs://, file://); for "
            "others install fsspec and its driver."
        ) from error
    return files, root.rstrip("/")
