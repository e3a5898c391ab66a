"""The life of every task of the real recordings, told by taps, looks and logs."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from recorded import JOBS, history_of, raw_acks, raw_deletion

from ami_console import frames
from ami_console.instants import NS_PER_S, from_rfc3339
from ami_console.metrics import attempts, estimated_tasks, job_log, over_time, task_times
from ami_console.metrics.percentiles import spread
from ami_console.metrics.tasks import TASKS

START = 1_795_446_000 * NS_PER_S


def tasks_of(scenario: str, *ways: str) -> pd.DataFrame:
    """The tasks of one recording, by some of its ways of knowing."""
    history = history_of(scenario, *ways)
    held = {
        name: history.frame(name, job_id=JOBS[scenario])
        for name in ("consumers", "acks", "log_events", "advisories")
    }
    consumers = held.pop("consumers")
    return task_times(consumers, **held)


def at(second: float) -> int:
    return START + round(second * NS_PER_S)


def stamp(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def ack(
    seq: int, second: float, *, delivery: int = 1, stored: float = 0, **other: Any
) -> dict[str, Any]:
    return {
        "observed_at": at(second),
        "acked_at": at(second),
        "job_id": 1,
        "stream_seq": seq,
        "consumer_seq": seq,
        "delivery": delivery,
        "stored_at": at(stored),
        "num_pending_then": 0,
        "kind": "+ACK",
        **other,
    }


def log_line(kind: str, second: float, **other: Any) -> dict[str, Any]:
    return {
        "observed_at": at(second),
        "logged_at": at(second // 1),
        "resolution_s": 1.0,
        "job_id": 1,
        "kind": kind,
        **other,
    }


def measured(*acks: dict[str, Any], **more: pd.DataFrame) -> pd.DataFrame:
    return task_times(acks=frames.from_rows("acks", acks), **more)


def test_nothing_gives_every_column_and_no_row() -> None:
    for nothing in (task_times(), measured(), estimated_tasks(frames.empty("consumers"))):
        assert nothing.empty
        assert {c: str(t) for c, t in nothing.dtypes.items()} == TASKS


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("a_healthy", {1: 320}),
        ("c_worker_crash", {1: 32, 2: 8}),
        ("e_cancelled", {1: 128}),
        ("k_api_down", {1: 200}),
        ("m_slow_but_healthy", {1: 200}),
        ("n_results_lag", {1: 200}),
    ],
)
def test_attempts_of_the_real_jobs(scenario: str, expected: dict[int, int]) -> None:
    tasks = tasks_of(scenario, "looks", "tap")
    counted = attempts(tasks)
    assert dict(zip(counted["delivery"], counted["tasks"], strict=True)) == expected
    assert tasks["acks"].sum() == sum(expected.values())
    assert (tasks["max_delivery"] - 1).sum() == expected.get(2, 0)


@pytest.mark.parametrize("scenario", [s for s in JOBS if s != "b_no_worker"])
def test_latency_is_that_of_a_plain_reading_of_the_taps(scenario: str) -> None:
    """The same percentiles from the raw lines, without any code of ours but the clock's."""
    deleted = from_rfc3339(raw_deletion(scenario))
    latency_s, gone_s = [], []
    for received, _attempt, _seq, stored in raw_acks(scenario):
        instant = from_rfc3339(received)
        assert instant is not None
        assert deleted is not None
        thrown_away = scenario == "e_cancelled" and instant > deleted
        (gone_s if thrown_away else latency_s).append((instant - stored) / 1e9)
    tasks = tasks_of(scenario, "looks", "tap")
    discarded = tasks["is_discarded"].to_numpy(bool)
    for mine, plain in ((tasks[~discarded], latency_s), (tasks[discarded], gone_s)):
        told = spread(mine["latency_s"].to_numpy(float))
        assert told["n"] == len(plain)
        for name, mark in (("p50", 50), ("p95", 95), ("p99", 99)):
            assert not plain or told[name] == pytest.approx(np.percentile(plain, mark), abs=0.001)


def test_the_results_of_a_cancelled_job_are_counted_apart() -> None:
    """The worker posted what it held: 96 of the 128 acks came when the stream was gone."""
    tasks = tasks_of("e_cancelled", "looks", "tap")
    assert len(tasks) == 128
    assert tasks["is_after_delete"].sum() == 96
    assert tasks["is_discarded"].sum() == 96
    buckets = over_time(tasks, as_of=stamp("2026-11-23T15:20Z"), width_s=10)
    assert buckets["acked"].sum() == 32
    assert buckets["discarded"].sum() == 96


def test_the_last_acknowledgement_of_a_job_that_ended_well_is_not_in_vain() -> None:
    """Antenna saves, deletes the stream of a job that is complete, and acknowledges last."""
    tasks = tasks_of("a_healthy", "looks", "tap")
    assert tasks["is_after_delete"].sum() == 1
    assert tasks["is_discarded"].sum() == 0


def test_the_second_deliveries_after_a_crash_to_the_millisecond() -> None:
    """A worker reserved eight tasks at 15:16:26.4 and died; the next pull after ack wait had them.

    The ack wait of 10 s had passed at :36.4, and nobody pulled before :38.8.
    """
    tasks = tasks_of("c_worker_crash", "looks", "tap", "job_log", "django")
    again = tasks[tasks["max_delivery"] == 2]
    assert len(again) == 8
    early = again["delivered_at"] - pd.to_timedelta(again["delivered_error_s"].astype(float), "s")
    late = again["delivered_at"] + pd.to_timedelta(again["delivered_error_s"].astype(float), "s")
    assert (late >= stamp("2026-11-23T15:16:38.75Z")).all()
    assert (early <= stamp("2026-11-23T15:16:39.1Z")).all()
    assert (late <= stamp("2026-11-23T15:16:38.80Z")).all()
    assert again["delivered_error_s"].max() < 0.26
    # of the last one of each batch the broker tells the instant itself
    last = again[again["stream_seq"] == 24].iloc[0]
    assert last["delivered_at"].round("ms") == stamp("2026-11-23T15:16:38.791Z")
    apart_s = (last["delivered_at"] - last["first_delivered_at"]).total_seconds()
    assert apart_s == pytest.approx(12.4, abs=0.05)
    between = (again["delivered_at"] - again["first_delivered_at"]).dt.total_seconds()
    error = again["delivered_error_s"] + again["first_delivered_error_s"]
    assert ((between - 12.37).abs() <= error + 0.01).all()
    assert sorted(again["image_id"].astype(int)) == [644, 653, 657, 661, 664, 668, 674, 677]


@pytest.mark.parametrize("scenario", ["a_healthy", "c_worker_crash", "e_cancelled"])
def test_each_way_of_knowing_tells_the_same_instants_within_its_error(scenario: str) -> None:
    """Taps to the microsecond, processes' logs to the millisecond, looks to a second or two.

    A line is written a little before or after what it tells of: 2 ms usually, on the busy
    machine of the recordings up to 65 ms.
    """
    best = tasks_of(scenario, "looks", "tap", "django", "celery").set_index("stream_seq")
    assert best["acked_error_s"].max() == 0
    assert best["posted_error_s"].max() <= 0.0005
    for ways in (("looks", "tap"), ("django", "celery"), ("looks", "job_log"), ("job_log",)):
        mine = tasks_of(scenario, *ways).set_index("stream_seq")
        assert len(mine) >= 35, ways
        theirs = best.loc[mine.index]
        for name in ("first_delivered", "delivered", "posted", "acked"):
            known = mine[f"{name}_at"].notna()
            apart_s = (mine[f"{name}_at"] - theirs[f"{name}_at"]).abs().dt.total_seconds()
            allowed_s = mine[f"{name}_error_s"] + theirs[f"{name}_error_s"] + 0.07
            wrong = (apart_s > allowed_s)[known]
            assert not wrong.fillna(False).any(), f"{ways} {name}: {mine[known][wrong]}"


def test_the_parts_of_a_tasks_time_add_up() -> None:
    tasks = tasks_of("a_healthy", "looks", "tap", "django", "celery")
    assert len(tasks) == 320
    parts = tasks["queue_wait_s"] + tasks["service_time_s"] + tasks["save_time_s"]
    assert (parts - tasks["latency_s"]).abs().max() < 0.002
    held = tasks["service_time_s"] + tasks["save_time_s"]
    assert (held - tasks["in_flight_s"]).abs().max() < 0.002
    # the worker computed a batch of 16 in about 1.7 s and posted it one after another
    assert tasks["service_time_s"].median() == pytest.approx(2.2, abs=0.6)


def test_repeated_acknowledgements_count_once_and_are_counted() -> None:
    """Celery retried a task that had been acknowledged."""
    tasks = measured(ack(1, 5), ack(1, 9), ack(2, 6))
    assert tasks["acks"].tolist() == [2, 1]
    assert tasks["latency_s"].tolist() == [5, 6]


def test_a_stream_that_was_made_anew_has_other_tasks() -> None:
    """The job was run again: sequences begin at 1 once more, stored at another time."""
    tasks = measured(ack(1, 5), ack(1, 105, stored=100), ack(2, 6))
    assert tasks["stream_seq"].tolist() == [1, 2, 1]
    assert tasks["latency_s"].tolist() == [5, 6, 5]
    assert tasks["acks"].sum() == 3


def test_an_ack_of_an_attempt_whose_successor_was_out_is_late() -> None:
    """A slow worker posted after its reservation had ended; another had the task by then."""
    looks = [
        {"observed_at": at(s), "server_at": at(s), "job_id": 1, "consumer_exists": True,
         "stream_created_at": at(0), "delivered_consumer_seq": c, "delivered_stream_seq": 2,
         "delivered_last_active": at(last), "ack_wait_s": 10.0}
        for s, c, last in ((2, 2, 1), (4, 2, 1), (16, 4, 15), (40, 4, 15))
    ]  # fmt: skip
    consumers = frames.from_rows("consumers", looks)
    acks = frames.from_rows(
        "acks",
        [
            ack(1, 20, consumer_seq=1),
            ack(1, 25, consumer_seq=3, delivery=2),
            ack(2, 8, consumer_seq=2),
        ],
    )
    tasks = task_times(consumers, acks=acks).set_index("stream_seq")
    assert tasks.loc[1, "is_late"]
    assert not tasks.loc[2, "is_late"]
    assert tasks.loc[1, "delivery"] == 1  # the attempt that settled it
    assert tasks.loc[1, "max_delivery"] == 2
    assert tasks.loc[1, "acks"] == 2
    assert tasks.loc[1, "in_flight_s"] == pytest.approx(19.5, abs=0.51)


def test_an_ack_after_its_ack_wait_is_late_though_nobody_pulled_meanwhile() -> None:
    """The only worker was too slow; nobody else was there to be given the task again."""
    look = {
        "observed_at": at(2), "server_at": at(2), "job_id": 1, "consumer_exists": True,
        "stream_created_at": at(0), "delivered_consumer_seq": 2, "delivered_stream_seq": 2,
        "delivered_last_active": at(1), "ack_wait_s": 10.0,
    }  # fmt: skip
    consumers = frames.from_rows("consumers", [look])
    acks = frames.from_rows("acks", [ack(1, 14), ack(2, 9)])
    tasks = task_times(consumers, acks=acks).set_index("stream_seq")
    assert tasks["is_late"].to_dict() == {1: True, 2: False}


def test_an_overtaken_attempt_is_late_though_ack_wait_is_not_known() -> None:
    """Only the log is left: attempt 2 was posted before attempt 1 was acknowledged."""
    told = {"stream_seq": 1, "stored_at": at(0)}
    lines = [
        log_line("consumer_created", 0),
        log_line("fetched", 1, delivered=1),
        log_line("fetched", 15, delivered=1),
        log_line("posted", 18, consumer_seq=2, delivery=2, **told),
        log_line("acked", 20, consumer_seq=1, delivery=1, **told),
        log_line("acked", 25, consumer_seq=2, delivery=2, **told),
    ]
    task = task_times(log_events=frames.from_rows("log_events", lines)).iloc[0]
    assert task["delivery"] == 1
    assert task["is_late"]


def test_negative_acknowledgements_settle_nothing() -> None:
    tasks = measured(ack(1, 5, kind="-NAK"), ack(2, 5, kind="+WPI"), ack(2, 9))
    assert tasks["stream_seq"].tolist() == [2]
    assert tasks["latency_s"].tolist() == [9]


def test_a_task_that_is_posted_and_not_acknowledged_is_there() -> None:
    """Celery is frozen: results wait, and the log already tells of them."""
    lines = [log_line("posted", 30, stream_seq=1, consumer_seq=1, delivery=1, stored_at=at(0))]
    task = task_times(log_events=frames.from_rows("log_events", lines)).iloc[0]
    assert task["posted_at"] == pd.Timestamp(at(30.5), tz="UTC")
    assert pd.isna(task["acked_at"])
    assert pd.isna(task["latency_s"])
    assert pd.isna(task["is_late"])


def test_lines_that_were_read_twice_count_once() -> None:
    """The console was restarted and read the newest 5,000 lines again."""
    line = log_line("acked", 30, stream_seq=1, consumer_seq=1, delivery=1, stored_at=at(0))
    twice = frames.from_rows("log_events", [line, line])
    assert task_times(log_events=twice)["acks"].tolist() == [1]


def test_where_two_instants_are_too_near_the_log_does_not_say_which_was_first() -> None:
    """Acknowledged and stream deleted in the same second of a log that has whole seconds."""
    lines = [
        log_line("acked", s, stream_seq=n, consumer_seq=n, delivery=1, stored_at=at(0),
                 num_pending_then=50 - n)
        for n, s in ((1, 28), (2, 30), (3, 33))
    ]  # fmt: skip
    lines.append(log_line("stream_deleted", 30))
    tasks = task_times(log_events=frames.from_rows("log_events", lines))
    assert tasks["is_after_delete"].tolist() == [False, pd.NA, True]
    assert tasks["is_discarded"].fillna(False).tolist() == [False, False, True]


def test_a_fetch_log_without_its_beginning_does_not_guess_sequences() -> None:
    """Antenna gives the newest lines only: the first fetches are missing, the end is not there."""
    lines = [log_line("fetched", 10, delivered=8)] + [
        log_line("acked", 30, stream_seq=n, consumer_seq=n, delivery=1, stored_at=at(0))
        for n in (1, 9)
    ]
    events = frames.from_rows("log_events", lines)
    assert task_times(log_events=events)["delivered_at"].isna().all()
    whole = frames.from_rows("log_events", [log_line("consumer_created", 5), *lines])
    delivered = task_times(log_events=whole).set_index("stream_seq")["delivered_at"]
    assert delivered.loc[1].round("us") == pd.Timestamp(at(10.25), tz="UTC")
    assert pd.isna(delivered.loc[9])
    ended = frames.from_rows("log_events", [*lines, log_line("finalizing", 31, delivered=16)])
    delivered = task_times(log_events=ended).set_index("stream_seq")["delivered_at"]
    assert pd.isna(delivered.loc[1])
    assert delivered.loc[9].round("us") == pd.Timestamp(at(10.25), tz="UTC")


def test_what_the_log_alone_tells_of_a_job() -> None:
    told = job_log(history_of("c_worker_crash", "job_log").frame("log_events")).iloc[0]
    assert told["status"] == "SUCCESS"
    assert (told["total"], told["processed"], told["failed"]) == (40, 40, 0)
    assert told["started_at"] == stamp("2026-11-23T15:16:14Z")
    assert told["finished_at"] == stamp("2026-11-23T15:16:43Z")
    assert (told["ack_wait_s"], told["max_deliver"]) == (10, 2)
    assert told["deliveries"] == told["fetched"] == 48
    assert told["is_whole"]


def test_a_log_that_was_cut_says_so() -> None:
    """Of a_healthy the newest 1,000 lines are there: the last 56 images of 320."""
    events = history_of("a_healthy", "job_log").frame("log_events")
    told = job_log(events).iloc[0]
    assert not told["is_whole"]
    assert pd.isna(told["started_at"])
    assert told["total"] == 320
    assert len(task_times(log_events=events)) == 56
