"""The tail: one line of JSON per reading, each with a checksum of itself.

``{"crc32":"1c291ca3","observed_at":1790000000000000000,"rows":{"reads":[{…}],…}}``

Rows that came as a batch stand there by column: ``{"length":…,"columns":{…},"constants":{…}}``.
The checksum is that of the line without it, ``{"observed_at":…}``. A last line without its
newline is the look in flight when the writer died; any other line that does not fit its
checksum is damaged.
"""

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import pandas as pd

from ami_console import instants
from ami_console.batch import Batch
from ami_console.errors import RecordingError
from ami_console.reading import Reading, Row

_HEAD = b'{"crc32":"'
PIECE_BYTES = 16 << 20
"""So much of a segment is read at once; the writer begins another after 8 MB."""

LONGEST_LINE_BYTES = 256 << 20
"""What a line may have. The longest looks are of log files, 8 MB of each, and of the tap."""

_KEPT_OF_LONG = 1 << 16  # bytes of a line that is too long, as evidence

_BODY_AT = len(_HEAD) + 8 + 2  # eight hex digits, then `",`
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_PASSTHROUGH_DATETIME


def encode(reading: Reading) -> bytes:
    """The line of one reading, newline included.

    Raises:
        RecordingError: A row holds a value that no frame can hold, or all are too much.
    """
    rows = {name: _said(held) for name, held in reading.all_rows().items()}
    said = {"observed_at": reading.observed_at, "rows": rows}
    try:
        try:
            body = orjson.dumps(said, default=_plain, option=_OPTIONS)
        except TypeError:
            # Text from outside may hold half of a surrogate pair, which UTF-8 has no bytes for.
            body = orjson.dumps(_printable(said), default=_plain, option=_OPTIONS)
    except TypeError as error:
        raise RecordingError(
            f"A reading of {reading.source} can't be recorded: {error}; rows hold text, numbers, "
            "flags and times in nanoseconds."
        ) from error
    if len(body) > LONGEST_LINE_BYTES - _BODY_AT:
        raise RecordingError(
            f"A reading of {reading.source} can't be recorded: it has {len(body) >> 20} MB, and "
            f"no more than {LONGEST_LINE_BYTES >> 20} can be read back; this look is lost."
        )
    return b'%b%08x",%b\n' % (_HEAD, zlib.crc32(body), body[1:])


def _said(rows: Sequence[Row]) -> Any:
    if not isinstance(rows, Batch):
        return rows
    return {"length": rows.length, "columns": rows.columns, "constants": rows.constants}


def _plain(value: object) -> int | None:
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        return int(value.value)
    if isinstance(value, datetime):
        return instants.from_datetime(value)
    raise TypeError(f"{type(value).__name__} is no value of a frame")


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {key: _printable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(each) for each in value]
    return value


@dataclass(slots=True)
class Lines:
    """What a stretch of a tail segment holds.

    Attributes:
        rows: Frame name → pieces of rows, in the order of the looks; every row has
            ``observed_at``.
        bad: Line number (from 1) and the bytes of each damaged line.
        count: Complete lines, damaged ones included.
        end: Bytes up to and including the last complete line.
    """

    rows: dict[str, list[Sequence[Row]]] = field(default_factory=dict)
    bad: list[tuple[int, bytes]] = field(default_factory=list)
    count: int = 0
    end: int = 0


def decode(content: bytes, *, lines_before: int = 0) -> Lines:
    """Read lines; a last one without newline is left alone.

    Args:
        content: Bytes of the segment from the beginning of a line on.
        lines_before: Number of lines that stand before it, so that damage is named rightly.
    """
    found = Lines(end=content.rfind(b"\n") + 1)
    complete: Iterable[bytes] = content[: found.end].split(b"\n")[:-1]
    for number, line in enumerate(complete, start=lines_before + 1):
        found.count += 1
        said = _decode_line(line)
        if said is None:
            found.bad.append((number, line))
            continue
        observed_at = said["observed_at"]
        for name, rows in said["rows"].items():
            piece = _batch(rows, observed_at) if isinstance(rows, dict) else rows
            for row in rows if piece is rows else ():
                if not _is_instant(row.get("observed_at")):
                    row["observed_at"] = observed_at
            found.rows.setdefault(name, []).append(piece)
    return found


class Pieces:
    """A segment that is read piece by piece, and may have been damaged by whomever.

    Attributes:
        end: Bytes that need not be read again: all complete lines.
    """

    def __init__(self) -> None:
        self.end = 0
        self._lines = 0
        self._is_in_long = False

    def follow(self, read: Callable[[int, int], bytes], size: int) -> Lines:
        """What follows, up to the last complete line.

        Args:
            read: Gives the bytes from a place on, so many at most.
            size: Bytes that the segment has.
        """
        found = Lines()
        most = PIECE_BYTES
        while self.end < size:
            begin = self.end
            content = read(begin, most)
            self._take(content, found, is_long=len(content) >= most)
            if self.end > begin:
                most = PIECE_BYTES
            elif len(content) < most:
                break  # the look in flight
            else:
                most *= 2
        found.end = self.end
        return found

    def _take(self, content: bytes, found: Lines, *, is_long: bool) -> None:
        if self._is_in_long:
            newline = content.find(b"\n")
            self._is_in_long = newline < 0
            self.end += newline + 1 if newline >= 0 else len(content)
            return
        taken = decode(content, lines_before=self._lines)
        is_none = not content.startswith(_HEAD) or len(content) >= LONGEST_LINE_BYTES
        if not taken.end and is_long and is_none:
            self._is_in_long = True
            taken.bad.append((self._lines + 1, content[:_KEPT_OF_LONG]))
            taken.count, taken.end = 1, len(content)
        self.end += taken.end
        self._lines += taken.count
        found.count += taken.count
        found.bad += taken.bad
        for name, pieces in taken.rows.items():
            found.rows.setdefault(name, []).extend(pieces)


def _batch(said: dict[str, Any], observed_at: int) -> Batch:
    batch = Batch(said["length"], said["columns"], said["constants"])
    times = [at if _is_instant(at) else observed_at for at in batch.column("observed_at")]
    return Batch(batch.length, {**batch.columns, "observed_at": times}, batch.constants)


def _is_instant(value: object) -> bool:
    return type(value) is int and -instants.LATEST < value < instants.LATEST


def _decode_line(line: bytes) -> dict[str, Any] | None:
    """What a line says; ``None``: it is damaged, or nothing that :func:`encode` writes."""
    body = b"{" + line[_BODY_AT:]
    if not line.startswith(_HEAD) or line[len(_HEAD) : _BODY_AT] != b'%08x",' % zlib.crc32(body):
        return None
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(said, dict) or not _is_instant(said.get("observed_at")):
        return None
    rows = said.get("rows")
    return said if isinstance(rows, dict) and all(map(_is_piece, rows.values())) else None


def _is_piece(said: object) -> bool:
    """Whether these are rows, or a batch with as many values in each column as it says."""
    if isinstance(said, list):
        return all(isinstance(row, dict) for row in said)
    if not isinstance(said, dict) or not isinstance(said.get("constants"), dict):
        return False
    length, columns = said.get("length"), said.get("columns")
    if type(length) is not int or not isinstance(columns, dict):
        return False
    is_told = bool(columns) or length == 0  # else any length could be said
    return is_told and all(isinstance(v, list) and len(v) == length for v in columns.values())
