"""Recordings that grow while they are read, and recorders that are killed."""

import random
from multiprocessing.connection import Connection
from pathlib import Path

import pandas as pd
import pytest
from pyarrow.fs import FileInfo
from recorded_looks import JOBS, StartRecorder, look, numbers

from ami_console.errors import RecordingError
from ami_console.recording import RecordingWriter, open_recording
from ami_console.recording.store import Store


def heard(hear: Connection, last: int) -> tuple[int, bool]:
    """The last number that the recorder has said by now, and whether it has ended."""
    try:
        while hear.poll():
            last = hear.recv()
    except (EOFError, OSError):
        return last, True
    return last, False


def test_reading_beside_a_recorder(tmp_path: Path, start_recorder: StartRecorder) -> None:
    """A dashboard follows a recorder that packs and merges all the time, as fast as it can.

    It never misses a look that was recorded before it asked, never sees one twice or out of
    turn, and never meets an error.
    """
    path = tmp_path / "recording"
    RecordingWriter(path).close()
    following = open_recording(path)
    process, hear = start_recorder(path, 0, 1_000_000, 0.02)
    last = hear.recv()
    for turn in range(50):
        last, ended = heard(hear, last)
        assert not ended
        recording = following if turn % 2 else open_recording(path)
        found = numbers(recording, JOBS[turn % 3])
        assert found == list(range(len(found)))
        assert len(found) > last
    process.kill()
    assert following.damaged == []
    assert len(found) > 100
    assert list(path.rglob("part-*.parquet"))  # it did pack meanwhile


@pytest.mark.parametrize("seed", range(4))
def test_kill_at_any_instant(tmp_path: Path, start_recorder: StartRecorder, seed: int) -> None:
    """The recorder is killed with -9 again and again, while it writes, packs and merges.

    Each time the recording opens at once; it has every look that was said to be recorded, whole,
    once and in order, and at most the one in flight besides. The next recorder goes on.
    """
    rng = random.Random(seed)
    path = tmp_path / "recording"
    begin = 0
    for _ in range(5):
        process, hear = start_recorder(path, begin, 1_000_000, rng.choice([0.001, 0.01, 0.05]))
        last = hear.recv()  # it is up
        enough = begin + rng.randrange(1, 120)
        while last < enough:
            last = hear.recv()
        hear.poll(rng.uniform(0, 0.002))  # somewhere between two looks
        process.kill()
        process.join()
        last, ended = heard(hear, last)
        assert ended

        recording = open_recording(path)
        found = numbers(recording)
        assert found == list(range(len(found)))
        assert last + 1 <= len(found) <= last + 2
        assert len(recording.frame("consumers")) == len(JOBS) * len(found)
        assert len(recording.frame("reads")) == len(found)
        assert recording.damaged == []
        begin = len(found)

    with RecordingWriter(path) as writer:  # clears up, and nothing else
        assert writer.problems == ()
    assert numbers(open_recording(path)) == list(range(begin))
    alone = pd.read_parquet(path / "frame=consumers")
    assert sorted(alone["messages"]) == sorted(list(range(begin)) * len(JOBS))
    left = {file.name for file in path.rglob("*") if file.is_file() and "part-" not in file.name}
    assert left == {"recording.json", "recording.lock", "packing.lock"}
    assert not list(path.rglob(".part*"))


def test_a_crash_between_merging_and_deleting(tmp_path: Path) -> None:
    """The wide part is there and the narrow ones still are: rows count once, then they go."""
    with RecordingWriter(tmp_path) as writer:
        writer.append(look(0))
        writer.seal(wait=True)
        (day,) = (tmp_path / "frame=consumers").iterdir()
        before = {file.name: file.read_bytes() for file in day.iterdir()}
        for n in range(1, 8):
            writer.append(look(n))
            writer.seal(wait=True)
    (merged,) = day.iterdir()
    assert merged.name.startswith("part-000001-000008-")
    for name, content in before.items():
        (day / name).write_bytes(content)
    assert numbers(open_recording(tmp_path)) == list(range(8))
    RecordingWriter(tmp_path).close()
    assert list(day.iterdir()) == [merged]


def test_a_crash_between_packing_and_deleting(tmp_path: Path) -> None:
    """A segment is in parts already, of one frame only or of all, and its file still is there."""
    writer = RecordingWriter(tmp_path)
    writer.append_many([look(n) for n in range(4)])
    (segment,) = (tmp_path / "tail").iterdir()
    content = segment.read_bytes()
    writer.close()
    segment.write_bytes(content)
    recording = open_recording(tmp_path)
    assert numbers(recording) == [0, 1, 2, 3]
    (of_reads,) = (tmp_path / "frame=reads").rglob("*.parquet")
    of_reads.unlink()
    assert len(recording.frame("reads")) == 4
    assert numbers(recording) == [0, 1, 2, 3]
    RecordingWriter(tmp_path).close()
    assert numbers(recording) == [0, 1, 2, 3]
    assert len(recording.frame("reads")) == 4
    assert not segment.exists()


def test_a_segment_comes_back_after_its_parts_were_merged(tmp_path: Path) -> None:
    """Power failed: the deletion of a segment did not reach the disk, the merge after it did."""
    with RecordingWriter(tmp_path) as writer:
        for n in range(8):
            writer.append(look(n))
            if n == 3:
                (segment,) = (tmp_path / "tail").iterdir()
                content = segment.read_bytes()
            writer.seal(wait=True)
    segment.write_bytes(content)
    assert numbers(open_recording(tmp_path)) == list(range(8))
    RecordingWriter(tmp_path).close()
    (part,) = (tmp_path / "frame=consumers").rglob("*.parquet")
    assert part.name.startswith("part-000001-000008-")
    assert not segment.exists()


def test_names_that_change_while_they_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merge in the middle of listing a directory can hide both the old and the new files."""
    with RecordingWriter(tmp_path) as writer:
        writer.append_many([look(n) for n in range(5)])
    recording = open_recording(tmp_path)
    usual, hidden = Store._list, ["once"]

    def listed(store: Store, directory: str, *, recursive: bool = False) -> list[FileInfo]:
        found = usual(store, directory, recursive=recursive)
        return [] if directory == "frame=consumers" and hidden and hidden.pop() else found

    monkeypatch.setattr(Store, "_list", listed)
    assert numbers(recording) == [0, 1, 2, 3, 4]


def test_one_writer_at_a_time(tmp_path: Path, start_recorder: StartRecorder) -> None:
    """A second `record` into the same directory is told who is there; a dead one does not count."""
    process, hear = start_recorder(tmp_path, 0, 1_000_000, 0.05)
    hear.recv()
    with pytest.raises(RecordingError, match=rf"process {process.pid} on .* is recording there"):
        RecordingWriter(tmp_path)
    process.kill()
    process.join()
    with RecordingWriter(tmp_path) as writer, pytest.raises(RecordingError, match="is recording"):
        RecordingWriter(writer.path)
    RecordingWriter(tmp_path).close()


def test_a_closed_writer(tmp_path: Path) -> None:
    """Closing twice is harmless; a look after that is refused, not swallowed."""
    writer = RecordingWriter(tmp_path)
    writer.append(look(0))
    writer.close()
    writer.close()
    with pytest.raises(RecordingError, match="closed"):
        writer.append(look(1))
    assert numbers(open_recording(tmp_path)) == [0]
