"""Buckets of time: edges, gaps, few values, and the one that is still filling."""

import pandas as pd
import pytest
from test_tasks import ack, at, measured

from ami_console import frames
from ami_console.metrics import few_values, heatmap, over_time, tap_gaps
from ami_console.metrics.over_time import HEATMAP, OVER_TIME

# Second 0 of these stories is a whole minute: the first bucket begins with the job.


def stamp(second: float) -> pd.Timestamp:
    return pd.Timestamp(at(second), tz="UTC")


def steady(begin: int, end: int) -> pd.DataFrame:
    """A task settled every second, all stored at second 0."""
    return measured(*(ack(s + 1, s) for s in range(begin, end)))


def test_no_task_gives_every_column_and_no_row() -> None:
    empty = over_time(measured(), as_of=stamp(0))
    assert empty.empty
    assert {c: str(t) for c, t in empty.dtypes.items()} == OVER_TIME
    nothing = heatmap(measured(), as_of=stamp(0))
    assert {c: str(t) for c, t in nothing.dtypes.items()} == HEATMAP
    assert few_values(measured(), empty).empty


def test_the_bucket_that_is_still_filling_is_marked_and_has_the_rate_of_its_part() -> None:
    """A third of the minute is over: a rate of the whole minute would say a third of the truth."""
    buckets = over_time(steady(0, 140), as_of=stamp(140))
    assert buckets["acked"].tolist() == [60, 60, 20]
    assert buckets["is_filling"].tolist() == [False, False, True]
    assert buckets["covered_s"].tolist() == [60, 60, 20]
    assert buckets["acked_per_min"].tolist() == [60, 60, 60]
    early = over_time(steady(0, 130), as_of=stamp(130))
    assert early["acked"].iloc[-1] == 10
    assert early["acked_per_min"].iloc[-1] is pd.NA


def test_the_first_bucket_counts_from_the_jobs_begin() -> None:
    tasks = measured(*(ack(s, s, stored=30) for s in range(31, 120)))
    buckets = over_time(tasks, as_of=stamp(120))
    assert buckets["covered_s"].tolist() == [30, 60]
    assert buckets["acked_per_min"].tolist() == pytest.approx([58, 60])
    since = pd.Series([stamp(0)], index=[1])
    assert over_time(tasks, as_of=stamp(120), since=since)["covered_s"].tolist() == [60, 60]


def test_nothing_later_than_the_instant_judged_at_is_used() -> None:
    buckets = over_time(steady(0, 140), as_of=stamp(100))
    assert buckets["acked"].tolist() == [60, 41]


def test_an_empty_bucket_between_two_is_zero_and_one_in_a_gap_is_missing() -> None:
    """Nobody worked for a minute; or nobody listened."""
    tasks = measured(*(ack(s, s) for s in (*range(10, 60), *range(180, 200))))
    idle = over_time(tasks, as_of=stamp(240))
    assert idle["acked"].tolist() == [50, 0, 0, 20]
    assert idle["acked_per_min"].tolist()[1:3] == [0, 0]
    reads = frames.from_rows(
        "reads",
        [
            {"observed_at": at(s), "source": "tap", "ok": ok, "error": None if ok else "cut off"}
            for s, ok in ((40, True), (90, False), (150, False), (190, True))
        ],
    )
    gaps = tap_gaps(reads)
    assert gaps["reason"].tolist() == ["cut off"]
    deaf = over_time(tasks, as_of=stamp(240), gaps=gaps)
    assert deaf["covered_s"].tolist() == [40, 0, 0, 50]
    assert deaf["acked"].tolist() == [50, pd.NA, pd.NA, 20]
    assert deaf["acked_per_min"].isna().tolist() == [False, True, True, False]


def test_fewer_than_twenty_values_are_shown_themselves() -> None:
    tasks = measured(*(ack(s, s) for s in (*range(1, 31), *range(61, 71))))
    buckets = over_time(tasks, as_of=stamp(120))
    assert buckets["n"].tolist() == [30, 10]
    assert buckets["p50_s"].tolist() == [15.5, pd.NA]
    assert buckets["p99_s"].iloc[0] == pytest.approx(29.71)
    assert buckets["max_s"].tolist() == [30, 70]
    few = few_values(tasks, buckets)
    assert few["value_s"].tolist() == list(range(61, 71))
    assert few["stream_seq"].tolist() == list(range(61, 71))


def test_jobs_do_not_mix() -> None:
    other = [ack(s, s) | {"job_id": 2} for s in range(5)]
    tasks = measured(*(ack(s, s) for s in range(100)), *other)
    buckets = over_time(tasks, as_of=stamp(120))
    assert buckets.groupby("job_id")["acked"].sum().to_dict() == {1: 100, 2: 5}


def test_the_heatmap_holds_every_task_once() -> None:
    tasks = steady(0, 140)
    cells = heatmap(tasks, as_of=stamp(140), width_s=20)
    assert cells["tasks"].sum() == 140
    first = cells.iloc[0]
    assert (first["low_s"], first["tasks"]) == (0.0, 1)  # the one that took no time
    assert (cells["high_s"] > cells["low_s"]).all()
    one = cells[(cells["begins_at"] == stamp(100)) & (cells["low_s"] <= 110)]
    assert one.loc[one["high_s"] > 110, "tasks"].iloc[0] > 0


def test_other_times_than_latency() -> None:
    tasks = steady(0, 60).assign(service_time_s=pd.array([2.0] * 60, dtype="Float64"))
    buckets = over_time(tasks, as_of=stamp(60), value="service_time_s")
    assert buckets[["p50_s", "p95_s", "max_s"]].iloc[0].tolist() == [2, 2, 2]
    unknown = over_time(tasks, as_of=stamp(60), value="save_time_s")
    assert unknown["n"].tolist() == [0]
    assert unknown["p50_s"].isna().all()
