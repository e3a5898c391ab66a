"""A job's log as REST gives it: what the recorded ones say, number by number."""

from collections import Counter

import numpy as np
import pytest

from ami_console import frames
from ami_console.instants import from_rfc3339
from ami_console.logs import KINDS, parse_job_log
from tests.logs.log_text import NEW_YORK, job_lines, job_log, of_kind


def test_eight_images_came_back_after_a_worker_died() -> None:
    """The log alone tells which attempt of each image was saved."""
    acked = of_kind(job_log("c_worker_crash"), "acked")
    assert len(acked) == len({row["stream_seq"] for row in acked}) == 40
    assert Counter(row["delivery"] for row in acked) == {1: 32, 2: 8}
    assert {row["job_id"] for row in acked} == {6}
    assert acked[-1]["stored_at"] == 1795446974984929353
    assert acked[-1]["logged_at"] == from_rfc3339("2026-11-23T15:16:43Z")


def test_what_the_workers_fetched_and_posted() -> None:
    rows = job_log("c_worker_crash")
    fetched = of_kind(rows, "fetched")
    assert [(row["requested"], row["delivered"]) for row in fetched] == [(8, 8)] * 6
    posted = of_kind(rows, "posted")
    assert len({row["task_id"] for row in posted}) == len(posted) == 40
    assert {row["client"] for row in (*fetched, *posted)} == {"340008"}
    refused = of_kind(rows, "fetch_refused")
    assert [row["status"] for row in refused] == ["SUCCESS"]


def test_what_the_job_was_made_of() -> None:
    rows = job_log("c_worker_crash")
    (created,) = of_kind(rows, "consumer_created")
    made = (created["max_deliver"], created["ack_wait_s"], created["max_ack_pending"])
    assert made == (2, 10.0, 1000)
    (queued,) = of_kind(rows, "queued")
    assert (queued["processed"], queued["total"]) == (40, 40)
    (finalizing,) = of_kind(rows, "finalizing")
    numbers = ("delivered", "ack_floor", "num_pending", "num_ack_pending", "num_redelivered")
    assert [finalizing[name] for name in numbers] == [48, 21, 0, 1, 1]
    (status,) = of_kind(rows, "status")
    assert status["status"] == "STARTED"
    (online,) = of_kind(rows, "workers_online")
    assert (online["processed"], online["total"]) == (0, 1)


def test_the_rate_as_antenna_computed_it() -> None:
    last = of_kind(job_log("a_healthy"), "throughput")[-1]
    assert (last["processed"], last["total"]) == (320, 320)
    assert (last["duration_s"], last["rate_per_min"]) == (71.0, 269.4)
    progress = of_kind(job_log("a_healthy"), "progress")[-1]
    assert (progress["processed"], progress["remaining"], progress["failed"]) == (320, 0, 0)
    assert progress["ratio"] == 1.0
    updated = of_kind(job_log("a_healthy"), "stage_updated")[-1]
    assert (updated["stage"], updated["ratio"]) == ("results", 1.0)


def test_the_health_check_names_all_images_that_it_gave_up() -> None:
    """No worker ever came; after fifteen minutes 320 images were marked as failed."""
    (marked,) = of_kind(job_log("b_no_worker"), "health_check")
    assert marked["failed"] == 320
    assert marked["image_ids"].split(",") == [str(number) for number in range(321, 641)]
    assert (marked["num_pending"], marked["num_ack_pending"]) == (320, 0)
    assert marked["level"] == "WARNING"


def test_the_log_of_a_cancelled_job_ends_before_its_results() -> None:
    """Of 128 results that were posted 35 were saved before the job was revoked."""
    rows = job_log("e_cancelled")
    assert len(of_kind(rows, "posted")) == 128
    assert len(of_kind(rows, "acked")) == 35
    assert [row["status"] for row in of_kind(rows, "fetch_refused")] == ["REVOKED"] * 2


@pytest.mark.parametrize("scenario", ["a_healthy", "b_no_worker", "c_worker_crash", "e_cancelled"])
def test_lines_come_in_the_order_in_which_they_were_logged(scenario: str) -> None:
    job_id, lines = job_lines(scenario)
    rows = job_log(scenario)
    assert len(rows) == len(lines)
    assert [row["logged_at"] for row in rows] == sorted(row["logged_at"] for row in rows)
    assert all(row["message"].startswith(("Running job", "Creating")) for row in rows[:1])
    assert all(row["observed_at"] == row["logged_at"] for row in rows)
    constant = {(row["job_id"], row["source"], row["resolution_s"]) for row in rows}
    assert constant == {(job_id, "job", 1.0)}


def test_a_line_that_was_read_live_is_observed_then() -> None:
    job_id, lines = job_lines("b_no_worker")
    batch = parse_job_log(lines, job_id=job_id, zone=NEW_YORK, observed_at=77)
    assert set(batch.column("observed_at")) == {77}
    assert len(set(batch.column("logged_at"))) > 1


def test_an_entry_of_several_lines_is_one_row() -> None:
    rows = job_log("c_worker_crash")
    registered = [row for row in rows if row["message"].startswith("Algorithms registered")]
    assert len(registered) == 40
    assert {row["message"].partition("\n")[2] for row in registered} == {
        "fake_detector, fake_moth_filter, fake_species"
    }


def test_an_entry_without_a_time_was_logged_with_the_one_before_it() -> None:
    lines = [
        "Traceback (most recent call last):",
        "[2026-11-23 10:14:20] ERROR Job 3 marked as FAILURE: gone",
        "the first line was cut off",
    ]
    rows = parse_job_log(lines, job_id=3, zone=NEW_YORK, observed_at=None)
    at = from_rfc3339("2026-11-23T15:14:20Z")
    assert rows.column("logged_at") == [None, at, at]
    assert rows.column("resolution_s") == [None, 1.0, None]
    assert rows.column("observed_at") == [at, at, at]
    assert rows.column("message")[0] == "the first line was cut off"


def test_a_log_without_any_time_tells_nothing() -> None:
    lines = ["no time", "[yesterday] INFO nor here"]
    assert len(parse_job_log(lines, job_id=3, zone=NEW_YORK, observed_at=None)) == 0
    assert len(parse_job_log(lines, job_id=3, zone=NEW_YORK, observed_at=5)) == 2
    assert len(parse_job_log([], job_id=3, zone=NEW_YORK, observed_at=5)) == 0


def test_rows_become_the_frame() -> None:
    """Every column that the parser fills is one of the frame, and of its type."""
    job_id, lines = job_lines("c_worker_crash")
    batch = parse_job_log(lines, job_id=job_id, zone=NEW_YORK, observed_at=None)
    assert (batch.columns.keys() | batch.constants.keys()) <= frames.FRAMES["log_events"].keys()
    assert isinstance(batch.columns["logged_at"], np.ndarray)
    frame = frames.from_batch("log_events", batch)
    assert len(frame) == 796
    assert set(frame["kind"].dropna()) <= KINDS.keys()
    assert frame["delivery"].sum() == 3 * (32 + 2 * 8)
