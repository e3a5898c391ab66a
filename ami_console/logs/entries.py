"""Lines of a log → entries, whole ones, in columns."""

import re
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from ami_console.logs.heads import SECOND, Head, SourceKind, head_of
from ami_console.logs.job_log import instants_of, job_lines
from ami_console.logs.streams import (
    ENTRY_LIMIT,
    Process,
    Row,
    Stream,
    hint_of,
    is_numbered,
    service_of,
)
from ami_console.logs.wall_time import Order, WallTime

_MOST_SERVICES = 256
_MOST_EARLY = 2_000
_MANY = 16  # lines that are worth a look whether all are of a job's log

_NO_HEAD: Head = ("text", "", None, None, False, None, None)

# Plain output of a worker or of Celery, in a stream whose other lines have a prefix.
_OWN_LINE = re.compile(
    r"Finished batch [0-9]|Total items processed|job [0-9]+ (?:reserved|posted|result|posting) |"
    r"CRASH with |no jobs, |worker: (?:Warm|Cold) shutdown"
)


@dataclass(slots=True, eq=False)
class Rows:
    """Entries as columns; all lists have one length.

    Attributes:
        instants: When each was written, ns since the epoch; of one that does not tell, the
            instant of the entry before it.
        observed: The same, and where there is none before it, the instant of the one behind.
        resolutions: To what the instant is cut, seconds; ``None``: it is not its own.
        sources: Whose line it is.
        known: Whether it has the prefix of a known program.
        levels: ``INFO`` and so on.
        processes: Service, and process in it.
        messages: The rest.
    """

    instants: list[int | None] = field(default_factory=list)
    observed: list[int | None] = field(default_factory=list)
    resolutions: list[float | None] = field(default_factory=list)
    sources: list[SourceKind] = field(default_factory=list)
    known: list[bool] = field(default_factory=list)
    levels: list[str | None] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def append(self, rows: list[Row], observed: list[int | None] | None = None) -> None:
        """Append entries; observed at the instants that they tell, if nothing else is said."""
        if not rows:
            return
        instants, resolutions, sources, known, levels, processes, messages = zip(*rows, strict=True)
        self.instants += instants
        self.observed += observed or instants
        self.resolutions += resolutions
        self.sources += sources
        self.known += known
        self.levels += levels
        self.processes += processes
        self.messages += messages


class Entries:
    """Puts lines together.

    Attributes:
        untimed: Entries that were left out because nothing tells when they were written.
    """

    def __init__(self, zone: ZoneInfo, *, hint: SourceKind | None, needs_time: bool) -> None:
        """Begin.

        Args:
            zone: Zone of naive times.
            hint: Whose output lines without a known prefix are.
            needs_time: Whether an entry is of no use while no time is known for it.
        """
        self.untimed = 0
        self._wall = WallTime(zone)
        self._needs_time = needs_time
        self._streams: dict[str, Stream] = {}
        self._prefixes: dict[str, Stream] = {}  # as it stands in front of a line
        self._plain = self._stream("", hint)
        self._rows = Rows()
        self._new: list[Row] = []  # behind those in rows
        self._early: list[Row] = []  # before any that tells a time
        self._last: int | None = None

    @property
    def services(self) -> tuple[str, ...]:
        """Services that lines were of."""
        return tuple(name for name in self._streams if name)

    def take(self, lines: list[str]) -> None:
        """Take in complete lines."""
        if not self._take_job_log(lines):
            for line in lines:
                self._take_line(line)

    def end(self, *, for_good: bool) -> None:
        """No entry gets more lines; ``for_good``: and no more entries come."""
        for stream in self._streams.values():
            self._end_entry(stream)
        if for_good:
            self.untimed += len(self._early)
            self._early = []

    def taken(self) -> Rows:
        """The entries that are whole, in the order in which they became so; each only once."""
        self._settle_new()
        rows, self._rows = self._rows, Rows()
        return rows

    def _take_line(self, line: str) -> None:
        stream, text = self._placed(line) if "|" in line else (self._plain, line)
        head, stamp = head_of(text, self._wall) or _NO_HEAD, None
        if head is _NO_HEAD:
            if stream.row is not None and not _OWN_LINE.match(text):
                stream.add(text, None)
                return
            head = ("text", text, None, None, False, None, None)
        elif head[0] == "text" and head[2] is not None and not head[4]:
            # A worker's own line begins like this, and each that Docker has put its time to.
            _, message, stamp, resolution_s, *_ = head
            inner = head_of(message, self._wall)
            if inner is not None:
                source, rest, instant, own_s, is_local, level, process = inner
                if instant is None:
                    instant, own_s = stamp, resolution_s
                head = (source, rest, instant, own_s, is_local, level, process)
            elif stream.is_continued_at(stamp) and not _OWN_LINE.match(message):
                stream.add(message, stamp)
                return
        if stream.row is not None:
            self._end_entry(stream)
        stream.begin(head, stamp)
        if head[2] is None and head[5] is None:  # nothing says that more lines belong to it
            self._end_entry(stream)

    def _placed(self, line: str) -> tuple[Stream, str]:
        """The stream of a line, and the line without the service's name."""
        bar = line.find("|") + 1
        stream = self._prefixes.get(line[:bar])
        if stream is not None:
            return stream, line[bar:].removeprefix(" ")
        found = service_of(line)
        if found is None:
            return self._plain, line
        service, text = found
        stream = self._streams.get(service)
        if stream is None:
            is_service = is_numbered(service) or head_of(text, self._wall) is not None
            if not is_service or len(self._streams) > _MOST_SERVICES:
                return self._plain, line
            stream = self._stream(service, hint_of(service))
        if len(self._prefixes) < _MOST_SERVICES:
            self._prefixes[line[:bar]] = stream
        return stream, text

    def _stream(self, service: str, hint: SourceKind | None) -> Stream:
        stream = self._streams[service] = Stream(service, hint, Order(self._wall.repeated))
        return stream

    def _end_entry(self, stream: Stream) -> None:
        row = stream.end()
        if row is None:
            return
        instant = row[0]
        if instant is None:
            self._add_untimed(stream, row)
            return
        if self._early:
            self._rows.append(self._early, observed=[instant] * len(self._early))
            self._early = []
        self._last = instant
        self._new.append(row)

    def _add_untimed(self, stream: Stream, row: Row) -> None:
        """Add an entry that does not tell when it was written: soon after the one before it."""
        if not row[6].strip():
            return
        instant = stream.order.last or self._last
        if instant is not None or not self._needs_time:
            self._new.append((instant, *row[1:]))
        elif len(self._early) < _MOST_EARLY:
            self._early.append(row)
        else:
            self.untimed += 1

    def _settle_new(self) -> None:
        self._rows.append(self._new)
        self._new = []

    # ---- a job's log, of which there is most

    def _take_job_log(self, lines: list[str]) -> bool:
        """Take in many lines of a job's log at once; whether that is what they are.

        The same as line by line, but faster.
        """
        if len(lines) < _MANY or len(self._streams) > 1 or self._early:
            return False
        instants = instants_of(lines, self._wall)
        more = [place for place, instant in enumerate(instants) if instant is None]
        if len(more) == len(lines) or not self._only_continue([lines[place] for place in more]):
            return False
        entries = _joined(lines, more, instants) if more else lines
        if entries is None:
            return False
        begin = next(place for place, instant in enumerate(instants) if instant is not None)
        end = len(lines) - next(n for n, at in enumerate(reversed(instants), 1) if at is not None)
        if more:
            instants = [instant for instant in instants if instant is not None]
        for line in lines[:begin]:
            self._take_line(line)
        self._end_entry(self._plain)
        self._add_job_lines(entries[:-1], instants[:-1])
        for line in lines[end:]:  # the last entry may get more lines
            self._take_line(line)
        return True

    def _only_continue(self, lines: list[str]) -> bool:
        """Whether these lines belong to the ones before them, whatever those are."""
        return not any(
            "|" in line or _OWN_LINE.match(line) or head_of(line, self._wall) for line in lines
        )

    def _add_job_lines(self, entries: list[str], instants: list[int | None]) -> None:
        if not entries:
            return
        self._settle_new()
        found = job_lines(entries, instants)
        settled = self._plain.order.all_settled(instants)
        self._last = settled[-1]
        rows, count = self._rows, len(entries)
        rows.instants += settled
        rows.observed += settled
        rows.resolutions += [SECOND] * count
        rows.sources += ["job"] * count
        rows.known += [True] * count
        rows.levels += found.levels
        rows.processes += [("", None)] * count
        rows.messages += found.messages


def _joined(lines: list[str], more: list[int], instants: list[int | None]) -> list[str] | None:
    """The entries; ``None``: one is unusual, and better put together line by line.

    Args:
        lines: The lines.
        more: Places of those that belong to the line before them.
        instants: ``None`` at those places.
    """
    heads = list(lines)
    begin = None
    for place in more:
        if place and instants[place - 1] is not None:
            begin = place - 1
        if begin is not None:
            heads[begin] = f"{heads[begin]}\n{lines[place]}"
            if len(heads[begin]) >= ENTRY_LIMIT:
                return None
    for place in more:
        if place and instants[place - 1] is not None:
            heads[place - 1] = heads[place - 1].rstrip()
            if "\n" not in heads[place - 1]:  # only empty lines: the head may have been cut too
                return None
    return [head for head, instant in zip(heads, instants, strict=True) if instant is not None]
