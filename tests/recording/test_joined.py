"""Several recordings as one, and recordings that lie elsewhere."""

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.fs
import pytest
from pandas.testing import assert_frame_equal
from recorded_looks import JOBS, NOON, expected, look, look_of_all_kinds, numbers

from ami_console import frames
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter, open_recording


def record(path: Path, readings: list[Reading]) -> Path:
    with RecordingWriter(path) as writer:
        writer.append_many(readings)
    return path


def test_recordings_of_two_nights(tmp_path: Path) -> None:
    """Two recordings, one after the other, read as one in the order of time."""
    late = record(tmp_path / "late", [look(n) for n in range(5, 10)])
    early = record(tmp_path / "early", [look(n) for n in range(5)])
    joined = open_recording(late, early)
    assert numbers(joined) == list(range(10))
    assert joined.paths == [str(late), str(early)]
    assert joined.path == str(late)
    assert joined.jobs() == list(JOBS)
    assert joined.first_at == expected("reads", [look(0)])["observed_at"][0]
    assert joined.last_at == expected("reads", [look(9)])["observed_at"][0]


def test_what_both_have_counts_once(tmp_path: Path) -> None:
    """An archived copy and the recording that went on since: no look counts twice."""
    readings = [look(n) for n in range(10)]
    path = record(tmp_path / "one", readings[:6])
    copy = tmp_path / "copy"
    shutil.copytree(path, copy)
    record(path, readings[6:])
    for order in ((path, copy), (copy, path), (copy, copy, path)):
        joined = open_recording(*order)
        assert_frame_equal(joined.frame("consumers"), expected("consumers", readings))
        assert_frame_equal(joined.frame("reads"), expected("reads", readings))


@pytest.mark.parametrize("name", frames.FRAMES)
def test_rows_that_differ_anywhere_both_count(tmp_path: Path, name: str) -> None:
    """Only rows that are equal in every column, missing values too, are the same row."""
    zero = {
        frames.TIME: 0,
        frames.COUNT: 0,
        frames.MEASURE: 0.0,
        frames.TEXT: "",
        frames.FLAG: False,
    }
    one = look_of_all_kinds(NOON)
    rows = {n: [dict(row) for row in of_frame] for n, of_frame in one.rows.items()}
    for of_name, of_frame in rows.items():
        column, dtype = list(frames.FRAMES[of_name].items())[-1]
        assert of_frame[1][column] is None
        of_frame[1][column] = zero[dtype]
    other = replace(one, rows=rows, source="redis")
    joined = open_recording(record(tmp_path / "a", [one]), record(tmp_path / "b", [other]))
    alone = open_recording(tmp_path / "a")
    assert len(joined.frame(name)) == len(alone.frame(name)) + 1


def test_a_recording_keeps_its_own_repeats(tmp_path: Path) -> None:
    """Two equal rows of one recording are two observations; only joining removes repeats."""
    twice = [look(1, at=NOON), look(1, at=NOON)]
    one = record(tmp_path / "one", twice)
    other = record(tmp_path / "other", [look(2, at=NOON + NS_PER_S)])
    assert numbers(open_recording(one, other)) == [1, 1, 2]


def test_elsewhere(tmp_path: Path) -> None:
    """A recording in an object store is read through Arrow's file systems, its tail as well."""
    writer = RecordingWriter(tmp_path / "local")
    writer.append_many([look(n) for n in range(5)])
    writer.seal(wait=True)
    writer.append(look(5))
    address = (tmp_path / "local").as_uri()
    recording = open_recording(address)
    assert numbers(recording) == list(range(6))
    writer.append(look(6))
    assert numbers(recording) == list(range(7))
    assert recording.path == address
    writer.close()
    pyarrow.fs.copy_files(address, (tmp_path / "archive").as_uri())
    assert numbers(open_recording(tmp_path / "archive")) == list(range(7))
