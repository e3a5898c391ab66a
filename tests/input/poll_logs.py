"""Poll logs that somebody sends: damaged on the way, of an older recorder, or made up."""

import gzip
import json
import re
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from ami_console import frames
from ami_console.errors import AmiConsoleError, ImportLogError
from ami_console.importer import import_files
from ami_console.recording import open_recording
from ami_console.sources import poll_log
from ami_console.sources.poll_log import Notes
from tests.input.kept import assert_kept, assert_short
from tests.input.mutated import INT64_MAX, damaged, exactly, mutated
from tests.input.rest import ZONE

ANTENNA = Path(__file__).parents[1] / "data" / "antenna"


def _recorded(pattern: str, every: int) -> list[bytes]:
    found: list[bytes] = []
    for path in sorted(ANTENNA.glob(pattern)):
        content = path.read_bytes()
        whole = gzip.decompress(content) if path.suffix == ".gz" else content
        found += whole.splitlines()[::every][:20]
    return found


LOOKS, MESSAGES = _recorded("*/series.jsonl*", 40), _recorded("*/events.jsonl*", 60)
TAPPED = [
    json.dumps({"t": "2026-11-23T15:13:09Z", "subject": subject, "payload": payload}).encode()
    for subject, payload in (
        ("$JS.EVENT.ADVISORY.STREAM.CREATED.job_3", ""),
        ("job.3.tasks", '{"image_id": "9"}'),
        ("$JS.ACK.job_3.c.1.1.1.1795448945276789934.0", ""),
    )
]


class Log(NamedTuple):
    """A poll log: its name, and what is in it."""

    name: str
    content: bytes
    is_packed: bool


def _joined(lines: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(lines, min_size=1, max_size=8).map(b"\n".join)


contents = st.one_of(
    _joined(mutated(LOOKS, most=3)),
    _joined(mutated(MESSAGES, most=2)),
    _joined(mutated(TAPPED, most=2) | st.sampled_from(TAPPED)),
    damaged(_joined(mutated(LOOKS + MESSAGES, most=1))),
)
names = st.sampled_from(["series.jsonl", "series.jsonl.gz", "events.jsonl", "x", "log.txt"])
logs = st.builds(Log, names, contents, st.booleans())
packed_badly = st.builds(
    Log,
    names,
    damaged(st.sampled_from([gzip.compress(b"\n".join(LOOKS[:5]), mtime=0)])),
    st.just(False),
)


def readings_of_any_log(log: Log) -> None:
    """Readings, each whole, with no number that the file does not have; or it is no poll log."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), log)
        notes = Notes()
        try:
            readings = list(poll_log.readings(path, zone=ZONE, notes=notes))
        except ImportLogError as error:
            assert_short(error)
            return
    assert_kept(*readings)
    has = _numbers(path.name, log)
    for reading in readings:
        for name, rows in reading.rows.items():
            counts = [c for c, dtype in frames.schema(name).items() if dtype == frames.COUNT]
            for row in rows:
                told = {row[c] for c in counts if row.get(c) is not None}
                assert told <= has, told - has


def recording_of_any_log(log: Log) -> None:
    """An import gives a recording, or says in words why not; what was imported can be read."""
    with tempfile.TemporaryDirectory() as folder:
        path, into = written(Path(folder), log), Path(folder) / "recording"
        try:
            (imported,) = import_files([path], into, zone=ZONE)
        except AmiConsoleError as error:
            assert_short(error)
            return
        recording = open_recording(into)
        assert not recording.damaged
        reads = recording.frame("reads")
        assert len(reads) == imported.readings
        (again,) = import_files([path], into, zone=ZONE)
        assert again.readings == 0


def written(folder: Path, log: Log) -> Path:
    """The file."""
    path = folder / log.name
    path.write_bytes(gzip.compress(log.content, mtime=0) if log.is_packed else log.content)
    return path


def _numbers(name: str, log: Log) -> set[int]:
    """Every whole number that stands in the file as a number, as text, or in a subject."""
    content = log.content
    if content[:2] == b"\x1f\x8b":
        return {int(d) for line in LOOKS for d in re.findall(rb"[0-9]{1,19}", line)}
    found: set[int] = set()
    for line in content.split(b"\n"):
        try:
            held = exactly(line.removeprefix(b"\xef\xbb\xbf"))
        except (ValueError, RecursionError):
            continue
        _collect(held, found)
    return found


def _collect(value: Any, found: set[int]) -> None:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += [*each.values(), *each.keys()]
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, str):
            found.update(int(digits) for digits in re.findall(r"[0-9]{1,19}", each))
        elif isinstance(each, int | Decimal) and abs(each) <= INT64_MAX + 1 and each == int(each):
            found.add(int(each))
