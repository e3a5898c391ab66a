"""One file that others write to: what was appended since it was last read."""

import codecs
import os
import stat
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

from ami_console.batch import Batch
from ami_console.logs import LogParser
from ami_console.logs.streams import hint_of

FIRST_BYTES = 2 << 20
"""How far the first look at a file goes back."""

MOST_BYTES = 8 << 20
"""What one look reads of a file at most; the next goes on from there."""

_KNOWN_BY = 256  # bytes at its beginning by which a file is known again


class FollowedFile:
    """A log file, followed through its rotations. Reads when it is told to, and blocks then.

    A file that was moved away is read to its end before the new one of its name is begun; one
    that was cut to nothing and written anew is read from its beginning.
    """

    def __init__(self, path: Path, zone: ZoneInfo) -> None:
        """Open nothing yet.

        Args:
            path: Where the file is, or will be.
            zone: Zone of naive times in it.
        """
        self.path = path
        self._zone = zone
        self._file: IO[bytes] | None = None
        self._at = 0
        self._beginning = b""
        self._was_read = False
        self._begin_anew()

    def read(self, observed_at: int) -> tuple[list[Batch], int]:
        """What came since the last look.

        Args:
            observed_at: Now, ns since the epoch.

        Returns:
            Rows of ``log_events``, and how many bytes were read. The last entry waits for the
            next look: it may get more lines until then.

        Raises:
            OSError: The file is not there, is no file, or can't be read.
        """
        batches: list[Batch] = []
        size = 0
        self._parser.observed_at = observed_at
        if self._file is not None and self._was_replaced():
            size += self._read_on(batches)
            self._end(batches)
        if self._was_rewritten():
            self._end(batches)
        if self._file is None:
            try:
                self._open()
            except OSError:
                if not any(len(batch) for batch in batches):
                    raise
                # The end of the old file is not to be lost; the next look tells of the new one.
        self._parser.observed_at = observed_at
        came = self._read_on(batches)
        if not came:
            batches.append(self._parser.flush())
        return [batch for batch in batches if len(batch)], size + came

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin_anew(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        # Any instant will do: it is set anew before every look.
        self._parser = LogParser(self._zone, source_hint=hint_of(self.path.name), observed_at=0)

    def _open(self) -> None:
        status = os.stat(self.path)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is no file")
        self._file = self.path.open("rb", buffering=0)
        self._beginning = self._file.read(_KNOWN_BY)
        self._at = 0
        if not self._was_read and status.st_size > FIRST_BYTES:
            self._at = status.st_size - FIRST_BYTES
            self._file.seek(self._at)
            cut = self._file.read(1 << 16)
            self._at += cut.find(b"\n") + 1  # a line of which the beginning is missing
        self._was_read = True

    def _end(self, batches: list[Batch]) -> None:
        """Nothing more comes from the file that is open."""
        batches.append(self._parser.finish())
        self.close()
        self._begin_anew()

    def _was_replaced(self) -> bool:
        """Whether another file has the name now, or none has."""
        try:
            named = os.stat(self.path)
        except FileNotFoundError:
            return True
        held = os.fstat(self._file.fileno()) if self._file is not None else named
        return (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino)

    def _was_rewritten(self) -> bool:
        """Whether the file was cut, or overwritten from its beginning."""
        if self._file is None:
            return False
        if os.fstat(self._file.fileno()).st_size < self._at:
            return True
        self._file.seek(0)
        first = self._file.read(_KNOWN_BY)
        if first[: len(self._beginning)] != self._beginning:
            return True
        self._beginning = first
        return False

    def _read_on(self, batches: list[Batch]) -> int:
        if self._file is None:
            return 0
        self._file.seek(self._at)
        data = self._file.read(MOST_BYTES)
        self._at += len(data)
        if data:
            batches.append(self._parser.feed(self._decoder.decode(data)))
        return len(data)
