"""Small things that become large: what memory each takes, one after another in this process.

    python -m tests.input.bombs --mb 1024           one JSON line per bomb

A process of its own, because what is measured is the most memory that it had (Linux: the peak is
set back before each bomb).
"""

import argparse
import asyncio
import gzip
import json
import resource
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from ami_console.errors import AmiConsoleError
from ami_console.importer import kind_of
from ami_console.recording import RecordingWriter, open_recording
from ami_console.settings import Settings
from ami_console.sources import poll_log
from ami_console.sources.job_logs import JobLogsSource
from ami_console.sources.log_files import Told, read_log
from ami_console.sources.monitor import Monitor
from ami_console.sources.poll_log import Notes
from tests.input.hostile_server import Answer, head, hostile_server

MB = 1 << 20
ZONE = ZoneInfo("UTC")
LINE = b"[2026-11-23 10:14:20] INFO Job 3 throughput: processed=1/2\n"
LOOK = b'{"t": "2026-11-23T15:13:09Z", "redis": {"get_total": "7"}, "rest": {"http": 500}}\n'


def packed(path: Path, begin: bytes, fill: bytes, end: bytes, mb: int) -> Path:
    """A gzip of some kB that unpacks to so many megabytes: one member, repeated."""
    member = gzip.compress(fill * (16 * MB // len(fill)), mtime=0)
    with path.open("wb") as file:
        file.write(gzip.compress(begin, mtime=0))
        for _ in range(mb // 16):
            file.write(member)
        file.write(gzip.compress(end, mtime=0))
    return path


def sparse(path: Path, begin: bytes, end: bytes, mb: int) -> Path:
    """A file with a hole of so many megabytes, which takes no room on disk."""
    with path.open("wb") as file:
        file.write(begin)
        file.seek(mb * MB, 1)
        file.write(end)
    return path


def log_line(folder: Path, mb: int) -> str:
    """A line of a log that does not end."""
    path = packed(folder / "celery.log.gz", LINE, b"x", b"\n" + LINE, mb)
    told = Told()
    events = sum(len(r.rows["log_events"]) for r in read_log(path, zone=ZONE, told=told))
    return f"{events} events of {told.lines} lines"


def log_hole(folder: Path, mb: int) -> str:
    """A log on a disk that was full: zeros, unpacked."""
    path = sparse(folder / "django.log", LINE, b"\n" + LINE, mb)
    return f"{sum(len(r.rows['log_events']) for r in read_log(path, zone=ZONE))} events"


def poll_log_line(folder: Path, mb: int) -> str:
    """A look of a poll log that does not end, between two good ones; by gzip."""
    return _looks(packed(folder / "series.jsonl", LOOK, b"[", b"\n" + LOOK, mb))


def poll_log_hole(folder: Path, mb: int) -> str:
    """The same by a hole in the file."""
    return _looks(sparse(folder / "series.jsonl", LOOK, b"\n" + LOOK, mb))


def _looks(path: Path) -> str:
    notes = Notes()
    readings = list(poll_log.readings(path, zone=ZONE, notes=notes))
    return f"{len(readings)} readings; {'; '.join(notes.lines()[-1:])}"


def poll_log_first_line(folder: Path, mb: int) -> str:
    """The first line has no end: is it a poll log at all."""
    return str(kind_of(packed(folder / "series.jsonl.gz", b'{"t":"', b"x", b'"}\n', mb)))


def saved_job(folder: Path, mb: int) -> str:
    """A saved job, packed, with blanks in it."""
    path = packed(folder / "job.json.gz", b'{"id":3,\n"logs":\n', b" ", b"{}}", mb)
    return str(kind_of(path))


def tapped_second(folder: Path, mb: int) -> str:
    """Acknowledgements without end, all within one second."""
    line = b'{"t":"2026-11-23T15:13:09Z","subject":"$JS.ACK.job_3.c.1.7.7.1795448945276789934.9"}\n'
    path = packed(folder / "events.jsonl.gz", b"", line, b"", max(mb // 32, 16))
    readings = rows = 0
    for reading in poll_log.readings(path, zone=ZONE, notes=Notes()):
        readings, rows = readings + 1, rows + len(reading.rows["acks"])
    return f"{rows} rows in {readings} readings"


def _served(answer: Answer, question: Callable[[Settings], object]) -> str:
    with hostile_server() as server:
        server.answer = answer
        named = {"ANTENNA_URL": server.url, "NATS_MONITOR_URL": server.url}
        settings = Settings.from_environment(
            {f"AMI_CONSOLE_{key}": value for key, value in named.items()}, dotenv=None
        )
        try:
            asyncio.run(question(settings))  # type: ignore[arg-type]
        finally:
            sent = server.sent // MB
        return f"read, {sent} MB taken"


async def _ask_monitor(settings: Settings) -> None:
    monitor = Monitor(settings)
    try:
        await monitor.look()
    finally:
        await monitor.aclose()


async def _ask_log(settings: Settings) -> None:
    source = JobLogsSource(settings)
    try:
        await source.read([3])
    finally:
        await source.aclose()


def _endless(piece: bytes, mb: int) -> Iterator[bytes]:
    for _ in range(mb * MB // len(piece) + 1):
        yield piece


def body_without_end(folder: Path, mb: int) -> str:
    """``/jsz`` goes on and on."""
    return _served(lambda path: (head(200, {}), _endless(b"[" * MB, mb)), _ask_monitor)


def body_told_huge(folder: Path, mb: int) -> str:
    """``/jsz`` says that it has an exabyte."""
    return _served(lambda path: (head(200, {"content-length": str(10**18)}), [b"["]), _ask_monitor)


def body_packed(folder: Path, mb: int) -> str:
    """``/jsz`` in a gzip that unpacks to very much."""
    pack = zlib.compressobj(9, wbits=31)
    whole = b"".join([*(pack.compress(bytes(16 * MB)) for _ in range(mb // 16)), pack.flush()])
    return _served(lambda path: (head(200, {"content-encoding": "gzip"}), [whole]), _ask_monitor)


def body_packed_twice(folder: Path, mb: int) -> str:
    """The same, packed once more: 64 kB would become gigabytes in one step."""
    pack = zlib.compressobj(9, wbits=31)
    once = b"".join([*(pack.compress(bytes(16 * MB)) for _ in range(mb // 16)), pack.flush()])
    twice = gzip.compress(once, mtime=0)
    return _served(
        lambda path: (head(200, {"content-encoding": "gzip, gzip"}), [twice]), _ask_monitor
    )


def body_nested(folder: Path, mb: int) -> str:
    """A body that is one list in another, as deep as it is long."""
    deep = b"[" * (8 * MB)
    return _served(
        lambda path: (head(200, {"content-length": str(len(deep))}), [deep]), _ask_monitor
    )


def log_entry(folder: Path, mb: int) -> str:
    """A job with one log line of 60 MB."""
    line = b"[2026-11-23 10:14:20] INFO " + b"user=a token " * (60 * MB // 13)
    body = b'{"id": 3, "status": "STARTED", "logs": {"stdout": ["' + line + b'"]}}'
    return _served(lambda path: (head(200, {"content-length": str(len(body))}), [body]), _ask_log)


def _recording(folder: Path) -> Path:
    path = folder / "recording"
    with RecordingWriter(path) as writer:
        writer.append_many(
            poll_log.readings(sparse(folder / "x", LOOK, b"", 0), zone=ZONE, notes=Notes())
        )
    return path


def tail_hole(folder: Path, mb: int) -> str:
    """The tail of a recording with a hole in it, as a machine leaves it that lost its power."""
    path = _recording(folder)
    sparse(path / "tail" / "segment-000009.jsonl", b"", b"\n", mb)
    recording = open_recording(path)
    return f"{len(recording.frame('reads'))} reads; {recording.damaged[0].reason}"


def tail_line(folder: Path, mb: int) -> str:
    """A line of a tail that begins well and does not end."""
    path = _recording(folder)
    sparse(path / "tail" / "segment-000009.jsonl", b'{"crc32":"', b"\n", mb)
    recording = open_recording(path)
    return f"{len(recording.frame('reads'))} reads; {recording.damaged[0].reason}"


def info_hole(folder: Path, mb: int) -> str:
    """A ``recording.json`` of a gigabyte."""
    path = _recording(folder)
    sparse(path / "recording.json", b"{", b"}", mb)
    recording = open_recording(path)
    return f"{len(recording.frame('reads'))} reads; {recording.damaged[0].reason}"


def parquet_rows(folder: Path, mb: int) -> str:
    """A part of some kB with very many rows, which are all the same."""
    path = _recording(folder)
    (part,) = (path / "frame=reads").rglob("*.parquet")
    rows = 12_000_000
    times = pa.repeat(pa.scalar(1_795_448_945 * 10**9, pa.timestamp("ns", "UTC")), rows)
    table = pa.table({"observed_at": times})
    pq.write_table(
        table, part.with_name("part-000002-000002.parquet"), row_group_size=rows, compression="zstd"
    )
    del table, times
    pa.default_memory_pool().release_unused()
    reset_peak()
    recording = open_recording(path)
    return f"{len(recording.frame('reads'))} reads; {recording.damaged[0].reason}"


BOMBS: tuple[Callable[[Path, int], str], ...] = (
    log_line, log_hole, poll_log_line, poll_log_hole, poll_log_first_line, saved_job,
    tapped_second, body_without_end, body_told_huge, body_packed, body_packed_twice, body_nested,
    log_entry, tail_hole, tail_line, info_hole, parquet_rows,
)  # fmt: skip


def reset_peak() -> None:
    """Begin to measure the peak anew."""
    Path("/proc/self/clear_refs").write_text("5")


def memory_mb(key: str) -> float:
    """``VmRSS`` (now) or ``VmHWM`` (peak) of this process, megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(bomb: Callable[[Path, int], str], mb: int) -> dict[str, object]:
    """What came of a bomb, and how much memory it took beyond what was there before."""
    with tempfile.TemporaryDirectory() as folder:
        reset_peak()
        before = memory_mb("VmRSS")
        try:
            outcome = bomb(Path(folder), mb)
        except AmiConsoleError as error:
            outcome = f"{type(error).__name__}: {error}".replace(folder, "…")
        grown = memory_mb("VmHWM") - before
    return {"bomb": bomb.__name__, "grown_mb": round(grown), "outcome": outcome[:300]}


def main() -> None:
    """Measure each and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--mb", type=int, default=1024, help="to what each unpacks, megabytes")
    parser.add_argument("--only", default="", help="names of bombs, separated by commas")
    asked = parser.parse_args()
    for bomb in BOMBS:
        if not asked.only or bomb.__name__ in asked.only.split(","):
            json.dump(measured(bomb, asked.mb), sys.stdout)
            print(flush=True)


if __name__ == "__main__":
    main()
