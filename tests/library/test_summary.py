"""The numbers of the real recordings, to the digit."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from recorded import JOBS, history_of, raw_acks

from ami_console.batch import Batch
from ami_console.errors import UnknownJobError
from ami_console.history import History
from ami_console.instants import from_rfc3339
from ami_console.reading import Reading
from ami_console.summary import summarise


def summary(scenario: str, *ways: str) -> dict[str, Any]:
    return summarise(history_of(scenario, *ways), JOBS[scenario])


NOTHING = {"n": 0, "p50": None, "p95": None, "p99": None, "max": None}


def test_healthy() -> None:
    numbers = summary("a_healthy")
    assert numbers | {"latency_s": None} == {
        "job_id": 3,
        "status": "SUCCESS",
        "started_at": "2026-11-23T15:13:09.649295Z",
        "finished_at": "2026-11-23T15:14:20.896200Z",
        "total": 320,
        "processed": 320,
        "failed": 0,
        "lost": 0,
        "acked": 320,
        "throughput_per_min": pytest.approx(320 / (71.246905 / 60), abs=0.01),
        "peak_throughput_per_min": pytest.approx(301.7, abs=0.1),
        "redeliveries": 0,
        "redelivered_tasks": 0,
        "max_delivery": 1,
        "attempts": {"1": 320},
        "latency_s": None,
        "queue_wait_s": numbers["queue_wait_s"],
        "service_time_s": numbers["service_time_s"],
        "save_time_s": NOTHING | {"is_estimate": False, "error_s": None},
        "acks": {
            "by": ["tap"],
            "repeated": 0,
            "late": 0,
            "after_delete": 1,
            "discarded": 0,
            "negative": 0,
        },
        "coverage": {
            "acks_seen_ratio": 1.0,
            "missing": 0,
            "tap_gap_s": 0.0,
            "gaps": 0,
            "log_is_whole": None,
        },
    }
    assert numbers["queue_wait_s"]["n"] == 320
    assert numbers["queue_wait_s"]["p50"] == pytest.approx(19.4, abs=0.5)
    assert numbers["service_time_s"]["until"] == "acked"
    latency_s = numbers["latency_s"]
    assert latency_s["n"] == 320
    assert latency_s["p50"] == pytest.approx(36.3, abs=0.1)
    assert latency_s["p95"] == pytest.approx(67.9, abs=0.1)
    assert latency_s["max"] == pytest.approx(71.2, abs=0.1)
    assert latency_s["is_estimate"] is False


def test_a_worker_reserved_eight_tasks_and_died() -> None:
    numbers = summary("c_worker_crash")
    assert numbers["status"] == "SUCCESS"
    assert numbers["acked"] == 40
    assert numbers["redeliveries"] == 8
    assert numbers["redelivered_tasks"] == 8
    assert numbers["max_delivery"] == 2
    assert numbers["lost"] == 0
    assert numbers["latency_s"]["p50"] == pytest.approx(21.3, abs=0.1)
    assert numbers["latency_s"]["max"] == pytest.approx(29.0, abs=0.1)


def test_cancelled_in_the_middle() -> None:
    """The worker posted what it held: 96 of the 128 acks came after the stream was gone."""
    numbers = summary("e_cancelled")
    assert numbers["status"] == "REVOKED"
    assert numbers["acked"] == 128
    assert (numbers["processed"], numbers["total"]) == (34, 320)
    assert numbers["throughput_per_min"] == pytest.approx(32 / (26.382633 / 60), abs=0.01)
    assert numbers["acks"]["discarded"] == 96
    assert numbers["latency_s"]["n"] == 32
    assert numbers["acks"]["discarded_latency_s"]["n"] == 96


def test_nobody_worked_on_it() -> None:
    numbers = summary("b_no_worker")
    assert numbers["status"] == "FAILURE"
    assert numbers["failed"] == 320
    assert numbers["acked"] == 0
    assert numbers["throughput_per_min"] == 0.0
    assert numbers["peak_throughput_per_min"] == 0.0
    assert numbers["max_delivery"] == 0
    assert numbers["latency_s"]["p50"] is None
    assert numbers["coverage"]["gaps"] == 1


def test_the_api_was_down_for_a_minute() -> None:
    numbers = summary("k_api_down")
    assert numbers["status"] == "SUCCESS"
    assert numbers["acked"] == 200
    assert numbers["redeliveries"] == 0
    assert numbers["coverage"]["acks_seen_ratio"] == 1.0
    assert numbers["coverage"]["gaps"] == 1


@pytest.mark.parametrize(
    "scenario", ["a_healthy", "c_worker_crash", "k_api_down", "m_slow_but_healthy"]
)
def test_without_acknowledgements_latency_is_an_estimate_within_its_error(scenario: str) -> None:
    """Same images, same looks, no tap: images settled after the last look are not in it."""
    estimate = summary(scenario, "looks")["latency_s"]
    assert estimate["is_estimate"] is True
    measured = sorted(
        (from_rfc3339(received) - stored) / 1e9  # type: ignore[operator]
        for received, _attempt, _seq, stored in raw_acks(scenario)
    )[: estimate["n"]]
    assert estimate["p50"] == pytest.approx(np.median(measured), abs=estimate["error_s"])
    assert estimate["max"] == pytest.approx(measured[-1], abs=estimate["error_s"])


THREE_WAYS = {
    "c_worker_crash": (("looks", "tap"), ("looks",), ("job_log",)),
    "a_healthy": (("looks", "tap"), ("looks",), ("django", "celery")),
}


@pytest.mark.parametrize("scenario", THREE_WAYS)
def test_three_ways_of_knowing_agree(scenario: str) -> None:
    """The same job by the tap, by looks only and by its logs only: counts, and latency."""
    tap, looks, logs = (summary(scenario, *ways) for ways in THREE_WAYS[scenario])
    for name in ("status", "total", "acked", "redeliveries", "lost", "failed"):
        assert tap[name] == looks[name] == logs[name], name
    for name in ("attempts", "redelivered_tasks", "max_delivery"):
        assert tap[name] == logs[name], name
    exact = tap["latency_s"]
    assert exact["error_s"] == 0
    for other in (looks["latency_s"], logs["latency_s"]):
        assert other["p50"] == pytest.approx(exact["p50"], abs=other["error_s"] + 0.07)
    assert logs["latency_s"]["n"] == exact["n"] == tap["acked"]
    assert logs["throughput_per_min"] == pytest.approx(tap["throughput_per_min"], rel=0.03)


def test_the_job_log_alone_is_enough_for_a_finished_job() -> None:
    """A token for the REST API and nothing else, the morning after."""
    numbers = summary("c_worker_crash", "job_log")
    assert (numbers["status"], numbers["total"], numbers["acked"]) == ("SUCCESS", 40, 40)
    assert numbers["attempts"] == {"1": 32, "2": 8}
    assert numbers["redeliveries"] == 8
    assert numbers["started_at"] == "2026-11-23T15:16:14Z"
    assert numbers["finished_at"] == "2026-11-23T15:16:43Z"
    assert numbers["throughput_per_min"] == pytest.approx(82.8, abs=0.1)
    assert numbers["peak_throughput_per_min"] == pytest.approx(84, abs=1)
    assert numbers["latency_s"]["p95"] == pytest.approx(28.5, abs=0.5)
    assert numbers["service_time_s"]["until"] == "posted"
    assert numbers["service_time_s"]["p50"] == pytest.approx(1.95, abs=1.25)
    assert numbers["acks"]["by"] == ["logs"]
    assert numbers["coverage"]["log_is_whole"] is True
    assert numbers["coverage"]["acks_seen_ratio"] == 1.0


def test_a_log_that_was_cut_tells_what_is_missing() -> None:
    """The newest 1,000 lines are the last 56 of 320 images."""
    numbers = summary("a_healthy", "job_log")
    assert (numbers["total"], numbers["acked"]) == (320, 56)
    assert numbers["coverage"]["log_is_whole"] is False
    assert numbers["coverage"]["missing"] == 264
    assert numbers["redeliveries"] == 0  # the consumer's last words: 320 deliveries of 320
    assert numbers["started_at"] is None
    assert numbers["throughput_per_min"] is None


def test_nobody_worked_on_it_and_only_the_log_is_left() -> None:
    numbers = summary("b_no_worker", "job_log")
    assert (numbers["status"], numbers["failed"], numbers["acked"]) == ("FAILURE", 320, 0)
    assert (numbers["redeliveries"], numbers["max_delivery"]) == (0, 0)
    assert numbers["latency_s"] == NOTHING | {"is_estimate": False, "error_s": None}


def test_without_acknowledgements_what_only_they_tell_is_null() -> None:
    numbers = summary("c_worker_crash", "looks")
    assert numbers["redeliveries"] == 8
    assert numbers["lost"] == 0  # the job says that all are saved
    assert numbers["redelivered_tasks"] is None
    assert numbers["max_delivery"] is None
    assert numbers["coverage"]["acks_seen_ratio"] is None


def test_an_unknown_job_is_an_error() -> None:
    with pytest.raises(UnknownJobError, match="999"):
        summarise(history_of("c_worker_crash"), 999)


def test_a_log_that_does_not_tell_the_end_of_its_consumer_leaves_redeliveries_open() -> None:
    """The job runs: its log has no last words of the consumer yet, and nothing else was read."""
    history = history_of("c_worker_crash", "job_log")
    events = history.frame("log_events")
    running = events[~events["kind"].isin(("finalizing", "completed", "consumer_state"))]
    cut = History(keep_s=1e6)
    batch = Batch.from_rows(
        [
            {
                "observed_at": row["logged_at"].value,
                "logged_at": row["logged_at"].value,
                "job_id": 6,
                "kind": None if pd.isna(row["kind"]) else row["kind"],
                "resolution_s": 1.0,
            }
            for row in running.to_dict("records")
        ]
    )
    cut.add(
        Reading(source="job_logs", observed_at=batch[0]["observed_at"], rows={"log_events": batch})
    )
    numbers = summarise(cut, 6)
    assert numbers["redeliveries"] is None
    assert numbers["max_delivery"] is None
    assert numbers["coverage"]["log_is_whole"] is True
