"""Keeping a recording small: a file per frame and day, old days removed, beside a recorder."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from recorded_looks import NOON, StartRecorder, look, numbers
from test_growing import heard
from weeks_of_jobs import WRITERS, record

from ami_console import frames
from ami_console.errors import RecordingError
from ami_console.instants import NS_PER_S
from ami_console.recording import RecordingWriter, open_recording
from ami_console.recording.pruning import old_days, remove
from ami_console.recording.upkeep import compact

LATER = pd.Timestamp("2027-01-01T12:00:00Z")
DAY = 86_400 * NS_PER_S


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three weeks, every day of them in several parts."""
    return record(tmp_path_factory.mktemp("weeks") / "recording", 3)


@pytest.fixture
def weeks(made: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(made, tmp_path / "weeks"))


def days(path: Path) -> Iterator[Path]:
    """The directories of all frames and days."""
    yield from path.glob("frame=*/day=*")


def content(path: Path) -> dict[str, pd.DataFrame]:
    """All frames."""
    recording = open_recording(path)
    held = {name: recording.frame(name) for name in frames.FRAMES}
    assert recording.damaged == []
    return held


def same(path: Path, before: dict[str, pd.DataFrame]) -> None:
    """Every row is there, once; rows of one instant may have changed places."""
    for name, frame in content(path).items():
        columns = [c for c in ("observed_at", "job_id", "source") if c in frame]
        pd.testing.assert_frame_equal(
            frame.sort_values(columns, ignore_index=True),
            before[name].sort_values(columns, ignore_index=True),
        )


def test_each_day_that_is_over_becomes_one_file(weeks: Path) -> None:
    """A month was recorded in many goes: afterwards a day is a file, and says the same."""
    before = content(weeks)
    assert {len(list(day.iterdir())) for day in days(weeks)} == {WRITERS}
    told: list[tuple[int, int]] = []
    done = compact(weeks, now=LATER, progress=lambda _what, n, of: told.append((n, of)))
    assert [len(list(day.iterdir())) for day in days(weeks)] == [1] * done.days
    same(weeks, before)
    assert told == [(n, done.days) for n in range(done.days)]
    assert done.in_use is None
    assert done.problems == []
    assert sum(each.bytes_after for each in done.joined) < sum(e.bytes_before for e in done.joined)
    assert {each.files_after for each in done.joined} == {1}
    assert compact(weeks, now=LATER).joined == []  # and again: nothing is to be done
    alone = pd.read_parquet(weeks / "frame=consumers")
    assert len(alone) == len(before["consumers"])


def test_today_is_left_to_the_recorder(weeks: Path) -> None:
    """On a day in the middle: that one and the later ones stay in their parts."""
    compact(weeks, now=pd.Timestamp("2026-06-09T23:59:59Z"))
    for day in days(weeks):
        is_over = day.name < "day=2026-06-09"
        assert (len(list(day.iterdir())) == 1) == is_over, day


def test_the_tail_of_a_dead_recorder_is_packed(tmp_path: Path) -> None:
    """It was killed: nobody will pack its newest minutes, so upkeep does."""
    path = tmp_path / "recording"
    with RecordingWriter(path) as writer:
        writer.append(look(0))
    other = RecordingWriter(tmp_path / "other")
    other.append_many([look(n) for n in range(1, 4)])
    (segment,) = (tmp_path / "other" / "tail").iterdir()
    (path / "tail" / "segment-000002.jsonl").write_bytes(segment.read_bytes())
    other.close()
    compact(path, now=LATER)
    assert list((path / "tail").iterdir()) == []
    (file,) = (path / "frame=consumers").rglob("*.parquet")
    assert pq.ParquetFile(file).metadata.num_rows == 12
    assert numbers(open_recording(path)) == [0, 1, 2, 3]


def compact_and_die(path: Path, changes: int) -> None:
    """Join, until so many changes on disk were made; then die as by kill -9. Runs in a process."""
    left = iter(range(changes))

    def or_die(change: Callable[..., None]) -> Callable[..., None]:
        def changed(*arguments: Any, **more: Any) -> None:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            change(*arguments, **more)

        return changed

    for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink")):
        setattr(owner, name, or_die(getattr(owner, name)))
    compact(path, now=LATER)


def test_kill_at_any_instant(weeks: Path, processes: ForkServerContext) -> None:
    """Upkeep is killed before the first, the second, … change: no row is lost, none doubled."""
    before = content(weeks)
    for changes in (*range(8), 23, 42):
        process = processes.Process(target=compact_and_die, args=(weeks, changes))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        process.close()
        same(weeks, before)
    assert {len(list(day.iterdir())) for day in days(weeks)} == {1, WRITERS}  # half done
    compact(weeks, now=LATER)
    assert {len(list(day.iterdir())) for day in days(weeks)} == {1}
    same(weeks, before)


def test_beside_a_recorder(tmp_path: Path, start_recorder: StartRecorder) -> None:
    """A recorder packs and merges as fast as it can while upkeep joins the very same days."""
    path = tmp_path / "recording"
    process, hear = start_recorder(path, 0, 1_000_000, 0.02)
    last, joined = hear.recv(), 0
    while joined < 15:
        done = compact(path, now=LATER)
        assert done.in_use is not None
        assert done.in_use.startswith(f"process {process.pid} on ")
        joined += len(done.joined)
        last, ended = heard(hear, last)
        assert not ended
        found = numbers(open_recording(path))
        assert found == list(range(len(found)))
        assert len(found) > last
    process.kill()
    process.join()
    last, _ = heard(hear, last)
    assert numbers(open_recording(path)) in (list(range(last + 1)), list(range(last + 2)))
    with RecordingWriter(path) as writer:
        assert writer.problems == ()


def test_what_a_crash_left_is_cleared(weeks: Path) -> None:
    """A merge died between writing the wide part and deleting the narrow ones."""
    before = content(weeks)
    day = next(days(weeks))
    narrow = {file.name: file.read_bytes() for file in day.iterdir()}
    compact(weeks, now=LATER)
    for name, held in narrow.items():
        (day / name).write_bytes(held)
    (day / ".part-1-3.tmp").write_bytes(b"half")
    same(weeks, before)
    compact(weeks, now=LATER)
    assert len(list(day.iterdir())) == 1
    same(weeks, before)


def test_a_damaged_part_stays_and_is_named(weeks: Path) -> None:
    """A disk gave back rubbish for one file: its neighbours are joined around it."""
    day = weeks / "frame=reads" / "day=2026-06-02"
    first, middle, last = sorted(day.iterdir())
    middle.write_bytes(middle.read_bytes()[:50])
    done = compact(weeks, now=LATER)
    assert [str(middle) in problem for problem in done.problems] == [True]
    assert sorted(day.iterdir()) == [first, middle, last]
    assert {len(list(each.iterdir())) for each in days(weeks) if each != day} == {1}


def test_no_recording(tmp_path: Path) -> None:
    """A wrong path, and one on another machine: said, and nothing is made there."""
    with pytest.raises(RecordingError, match="no recording at"):
        compact(tmp_path / "none", now=LATER)
    assert not (tmp_path / "none").exists()
    record(tmp_path / "weeks", 1)
    with pytest.raises(RecordingError, match=r"lies elsewhere.*--to"):
        compact((tmp_path / "weeks").as_uri(), now=LATER)
    (tmp_path / "weeks" / "recording.json").write_text("{}")
    with pytest.raises(RecordingError, match="left as it is"):
        compact(tmp_path / "weeks", now=LATER)


def test_whole_days_are_old(weeks: Path) -> None:
    """Thirty days before noon of the 3rd of July is noon of the 3rd of June: that day stays."""
    now = pd.Timestamp("2026-07-03T12:00:00Z")
    old = old_days(weeks, older_than_days=30, now=now)
    assert {(each.name, each.day) for each in old} == {
        (name, pd.Timestamp("2026-06-02").value // DAY) for name in ("jobs", "consumers", "reads")
    }
    by_name = {each.name: each for each in old}
    assert by_name["consumers"].rows == 12
    assert len(by_name["consumers"].files) == WRITERS
    assert by_name["reads"].bytes == sum(file.stat().st_size for file in by_name["reads"].files)
    with pytest.raises(ValueError, match="present day"):
        old_days(weeks, older_than_days=0, now=now)


def test_old_days_go_and_nothing_else(weeks: Path) -> None:
    """Three weeks, of which the first week and a half is too old."""
    before = content(weeks)
    cut = pd.Timestamp("2026-06-10T00:00:00Z")
    old = old_days(weeks, older_than_days=30, now=cut + pd.Timedelta(days=30, hours=5))
    assert remove(weeks, old) == []
    same(weeks, {name: frame[frame["observed_at"] >= cut] for name, frame in before.items()})
    assert not [day for day in days(weeks) if day.name < "day=2026-06-10"]
    assert old_days(weeks, older_than_days=30, now=cut + pd.Timedelta(days=30)) == []


def test_a_day_that_was_written_to_meanwhile_stays(weeks: Path) -> None:
    """Somebody imports an old log between the look at the days and their removal."""
    old = old_days(weeks, older_than_days=30, now=LATER)
    at = pd.Timestamp("2026-06-02T05:00:00Z").value
    with RecordingWriter(weeks) as writer:
        writer.append(look(5, at=at))
    kept = {(each.name, each.files) for each in remove(weeks, old)}
    changed = [
        each for each in old if each.day == at // DAY and each.name in ("consumers", "reads")
    ]
    assert kept == {(each.name, each.files) for each in changed}
    assert len(open_recording(weeks).frame("consumers")) == 12 + 3


def test_the_tail_stays_when_everything_else_is_old(tmp_path: Path) -> None:
    """A recorder at work, all of whose packed days are old: what it has in the tail is kept."""
    with RecordingWriter(tmp_path) as writer:
        writer.append(look(0))
        writer.seal(wait=True)
        writer.append(look(1))
        assert remove(tmp_path, old_days(tmp_path, older_than_days=1, now=LATER)) == []
        assert numbers(open_recording(tmp_path)) == [1]
    assert numbers(open_recording(tmp_path)) == [1]


def test_numbers_of_segments_are_never_used_again(tmp_path: Path) -> None:
    """All was pruned. What comes next must not be taken for what a copy elsewhere holds."""
    for number in range(3):
        with RecordingWriter(tmp_path) as writer:
            writer.append(look(number))
    remove(tmp_path, old_days(tmp_path, older_than_days=1, now=LATER))
    assert not list(tmp_path.rglob("*.parquet"))
    with RecordingWriter(tmp_path) as writer:
        writer.append(look(3, at=NOON))
    assert {file.name[:18] for file in tmp_path.rglob("*.parquet")} == {"part-000004-000004"}
