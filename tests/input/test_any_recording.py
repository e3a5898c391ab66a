"""Whatever recording somebody sends: its rows, typed, or which file can't be read and why."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ami_console.errors import RecordingError
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter, open_recording, packed, tail
from tests.input.properties import PROPERTIES, Property
from tests.input.recordings import sealed

AT = 1_795_446_789_000_000_000
ROWS = b'"rows":{"jobs":[{"job_id":9,"name":"x"}]}'


@pytest.mark.parametrize("tried", PROPERTIES["recordings"], ids=lambda tried: tried.holds.__name__)
def test_any_recording(tried: Property) -> None:
    """Damaged on the way, or made to look like one."""
    tried.try_few()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A recording of three looks at job 7, packed."""
    with RecordingWriter(tmp_path / "r") as writer:
        for second in range(3):
            row = {"observed_at": AT + second * 10**9, "job_id": 7, "name": f"look {second}"}
            writer.append(
                Reading(source="antenna", observed_at=row["observed_at"], rows={"jobs": [row]})
            )
    return tmp_path / "r"


def names(path: Path, **bounds: pd.Timestamp) -> list[str]:
    return open_recording(path).frame("jobs", **bounds)["name"].tolist()


@pytest.mark.parametrize(
    "said",
    [
        b"not JSON",
        b"[]",
        b"{}",
        b'{"observed_at":"soon",' + ROWS + b"}",
        b'{"observed_at":true,' + ROWS + b"}",
        b'{"observed_at":99999999999999999999,' + ROWS + b"}",
        b'{"observed_at":1,"rows":[]}',
        b'{"observed_at":1,"rows":{"jobs":[7]}}',
        b'{"observed_at":1,"rows":{"jobs":7}}',
        b'{"observed_at":1,"rows":{"jobs":{"length":3,"columns":{"job_id":[1]},"constants":{}}}}',
        b'{"observed_at":1,"rows":{"jobs":{"length":9e9,"columns":{},"constants":{"job_id":1}}}}',
        b'{"observed_at":1,"rows":{"jobs":{"length":9999999999,"columns":{},"constants":{}}}}',
    ],
)  # fmt: skip
def test_a_line_with_the_right_checksum_that_says_nothing(path: Path, said: bytes) -> None:
    """Somebody made the line: it is named as damaged, kept apart, and holds up nothing."""
    segment = path / "tail" / "segment-000009.jsonl"
    good = sealed(b'{"observed_at":%d,%b}' % (AT, ROWS))
    segment.write_bytes(sealed(said) + good)
    recording = open_recording(path)
    assert recording.frame("jobs")["job_id"].tolist() == [7, 9, 7, 7]
    assert [damage.reason for damage in recording.damaged] == ["line 1 is damaged; it was left out"]
    with RecordingWriter(path) as writer:
        writer.seal(wait=True)
        assert writer.trouble is None
    assert not segment.exists()
    assert open_recording(path).frame("jobs")["job_id"].tolist() == [7, 9, 7, 7]


def test_a_cell_nested_too_deep_to_be_printed(path: Path) -> None:
    """The value is missing; the row and all others stay."""
    deep = b"[" * 900 + b"]" * 900
    said = b'{"observed_at":%d,"rows":{"jobs":[{"job_id":9,"name":%b}]}}' % (AT, deep)
    (path / "tail" / "segment-000009.jsonl").write_bytes(sealed(said))
    frame = open_recording(path).frame("jobs")
    assert frame["name"].isna().tolist() == [False, True, False, False]


def rewritten(path: Path, change: Callable[[pa.Table], pa.Table]) -> Path:
    """The part of the jobs as another program might have written it, without a checksum."""
    (part,) = (path / "frame=jobs").rglob("*.parquet")
    table = change(pq.read_table(part, partitioning=None))
    part.unlink()
    part = part.with_name("part-000001-000001.parquet")
    pq.write_table(table, part)
    return part


def test_a_part_without_a_column_of_text(path: Path) -> None:
    """An older version had no such column: the rows are read, that value is missing."""
    rewritten(path, lambda table: table.drop_columns(["pipeline", "status"]))
    recording = open_recording(path)
    assert recording.frame("jobs")["name"].tolist() == ["look 0", "look 1", "look 2"]
    assert recording.frame("jobs")["status"].isna().all()
    assert recording.damaged == []


def test_a_part_with_times_in_another_unit(path: Path) -> None:
    """pandas and Spark write microseconds: what is asked for between two instants is found."""
    us = pa.timestamp("us", tz="UTC")
    rewritten(path, lambda t: t.set_column(0, "observed_at", t["observed_at"].cast(us)))
    second = pd.Timestamp(AT + 10**9, tz="UTC")
    assert names(path, since=second) == ["look 1", "look 2"]
    assert names(path, until=second) == ["look 0", "look 1"]
    recording = open_recording(path)
    assert recording.first_at == pd.Timestamp(AT, tz="UTC")
    assert recording.last_at == pd.Timestamp(AT + 2 * 10**9, tz="UTC")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("job_id", pa.array(["seven", "x", "y"])),
        ("job_id", pa.array([[7], [8], [9]])),
        ("job_id", pa.array([7.5, 1.0, 2.0])),
        ("observed_at", pa.array(["soon", "x", "y"])),
        ("observed_at", pa.array([AT, None, AT], pa.timestamp("ns", "UTC"))),
        ("name", pa.array([[7], [8], [9]])),
    ],
)
def test_a_part_with_columns_of_another_kind(path: Path, column: str, values: pa.Array) -> None:
    """It is named as damaged, with its path; the question is answered without it."""
    part = rewritten(path, lambda t: t.set_column(t.column_names.index(column), column, values))
    recording = open_recording(path)
    assert len(recording.frame("jobs")) == 0
    assert len(recording.frame("jobs", job_id=7, since=pd.Timestamp(AT, tz="UTC"))) == 0
    assert len(recording.frame("reads")) == 3
    assert set(recording.jobs()) <= {7, 8, 9}
    assert {damage.path for damage in recording.damaged} == {str(part)}


def test_a_part_with_two_columns_of_a_name(path: Path) -> None:
    part = rewritten(
        path, lambda t: t.rename_columns(["job_id" if c == "name" else c for c in t.column_names])
    )
    recording = open_recording(path)
    assert len(recording.frame("jobs", job_id=7)) == 0
    assert {damage.path for damage in recording.damaged} == {str(part)}


def test_a_look_at_no_job_in_particular(path: Path) -> None:
    """Whoever wrote it left the numbers out: no judgement could say of which job it is."""
    rewritten(path, lambda t: t.set_column(1, "job_id", pa.nulls(3, pa.int64())))
    said = b'{"observed_at":%d,"rows":{"jobs":[{"job_id":"x"},{"job_id":9}]}}' % AT
    (path / "tail" / "segment-000009.jsonl").write_bytes(sealed(said))
    recording = open_recording(path)
    assert recording.frame("jobs")["job_id"].tolist() == [9]
    assert recording.jobs() == [9]
    assert [damage.reason for damage in recording.damaged] == ["it has rows without job_id"]
    assert recording._repr_html_()


def test_a_part_without_instants(path: Path) -> None:
    rewritten(path, lambda table: table.drop_columns(["observed_at"]))
    recording = open_recording(path)
    assert len(recording.frame("jobs")) == 0
    assert "without observed_at" in recording.damaged[0].reason


def test_more_rows_than_are_read_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of some kB can hold a thousand million rows: an error says what to do instead."""
    monkeypatch.setattr(packed, "MOST_ROWS", 2)
    with pytest.raises(RecordingError, match=r"3 rows of jobs.*no more than 2.*a shorter time"):
        open_recording(path).frame("jobs")


def test_a_look_too_large_to_be_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the reader would call damaged is refused by the writer, who says so."""
    monkeypatch.setattr(tail, "LONGEST_LINE_BYTES", 1000)
    with RecordingWriter(tmp_path / "r") as writer:
        row = {"observed_at": AT, "job_id": 7, "name": "x" * 1000}
        with pytest.raises(RecordingError, match="this look is lost"):
            writer.append(Reading(source="antenna", observed_at=AT, rows={"jobs": [row]}))
        writer.append(Reading(source="antenna", observed_at=AT))
    assert len(open_recording(tmp_path / "r").frame("reads")) == 1


@pytest.mark.parametrize(
    "info",
    [
        b'{"format": "ami-console recording", "format_version": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"format": "ami-console recording", "format_version": 1.1}',
        b'{"format": "ami-console recording", "format_version": "one"}',
        b'{"format": "ami-console recording", "format_version": "' + b"9" * 5000 + b'"}',
        b"[" * 2000,
    ],
)
def test_an_info_file_of_nonsense(path: Path, info: bytes) -> None:
    """recording.json says nothing that can be used: the rest is read, and it is named."""
    (path / "recording.json").write_bytes(info)
    recording = open_recording(path)
    assert len(recording.frame("jobs")) == 3
    assert recording.damaged[0].path.endswith("recording.json")


def test_an_info_file_with_odd_extras(path: Path) -> None:
    (path / "recording.json").write_bytes(
        b'{"format": "ami-console recording", "format_version": "1.1", "segments_pruned": true,'
        b'"created_at": ' + b"[" * 900 + b"]" * 900 + b"}"
    )
    assert open_recording(path).damaged == []
    with RecordingWriter(path) as writer:
        assert writer.problems == ()
    shutil.rmtree(path)
