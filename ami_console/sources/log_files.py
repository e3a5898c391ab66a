"""Log files: read whole for an import, or followed while Antenna's processes write them."""

import asyncio
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import numpy as np

from ami_console.batch import Batch
from ami_console.errors import SourceUnreachable
from ami_console.instants import now_ns
from ami_console.logs import LogParser
from ami_console.logs.streams import hint_of
from ami_console.reading import Reading, SourceName
from ami_console.settings import PREFIX, Settings
from ami_console.sources.followed_file import FollowedFile
from ami_console.sources.notes import Notes
from ami_console.sources.text_files import beginning, chunks, encoding_of, reason

SETTING = f"{PREFIX}LOG_FILES"

KINDS = {
    "job": "job log",
    "django": "Django log",
    "celery": "Celery log",
    "worker": "worker log",
}
"""Source of most of a file's lines → what the file is."""

_NEWEST_FIRST_LIMIT = 64 << 20  # characters of a log that is turned round
_ENTRIES_AT_ONCE = 2000
_MOST_REMARKS = 3

_STAMP = re.compile(r"^\[([0-9-]{10} [0-9:]{8})\] ", re.MULTILINE)
_JOB = re.compile(r"\b[Jj]ob[ _#'-]{1,3}([1-9][0-9]{0,17})\b")


@dataclass
class Told:
    """What came of one file.

    Attributes:
        notes: What needs an explanation.
        lines: How many lines there were, empty ones left out.
        unknown: How many entries no format and no wording fits; they are kept as text.
    """

    notes: Notes = field(default_factory=Notes)
    lines: int = 0
    unknown: int = 0


def kind_of_log(path: Path) -> str | None:
    """What log a file is, by its content: see ``KINDS``, or the output of services.

    Raises:
        OSError: It can't be read.
    """
    first = beginning(path, 1 << 16)
    text = first.decode(encoding_of(first), "replace")
    if "\x00" in text:
        return None
    parser = LogParser(ZoneInfo("UTC"), source_hint=hint_of(path.name), observed_at=0)
    batches = [parser.feed(text), parser.finish()]
    kinds = [kind for batch in batches for kind in batch.column("kind")]
    sources = Counter(source for batch in batches for source in batch.column("source"))
    # A date before it makes no line one of ours: the wording does, or a program's own prefix.
    is_ours = len(kinds) > kinds.count(None) or 2 * parser.unknown_total < len(kinds)
    if not is_ours:
        return None
    if parser.services:
        return f"output of {', '.join(sorted(parser.services)[:4])}"
    known = [source for source, _ in sources.most_common() if source in KINDS]
    return KINDS[known[0]] if known else None


def read_log(path: Path, *, zone: ZoneInfo, told: Told | None = None) -> Iterator[Reading]:
    """A log file from its beginning to its end, a few thousand lines a reading.

    Packed or plain; a damaged file gives what can be read. A job's log may also stand there with
    the newest line first, as REST gives it.

    Args:
        path: The file.
        zone: Zone of naive times in it.
        told: Takes what needs an explanation, and counts.

    Yields:
        Rows of ``log_events``, observed when they were logged; the reading is observed at the
        last of them.
    """
    told = told or Told()
    pieces = chunks(path, told.notes)
    first = next(pieces, "")
    parser = LogParser(
        zone,
        source_hint=hint_of(path.name),
        observed_at=None if _tells_times(first, zone) else path.stat().st_mtime_ns,
        job_id=_job_of(first),
    )
    for text in _oldest_first(first, pieces, told.notes):
        yield from _reading(parser.feed(text), len(text))
        told.lines, told.unknown = parser.lines_total, parser.unknown_total
    yield from _reading(parser.finish(), 0)
    told.lines, told.unknown = parser.lines_total, parser.unknown_total
    if parser.untimed_total:
        told.notes.add(
            f"{parser.untimed_total} lines were left out, nothing tells when they were written",
            path.name,
        )


class LogFilesSource:
    """Log files that are followed: what was appended since the last look.

    The first look at a file goes back 2 MB. A file that is not there yet is waited for; one that
    is rotated is read on. A reading is ok when one file could be read; ``error`` then names those
    that could not.
    """

    name: ClassVar[SourceName] = "log_files"

    def __init__(self, settings: Settings) -> None:
        self._files = [FollowedFile(path, settings.antenna_timezone) for path in settings.log_files]
        self._lock = threading.Lock()  # a look that was given up may still be reading
        # What a look found that was given up before its end: it comes with the next.
        self._found: deque[Batch] = deque()

    async def read(self, job_ids: Collection[int]) -> Reading:
        """What was appended; lines of all jobs, and of none.

        Raises:
            SourceUnreachable: No file could be read; the message names them.
        """
        began = time.monotonic()
        observed_at = now_ns()
        failures, size = await asyncio.to_thread(self._read, observed_at)
        batches = [self._found.popleft() for _ in range(len(self._found))]
        if failures and len(failures) == len(self._files) and not batches:
            raise SourceUnreachable(_remark(failures))
        return Reading(
            source=self.name,
            observed_at=observed_at,
            error=_remark(failures) if failures else None,
            elapsed_s=time.monotonic() - began,
            bytes=size,
            requests=len(self._files),
            rows={"log_events": Batch.joined(batches)} if batches else {},
        )

    async def discover(self) -> Reading:
        """Nothing: logs tell of jobs, but not which are active."""
        return Reading(source=self.name, observed_at=now_ns())

    async def aclose(self) -> None:
        """Let go of the files."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._lock:
            for file in self._files:
                file.close()

    def _read(self, observed_at: int) -> tuple[list[str], int]:
        """Why files could not be read, and how many bytes were read; rows go to ``_found``."""
        failures, size = [], 0
        with self._lock:
            for file in self._files:
                try:
                    batches, came = file.read(observed_at)
                except OSError as error:
                    failures.append(f"{file.path}: {reason(error)}")
                else:
                    self._found.extend(batches)
                    size += came
        return failures, size


def _remark(failures: Sequence[str]) -> str:
    shown = "; ".join(failures[:_MOST_REMARKS])
    more = f"; and {len(failures) - _MOST_REMARKS} more" if len(failures) > _MOST_REMARKS else ""
    return (
        f"log files could not be read: {shown}{more}; check that they are there, that this user "
        f"may read them, and {SETTING}"
    )


def _reading(batch: Batch, size: int) -> Iterator[Reading]:
    if len(batch):
        observed = batch.columns.get("observed_at")
        newest = batch.constants["observed_at"] if observed is None else int(np.max(observed))
        yield Reading(
            source="log_files",
            observed_at=newest,
            bytes=size,
            rows={"log_events": batch},
        )


def _tells_times(text: str, zone: ZoneInfo) -> bool:
    parser = LogParser(zone)
    return len(parser.feed(text)) + len(parser.finish()) > 0


def _job_of(text: str) -> int | None:
    """The job whose log this is: nearly every number of a job in it is that one's."""
    found = Counter(_JOB.findall(text)).most_common(1)
    if not found or not _STAMP.search(text):
        return None
    number, times = found[0]
    return int(number) if times >= 0.9 * len(_JOB.findall(text)) else None


def _oldest_first(first: str, rest: Iterator[str], notes: Notes) -> Iterator[str]:
    """The text of a log, turned round if it is a job's and begins with the newest line."""
    steps = list(pairwise(_STAMP.findall(first)))
    if sum(one > other for one, other in steps) <= sum(one < other for one, other in steps):
        yield first
        yield from rest
        return
    text, size = [first], len(first)
    for piece in rest:
        text.append(piece)
        size += len(piece)
        if size > _NEWEST_FIRST_LIMIT:
            notes.add("the newest line is first, and the log too long to turn it round", "its end")
            yield from text
            yield from rest
            return
    whole = "".join(text)
    begins = [found.start() for found in _STAMP.finditer(whole)]
    entries = [
        whole[begin:end].removesuffix("\n") + "\n"
        for begin, end in zip(begins, [*begins[1:], len(whole)], strict=True)
    ]
    entries.append(whole[: begins[0]])
    entries.reverse()
    for place in range(0, len(entries), _ENTRIES_AT_ONCE):
        yield "".join(entries[place : place + _ENTRIES_AT_ONCE])
