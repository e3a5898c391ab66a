"""Logs of Django, Celery and workers: what the recorded ones say, number by number."""

import json
from collections import Counter

import pytest

from ami_console.instants import from_rfc3339
from ami_console.logs import LogParser
from tests.logs.log_text import NEW_YORK, Row, of_kind, parsed, text_of


def jobs_of(rows: list[Row]) -> Counter[int | None]:
    return Counter(row.get("job_id") for row in rows)


def test_celery_saved_forty_images_and_eight_of_them_late() -> None:
    """The log also holds the tail of another job, which must not be mixed in."""
    rows = parsed(text_of("c_worker_crash", "celery.log"))
    assert len(rows) == 1513
    acked = of_kind(rows, "acked")
    assert jobs_of(acked) == {6: 40, 5: 9}
    assert Counter(row["delivery"] for row in acked if row["job_id"] == 6) == {1: 32, 2: 8}
    assert {row["process"] for row in acked} == {f"ForkPoolWorker-{n}" for n in (1, 2, 3)}
    assert {row["resolution_s"] for row in rows} == {0.001}
    assert acked[-1]["logged_at"] == from_rfc3339("2026-11-23T15:16:43.980Z")


def test_celery_went_on_after_the_cancel() -> None:
    """128 acknowledgements, 93 of them of results that were thrown away; the job log has 35."""
    rows = parsed(text_of("e_cancelled", "celery.log"))
    assert len(of_kind(rows, "acked")) == 128
    late = of_kind(rows, "late_result")
    assert len(late) == 94
    assert Counter(row["stage"] for row in late) == {"process": 93, "results": 1}
    (missing,) = of_kind(rows, "state_missing")
    told = (missing["job_id"], missing["status"], missing["stage"], missing["duration_s"])
    assert told == (7, "STARTED", "results", 34.3)
    published = of_kind(rows, "published")
    assert [row["stream_seq"] for row in published] == list(range(1, 321))
    assert len(of_kind(rows, "task_revoked")) == 1


@pytest.mark.parametrize(("scenario", "job_id"), [("c_worker_crash", 6), ("e_cancelled", 7)])
def test_celery_tells_which_message_an_image_was(scenario: str, job_id: int) -> None:
    """The line that names the image names no message; the process that wrote it tells."""
    images = {}
    for line in text_of(scenario, "events.jsonl").splitlines():
        message = json.loads(line)
        if message.get("subject") == f"job.{job_id}.tasks":
            images[len(images) + 1] = json.loads(message["payload"])["image_id"]
    rows = parsed(text_of(scenario, "celery.log"))
    told = [row for row in of_kind(rows, "occurrences") if row["job_id"] == job_id]
    assert len(told) == {6: 33, 7: 30}[job_id]
    assert {row["stream_seq"]: row["image_ids"] for row in told}.items() <= images.items()
    done = [row for row in of_kind(rows, "task_done") if "stream_seq" in row]
    assert {row["stage"] for row in done} == {"process_nats_pipeline_result"}
    assert len(done) == len(of_kind(rows, "acked"))


def test_the_task_of_a_message_is_the_same_in_django_and_celery() -> None:
    """Posted to Django, done by Celery: two logs, one task, one message."""
    django = parsed(text_of("c_worker_crash", "django.log"))
    celery = parsed(text_of("c_worker_crash", "celery.log"))
    key = ("job_id", "stream_seq", "delivery", "stored_at")
    posted = {r["task_id"]: [r[k] for k in key] for r in of_kind(django, "posted")}
    done = {r["task_id"]: [r[k] for k in key] for r in of_kind(celery, "task_done") if key[1] in r}
    assert len(posted) == 40
    assert posted.items() <= done.items()


def test_an_error_of_a_worker_names_image_and_message() -> None:
    subject = "$JS.ACK.job_103.job-103-consumer.1.2.2.1795448945276789934.154"
    lines = [
        f"Processing pipeline result for job 103, reply_subject: {subject}",
        "Pipeline returned error for job 103, image 1991: failed to load image",
        f"Successfully acknowledged task via NATS: {subject}",
    ]
    prefix = "[2026-11-23 10:49:10,0{:02d}: ERROR/ForkPoolWorker-2] "
    text = "".join(f"{prefix.format(n)}{line}\n" for n, line in enumerate(lines))
    (error,) = of_kind(parsed(text), "result_error")
    assert (error["image_ids"], error["stream_seq"], error["delivery"]) == ("1991", 2, 1)


def test_another_process_of_celery_is_another_message() -> None:
    """Two processes write into one log; what one does is none of the other's."""
    text = (
        "[2026-11-23 10:49:10,001: INFO/ForkPoolWorker-1] Processing pipeline result for job 3, "
        "reply_subject: $JS.ACK.job_3.job-3-consumer.1.7.7.1795448945276789934.9\n"
        "[2026-11-23 10:49:10,002: INFO/ForkPoolWorker-2] "
        "Determining occurrences for 1 detections for source image 55\n"
    )
    (row,) = of_kind(parsed(text), "occurrences")
    assert "stream_seq" not in row
    assert "job_id" not in row


def test_django_tells_the_job_of_a_fetch_in_the_line_before() -> None:
    rows = parsed(text_of("c_worker_crash", "django.log"))
    assert jobs_of(of_kind(rows, "fetched")) == {6: 6, 5: 3}
    assert jobs_of(of_kind(rows, "posted")) == {6: 80}
    states = of_kind(rows, "consumer_state")
    assert len(states) == 19
    assert (states[0]["delivered"], states[0]["ack_floor"]) == (32, 21)
    assert {row["process"] for row in rows} == {"17417", "17418"}


def test_two_fetches_at_once_may_be_of_either_job() -> None:
    """Two workers fetch from two jobs through one process: a guess would be wrong every second."""
    line = "INFO 2026-11-23 10:16:12,1{:02d} {} 17417 140569787460480 {}"
    fetched = "Tasks fetched: requested=8, delivered=8, user=x@example.org, token_id=f34f83a8…"
    messages = [
        ("nats_queue", "Reserved 8 tasks from stream for job '5'"),
        ("nats_queue", "Reserved 8 tasks from stream for job '6'"),
        ("nats_queue", "Reserved 3 tasks from stream for job '6'"),
        ("models", fetched),
        ("models", fetched.replace("delivered=8", "delivered=3")),
        ("models", fetched),
        ("nats_queue", "Reserved 8 tasks from stream for job '5'"),
        ("models", fetched),
    ]
    text = "\n".join(line.format(n, *message) for n, message in enumerate(messages))
    found = of_kind(parsed(text), "fetched")
    assert [row.get("job_id") for row in found] == [None, 6, None, 5]


def test_a_worker_that_dies_holds_what_it_fetched_last() -> None:
    rows = parsed(text_of("c_worker_crash", "fake_worker.log"))
    assert {row["source"] for row in rows if "kind" in row} == {"worker"}
    assert [row["delivered"] for row in of_kind(rows, "worker_fetched")] == [8] * 6
    assert [row["delivered"] for row in of_kind(rows, "worker_posted")] == [8] * 5
    (crash,) = of_kind(rows, "worker_crashed")
    assert (crash["delivered"], crash["job_id"]) == (8, 6)
    assert crash["logged_at"] == from_rfc3339("2026-11-23T15:16:26.541245Z")
    assert crash["resolution_s"] == 1e-6


def test_the_web_process_was_stopped_and_started() -> None:
    """Gunicorn writes its own lines, each with an offset that its process had then."""
    text = (
        "[2026-11-23 16:40:14 +0000] [4158] [INFO] Handling signal: term\n"
        "[2026-11-23 11:40:15 -0500] [4163] [INFO] Worker exiting (pid: 4163)\n"
        "[2026-11-23 16:41:17 +0000] [4885] [INFO] Booting worker with pid: 4885\n"
    )
    rows = parsed(text)
    assert [row["kind"] for row in rows] == ["process_stopped"] * 2 + ["process_started"]
    assert [row["process"] for row in rows] == ["4158", "4163", "4885"]
    assert [row["logged_at"] for row in rows] == [
        from_rfc3339(f"2026-11-23T16:{clock}Z") for clock in ("40:14", "40:15", "41:17")
    ]
    assert {row["source"] for row in rows} == {"django"}


@pytest.mark.parametrize(
    ("prefix", "at"),
    [
        ("", None),
        ("2026-11-23 10:14:20 [info     ] ", "2026-11-23T15:14:20Z"),
        ("\x1b[2m2026-11-23 10:14:20\x1b[0m [\x1b[32minfo\x1b[0m] ", "2026-11-23T15:14:20Z"),
        ("2026-11-23T15:14:20.5Z ", "2026-11-23T15:14:20.5Z"),
        ("2026-11-23 10:14:20,500 INFO worker: ", "2026-11-23T15:14:20.5Z"),
        ("INFO:     ", None),
        ("ami-worker-1  | ", None),
        ("worker_1 | 2026-11-23T15:14:20.123456789Z ", "2026-11-23T15:14:20.123456789Z"),
    ],
)
def test_the_batches_of_a_real_worker_in_whatever_prefix(prefix: str, at: str | None) -> None:
    """Everybody starts the worker in another way, and it prints through another logger."""
    (row,) = parsed(f"{prefix}Finished batch 84. Total items: 672\n", observed_at=9)
    assert (row["kind"], row["total"], row["source"]) == ("worker_batch", 672, "worker")
    assert row.get("logged_at") == (at and from_rfc3339(at))
    assert row["observed_at"] == 9


def test_lines_are_counted_and_the_unknown_ones_too() -> None:
    parser = LogParser(NEW_YORK)
    parser.feed(text_of("e_cancelled", "celery.log"))
    parser.finish()
    assert parser.lines_total == 1862
    assert parser.unknown_total == 44  # Celery's banner
    assert parser.untimed_total == 0
