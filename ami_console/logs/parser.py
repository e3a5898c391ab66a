"""Text of logs → rows of the frame ``log_events``."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from ami_console.batch import Batch
from ami_console.logs.contexts import Contexts
from ami_console.logs.entries import Entries, Rows
from ami_console.logs.events import EventReader, Events
from ami_console.logs.heads import SECOND, SourceKind
from ami_console.logs.job_log import instants_of, job_lines
from ami_console.logs.wall_time import Order, WallTime
from ami_console.plain_text import TERMINAL

LINE_LIMIT = 1 << 20
"""Characters of a line that are read; a line that lists all images of a job can be that long."""

_WORKER = "worker_"


def parse_job_log(
    lines: Sequence[str], *, job_id: int, zone: ZoneInfo, observed_at: int | None
) -> Batch:
    """The log of one job as REST gives it.

    Args:
        lines: Newest first, each one entry; an entry may hold line feeds.
        job_id: Number of the job.
        zone: Zone of the server's naive times.
        observed_at: When the lines were read, ns since the epoch; ``None``: each row's is its
            ``logged_at``.

    Returns:
        One row per entry, oldest first. An entry without a time has that of the one before it;
        without ``observed_at``, the first ones have that of the one behind, and a log without
        any time gives no rows.

    Source:
        REST ``/api/v2/jobs/{id}/``, ``logs.stdout``.
    """
    entries = list(reversed(lines))
    if len(max(entries, key=len, default="")) > LINE_LIMIT:
        entries = [entry[:LINE_LIMIT] for entry in entries]
    if any("\x1b" in entry for entry in entries):
        entries = [TERMINAL.sub("", entry) for entry in entries]
    wall = WallTime(zone)
    instants = instants_of(entries, wall)
    first = next((instant for instant in instants if instant is not None), None)
    if first is None and observed_at is None:
        return Batch(0, {}, {})
    found = job_lines(entries, instants)
    order = Order(wall.repeated)
    if observed_at is None:
        logged_at = order.all_settled(instants)
    else:
        logged_at = order.all_settled_by(instants, observed_at)
    events = EventReader().read(found.messages, with_jobs=False)
    columns: dict[str, Any] = {
        "logged_at": logged_at,
        "resolution_s": [None if each is None else SECOND for each in instants],
        "level": found.levels,
    }
    if observed_at is None:
        columns["observed_at"] = [first if each is None else each for each in logged_at]
    return _batch(columns, events, observed_at=observed_at, source="job", job_id=job_id)


class LogParser:
    """Reads the text of a log as it comes: a file, a stream, output of ``docker compose logs``.

    Lines of several services and of several formats may be mixed. What no format fits is kept as
    text. Naive times are local to the zone; in the hour that autumn repeats, Docker's own time of
    a line decides if there is one, else the order of the lines.

    Attributes:
        lines_total: Lines read so far, empty ones left out.
        unknown_total: Of the entries so far those that no format and no wording fits.
    """

    def __init__(
        self,
        zone: ZoneInfo,
        *,
        source_hint: SourceKind | None = None,
        observed_at: int | None = None,
        job_id: int | None = None,
    ) -> None:
        """Begin.

        Args:
            zone: Zone of naive times.
            source_hint: Whose output lines without a known prefix are.
            observed_at: ``observed_at`` of all rows, ns since the epoch; may then be set anew
                before every :meth:`feed`. ``None``: each row's is its ``logged_at``; an entry
                that nothing tells a time of has that of the entry before it, the first ones that
                of the one behind them.
            job_id: Job of the lines of a job's log; ``None``: each line that names it tells.
        """
        self.observed_at = observed_at
        self.lines_total = self.unknown_total = 0
        self._job_id = job_id
        self._entries = Entries(zone, hint=source_hint, needs_time=observed_at is None)
        self._events, self._contexts = EventReader(), Contexts()
        self._unfinished: list[str] = []
        self._size = 0

    @property
    def untimed_total(self) -> int:
        """Entries that were left out, because nothing tells when they were written."""
        return self._entries.untimed

    @property
    def services(self) -> tuple[str, ...]:
        """Services that ``docker compose logs`` named so far."""
        return self._entries.services

    def feed(self, text: str) -> Batch:
        """Take in more text; it may end anywhere.

        Returns:
            One row per entry that is whole: an unfinished line, and an entry that may get more
            lines, are kept for the next call.
        """
        whole, newline, rest = text.rpartition("\n")
        if newline:
            self._keep(whole)
            self._take_kept()
        self._keep(rest)
        return self._rows_so_far()

    def flush(self) -> Batch:
        """The entries that only waited for more lines; an unfinished line is kept."""
        self._entries.end(for_good=False)
        return self._rows_so_far()

    def finish(self) -> Batch:
        """What is left: no more text comes."""
        if self._unfinished:
            self._take_kept()
        self._entries.end(for_good=True)
        return self._rows_so_far()

    def _keep(self, text: str) -> None:
        """Keep text of a line that is not at its end; of one that never ends, the beginning."""
        if "\n" not in text:
            text = text[: LINE_LIMIT - self._size]
        if text:
            self._unfinished.append(text)
            self._size += len(text)

    def _take_kept(self) -> None:
        text = "".join(self._unfinished)
        self._unfinished, self._size = [], 0
        if "\x1b" in text:
            text = TERMINAL.sub("", text)
        lines = text.split("\n")
        if "\r" in text:
            lines = [_shown(line) for line in lines]
        if len(max(lines, key=len)) > LINE_LIMIT:
            lines = [line[:LINE_LIMIT] for line in lines]
        self.lines_total += len(lines) - lines.count("")
        self._entries.take(lines)

    def _rows_so_far(self) -> Batch:
        rows = self._entries.taken()
        if not rows.messages:
            return Batch(0, {}, {})
        job_id = self._job_id
        is_one_job = job_id is not None and rows.sources.count("job") == len(rows.sources)
        events = self._events.read(rows.messages, with_jobs=not is_one_job)
        self._count_unknown(rows, events)
        if any(kind.startswith(_WORKER) for kind in set(events.kinds) if kind):
            _name_workers(rows, events)
        self._contexts.complete(rows.processes, rows.sources, events)
        if is_one_job:
            events.columns["job_id"] = [job_id] * len(rows.sources)
        elif job_id is not None:
            job_ids = events.column("job_id")
            for place, source in enumerate(rows.sources):
                if source == "job":
                    job_ids[place] = job_id
        columns: dict[str, Any] = {
            "logged_at": rows.instants,
            "resolution_s": rows.resolutions,
            "source": rows.sources,
            "level": rows.levels,
            "process": [process for _, process in rows.processes],
        }
        if self.observed_at is None:
            return _batch(columns | {"observed_at": rows.observed}, events)
        return _batch(columns, events, observed_at=self.observed_at)

    def _count_unknown(self, rows: Rows, events: Events) -> None:
        if False in rows.known:
            self.unknown_total += sum(
                not is_known and kind is None
                for is_known, kind in zip(rows.known, events.kinds, strict=True)
            )


def _name_workers(rows: Rows, events: Events) -> None:
    """Lines of a worker are told by their wording: their prefix may be any."""
    for place, kind in enumerate(events.kinds):
        if kind is not None and kind.startswith(_WORKER):
            rows.sources[place] = "worker"


def _shown(line: str) -> str:
    """What a terminal shows of a line in which the cursor went back to its beginning."""
    return line.rstrip("\r").rpartition("\r")[2]


def _batch(columns: dict[str, Any], events: Events, **constants: Any) -> Batch:
    """The batch, with arrays where nothing is missing and constants where all are alike."""
    held: dict[str, Any] = {"kind": events.kinds, "message": events.messages, **events.columns}
    for name, values in columns.items():
        if values and values.count(values[0]) == len(values):
            constants[name] = values[0]
        elif name in {"logged_at", "observed_at"} and None not in values:
            held[name] = np.array(values, np.int64)
        else:
            held[name] = values
    constants = {name: value for name, value in constants.items() if value is not None}
    return Batch(len(events.messages), held, constants)
