"""Damaged files, full disks, wrong directories: said plainly, and everything else is read."""

import contextlib
import errno
import logging
import os
import random
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from recorded_looks import look, numbers

from ami_console.errors import RecordingError
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter, open_recording
from ami_console.recording.layout import Info

LargestFile = Callable[[int], contextlib.AbstractContextManager[None]]


def record(path: Path, begin: int, end: int) -> None:
    with RecordingWriter(path) as writer:
        writer.append_many([look(number) for number in range(begin, end)])


def tail_of_a_dead_writer(path: Path, looks: list[Reading]) -> Path:
    """A tail segment as a writer leaves it that was killed."""
    record(path, 0, 0)
    writer = RecordingWriter(path / "other")
    writer.append_many(looks)
    (made,) = (path / "other" / "tail").iterdir()
    segment = path / "tail" / "segment-000001.jsonl"
    segment.write_bytes(made.read_bytes())
    writer.close()
    return segment


def test_a_damaged_part_is_named_and_skipped(tmp_path: Path) -> None:
    """A disk gave back rubbish for one file: the others are read, and that one is named."""
    for begin in (0, 10, 20):
        record(tmp_path, begin, begin + 10)
    (part,) = (tmp_path / "frame=consumers").rglob("part-000002-000002-*.parquet")
    part.write_bytes(part.read_bytes()[:100])
    recording = open_recording(tmp_path)
    assert numbers(recording) == [*range(10), *range(20, 30)]
    assert len(recording.frame("reads")) == 30
    assert recording.jobs() == [7, 8, 9]
    assert {damage.path for damage in recording.damaged} == {str(part)}
    assert recording.damaged[0].reason


def test_no_flipped_bit_changes_a_number(tmp_path: Path) -> None:
    """Whatever bit of a part goes bad, it is noticed: no wrong number, and no crash in Arrow."""
    record(tmp_path, 0, 50)
    (part,) = (tmp_path / "frame=consumers").rglob("*.parquet")
    content = part.read_bytes()
    rng = random.Random(1)
    for _ in range(200):
        place = rng.randrange(len(content))
        bad = bytes([content[place] ^ (1 << rng.randrange(8))])
        part.write_bytes(content[:place] + bad + content[place + 1 :])
        recording = open_recording(tmp_path)
        assert numbers(recording) == []
        assert [damage.path for damage in recording.damaged] == [str(part)]


def test_merging_leaves_a_damaged_part_alone(tmp_path: Path) -> None:
    """The recorder meets a damaged file while it merges: it stays, named, and recording goes on."""
    with RecordingWriter(tmp_path) as writer:
        for number in range(30):
            writer.append(look(number))
            writer.seal(wait=True)
            if number == 2:
                (part,) = (tmp_path / "frame=consumers").rglob("part-000002-000002-*.parquet")
                part.write_bytes(b"PAR1 rubbish PAR1")
        assert writer.trouble is None
        (problem,) = writer.problems
        assert str(part) in problem
    recording = open_recording(tmp_path)
    assert numbers(recording) == [0, *range(2, 30)]
    assert [damage.path for damage in recording.damaged] == [str(part)]
    assert len(list(part.parent.iterdir())) < 15


def test_a_damaged_line_of_the_tail(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A line in the middle is named with its number; packing keeps its bytes apart."""
    segment = tail_of_a_dead_writer(tmp_path, [look(number) for number in range(5)])
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"messages":1', b'"messages":8')
    lines[3] = b"\x00\x00rubbish\n"
    segment.write_bytes(b"".join(lines))
    recording = open_recording(tmp_path)
    assert numbers(recording) == [0, 2, 4]
    assert [(d.path, d.reason.partition(" is")[0]) for d in recording.damaged] == [
        (str(segment), "line 2"),
        (str(segment), "line 4"),
    ]
    with caplog.at_level(logging.WARNING), RecordingWriter(tmp_path) as writer:
        writer.seal(wait=True)
        (problem,) = writer.problems
        assert "segment-000001.jsonl: 2 damaged line(s) (line 2, 4)" in problem
    assert problem in caplog.text
    kept = tmp_path / "damaged" / segment.name
    assert kept.read_bytes() == lines[1] + lines[3]
    later = open_recording(tmp_path)
    assert numbers(later) == [0, 2, 4]
    assert [damage.path for damage in later.damaged] == [str(kept)]
    with RecordingWriter(tmp_path) as writer:  # numbers are never used again
        writer.append(look(5))
        assert [file.name for file in (tmp_path / "tail").iterdir()] == ["segment-000002.jsonl"]


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_torn_last_line_is_the_look_in_flight(tmp_path: Path, cut: int) -> None:
    """The machine went down in the middle of a write: that look is lost, and nothing is wrong."""
    segment = tail_of_a_dead_writer(tmp_path, [look(number) for number in range(5)])
    segment.write_bytes(segment.read_bytes()[:-cut])
    recording = open_recording(tmp_path)
    assert numbers(recording) == [0, 1, 2, 3]
    with RecordingWriter(tmp_path) as writer:
        writer.append(look(4))
        writer.seal(wait=True)
        assert writer.problems == ()
    assert numbers(recording) == [0, 1, 2, 3, 4]
    assert recording.damaged == []


def test_the_disk_is_full(tmp_path: Path, largest_file: LargestFile) -> None:
    """A look does not fit any more: the recorder says so, and goes on when there is room again."""
    with RecordingWriter(tmp_path) as writer:
        writer.append_many([look(number) for number in range(1000)])
        (segment,) = (tmp_path / "tail").iterdir()
        whole = segment.read_bytes()
        with (
            largest_file(len(whole) + 50),
            pytest.raises(RecordingError, match=r"File too large; this look is lost\. Make room"),
        ):
            writer.append(look(1000))
        assert segment.read_bytes() == whole
        with (
            largest_file(len(whole) + 50),
            pytest.raises(
                RecordingError, match="0 readings are recorded, those after them are lost"
            ),
        ):
            writer.append_many([look(number) for number in (1001, 1002, 1003)])
        writer.append(look(1004))
        assert numbers(open_recording(tmp_path)) == [*range(1000), 1004]
    recording = open_recording(tmp_path)
    assert numbers(recording) == [*range(1000), 1004]
    assert recording.damaged == []


def test_the_disk_is_full_and_nothing_can_be_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that can't even shorten a file: the piece stays and does not spoil the rest."""
    with RecordingWriter(tmp_path) as writer:
        writer.append(look(0))
        room = [20]

        def write(file: int, content: bytes) -> int:
            if not room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return os.pwrite(file, content[: room.pop()], os.fstat(file).st_size)

        def shorten(file: int, size: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr("ami_console.recording.writer.os.write", write)
            patch.setattr("ami_console.recording.writer.os.ftruncate", shorten)
            with pytest.raises(RecordingError, match="No space left on device"):
                writer.append(look(1))
        recording = open_recording(tmp_path)
        assert numbers(recording) == [0]
        writer.append(look(2))
        assert numbers(recording) == [0, 2]
    assert numbers(recording) == [0, 2]
    assert recording.damaged == []


def test_packing_fails_and_works_again(tmp_path: Path, largest_file: LargestFile) -> None:
    """There is room for looks but not for a Parquet file: looks go on, the trouble is told."""
    with RecordingWriter(tmp_path) as writer:
        for number in range(3):
            with largest_file(1500):
                writer.append(look(number))
                writer.seal(wait=True)
            assert writer.trouble is not None
            assert "The looks are safe in" in writer.trouble
            assert "too large" in writer.trouble
        assert not list(tmp_path.rglob("*.parquet"))
        assert not list(tmp_path.rglob(".part*"))
        assert numbers(open_recording(tmp_path)) == [0, 1, 2]
        writer.append(look(3))
        writer.seal(wait=True)
        assert writer.trouble is None
    assert len(list((tmp_path / "frame=consumers").rglob("*.parquet"))) == 4
    assert numbers(open_recording(tmp_path)) == [0, 1, 2, 3]


def test_the_info_file_is_damaged(tmp_path: Path) -> None:
    """recording.json is rubbish, the data is not: it is read, and the next recorder repairs it."""
    record(tmp_path, 0, 3)
    info = tmp_path / "recording.json"
    info.write_bytes(b"")
    recording = open_recording(tmp_path)
    assert numbers(recording) == [0, 1, 2]
    assert [damage.path for damage in recording.damaged] == [str(info)]
    with RecordingWriter(tmp_path) as writer:
        assert "recording.json was damaged" in writer.problems[0]
    assert Info.parse(info.read_bytes()).major == 1
    repaired = open_recording(tmp_path)
    assert numbers(repaired) == [0, 1, 2]
    assert [damage.path for damage in repaired.damaged] == [str(tmp_path / "damaged" / info.name)]


@pytest.mark.parametrize(
    ("version", "advice"),
    [("2.0", "update ami-console"), ("0.9", "the ami-console that made it")],
)
def test_another_version_is_refused(tmp_path: Path, version: str, advice: str) -> None:
    """A recording of another format is neither misread nor written to."""
    record(tmp_path, 0, 3)
    info = tmp_path / "recording.json"
    info.write_bytes(orjson.dumps(orjson.loads(info.read_bytes()) | {"format_version": version}))
    with pytest.raises(RecordingError, match=rf"read: its format is {version}.*{advice}"):
        open_recording(tmp_path)
    with pytest.raises(RecordingError, match=rf"written to: its format is {version}.*{advice}"):
        RecordingWriter(tmp_path)


def test_a_newer_minor_version_is_read_but_not_written(tmp_path: Path) -> None:
    """It may have columns that this version would drop when it packs or merges."""
    record(tmp_path, 0, 3)
    info = tmp_path / "recording.json"
    info.write_bytes(orjson.dumps(orjson.loads(info.read_bytes()) | {"format_version": "1.7"}))
    assert numbers(open_recording(tmp_path)) == [0, 1, 2]
    with pytest.raises(RecordingError, match="update ami-console"):
        RecordingWriter(tmp_path)


def test_what_is_no_recording(tmp_path: Path) -> None:
    """A wrong path is answered with what is there and what to give; nothing is touched."""
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    advice = "Give the directory that `ami-console record --into`"
    for path, why in (
        (tmp_path / "absent", "it does not exist"),
        (file, "it is a file"),
        (tmp_path, r"the directory has no recording\.json"),
        ("file:///nowhere/at/all", "it does not exist"),
    ):
        with pytest.raises(RecordingError, match=f"{why}.*{advice}"):
            open_recording(path)
    (tmp_path / "recording.json").write_text('{"format": "somebody else\'s"}')
    with pytest.raises(RecordingError, match=r"its recording\.json is not ours"):
        open_recording(tmp_path)
    (tmp_path / "recording.json").unlink()
    for into, why in (
        (tmp_path, "holds other files"),
        (file, "Not a directory|File exists"),
        ("s3://bucket/place", "written to a local directory"),
        ("/proc/nowhere", "Choose a directory that can be written to"),
    ):
        with pytest.raises(RecordingError, match=why):
            RecordingWriter(into)
    with pytest.raises(RecordingError, match="No recording was named"):
        open_recording()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_address_that_nobody_knows_keeps_its_secret(tmp_path: Path) -> None:
    """Credentials in a recording's address don't show in errors."""
    with pytest.raises(RecordingError, match="nowhere://host/recording can't be reached") as caught:
        open_recording("nowhere://user:hunter2@host/recording?key=hunter3")
    assert "hunter" not in str(caught.value)
