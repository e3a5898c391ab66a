"""Every rare mood of the demo comes about on real servers, as Antenna comes to it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from playing import FIRST_JOB, Look, faster, plan, scenario

from ami_console.demo import worker as worker_module
from ami_console.demo.scenarios import SCENARIOS
from ami_console.demo.scenarios import scenario as named
from ami_console.demo.stack import Stack
from ami_console.demo.troubles import TROUBLES
from ami_console.demo.worker import Worker

pytestmark = pytest.mark.servers

SETS = f"job:{FIRST_JOB}:pending_images"
CODES = {
    "at_capacity",
    "clock_skew",
    "done_not_closed",
    "duplicate_tasks",
    "lost_at_max_deliver",
    "lost_images",
    "mostly_failing",
    "no_worker",
    "not_returning",
    "redelivering",
    "results_backlog",
    "slow",
    "source_down",
    "starved",
    "state_gone",
    "stuck_canceling",
    "zombie_stream",
}


def stages(look: Look) -> dict[str, float]:
    """Progress (0-1) of each stage."""
    found = look.job()["progress"]["stages"]
    return {stage["key"]: stage["progress"] for stage in found}


def said_by_celery(look: Look, text: str) -> Callable[[], bool]:
    """Whether the background tasks say something from now on."""
    log = look.stack.members["antenna"].data / "celery.log"
    begin = len(log.read_text())
    return lambda: text in log.read_text()[begin:]


def test_a_job_that_is_done_is_not_closed_and_then_revoked() -> None:
    """The last write of the progress is lost: the health check revokes a job that is all done."""
    play = faster("done_not_closed", 10, health_check_every_s=1.0, idle_s=3.0)
    images = play.jobs[0].images
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: stages(look)["results"] == 1.0)
        look.until(lambda: (look.consumer() or {}).get("num_ack_pending") == 0)
        assert stages(look) == {"collect": 1.0, "process": (images - 1) / images, "results": 1.0}
        assert look.param("process", "remaining") == 1
        assert look.status() == "STARTED"
        consumer = look.consumer() or {}
        assert (consumer["num_pending"], consumer["num_redelivered"]) == (0, 0)
        assert consumer["ack_floor"]["stream_seq"] == images
        assert look.keys() == [f"{SETS}_total"]
        look.until(lambda: look.status() == "REVOKED")
        assert look.consumer() is None
        assert look.keys() == []


def test_stream_and_keys_of_a_running_job_vanish() -> None:
    """Somebody deletes them while the worker is away; it comes back and finds nothing."""
    play = faster("state_gone", 4)
    with Stack(play) as stack, Look(stack) as look:
        log = stack.members["worker-gpu-01"].log
        look.until(lambda: "CRASH" in log.read_text())
        look.until(lambda: look.consumer() is None and look.keys() == [])
        assert "worker-gpu-01" not in stack.pids
        processed = look.param("process", "processed")
        assert 0 < processed < play.jobs[0].images
        look.until(lambda: "worker-gpu-01" in stack.pids)
        asked = look.antenna.post(f"jobs/{FIRST_JOB}/tasks/", json={"batch_size": 8})
        assert asked.json() == {"tasks": []}
        assert look.status() == "STARTED"
        assert look.param("process", "processed") == processed


def test_a_stream_outlives_its_job() -> None:
    """The broker did not answer when a job ended: keys go, the stream stays for an hour."""
    play = faster("zombie_stream", 10, health_check_every_s=0.5)
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: look.status() == "SUCCESS")
        look.until(lambda: (look.consumer() or {}).get("num_ack_pending") == 0)
        assert look.keys() == []
        checked = "zombie_streams check: 1 stream(s) inspected, 0 drained"
        look.until(said_by_celery(look, checked))
        assert look.streams()[f"job_{FIRST_JOB}"]["state"]["messages"] == play.jobs[0].images
        log = "\n".join(look.job()["logs"]["stdout"])
    assert f"ERROR Failed to delete NATS stream for job '{FIRST_JOB}': nats: timeout" in log
    assert f"WARNING Failed to clean up NATS resources for job {FIRST_JOB}" in log


def test_an_early_retry_leaves_messages_over() -> None:
    """The operator retries at once: twice as many messages as images, half of them never done."""
    play = faster("duplicate_tasks", 10)
    play = replace(play, jobs=(replace(play.jobs[0], images=120),))
    messages: list[int] = []
    with Stack(play) as stack, Look(stack) as look:

        def published_twice() -> bool:
            state = (look.streams().get(f"job_{FIRST_JOB}") or {}).get("state", {})
            messages.append(state.get("messages", 0))
            return messages[-1] == 240

        look.until(published_twice)
        assert look.redis.get(f"{SETS}_total") == "120"
        look.until(lambda: look.status() == "SUCCESS")
        look.until(lambda: look.consumer() is None)
        last_words = [line for line in look.job()["logs"]["stdout"] if "Finalizing" in line]
        assert look.param("process", "processed") == 120
    assert max(messages) == 240
    (text,) = last_words
    left_over = int(text.partition("num_pending=")[2].partition(" ")[0])
    assert 60 < left_over <= 120


def test_workers_hold_all_that_the_broker_lets_them() -> None:
    """In flight is at its limit whenever one looks; results are saved as they come."""
    play = faster("at_capacity", 10)
    limit = play.jobs[0].max_ack_pending
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: (look.consumer() or {}).get("num_ack_pending") == limit)
        assert (look.consumer() or {})["config"]["max_ack_pending"] == limit
        most = 0
        for settled in (limit, 3 * limit, 5 * limit):  # it is there again and again, as it moves

            def full(settled: int = settled) -> bool:
                nonlocal most
                found = look.consumer() or {}
                most = max(most, found["num_ack_pending"])
                done = found["delivered"]["stream_seq"] - found["num_ack_pending"]
                return bool(done >= settled and found["num_ack_pending"] == limit)

            look.until(full)
        found = look.consumer() or {}
        assert most == limit
        assert found["num_redelivered"] == 0
        assert found["delivered"]["consumer_seq"] == found["delivered"]["stream_seq"]
        answer = look.antenna.get(f"jobs/{FIRST_JOB}/", params={"logs_limit": 5000})
        log = "\n".join(answer.json()["logs"]["stdout"])
        backlog = log.count("Queued pipeline result") - log.count("Successfully acknowledged")
        assert backlog <= play.workers[0].batch


def test_jobs_succeed_on_paper_with_images_that_failed_or_were_given_up() -> None:
    """One had dead links, the other images that the broker gave up and the health check failed."""
    play = faster("lost_images", 10)
    corrupt = FIRST_JOB + 1
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: look.status() == "SUCCESS")
        look.until(lambda: look.status(corrupt) == "SUCCESS", deadline_s=40)
        failed = [look.param("process", "failed", job_id) for job_id in (FIRST_JOB, corrupt)]
        errors = [look.job(job_id)["progress"]["errors"] for job_id in (FIRST_JOB, corrupt)]
        look.until(lambda: not look.keys() and look.consumer(corrupt) is None)
    assert all(0 < n < job.images / 2 for n, job in zip(failed, play.jobs, strict=True))
    assert errors[0] == []
    assert f"marked {failed[1]} image(s) as failed" in errors[1][0]
    assert f"num_pending=0 num_ack_pending=0 num_redelivered={failed[1]}" in errors[1][0]


def test_a_cancel_that_nobody_takes_up() -> None:
    """CANCELING for good: no more images are handed out, and the health check leaves it alone."""
    # Not idle before it is cancelled, however long the worker takes to start.
    play = faster("stuck_canceling", 10, health_check_every_s=2.0, idle_s=4.0)
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: look.status() == "CANCELING")
        look.until(lambda: (look.consumer() or {})["num_ack_pending"] == 0)
        left = (look.consumer() or {})["num_pending"]
        assert 0 < left < play.jobs[0].images
        asked = look.antenna.post(f"jobs/{FIRST_JOB}/tasks/", json={"batch_size": 8})
        assert asked.json() == {"tasks": []}
        again = look.antenna.post(f"jobs/{FIRST_JOB}/cancel/")
        assert again.json()["status"] == "CANCELING"
        for _ in range(3):  # by the third the job has been idle for longer than that
            look.until(said_by_celery(look, "lost_images check: 0 candidate(s)"))
        assert look.status() == "CANCELING"
        assert (look.consumer() or {})["num_pending"] == left
        assert look.redis.scard(f"{SETS}:process") == look.redis.scard(f"{SETS}:results") == left


def test_the_only_worker_dies_and_stays_away() -> None:
    """What it had reserved is in flight for longer than ack wait: nobody is there to get it."""
    play = faster("not_returning", 10)
    job, held = play.jobs[0], play.workers[0].batch
    with Stack(play) as stack, Look(stack) as look:

        def overdue_s() -> float:
            found = look.consumer() or {}
            last = found.get("delivered", {}).get("last_active")
            if last is None:
                return 0.0
            return (datetime.now(UTC) - datetime.fromisoformat(last)).total_seconds()

        look.until(lambda: "worker-gpu-01" not in stack.pids)
        look.until(lambda: overdue_s() > 1.5 * job.ack_wait_s)
        found = look.consumer() or {}
        assert (found["num_ack_pending"], found["num_pending"]) == (held, job.images - 3 * held)
        assert found["num_redelivered"] == 0
        assert look.status() == "STARTED"
        assert look.redis.scard(f"{SETS}:process") == job.images - 2 * held


async def test_a_worker_gets_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some time on a job each image takes it six times as long. (The clock is ours.)"""
    slow = replace(named("slow").workers[0], slows_after_s=4.0)
    job = plan(56, pipeline=slow.pipelines[0])
    now, slept = 0.0, list[float]()
    pause = asyncio.sleep

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(round(seconds, 3))
        await pause(0.05)

    monkeypatch.setattr(worker_module, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(worker_module, "time", SimpleNamespace(monotonic=lambda: now))
    with Stack(scenario(job)) as stack, Look(stack) as look:
        await asyncio.to_thread(
            look.until, lambda: (look.consumer() or {}).get("num_pending") == job.images
        )
        address, headers = look.antenna.base_url.copy_with(path="/"), look.antenna.headers
        async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False) as client:
            work = asyncio.create_task(Worker(slow, client, is_old=False).work())
            await asyncio.to_thread(look.until, lambda: look.status() == "SUCCESS")
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
    batch_s = slow.batch * slow.image_s
    worked = [seconds for seconds in slept if seconds != 1.0]  # without its pauses
    assert worked == pytest.approx([batch_s] * 3 + [batch_s * slow.slowdown] * 4)
    assert slow.slowdown > 3


def test_rest_is_away_for_a_time_and_nothing_else_is() -> None:
    """REST refuses connections, NATS and Redis answer; then the job goes on, nothing is lost."""
    play = faster("source_down", 20)
    with Stack(play) as stack, Look(stack) as look:

        def refuses() -> bool:
            try:
                look.status()
            except httpx.ConnectError:
                return True
            except httpx.TransportError:  # a connection that was open is closed
                return False
            return False

        look.until(refuses)
        assert "antenna" in stack.pids
        assert look.redis.get(f"{SETS}_total") == str(play.jobs[0].images)
        held = look.consumer() or {}
        assert held["num_ack_pending"] > 0
        look.until(lambda: not refuses())
        look.until(
            lambda: (
                (look.consumer() or {})["ack_floor"]["stream_seq"] > held["delivered"]["stream_seq"]
            )
        )
        look.until(refuses)  # and again
        found = look.consumer() or {}
        assert found["delivered"]["consumer_seq"] == found["delivered"]["stream_seq"]


def test_antenna_writes_in_another_zone_than_the_console_is_told() -> None:
    """Its containers run in UTC, and the console takes their times for New York's."""
    play = faster("clock_skew", 10)
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: look.param("process", "processed") != "")
        body, zone = look.job(), stack.settings.antenna_timezone
    assert zone.key == "America/New_York"
    written = datetime.fromisoformat(body["updated_at"])
    age = datetime.now(UTC) - written.replace(tzinfo=UTC)
    ahead = written.replace(tzinfo=zone) - datetime.now(UTC)
    assert 0 <= age.total_seconds() < 600
    assert ahead.total_seconds() > 3 * 3600
    hours = {line[1:14] for line in body["logs"]["stdout"]}
    assert f"{written:%Y-%m-%d %H}" in hours


def test_the_console_is_told_how_patient_antenna_is() -> None:
    """Countdowns to the health check are those of the scenario."""
    with Stack(replace(named("lost_images"), workers=())) as stack:
        settings = stack.settings
        assert (settings.health_check_every_s, settings.health_check_idle_s) == (30.0, 30.0)
    with Stack(scenario(plan(5), health_check_every_s=0.5, idle_s=0.5)) as stack:
        assert stack.settings.health_check_every_s == 30.0  # the least that the settings know


def test_what_is_right_to_say_is_part_of_every_scenario() -> None:
    """Each check has a scenario that must make it speak; names are those of jobs."""
    said: set[str] = set()
    for found in SCENARIOS.values():
        names = {job.name for job in found.jobs}
        told: dict[str, Any] = {**found.verdicts, **found.on_the_way}
        assert set(told) <= {*names, ""}
        for codes in (*found.verdicts.values(), *found.on_the_way.values()):
            assert set(codes) <= CODES
        said |= {code for codes in found.verdicts.values() for code in codes}
    assert said == CODES
    for found in TROUBLES:
        assert {code for codes in found.verdicts.values() for code in codes} == {found.name}
    assert not SCENARIOS["healthy"].verdicts
    assert not SCENARIOS["cancelled"].verdicts
