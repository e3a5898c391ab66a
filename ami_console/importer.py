"""Poll logs, saved jobs and logs into a recording."""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from ami_console.batch import Batch
from ami_console.errors import ImportLogError
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter, open_recording
from ami_console.sources import poll_log
from ami_console.sources.log_files import Told, kind_of_log, read_log
from ami_console.sources.notes import Notes
from ami_console.sources.saved_jobs import saved_job, saved_readings
from ami_console.sources.text_files import beginning, reason

BATCH = 500

ACCEPTED = (
    "poll logs (series.jsonl, events.jsonl), jobs saved from the REST API, job logs, logs of "
    "Django, Celery and workers, and output of docker compose logs, plain or gzipped"
)

POLL_LOG, SAVED_JOB = "poll log", "saved job"

_LOG_SOURCES = frozenset({"job_logs", "log_files"})


@dataclass
class Imported:
    """What came of one file.

    Attributes:
        path: The file.
        kind: What it is.
        readings: Looks, seconds of tapped messages and pieces of logs that were taken in.
        known: Those that the recording had already; left out.
        told: Notes, lines and unknown lines of the file.
        events: Log events that were taken in.
        known_events: Those that the recording had already; left out.
    """

    path: Path
    kind: str = ""
    readings: int = 0
    known: int = 0
    told: Told = field(default_factory=Told)
    events: int = 0
    known_events: int = 0

    @property
    def notes(self) -> Notes:
        """What needs an explanation."""
        return self.told.notes


def kind_of(path: Path) -> str | None:
    """What a file is, by its content; ``None``: nothing that can be imported.

    Raises:
        ImportLogError: The file can't be opened or unpacked at all.
    """
    try:
        if not beginning(path, 64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return kind_of_log(path)
        if poll_log.kind_of(path) is not None:
            return POLL_LOG
        with suppress(EOFError, zlib.error):
            return SAVED_JOB if saved_job(path) is not None else None
    except OSError as error:
        raise ImportLogError(
            f"{path} can't be read ({reason(error)}); copy it again from where it was made"
        ) from None
    return None


def recognised(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """The files among files and folders, and what in those folders can't be imported.

    A file that is named itself is taken without a look into it; of a folder, every file in it
    that can be imported.

    Raises:
        ImportLogError: A path does not exist, or a folder holds nothing to import.
    """
    found: list[Path] = []
    others: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.iterdir())
            mine = [each for each in inside if each.is_file() and _is_recognised(each)]
            if not mine:
                raise ImportLogError(f"{path} holds nothing to import; accepted are {ACCEPTED}")
            found += mine
            others += [each for each in inside if each not in mine]
        elif path.is_file():
            found.append(path)
        else:
            raise ImportLogError(f"{path} does not exist; check the path")
    return found, others


def import_files(
    paths: Iterable[Path],
    into: Path,
    *,
    zone: ZoneInfo,
    progress: Callable[[Imported], None] = lambda _: None,
) -> list[Imported]:
    """Append what files hold to a recording.

    What the recording has already is left out, so that an import can be repeated, and so that
    files may overlap. A damaged file gives what can be read of it; its notes say what could not.

    Args:
        paths: Files as :func:`recognised` finds them.
        into: The recording's directory; made when it is not there.
        zone: Zone of naive times.
        progress: Called now and then, and at the end of each file.

    Raises:
        ImportLogError: A file can't be imported; nothing of any file was then.
        RecordingError: The recording can't be written.
    """
    done = []
    for path in paths:
        kind = kind_of(path)
        if kind is None:
            raise ImportLogError(
                f"{path} is nothing that can be imported, and nothing was imported; accepted are "
                f"{ACCEPTED}"
            )
        done.append(Imported(path, kind))
    with RecordingWriter(into) as writer:
        known = _Known(into)
        for imported in done:
            batch: list[Reading] = []
            for reading in known.new(_readings(imported, zone), imported):
                batch.append(reading)
                if len(batch) >= BATCH or reading.source in _LOG_SOURCES:
                    writer.append_many(batch)
                    batch = []
                    progress(imported)
            writer.append_many(batch)
            progress(imported)
    return done


def _is_recognised(path: Path) -> bool:
    try:
        return kind_of(path) is not None
    except ImportLogError:
        return False


def _readings(imported: Imported, zone: ZoneInfo) -> Iterator[Reading]:
    path = imported.path
    if imported.kind == POLL_LOG:
        yield from poll_log.readings(path, zone=zone, notes=imported.notes)
    elif imported.kind == SAVED_JOB:
        written_at = path.stat().st_mtime_ns
        yield from saved_readings(saved_job(path) or {}, zone=zone, written_at=written_at)
    else:
        yield from read_log(path, zone=zone, told=imported.told)


class _Known:
    """What a recording has: looks by source and instant, log events by what they say."""

    def __init__(self, into: Path) -> None:
        self._into = into
        reads = open_recording(into).frame("reads")
        instants = (
            reads["observed_at"].dt.tz_localize(None).to_numpy("datetime64[ns]").astype("int64")
        )
        self._looks = set(zip(reads["source"].astype(object), instants.tolist(), strict=True))
        self._events: Counter[int] | None = None

    def new(self, readings: Iterable[Reading], imported: Imported) -> Iterator[Reading]:
        """The readings of one file that are new, and of a log the events that are."""
        seen: Counter[int] = Counter()
        for reading in readings:
            rows = reading.rows
            events = rows.get("log_events")
            if isinstance(events, Batch):
                kept = self._new_events(events, seen)
                imported.events += len(kept)
                imported.known_events += len(events) - len(kept)
                is_new = len(kept) > 0
                rows = {**rows, "log_events": kept}
            else:
                key = (reading.source, reading.observed_at)
                is_new = key not in self._looks
                self._looks.add(key)
            if is_new:
                imported.readings += 1
                yield replace(reading, rows=rows)
            else:
                imported.known += 1

    def _new_events(self, events: Batch, seen: Counter[int]) -> Batch:
        """Of lines that are alike, as many are new as there are more of in this file."""
        if self._events is None:
            self._events = self._recorded()
        known = self._events
        is_new = np.ones(len(events), dtype=bool)
        for place, key in enumerate(_keys(events)):
            seen[key] += 1
            if seen[key] <= known[key]:
                is_new[place] = False
            else:
                known[key] += 1
        return events if is_new.all() else events.where(is_new)

    def _recorded(self) -> Counter[int]:
        frame = open_recording(self._into).frame("log_events")
        columns = {
            name: frame[name].astype(object).where(frame[name].notna(), None).tolist()
            for name in ("job_id", "source", "process", "message")
        }
        instants = frame["logged_at"].dt.tz_localize(None).to_numpy("datetime64[ns]")
        missing = np.isnat(instants)
        logged_at = instants.astype("int64").tolist()
        columns["logged_at"] = [
            None if gone else instant
            for instant, gone in zip(logged_at, missing.tolist(), strict=True)
        ]
        return Counter(_keys(Batch(len(frame), columns, {})))


def _keys(events: Batch) -> Iterator[int]:
    """What makes a log event this one, as a number that is good in this process only."""
    names = ("job_id", "logged_at", "source", "process", "message")
    return map(hash, zip(*(events.column(name) for name in names), strict=True))
