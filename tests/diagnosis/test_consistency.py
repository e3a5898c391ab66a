"""Job database, broker and Redis side by side."""

import pytest
from watched import Watched, at, done, moving, watched

from ami_console.diagnosis import Line, consistency


def lines(whole: Watched, second: float | None = None) -> dict[str, Line]:
    """Quantity → what the three say then."""
    as_of = at(whole.until_s + 0.1 if second is None else second + 0.1)
    return {line.quantity: line for line in consistency(whole.history, 7, as_of=as_of)}


def test_they_agree_on_a_job_that_moves() -> None:
    """Every look is of another millisecond, and nothing turns red."""
    whole = watched(120, moving(120))
    for second in range(20, 120, 2):
        assert {line.verdict for line in lines(whole, second).values()} == {"pass"}
    told = lines(whole)
    assert list(told) == ["total", "processed", "in_flight", "remaining", "failed"]
    assert (told["total"].antenna, told["total"].nats, told["total"].redis) == (400, 400, 400)
    assert (told["in_flight"].antenna, told["in_flight"].tellers) == (None, ("nats", "redis"))


@pytest.mark.parametrize(
    ("quantity", "wrong", "why"),
    [
        ("total", {"last_seq": 150}, "antenna says 100, nats says 150"),
        ("processed", {"results": 60, "process": 60}, "redis says 40"),
        ("in_flight", {"in_flight": 30, "pending": 100}, "nats says 30"),
        ("failed", {"failed": 5}, "antenna says 0, redis says 5"),
    ],
)
def test_a_disagreement_that_lasts_is_red(quantity: str, wrong: dict[str, int], why: str) -> None:
    """Somebody wrote into one of the three behind the others' backs."""
    whole = watched(40, {20: wrong})
    told = lines(whole)[quantity]
    assert told.verdict == "fail"
    assert why in told.why
    assert lines(whole, 18)[quantity].verdict == "pass"


def test_one_look_that_disagrees_is_none() -> None:
    """The sources are read one after another."""
    whole = watched(40, {20: {"failed": 5}, 22: {"failed": 0}})
    assert {lines(whole, second)["failed"].verdict for second in range(10, 40)} == {"pass"}


def test_it_turns_red_at_the_second_look() -> None:
    """Two looks in a row that say the same are no accident; the third shows it."""
    whole = watched(40, {20: {"failed": 5}})
    assert lines(whole, 20)["failed"].verdict == "pass"
    told = lines(whole, 24)["failed"]
    assert told.verdict == "fail"
    assert told.since is not None
    assert at(20) <= told.since <= at(22.1)


def test_a_progress_write_that_was_overtaken_is_corrected_by_the_next() -> None:
    """Antenna shows one image less while the job moves; when it stands, that is for good."""
    behind = {**done(100, handed=24, saved=24, second=20), "rest_processed": 23}
    whole = watched(140, {20: behind})
    assert lines(whole, 60)["processed"].verdict == "pass"
    assert lines(whole, 130)["processed"].verdict == "fail"


def test_what_only_one_can_tell_is_not_called_equal() -> None:
    """Redis and NATS are away: nobody agrees with anybody."""
    told = lines(watched(60, {10: {"nats": False, "redis": False}}))
    assert {line.verdict for line in told.values()} == {"cant_tell"}
    assert told["processed"].why == "not known from nats and redis"
    assert told["processed"].nats is None


def test_of_a_job_that_is_over_only_its_database_is_left() -> None:
    """Stream and counters are gone with it, as they should be."""
    end = {"status": "SUCCESS", "stream": False, "counted": False, "rest_processed": 100}
    told = lines(watched(60, {10: end}))
    assert {line.verdict for line in told.values()} == {"cant_tell"}
    assert "the job is over" in told["total"].why


def test_of_a_job_that_nobody_knows_there_is_nothing() -> None:
    """A number that was never seen."""
    assert consistency(watched(10).history, 99, as_of=at(10)) == []
