"""What is recorded comes back as it was, exactly, from the tail and from the Parquet files."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal
from recorded_looks import (
    JOBS,
    MIDNIGHT,
    NOON,
    expected,
    look,
    look_of_all_kinds,
    numbers,
    rows_of_all_kinds,
)

from ami_console import frames
from ami_console.errors import FrameError, RecordingError
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter, open_recording


def at(instant: int) -> pd.Timestamp:
    return pd.Timestamp(instant, tz="UTC")


@pytest.mark.parametrize("name", frames.FRAMES)
def test_every_frame_comes_back_exactly(tmp_path: Path, name: str) -> None:
    """Nanoseconds, the largest numbers, odd text and missing values survive, in every dtype."""
    readings = [look_of_all_kinds(NOON), look_of_all_kinds(NOON + 5)]
    with RecordingWriter(tmp_path) as writer:
        writer.append_many(readings)
        from_tail = open_recording(tmp_path).frame(name)
        writer.seal(wait=True)
        assert (writer.trouble, writer.problems) == (None, ())
    from_parts = open_recording(tmp_path).frame(name)
    assert not list((tmp_path / "tail").iterdir())
    assert_frame_equal(from_tail, expected(name, readings))
    assert_frame_equal(from_parts, expected(name, readings))
    assert {c: str(dtype) for c, dtype in from_parts.dtypes.items()} == dict(frames.FRAMES[name])


@pytest.mark.parametrize("name", frames.FRAMES)
def test_a_frame_that_nothing_was_recorded_of_is_empty_and_typed(tmp_path: Path, name: str) -> None:
    """A dashboard opened on a recording that has just begun finds frames, not errors."""
    RecordingWriter(tmp_path).close()
    recording = open_recording(tmp_path)
    assert_frame_equal(recording.frame(name), frames.empty(name))
    assert (recording.jobs(), recording.first_at, recording.last_at) == ([], None, None)


def test_rows_of_one_job_and_span(tmp_path: Path) -> None:
    """The job page asks for its job since some minutes ago; bounds are included."""
    readings = [look(number) for number in range(100)]
    with RecordingWriter(tmp_path) as writer:
        for begin in range(0, 100, 10):
            writer.append_many(readings[begin : begin + 10])
            if begin < 90:
                writer.seal()
        writer.seal(wait=True)
        writer.append(look(100))
        recording = open_recording(tmp_path)
        bounds = {"since": at(readings[37].observed_at), "until": at(readings[61].observed_at)}
        asked = recording.frame("consumers", job_id=JOBS[1], **bounds)
        everything = expected("consumers", readings)
        assert_frame_equal(
            asked,
            frames.select(everything, job_id=JOBS[1], **bounds).reset_index(drop=True),
        )
        assert asked["messages"].tolist() == list(range(37, 62))
        assert len(recording.frame("reads", job_id=JOBS[1], **bounds)) == 25
        late = recording.frame("consumers", since=at(readings[99].observed_at))
        assert late["messages"].tolist() == [99] * 3 + [100] * 3
        assert recording.frame("consumers", job_id=12345).empty
        assert recording.jobs() == list(JOBS)
        assert recording.first_at == at(readings[0].observed_at)
        assert recording.last_at == at(look(100).observed_at)


def test_a_bound_without_time_zone_is_refused(tmp_path: Path) -> None:
    """A naive time would be read as some zone or other, and be hours off."""
    RecordingWriter(tmp_path).close()
    with pytest.raises(ValueError, match="no time zone"):
        open_recording(tmp_path).frame("jobs", since=pd.Timestamp("2026-09-22"))
    with pytest.raises(FrameError, match="no frame 'nope'"):
        open_recording(tmp_path).frame("nope")


def test_stages_of_a_job_keep_their_order(tmp_path: Path) -> None:
    """Antenna lists stages in the order of the pipeline; sorting by time must not mix them."""
    stages = ["delay", "process", "results", "a later one"]
    readings = [
        Reading(
            source="antenna",
            observed_at=NOON + n,
            rows={
                "stages": [
                    {"observed_at": NOON + n, "job_id": job, "stage": stage}
                    for job in (3, 1)
                    for stage in stages
                ]
            },
        )
        for n in range(40)
    ]
    with RecordingWriter(tmp_path) as writer:
        for reading in readings:
            writer.append(reading)
            writer.seal(wait=True)
    frame = open_recording(tmp_path).frame("stages")
    assert len(frame) == 320
    for _, of_look in frame.groupby(["observed_at", "job_id"]):
        assert of_look["stage"].tolist() == stages


def test_a_look_over_midnight_lies_in_two_days(tmp_path: Path) -> None:
    """Recording through midnight UTC: each row lies in the directory of its day."""
    readings = [look(n, at=MIDNIGHT - 5 + n) for n in range(10)]
    with RecordingWriter(tmp_path) as writer:
        writer.append_many(readings)
    days = sorted(path.name for path in (tmp_path / "frame=consumers").iterdir())
    assert days == ["day=2026-09-22", "day=2026-09-23"]
    (first,) = (tmp_path / "frame=consumers" / days[0]).iterdir()
    assert pc.max(pq.read_table(first)["observed_at"]).value == MIDNIGHT - 1
    recording = open_recording(tmp_path)
    assert numbers(recording) == list(range(10))
    assert recording.frame("consumers", since=at(MIDNIGHT))["messages"].unique().tolist() == list(
        range(5, 10)
    )


def test_a_day_that_is_over_becomes_one_file(tmp_path: Path) -> None:
    """After midnight yesterday is packed into one file per frame; nothing is lost on the way."""
    with RecordingWriter(tmp_path) as writer:
        for n in range(11):
            writer.append(look(n, at=MIDNIGHT + (n - 5) * NS_PER_S))
            writer.seal(wait=True)
        yesterday = tmp_path / "frame=consumers" / "day=2026-09-22"
        (part,) = yesterday.iterdir()
        assert part.name.startswith("part-000001-000005-")
        assert numbers(open_recording(tmp_path)) == list(range(11))


def test_a_day_stays_a_handful_of_files(tmp_path: Path) -> None:
    """Hours of two-minute segments are merged on the way, eight to one and these again."""
    with RecordingWriter(tmp_path) as writer:
        for n in range(150):
            writer.append(look(n))
            writer.seal(wait=n % 8 == 0)
        writer.seal(wait=True)
        files = list((tmp_path / "frame=consumers").rglob("*.*"))
        assert len(files) < 25
        assert numbers(open_recording(tmp_path)) == list(range(150))


def test_other_programs_read_the_directory(tmp_path: Path) -> None:
    """Pandas and Arrow read a frame as a hive-partitioned data set, typed, without this package."""
    readings = [look(n, at=MIDNIGHT - 5 + n) for n in range(10)]
    with RecordingWriter(tmp_path) as writer:
        writer.append_many(readings)
    home = tmp_path / "frame=consumers"
    dataset = pyarrow.dataset.dataset(home, partitioning="hive")
    assert dataset.schema.field("observed_at").type == pa.timestamp("ns", tz="UTC")
    assert dataset.schema.field("num_pending").type == pa.int64()  # though all of it is missing
    day = dataset.to_table(filter=pyarrow.dataset.field("day") == "2026-09-23")
    assert sorted(set(day["messages"].to_pylist())) == [5, 6, 7, 8, 9]
    frame = pd.read_parquet(home)
    assert len(frame) == 30
    assert set(frame["day"].astype(str)) == {"2026-09-22", "2026-09-23"}


def test_values_that_do_not_fit_are_missing_and_named(tmp_path: Path) -> None:
    """A server that sends text for a number costs that value, not the recording."""
    rows = [{"observed_at": NOON, "job_id": 1, "messages": value} for value in ("many", 5, 2**63)]
    with RecordingWriter(tmp_path) as writer:
        writer.append(Reading(source="nats", observed_at=NOON, rows={"consumers": rows}))
        writer.seal(wait=True)
        (problem,) = writer.problems
        assert "consumers.messages can't hold values such as 'many'" in problem
    assert open_recording(tmp_path).frame("consumers")["messages"].tolist() == [pd.NA, 5, pd.NA]


def test_values_as_other_libraries_hold_them(tmp_path: Path) -> None:
    """Rows made with pandas or numpy, and broken text from outside, are recorded as well."""
    row = {
        "observed_at": at(NOON),
        "job_id": pd.Series([7]).iloc[0],
        "name": "half a butterfly \ud83e",
        "status": pd.NA,
        "created_at": at(NOON).to_pydatetime(),
    }
    with RecordingWriter(tmp_path) as writer:
        writer.append(Reading(source="antenna", observed_at=NOON, rows={"jobs": [row]}))
    job = open_recording(tmp_path).frame("jobs").iloc[0]
    assert job["job_id"] == 7
    assert job["name"] == "half a butterfly ?"
    assert job["created_at"] == job["observed_at"] == at(NOON)
    assert job["status"] is pd.NA


def test_what_no_frame_can_hold_is_refused(tmp_path: Path) -> None:
    """A programming mistake shows itself at once and leaves the recording whole."""
    with RecordingWriter(tmp_path) as writer:
        writer.append(look(0))
        for rows in ([{"observed_at": NOON, "job_id": object()}], [{"observed_at": 2**70}]):
            with pytest.raises(RecordingError, match="can't be recorded"):
                writer.append(Reading(source="nats", observed_at=NOON, rows={"jobs": rows}))
        unknown = Reading(source="nats", observed_at=NOON, rows={"nope": []})
        with pytest.raises(FrameError, match="no frame 'nope'"):
            writer.append_many([look(1), look(2), unknown, look(3)])
        writer.append(look(4))
    assert numbers(open_recording(tmp_path)) == [0, 1, 2, 4]


def test_columns_of_other_versions(tmp_path: Path) -> None:
    """A part of a newer minor version has columns we don't know, an older one lacks some."""
    with RecordingWriter(tmp_path) as writer:
        writer.append(look(0))
    (path,) = (tmp_path / "frame=consumers").rglob("*.parquet")
    table = pq.read_table(path, partitioning=None)
    table = table.append_column("of_tomorrow", pa.array(["x"] * 3)).drop_columns(["server_at"])
    path.unlink()
    pq.write_table(table, path.with_name("part-000001-000001.parquet"))
    recording = open_recording(tmp_path)
    assert_frame_equal(recording.frame("consumers"), expected("consumers", [look(0)]))
    assert recording.damaged == []


def test_the_caller_owns_the_frame(tmp_path: Path) -> None:
    """A notebook that changes a frame does not change what the next cell reads."""
    with RecordingWriter(tmp_path) as writer:
        writer.append_many([look(n) for n in range(5)])
    recording = open_recording(tmp_path)
    frame = recording.frame("consumers")
    for column in frame:
        frame.loc[:, column] = frame[column].iloc[::-1].to_numpy()
    frame["messages"] = 99
    assert numbers(recording) == [0, 1, 2, 3, 4]


def test_rows_of_all_kinds_are_of_all_kinds() -> None:
    """The round trip above is worth something: every column has a value and a missing one."""
    for name in frames.FRAMES:
        frame = frames.from_rows(name, rows_of_all_kinds(name, NOON))
        for column in frame.columns.difference(["observed_at", "job_id"]):
            assert frame[column].isna().sum() == 1
