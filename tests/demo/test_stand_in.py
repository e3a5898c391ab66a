"""The stand-in does to NATS and Redis what Antenna does, in every mood."""

import asyncio
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from nats.aio.msg import Msg
from playing import FIRST_JOB, SAMPLES, Look, plan, scenario, shape, worker

from ami_console.demo.scenarios import SCENARIOS
from ami_console.demo.scenarios import scenario as named
from ami_console.demo.stack import Stack
from ami_console.demo.troubles import TROUBLES
from ami_console.errors import SettingsError

pytestmark = pytest.mark.servers


async def test_a_healthy_job_ends_and_leaves_no_trace() -> None:
    """40 images go through real servers; at the end stream, consumer and keys are deleted."""
    play = scenario(plan(40, at_s=0.5), workers=(worker(),))
    acks: list[str] = []
    deleted_after: list[int] = []

    async def tap(message: Msg) -> None:
        if message.subject.startswith("$JS.EVENT"):
            deleted_after.append(len(acks))
        else:
            assert message.data == b"+ACK"
            acks.append(message.subject)

    with Stack(play) as stack, Look(stack) as look:
        client = await nats.connect(stack.settings.nats_url.reveal())
        await client.subscribe("$JS.ACK.>", cb=tap)
        await client.subscribe("$JS.EVENT.ADVISORY.STREAM.DELETED.>", cb=tap)
        await client.flush()
        await asyncio.to_thread(look.until, lambda: look.status() == "SUCCESS")
        await asyncio.to_thread(look.until, lambda: len(acks) == 40)
        await client.close()
        body = look.job()
        assert look.keys() == []
        streams = look.streams()
        assert list(streams) == ["advisories"]
        assert streams["advisories"]["config"]["subjects"] == ["$JS.EVENT.ADVISORY.>"]
        assert streams["advisories"]["config"]["max_age"] == 3_600 * 10**9
    # Acknowledged last: the one that ended the job came after the deletion.
    assert 1 <= deleted_after[0] < 40
    tokens = [subject.split(".") for subject in acks]
    assert {token[4] for token in tokens} == {"1"}
    assert sorted(int(token[5]) for token in tokens) == list(range(1, 41))

    sample = json.loads((SAMPLES / "job_detail_success.json").read_text())
    assert shape(body) == shape(sample["body"])
    stages = {stage["key"]: stage for stage in body["progress"]["stages"]}
    assert [param["value"] for param in stages["process"]["params"]] == [40, 0, 0]
    assert 30 <= stages["results"]["params"][0]["value"] < 40  # the counter undercounts
    log = "\n".join(body["logs"]["stdout"])
    for line in (
        f"Changing status of job {FIRST_JOB} from PENDING to STARTED",
        "Tasks fetched: requested=8, delivered=8, user=operator@example.org, token_id=",
        "Queued pipeline result: task_id=",
        f"Processing pipeline result for job {FIRST_JOB}, reply_subject: {acks[0]}",
        f"Successfully acknowledged task via NATS: {acks[0]}",
        f"Job {FIRST_JOB} throughput: elapsed=0m 0",
        "processed=40/40, rate=",
        f"Finalizing NATS consumer job-{FIRST_JOB}-consumer before deletion (delivered=40 ",
    ):
        assert line in log
    assert f"Cleaned up NATS resources for job {FIRST_JOB}" in log


def test_streams_and_consumers_are_configured_as_recorded() -> None:
    """Limits retention of 24 h in files, explicit acks, the job's own ack wait."""
    play = scenario(plan(5, ack_wait_s=30.0, max_deliver=5))
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: (look.consumer() or {}).get("num_pending") == 5)
        stream = look.streams()[f"job_{FIRST_JOB}"]
    config, consumer = stream["config"], stream["consumer_detail"][0]
    assert (config["retention"], config["storage"]) == ("limits", "file")
    assert (config["max_age"], config["subjects"]) == (86_400 * 10**9, [f"job.{FIRST_JOB}.tasks"])
    assert consumer["name"] == f"job-{FIRST_JOB}-consumer"
    wanted = {
        "ack_policy": "explicit",
        "deliver_policy": "all",
        "ack_wait": 30 * 10**9,
        "max_deliver": 5,
        "max_ack_pending": 1000,
        "filter_subject": f"job.{FIRST_JOB}.tasks",
    }
    assert {key: consumer["config"][key] for key in wanted} == wanted


def test_a_crashed_workers_images_come_back() -> None:
    """A worker dies with 8 reserved images; another gets them after the ack wait."""
    play = scenario(
        plan(40, ack_wait_s=1.5, max_deliver=5),
        workers=(worker("dies", crash_after=1), worker("lives", image_s=0.05)),
    )
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: look.status() == "SUCCESS", deadline_s=30)
        assert "worker-dies" not in stack.pids
        log = "\n".join(look.job()["logs"]["stdout"])
        worker_log = stack.members["worker-dies"].log.read_text()
    assert "(delivered=48 " in log
    assert "CRASH with 8 reserved, unposted" in worker_log


def test_images_that_never_come_back_are_given_up() -> None:
    """After max_deliver nothing is pending or in flight, and Redis still waits for them."""
    play = scenario(plan(30, ack_wait_s=0.6), workers=(worker(silent_ratio=0.3),))
    with Stack(play) as stack, Look(stack) as look:

        def exhausted() -> bool:
            found = look.consumer() or {}
            gone = found.get("num_pending") == found.get("num_ack_pending") == 0
            return bool(gone and found["num_redelivered"])

        look.until(exhausted)
        lost = (look.consumer() or {})["num_redelivered"]
        assert 0 < lost < 30
        key = f"job:{FIRST_JOB}:pending_images"
        assert look.redis.scard(f"{key}:process") == look.redis.scard(f"{key}:results") == lost
        assert look.status() == "STARTED"
        assert look.param("process", "remaining") == lost


def test_cancel_takes_stream_and_keys_away_before_the_status_changes() -> None:
    """An operator cancels; the worker's late results are thrown away, yet acknowledged."""
    play = scenario(plan(200), workers=(worker(image_s=0.1),))
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: look.param("process", "processed") != "")
        seen: set[tuple[str, bool]] = set()
        with (
            httpx.Client(headers=look.antenna.headers, trust_env=False, timeout=30) as operator,
            ThreadPoolExecutor() as pool,
        ):
            url = f"{look.antenna.base_url}jobs/{FIRST_JOB}/cancel/"
            posted = pool.submit(operator.post, url)
            while not posted.done():
                has_stream = look.consumer() is not None
                seen.add((look.status(), has_stream))
            answer = posted.result()
        assert answer.json()["status"] == "REVOKED"
        assert ("STARTED", False) in seen
        assert look.consumer() is None
        assert look.keys() == []
        assert look.job()["finished_at"] is not None
        asked = look.antenna.post(f"jobs/{FIRST_JOB}/tasks/", json={"batch_size": 8})
        assert asked.json() == {"tasks": []}
        assert "non-active job (status=REVOKED)" in look.job()["logs"]["stdout"][0]
        again = look.antenna.post(f"jobs/{FIRST_JOB}/cancel/")
        assert again.json()["status"] == "REVOKED"
        assert "err_code=10059" in "\n".join(again.json()["logs"]["stdout"])


def test_a_job_of_which_most_images_fail_is_a_failure() -> None:
    """The worker posts an error for 7 of 10 images."""
    play = scenario(plan(40), workers=(worker(error_ratio=0.7),))
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: look.status() == "FAILURE")
        body = look.job()
        failed = look.param("process", "failed")
    assert 20 < failed < 40
    stages = [stage["status"] for stage in body["progress"]["stages"]]
    assert stages == ["SUCCESS", "FAILURE", "FAILURE"]


def test_the_health_check_fails_the_images_of_an_idle_job() -> None:
    """Nobody ever fetched: all images are marked failed, then everything is deleted."""
    play = scenario(plan(12), health_check_every_s=0.5, idle_s=0.7)
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: look.status() == "FAILURE")
        assert look.param("process", "failed") == 12
        look.until(lambda: not look.keys() and look.consumer() is None)
        look.until(lambda: "full IDs" in look.job()["logs"]["stdout"][0])
        body = look.job()
    error = body["progress"]["errors"][0]
    assert error.startswith("jobs_health_check: marked 12 image(s) as failed (job idle past cutoff")
    assert "num_pending=12 num_ack_pending=0 num_redelivered=0" in error
    assert error.endswith("... and 2 more")


def test_the_health_check_revokes_a_job_with_nothing_left() -> None:
    """Its Redis state was lost: the job is revoked, though no image was processed."""
    play = scenario(plan(12), health_check_every_s=0.5, idle_s=0.7)
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: (look.consumer() or {}).get("num_pending") == 12)
        look.redis.flushall()
        look.until(lambda: look.status() == "REVOKED")
        assert look.consumer() is None


def test_a_backlog_of_results() -> None:
    """Everything is computed and posted, little is saved, so little is acknowledged."""
    play = scenario(plan(60, save_s=0.5, savers=1), workers=(worker(),))
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: (look.consumer() or {}).get("num_pending") == 0)
        assert (look.consumer() or {})["num_ack_pending"] > 40
        assert int(look.redis.scard(f"job:{FIRST_JOB}:pending_images:results")) > 40


def test_a_hoarding_worker_starves_the_later_jobs() -> None:
    """It reserves of every job and works them off in turn: the last ones' images expire."""
    jobs = tuple(plan(48, name=f"Plot {n}", ack_wait_s=0.5, max_deliver=20) for n in range(3))
    play = scenario(*jobs, workers=(worker(image_s=0.05, hoards=True),))
    with Stack(play) as stack, Look(stack) as look:

        def came_back() -> bool:
            # The sequences keep what the gauge shows for a moment only.
            delivered = (look.consumer(FIRST_JOB + 2) or {}).get("delivered", {})
            return bool(delivered.get("consumer_seq", 0) > delivered.get("stream_seq", 0))

        look.until(came_back, deadline_s=30)


def test_a_killed_stand_in_remembers_its_jobs() -> None:
    """It comes back by itself, saves the results that were queued, and the job ends well."""
    play = scenario(plan(10, save_s=0.1, savers=1), workers=(worker(),))
    with Stack(play, restart_after_s=0.1) as stack, Look(stack) as look:
        look.until(lambda: (look.consumer() or {}).get("num_pending") == 0)
        stack.members["antenna"].kill()
        look.until(lambda: "antenna" in stack.pids)
        look.until(lambda: answers(look))
        look.until(lambda: look.status() == "SUCCESS")
        assert look.antenna.get("jobs/").json()["count"] == 1


def answers(look: Look) -> bool:
    """Whether REST is there."""
    try:
        return look.status() != ""
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("name", ["nats", "redis"])
def test_rest_answers_while_a_server_is_away_and_the_job_goes_on_after(name: str) -> None:
    """The broker (or Redis) is killed mid-job and comes back with its data."""
    play = scenario(plan(60, save_s=0.05), workers=(worker(image_s=0.02),))
    said: list[str] = []
    with Stack(play, restart_after_s=None, announce=said.append) as stack, Look(stack) as look:
        look.until(lambda: look.param("process", "processed") != "")
        stack.stop(name)
        assert name not in stack.pids
        assert look.status() == "STARTED"
        assert look.antenna.get("jobs/").json()["count"] == 1
        stack.start(name)
        look.until(lambda: look.status() == "SUCCESS", deadline_s=30)
        look.until(lambda: not look.keys() and look.consumer() is None)
    assert said == []


def test_the_older_version_hands_out_tasks_on_get() -> None:
    """Its workers fetch with GET, and a job ends just as well."""
    with Stack(scenario(plan(20), workers=(worker(),)), old=True) as stack, Look(stack) as look:
        assert look.antenna.post(f"jobs/{FIRST_JOB}/tasks/").status_code == 405
        look.until(lambda: look.status() == "SUCCESS")
        assert look.antenna.get(f"jobs/{FIRST_JOB}/tasks/?batch=8").json() == {"tasks": []}


def test_servers_with_passwords() -> None:
    """The stand-in may do everything, the console's NATS login may only look."""
    play = scenario(plan(20), workers=(worker(),))
    with Stack(play, secured=True) as stack, Look(stack) as look:
        look.until(lambda: look.status() == "SUCCESS")
        settings = stack.settings
        assert settings.nats_user == "ami-console"
        assert ":demo@" in settings.redis_url.reveal()
        assert "demo" not in repr(settings.redis_url)


def test_jobs_are_made_again_and_cancelled_as_planned() -> None:
    """A scenario stays alive: new jobs come, and some are cancelled by their plan."""
    again = plan(4, name="Again", again_every_s=0.4)
    wrong = plan(4, name="Wrong", cancel_after_s=0.5)
    with Stack(scenario(again, wrong)) as stack, Look(stack) as look:

        def statuses(name: str) -> list[str]:
            jobs = look.antenna.get(f"jobs/?search={name}").json()["results"]
            return [job["status"] for job in jobs]

        look.until(lambda: statuses("Wrong") == ["REVOKED"])
        look.until(lambda: statuses("Again").count("STARTED") >= 3)


def test_a_retry_publishes_into_the_same_stream_again() -> None:
    """Somebody retries a job that still has its stream: more messages than images."""
    with Stack(scenario(plan(10))) as stack, Look(stack) as look:
        look.until(lambda: (look.consumer() or {}).get("num_pending") == 10)
        answer = look.antenna.post(f"jobs/{FIRST_JOB}/retry/")
        assert answer.json()["status"] == "RETRY"
        look.until(lambda: (look.consumer() or {}).get("num_pending") == 20)
        assert int(look.redis.get(f"job:{FIRST_JOB}:pending_images_total")) == 10
        look.until(lambda: look.status() == "STARTED")


def test_a_draft_runs_when_told_to() -> None:
    """CREATED until somebody posts run."""
    with Stack(scenario(plan(10, runs=False), workers=(worker(),))) as stack, Look(stack) as look:
        look.until(lambda: look.status() == "CREATED")
        assert look.antenna.post(f"jobs/{FIRST_JOB}/run/").json()["status"] == "PENDING"
        look.until(lambda: look.status() == "SUCCESS")


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_scenario_starts(name: str) -> None:
    """All its workers are up, and the jobs of the first second are made and run."""
    found = named(name)
    first = [job for job in found.jobs if job.at_s == 0]
    with Stack(name) as stack, Look(stack) as look:
        assert set(stack.pids) == {
            "nats",
            "redis",
            "antenna",
            *(f"worker-{plan.name}" for plan in found.workers),
        }
        look.until(lambda: look.antenna.get("jobs/?ids_only=1").json()["count"] >= len(first))
        jobs: list[dict[str, Any]] = []

        def all_there() -> bool:
            jobs[:] = look.antenna.get("jobs/?limit=100").json()["results"]
            started = [job["name"] for job in jobs if job["status"] == "STARTED"]
            return set(started) >= {job.name for job in first if job.runs}

        look.until(all_there)
        history = [job for job in jobs if job["finished_at"] is not None]
        assert {job["name"] for job in history} >= {past.name for past in found.history}
        if found.workers:
            look.until(
                lambda: any(
                    (consumer or {"delivered": {"consumer_seq": 0}})["delivered"]["consumer_seq"]
                    for consumer in (look.consumer(job["id"]) for job in jobs)
                )
            )


def test_scenarios_are_plausible() -> None:
    """Slugs exist, names of a scenario differ, and every mood of the list is there."""
    wanted = "healthy no_worker worker_crash max_deliver results_backlog cancelled mostly_failing"
    rare = {scenario.name for scenario in TROUBLES}
    assert set(SCENARIOS) == {*wanted.split(), "starved", "mixed", *rare}
    for found in SCENARIOS.values():
        for first, second in itertools.pairwise(sorted(job.name for job in found.jobs)):
            assert first != second
        served = {slug for plan in found.workers for slug in plan.pipelines}
        unserved = {job.pipeline for job in found.jobs} - served
        assert bool(unserved) == (found.name in {"no_worker", "mixed"})
    with pytest.raises(SettingsError, match=r"'helthy'; scenarios are at_capacity, cancelled, "):
        Stack("helthy")


def test_scenarios_survive_their_file(tmp_path: Path) -> None:
    """What is written for the stand-in is what it reads."""
    for found in SCENARIOS.values():
        found.write(tmp_path / "scenario.json")
        assert type(found).read(tmp_path / "scenario.json") == found
