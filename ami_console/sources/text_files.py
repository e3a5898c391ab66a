"""Files of text that others made: packed or plain, whole or damaged, in whatever encoding."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from ami_console.sources.poll_log import Notes

CHUNK_BYTES = 1 << 18
"""A few thousand lines: so much is in the processor's cache at once."""

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),  # what PowerShell's > writes
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNREADABLE = (OSError, EOFError, zlib.error)


def opened(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked if they are packed, whatever its name.

    Raises:
        OSError: It can't be opened.
    """
    with path.open("rb") as file:
        is_packed = file.read(len(_GZIP)) == _GZIP
    return cast(IO[bytes], gzip.open(path, "rb")) if is_packed else path.open("rb")


def beginning(path: Path, size: int = CHUNK_BYTES) -> bytes:
    """The first bytes of the file, unpacked; as many as can be read.

    Raises:
        OSError: It can't be opened.
    """
    with opened(path) as file:
        read = b""
        try:
            while len(read) < size and (more := file.read(size - len(read))):
                read += more
        except _UNREADABLE as error:
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
    done = 0
    decoder: codecs.IncrementalDecoder | None = None
    try:
        with opened(path) as file:
            while data := file.read(CHUNK_BYTES):
                if decoder is None:
                    decoder = codecs.getincrementaldecoder(encoding_of(data))("replace")
                done += len(data)
                yield decoder.decode(data)
    except _UNREADABLE as error:
        notes.damaged = True
        notes.add(
            f"{path.name} ends early or is damaged ({reason(error)}); what came before was read, "
            "copy the file again for the rest",
            f"byte {done}",
        )
    if decoder is not None and (rest := decoder.decode(b"", final=True)):
        yield rest


def reason(error: BaseException) -> str:
    """What is wrong with a file, in the system's words."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or "damaged"
