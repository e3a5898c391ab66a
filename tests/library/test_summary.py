"""The numbers of the real recordings, to the digit."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest

from ami_console.errors import UnknownJobError
from ami_console.history import History
from ami_console.instants import from_rfc3339
from ami_console.sources import poll_log
from ami_console.summary import summarise

ANTENNA = Path(__file__).parents[1] / "data" / "antenna"


def recorded(scenario: str, *, tapped: bool = True) -> History:
    history = History(keep_s=1e6)
    for path in sorted((ANTENNA / scenario).iterdir()):
        if tapped or path.name.startswith("series"):
            notes = poll_log.Notes()
            for reading in poll_log.readings(path, zone=ZoneInfo("America/New_York"), notes=notes):
                history.add(reading)
    return history


def summary(scenario: str, job_id: int, *, tapped: bool = True) -> dict[str, Any]:
    return summarise(recorded(scenario, tapped=tapped), job_id)


def test_healthy() -> None:
    numbers = summary("a_healthy", 3)
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
        "latency_s": None,
        "queue_wait_s": {"n": 0, "p50": None, "p95": None, "p99": None, "max": None},
        "service_time_s": {"n": 0, "p50": None, "p95": None, "p99": None, "max": None},
        "coverage": {"acks_seen_ratio": 1.0, "gaps": 0},
    }
    latency_s = numbers["latency_s"]
    assert latency_s["n"] == 320
    assert latency_s["p50"] == pytest.approx(36.3, abs=0.1)
    assert latency_s["p95"] == pytest.approx(67.9, abs=0.1)
    assert latency_s["max"] == pytest.approx(71.2, abs=0.1)
    assert latency_s["is_estimate"] is False


def test_a_worker_reserved_eight_tasks_and_died() -> None:
    numbers = summary("c_worker_crash", 6)
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
    numbers = summary("e_cancelled", 7)
    assert numbers["status"] == "REVOKED"
    assert numbers["acked"] == 128
    assert (numbers["processed"], numbers["total"]) == (34, 320)
    assert numbers["throughput_per_min"] == pytest.approx(32 / (26.382633 / 60), abs=0.01)


def test_nobody_worked_on_it() -> None:
    numbers = summary("b_no_worker", 4)
    assert numbers["status"] == "FAILURE"
    assert numbers["failed"] == 320
    assert numbers["acked"] == 0
    assert numbers["throughput_per_min"] == 0.0
    assert numbers["peak_throughput_per_min"] == 0.0
    assert numbers["max_delivery"] == 0
    assert numbers["latency_s"]["p50"] is None
    assert numbers["coverage"]["gaps"] == 1


def test_the_api_was_down_for_a_minute() -> None:
    numbers = summary("k_api_down", 115)
    assert numbers["status"] == "SUCCESS"
    assert numbers["acked"] == 200
    assert numbers["redeliveries"] == 0
    assert numbers["coverage"] == {"acks_seen_ratio": 1.0, "gaps": 1}


@pytest.mark.parametrize(
    ("scenario", "job_id"),
    [
        ("a_healthy", 3),
        ("c_worker_crash", 6),
        ("k_api_down", 115),
        ("m_slow_but_healthy", 117),
        ("n_results_lag", 118),
    ],
)
def test_latency_agrees_with_a_plain_reading_of_the_taps(scenario: str, job_id: int) -> None:
    """The same percentile from the raw lines, without any code of ours but the clock's."""
    path = next(p for p in (ANTENNA / scenario).iterdir() if p.name.startswith("events"))
    opened = poll_log._opened(path)
    with opened as lines:
        messages = [orjson.loads(line) for line in lines]
    latency_s = [
        (from_rfc3339(m["t"]) - int(m["subject"].split(".")[7])) / 1e9  # type: ignore[operator]
        for m in messages
        if m.get("subject", "").startswith(f"$JS.ACK.job_{job_id}.")
    ]
    numbers = summary(scenario, job_id)["latency_s"]
    assert numbers["n"] == len(latency_s)
    assert numbers["p95"] == pytest.approx(np.percentile(latency_s, 95), abs=0.001)


@pytest.mark.parametrize(
    ("scenario", "job_id"),
    [("a_healthy", 3), ("c_worker_crash", 6), ("k_api_down", 115), ("m_slow_but_healthy", 117)],
)
def test_without_acknowledgements_latency_is_an_estimate_within_its_error(
    scenario: str, job_id: int
) -> None:
    """Same images, same looks, no tap: images settled after the last look are not in it."""
    history = recorded(scenario, tapped=False)
    estimate = summarise(history, job_id)["latency_s"]
    assert estimate["is_estimate"] is True
    path = next(p for p in (ANTENNA / scenario).iterdir() if p.name.startswith("events"))
    measured = sorted(
        (row["acked_at"] - row["stored_at"]) / 1e9
        for reading in poll_log.readings(path, zone=ZoneInfo("UTC"), notes=poll_log.Notes())
        for row in reading.rows.get("acks", ())
    )[: estimate["n"]]
    assert estimate["p50"] == pytest.approx(np.median(measured), abs=estimate["error_s"])
    assert estimate["max"] == pytest.approx(measured[-1], abs=estimate["error_s"])


def test_without_acknowledgements_what_only_they_tell_is_null() -> None:
    numbers = summary("c_worker_crash", 6, tapped=False)
    assert numbers["redeliveries"] == 8
    assert numbers["lost"] == 0  # the job says that all are saved
    assert numbers["redelivered_tasks"] is None
    assert numbers["max_delivery"] is None
    assert numbers["coverage"]["acks_seen_ratio"] is None


def test_an_unknown_job_is_an_error() -> None:
    with pytest.raises(UnknownJobError, match="999"):
        summary("c_worker_crash", 999)
