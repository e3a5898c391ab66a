"""The lines of a notebook make the same plot as the page."""

import ast
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from recorded import JOBS, readings
from staged_feed import Staged, StagedFeed

from ami_console import charts, plots
from ami_console.apps.as_python import Drawing, absolute, of_job, of_trend, python_lines
from ami_console.apps.board import Board
from ami_console.apps.feed import RecordedFeed
from ami_console.apps.trend_rows import trend_rows
from ami_console.apps.view import window
from ami_console.charts import TRENDS, WallClock, floats
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter, open_recording

ZONE = ZoneInfo("America/New_York")
KEYS = [*(chart.key for chart in charts.CHARTS), "heat"]


def run(lines: str) -> Any:
    """What the last line of a notebook's cell gives."""
    tree = ast.parse(lines)
    *before, last = tree.body
    assert isinstance(last, ast.Expr)
    names: dict[str, Any] = {}
    exec(compile(ast.Module(before, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording of a job whose worker crashed, as the tap and the looks told of it."""
    path = tmp_path_factory.mktemp("crash") / "a recording"
    with RecordingWriter(path) as writer:
        for way in ("looks", "tap"):
            writer.append_many(readings("c_worker_crash", way))
    return path


def same(curve: Any, column: str, rows: pd.DataFrame, clock: WallClock) -> None:
    """A curve has the points of the page's chart, gaps included."""
    np.testing.assert_array_equal(curve.dimension_values(0), clock.to_axis(rows["observed_at"]))
    np.testing.assert_array_equal(curve.dimension_values(1), floats(rows, column))
    assert len(rows) > 3


@pytest.mark.parametrize("span", ["all", "15m", "fixed"])
@pytest.mark.parametrize("key", KEYS)
def test_each_chart_of_a_recording_is_made_again(crashed: Path, key: str, span: str) -> None:
    """An operator takes a plot of the page into the notebook of the post-mortem."""
    recording = open_recording(crashed)
    board, job_id = Board(RecordedFeed(recording, zone=ZONE)), JOBS["c_worker_crash"]
    first, last = recording.first_at, recording.last_at
    assert first is not None
    assert last is not None
    if span == "fixed":
        begins, ends = first + pd.Timedelta("2min"), last - pd.Timedelta("1min")
        span = f"{begins.isoformat()}/{ends.isoformat()}"
    drawing = of_job(board, key, job_id, window(span), zone=ZONE)
    made = run(python_lines(drawing, recording=str(crashed)))
    drawn, clock = board.drawn(job_id, window(span)), WallClock.of(ZONE, last)
    if key == "heat":
        cells = board.marks(job_id, window(span)).cells
        assert len(cells) > 3
        np.testing.assert_array_equal(made.dimension_values("tasks"), cells["tasks"])
        np.testing.assert_array_equal(
            made.dimension_values("time"), clock.to_axis(cells["begins_at"])
        )
        np.testing.assert_array_equal(
            made.dimension_values("until"), clock.to_axis(cells["ends_at"])
        )
        return
    series = charts.chart(key).series
    for curve, line in zip(made, series, strict=True):
        same(curve, line.column, drawn.rows, clock)


def test_the_states_of_a_job_are_made_again(crashed: Path) -> None:
    """What happened to the job goes into the post-mortem as it is."""
    recording, job_id = open_recording(crashed), JOBS["c_worker_crash"]
    board = Board(RecordedFeed(recording, zone=ZONE))
    drawing = of_job(board, "states", job_id, window("all"), zone=ZONE)
    made = run(python_lines(drawing, recording=str(crashed)))
    job = board.job(job_id)
    assert job is not None
    shown = plots.states(job.evidence.story.spans, job.evidence.story.happenings, zone=ZONE)
    assert len(shown) > 1
    for ours, theirs in zip(made, shown, strict=True):
        assert ours.dframe().equals(theirs.dframe())


def test_buckets_of_a_long_watch_are_made_again(tmp_path: Path) -> None:
    """Half a day of looks is drawn in buckets: the notebook draws the same ones."""
    feed = StagedFeed(
        (Staged(7, "long", total=9000, per_min=20.0, stops_s=15_000.0),), every_s=10.0
    )
    told: list[Reading] = []
    feed.record_into = told.append
    feed.play(6_000.0)
    feed.down["nats"] = "refused"
    feed.look(6_010.0)
    feed.down.clear()
    feed.play(20_000.0, begin_s=6_100.0)
    with RecordingWriter(tmp_path) as writer:
        writer.append_many(told)
    feed.every_s = 2.0  # the charts are as coarse as those of a watch of this pace
    board = Board(feed)
    drawing = of_job(board, "backlog", 7, window("all"), zone=ZONE)
    assert drawing.width_s > 10
    made = run(python_lines(drawing, recording=str(tmp_path)))
    drawn = board.drawn(7, window("all"))
    assert (drawn.rows["key"] % 2 == 1).any()  # the gap stays open in both
    for curve, line in zip(made, charts.chart("backlog").series, strict=True):
        same(curve, line.column, drawn.rows, WallClock.of(ZONE, feed.as_of()))


@pytest.mark.parametrize("width_s", [0, 60])
def test_a_trend_of_several_jobs_is_made_again(tmp_path: Path, width_s: int) -> None:
    """The page of trends has a line per job and one number a chart: so has the notebook."""
    feed = StagedFeed(every_s=10.0)
    told: list[Reading] = []
    feed.record_into = told.append
    feed.play(900.0)
    with RecordingWriter(tmp_path) as writer:
        writer.append_many(told)
    board, job_ids = Board(feed), (3, 4, 7)
    as_of = feed.as_of()
    since = as_of - pd.Timedelta("617s")  # in the midst of a bucket
    for column in TRENDS:
        drawing = of_trend(
            column,
            job_ids,
            since=since,
            until=as_of,
            width_s=width_s,
            as_of=as_of,
            zone=ZONE,
        )
        made = run(python_lines(drawing, recording=str(tmp_path)))
        shown = trend_rows(board.lines(), job_ids, since=since, until=as_of, width_s=width_s)
        assert len(made) == len(job_ids)
        place = TRENDS.index(column)
        for number, curve in enumerate(made):
            np.testing.assert_array_equal(curve.dimension_values(1), shown.values[number, :, place])


def test_what_a_name_holds_stays_text(tmp_path: Path) -> None:
    """A folder is named after an exploit: its name is a string of the lines and nothing else."""
    path = '/data/"); import os; os.abort(); ("\n\\'
    drawing = Drawing(
        chart="backlog",
        job_ids=(7,),
        as_of=pd.Timestamp("2026-11-25T08:15:00.123456789Z"),
        since=None,
        until=pd.Timestamp("2026-11-25T08:15:00Z"),
        width_s=5,
        zone=ZONE,
    )
    lines = python_lines(drawing, recording=path)
    tree = ast.parse(lines)
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert path in texts
    assert "2026-11-25T08:15:00.123456789Z" in texts
    assert not {"os", "abort"} & {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    assert not [each for each in lines.splitlines() if each.startswith(("def ", "class "))]
    with pytest.raises(LookupError):
        python_lines(Drawing(**{**vars(drawing), "chart": "x)"}), recording=path)


def test_without_a_recording_the_lines_say_so() -> None:
    """The watch could not record: the lines are given all the same, and say what is missing."""
    at = pd.Timestamp("2026-11-25T08:15:00Z")
    drawing = Drawing(
        chart="heat", job_ids=(7,), as_of=at, since=at, until=at, width_s=5, zone=ZONE
    )
    assert "# Nothing is recorded here: name a recording." in python_lines(drawing, recording=None)
    assert "Nothing" not in python_lines(drawing, recording="/data/watch")


def test_nothing_drawn_is_said() -> None:
    """A job that nobody has heard of has no chart."""
    feed = StagedFeed((), every_s=10.0)
    with pytest.raises(LookupError, match="job 9"):
        of_job(Board(feed), "backlog", 9, window("1h"), zone=ZONE)


def test_a_path_is_given_whole() -> None:
    """The notebook is in another folder than the server; an object store is nowhere at all."""
    assert absolute("watch") == str(Path.cwd() / "watch")
    assert absolute("s3://bucket/watch") == "s3://bucket/watch"
