"""Who may change a recording: locks that the system takes back when their holder dies.

Two of them. The writer's says who appends, for as long as it does. The packing lock is held for
the short while in which parts are made, joined or removed; so upkeep can do that beside a
writer, whose looks go into the tail meanwhile.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from ami_console.errors import RecordingError
from ami_console.recording.layout import PACKING


class RecordingInUse(RecordingError):
    """Another process is recording there."""


@contextmanager
def packing(directory: Path) -> Iterator[None]:
    """Be alone among those who make, join or remove parts of a recording; waits for its turn.

    Raises:
        RecordingError: This system has no such locks.
        OSError: The directory is gone, or can't be locked.
    """
    fcntl = _locks(directory)
    held = os.open(directory / PACKING, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _locks(directory: Path) -> ModuleType:
    try:
        import fcntl  # noqa: PLC0415 - not on Windows, where recordings can still be read
    except ImportError:
        raise RecordingError(
            f"Can't record into {directory}: this system has no file locks (flock); "
            "record on Linux or macOS. Recordings can be read here."
        ) from None
    return fcntl


class WriterLock:
    """Holds ``recording.lock``; the file says who holds it, for people."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            RecordingInUse: Somebody else holds it; the message says who.
            RecordingError: It can't be locked.
        """
        fcntl = _locks(path.parent)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._say_who()
        except BlockingIOError:
            holder = os.pread(self._file, 200, 0).decode(errors="replace").strip()
            os.close(self._file)
            raise RecordingInUse(
                f"Can't record into {path.parent}: {holder or 'another process'} is recording "
                "there. Stop it, or record into another directory."
            ) from None
        except OSError as error:
            os.close(self._file)
            raise RecordingError(
                f"Can't record into {path.parent}: locking {path.name} gave {error.strerror}. "
                "Record onto a local disk."
            ) from error

    def _say_who(self) -> None:
        with suppress(OSError):  # a full disk: looks may fit again before long
            os.ftruncate(self._file, 0)
            os.write(self._file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())

    def release(self) -> None:
        """Give the lock back; the file stays, as others may be about to take it."""
        os.close(self._file)
