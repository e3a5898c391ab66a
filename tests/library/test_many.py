"""Many jobs at once, here and under Dask, and the fleet question in the library and in SQL."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import duckdb
import holoviews as hv
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from recorded import JOBS, readings
from weeks_of_jobs import (
    BEGIN,
    IMAGES_PER_LOOK,
    LOOKS,
    PIPELINES,
    REDELIVERED_PER_LOOK,
    WEEK,
    begins_at,
    job_of,
    record,
)

from ami_console import frames, many
from ami_console.frames import FrameSource
from ami_console.many.days import OfDays, days_of_jobs
from ami_console.plots.weeks import redeliveries_by_week
from ami_console.recording import RecordingWriter, open_recording
from ami_console.recording.archive import archive
from ami_console.recording.pruning import old_days, remove
from ami_console.summary import summarise

WEEKS = 3
DAY_NS = 86_400 * 10**9


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("weeks") / "recording", WEEKS)


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real recording of a worker that died."""
    path = tmp_path_factory.mktemp("crash") / "recording"
    with RecordingWriter(path) as writer:
        for way in ("looks", "tap"):
            writer.append_many(readings("c_worker_crash", way))
    return path


@pytest.fixture(scope="module", params=["threads", "processes"])
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A small cluster on this machine."""
    with distributed.Client(
        n_workers=2,
        threads_per_worker=1,
        processes=request.param == "processes",
        dashboard_address=None,
    ) as made:
        yield made


def sizes(source: FrameSource, job_id: int) -> dict[str, Any]:
    """How many looks there are; fails for one job, and tells nothing of another."""
    if job_id == job_of(1, 1):
        raise RuntimeError("no such luck")
    if job_id == job_of(1, 2):
        return {}
    return {"looks": len(source.frame("consumers", job_id=job_id)), "process": os.getpid()}


def test_a_job_that_fails_is_a_row(weeks: Path) -> None:
    """One job of months can't be judged: the others are, and that one says why."""
    done: list[tuple[int, int]] = []
    table = many.per_job(weeks, sizes, progress=lambda *counts: done.append(counts))
    assert table["job_id"].tolist() == [job_of(w, p) for w in range(WEEKS) for p in range(3)]
    assert table["recording"].unique().tolist() == [str(weeks)]
    by_job = table.set_index("job_id")
    failed = by_job.loc[job_of(1, 1)]
    assert failed["error"] == "RuntimeError: no such luck"
    assert pd.isna(failed["looks"])
    assert pd.isna(by_job.loc[job_of(1, 2), "looks"])
    assert pd.isna(by_job.loc[job_of(1, 2), "error"])
    assert by_job["looks"].dropna().tolist() == [LOOKS] * 7
    assert by_job["looks"].dtype == "Int64"
    assert done == [(n, 9) for n in range(1, 10)]


def test_under_dask_it_is_the_same(weeks: Path, client: Any) -> None:
    """The workers open the recordings themselves; what comes back is the same table."""
    here = many.per_job(weeks, sizes).drop(columns="process")
    there = many.per_job(weeks, sizes, client=client)
    assert_frame_equal(there.drop(columns="process"), here)
    pair = many.per_job([weeks, str(weeks) + "-gone"], many.redeliveries, client=client)
    assert pair["error"].notna().tolist() == [False] * (len(pair) - 1) + [True]
    assert pd.isna(pair["job_id"].iloc[-1])
    assert "no recording at" in pair["error"].iloc[-1]
    assert_frame_equal(pair.iloc[:-1], many.per_job(weeks, many.redeliveries), check_like=False)


def test_some_jobs_of_several_recordings(weeks: Path, crashed: Path) -> None:
    """Two recordings, three jobs of them by number; a number that neither has has no row."""
    wanted = [job_of(0, 0), JOBS["c_worker_crash"], 424242]
    table = many.per_job([weeks, weeks, crashed], many.summary_row, job_ids=wanted)
    assert table["job_id"].tolist() == wanted[:2]
    assert table["recording"].tolist() == [str(weeks), str(crashed)]
    assert table["error"].isna().all()


def test_a_recording_whose_old_days_lie_elsewhere(weeks: Path, tmp_path: Path) -> None:
    """Half of a job has gone to the archive: read as one recording, nothing counts twice."""
    now, archived = tmp_path / "now", tmp_path / "archive"
    shutil.copytree(weeks, now)
    later = pd.Timestamp(BEGIN + WEEK, tz="UTC") + pd.Timedelta(days=30)  # Monday after Sunday
    old = old_days(now, older_than_days=30, now=later)
    archive(now, str(archived), wanted={(each.name, each.day) for each in old})
    remove(now, old)
    assert job_of(0, 2) in set(days_of_jobs(now)) & set(days_of_jobs(archived))
    table = many.per_job([(now, archived)], many.redeliveries)
    assert table["recording"].unique().tolist() == [f"{now}, {archived}"]
    whole = many.per_job(weeks, many.redeliveries)
    assert_frame_equal(table.drop(columns="recording"), whole.drop(columns="recording"))


def test_no_job_at_all(tmp_path: Path) -> None:
    """A recording that holds no look yet: an empty table with its columns."""
    RecordingWriter(tmp_path).close()
    table = many.per_job(tmp_path, many.redeliveries)
    assert list(table.columns) == ["recording", "job_id", "error"]
    assert len(table) == 0
    assert len(many.by_week(table)) == 0


def test_only_the_days_of_a_job_are_read(weeks: Path) -> None:
    """Of months a job needs a day or two; what it is told of them is the whole of it."""
    days = days_of_jobs(weeks)
    begin = begins_at(1, 2)
    assert days[job_of(1, 2)] == (begin // DAY_NS, begin // DAY_NS + 1)
    recording = open_recording(weeks)
    part = OfDays(recording, days[job_of(1, 2)])
    for name in ("jobs", "consumers"):
        assert_frame_equal(
            part.frame(name, job_id=job_of(1, 2)), recording.frame(name, job_id=job_of(1, 2))
        )
    assert set(part.frame("consumers")["job_id"]) == {job_of(1, 2)}
    assert len(part.latest("consumers")) == 1
    late = pd.Timestamp(begin, tz="UTC") + pd.Timedelta(hours=11)
    assert len(part.frame("consumers", since=late)) == 2
    assert len(part.frame("consumers", until=late)) == LOOKS - 1


def test_jobs_of_the_tail_are_found(tmp_path: Path) -> None:
    """The newest job is in no Parquet file yet."""
    with RecordingWriter(tmp_path) as writer:
        writer.append_many(readings("c_worker_crash", "looks"))
        assert list(days_of_jobs(tmp_path)) == [JOBS["c_worker_crash"]]


def test_a_summary_is_a_row(crashed: Path) -> None:
    """The numbers of a real job under their names, the unit last."""
    job_id = JOBS["c_worker_crash"]
    (row,) = many.per_job(crashed, many.summary_row).to_dict("records")
    told = summarise(open_recording(crashed), job_id)
    assert row["latency_p50_s"] == told["latency_s"]["p50"]
    assert row["latency_n"] == told["latency_s"]["n"]
    assert row["attempts_2"] == told["attempts"]["2"]
    assert row["coverage_acks_seen_ratio"] == told["coverage"]["acks_seen_ratio"]
    assert row["acks_by"] == "tap"
    assert row["redeliveries"] == told["redeliveries"]
    assert row["started_at"] == pd.Timestamp(told["started_at"])
    assert pd.isna(row["error"])


def test_redeliveries_are_those_of_the_summary(crashed: Path) -> None:
    """The worker died with eight images: the same eight as everywhere else."""
    job_id = JOBS["c_worker_crash"]
    table = many.redeliveries(open_recording(crashed), job_id)
    assert list(table.columns) == ["pipeline", "week", "images", "redeliveries"]
    assert table["redeliveries"].sum() == summarise(open_recording(crashed), job_id)["redeliveries"]
    assert (table["week"].dt.day_of_week == 0).all()


def test_they_are_so_for_every_job_of_an_outage(tmp_path: Path) -> None:
    """Antenna was away and NATS restarted, which gave three old streams new consumers."""
    with RecordingWriter(tmp_path) as writer:
        writer.append_many(readings("k_api_down", "looks"))
    recording = open_recording(tmp_path)
    counted = many.per_job(tmp_path, many.redeliveries).set_index("job_id")["redeliveries"]
    told = {job_id: summarise(recording, job_id)["redeliveries"] for job_id in recording.jobs()}
    assert counted.to_dict() == told
    assert sum(told.values()) == 24


def test_a_job_over_midnight_of_sunday_counts_in_both_weeks(weeks: Path) -> None:
    """It began on Sunday at 18:00: five looks in one week, seven in the next."""
    table = many.redeliveries(open_recording(weeks), job_of(0, 2))
    per_look = REDELIVERED_PER_LOOK[2]
    assert table["week"].tolist() == [pd.Timestamp(BEGIN + n * WEEK, tz="UTC") for n in (0, 1)]
    assert table["images"].tolist() == [5 * IMAGES_PER_LOOK, 7 * IMAGES_PER_LOOK]
    assert table["redeliveries"].tolist() == [5 * per_look, 7 * per_look]


def test_which_pipeline_redelivers_most_by_week(weeks: Path) -> None:
    """The last pipeline does, in every week; one that never does has 0, which is known."""
    rows = many.per_job(weeks, many.redeliveries)
    table = many.by_week(rows)
    assert {column: str(dtype) for column, dtype in table.dtypes.items()} == dict(
        many.by_week(rows.iloc[:0]).dtypes.astype(str)
    )
    second = table[table["week"] == pd.Timestamp(BEGIN + WEEK, tz="UTC")]
    assert second["pipeline"].tolist() == list(reversed(PIPELINES))
    assert second["jobs"].tolist() == [2, 1, 1]  # the first week's Sunday job too
    assert second["images"].tolist() == [LOOKS * IMAGES_PER_LOOK] * 3
    assert second["redeliveries"].tolist() == [n * LOOKS for n in reversed(REDELIVERED_PER_LOOK)]
    assert second["redeliveries_per_1000_images"].tolist() == [140.0, 20.0, 0.0]


def literal(**columns: list[Any]) -> FrameSource:
    """A source of consumers alone, hour by hour from the middle of a Sunday night."""
    count = len(next(iter(columns.values())))
    at = [BEGIN - 90 * 60 * 10**9 + n * 3600 * 10**9 for n in range(count)]
    rows = [
        {
            "observed_at": at[n],
            "job_id": 5,
            "consumer_exists": True,
            "first_seq": 1,
            "stream_created_at": BEGIN - WEEK,
            **{name: values[n] for name, values in columns.items()},
        }
        for n in range(count)
    ]
    held = {"consumers": frames.from_rows("consumers", rows)}

    class Literal:
        def frame(self, name: str, **_bounds: Any) -> pd.DataFrame:
            return held.get(name, frames.empty(name))

        def latest(self, name: str, **_bounds: Any) -> pd.DataFrame:
            return self.frame(name)

    return Literal()


def test_a_consumer_that_was_made_anew_counts_from_nothing() -> None:
    """Antenna was restarted and made its consumer again: its counters began at 0."""
    table = many.redeliveries(
        literal(
            delivered_consumer_seq=[10, 14, 5, 8],
            delivered_stream_seq=[10, 12, 5, 6],
            consumer_created_at=[BEGIN - WEEK] * 2 + [BEGIN] * 2,
        ),
        5,
    )
    assert table["images"].tolist() == [12, 6]
    assert table["redeliveries"].tolist() == [2, 2]
    assert table["pipeline"].isna().all()


def test_a_server_that_was_restarted_counts_on() -> None:
    """It says that the consumer was created 80 µs later than before; its counters went on."""
    table = many.redeliveries(
        literal(
            delivered_consumer_seq=[48, 48, 48, 50],
            delivered_stream_seq=[40, 40, 40, 41],
            consumer_created_at=[BEGIN - WEEK] * 2 + [BEGIN - WEEK + 80_000] * 2,
        ),
        5,
    )
    assert table["images"].tolist() == [40, 1]
    assert table["redeliveries"].tolist() == [8, 1]


def test_what_is_not_known_is_missing() -> None:
    """Looks without a consumer, and no look at all: no week, and no 0."""
    gone = literal(
        delivered_consumer_seq=[None], delivered_stream_seq=[None], consumer_exists=[False]
    )
    for source in (gone, literal(delivered_stream_seq=[])):
        table = many.redeliveries(source, 5)
        assert len(table) == 1
        assert table.isna().all(axis=None)
    rows = table.assign(job_id=pd.array([5], dtype="Int64"))
    of_a_lost_recording = table.assign(job_id=pd.array([None], dtype="Int64"))
    (row,) = many.by_week(pd.concat([rows, of_a_lost_recording])).to_dict("records")
    assert row["jobs"] == 1
    assert all(pd.isna(row[name]) for name in row if name != "jobs")


def test_sql_on_the_files_comes_to_the_same(weeks: Path) -> None:
    """The recording is plain Parquet: DuckDB, which knows nothing of us, counts alike."""
    ours = many.per_job(weeks, many.redeliveries)
    with duckdb.connect() as sql:
        images, redeliveries = sql.execute(
            """SELECT sum(images), sum(redeliveries) FROM (
            SELECT max(delivered_stream_seq) AS images,
                max(delivered_consumer_seq - delivered_stream_seq) AS redeliveries
            FROM read_parquet(?) GROUP BY job_id)""",
            [f"{weeks}/frame=consumers/*/*.parquet"],
        ).fetchall()[0]
    assert (ours["images"].sum(), ours["redeliveries"].sum()) == (images, redeliveries)


def test_the_plot_leaves_weeks_without_a_number_open(weeks: Path) -> None:
    """A pipeline rested for a week: its line does not reach across."""
    table = many.by_week(many.per_job(weeks, many.redeliveries))
    resting = (table["pipeline"] == PIPELINES[1]) & (
        table["week"] == pd.Timestamp(BEGIN + WEEK, tz="UTC")
    )
    drawn = redeliveries_by_week(table[~resting])
    lines = {
        line.label: line.data["ratio"].tolist() for line in drawn if isinstance(line, hv.Curve)
    }
    assert list(lines) == sorted(PIPELINES)
    first, second, third, _ = lines[PIPELINES[1]]
    assert (first, third) == (20.0, 20.0)
    assert pd.isna(second)
    assert lines[PIPELINES[2]] == [140.0] * (WEEKS + 1)
    bokeh = hv.render(drawn)
    assert [item.label.value for item in bokeh.legend[0].items] == sorted(PIPELINES)


def test_the_plot_of_nothing_says_so(weeks: Path) -> None:
    """No job was counted: axes, and a title that says why there is no line."""
    nothing = many.by_week(many.per_job(weeks, many.redeliveries).iloc[:0])
    assert "nothing was counted" in hv.render(redeliveries_by_week(nothing)).title.text
