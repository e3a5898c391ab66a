"""Checks of what a job has and is called: each speaks when it should, and not else."""

from pathlib import Path
from typing import ClassVar

import pytest
from watched import (
    Changes,
    Watched,
    at,
    done,
    moving,
    watched,
)

from ami_console.diagnosis import CHECKS
from ami_console.reading import Reading


class TestDoneNotClosed:
    """Everything is done and the job does not end."""

    def test_a_lost_progress_write(self) -> None:
        """All 100 are saved, Antenna's own count stands at 99, and STARTED stays for good."""
        changes = {10: {**done(100, handed=100, saved=100, second=10), "rest_processed": 99}}
        whole = watched(100, changes)
        assert whole.spoken_s("done_not_closed") == [70.0]
        found = whole.one()
        assert (found.severity, found.since) == ("warning", at(9.7))
        assert "99 of 100" in found.why

    def test_antenna_shows_it_done_and_its_state_is_gone(self) -> None:
        """It cleaned up and did not write the status: done, which says more than gone."""
        gone = {"stream": False, "counted": False, "rest_processed": 100, "rest_ratio": 1.0}
        found = watched(120, {10: gone}).one()
        assert (found.code, found.explains) == ("done_not_closed", ("state_gone",))

    def test_a_job_that_closes_within_the_minute_is_well(self) -> None:
        """A busy Celery needs some seconds for the last step."""
        changes = {10: done(100, handed=100, saved=100, second=10)}
        changes |= {40: {"status": "SUCCESS", "stream": False, "counted": False}}
        whole = watched(120, changes)
        assert [whole.codes(second) for second in range(10, 120, 10)] == [[]] * 11


class TestStateGone:
    """Antenna says the job runs, and there is nothing of it."""

    @pytest.mark.parametrize(
        ("lost", "named"),
        [
            ({"stream": False}, "stream job_7"),
            ({"counted": False}, "counters job:7:pending_images"),
            ({"stream": False, "counted": False}, "stream job_7 and counters"),
        ],
    )
    def test_it_names_what_is_missing(self, lost: dict[str, object], named: str) -> None:
        """Somebody deleted the stream, or flushed Redis."""
        changes = {**moving(20), 22: lost}
        whole = watched(90, changes)
        assert whole.spoken_s("state_gone") == [52.0]
        assert named in whole.one().why

    def test_a_cancel_takes_both_away_before_its_status_shows(self) -> None:
        """REVOKED comes three seconds later."""
        changes = {**moving(20), 22: {"stream": False, "counted": False}}
        changes |= {26: {"status": "REVOKED"}}
        whole = watched(90, changes)
        assert [whole.codes(second) for second in range(20, 90, 5)] == [[]] * 14

    def test_a_job_that_is_collecting_images_has_no_stream_yet(self) -> None:
        """STARTED, and Antenna does not even know how many images there are."""
        early = {"stream": False, "counted": False, "rest_total": float("nan")}
        assert watched(120, None, **early).codes() == []

    def test_a_job_that_is_not_worked_over_nats_has_none_ever(self) -> None:
        """An internal job: nothing of it is in the broker."""
        other = {"dispatch_mode": "internal", "stream": False, "counted": False}
        assert watched(120, None, **other).diagnosed() == []


class TestZombieStream:
    """The stream outlived its job."""

    ENDED: ClassVar[Changes] = {20: {"status": "SUCCESS", "finished_at": 19, "rest_processed": 100}}

    def test_it_speaks_a_minute_after_the_end_and_nobody_has_to_act(self) -> None:
        """The clean-up failed; the health check will see to it within the hour."""
        whole = watched(120, self.ENDED)
        assert whole.spoken_s("zombie_stream") == [80.0]
        assert (whole.one().severity, whole.one().since) == ("info", at(19))

    def test_after_more_than_an_hour_somebody_should_look(self) -> None:
        """The health check did not take it away either."""
        old = {20: {**self.ENDED[20], "finished_at": -5000}}
        found = watched(120, old).one()
        assert (found.severity, "nats stream rm job_7" in found.next_step) == ("warning", True)

    def test_a_stream_of_a_job_that_antenna_does_not_know(self) -> None:
        """The job was deleted from the database."""
        whole = watched(120, {}, status=None)
        assert whole.codes() == []  # not asked about
        for second in range(0, 122, 2):
            now = at(second).value
            rows = {"jobs": [{"job_id": 7, "observed_at": now}]}
            whole.history.add(Reading(source="antenna", observed_at=now, rows=rows))
        found = whole.one()
        assert (found.code, found.severity) == ("zombie_stream", "warning")
        assert "unknown to Antenna" in found.why


def test_duplicate_tasks_are_counted() -> None:
    """Somebody retried the job while its stream was still there."""
    changes = dict(moving(60, total=400))
    for second in range(20, 62, 2):
        more = {"last_seq": 800, "pending": int(changes[second]["pending"]) + 400}
        changes[second] = {**changes[second], **more}
    whole = watched(60, changes)
    assert whole.spoken_s("duplicate_tasks") == [30.0]
    assert whole.one().title == "800 messages for 400 images: 400 are queued twice"


class TestMostlyFailing:
    """The job is heading for FAILURE."""

    def failing(self, share: float, until_s: int) -> Watched:
        """A job of 400 images of which a share fails."""
        changes = {
            second: {**values, "failed": round(share * (400 - int(values["process"])))}
            for second, values in moving(until_s).items()
        }
        return watched(until_s, changes)

    def test_most_images_fail(self) -> None:
        """Seven of ten: it is said long before half of all have failed."""
        found = self.failing(0.7, 120).one()
        assert (found.code, found.severity) == ("mostly_failing", "critical")
        assert "heading for FAILURE" in found.title

    def test_the_limit_is_passed(self) -> None:
        """More than half of all: nothing can save it."""
        assert "will be FAILURE" in self.failing(0.9, 180).one().title

    def test_a_few_at_the_start_prove_nothing(self) -> None:
        """Nine of the first twelve failed."""
        assert self.failing(0.75, 8).codes() == []

    @pytest.mark.parametrize("share", [0.0, 0.2, 0.45, 0.5])
    def test_at_most_half_is_no_failure(self, share: float) -> None:
        """Antenna calls that a SUCCESS."""
        assert self.failing(share, 180).codes() == []


class TestLostImages:
    """SUCCESS on paper."""

    def ended(self, **values: object) -> Watched:
        """A job that ended as SUCCESS."""
        end = {"status": "SUCCESS", "stream": False, "counted": False, "finished_at": 19}
        return watched(60, {20: {**end, "rest_processed": 100, **values}})

    def test_failed_images_are_named(self) -> None:
        """Seven of a hundred have no results, and the job is green."""
        found = self.ended(rest_failed=7).one()
        assert (found.code, found.severity) == ("lost_images", "warning")
        assert found.title == "SUCCESS, but of 100 images 7 failed"

    def test_images_that_nobody_accounts_for(self) -> None:
        """Fewer processed than there were."""
        assert "3 never accounted for" in self.ended(rest_processed=97).one().title

    def test_a_clean_success_is_one(self) -> None:
        """All processed, none failed."""
        assert self.ended().diagnosed() == []

    def test_a_cancelled_job_is_no_alarm(self) -> None:
        """Somebody cancelled it half-way: that is what he wanted."""
        assert self.ended(status="REVOKED", rest_processed=34).diagnosed() == []

    def test_yesterday_is_judged_only_when_asked_for(self) -> None:
        """A job that ended two days ago is no news, but its post-mortem says it."""
        whole = self.ended(rest_failed=7, finished_at=-200_000)
        assert whole.codes() == []
        assert whole.one(job_ids=[7]).code == "lost_images"


def test_stuck_canceling_counts_from_the_cancel() -> None:
    """The task that ends the job never ran; a cancel takes some seconds, not a minute."""
    changes = {**moving(20), 22: {"status": "CANCELING", "updated_at": 21}}
    whole = watched(120, changes)
    assert whole.spoken_s("stuck_canceling") == [82.0]
    assert (whole.one().severity, whole.one().since) == ("warning", at(21))


def test_every_check_is_tested_here_or_beside() -> None:
    """A check without a test is one that nobody has seen speak."""
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_checks_*.py"))
    assert {code for code in CHECKS if f'"{code}"' not in text} == set()
