"""Log files: read whole, and followed while somebody writes, rotates and removes them."""

import asyncio
import gzip
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from ami_console.errors import SourceUnreachable
from ami_console.reading import Reading
from ami_console.settings import Settings
from ami_console.snapshot import look
from ami_console.sources import followed_file
from ami_console.sources.log_files import LogFilesSource, Told, kind_of_log, read_log
from tests.logs.log_text import (
    ANTENNA,
    NEW_YORK,
    job_lines,
    job_log,
    of_kind,
    parsed,
    rows_of,
    text_of,
)

DJANGO = "INFO 2026-11-23 10:14:{:02d},000 models 7 8 line {}\n"


def lines(first: int, last: int) -> str:
    return "".join(DJANGO.format(number % 60, number) for number in range(first, last))


SourceOf = Callable[..., LogFilesSource]


@pytest_asyncio.fixture
async def source_of() -> AsyncIterator[SourceOf]:
    """``source_of(path, …)``: a source that follows these files, and is closed in the end."""
    made: list[LogFilesSource] = []

    def make(*paths: Path) -> LogFilesSource:
        environment = {"AMI_CONSOLE_LOG_FILES": ",".join(map(str, paths))}
        made.append(LogFilesSource(Settings.from_environment(environment, dotenv=None)))
        return made[-1]

    yield make
    for source in made:
        await source.aclose()


def messages(reading: Reading) -> list[str]:
    batch = reading.rows.get("log_events", ())
    return [row["message"] for row in batch]


async def all_new(source: LogFilesSource) -> list[str]:
    """What two looks give: the last entry may wait for the second."""
    return messages(await source.read([])) + messages(await source.read([]))


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


async def test_each_look_gives_what_was_appended(tmp_path: Path, source_of: SourceOf) -> None:
    path = tmp_path / "django.log"
    path.write_text(lines(0, 3))
    source = source_of(path)
    first = await source.read([])
    assert messages(first) == ["line 0", "line 1"]  # line 2 may have more lines
    assert (first.source, first.ok, first.error) == ("log_files", True, None)
    assert first.bytes == path.stat().st_size
    assert {row["observed_at"] for row in first.rows["log_events"]} == {first.observed_at}
    assert messages(await source.read([])) == ["line 2"]
    assert messages(await source.read([])) == []
    append(path, "of several\n" + lines(3, 5) + "INFO 2026-11-23 10:14:0")
    assert await all_new(source) == ["of several", "line 3", "line 4"]
    append(path, "5,000 models 7 8 line 5\n")
    assert await all_new(source) == ["line 5"]


async def test_a_long_file_is_begun_near_its_end(
    tmp_path: Path, source_of: SourceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log of a year is not read through when the watch begins; the cut line is left out."""
    monkeypatch.setattr(followed_file, "FIRST_BYTES", 500)
    path = tmp_path / "django.log"
    path.write_text(lines(0, 1000))
    found = await all_new(source_of(path))
    assert found == [f"line {number}" for number in range(1000 - len(found), 1000)]
    assert 8 <= len(found) <= 10


async def test_a_rotated_file_is_read_to_its_end(tmp_path: Path, source_of: SourceOf) -> None:
    """logrotate moved the file away between two looks, and the process wrote on into it."""
    path = tmp_path / "django.log"
    path.write_text(lines(0, 2))
    source = source_of(path)
    assert await all_new(source) == ["line 0", "line 1"]
    path.rename(tmp_path / "django.log.1")
    append(tmp_path / "django.log.1", lines(2, 4))
    path.write_text(lines(4, 6))
    assert await all_new(source) == ["line 2", "line 3", "line 4", "line 5"]


async def test_the_end_of_a_file_that_is_gone_is_not_lost(
    tmp_path: Path, source_of: SourceOf
) -> None:
    path = tmp_path / "django.log"
    path.write_text(lines(0, 2))
    source = source_of(path)
    assert await all_new(source) == ["line 0", "line 1"]
    append(path, lines(2, 4))
    path.unlink()
    assert messages(await source.read([])) == ["line 2", "line 3"]
    with pytest.raises(SourceUnreachable, match=r"django\.log.*[Nn]o such file"):
        await source.read([])
    path.write_text(lines(4, 6))
    assert await all_new(source) == ["line 4", "line 5"]


@pytest.mark.parametrize("new", [lines(7, 8), lines(70, 100)])
async def test_a_file_that_was_cut_is_begun_anew(
    tmp_path: Path, source_of: SourceOf, new: str
) -> None:
    """copytruncate, or > django.log: the same file, and shorter, or longer again already."""
    path = tmp_path / "django.log"
    path.write_text(lines(0, 3))
    source = source_of(path)
    assert len(await all_new(source)) == 3
    with path.open("r+") as file:
        file.truncate()
        file.write(new)
    assert await all_new(source) == [row["message"] for row in parsed(new)]


async def test_a_file_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, source_of: SourceOf
) -> None:
    there, later = tmp_path / "django.log", tmp_path / "celery.log"
    there.write_text(lines(0, 2))
    source = source_of(there, later)
    reading = await source.read([])
    assert reading.ok
    assert str(later) in (reading.error or "")
    assert str(there) not in (reading.error or "")
    assert "AMI_CONSOLE_LOG_FILES" in (reading.error or "")
    later.write_text("[2026-11-23 10:14:20,001: INFO/MainProcess] celery@vm ready.\n")
    reading = await source.read([])
    assert reading.error is None
    assert "celery@vm ready." in await all_new(source)


async def test_without_any_file_the_look_has_failed(tmp_path: Path, source_of: SourceOf) -> None:
    source = source_of(tmp_path / "no.log", tmp_path)
    reading = await look("log_files", lambda: source.read([]), deadline_s=10)
    assert not reading.ok
    assert not reading.rows
    told = reading.error or ""
    assert f"{tmp_path / 'no.log'}: No such file or directory" in told
    assert f"{tmp_path}: it is no file" in told


async def test_discovering_tells_no_jobs(tmp_path: Path, source_of: SourceOf) -> None:
    reading = await source_of(tmp_path / "no.log").discover()
    assert reading.ok
    assert reading.job_ids is None


async def test_a_look_that_is_given_up_loses_no_line(
    tmp_path: Path, source_of: SourceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that hangs: the deadline passes while the lines are being read."""
    path = tmp_path / "django.log"
    path.write_text(lines(0, 3))
    source = source_of(path)
    reading, go_on = threading.Event(), threading.Event()
    usual: Callable[..., object] = followed_file.FollowedFile.read

    def slow(self: followed_file.FollowedFile, observed_at: int) -> object:
        found = usual(self, observed_at)
        reading.set()
        go_on.wait(30)
        return found

    monkeypatch.setattr(followed_file.FollowedFile, "read", slow)
    given_up = asyncio.create_task(source.read([]))
    await asyncio.to_thread(reading.wait, 30)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    go_on.set()
    assert await all_new(source) == ["line 0", "line 1", "line 2"]


async def test_several_files_are_one_reading(tmp_path: Path, source_of: SourceOf) -> None:
    for name in ("django.log", "celery.log"):
        (tmp_path / name).write_text(text_of("c_worker_crash", name))
    source = source_of(tmp_path / "django.log", tmp_path / "celery.log")
    found = rows_of(
        [(await source.read([])).rows["log_events"], (await source.read([])).rows["log_events"]]
    )
    acked = of_kind(found, "acked")
    assert len(acked) == 49
    assert {row["process"] for row in of_kind(found, "fetched")} == {"17417", "17418"}
    assert len(found) == 1513 + 122


# ---- whole files


@pytest.mark.parametrize(
    ("scenario", "name", "kind", "count"),
    [
        ("a_healthy", "django.log", "Django log", 707),
        ("c_worker_crash", "celery.log", "Celery log", 1513),
        ("c_worker_crash", "fake_worker.log", "worker log", 20),
    ],
)
def test_a_whole_file_gives_what_its_text_gives(
    scenario: str, name: str, kind: str, count: int
) -> None:
    (path,) = (ANTENNA / scenario).glob(f"{name}*")
    told = Told()
    found = rows_of(r.rows["log_events"] for r in read_log(path, zone=NEW_YORK, told=told))
    assert kind_of_log(path) == kind
    assert len(found) == count
    assert told.lines == text_of(scenario, name).count("\n")
    assert [row["message"] for row in found] == [
        row["message"] for row in parsed(text_of(scenario, name))
    ]
    assert not told.notes.lines()


def test_readings_are_observed_when_their_last_line_was_logged(tmp_path: Path) -> None:
    path = tmp_path / "some.txt"
    path.write_text(lines(0, 30) * 2000)
    readings = list(read_log(path, zone=NEW_YORK))
    assert len(readings) > 10
    for reading in readings:
        observed = [row["observed_at"] for row in reading.rows["log_events"]]
        assert reading.observed_at == max(observed)
        assert len(observed) < 10_000
    assert sum(len(r.rows["log_events"]) for r in readings) == 60_000


@pytest.mark.parametrize("step", [1, -1])
def test_a_jobs_log_as_text_in_either_order(tmp_path: Path, step: int) -> None:
    """Copied from the page of the job, newest line first, or from elsewhere, oldest first."""
    job_id, newest_first = job_lines("c_worker_crash")
    path = tmp_path / "job.txt"
    path.write_text("\n".join(newest_first[::step]))
    found = rows_of(reading.rows["log_events"] for reading in read_log(path, zone=NEW_YORK))
    expected = job_log("c_worker_crash")
    shown = ("logged_at", "message", "kind", "stream_seq", "job_id")
    assert [[row.get(name) for name in shown] for row in found] == [
        [row.get(name) for name in shown] for row in expected
    ]
    assert {row["job_id"] for row in found} == {job_id}
    assert kind_of_log(path) == "job log"


def test_a_log_that_is_damaged_gives_what_it_has(tmp_path: Path) -> None:
    (whole,) = (ANTENNA / "c_worker_crash").glob("celery.log.gz")
    path = tmp_path / "celery.log.gz"
    path.write_bytes(whole.read_bytes()[:9000])
    told = Told()
    found = [row for r in read_log(path, zone=NEW_YORK, told=told) for row in r.rows["log_events"]]
    assert 0 < len(found) < 1513
    assert told.notes.damaged
    assert "ends early" in told.notes.lines()[0]


def test_a_log_of_a_windows_desk(tmp_path: Path) -> None:
    """PowerShell writes what is piped into a file as UTF-16, with another end of line."""
    text = "".join(f"django-1  | {line}\r\n" for line in lines(0, 5).splitlines())
    path = tmp_path / "compose.txt"
    path.write_bytes(text.encode("utf-16"))
    found = [row["message"] for r in read_log(path, zone=NEW_YORK) for row in r.rows["log_events"]]
    assert found == [f"line {number}" for number in range(5)]
    assert kind_of_log(path) == "output of django-1"


def test_packed_without_saying_so(tmp_path: Path) -> None:
    path = tmp_path / "django.log"
    path.write_bytes(gzip.compress(lines(0, 5).encode()))
    assert kind_of_log(path) == "Django log"
    assert sum(len(r.rows["log_events"]) for r in read_log(path, zone=NEW_YORK)) == 5


def test_a_log_without_times_is_of_when_the_file_was_written(tmp_path: Path) -> None:
    path = tmp_path / "worker.txt"
    path.write_text("Finished batch 84. Total items: 672\nFinished batch 85. Total items: 680\n")
    os.utime(path, ns=(7_000, 7_000))
    (reading,) = read_log(path, zone=NEW_YORK)
    assert kind_of_log(path) == "worker log"
    assert reading.observed_at == 7_000
    rows = rows_of([reading.rows["log_events"]])
    assert [row["total"] for row in rows] == [672, 680]
    assert not any("logged_at" in row for row in rows)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Dear diary,\ntoday nothing happened.\n",
        "2026-11-23T16:39:55Z job 115 created and started\n2026-11-23T16:40:14Z stopping web\n",
        "2026-11-23 10:14:20,captures,3\n2026-11-23 10:14:21,captures,4\n",
        "a,b\n1,2\n",
        "PAR1\x00\x00\x01binary",
    ],
)
def test_what_is_no_log_of_ours_is_not_taken_for_one(tmp_path: Path, text: str) -> None:
    """A folder also holds notes, tables and pictures; dates in front make no log."""
    path = tmp_path / "celery.txt"
    path.write_text(text)
    assert kind_of_log(path) is None
