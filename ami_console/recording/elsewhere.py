"""The place that a recording is copied to: a directory, or any filesystem that fsspec knows."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.fs

from ami_console.errors import RecordingError
from ami_console.recording import layout, parts
from ami_console.recording.layout import Info, Span
from ami_console.recording.store import filesystem, without_secrets

_BEGUN = f".{layout.INFO}.tmp"


class Elsewhere:
    """A copy of one recording as it is being made.

    Files get their names only when they are whole: a copy that was cut off is no recording, and
    can be gone on with.
    """

    def __init__(self, to: str) -> None:
        """Reach the place; nothing is written yet.

        Raises:
            RecordingError: It can't be reached.
        """
        self._to = to
        self.shown = without_secrets(to)
        self.files, self.root = filesystem(to, self.shown)

    @property
    def local_root(self) -> Path | None:
        """The directory, where it is on this machine."""
        return Path(self.root) if isinstance(self.files, pa.fs.LocalFileSystem) else None

    def begin(self, info: Info) -> None:
        """Make sure that the place is empty, or holds a copy of this recording.

        Raises:
            RecordingError: It holds something else, or can't be written to.
        """
        with self._writing():
            there = {file.base_name for file in self._list("")}
            for name in (layout.INFO, _BEGUN):
                if name in there:
                    self._check_same(info, self.read(name))
                    return
            if there:
                raise RecordingError(
                    f"{self.shown} holds other files and no {layout.INFO}. Name an empty or a "
                    "new place, or one with an earlier copy of this recording."
                )
            self.files.create_dir(self.root, recursive=True)
            self._write(_BEGUN, info.text())

    def finish(self) -> None:
        """Call the copy a recording."""
        with self._writing():
            if layout.INFO not in {file.base_name for file in self._list("")}:
                self._name(_BEGUN, layout.INFO)

    def parts(self, directory: str) -> dict[Span, str]:
        """The parts in the directory of a frame and day: file names, none inside another."""
        with self._writing():
            found = {
                span: file.base_name
                for file in self._list(directory)
                if file.is_file and (span := layout.part_span(file.base_name))
            }
        return {span: found[span] for span in layout.outermost(list(found))}

    def read(self, path: str) -> bytes:
        """The content of a file, relative to the copy."""
        with self._writing(), self.files.open_input_file(f"{self.root}/{path}") as file:
            content: bytes = file.read()
        return content

    def put(
        self, directory: str, name: str, content: bytes, check: Callable[[bytes], None]
    ) -> None:
        """Write a file, read it back, and give it its name.

        Args:
            directory: Relative to the copy; made if need be.
            name: Of the file.
            content: All of it.
            check: Called with what was read back; raises when it is not right.
        """
        passing = f"{directory}/.{name}.tmp"
        with self._writing():
            self.files.create_dir(f"{self.root}/{directory}", recursive=True)
            self._write(passing, content)
        check(self.read(passing))
        with self._writing():
            self._name(passing, f"{directory}/{name}")

    def delete(self, path: str) -> None:
        """Delete a file, relative to the copy."""
        with self._writing():
            self.files.delete_file(f"{self.root}/{path}")

    def _check_same(self, info: Info, text: bytes) -> None:
        try:
            theirs = Info.parse(text)
        except ValueError as error:
            raise RecordingError(
                f"{self.shown} holds a {layout.INFO} that is not ours ({error}). Name another "
                "place."
            ) from error
        theirs.check(self.shown, to_write=True)
        if theirs.created_at != info.created_at:
            raise RecordingError(
                f"{self.shown} holds a copy of another recording, begun {theirs.created_at}, and "
                f"this one was begun {info.created_at}. Name another place; several recordings "
                "can be read together."
            )

    def _list(self, directory: str) -> list[pa.fs.FileInfo]:
        base = f"{self.root}/{directory}".rstrip("/")
        found: list[pa.fs.FileInfo] = self.files.get_file_info(
            pa.fs.FileSelector(base, allow_not_found=True)
        )
        return found

    def _write(self, path: str, content: bytes) -> None:
        with self.files.open_output_stream(f"{self.root}/{path}") as file:
            file.write(content)

    def _name(self, passing: str, path: str) -> None:
        """Give a file its name; on this machine both are on disk before and after."""
        if self.local_root is not None:
            _on_disk(self.local_root / passing)
        self.files.move(f"{self.root}/{passing}", f"{self.root}/{path}")
        if self.local_root is not None:
            parts.sync_directory((self.local_root / path).parent)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except RecordingError:
            raise
        except Exception as error:  # each filesystem of fsspec has errors of its own
            why = (str(error) or type(error).__name__).replace(self._to, self.shown)
            raise RecordingError(
                f"Copying to {self.shown} stopped: {why}. The recording was not changed; mend "
                "that and run it again, it goes on where it was."
            ) from error


def _on_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
