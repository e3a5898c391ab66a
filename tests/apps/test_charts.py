"""What the charts draw: bounded, bucketed, with gaps open, on an honest clock."""

from zoneinfo import ZoneInfo

import holoviews as hv
import numpy as np
import pandas as pd
import pytest

from ami_console import charts, frames, metrics, plots
from ami_console.apps.job_charts import JobCharts
from ami_console.errors import FrameError
from ami_console.metrics.timeline import TIMELINE

NEW_YORK = ZoneInfo("America/New_York")


def timeline(
    looks: int, *, every_s: float = 2.0, start: str = "2026-11-23T15:00:00Z"
) -> pd.DataFrame:
    """A job's timeline in which every number is the look's."""
    at = pd.date_range(start, periods=looks, freq=f"{every_s}s").as_unit("ns")
    frame = pd.DataFrame({"job_id": [3] * looks, "observed_at": at})
    for column, dtype in TIMELINE.items():
        if column not in frame:
            frame[column] = pd.array(
                [False] * looks if dtype == "boolean" else np.arange(looks), dtype=dtype
            )
    return frame.astype(TIMELINE)


def without(frame: pd.DataFrame, rows: slice) -> pd.DataFrame:
    """The frame with looks that gave nothing."""
    gap = frame.copy()
    columns = [c for c in gap.columns if c not in ("job_id", "observed_at")]
    gap.loc[gap.index[rows], columns] = pd.NA
    return gap


def test_every_line_is_a_column_of_the_timeline() -> None:
    """A metric that is renamed must not leave an empty chart behind."""
    assert set(charts.COLUMNS) <= set(metrics.timeline(frames.empty("consumers")).columns)
    assert len(set(charts.COLUMNS)) == len(charts.COLUMNS)


def test_lines_of_a_chart_differ_in_more_than_colour() -> None:
    """Printed in grey, or seen by the colour-blind, they can still be told apart."""
    for chart in charts.CHARTS:
        assert len({line.dash for line in chart.series}) == len(chart.series)


@pytest.mark.parametrize(
    ("span_s", "every_s", "width_s"),
    [(900, 2, 0), (3_600, 2, 5), (21_600, 2, 30), (86_400, 2, 120), (3_600, 10, 0), (0, 2, 0)],
)
def test_width_of_buckets(span_s: float, every_s: float, width_s: int) -> None:
    """As wide as needed, and every look where they fit."""
    assert charts.bucket_width_s(span_s, every_s) == width_s


def test_a_day_of_looks_is_drawn_with_few_points() -> None:
    """A browser that is sent 43 200 points a line stands still for seconds."""
    day = timeline(43_200)
    drawn = charts.bucketed(day, charts.bucket_width_s(86_400, 2.0))
    assert len(drawn) <= charts.MAX_POINTS
    assert drawn["redeliveries_total"].iloc[-1] == 43_199
    assert drawn["observed_at"].iloc[-1] == day["observed_at"].iloc[-1]


def test_buckets_stay_the_same_when_looks_are_added() -> None:
    """Otherwise every look would redraw everything instead of adding a point."""
    whole = charts.bucketed(timeline(1_000), 30)
    begun = charts.bucketed(timeline(900), 30)
    assert whole["key"].iloc[: len(begun)].tolist() == begun["key"].tolist()
    pd.testing.assert_frame_equal(whole.iloc[: len(begun) - 1], begun.iloc[:-1])


@pytest.mark.parametrize("width_s", [0, 30])
def test_a_gap_stays_open(width_s: int) -> None:
    """NATS was away for 4 s: shorter than a bucket, and still no line may cross it."""
    drawn = charts.bucketed(without(timeline(600), slice(301, 303)), width_s)
    gaps = drawn[list(charts.COLUMNS)].isna().all(axis=1)
    assert gaps.any()
    inside = drawn["observed_at"][gaps]
    assert inside.between(
        pd.Timestamp("2026-11-23T15:10:02Z"), pd.Timestamp("2026-11-23T15:10:04Z")
    ).all()
    assert drawn["key"].is_unique


def test_no_look_gives_no_row() -> None:
    """A job that was just created."""
    assert charts.bucketed(timeline(0), 30).empty
    assert charts.bucketed(timeline(1), 0)["num_pending"].tolist() == [0.0]


def test_a_missing_column_is_named() -> None:
    """The message must say what to bring."""
    with pytest.raises(FrameError, match="num_pending"):
        charts.bucketed(timeline(3).drop(columns="num_pending"), 0)


def test_the_axis_shows_wall_time_and_says_whose() -> None:
    """10:30 on the chart is the 10:30 of Antenna's log lines."""
    looks = timeline(1, start="2026-11-23T15:30:00Z")
    clock = charts.WallClock.of(NEW_YORK, looks["observed_at"].iloc[0])
    assert clock.to_axis(looks["observed_at"])[0] == np.datetime64("2026-11-23T10:30:00")
    assert clock.label == "time, America/New_York (UTC−05:00)"
    assert charts.WallClock.of(ZoneInfo("UTC"), looks["observed_at"].iloc[0]).label == "time, UTC"


def test_lines_do_not_run_backwards_when_the_clocks_are_put_back() -> None:
    """The night of 1 November 2026 has the hour from 1 to 2 twice in New York."""
    night = timeline(7_200, start="2026-11-01T04:00:00Z")
    clock = charts.WallClock.of(NEW_YORK, night["observed_at"].iloc[-1])
    axis = clock.milliseconds(night["observed_at"])
    assert (np.diff(axis) == 2_000).all()


@pytest.mark.parametrize("draw", [plots.throughput, plots.backlog, plots.redelivery, plots.latency])
def test_elements_have_the_lines_of_the_table_and_open_gaps(draw: object) -> None:
    """The same chart in a notebook as on the page."""
    chart = charts.chart(draw.__name__)  # type: ignore[attr-defined]
    element = draw(without(timeline(60), slice(20, 25)), zone=NEW_YORK)  # type: ignore[operator]
    assert [curve.label for curve in element] == [line.label for line in chart.series]
    for curve, line in zip(element, chart.series, strict=True):
        assert curve.vdims[0].name == line.column
        assert "America/New_York" in curve.kdims[0].label
        assert np.isnan(curve.dimension_values(1)[20:25]).all()
    hv.renderer("bokeh").get_plot(element)


def test_an_estimated_latency_says_so() -> None:
    """Nobody may quote a guess as a measurement."""
    guess = timeline(10).assign(latency_is_estimate=pd.array([True] * 10, dtype="boolean"))
    assert all("estimate" in curve.label for curve in plots.latency(guess))
    assert not any("estimate" in curve.label for curve in plots.latency(timeline(10)))


def test_several_jobs_are_told_apart() -> None:
    """Compared in one chart, each line carries its job."""
    two = pd.concat([timeline(5), timeline(5).assign(job_id=pd.array([4] * 5, dtype="Int64"))])
    labels = [curve.label for curve in plots.backlog(two)]
    assert labels == ["job 3, backlog", "job 3, in flight", "job 4, backlog", "job 4, in flight"]


def show(drawn: JobCharts, frame: pd.DataFrame, width_s: int = 0, job: int = 3) -> None:
    """Draw a timeline as the page does."""
    clock = charts.WallClock.of(ZoneInfo("UTC"), pd.Timestamp("2026-11-23T15:00:00Z"))
    drawn.show(charts.bucketed(frame, width_s), drawn=(job, width_s), clock=clock, span_s=3_600)


def test_new_looks_are_streamed_and_the_last_bucket_is_mended() -> None:
    """What the browser holds is what a page opened just now would be sent."""
    streamed = JobCharts()
    for looks in (100, 101, 107, 120, 200):
        show(streamed, timeline(looks), width_s=30)
    fresh = JobCharts()
    show(fresh, timeline(200), width_s=30)
    for name, values in fresh.source.data.items():
        np.testing.assert_array_equal(np.asarray(streamed.source.data[name]), values, err_msg=name)


def test_a_look_that_changes_later_is_mended() -> None:
    """Redis answered after NATS: the newest rate was not final yet."""
    drawn = JobCharts()
    show(drawn, timeline(10))
    later = timeline(10)
    later.loc[9, "acked_per_min"] = 99.0
    show(drawn, later)
    assert drawn.source.data["acked_per_min"][-1] == 99.0
    show(drawn, without(later, slice(9, 10)))
    assert np.isnan(drawn.source.data["acked_per_min"][-1])


def test_another_job_is_drawn_anew() -> None:
    """No point of the job before may stay."""
    drawn = JobCharts()
    show(drawn, timeline(500))
    show(drawn, timeline(20, start="2026-11-23T15:05:00Z"), job=4)
    assert len(drawn.source.data["time"]) == 20
    show(drawn, timeline(0), job=5)
    assert len(drawn.source.data["time"]) == 0


def test_the_source_never_outgrows_its_bound() -> None:
    """A page that stays open for a week must not slow down."""
    drawn = JobCharts()
    show(drawn, timeline(1_400))
    for looks in range(1_410, 1_800, 10):
        show(drawn, timeline(looks))
    assert len(drawn.source.data["time"]) == charts.MAX_POINTS
