"""The stand-in answers what the real backend was recorded to answer, key by key."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from playing import FIRST_JOB, SAMPLES, Look, plan, scenario, shape

from ami_console.demo.plans import PastJob
from ami_console.demo.stack import Stack

pytestmark = pytest.mark.servers

FINISHED, STARTED, CREATED = FIRST_JOB, FIRST_JOB + 4, FIRST_JOB + 5


@pytest.fixture(scope="module")
def calm() -> Iterator[Look]:
    """Four finished jobs, one that waits for workers, one that was never run."""
    past = [
        PastJob(
            name=f"Past {n}",
            project="chiloe",
            pipeline="valdivian_moths_2025",
            images=30,
            status="SUCCESS",
            ended_ago_s=1000.0 * (4 - n),
            duration_s=88.5,
            failed=2,
        )
        for n in range(4)
    ]
    play = scenario(
        plan(20, name="Waits"), plan(10, name="Draft", runs=False, at_s=0.3), history=tuple(past)
    )
    with Stack(play) as stack, Look(stack) as look:
        look.until(lambda: look.status(STARTED) == "STARTED")
        look.until(lambda: look.status(CREATED) == "CREATED")
        look.until(lambda: (look.consumer(STARTED) or {}).get("num_pending") == 20)
        yield look


def recorded(name: str) -> dict[str, Any]:
    """A recorded request and its answer."""
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return found


def ask(look: Look, name: str, job_id: int = STARTED) -> tuple[httpx.Response, dict[str, Any]]:
    """Send a recorded request, at another job; the answer and the recorded one."""
    sample = recorded(name)
    request = sample["request"]
    auth = request["auth"]
    token = look.antenna.headers["Authorization"]
    logins = {"superuser token": token, "none": "", "Token...": "Token"}
    if auth.startswith("viewer"):
        login = f"Token {look.stack.viewer_token}"
    else:
        login = logins.get(auth, "Token " + "0" * 40)
    path = re.sub(r"/jobs/(6|103|\{id\})/", f"/jobs/{job_id}/", request["path"])
    body = request["json"]
    answer = httpx.request(
        request["method"],
        str(look.antenna.base_url.copy_with(path="/")) + path.lstrip("/"),
        json=body,
        headers={"Authorization": login} if login else {},
        trust_env=False,
    )
    return answer, sample


def test_detail_of_a_waiting_job(calm: Look) -> None:
    """Params that nobody has counted yet are empty texts, not zeros."""
    answer, sample = ask(calm, "job_detail_started")
    assert shape(answer.json()) == shape(sample["body"])
    values = [
        [param["value"] for param in stage["params"]]
        for stage in answer.json()["progress"]["stages"]
    ]
    assert values == [[20], ["", "", ""], ["", "", ""]]


def test_a_page_of_the_list(calm: Look) -> None:
    """A list's jobs lack ``result`` and carry no log lines."""
    answer, sample = ask(calm, "jobs_list_limit3_offset2")
    body, expected = answer.json(), sample["body"]
    assert shape(body | {"results": []}) == shape(expected | {"results": []})
    assert len(body["results"]) == 3
    for job in body["results"]:
        assert shape(job | {"progress": None}) == shape(expected["results"][0] | {"progress": None})
        assert job["logs"] == {"stdout": [], "stderr": []}


def test_the_short_list_that_workers_ask_for(calm: Look) -> None:
    """Ids of unfinished jobs of some pipelines, one a page unless told otherwise."""
    body = calm.antenna.get("jobs/?ids_only=1&incomplete_only=1").json()
    expected = recorded("jobs_list_incomplete_ids_only")["body"]
    assert shape(body) == shape(expected)
    assert (body["count"], len(body["results"])) == (2, 1)
    answer, _ = ask(calm, "jobs_list_incomplete_ids_only")
    assert answer.json()["results"] == []  # another pipeline


def test_users_me(calm: Look) -> None:
    """Who the token belongs to."""
    answer, sample = ask(calm, "users_me")
    assert shape(answer.json()) == shape(sample["body"])


@pytest.mark.parametrize(
    "name",
    [
        "job_detail_404",
        "job_detail_bad_token",
        "job_detail_malformed_auth",
        "job_detail_logs_limit_bad",
        "tasks_get",
        "tasks_post_old_key",
        "tasks_post_batch0",
        "tasks_post_anonymous",
        "tasks_post_viewer",
        "result_post_bad",
        "users_me_anonymous",
        "cancel_get",
        "cancel_viewer",
        "jobs_list_status_bogus",
        "jobs_list_dispatch_bogus",
    ],
)
def test_refusals_are_word_for_word(calm: Look, name: str) -> None:
    """Wrong token, wrong verb, wrong value: status, body and challenge as recorded."""
    answer, sample = ask(calm, name)
    assert (answer.status_code, answer.json()) == (sample["status"], sample["body"])
    assert answer.headers.get("www-authenticate") == sample["headers"].get("www-authenticate")
    assert answer.headers["content-type"] == sample["headers"]["content-type"]


def test_a_path_without_its_slash_is_sent_on(calm: Look) -> None:
    """The slash at the end is part of the path."""
    answer, sample = ask(calm, "jobs_list_no_slash")
    assert answer.status_code == sample["status"]
    assert answer.headers["location"] == sample["headers"]["location"]


def test_anonymous_and_bearer_readers_get_the_job_without_rights(calm: Look) -> None:
    """A Bearer header is ignored: its sender is anonymous, and reading works."""
    url = f"{calm.antenna.base_url}jobs/{STARTED}/"
    for headers in ({}, {"Authorization": "Bearer " + "0" * 40}):
        answer = httpx.get(url, headers=headers, trust_env=False)
        assert answer.status_code == 200
        assert answer.json()["user_permissions"] == []
        assert answer.json()["project"]["user_permissions"] == []


def test_pages_are_linked(calm: Look) -> None:
    """Following ``next`` finds every job once, newest first."""
    found, url = [], str(calm.antenna.base_url) + "jobs/?limit=2"
    while url:
        page = calm.antenna.get(url).json()
        assert page["count"] == 6
        found += [job["id"] for job in page["results"]]
        url = page["next"]
    assert found[:2] == [CREATED, STARTED]
    assert sorted(found) == list(range(FINISHED, CREATED + 1))
    page = calm.antenna.get("jobs/?limit=2&offset=2").json()
    assert page["next"].endswith("/api/v2/jobs/?limit=2&offset=4")
    assert page["previous"].endswith("/api/v2/jobs/?limit=2")


def test_filters(calm: Look) -> None:
    """The last of a repeated status counts, and an unknown project is no filter at all."""

    def ids(query: str) -> list[int]:
        return [job["id"] for job in calm.antenna.get(f"jobs/?{query}").json()["results"]]

    assert ids("status=STARTED") == [STARTED]
    assert ids("status=SUCCESS&status=CREATED") == [CREATED]
    assert len(ids("status__in=STARTED")) == 6
    assert ids("project_id=3") == [CREATED, STARTED]
    assert len(ids("project_id=99999")) == 6
    assert ids("dispatch_mode=internal") == []
    assert ids("search=waits") == [STARTED]
    assert ids("ordering=id&limit=1") == [FINISHED]
    assert ids("ordering=updated_at")[:4] == [101, 102, 103, 104]


def test_logs_come_newest_first_and_as_many_as_asked(calm: Look) -> None:
    """The line that a run begins with is the last one."""
    lines = calm.job(STARTED)["logs"]["stdout"]
    assert lines[-1].endswith(f'INFO Running job #{STARTED} "Waits" (PENDING)')
    assert len(lines) > 5
    few = calm.antenna.get(f"jobs/{STARTED}/?logs_limit=2").json()["logs"]["stdout"]
    assert few == lines[:2]


def test_times_are_naive_and_in_the_configured_zone(calm: Look) -> None:
    """New York's wall clock, whatever zone this machine is in; ``Date`` is GMT."""
    answer = calm.antenna.get(f"jobs/{STARTED}/")
    sent = parsedate_to_datetime(answer.headers["date"])
    assert abs((datetime.now(UTC) - sent).total_seconds()) < 5
    started = datetime.fromisoformat(answer.json()["started_at"])
    assert started.tzinfo is None
    age = datetime.now(UTC) - started.replace(tzinfo=ZoneInfo("America/New_York"))
    assert 0 <= age.total_seconds() < 60


def test_tasks_and_results(calm: Look) -> None:
    """Reserve three images, post one result and one error, find both in the counters."""
    answer, sample = ask(calm, "tasks_post_active")
    assert shape(answer.json()) == shape(sample["body"])
    tasks = answer.json()["tasks"]
    assert len(tasks) == 3
    assert tasks[0]["reply_subject"].startswith(f"$JS.ACK.job_{STARTED}.job-{STARTED}-consumer.1.1")
    posted = json.loads(json.dumps(recorded("result_post_ok")["request"]["json"]))
    for result, task in zip(posted["results"], tasks, strict=False):
        result["reply_subject"] = task["reply_subject"]
    posted["results"][0]["result"]["source_images"][0]["id"] = tasks[0]["id"]
    posted["results"][1]["result"]["image_id"] = tasks[1]["id"]
    result = calm.antenna.post(f"jobs/{STARTED}/result/", json=posted)
    assert shape(result.json()) == shape(recorded("result_post_ok")["body"])
    calm.until(lambda: calm.param("results", "captures", STARTED) != "")
    calm.until(lambda: (calm.consumer(STARTED) or {})["num_ack_pending"] == 1)
    assert calm.param("process", "processed", STARTED) == 2
    assert calm.param("process", "failed", STARTED) == 1
    key = f"job:{STARTED}:pending_images"
    assert calm.redis.scard(f"{key}:process") == calm.redis.scard(f"{key}:results") == 18
    assert calm.redis.smembers(f"job:{STARTED}:failed_images") == {tasks[1]["id"]}
    assert 600_000 < calm.redis.ttl(f"{key}_total") <= 604_800
    log = "\n".join(calm.job(STARTED)["logs"]["stdout"])
    assert re.search(rf"ERROR Pipeline returned error for job {STARTED}, image \d+: failed", log)


def test_nothing_is_handed_out_for_a_finished_job(calm: Look) -> None:
    """A worker that asks for a job that is over gets an empty list."""
    answer, sample = ask(calm, "tasks_post_empty_queue", FINISHED)
    assert (answer.status_code, answer.json()) == (200, sample["body"])
    answer, sample = ask(calm, "result_post_empty", FINISHED)
    assert answer.json() == sample["body"] | {"job_id": FINISHED}


def test_the_root_lists_what_there_is(calm: Look) -> None:
    """An observer without an active job asks the root, to see that somebody answers."""
    body = calm.antenna.get("").json()
    assert {"users", "jobs"} <= body.keys()
    assert body["jobs"].endswith("/api/v2/jobs/")
