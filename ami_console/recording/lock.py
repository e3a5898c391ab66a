"""One writer per recording: a lock that the system takes back when its holder dies."""

import os
import socket
from pathlib import Path

from ami_console.errors import RecordingError


class WriterLock:
    """Holds ``recording.lock``; the file says who holds it, for people."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            RecordingError: Somebody else holds it; the message says who.
        """
        try:
            import fcntl  # noqa: PLC0415 - not on Windows, where recordings can still be read
        except ImportError:
            raise RecordingError(
                f"Can't record into {path.parent}: this system has no file locks (flock); "
                "record on Linux or macOS. Recordings can be read here."
            ) from None
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.write(self._file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        except BlockingIOError:
            holder = os.pread(self._file, 200, 0).decode(errors="replace").strip()
            os.close(self._file)
            raise RecordingError(
                f"Can't record into {path.parent}: {holder or 'another process'} is recording "
                "there. Stop it, or record into another directory."
            ) from None
        except OSError as error:
            os.close(self._file)
            raise RecordingError(
                f"Can't record into {path.parent}: locking {path.name} gave {error.strerror}. "
                "Record onto a local disk."
            ) from error

    def release(self) -> None:
        """Give the lock back; the file stays, as others may be about to take it."""
        os.close(self._file)
