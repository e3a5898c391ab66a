"""The writer of a recording: a look is safe from the death of this process once it is appended."""

import os
import re
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from ami_console import frames
from ami_console.errors import RecordingError
from ami_console.reading import Reading
from ami_console.recording import layout, parts, tail
from ami_console.recording.lock import WriterLock
from ami_console.recording.sealing import Sealer

SEGMENT_BYTES = 8 << 20
BATCH_READINGS = 200


class RecordingWriter:
    """Appends readings to the recording in a directory; the only one that does so at a time.

    Appending is one write to the tail. Packing the tail into Parquet happens on another thread
    and never holds up a look; should it fail, nothing is lost and :attr:`trouble` says why.
    May be used from any thread.
    """

    def __init__(self, path: str | os.PathLike[str], *, segment_s: float = 120.0) -> None:
        """Open the recording, or begin one.

        Args:
            path: A local directory: a recording, or empty, or not there yet.
            segment_s: How long looks are gathered in the tail before they are packed, seconds.

        Raises:
            RecordingError: The directory is something else, belongs to another version, is in
                use by another writer, or can't be written to.
        """
        self._path = Path(path)
        self._segment_s = segment_s
        self._tail = self._path / layout.TAIL
        self._mutex = threading.Lock()
        self._file: int | None = None
        self._size = 0
        self._begun_at = 0.0
        self._closed = False
        _check_directory(self._path)
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            self._lock = WriterLock(self._path / layout.LOCK)
        except OSError as error:
            raise _not_opened(self._path, error) from error
        try:
            note = _prepare(self._path)
            self._tail.mkdir(exist_ok=True)
            self._sealer = Sealer(self._path)
            self._number = self._sealer.recover()
            if note:
                self._sealer.note(note)
        except OSError as error:
            self._lock.release()
            raise _not_opened(self._path, error) from error
        except BaseException:
            self._lock.release()
            raise
        self._sealer.seal_before(self._number)

    @property
    def path(self) -> Path:
        """The directory of the recording."""
        return self._path

    @property
    def trouble(self) -> str | None:
        """Why looks can't be packed at present (a full disk, say); ``None`` when all is well.

        They are safe in the tail, and packing is tried again with every segment.
        """
        return self._sealer.trouble

    @property
    def problems(self) -> Sequence[str]:
        """What was found damaged, or did not fit its frame, while packing; for people."""
        return tuple(self._sealer.problems)

    def append(self, reading: Reading) -> None:
        """Record one look.

        Raises:
            RecordingError: It could not be written, and is lost; the message says why. The next
                one is tried anew.
            FrameError: It has rows for a frame that does not exist.
        """
        self.append_many((reading,))

    def append_many(self, readings: Iterable[Reading]) -> None:
        """Record looks, in this order.

        Raises:
            RecordingError: One could not be written; it and all after it are lost.
            FrameError: One has rows for a frame that does not exist; it and all after it are lost.
        """
        written = 0
        batch: list[bytes] = []
        try:
            for reading in readings:
                for name in reading.rows:
                    frames.schema(name)
                batch.append(tail.encode(reading))
                if len(batch) == BATCH_READINGS:
                    full, batch = batch, []
                    self._write(full, written)
                    written += len(full)
        finally:
            if batch:
                self._write(batch, written)

    def seal(self, *, wait: bool = False) -> None:
        """Have the tail as it is now packed into Parquet, for programs that read only that.

        Args:
            wait: Return when it is done (or has failed, see :attr:`trouble`), not at once.
        """
        with self._mutex:
            self._check_open()
            self._end_segment()
            sealing = self._sealer.seal_before(self._number)
        if wait:
            sealing.result()

    def close(self) -> None:
        """Pack the tail and let go of the directory; doing it twice does no harm.

        Where packing fails, :attr:`trouble` says why, and the next writer does it.
        """
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            self._end_segment()
        try:
            self._sealer.finish(self._number)
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise RecordingError(f"The recorder of {self._path} is closed; open a new one.")

    def _write(self, lines: list[bytes], written_before: int) -> None:
        with self._mutex:
            self._check_open()
            try:
                self._segment_due()
                self._write_whole(b"".join(lines))
            except OSError as error:
                why = error.strerror or error
                lost = "this look is lost"
                if len(lines) > 1 or written_before:
                    lost = f"{written_before} readings are recorded, those after them are lost"
                raise RecordingError(
                    f"Writing to {self._tail} gave: {why}; {lost}. Make room there or record "
                    "elsewhere; what is recorded stays, and the next look is tried anew."
                ) from error

    def _segment_due(self) -> None:
        age_s = time.monotonic() - self._begun_at
        if self._size and (age_s >= self._segment_s or self._size >= SEGMENT_BYTES):
            self._end_segment()
            self._sealer.seal_before(self._number)
        if self._file is None:
            path = self._tail / layout.segment_file(self._number)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
            self._size = 0
            self._begun_at = time.monotonic()

    def _end_segment(self) -> None:
        """Let the present segment be; the next look begins another."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            self._size = 0
            self._number += 1

    def _write_whole(self, content: bytes) -> None:
        """Write all or nothing: a piece that did not fit is taken back."""
        assert self._file is not None  # noqa: S101
        try:
            done = os.write(self._file, content)
            while done < len(content):
                done += os.write(self._file, content[done:])
        except OSError:
            try:
                os.ftruncate(self._file, self._size)
            except OSError:
                self._end_segment()  # with a torn last line, which readers know to leave out
            raise
        self._size += done


def _not_opened(path: Path, error: OSError) -> RecordingError:
    return RecordingError(
        f"Can't record into {path}: {error.strerror or error}. Choose a directory that can be "
        "written to."
    )


def _check_directory(path: Path) -> None:
    """Refuse to put a recording among somebody else's files, before anything is touched."""
    if re.match(r"[a-z][a-z0-9+.-]+:/", os.fspath(path)):
        raise RecordingError(
            f"Can't record into {path}: recordings are written to a local directory; copy them "
            "elsewhere when they are done."
        )
    try:
        present = {entry.name for entry in path.iterdir()} if path.is_dir() else set()
    except OSError as error:
        raise _not_opened(path, error) from error
    begun = {layout.LOCK, layout.TAIL, f".{layout.INFO}.tmp"}  # died before it had its info file
    if layout.INFO not in present and present - begun:
        raise RecordingError(
            f"Can't record into {path}: it holds other files and no {layout.INFO}. Choose an "
            "empty or a new directory."
        )


def _prepare(path: Path) -> str | None:
    """Have a right info file; returns what was wrong with the one that was there."""
    info, note = path / layout.INFO, None
    if info.exists():
        text = info.read_bytes()
        try:
            found = layout.Info.parse(text)
        except ValueError as error:
            set_aside = path / layout.DAMAGED / layout.INFO
            set_aside.parent.mkdir(exist_ok=True)
            set_aside.write_bytes(text)
            note = f"{info} was damaged ({error}); it is written anew, the old one is {set_aside}"
            found = layout.Info(layout.MAJOR, layout.MINOR, None)
        else:
            found.check(str(path), to_write=True)
            if (found.major, found.minor) == (layout.MAJOR, layout.MINOR):
                return None
        found = replace(found, major=layout.MAJOR, minor=layout.MINOR)
    else:
        found = layout.Info.new()
    write_info(path, found)
    return note


def write_info(path: Path, info: layout.Info) -> None:
    """Write the info file of a recording, whole or not at all."""
    unfinished = path / f".{layout.INFO}.tmp"
    with unfinished.open("wb") as file:
        file.write(info.text())
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path / layout.INFO)
    parts.sync_directory(path)
