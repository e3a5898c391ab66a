"""Copies of recordings elsewhere: read back before they count, and before anything is removed."""

import shutil
import uuid
from pathlib import Path

import fsspec
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from recorded_looks import look, look_of_all_kinds, numbers
from weeks_of_jobs import record

from ami_console import frames
from ami_console.errors import RecordingError
from ami_console.recording import RecordingWriter, open_recording
from ami_console.recording.archive import archive
from ami_console.recording.elsewhere import Elsewhere
from ami_console.recording.pruning import old_days, remove
from ami_console.recording.upkeep import compact

LATER = pd.Timestamp("2027-01-01T12:00:00Z")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks, every day of them in several parts."""
    return record(tmp_path_factory.mktemp("weeks") / "recording", 2)


@pytest.fixture
def weeks(made: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(made, tmp_path / "weeks"))


@pytest.fixture
def in_memory() -> str:
    """A place in fsspec's memory, as one in an object store."""
    return f"memory://archive/{uuid.uuid4()}"


def same(one: str | Path, other: str | Path) -> None:
    """Both say the same; rows of one instant may have changed places."""
    first, second = open_recording(one), open_recording(other)
    for name in frames.FRAMES:
        columns = [c for c in ("observed_at", "job_id", "source") if c in frames.schema(name)]
        assert_frame_equal(
            first.frame(name).sort_values(columns, ignore_index=True),
            second.frame(name).sort_values(columns, ignore_index=True),
        )
    assert first.damaged == second.damaged == []


def test_a_copy_in_another_filesystem(weeks: Path, in_memory: str) -> None:
    """Months go to an object store, a file per frame and day, and are read from there."""
    before = {file: file.read_bytes() for file in weeks.rglob("*.*")}
    copied = archive(weeks, in_memory)
    same(weeks, in_memory)
    assert {file: file.read_bytes() for file in weeks.rglob("*.*")} == before
    memory = fsspec.filesystem("memory")
    root = in_memory.removeprefix("memory:/")
    assert len(memory.glob(f"{root}/frame=*/day=*/*")) == len(copied)
    assert {path.rpartition("/")[2] for path in memory.ls(root, detail=False)} == {
        "recording.json",
        *(f"frame={name}" for name in ("jobs", "consumers", "reads")),
    }
    assert sum(each.rows for each in copied) == sum(
        len(open_recording(weeks).frame(name)) for name in frames.FRAMES
    )


@pytest.mark.parametrize("as_url", [False, True])
def test_a_copy_on_this_machine(weeks: Path, tmp_path: Path, as_url: bool) -> None:
    """To a second disk; what is there already is read back and not written again."""
    to = tmp_path / "second" / "disk"
    place = to.as_uri() if as_url else str(to)
    assert not any(each.was_there for each in archive(weeks, place))
    same(weeks, to)
    stamps = {file: file.stat().st_mtime_ns for file in to.rglob("*")}
    assert all(each.was_there for each in archive(weeks, place))
    compact(weeks, now=LATER)  # the same rows, in files of other names
    assert all(each.was_there for each in archive(weeks, place))
    assert {file: file.stat().st_mtime_ns for file in to.rglob("*")} == stamps
    assert not list(to.rglob("*.tmp"))


def test_every_kind_of_value(tmp_path: Path, in_memory: str) -> None:
    """Odd text, extreme numbers and missing values of every frame come back as they were."""
    for _ in range(2):
        with RecordingWriter(tmp_path) as writer:
            writer.append(look_of_all_kinds())
    archive(tmp_path, in_memory)
    for name in frames.FRAMES:
        assert_frame_equal(
            open_recording(in_memory).frame(name), open_recording(tmp_path).frame(name)
        )


def test_what_was_recorded_since_is_added(tmp_path: Path, in_memory: str) -> None:
    """The copy is renewed every night: a day that grew takes the place of its beginning."""
    path = tmp_path / "recording"
    for begin in (0, 5, 10):
        with RecordingWriter(path) as writer:
            writer.append_many([look(n) for n in range(begin, begin + 5)])
        archive(path, in_memory)
        assert numbers(open_recording(in_memory)) == list(range(begin + 5))
    assert len(fsspec.filesystem("memory").glob(f"{in_memory}/frame=consumers/day=*/*")) == 1


def test_a_copy_that_was_cut_off(
    weeks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network went away in the middle: it is no recording yet, and is gone on with."""
    to, usual, left = tmp_path / "copy", Elsewhere._write, [7]

    def cut_off(place: Elsewhere, path: str, content: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            usual(place, path, content[: len(content) // 2])
            raise OSError("the network is unreachable")
        usual(place, path, content)

    monkeypatch.setattr(Elsewhere, "_write", cut_off)
    with pytest.raises(RecordingError, match=r"network is unreachable.*goes on where it was"):
        archive(weeks, str(to))
    with pytest.raises(RecordingError, match="no recording at"):
        open_recording(to)
    monkeypatch.undo()
    done = archive(weeks, str(to))
    assert sum(each.was_there for each in done) == 6
    same(weeks, to)
    assert not list(to.rglob("*.tmp"))


def test_what_comes_back_wrong_is_not_called_done(
    weeks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other side takes the bytes, says that all is well, and has changed one."""
    usual = Elsewhere._write

    def flipped(place: Elsewhere, path: str, content: bytes) -> None:
        bad = bytearray(content)
        bad[len(bad) // 2] ^= 1
        usual(place, path, bytes(bad) if "frame=reads" in path else content)

    monkeypatch.setattr(Elsewhere, "_write", flipped)
    with pytest.raises(RecordingError, match="something else when read back"):
        archive(weeks, str(tmp_path / "copy"))
    assert not list((tmp_path / "copy" / "frame=reads").rglob("*.parquet"))


def test_a_damaged_file_of_the_copy_is_written_anew(weeks: Path, tmp_path: Path) -> None:
    """The archive's disk lost something; the recording still has it."""
    to = tmp_path / "copy"
    archive(weeks, str(to))
    file = next(to.rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-20])
    done = archive(weeks, str(to))
    assert [each.was_there for each in done].count(False) == 1
    same(weeks, to)


def test_a_damaged_part_of_the_recording_is_named(weeks: Path, tmp_path: Path) -> None:
    """What can't be read can't be copied: the rest is, and the day does not count as whole."""
    day = weeks / "frame=consumers" / "day=2026-06-04"
    part = sorted(day.iterdir())[1]
    part.write_bytes(b"rubbish")
    done = archive(weeks, str(tmp_path / "copy"))
    (damaged,) = [each for each in done if each.left_out]
    assert [damage.path for damage in damaged.left_out] == [str(part)]
    read = open_recording(weeks).frame("consumers")
    assert_frame_equal(open_recording(tmp_path / "copy").frame("consumers"), read)


def test_places_that_hold_something_else(weeks: Path, tmp_path: Path) -> None:
    """Another recording's copy, somebody's files, the recording itself: nothing is touched."""
    other = record(tmp_path / "other", 1)
    archive(other, str(tmp_path / "copy"))
    with pytest.raises(RecordingError, match="copy of another recording"):
        archive(weeks, str(tmp_path / "copy"))
    same(other, tmp_path / "copy")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letters.txt").write_text("dear")
    with pytest.raises(RecordingError, match="holds other files"):
        archive(weeks, str(tmp_path / "home"))
    for place in (weeks, weeks / "copy", tmp_path):
        with pytest.raises(RecordingError, match="same place"):
            archive(weeks, str(place))
    with pytest.raises(RecordingError, match="can't be reached"):
        archive(weeks, "nosuch://user:secret@place/x")


def test_rows_that_only_the_copy_has_are_never_overwritten(weeks: Path, tmp_path: Path) -> None:
    """A file of the recording was deleted by hand: the copy still has its rows, and keeps them."""
    to = tmp_path / "copy"
    archive(weeks, str(to))
    before = open_recording(to).frame("consumers")
    sorted((weeks / "frame=consumers" / "day=2026-06-04").iterdir())[1].unlink()
    with pytest.raises(RecordingError, match="holds other rows of that day"):
        archive(weeks, str(to))
    assert_frame_equal(open_recording(to).frame("consumers"), before)


def test_days_move_to_the_archive(weeks: Path, made: Path, in_memory: str) -> None:
    """Every month the old days are put away: together both always have every row, once."""
    for day in ("2026-06-05", "2026-06-10", "2026-06-30"):
        now = pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=30)
        old = old_days(weeks, older_than_days=30, now=now)
        assert old
        copied = archive(weeks, in_memory, wanted={(each.name, each.day) for each in old})
        assert {(each.name, each.day): each.rows for each in copied} == {
            (each.name, each.day): each.rows for each in old
        }
        assert {(e.name, e.day): e.sources for e in copied} == {
            (e.name, e.day): frozenset(map(str, e.files)) for e in old
        }
        assert remove(weeks, old) == []
        joined, whole = open_recording(weeks, in_memory), open_recording(made)
        for name in ("jobs", "consumers", "reads"):
            assert len(joined.frame(name)) == len(whole.frame(name))
    assert not list(weeks.rglob("*.parquet"))
    same(in_memory, made)
