"""Checks of how images move: each speaks when it should, not before, and not else."""

from watched import (
    Changes,
    Values,
    Watched,
    at,
    done,
    evidence,
    frozen,
    moving,
    queued,
    watched,
)


def _later(values: Values, by_s: float) -> Values:
    """The instants of a state, some seconds later."""
    names = ("delivered_at", "acked_at", "updated_at")
    return {name: float(values[name]) + by_s for name in names if values[name] is not None}


def _handed(values: object) -> int:
    assert isinstance(values, dict)
    return int(values["deliveries"])


def test_a_job_that_moves_gives_no_finding() -> None:
    """Four images every two seconds, from the first to the last, and then SUCCESS."""
    changes = dict(moving(204))
    changes[206] = {"status": "SUCCESS", "stream": False, "counted": False, "finished_at": 205}
    whole = watched(300, changes)
    assert [whole.diagnosed(second) for second in range(2, 300, 2)] == [[]] * 149


def test_a_job_that_was_just_queued_gives_no_finding() -> None:
    """Workers ask every few seconds: half a minute without one is no verdict."""
    assert watched(44).codes() == []


class TestNoWorker:
    """Images are queued and nobody comes."""

    def test_it_speaks_after_the_dwell_and_began_when_the_images_were_queued(self) -> None:
        """Nobody started a worker for this pipeline."""
        whole = watched(60)
        assert whole.spoken_s("no_worker") == [46.0]
        found = whole.one()
        assert (found.code, found.severity, found.since) == ("no_worker", "critical", at(0))
        assert evidence(found)["num_pending"] == 100
        assert "Valdivian Moths 2025" in found.next_step
        assert "5" not in found.title

    def test_it_is_gone_when_a_worker_comes(self) -> None:
        """At last somebody starts one; the verdict goes ten seconds later, and its end is told."""
        whole = watched(80, {60: done(100, handed=8, saved=0, second=60)})
        assert whole.codes(58) == ["no_worker"]
        assert whole.codes(68) == ["no_worker"]
        assert whole.codes(72) == []
        (row,) = whole.episodes("no_worker")
        assert (row["ended_at"], row["end"]) == (at(60.01), "over")

    def test_the_last_worker_left_in_the_middle_of_a_job(self) -> None:
        """It finished its batch and was shut down: it began with the last acknowledgement."""
        changes = {10: done(100, handed=8, saved=0, second=10)}
        changes |= {20: done(100, handed=8, saved=8, second=20)}
        whole = watched(90, changes)
        assert whole.spoken_s("no_worker") == [66.0]
        assert whole.one().since == at(19.7)

    def test_a_worker_that_waits_for_images_is_one(self) -> None:
        """A pull is outstanding at this very look."""
        assert watched(90, {40: {"waiting": 1}}).codes() == []

    def test_while_images_are_still_being_queued_nobody_is_missing(self) -> None:
        """44,000 images take a minute to queue."""
        changes = {s: {"last_seq": 100 + s, "pending": 100 + s, "total": 200} for s in range(60)}
        assert watched(90, changes).codes() == []

    def test_workers_that_are_busy_with_another_job_come_later(self) -> None:
        """The pipeline's workers do one job after the other: worth knowing, no alarm."""
        whole = Watched(90, {7: {}, 8: moving(90)})
        found = whole.one()
        assert (found.job_id, found.severity, found.needs_a_human) == (7, "info", False)
        assert "job 8" in found.title

    def test_workers_of_another_pipeline_do_not_help(self) -> None:
        """They do not take images of this one."""
        whole = Watched(90, {7: {}, 8: {**moving(90), 1: {"pipeline": "Micro-moths"}}})
        assert [(f.job_id, f.severity) for f in whole.findings()] == [(7, "critical")]

    def test_while_antenna_is_away_that_nobody_fetches_tells_nothing(self) -> None:
        """Workers fetch through Antenna: its outage is the verdict."""
        changes = dict(moving(20)) | {22: {"antenna": False, "in_flight": 0, "acked_at": 21.5}}
        whole = watched(140, changes)
        assert whole.codes() == ["source_down"]


class TestNotReturning:
    """A worker holds images and nothing comes back."""

    def crashed(self, until_s: int, **begin: object) -> Watched:
        """A worker fetches eight images ten seconds after the start, and dies."""
        begin = {"ack_wait_s": 40.0, **begin}
        return watched(until_s, {10: done(100, handed=8, saved=0, second=10)}, **begin)

    def test_it_speaks_a_quarter_after_ack_wait(self) -> None:
        """The worker crashed, and nobody else asks for images."""
        whole = self.crashed(80)
        assert whole.spoken_s("not_returning") == [60.0]
        found = whole.one()
        assert (found.severity, found.since) == ("critical", at(9.5))
        assert "nats consumer info job_7 job-7-consumer" in found.next_step
        assert found.doubt is not None

    def test_a_batch_that_takes_less_than_ack_wait_is_work_in_progress(self) -> None:
        """From outside it looks the same: only the time tells."""
        assert self.crashed(48).codes() == []

    def test_it_goes_by_the_live_ack_wait(self) -> None:
        """This deployment waits five minutes for an image, not 40 s."""
        assert self.crashed(200, ack_wait_s=300.0).codes() == []
        assert self.crashed(350, ack_wait_s=300.0).codes() == ["not_returning"]

    def test_images_that_still_leave_redis_are_coming_back(self) -> None:
        """Celery saves one result after another although the broker has heard of none."""
        slow = {s: {"results": 100 - s // 10} for s in range(20, 160, 10)}
        changes: Changes = {10: done(100, handed=8, saved=0, second=10), **slow}
        assert watched(160, changes, ack_wait_s=20.0).codes() == []


class TestRedelivering:
    """Images are handed out again while the job moves."""

    def test_it_speaks_while_they_are_in_flight_and_no_longer(self) -> None:
        """A worker died with eight images; another one took them when ack wait was over."""
        changes = dict(moving(120))
        for second in range(60, 80, 2):
            changes[second] = {**changes[second], "redelivered": 8}
        for second in range(60, 122, 2):
            changes[second] = {**changes[second], "deliveries": 8 + _handed(changes[second])}
        whole = watched(120, {**changes, 80: {**changes[80], "redelivered": 0}}, ack_wait_s=20.0)
        (row,) = whole.episodes("redelivering")
        assert (whole.spoken_s("redelivering"), row["severity"]) == ([66.0], "warning")
        assert row["since"] == at(59.5)
        assert row["ended_at"] == at(80.01)
        assert whole.codes(120) == []

    def test_a_few_in_a_large_job_need_nobody(self) -> None:
        """One crash in a job of ten thousand deliveries."""
        changes: Changes = {0: {"redelivered": 3, "in_flight": 8, "deliveries": 10_003}}
        big = {"last_seq": 20_000, "total": 20_000, "rest_total": 20_000, "pending": 10_000}
        moves = {s: {"results": 9_000 - s, "acked_at": s, "delivered_at": s} for s in range(2, 60)}
        found = watched(58, {**changes, **moves}, **big).one()
        assert (found.code, found.severity, found.needs_a_human) == ("redelivering", "info", False)


class TestLostAtMaxDeliver:
    """Images that the broker will never hand out again."""

    def ended(self, until_s: int, **values: object) -> Watched:
        """All were handed out ten seconds after the start, all but four came back."""
        state = {**done(100, handed=100, saved=96, second=10), "deliveries": 104, **values}
        return watched(until_s, {10: state}, ack_wait_s=40.0)

    def test_the_first_signature_with_its_doubt_and_redis_confirming(self) -> None:
        """Nothing pending, four in flight for the second time and old, nobody pulling."""
        found = self.ended(80, redelivered=4).one()
        assert (found.code, found.severity) == ("lost_at_max_deliver", "critical")
        assert "next pulls" in str(found.doubt)
        assert "Redis confirms: it still waits for 4 images" in found.why
        assert evidence(found)["redis_pending_results"] == 4
        assert set(found.explains) == {"not_returning", "redelivering"}

    def test_the_first_signature_waits_for_ack_wait(self) -> None:
        """Until then they are on their last attempt, which may well succeed."""
        assert "lost_at_max_deliver" not in self.ended(48, redelivered=4).codes()

    def test_the_second_signature_is_sure(self) -> None:
        """Somebody pulled: nothing pending, nothing in flight, four delivered more than once."""
        found = self.ended(80, redelivered=4, in_flight=0).one()
        assert (found.code, found.doubt) == ("lost_at_max_deliver", None)
        assert found.title == "4 images will never be delivered again"
        assert "2 times (max_deliver)" in found.why
        assert "Redis confirms" in found.why

    def test_redis_that_waits_for_nothing_is_said_too(self) -> None:
        """They were saved all the same, and only the acknowledgement got lost."""
        found = self.ended(80, redelivered=4, in_flight=0, results=0).findings()[0]
        assert "Redis does not wait for any image" in found.why

    def test_without_redis_the_verdict_stands_and_says_so(self) -> None:
        """Redis is down: the broker alone tells."""
        whole = self.ended(80, redelivered=4, in_flight=0, redis=False)
        found = next(f for f in whole.findings() if f.job_id == 7)
        assert found.code == "lost_at_max_deliver"
        assert "Redis can't be asked" in found.why

    def test_a_first_attempt_is_not_the_last(self) -> None:
        """A crashed worker with two attempts allowed: these images come back by themselves."""
        assert self.ended(80, deliveries=100).codes() == ["not_returning"]

    def test_with_one_attempt_the_first_is_the_last(self) -> None:
        """max_deliver 1: whatever expires is lost."""
        whole = self.ended(80, deliveries=100, max_deliver=1)
        assert whole.codes() == ["lost_at_max_deliver"]

    def test_with_five_attempts_the_redeliveries_must_be_enough(self) -> None:
        """Four images need four redeliveries each to be on the fifth attempt."""
        assert self.ended(80, redelivered=4, deliveries=108, max_deliver=5).codes() == [
            "not_returning"
        ]
        found = self.ended(80, redelivered=4, deliveries=116, max_deliver=5).one()
        assert (found.code, found.title[:14]) == ("lost_at_max_deliver", "up to 4 images")

    def test_some_are_lost_while_the_job_moves(self) -> None:
        """More were delivered twice than are in flight: the difference was given up."""
        changes = dict(moving(60))
        for second in range(20, 62, 2):
            changes[second] = {**changes[second], "redelivered": 11}
        found = watched(60, changes).one()
        assert (found.code, found.title[:8]) == ("lost_at_max_deliver", "3 images")

    def test_after_a_restart_only_redis_tells(self) -> None:
        """The broker's gauge fell to 0 with its server; Redis still waits for four images."""
        found = self.ended(80, redelivered=0, in_flight=0, deliveries=100).one()
        assert (found.code, "restarted" in found.why) == ("lost_at_max_deliver", True)

    def test_an_image_on_its_way_out_of_redis_is_not_lost(self) -> None:
        """For a look the broker is empty and Redis is not: it was read a moment before."""
        changes: Changes = {
            10: done(100, handed=100, saved=96, second=10),
            20: {"in_flight": 0, "acked_at": 19.9},
            24: {"results": 0, "process": 0},
        }
        assert watched(60, changes).codes() == []


class TestResultsBacklog:
    """Workers post faster than Celery saves."""

    def test_celery_stands_and_the_workers_go_on(self) -> None:
        """It speaks within 15 s, counts from the last acknowledgement, and is critical."""
        whole = frozen(100)
        assert whole.spoken_s("results_backlog") == [50.0]
        found = whole.one()
        assert (found.severity, found.since) == ("critical", at(39.7))
        assert "celeryworker" in found.next_step

    def test_it_lasts_when_all_images_are_handed_out(self) -> None:
        """Nothing is left to fetch and everything waits: it must not fall silent then."""
        assert frozen(290).codes() == ["results_backlog"]

    def test_it_is_gone_when_celery_has_caught_up(self) -> None:
        """The line is short again, and ten seconds later the verdict is withdrawn."""
        whole = frozen(120, thaw_s=80)
        (row,) = whole.episodes("results_backlog")
        assert row["end"] == "over"
        assert whole.codes() == []

    def test_workers_that_take_large_batches_are_no_backlog(self) -> None:
        """One fetch of 64 images and a long silence: they are being worked on."""
        changes = {10: done(400, handed=8, saved=0, second=10)}
        changes |= {20: done(400, handed=72, saved=8, second=20)}
        begin = {"last_seq": 400, "total": 400, "rest_total": 400, "ack_wait_s": 300.0}
        assert watched(200, changes, **begin).codes() == []


class TestStarved:
    """Workers hold more than they can do within ack wait."""

    def jobs(self, *, others: int) -> Watched:
        """Jobs of one pipeline, eight images of each in flight, one image a second in all."""
        every: dict[int, Changes] = {}
        for job_id in range(7, 8 + others):
            mine: dict[int, dict[str, object]] = {}
            for second in range(2, 122, 2):
                saved = second // (2 * (others + 1))
                mine[second] = dict(done(100, handed=saved + 8, saved=saved, second=second))
                if second > 20:
                    mine[second] |= {"redelivered": 6, "deliveries": saved + 8 + second // 10}
            every[job_id] = {0: {"ack_wait_s": 20.0}, **mine}
        return Watched(120, every)

    def test_it_names_the_other_jobs_and_hides_the_redeliveries(self) -> None:
        """One worker reserved images of five jobs."""
        found = next(f for f in self.jobs(others=4).findings() if f.job_id == 7)
        assert (found.code, found.explains) == ("starved", ("redelivering",))
        assert "8, 9, 10, 11" in found.title

    def test_alone_on_its_workers_a_job_is_not_starved(self) -> None:
        """The same redeliveries, and no other job: a crash, or batches that are too large."""
        assert self.jobs(others=0).codes() == ["redelivering"]


class TestAtCapacity:
    """In flight is at the limit."""

    def test_half_a_minute_at_the_limit(self) -> None:
        """Many workers, and a limit of eight images."""
        found = watched(60, moving(60), max_ack_pending=8).one()
        assert (found.code, found.severity) == ("at_capacity", "warning")
        assert evidence(found)["max_ack_pending"] == 8

    def test_below_the_limit_it_is_silent(self) -> None:
        """Nine would be allowed."""
        assert watched(60, moving(60), max_ack_pending=9).codes() == []

    def test_no_limit_is_never_reached(self) -> None:
        """max_ack_pending -1 means as many as you like."""
        assert watched(60, moving(60), max_ack_pending=-1).codes() == []


class TestSlow:
    """It moves, but not as it did."""

    def slowing(self, until_s: int, *, slow_s: int, per_look: int = 1) -> Changes:
        """Six images a look until ``slow_s``, then fewer."""
        changes: dict[int, dict[str, object]] = {}
        saved = 0
        for second in range(2, until_s + 1, 2):
            saved += 6 if second < slow_s else per_look
            changes[second] = dict(done(6000, handed=saved + 12, saved=saved, second=second))
        return {0: queued(6000), **changes}

    def test_a_sixth_of_its_own_pace(self) -> None:
        """Five of six workers are gone."""
        whole = watched(900, self.slowing(900, slow_s=500))
        found = whole.one()
        assert (found.code, found.severity) == ("slow", "info")
        assert evidence(found)["usual_settled_per_min"] > 100  # type: ignore[operator]
        assert 500 < whole.spoken_s("slow")[0] < 500 + 240
        assert found.since is not None
        assert abs((found.since - at(500)).total_seconds()) < 30

    def test_it_began_before_there_was_enough_past_to_compare_with(self) -> None:
        """It slowed down in its fourth minute, and only in its seventh can that be told."""
        found = watched(600, self.slowing(600, slow_s=240)).one()
        assert found.code == "slow"
        assert found.since is not None
        assert abs((found.since - at(240)).total_seconds()) < 30

    def test_half_of_it_is_not_clearly_slower(self) -> None:
        """One of two workers."""
        assert watched(900, self.slowing(900, slow_s=500, per_look=3)).codes() == []

    def test_an_outage_of_antenna_is_not_a_slow_job(self) -> None:
        """Workers could not fetch for 100 s; afterwards it goes on as before."""
        changes = self.slowing(900, slow_s=900)
        stood = {**changes[500], "delivered_at": 499.5, "acked_at": 499.7}
        away = {second: {**stood, "antenna": second >= 600} for second in range(502, 602, 2)}
        behind = {
            second: {**changes[second - 100], **_later(changes[second - 100], 100)}
            for second in range(602, 901, 2)
        }
        whole = watched(900, {**changes, **away, 600: {**stood, "antenna": True}, **behind})
        assert whole.episodes("slow") == []
        assert whole.spoken_s("source_down", None) == [508.0]

    def test_sharing_the_workers_with_another_job_is_not_slow(self) -> None:
        """The pipeline as a whole makes what it made before."""
        jobs = {7: self.slowing(900, slow_s=500), 8: self.slowing(900, slow_s=900)}
        assert Watched(900, jobs).codes() == []
