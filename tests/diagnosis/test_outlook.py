"""What the platform will do next, and when."""

from typing import Any

import pytest
from watched import Watched, at, done, moving, watched

from ami_console.diagnosis import Rules, outlook


def coming(whole: Watched, second: float | None = None, **rules: float) -> list[dict[str, Any]]:
    """What is to come, as seen then."""
    as_of = at(whole.until_s if second is None else second)
    table = outlook(whole.history, as_of=as_of, rules=Rules(**rules))
    return table.to_dict("records")


def test_nothing_is_said_of_a_job_that_moves() -> None:
    """Its updated_at is seconds old."""
    assert coming(watched(120, moving(120))) == []


def test_images_that_nobody_fetches_will_be_marked_failed() -> None:
    """Idle since 09:02:00; ten minutes are over at 09:12, the next check is at 09:15."""
    (row,) = coming(watched(120))
    assert (row["kind"], row["at"], row["idle_since"]) == ("health_check", at(780), at(0))
    assert (row["images"], row["becomes"]) == (100, "FAILURE")
    assert "every 15 min" in row["assumes"]


def test_idle_for_exactly_the_limit_is_not_idle_yet() -> None:
    """It must be longer: idle since 09:05:00 sharp is dealt with at 09:30, not at 09:15."""
    (row,) = coming(watched(400, {180: {"updated_at": 180}}))
    assert row["at"] == at(1680)


def test_a_few_images_that_are_left_make_no_failure() -> None:
    """Four of a hundred will be marked failed: SUCCESS on paper."""
    (row,) = coming(watched(200, {10: done(100, handed=100, saved=96, second=10)}))
    assert (row["images"], row["becomes"]) == (4, "SUCCESS")


def test_what_failed_already_counts() -> None:
    """47 failed and four will: 51 of a hundred are too many."""
    left = {**done(100, handed=100, saved=96, second=10), "failed": 47}
    (row,) = coming(watched(200, {10: left}))
    assert row["becomes"] == "FAILURE"


def test_with_nothing_left_in_redis_the_job_is_revoked() -> None:
    """All is done, and the status was never written."""
    (row,) = coming(watched(200, {10: done(100, handed=100, saved=100, second=10)}))
    assert (row["images"], row["becomes"]) == (0, "REVOKED")


def test_without_redis_the_time_is_known_and_the_end_is_not() -> None:
    """Redis is away: whether it will be FAILURE or REVOKED, nobody can tell."""
    (row,) = coming(watched(200, redis=False))
    assert row["at"] == at(780)
    assert row["becomes"] is None
    assert row["images"] is None


def test_other_deployments_have_other_rules() -> None:
    """A check every five minutes of jobs idle for two."""
    (row,) = coming(watched(120), health_check_every_s=300.0, health_check_idle_s=120.0)
    assert row["at"] == at(180)


def test_a_check_that_came_by_and_did_nothing_is_not_promised_again_for_the_past() -> None:
    """Seen at 09:20: the next one is at 09:30."""
    (row,) = coming(watched(1080))
    assert row["at"] == at(1680)


@pytest.mark.parametrize("status", ["SUCCESS", "REVOKED", "CREATED", "CANCELING"])
def test_a_job_that_does_not_run_has_nothing_to_come(status: str) -> None:
    """It is over, or was never started."""
    assert coming(watched(200, status=status)) == []


def test_the_broker_gives_up_what_is_on_its_last_attempt() -> None:
    """Four images were handed out for the second time at 69.5 s; ack wait is a minute."""
    first = done(100, handed=100, saved=96, second=8)
    again = {**first, "redelivered": 4, "deliveries": 104, "delivered_at": 69.5, "updated_at": 69}
    rows = coming(watched(90, {8: first, 70: again}), 90)
    (row,) = [row for row in rows if row["kind"] == "given_up"]
    assert (row["images"], row["at"]) == (4, at(129.5))
    assert "somebody next pulls" in row["assumes"]
