"""How a recording lies on disk: names, numbers, the info file and the Arrow schemas.

recording.json             format version, when and by what it was made
recording.lock             held by the one writer
packing.lock               held while parts are made, joined or removed
tail/segment-000012.jsonl  newest looks, one per line
frame=jobs/day=2026-11-23/part-000001-000008-1c291ca3.parquet
                           segments 1 to 8 of one frame and UTC day
damaged/                   what could not be read, set aside

The last piece of a part's name is the checksum (CRC-32) of the file. Parquet itself protects its
data, but not what says where and what the data is: a wrong bit there can give wrong numbers, and
can end the process that reads it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self

import orjson
import pyarrow as pa

from ami_console import __version__, frames
from ami_console.errors import RecordingError
from ami_console.instants import NS_PER_S

FORMAT = "ami-console recording"
MAJOR, MINOR = 1, 1

INFO = "recording.json"
LOCK = "recording.lock"
PACKING = "packing.lock"
TAIL = "tail"
DAMAGED = "damaged"

DAY_NS = 86_400 * NS_PER_S

_ARROW_TYPES = {
    frames.TIME: pa.timestamp("ns", tz="UTC"),
    frames.COUNT: pa.int64(),
    frames.MEASURE: pa.float64(),
    frames.TEXT: pa.string(),
    frames.FLAG: pa.bool_(),
}

_PART = re.compile(r"part-(\d+)-(\d+)(?:-([0-9a-f]{8}))?\.parquet")
_SEGMENT = re.compile(r"segment-(\d+)\.jsonl")


@cache
def arrow_schema(name: str) -> pa.Schema:
    """Arrow schema of a frame, column for column that of ``frames.FRAMES``."""
    return pa.schema([(c, _ARROW_TYPES[dtype]) for c, dtype in frames.schema(name).items()])


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Numbers of the tail segments that a part holds, both ends included."""

    first: int
    last: int

    def covers(self, other: "Span") -> bool:
        """Whether all of the other lies inside this one."""
        return self.first <= other.first and other.last <= self.last


def part_file(span: Span, checksum: str) -> str:
    """File name of the part that holds these segments."""
    return f"part-{span.first:06d}-{span.last:06d}-{checksum}.parquet"


def part_span(file_name: str) -> Span | None:
    """Segments of the part of that file name; ``None`` for any other file."""
    match = _PART.fullmatch(file_name)
    return Span(int(match[1]), int(match[2])) if match else None


def part_checksum(file_name: str) -> str | None:
    """Checksum in the name of a part; ``None`` for one that another program has written."""
    match = _PART.fullmatch(file_name)
    return match[3] if match else None


def segment_file(number: int) -> str:
    """File name of a tail segment."""
    return f"segment-{number:06d}.jsonl"


def segment_number(file_name: str) -> int | None:
    """Number of the tail segment of that file name; ``None`` for any other file."""
    match = _SEGMENT.fullmatch(file_name)
    return int(match[1]) if match else None


def frame_directory(name: str) -> str:
    """Directory of a frame, relative to the recording."""
    return f"frame={name}"


def day_directory(day: int) -> str:
    """Directory of a UTC day (days since the epoch), relative to its frame."""
    return f"day={datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"


def day_of_directory(directory: str) -> int | None:
    """Day since the epoch of a ``day=…`` directory; ``None`` for any other."""
    try:
        day = datetime.strptime(directory, "day=%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(day.timestamp()) // 86_400


def outermost(spans: list[Span]) -> list[Span]:
    """The spans that lie in no other: what is left to read, in order.

    A merge makes the wide part before it deletes the narrow ones, so both may be there.
    """
    kept: list[Span] = []
    for span in sorted(set(spans), key=lambda each: (each.first, -each.last)):
        if not kept or not kept[-1].covers(span):
            kept.append(span)
    return kept


@dataclass(frozen=True, slots=True)
class Info:
    """What ``recording.json`` says.

    Attributes:
        major: Readers and writers of another major version keep away.
        minor: A newer minor version may have more columns and frames: readable, not writable.
        created_at: When the recording was begun, ISO 8601; ``None`` when not said.
        segments_pruned: Segments up to this number may have been removed with old days. Numbers
            are never used again: copies of those days may hold them.
    """

    major: int
    minor: int
    created_at: str | None
    segments_pruned: int = 0

    @classmethod
    def new(cls) -> Self:
        """Of a recording that begins now, in today's format."""
        return cls(MAJOR, MINOR, datetime.now(UTC).isoformat(timespec="microseconds"))

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read the file.

        Raises:
            ValueError: It is not what this package, in any version, writes.
        """
        said: Any = orjson.loads(text)
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise ValueError(f"it does not say that it belongs to an {FORMAT}")
        version, created_at = said.get("format_version"), said.get("created_at")
        major, _, minor = (version if isinstance(version, str) else "").partition(".")
        pruned = said.get("segments_pruned")
        return cls(
            int(major),
            int(minor or 0),
            created_at if isinstance(created_at, str) else None,
            pruned if type(pruned) is int and pruned >= 0 else 0,
        )

    def text(self) -> bytes:
        """What the file holds."""
        said: dict[str, Any] = {
            "format": FORMAT,
            "format_version": f"{self.major}.{self.minor}",
            "created_at": self.created_at,
            "ami_console_version": __version__,
        }
        if self.segments_pruned:
            said["segments_pruned"] = self.segments_pruned
        return orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def check(self, where: str, *, to_write: bool = False) -> None:
        """Check that this version of the package can deal with it.

        Raises:
            RecordingError: It can't; the message says what to do.
        """
        newer = self.major > MAJOR or (self.major == MAJOR and self.minor > MINOR)
        if self.major == MAJOR and not (to_write and newer):
            return
        verb = "written to" if to_write else "read"
        advice = (
            "update ami-console"
            if newer
            else "use the ami-console that made it, or import the original files again"
        )
        raise RecordingError(
            f"The recording {where} can't be {verb}: its format is {self.major}.{self.minor}, "
            f"this ami-console {__version__} knows {MAJOR}.{MINOR}; {advice}."
        )
