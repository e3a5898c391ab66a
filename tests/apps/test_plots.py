"""Elements of single tasks and of buckets: what they hold, and what they leave open."""

from zoneinfo import ZoneInfo

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from recorded import history_of, readings

from ami_console import diagnosis, metrics, plots
from ami_console.charts import MAX_POINTS
from ami_console.errors import FrameError, UnknownJobError
from ami_console.history import History
from ami_console.metrics.story import story
from ami_console.plots.one_job import OneJob
from ami_console.plots.source import folded
from ami_console.plots.tasks import MOST_TASKS, thinned

NEW_YORK = ZoneInfo("America/New_York")


def tasks_of(scenario: str, job_id: int, *ways: str) -> pd.DataFrame:
    """The tasks of a real job."""
    history = history_of(scenario, *ways)
    return metrics.task_times(
        history.frame("consumers", job_id=job_id),
        acks=history.frame("acks", job_id=job_id),
        log_events=history.frame("log_events", job_id=job_id),
        advisories=history.frame("advisories", job_id=job_id),
    )


@pytest.fixture(scope="module")
def healthy() -> pd.DataFrame:
    """320 tasks in 70 s, as the tap heard them."""
    return tasks_of("a_healthy", 3)


@pytest.fixture(scope="module")
def crash() -> pd.DataFrame:
    """40 tasks of which 8 came back, with the job's log."""
    return tasks_of("c_worker_crash", 6, "looks", "tap", "job_log")


def labelled(element: hv.Overlay, label: str, kind: type = hv.Element) -> hv.Element:
    """The one part of a plot with that label."""
    (found,) = [part for part in element if part.label == label and isinstance(part, kind)]
    return found


def drawn(element: hv.Element) -> None:
    """It can be drawn, and no warning is given."""
    hv.renderer("bokeh").get_plot(element)


def test_the_heatmap_holds_every_task(healthy: pd.DataFrame) -> None:
    """An operator adds up a column and gets what was settled in it."""
    as_of = healthy["acked_at"].max()
    heat = plots.latency_heatmap(metrics.heatmap(healthy, as_of=as_of, width_s=10), zone=NEW_YORK)
    assert heat.dimension_values("tasks").sum() == 320
    assert (heat.dimension_values("low_s") > 0).all()
    assert "America/New_York" in heat.kdims[0].label
    assert "columns of 10 s" in hv.Store.lookup_options("bokeh", heat, "plot").kwargs["title"]
    first = pd.Timestamp(heat.dimension_values("time").min(), tz=NEW_YORK)
    assert first == healthy["acked_at"].min().floor("10s")
    drawn(heat)


def test_the_heatmap_of_jobs_adds_them_up(healthy: pd.DataFrame) -> None:
    """Two jobs in one picture: cells of the same time and step are one cell."""
    both = pd.concat([healthy, healthy.assign(job_id=pd.array([4] * 320, dtype="Int64"))])
    cells = metrics.heatmap(both, as_of=both["acked_at"].max())
    alone = metrics.heatmap(healthy, as_of=both["acked_at"].max())
    heat = plots.latency_heatmap(cells)
    assert len(heat) == len(alone)
    assert heat.dimension_values("tasks").sum() == 640


def test_what_took_no_time_has_a_cell_on_a_logarithmic_axis(healthy: pd.DataFrame) -> None:
    """Clocks disagree and a latency is 0: there is no 0 on that axis, and still the task shows."""
    fast = healthy.head(30).assign(latency_s=pd.array([0.0] * 30, dtype="Float64"))
    heat = plots.latency_heatmap(metrics.heatmap(fast, as_of=healthy["acked_at"].max()))
    assert 0 < heat.dimension_values("low_s")[0] < heat.dimension_values("high_s")[0]
    drawn(heat)


def test_attempts_are_counted(crash: pd.DataFrame) -> None:
    """A worker died with eight tasks: they took two attempts."""
    bars = plots.attempts(metrics.attempts(crash), zone=NEW_YORK)
    (tasks,) = bars
    assert tasks.dimension_values("tasks").tolist() == [32, 8]
    middles = (tasks.dimension_values("attempts") + tasks.dimension_values("until")) / 2
    assert middles.round(6).tolist() == [1, 2]
    drawn(bars)


def test_attempts_of_two_jobs_stand_side_by_side(crash: pd.DataFrame) -> None:
    """Compared, no bar may hide another."""
    mine = metrics.attempts(crash)
    both = pd.concat([mine, mine.assign(job_id=pd.array([7, 7], dtype="Int64"))])
    left, right = plots.attempts(both)
    assert [left.label, right.label] == ["job 6, tasks", "job 7, tasks"]
    assert (left.dimension_values("until") <= right.dimension_values("attempts")).all()


def test_percentiles_are_open_where_tasks_are_few(healthy: pd.DataFrame) -> None:
    """The first ten seconds held 18 tasks: no percentile of them, but each of them."""
    as_of = healthy["acked_at"].max()
    buckets = metrics.over_time(healthy, as_of=as_of, width_s=10)
    few = metrics.few_values(healthy, buckets)
    element = plots.percentiles(buckets, few, zone=NEW_YORK)
    median = labelled(element, "median", hv.Curve).dimension_values("value_s")
    is_few = (buckets["n"] < 20).to_numpy(dtype=bool) | buckets["is_filling"].to_numpy(dtype=bool)
    assert is_few.any()
    assert np.isnan(median[is_few]).all()
    assert not np.isnan(median[~is_few]).any()
    points = [part for part in element if part.label == plots.over_time.FEW]
    assert sum(map(len, points)) == len(few[few["acked_at"] < buckets["begins_at"].iloc[-1]])
    drawn(element)


def test_a_bucket_that_is_still_filling_is_no_part_of_a_line(healthy: pd.DataFrame) -> None:
    """Asked in the middle of a minute: what it gives so far is hollow, and the legend says so."""
    as_of = healthy["acked_at"].iloc[200]
    buckets = metrics.over_time(healthy, as_of=as_of, width_s=10)
    assert buckets["is_filling"].tolist()[-2:] == [False, True]
    element = plots.percentiles(buckets, zone=NEW_YORK)
    assert np.isnan(labelled(element, "median", hv.Curve).dimension_values("value_s")[-1])
    hollow = [part for part in element if part.label == plots.over_time.FILLING]
    assert [part.dimension_values("value_s")[0] for part in hollow] == [
        buckets[f"{p}_s"].iloc[-1] for p in ("p50", "p95", "p99")
    ]
    bars = plots.buckets(buckets, zone=NEW_YORK)
    style = hv.Store.lookup_options("bokeh", labelled(bars, plots.over_time.FILLING), "style")
    assert style.kwargs["fill_alpha"] == 0
    closed = labelled(bars, "settled").dimension_values("acked_per_min")
    np.testing.assert_allclose(closed, buckets["acked_per_min"].dropna().iloc[:-1])
    drawn(element)
    drawn(bars)


def test_buckets_that_nobody_watched_have_no_bar(healthy: pd.DataFrame) -> None:
    """The tap was away for half a minute: no bar of height 0 stands there."""
    as_of = healthy["acked_at"].max() + pd.Timedelta(seconds=30)
    gap = (pd.Timestamp("2026-11-23T15:13:30Z"), pd.Timestamp("2026-11-23T15:14:00Z"))
    heard = healthy[~healthy["acked_at"].between(*gap)]
    gaps = pd.DataFrame({"begins_at": [gap[0]], "ends_at": [gap[1]], "reason": ["cut off"]})
    gaps[["begins_at", "ends_at"]] = gaps[["begins_at", "ends_at"]].astype("datetime64[ns, UTC]")
    buckets = metrics.over_time(heard, as_of=as_of, width_s=10, gaps=gaps)
    begins = pd.DatetimeIndex(labelled(plots.buckets(buckets), "settled").dimension_values("time"))
    assert not begins.tz_localize("UTC").isin(pd.date_range(*gap, freq="10s")[:-1]).any()
    assert len(begins) == buckets["acked_per_min"].notna().sum() < len(buckets)


def test_the_stretches_of_a_task_follow_each_other(crash: pd.DataFrame) -> None:
    """Where did the time go: eight tasks lost 12 s with a worker that died."""
    element = plots.task_timeline(crash, zone=NEW_YORK)
    waits = labelled(element, "queue wait")
    assert len(waits) == 40
    assert len(labelled(element, "earlier attempts")) == 8
    assert len(labelled(element, plots.tasks.AGAIN)) == 8
    posted, saved = labelled(element, "worker"), labelled(element, "saving")
    ends = dict(zip(*(posted.dimension_values(d) for d in ("stream_seq", "until")), strict=True))
    begins = dict(zip(*(saved.dimension_values(d) for d in ("stream_seq", "time")), strict=True))
    assert len(begins) > 30
    assert all(ends[task] == at for task, at in begins.items() if task in ends)
    rows = waits.dimension_values("row")
    assert rows.tolist() == [number - 0.4 for number in range(40)]  # in the order of the stream
    assert waits.dimension_values("stream_seq").tolist() == [str(n) for n in range(1, 41)]
    drawn(element)


def test_what_was_not_told_stays_open(healthy: pd.DataFrame) -> None:
    """The tap alone does not tell when a result was posted: worker and saving are one stretch."""
    labels = {part.label for part in plots.task_timeline(healthy)}
    assert labels == {"queue wait", "worker and saving"}
    never = pd.Series(False, index=healthy.index)
    unknown = healthy.assign(
        first_delivered_at=healthy["first_delivered_at"].where(never),
        delivered_at=healthy["delivered_at"].where(never),
    )
    element = plots.task_timeline(unknown)
    assert sum(map(len, element)) == 0
    drawn(element)


def test_of_many_tasks_the_slow_and_the_repeated_are_kept(healthy: pd.DataFrame) -> None:
    """A job of thousands: the browser stays quick, and the title says what was left out."""
    many = pd.concat([healthy] * 10, ignore_index=True)
    many["stream_seq"] = pd.array(range(1, 3201), dtype="Int64")
    many.loc[5, "max_delivery"] = 2
    kept = thinned(many)
    assert len(kept) == MOST_TASKS
    assert 6 in kept["stream_seq"].tolist()
    left_out = many[~many["stream_seq"].isin(kept["stream_seq"])]
    assert left_out["latency_s"].max() <= kept["latency_s"].drop(5).min()
    element = plots.task_timeline(many)
    title = hv.Store.lookup_options("bokeh", element, "plot").kwargs["title"]
    assert title.startswith("Tasks of job 3: 2,000 of 3,200")
    assert len(labelled(element, "queue wait")) == MOST_TASKS


def test_a_guess_is_called_one() -> None:
    """Without tap and log, tasks are estimated: the title says so."""
    history = history_of("a_healthy", "looks")
    guess = metrics.estimated_tasks(history.frame("consumers", job_id=3))
    element = plots.task_timeline(guess)
    title = hv.Store.lookup_options("bokeh", element, "plot").kwargs["title"]
    assert title == "Tasks of job 3 (estimate from looks)"


def test_the_story_of_a_job_has_its_lanes_and_events() -> None:
    """In a notebook as on the page: Antenna was away, and its lane is hatched there."""
    history = history_of("k_api_down")
    as_of = history.latest("reads")["observed_at"].max()
    told = story(
        115,
        as_of=as_of,
        reads=history.frame("reads"),
        **{name: history.frame(name, job_id=115) for name in ("jobs", "consumers", "counters")},
    )
    element = plots.states(told.spans, told.happenings, zone=NEW_YORK)
    known, unknown, words, events = element
    assert unknown.dimension_values("value").tolist() == ["not known"]
    assert len(known) == len(told.spans) - 1
    assert {"nobody fetches", "no Antenna"} <= set(words.dimension_values("word"))
    assert "success" not in words.dimension_values("word")  # ten seconds have no room for it
    assert "nobody fetches" in events.dimension_values("word")
    assert "America/New_York" in known.kdims[0].label
    begin = pd.Timestamp(unknown.dimension_values("time")[0]).floor("s")
    assert begin == pd.Timestamp("2026-11-23T11:40:14")
    glyph = hv.renderer("bokeh").get_plot(element).subplots[("Rectangles", "II")].handles["glyph"]
    assert glyph.hatch_pattern == "right_diagonal_line"
    look = told.spans.head(1).assign(ends_at=told.spans["begins_at"].head(1))
    drawn(plots.states(look))  # a job that was looked at once: its story has no length
    nothing = plots.states(told.spans.head(0), told.happenings.head(0))
    assert sum(map(len, nothing)) == 0
    drawn(nothing)


def test_empty_frames_give_empty_plots(healthy: pd.DataFrame) -> None:
    """Drawn before the first acknowledgement."""
    as_of, nothing = healthy["acked_at"].min(), healthy.head(0)
    buckets = metrics.over_time(nothing, as_of=as_of)
    for element in (
        plots.latency_heatmap(metrics.heatmap(nothing, as_of=as_of)),
        plots.attempts(metrics.attempts(nothing)),
        plots.percentiles(buckets, metrics.few_values(nothing, buckets)),
        plots.buckets(buckets),
        plots.task_timeline(nothing),
    ):
        parts = element if isinstance(element, hv.Overlay) else [element]
        assert sum(map(len, parts)) == 0
        drawn(element)


@pytest.mark.parametrize(
    ("draw", "column"),
    [
        (plots.latency_heatmap, "low_s"),
        (plots.attempts, "delivery"),
        (plots.percentiles, "is_filling"),
        (plots.buckets, "is_filling"),
        (plots.task_timeline, "stored_at"),
        (plots.states, "lane"),
    ],
)
def test_a_missing_column_is_named(draw: object, column: str) -> None:
    """The message must say what to bring."""
    with pytest.raises(FrameError, match=column):
        draw(pd.DataFrame({"job_id": [3]}))  # type: ignore[operator]


def same(left: hv.Element, right: hv.Element) -> None:
    """Two plots hold the same: labels, dimensions and values."""
    pairs = list(
        zip(*(e if isinstance(e, hv.Overlay) else [e] for e in (left, right)), strict=True)
    )
    assert pairs
    for one, other in pairs:
        assert type(one) is type(other)
        assert one.label == other.label
        assert [d.label for d in one.dimensions()] == [d.label for d in other.dimensions()]
        pd.testing.assert_frame_equal(one.dframe(), other.dframe())


@pytest.fixture(scope="module")
def two_jobs() -> History:
    """Two real jobs in one history, as a recording of a night has them."""
    history = history_of("c_worker_crash", "looks", "tap", "job_log")
    for way in ("looks", "tap"):
        for reading in readings("a_healthy", way):
            history.add(reading)
    return history


def test_a_plot_takes_its_frame_out_of_a_recording(two_jobs: History) -> None:
    """``plots.throughput(recording, job=6)`` is what the frames give by hand, for each plot."""
    crash = tasks_of("c_worker_crash", 6, "looks", "tap", "job_log")
    alone = history_of("c_worker_crash", "looks", "tap", "job_log")
    held = {
        name: alone.frame(name, job_id=6)
        for name in ("jobs", "consumers", "counters", "log_events")
    }
    line = metrics.timeline(
        held["consumers"], counters=held["counters"], tasks=crash, reads=alone.frame("reads")
    )
    as_of = two_jobs.latest("reads")["observed_at"].max()
    for name in ("throughput", "backlog", "redelivery", "latency"):
        draw = getattr(plots, name)
        known = line[line["observed_at"] <= held["consumers"]["observed_at"].max()]
        same(draw(two_jobs, job=6, zone=NEW_YORK), draw(known, zone=NEW_YORK))
    same(plots.attempts(two_jobs, job=6), plots.attempts(metrics.attempts(crash)))
    same(plots.task_timeline(two_jobs, job=6), plots.task_timeline(crash))
    buckets = metrics.over_time(crash, as_of=as_of, width_s=10)
    few = metrics.few_values(crash, buckets)
    same(plots.buckets(two_jobs, job=6, width_s=10), plots.buckets(buckets))
    same(plots.percentiles(two_jobs, job=6, width_s=10), plots.percentiles(buckets, few))
    cells = metrics.heatmap(crash, as_of=as_of, width_s=10)
    same(plots.latency_heatmap(two_jobs, job=6, width_s=10), plots.latency_heatmap(cells))
    told = story(
        6,
        as_of=as_of,
        reads=alone.frame("reads"),
        verdicts=diagnosis.verdicts(two_jobs, as_of=as_of, job_ids=[6]),
        **held,
    )
    same(plots.states(alone, job=6, as_of=as_of), plots.states(told.spans, told.happenings))


def test_jobs_of_a_recording_are_drawn_together_or_alone(two_jobs: History) -> None:
    """All of them, some, one, and one that is a source of its own."""
    labels = [curve.label for curve in plots.backlog(two_jobs)]
    assert labels == [f"job {n}, {what}" for n in (3, 6) for what in ("backlog", "in flight")]
    same(plots.backlog(two_jobs, job=[3, 6]), plots.backlog(two_jobs))
    same(plots.backlog(two_jobs, job=6), plots.backlog(OneJob(two_jobs, 6)))
    same(plots.states(two_jobs, job=6), plots.states(OneJob(two_jobs, 6)))
    both = pd.concat([tasks_of("c_worker_crash", 6), tasks_of("a_healthy", 3)])
    same(
        plots.attempts(metrics.attempts(both), job=3),
        plots.attempts(metrics.attempts(tasks_of("a_healthy", 3))),
    )


def test_which_job_is_asked_where_it_is_not_clear(two_jobs: History) -> None:
    """A story is of one job; and job 99 was never seen."""
    for draw in (plots.states, plots.task_timeline):
        with pytest.raises(UnknownJobError, match="say job=…; jobs to choose from: 3, 6"):
            draw(two_jobs)
    for draw in (plots.throughput, plots.attempts, plots.states, plots.buckets):
        with pytest.raises(UnknownJobError, match="nothing is known of job 99"):
            draw(two_jobs, job=99)


def test_a_recording_is_drawn_as_it_was_known_then(two_jobs: History, crash: pd.DataFrame) -> None:
    """Wound back to the middle of a job; a frame can't be."""
    then = pd.Timestamp("2026-11-23T15:16:35Z")
    for draw in (plots.backlog, plots.states):
        times = [
            part.dimension_values(0) for part in draw(two_jobs, job=6, as_of=then) if len(part)
        ]
        assert max(pd.Timestamp(each.max(), tz="UTC") for each in times) <= then
    assert plots.task_timeline(two_jobs, job=6, as_of=then)
    with pytest.raises(ValueError, match="a frame is drawn as it is"):
        plots.task_timeline(crash, as_of=then)


def test_a_zone_may_be_a_name(crash: pd.DataFrame) -> None:
    """In a notebook nobody wants to import ``ZoneInfo``."""
    same(
        plots.task_timeline(crash, zone="America/New_York"),
        plots.task_timeline(crash, zone=NEW_YORK),
    )


def test_a_source_without_a_row_gives_an_empty_plot() -> None:
    """Drawn before the first look."""
    for name in ("throughput", "latency", "attempts", "buckets", "percentiles", "latency_heatmap"):
        element = getattr(plots, name)(History())
        parts = element if isinstance(element, hv.Overlay) else [element]
        assert sum(map(len, parts)) == 0
        drawn(element)


def test_a_long_job_is_drawn_in_buckets(two_jobs: History) -> None:
    """A day at two seconds a look: the notebook would grow by megabytes for each plot."""
    short = metrics.timeline(two_jobs.frame("consumers"), counters=two_jobs.frame("counters"))
    assert folded(short) is short
    times = pd.date_range("2026-11-23", periods=5_000, freq="2s", tz="UTC").as_unit("ns")
    many = short.iloc[[20] * 5_000].reset_index(drop=True).assign(observed_at=times)
    drawn_rows = folded(many)
    assert len(drawn_rows) <= MAX_POINTS
    assert drawn_rows["num_pending"].eq(float(short["num_pending"].iloc[20])).all()
    assert drawn_rows["observed_at"].iloc[-1] == times[-1]
