"""Recordings that somebody sends: damaged on the way, or made to look like one."""

import json
import os
import shutil
import tempfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from ami_console import frames
from ami_console.diagnosis import diagnose
from ami_console.errors import RecordingError
from ami_console.recording import Recording, RecordingWriter, open_recording
from tests.input.kept import assert_short
from tests.input.mutated import HOSTILE, damaged, dumped, mutated, tree
from tests.recorded import readings

FRAMES = ("jobs", "stages", "consumers", "counters", "reads", "acks", "advisories")
HEAD = b'{"crc32":"'


@cache
def whole() -> Path:
    """A recording of a real job's beginning: parts of two segments, and a tail."""
    folder = Path(tempfile.mkdtemp(prefix="ami-input-"))
    looks = [*readings("c_worker_crash", "looks")]
    taps = [*readings("c_worker_crash", "tap")]
    with RecordingWriter(folder / "writing") as writer:
        for begin in (0, 40):
            writer.append_many([*looks[begin : begin + 40], *taps[begin : begin + 40]])
            writer.seal(wait=True)
        writer.append_many(looks[80:88])
        shutil.copytree(folder / "writing", folder / "recording")
    shutil.rmtree(folder / "writing")
    return folder / "recording"


@cache
def files() -> tuple[Path, ...]:
    """Its files, relative to it."""
    found = sorted(path for path in whole().rglob("*") if path.is_file() and path.stat().st_size)
    return tuple(path.relative_to(whole()) for path in found)


@cache
def rows(name: str) -> frozenset[tuple[Any, ...]]:
    """Rows of one frame of it."""
    return frozenset(_rows(open_recording(whole()).frame(name)))


def _rows(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    held = frame.astype(object).where(frame.notna(), None)
    return list(map(tuple, held.to_numpy().tolist()))


@cache
def tail_bodies() -> list[bytes]:
    """Lines of its tail, without their checksum."""
    (segment,) = (whole() / "tail").iterdir()
    return [b"{" + line[len(HEAD) + 10 :] for line in segment.read_bytes().splitlines()]


class Change(NamedTuple):
    """What is done to one file of a copy.

    Attributes:
        place: Which file, by number.
        content: What it holds then.
        is_checked: Whether a checksum of the original still protects it.
    """

    place: int
    content: bytes
    is_checked: bool


def sealed(body: bytes) -> bytes:
    """A line of a tail with the right checksum, whatever it says."""
    return b'%b%08x",%b\n' % (HEAD, zlib.crc32(body), body[1:])


@st.composite
def _bytes(draw: st.DrawFn) -> Change:
    place = draw(st.integers(0, len(files()) - 1))
    content = (whole() / files()[place]).read_bytes()
    return Change(place, draw(damaged(st.just(content))), is_checked=True)


@st.composite
def _tail(draw: st.DrawFn) -> Change:
    place = next(n for n, path in enumerate(files()) if path.parts[0] == "tail")
    bodies = draw(st.lists(mutated(tail_bodies(), most=3), min_size=1, max_size=4))
    return Change(place, b"".join(map(sealed, bodies)), is_checked=False)


@st.composite
def _batch(draw: st.DrawFn) -> Change:
    """A line whose rows stand by column, in lengths that do not fit."""
    place = next(n for n, path in enumerate(files()) if path.parts[0] == "tail")
    values = st.lists(st.sampled_from(HOSTILE[:20]), max_size=3).map(tree)
    said = {
        "length": draw(st.sampled_from([0, 1, 2, 3, -1, 10**12, True, "2", None])),
        "columns": draw(
            st.dictionaries(st.sampled_from(["job_id", "kind", "observed_at"]), values)
        ),
        "constants": draw(st.sampled_from([{}, {"job_id": 3}, {"observed_at": "x"}, None, [1]])),
    }
    body = dumped(tree({"observed_at": 10**18, "rows": {"acks": said}}))
    return Change(place, sealed(body.encode("utf-8", "surrogatepass")), is_checked=False)


@st.composite
def _info(draw: st.DrawFn) -> Change:
    place = next(n for n, path in enumerate(files()) if path.name == "recording.json")
    content = (whole() / "recording.json").read_bytes()
    return Change(place, draw(damaged(mutated([content], most=3))), is_checked=False)


@st.composite
def _parquet(draw: st.DrawFn) -> Change:
    """A part as another program might write it: other columns, types, units."""
    parts = [n for n, path in enumerate(files()) if path.suffix == ".parquet"]
    place = draw(st.sampled_from(parts))
    table = pq.read_table(whole() / files()[place], partitioning=None)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, table.num_columns - 1))
        name, held = table.field(at).name, table.column(at)
        match draw(
            st.sampled_from(["drop", "text", "float", "unit", "nulls", "list", "none", "name"])
        ):
            case "drop" if table.num_columns > 1:
                table = table.remove_column(at)
            case "text":
                table = table.set_column(at, name, pa.array(["7"] * table.num_rows, pa.string()))
            case "float":
                table = table.set_column(at, name, pa.array([7.5] * table.num_rows, pa.float64()))
            case "unit" if pa.types.is_timestamp(held.type):
                cast = held.cast(pa.timestamp("us", tz="UTC"), safe=False)
                table = table.set_column(at, name, cast)
            case "nulls":
                table = table.set_column(at, name, pa.nulls(table.num_rows, held.type))
            case "list":
                nested = pa.array([[7]] * table.num_rows, pa.list_(pa.int64()))
                table = table.set_column(at, name, nested)
            case "none":
                table = table.slice(0, 0)
            case _:
                names = [*table.column_names]
                names[at] = draw(st.sampled_from(["other", "job_id", "observed_at"]))
                table = table.rename_columns(names)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return Change(place, sink.getvalue().to_pybytes(), is_checked=False)


changes = st.one_of(_bytes(), _bytes(), _tail(), _batch(), _info(), _parquet())
packed = st.one_of(_tail(), _batch(), _parquet())


def frames_of_any_recording(change: Change) -> None:
    """What can be read is typed, and of what a checksum protects no row is another one."""
    with tempfile.TemporaryDirectory() as folder:
        path = _changed(Path(folder), change)
        try:
            recording = open_recording(path)
        except RecordingError as error:
            assert_short(error)
            return
        for name in FRAMES:
            frame = _checked(recording, name)
            if change.is_checked:
                assert set(_rows(frame)) <= rows(name)
        _ask(recording)


def packing_of_any_recording(change: Change) -> None:
    """A recorder goes on there: what could be read before can be read after."""
    with tempfile.TemporaryDirectory() as folder:
        path = _changed(Path(folder), change)
        try:
            before = {name: _rows(_checked(open_recording(path), name)) for name in FRAMES}
            with RecordingWriter(path) as writer:
                writer.seal(wait=True)
                assert writer.trouble is None
        except RecordingError as error:
            assert_short(error)
            return
        after = {name: _rows(_checked(open_recording(path), name)) for name in FRAMES}
        assert {n: set(held) for n, held in after.items()} == {n: set(h) for n, h in before.items()}
        assert not list((path / "tail").iterdir())


def _changed(folder: Path, change: Change) -> Path:
    path = folder / "recording"
    shutil.copytree(whole(), path, copy_function=os.link)
    file = path / files()[change.place]
    if not change.is_checked and file.suffix == ".parquet":
        file.unlink()
        file = file.with_name(f"{file.stem.rpartition('-')[0]}.parquet")
    file.unlink(missing_ok=True)  # else the original would be changed
    file.write_bytes(change.content)
    return path


def _checked(recording: Recording, name: str) -> pd.DataFrame:
    frame = recording.frame(name)
    assert dict(frame.dtypes) == dict(frames.empty(name).dtypes)
    assert frame["observed_at"].notna().all()
    assert frame["observed_at"].is_monotonic_increasing
    return frame


def _ask(recording: Recording) -> None:
    """Everything else that is asked of a recording."""
    assert all(isinstance(job, int) for job in recording.jobs())
    first, last = recording.first_at, recording.last_at
    assert (first is None) == (last is None)
    whole_jobs = recording.frame("jobs")
    for job in recording.jobs()[:3]:
        mine = recording.frame("jobs", job_id=job)
        assert len(mine) == (whole_jobs["job_id"] == job).sum()
    if first is not None and last is not None:
        assert first <= last
        assert len(recording.frame("jobs", since=first, until=last)) == len(whole_jobs)
    assert recording._repr_html_()
    json.dumps([[damage.path, damage.reason] for damage in recording.damaged])
    if last is not None:
        for finding in diagnose(recording, as_of=last):
            assert finding.why
