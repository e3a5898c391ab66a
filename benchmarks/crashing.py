"""Processes that are made to be killed: a recorder as fast as it gets, and upkeep.

Each can end by its own hand just before its n-th step on the disk (a file opened, renamed, cut or
removed, a directory made or removed; Python's audit hooks tell them), so that every place between
two such steps is hit, however short it is. Or it is killed from outside at any instant.
"""

import os
import signal
import struct
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from ami_console import live_diagnosis
from ami_console import recorder as recording_sink
from ami_console.cli import main
from ami_console.collector import Collector
from ami_console.commands.waiting import ended_by_signals, wait
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading, Row, SourceName
from ami_console.recorder import Recorder
from ami_console.recording import RecordingWriter
from ami_console.settings import Settings

JOBS = (7, 8, 9)
BEGIN_NS = 1_700_000_000 * NS_PER_S  # 2023-11-14T22:13:20Z
STEP_NS = 60 * NS_PER_S
"""From one look to the next by the looks' own clock: a day is 1,440, and the first ends soon."""

EVERY_S = 0.001

FRAME_OF: Mapping[str, tuple[str, str]] = {
    "antenna": ("stages", "total"),
    "nats": ("consumers", "messages"),
    "redis": ("counters", "total"),
}
"""Source → the frame and the column that hold the number of the look."""

SOURCES: tuple[SourceName, ...] = ("antenna", "nats", "redis")
SAID = struct.Struct("<BBQ")
TAKEN, RECORDED = 0, 1

_STEPS = frozenset({"open", "os.rename", "os.remove", "os.truncate", "os.mkdir", "os.rmdir"})


def looked_at_ns(number: Any) -> Any:
    """When the look of that number (or of each of some) was taken, ns since the epoch."""
    return BEGIN_NS + number * STEP_NS


def look(source: SourceName, number: int) -> Reading:
    """The look of that number."""
    frame, column = FRAME_OF[source]
    at_ns = looked_at_ns(number)
    rows: list[Row] = [{"observed_at": at_ns, "job_id": job, column: number} for job in JOBS]
    if source == "antenna":
        rows = [{**row, "stage": "process"} for row in rows]
    return Reading(source=source, observed_at=at_ns, requests=number, rows={frame: rows})


class Feed:
    """A source that answers at once; its n-th look says ``n`` in each of its rows."""

    name: ClassVar[SourceName]

    def __init__(self, name: SourceName, begin: int) -> None:
        self.name = name  # type: ignore[misc]  # one class for three sources
        self._next = begin

    async def read(self, _job_ids: Collection[int]) -> Reading:
        """The next look."""
        self._next += 1
        return look(self.name, self._next - 1)

    async def discover(self) -> Reading:
        """Jobs; not called, as they are named."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class End:
    """How a process is to end by its own hand.

    Attributes:
        step: Just before this step on the disk, counted from 1; ``None``: not at all.
        by: The signal.
    """

    step: int | None = None
    by: signal.Signals = signal.SIGKILL


@dataclass(slots=True)
class _Steps:
    """Counts the steps on the disk under a directory."""

    path: str
    end: End
    seen: int = field(default=0)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event not in _STEPS or not self._is_ours(event, arguments):
            return
        self.seen += 1
        if self.seen == self.end.step:
            os.kill(os.getpid(), self.end.by)

    def _is_ours(self, event: str, arguments: tuple[object, ...]) -> bool:
        place = arguments[0]
        if event == "os.truncate" and isinstance(place, int):
            return True
        return isinstance(place, str | os.PathLike) and os.fspath(place).startswith(self.path)


def counting_steps(path: Path, end: End) -> None:
    """End this process as asked for, once its steps in a directory come so far."""
    if end.step is not None:
        sys.addaudithook(_Steps(str(path), end))


def record(
    path: Path, begins: Mapping[SourceName, int], said: Connection, segment_s: float, end: End
) -> None:
    """What ``ami-console record`` does, on sources that answer at once; runs until a signal.

    Args:
        path: Where to.
        begins: Source → number of its first look.
        said: A pipe that is told of each look when it is taken and when it is recorded.
        segment_s: How long looks are gathered before they are packed, seconds.
        end: How to end without being killed from outside.
    """
    counting_steps(path, end)
    told = {name: number for number, name in enumerate(SOURCES)}

    def tell(kind: int, reading: Reading) -> None:
        if reading.source in told:
            os.write(said.fileno(), SAID.pack(told[reading.source], kind, reading.requests or 0))

    with (
        patch.object(
            recording_sink, "RecordingWriter", partial(RecordingWriter, segment_s=segment_s)
        ),
        patch.object(live_diagnosis, "EVERY_S", 0.05),
        ended_by_signals() as ended,
    ):
        collector = Collector(
            Settings(every_s=EVERY_S),
            sources=lambda _: [Feed(name, begins[name]) for name in SOURCES],
            taps=lambda _: [],
            job_ids=JOBS,
        )
        recorder = Recorder(path)
        collector.add_sink(partial(tell, TAKEN))
        collector.add_sink(recorder)
        collector.add_sink(partial(tell, RECORDED))
        collector.start()
        wait(ended, None)
        collector.stop()
        recorder.close()
        if recorder.error is not None:
            sys.exit(recorder.error)


def upkeep(path: Path, words: Sequence[str], end: End) -> None:
    """``ami-console recording …``, which says nothing here.

    Args:
        path: Steps on the disk are counted in it, and where the words lead to in it.
        words: The command's.
        end: How to end without being killed from outside.
    """
    counting_steps(path, end)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        sys.exit(main(["recording", *words]))
