"""Events and silent sources on the charts of a report."""

from zoneinfo import ZoneInfo

import pandas as pd
from bokeh.plotting import figure

from ami_console import frames
from ami_console.charts import WallClock
from ami_console.metrics.happenings import HAPPENINGS
from ami_console.report.marks import (
    MOST_MARKS,
    MOST_NAMED,
    draw_gaps,
    draw_marks,
    gaps_of,
    heaviest,
    marks_of,
)

BEGIN = pd.Timestamp("2026-11-23T15:00:00Z")
CLOCK = WallClock.of(ZoneInfo("America/New_York"), BEGIN)


def events(*told: tuple[float, str, str]) -> pd.DataFrame:
    """Seconds after the begin, kind and title of each."""
    rows = [
        {"job_id": 7, "at": BEGIN + pd.Timedelta(seconds=at_s), "kind": kind, "title": title}
        for at_s, kind, title in told
    ]
    return frames.table(rows, HAPPENINGS)


def test_nothing_happened() -> None:
    """A job that was only just made: no mark, and the chart is drawn all the same."""
    data = marks_of(events(), CLOCK).data
    assert [len(values) for values in data.values()] == [0] * len(data)


def test_one_event_stands_at_its_wall_time() -> None:
    """15:00 UTC is ten in the morning in New York."""
    data = marks_of(events((0.0, "started", "Started")), CLOCK).data
    assert pd.Timestamp(data["time"][0], unit="ms") == pd.Timestamp("2026-11-23T10:00:00")
    assert data["title"] == ["Started"]


def test_events_of_one_instant_share_the_mark_of_the_worst() -> None:
    """The stream went, the counters went, the job failed, all within a second."""
    data = marks_of(
        events(
            (0.0, "started", "Started"),
            (60.0, "deleted", "Stream is gone"),
            (60.8, "job_failed", "A log says that it failed"),
            (61.0, "source_gap", "not a mark: hatched"),
        ),
        CLOCK,
    ).data
    assert data["title"] == ["Started", "Stream is gone; A log says that it failed"]
    assert data["marker"] == ["triangle", "square_x"]


def test_a_thousand_events_are_no_thousand_marks() -> None:
    """Every fiftieth batch of a season came back: the chart stays readable, the title short."""
    told = [(20.0 * n, "redelivery", f"8 images again, {n}") for n in range(1_000)]
    data = marks_of(events(*told), CLOCK).data
    assert 40 < len(data["time"]) <= MOST_MARKS + 1
    assert all(title.count(";") <= MOST_NAMED for title in data["title"])
    assert "; and " in data["title"][0]
    kept = heaviest(events(*told, (9.0, "job_failed", "It failed")).sort_values("at"), 100)
    assert len(kept) == 100
    assert "It failed" in kept["title"].tolist()
    assert kept["at"].is_monotonic_increasing
    few = events(*told[:3])
    assert heaviest(few, 100) is few


def test_a_chart_is_hatched_where_its_own_source_was_away() -> None:
    """NATS was away for a minute, Redis for another; in the end nobody looked at all."""
    at = [BEGIN + pd.Timedelta(minutes=n) for n in range(4)]
    gaps = pd.DataFrame(
        {
            "source": pd.array(["nats", "redis", pd.NA], dtype="string"),
            "begins_at": pd.DatetimeIndex(at[:3]),
            "ends_at": pd.DatetimeIndex(at[1:]),
        }
    )
    data = gaps_of(gaps, "nats", CLOCK).data
    begins = [pd.Timestamp(each, unit="ms").minute for each in data["begin"]]
    assert begins == [0, 2]
    assert (data["end"] - data["begin"]).tolist() == [60_000.0, 60_000.0]
    empty = gaps_of(gaps.head(0), "nats", CLOCK).data
    assert len(empty["begin"]) == len(empty["end"]) == 0


def test_marks_leave_the_value_axis_alone() -> None:
    """They stand at the top, whatever the line does."""
    plot = figure(y_range=(0, 5))
    draw_gaps(plot, gaps_of(pd.DataFrame({"source": pd.array([], dtype="string"),
                                          "begins_at": pd.DatetimeIndex([], tz="UTC"),
                                          "ends_at": pd.DatetimeIndex([], tz="UTC")}),
                            "nats", CLOCK))  # fmt: skip
    draw_marks(plot, marks_of(events((0.0, "started", "Started")), CLOCK))
    ranges = {each.name: each.y_range_name for each in plot.renderers}
    assert ranges["events"] == "marks"
    assert (plot.y_range.start, plot.y_range.end) == (0, 5)
    assert (plot.extra_y_ranges["marks"].start, plot.extra_y_ranges["marks"].end) == (0, 1)
