"""Files of text that others made: packed or plain, whole or damaged, in whatever encoding."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from ami_console.sources.notes import Notes

CHUNK_BYTES = 1 << 18
"""A few thousand lines: so much is in the processor's cache at once."""

LONGEST_LINE_BYTES = 64 << 20
"""What a line of JSON, or a file that is one object, may have: a body of HTTP has no more."""

MOST_UNPACKED_BYTES = 16 << 30
"""How much of a packed file is unpacked: a week of the logs of all services, and more."""

UNREADABLE = (OSError, EOFError, zlib.error)
"""What reading a file may raise that is damaged, packed or not."""

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),  # what PowerShell's > writes
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def opened(path: Path) -> BufferedIOBase:
    """The file's bytes, unpacked if they are packed, whatever its name.

    Raises:
        OSError: It can't be opened.
    """
    with path.open("rb") as file:
        is_packed = file.read(len(_GZIP)) == _GZIP
    return gzip.open(path, "rb") if is_packed else path.open("rb")


def beginning(path: Path, size: int = CHUNK_BYTES) -> bytes:
    """The first bytes of the file, unpacked; as many as can be read.

    Raises:
        OSError: It can't be opened, or nothing of it can be unpacked.
    """
    read = b""
    try:
        with opened(path) as file:
            while len(read) < size and (more := file.read1(size - len(read))):
                read += more
    except UNREADABLE as error:
        if not read:
            raise OSError(reason(error)) from None
    return read


def encoding_of(first: bytes) -> str:
    """The encoding of text that begins like this."""
    return next((name for mark, name in _BYTE_ORDER_MARKS if first.startswith(mark)), "utf-8")


def chunks(path: Path, notes: Notes) -> Iterator[str]:
    """The text of a file, piece by piece; of a damaged one what can be read.

    Args:
        path: The file.
        notes: Told where it ends early, or is damaged.
    """
    done, data, limit = 0, b"", _limit_of(path)
    decoder: codecs.IncrementalDecoder | None = None
    try:
        with opened(path) as file:
            # Not read(): of a damaged file it gives nothing, not even what could be unpacked.
            while more := file.read1(CHUNK_BYTES):
                data += more
                if len(data) < CHUNK_BYTES:
                    continue
                decoder = decoder or _decoder(data)
                yield decoder.decode(data)
                done, data = done + len(data), b""
                _check(done, limit)
    except UNREADABLE as error:
        notes.damaged = True
        notes.add(
            f"{path.name} ends early or is damaged ({reason(error)}); what came before was read, "
            "copy the file again for the rest",
            f"byte {done + len(data)}",
        )
    decoder = decoder or _decoder(data)
    yield decoder.decode(data, final=True)


def byte_lines(path: Path) -> Iterator[bytes | None]:
    """The lines of a file, packed or plain; ``None`` instead of one that is too long.

    Args:
        path: The file. A byte order mark at its beginning is left out.

    Raises:
        OSError: It can't be opened or read, or unpacks to more than is read of any file.
        EOFError: It is packed and ends early.
        zlib.error: It is packed and damaged.
    """
    done, limit = 0, _limit_of(path)
    with opened(path) as file:
        while line := file.readline(LONGEST_LINE_BYTES + 1):
            if len(line) <= LONGEST_LINE_BYTES:
                yield line if done else line.removeprefix(codecs.BOM_UTF8)
            else:
                while line and not line.endswith(b"\n"):
                    done += len(line)
                    _check(done, limit)
                    line = file.readline(CHUNK_BYTES)
                yield None
            done += len(line)
            _check(done, limit)


def _limit_of(path: Path) -> int:
    """What may be read of a file: plain, its size does not surprise anybody."""
    with path.open("rb") as file:
        return MOST_UNPACKED_BYTES if file.read(len(_GZIP)) == _GZIP else 1 << 63


def _check(done: int, limit: int) -> None:
    if done > limit:
        raise OSError(f"it unpacks to more than {limit >> 30} GB")


def _decoder(first: bytes) -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(encoding_of(first))("replace")


def reason(error: BaseException) -> str:
    """What is wrong with a file, in the system's words."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or "damaged"
