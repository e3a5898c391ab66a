"""Throughput, redelivery and ETA: gaps, resets and counters that fall give missing values."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from ami_console import frames
from ami_console.errors import FrameError
from ami_console.instants import NS_PER_S
from ami_console.metrics import estimated_tasks, single_latencies, task_times, timeline
from ami_console.metrics.timeline import TIMELINE

START_NS = 1_795_446_000 * NS_PER_S


def at(second: float) -> int:
    """An instant, ns, some seconds into the story."""
    return START_NS + int(second * NS_PER_S)


def look(second: float, delivered: int, in_flight: int, **other: Any) -> dict[str, Any]:
    """One look at the consumer of job 1: 100 images, stream created at second 0."""
    return {
        "observed_at": at(second),
        "job_id": 1,
        "stream_exists": True,
        "consumer_exists": True,
        "messages": 100,
        "first_seq": 1,
        "last_seq": 100,
        "num_pending": 100 - delivered,
        "num_ack_pending": in_flight,
        "num_redelivered": 0,
        "delivered_consumer_seq": delivered,
        "delivered_stream_seq": delivered,
        "ack_floor_consumer_seq": 0,
        "ack_floor_stream_seq": 0,
        "delivered_last_active": at(second),
        "stream_created_at": at(0),
        "consumer_created_at": at(0),
        "server_at": at(second),
        **other,
    }


def line_of(*looks: dict[str, Any], **options: Any) -> pd.DataFrame:
    return timeline(frames.from_rows("consumers", looks), **options)


def steady(seconds: range, **other: Any) -> list[dict[str, Any]]:
    """A worker that settles an image a second and holds four."""
    return [look(s, delivered=s + 4, in_flight=4, **other) for s in seconds]


def test_no_looks_give_no_rows_but_every_column() -> None:
    empty = timeline(frames.empty("consumers"))
    assert empty.empty
    assert {c: str(t) for c, t in empty.dtypes.items()} == TIMELINE


def test_one_look_is_no_rate() -> None:
    row = line_of(look(100, delivered=50, in_flight=10)).iloc[0]
    assert row["settled_total"] == 40
    assert row["num_pending"] == 50
    assert row["acked_per_min"] is pd.NA
    assert row["eta_s"] is pd.NA
    assert row["acked_per_min_so_far"] == pytest.approx(24.0)


def test_a_steady_worker_has_its_rate_and_eta() -> None:
    line = line_of(*steady(range(2, 92, 2)))
    last = line.iloc[-1]
    assert last["acked_per_min"] == pytest.approx(60.0)
    assert last["acked_per_min_so_far"] == pytest.approx(60.0)
    assert last["eta_s"] == pytest.approx(100 - 90)
    assert line["redeliveries_total"].eq(0).all()


def test_a_young_stream_has_a_rate_from_its_creation_but_not_before_a_quarter_window() -> None:
    line = line_of(*steady(range(2, 40, 2)), window_s=60).set_index("observed_at")
    known = line["acked_per_min"].notna()
    assert not known[pd.Timestamp(at(14), tz="UTC")]
    assert known[pd.Timestamp(at(16), tz="UTC")]
    assert line["acked_per_min"].dropna().to_numpy(float) == pytest.approx(60.0)


def test_a_job_nobody_works_on_has_rate_zero_not_missing() -> None:
    line = line_of(*(look(s, delivered=0, in_flight=0) for s in range(2, 60, 2)))
    assert line["acked_per_min"].iloc[-1] == 0.0
    assert line["eta_s"].iloc[-1] is pd.NA


def test_a_finished_queue_needs_no_more_time() -> None:
    line = line_of(*(look(s, delivered=100, in_flight=0) for s in range(2, 10, 2)))
    assert line["eta_s"].iloc[-1] == 0.0


def test_a_failed_read_is_a_row_of_nothing_and_no_rate_reaches_across() -> None:
    looks = [*steady(range(2, 40, 2)), *steady(range(60, 80, 2))]
    reads = frames.from_rows(
        "reads", [{"observed_at": at(50), "source": "nats", "ok": False, "error": "refused"}]
    )
    line = line_of(*looks, reads=reads).set_index("observed_at")
    gap = line.loc[pd.Timestamp(at(50), tz="UTC")].drop("job_id")
    assert gap.isna().all()
    after = line["acked_per_min"][line.index >= pd.Timestamp(at(60), tz="UTC")]
    assert after.isna().iloc[:7].all()
    assert after.iloc[-1] == pytest.approx(60.0)


def test_a_failed_read_of_another_source_is_no_gap_of_the_broker() -> None:
    reads = frames.from_rows("reads", [{"observed_at": at(31), "source": "redis", "ok": False}])
    line = line_of(*steady(range(2, 60, 2)), reads=reads)
    assert len(line) == 29
    assert line["acked_per_min"].notna().iloc[-1]


def test_a_recorder_that_was_off_leaves_a_gap() -> None:
    line = line_of(*steady(range(2, 40, 2)), *steady(range(70, 80, 2)))
    gap = line[line["num_pending"].isna()]
    assert len(gap) == 1
    assert (
        pd.Timestamp(at(38), tz="UTC") < gap["observed_at"].iloc[0] < pd.Timestamp(at(70), tz="UTC")
    )
    assert line["acked_per_min"].iloc[-1] is pd.NA


def test_a_recreated_stream_starts_anew_without_a_spike() -> None:
    """Somebody deleted the stream and ran the job again: the counters fall to 0."""
    before = steady(range(2, 60, 2))
    after = [
        look(s, delivered=s - 60, in_flight=0, stream_created_at=at(59), consumer_created_at=at(59))
        for s in range(60, 90, 2)
    ]
    line = line_of(*before, *after)
    rates = line["acked_per_min"].dropna()
    assert rates.between(55, 65).all()
    assert line["settled_total"].iloc[-1] == 28
    at_reset = line.set_index("observed_at").loc[pd.Timestamp(at(60), tz="UTC")]
    assert at_reset["acked_per_min"] is pd.NA


def test_a_restarted_server_gives_a_missing_rate_not_a_jump() -> None:
    """The restart set the gauge to 0 and moved ``created`` of the consumer by 0.3 ms."""
    before = [look(s, delivered=90, in_flight=0, num_redelivered=8) for s in range(100, 130, 2)]
    after = [
        look(
            s, delivered=90, in_flight=0, consumer_created_at=at(0.0003), delivered_last_active=None
        )
        for s in range(130, 170, 2)
    ]
    line = line_of(*before, *after).set_index("observed_at")
    assert line["settled_total"].iloc[0] == 82
    assert line.loc[pd.Timestamp(at(130), tz="UTC"), "acked_per_min"] is pd.NA
    assert line["acked_per_min"].dropna().eq(0).all()


def test_a_settled_count_that_goes_backwards_is_missing() -> None:
    looks = [
        *steady(range(2, 40, 2)),
        look(40, delivered=44, in_flight=30),
        *steady(range(42, 90, 2)),
    ]
    rates = line_of(*looks)["acked_per_min"].dropna()
    assert (rates >= 0).all()
    assert rates.max() < 120


def test_redeliveries_come_from_the_sequences_and_the_gauge_stays_a_gauge() -> None:
    """Eight images came back once and were then done: the gauge falls, the total does not."""
    looks = [
        look(20, delivered=24, in_flight=8),
        look(30, delivered=24, in_flight=8, delivered_consumer_seq=32, num_redelivered=8),
        look(40, delivered=24, in_flight=0, delivered_consumer_seq=32, num_redelivered=0),
    ]
    line = line_of(*looks)
    assert line["redeliveries_total"].tolist() == [0, 8, 8]
    assert line["num_redelivered"].tolist() == [0, 8, 0]


def test_images_the_broker_gave_up_are_not_settled() -> None:
    """Eight were delivered twice and given up: in flight falls to 0, the gauge stays."""
    line = line_of(
        look(60, delivered=100, in_flight=0, delivered_consumer_seq=108, num_redelivered=8)
    )
    assert line["settled_total"].iloc[0] == 92
    assert line["eta_s"].iloc[0] is pd.NA


def test_redis_says_what_the_broker_hides_while_others_are_in_flight() -> None:
    """Eight were given up while thirty others are in flight: the broker alone would count them."""
    looks = [
        look(s, delivered=90, in_flight=30, delivered_consumer_seq=98, num_redelivered=8)
        for s in (60, 62)
    ]
    counters = frames.from_rows(
        "counters",
        [
            {"observed_at": at(s), "job_id": 1, "total": 100, "pending_results": 48}
            for s in (60, 62)
        ],
    )
    assert line_of(*looks)["settled_total"].iloc[-1] == 60
    assert line_of(*looks, counters=counters)["settled_total"].iloc[-1] == 52


def test_redis_does_not_bound_a_stream_that_holds_images_twice() -> None:
    looks = [look(60, delivered=150, in_flight=0, messages=200, last_seq=200, num_pending=50)]
    counters = frames.from_rows(
        "counters", [{"observed_at": at(60), "job_id": 1, "total": 100, "pending_results": 0}]
    )
    assert line_of(*looks, counters=counters)["settled_total"].iloc[0] == 150


def test_messages_removed_before_they_were_settled_make_the_totals_unknown() -> None:
    row = line_of(look(60, delivered=80, in_flight=10, first_seq=41, ack_floor_stream_seq=20)).iloc[
        0
    ]
    assert row["settled_total"] is pd.NA
    assert row["redeliveries_total"] is pd.NA
    assert row["num_pending"] == 20


def test_a_job_whose_stream_is_gone_is_missing_not_zero() -> None:
    gone = {"observed_at": at(62), "job_id": 1, "stream_exists": False, "consumer_exists": False}
    line = line_of(*steady(range(2, 62, 2)), gone)
    last = line.iloc[-1].drop(["job_id", "observed_at"])
    assert last.isna().all()


def test_latency_is_estimated_from_looks_and_says_so() -> None:
    """All images were published at second 0: one settled a second waited that many seconds."""
    last = line_of(*steady(range(2, 92, 2)), window_s=20).iloc[-1]
    assert last["latency_is_estimate"] is True or last["latency_is_estimate"] == True  # noqa: E712
    assert last["latency_p50_s"] == pytest.approx(80, abs=2)
    assert last["latency_p95_s"] == pytest.approx(89, abs=2)


def test_latency_of_a_watch_that_began_late_reaches_back_to_the_stream() -> None:
    """The fleet table looks at two minutes of a job that has been running for half an hour."""
    late = [
        look(s, delivered=s // 2, in_flight=0, last_seq=2000, stream_created_at=at(0))
        for s in range(1700, 1820, 2)
    ]
    last = line_of(*late).iloc[-1]
    assert last["latency_n"] == 30
    assert last["latency_p50_s"] == pytest.approx(1790, abs=25)


def test_a_few_values_have_no_percentiles_and_are_shown_themselves() -> None:
    """Three images a minute: their 95th percentile would be one of the three."""
    slow = frames.from_rows(
        "consumers", [look(s, delivered=s // 20, in_flight=0) for s in range(2, 122, 2)]
    )
    last = timeline(slow).iloc[-1]
    assert last["latency_n"] == 3
    assert last["latency_p50_s"] is pd.NA
    assert last["latency_is_estimate"]
    singles = single_latencies(estimated_tasks(slow))
    assert singles["value_s"].tolist() == pytest.approx([20, 40, 60, 80, 100, 120], abs=2.01)


def test_a_redis_that_went_away_does_not_hold_the_rate_back() -> None:
    counters = frames.from_rows(
        "counters",
        [
            {"observed_at": at(s), "job_id": 1, "total": 100, "pending_results": 100 - s}
            for s in range(2, 62, 2)
        ],
    )
    line = line_of(*steady(range(2, 80, 2)), counters=counters)
    assert line["settled_total"].tolist() == list(range(2, 80, 2))
    assert line["acked_per_min"].dropna().to_numpy(float) == pytest.approx(60.0)


def test_latency_is_measured_where_acknowledgements_were_recorded() -> None:
    acks = frames.from_rows(
        "acks",
        [
            {
                "observed_at": at(70 + i),
                "acked_at": at(70 + i),
                "job_id": 1,
                "stream_seq": i + 1,
                "consumer_seq": i + 1,
                "delivery": 1,
                "stored_at": at(60),
                "kind": "+ACK",
            }
            for i in range(20)
        ],
    )
    line = line_of(*steady(range(2, 92, 2)), tasks=task_times(acks=acks), window_s=21)
    assert not line["latency_is_estimate"].iloc[-1]
    assert line["latency_n"].iloc[-2:].tolist() == [19, 20]
    assert line["latency_p50_s"].iloc[-2] is pd.NA
    assert line["latency_p50_s"].iloc[-1] == pytest.approx(19.5)
    assert line["latency_p99_s"].iloc[-1] == pytest.approx(28.81)


def test_a_smoothed_rate_begins_anew_after_a_gap() -> None:
    """A worker that settles eight at once makes a saw; no smooth line bridges an outage."""
    jumps = [look(s, delivered=s // 8 * 8 + 8, in_flight=8) for s in range(2, 62, 2)]
    rough = line_of(*jumps, window_s=4)
    smooth = line_of(*jumps, window_s=4, half_life_s=30)
    spread = [
        line["acked_per_min"].iloc[10:].max() - line["acked_per_min"].iloc[10:].min()
        for line in (rough, smooth)
    ]
    assert spread[1] < spread[0] / 2
    assert smooth["acked_per_min"].iloc[-1] == pytest.approx(60, abs=6)
    assert smooth["acked_per_min"].isna().tolist() == rough["acked_per_min"].isna().tolist()

    idle = [look(s, delivered=60, in_flight=0) for s in range(200, 230, 2)]
    after = line_of(*jumps, *idle, window_s=4, half_life_s=30)["acked_per_min"].iloc[-1]
    assert after == 0.0


def test_a_job_that_was_hardly_looked_at_is_told_by_its_tasks() -> None:
    """It ran for ten seconds between two looks; its log has every acknowledgement."""
    acks = frames.from_rows(
        "acks",
        [
            {
                "observed_at": at(5 + i / 4),
                "acked_at": at(5 + i / 4),
                "job_id": 1,
                "stream_seq": i + 1,
                "consumer_seq": i + 1,
                "delivery": 1 + (i >= 36),
                "stored_at": at(0),
                "kind": "+ACK",
            }
            for i in range(40)
        ],
    )
    tasks = task_times(acks=acks)
    line = timeline(frames.empty("consumers"), tasks=tasks, window_s=10)
    last = line.iloc[-1]
    assert {c: str(t) for c, t in line.dtypes.items()} == TIMELINE
    assert last["settled_total"] == 40
    assert last["redeliveries_total"] == 4
    assert last["num_pending"] is pd.NA
    assert last["acked_per_min"] == pytest.approx(240, abs=12)
    assert last["acked_per_min_so_far"] == pytest.approx(40 / 14.75 * 60)
    assert line["acked_per_min"].iloc[0] is pd.NA
    one = timeline(frames.from_rows("consumers", [look(3, 0, 0)]), tasks=tasks, window_s=10)
    pd.testing.assert_frame_equal(one, line)


def test_a_single_look_stays_a_look() -> None:
    """The watch has just begun: what is estimated from one look is no task that told of itself."""
    looks = frames.from_rows("consumers", [look(30, delivered=20, in_flight=4)])
    line = timeline(looks, tasks=estimated_tasks(looks))
    assert len(line) == 1
    assert (line["settled_total"].iloc[0], line["num_pending"].iloc[0]) == (16, 80)


def test_jobs_do_not_mix() -> None:
    other = [look(s, delivered=0, in_flight=0) | {"job_id": 2} for s in range(2, 60, 2)]
    line = line_of(*steady(range(2, 60, 2)), *other).groupby("job_id")["acked_per_min"].last()
    assert line[1] == pytest.approx(60.0)
    assert line[2] == 0.0


def test_a_missing_column_is_named() -> None:
    with pytest.raises(FrameError, match="num_ack_pending"):
        timeline(frames.empty("consumers").drop(columns="num_ack_pending"))


@pytest.mark.parametrize("scramble", [lambda f: f, lambda f: f.iloc[::-1]])
def test_the_order_of_rows_does_not_matter(
    scramble: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    looks = scramble(frames.from_rows("consumers", steady(range(2, 60, 2))))
    assert timeline(looks)["settled_total"].is_monotonic_increasing
