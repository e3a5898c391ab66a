"""Last attempts and tasks that were given up: every sign of them, and its doubt."""

from typing import Any

import pandas as pd
import pytest
from recorded import JOBS, history_of
from test_tasks import ack, at, log_line, measured

from ami_console import frames
from ami_console.metrics import given_up, last_attempts


def stamp(second: float) -> pd.Timestamp:
    return pd.Timestamp(at(second), tz="UTC")


def look(second: float, **other: Any) -> dict[str, Any]:
    """A look at job 1: 40 images, all delivered, nothing left."""
    return {
        "observed_at": at(second), "server_at": at(second), "job_id": 1, "stream_exists": True,
        "consumer_exists": True, "stream_created_at": at(0), "messages": 40, "last_seq": 40,
        "num_pending": 0, "num_ack_pending": 0, "num_redelivered": 0, "num_waiting": 0,
        "delivered_consumer_seq": 40, "delivered_stream_seq": 40,
        "delivered_last_active": at(5), "ack_wait_s": 10.0, "max_deliver": 2,
    } | other  # fmt: skip


def looks(*rows: dict[str, Any]) -> pd.DataFrame:
    return frames.from_rows("consumers", rows)


def lost(*rows: dict[str, Any], second: float = 100, **more: Any) -> dict[str, Any] | None:
    told = given_up(looks(*rows), as_of=stamp(second), **more)
    return dict(told.iloc[0]) if len(told) else None


def redis(left: int, seconds: float = 50) -> pd.DataFrame:
    row = {"observed_at": at(seconds), "job_id": 1, "total": 40, "pending_results": left}
    return frames.from_rows("counters", [row])


def test_the_eight_tasks_of_the_crashed_worker_on_their_last_attempt() -> None:
    """Handed out again at 15:16:38.8; with an ack wait of 10 s they are given up at :48.8."""
    history = history_of("c_worker_crash", "looks")
    consumers = history.frame("consumers", job_id=JOBS["c_worker_crash"])
    before = last_attempts(consumers, as_of=pd.Timestamp("2026-11-23T15:16:38.5Z"))
    assert before.empty
    told = last_attempts(consumers, as_of=pd.Timestamp("2026-11-23T15:16:41Z"))
    assert len(told) == 1
    row = told.iloc[0]
    assert (row["tasks_low"], row["tasks_high"]) == (8, 8)
    assert row["delivered_by"].round("ms") == pd.Timestamp("2026-11-23T15:16:38.791Z")
    assert row["given_up_by"].round("ms") == pd.Timestamp("2026-11-23T15:16:48.791Z")
    assert row["given_up_after"].round("ms") == pd.Timestamp("2026-11-23T15:16:48.311Z")
    later = last_attempts(consumers, as_of=pd.Timestamp("2026-11-23T15:16:43.5Z"))
    assert later["tasks_high"].tolist() == [3]


def test_with_more_attempts_left_only_a_bound_is_known() -> None:
    """max_deliver 5: eight redeliveries can have brought two tasks to their last attempt."""
    rows = [
        look(4, delivered_consumer_seq=40, max_deliver=5, num_ack_pending=8),
        look(20, delivered_consumer_seq=48, max_deliver=5, num_ack_pending=8, num_redelivered=8,
             delivered_last_active=at(19)),
    ]  # fmt: skip
    told = last_attempts(looks(*rows), as_of=stamp(30)).iloc[0]
    assert (told["tasks_low"], told["tasks_high"]) == (0, 2)
    for limit in (-1, None):
        unlimited = [row | {"max_deliver": limit} for row in rows]
        assert last_attempts(looks(*unlimited), as_of=stamp(30)).empty


def test_with_one_attempt_all_that_is_in_flight_is_on_its_last() -> None:
    rows = [look(4, max_deliver=1, num_ack_pending=3, delivered_last_active=at(3))]
    told = last_attempts(looks(*rows), as_of=stamp(30)).iloc[0]
    assert (told["tasks_low"], told["tasks_high"]) == (3, 3)
    assert told["given_up_by"] == stamp(13)


def test_nothing_is_lost_in_the_real_jobs_that_ended_well() -> None:
    for scenario in ("a_healthy", "k_api_down", "m_slow_but_healthy", "n_results_lag"):
        history = history_of(scenario)
        told = given_up(
            history.frame("consumers", job_id=JOBS[scenario]),
            as_of=pd.Timestamp("2026-11-24T00:00Z"),
            counters=history.frame("counters", job_id=JOBS[scenario]),
            advisories=history.frame("advisories", job_id=JOBS[scenario]),
        )
        assert told.empty, scenario


def test_at_rest_with_redelivered_messages_they_are_lost_for_sure() -> None:
    """Somebody pulled after the last attempts had expired: the broker forgot what was in flight."""
    told = lost(look(60, num_redelivered=7, delivered_consumer_seq=47), counters=redis(7))
    assert told is not None
    assert told["signature"] == "at_rest"
    assert (told["tasks_low"], told["tasks_high"], told["redis_left"]) == (7, 7, 7)


def test_in_flight_for_too_long_with_nobody_pulling_is_doubtful() -> None:
    """Expired or given up: the broker does not tell before somebody pulls."""
    stuck = {"num_ack_pending": 7, "num_redelivered": 3, "delivered_consumer_seq": 43}
    told = lost(look(60, **stuck))
    assert told is not None
    assert told["signature"] == "unclaimed"
    assert (told["tasks_low"], told["tasks_high"]) == (3, 7)
    assert told["redis_left"] is pd.NA
    more = lost(look(60, **stuck, max_deliver=5))
    assert more is not None
    assert (more["tasks_low"], more["tasks_high"]) == (0, 7)


@pytest.mark.parametrize(
    "row",
    [
        look(60, num_pending=3, num_redelivered=7),
        look(8, num_ack_pending=7),  # ack wait has not passed
        look(60, num_ack_pending=7, num_waiting=1),  # a worker is pulling
        look(60, num_ack_pending=7, delivered_last_active=None),  # restarted: can't tell
        look(60, num_redelivered=None),
        look(60, consumer_exists=False, num_redelivered=7),
    ],
)
def test_where_it_can_still_go_on_or_is_not_known_nothing_is_lost(row: dict[str, Any]) -> None:
    assert lost(row) is None


def test_after_a_restart_of_the_server_only_redis_still_knows() -> None:
    """num_redelivered fell to 0 with the restart; the images are in Redis's set for good."""
    told = lost(look(60, delivered_last_active=None), counters=redis(7, 61))
    assert told is not None
    assert told["signature"] == "counted"
    assert (told["tasks_low"], told["tasks_high"]) == (7, 7)
    assert lost(look(60, delivered_last_active=None), counters=redis(0)) is None


def test_an_image_that_is_just_being_acknowledged_is_not_given_up() -> None:
    """Redis was read before its last image was saved, the broker after it was acknowledged."""
    busy, done = look(48, num_ack_pending=1), look(52)
    assert lost(busy, done, counters=redis(1)) is None
    later = lost(busy, done, counters=redis(1, 54))
    assert later is not None
    assert (later["signature"], later["tasks_high"]) == ("counted", 1)


def test_advisories_name_the_messages_and_a_late_ack_takes_one_back() -> None:
    advisories = frames.from_rows(
        "advisories",
        [
            {"observed_at": at(40), "job_id": 1, "kind": "CONSUMER.MAX_DELIVERIES",
             "stream_seq": seq, "deliveries": 2}
            for seq in (4, 9, 9, 17)
        ],
    )  # fmt: skip
    tasks = measured(ack(9, 55, delivery=2), ack(4, 20, image_id="77", kind="-NAK"))
    told = lost(look(60, num_redelivered=2), advisories=advisories, tasks=tasks)
    assert told is not None
    assert told["signature"] == "advised"
    assert (told["tasks_low"], told["stream_seqs"]) == (2, "4,17")
    before = lost(look(30), second=35, advisories=advisories)
    assert before is None


def test_the_health_check_names_the_images() -> None:
    line = log_line("health_check", 50, failed=3, image_ids="11,12,13")
    told = lost(log_events=frames.from_rows("log_events", [line]))
    assert told is not None
    assert told["signature"] == "marked_failed"
    assert (told["tasks_low"], told["image_ids"]) == (3, "11,12,13")
    history = history_of("b_no_worker", "looks", "job_log")
    real = given_up(
        history.frame("consumers", job_id=JOBS["b_no_worker"]),
        as_of=pd.Timestamp("2026-11-23T15:31Z"),
        log_events=history.frame("log_events"),
    ).iloc[0]
    assert (real["signature"], real["tasks_high"]) == ("marked_failed", 320)
    assert len(set(real["image_ids"].split(","))) == 320
