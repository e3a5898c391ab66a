"""Poll logs into a recording."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from ami_console.errors import ImportLogError
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter, open_recording
from ami_console.sources import poll_log
from ami_console.sources.poll_log import Notes

POLL_LOG_NAMES = ("series.jsonl", "series.jsonl.gz", "events.jsonl", "events.jsonl.gz")

BATCH = 500


@dataclass
class Imported:
    """What came of one file.

    Attributes:
        path: The file.
        readings: Looks and seconds of tapped messages that were taken in.
        known: Those that the recording had already; left out.
        notes: What needs an explanation.
    """

    path: Path
    readings: int = 0
    known: int = 0
    notes: Notes = field(default_factory=Notes)


def poll_logs(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """The poll logs among files and folders, and the files of those folders that are none.

    Raises:
        ImportLogError: A path does not exist, or a folder holds no poll log.
    """
    found: list[Path] = []
    others: list[Path] = []
    for path in paths:
        if path.is_dir():
            mine = [path / name for name in POLL_LOG_NAMES if (path / name).is_file()]
            if not mine:
                raise ImportLogError(
                    f"{path} holds no poll log; expected {' or '.join(POLL_LOG_NAMES)} in it"
                )
            found += mine
            others += sorted(each for each in path.iterdir() if each not in mine)
        elif path.is_file():
            found.append(path)
        else:
            raise ImportLogError(f"{path} does not exist; check the path")
    return found, others


def import_poll_logs(
    paths: Iterable[Path],
    into: Path,
    *,
    zone: ZoneInfo,
    progress: Callable[[Imported], None] = lambda _: None,
) -> list[Imported]:
    """Append the readings of poll logs to a recording.

    What the recording has already is left out, so that an import can be repeated. A damaged
    file gives what can be read of it; its notes say what could not.

    Args:
        paths: Files as :func:`poll_logs` finds them.
        into: The recording's directory; made when it is not there.
        zone: Zone of Antenna's naive times.
        progress: Called after every ``BATCH`` readings and at the end of each file.

    Raises:
        ImportLogError: A file is no poll log; nothing of any file was imported then.
        RecordingError: The recording can't be written.
    """
    files = list(paths)
    for path in files:
        if poll_log.kind_of(path) is None:
            raise ImportLogError(
                f"{path} is no poll log: its first line is neither a look (t, rest, redis, …) "
                "nor a tapped message (t, subject, …); nothing was imported"
            )
    done = []
    with RecordingWriter(into) as writer:
        known = _known(into)
        for path in files:
            imported = Imported(path)
            done.append(imported)
            batch: list[Reading] = []
            for reading in _new(
                poll_log.readings(path, zone=zone, notes=imported.notes), known, imported
            ):
                batch.append(reading)
                if len(batch) >= BATCH:
                    writer.append_many(batch)
                    batch = []
                    progress(imported)
            writer.append_many(batch)
            progress(imported)
    return done


def _known(into: Path) -> set[tuple[str, int]]:
    reads = open_recording(into).frame("reads")
    instants = reads["observed_at"].dt.tz_localize(None).to_numpy("datetime64[ns]").astype("int64")
    return set(zip(reads["source"].astype(object), instants.tolist(), strict=True))


def _new(
    readings: Iterator[Reading], known: set[tuple[str, int]], imported: Imported
) -> Iterator[Reading]:
    for reading in readings:
        key = (reading.source, reading.observed_at)
        if key in known:
            imported.known += 1
        else:
            known.add(key)
            imported.readings += 1
            yield reading
