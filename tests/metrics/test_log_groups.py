"""Errors grouped: a thousand lines of one cause are one row."""

from typing import Any

import pandas as pd
import pytest

from ami_console import frames, metrics
from ami_console.metrics.log_groups import LOG_GROUPS, TROUBLES, pattern_of

REPLY = "$JS.ACK.job_6.job-6-consumer.2.22.46.1795446974984929353.0"


def at(second: float) -> int:
    """Nanoseconds of a second of the play."""
    return pd.Timestamp("2026-11-23T15:00:00Z").value + int(second * 1e9)


def line(second: float, message: str | None, **more: Any) -> dict[str, Any]:
    """A line of Celery's log, an error where nothing else is said."""
    usual = {"job_id": 3, "source": "celery", "level": "ERROR"}
    return usual | {"logged_at": at(second), "message": message} | more


def groups(*told: dict[str, Any]) -> list[dict[Any, Any]]:
    found = metrics.log_groups(frames.from_rows("log_events", told))
    assert found.dtypes.astype(str).to_dict() == LOG_GROUPS
    return found.to_dict("records")


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ("Could not read image 1234 in 2.5 s", "Could not read image {n} in {n} s"),
        (
            f"Error acknowledging task via NATS: {REPLY}",
            "Error acknowledging task via NATS: {reply}",
        ),
        ("GET http://minio:9000/b/x.jpg?… failed", "GET {url} failed"),
        ("task 0a9dbb29-923a-4ba7-b083-f211d2ac9727 died", "task {id} died"),
        ("<Consumer object at 0x7f3a2c>", "<Consumer object at {id}>"),
        ("commit deadbeef01 is bad, decade is a word", "commit {id} is bad, decade is a word"),
        ("No such file: /data/night/1.jpg", "No such file: {path}"),
        ('Job #6 "Scenario C" (PENDING) is odd', "Job #{n} {text} (PENDING) is odd"),
        ("it can't be read: it doesn't exist", "it can't be read: it doesn't exist"),
        ("KeyError: 'pipeline'\n  File one", "KeyError: 'pipeline'"),
        ("", ""),
    ],
)
def test_what_is_alike(message: str, pattern: str) -> None:
    """What differs from line to line is a name in braces; what tells causes apart stays."""
    assert pattern_of(message) == pattern


def test_one_cause_is_one_row_with_its_newest_line() -> None:
    """An object store is down: each image fails with another address."""
    failed = [line(n, f"GET http://minio/{n}.jpg failed", kind="crops_failed") for n in range(9)]
    (row,) = groups(line(20, "Slow", level="WARNING"), *failed[::-1])[:1]
    assert (row["pattern"], row["lines"], row["kind"]) == ("GET {url} failed", 9, "crops_failed")
    assert (row["first_at"].value, row["last_at"].value) == (at(0), at(8))
    assert row["example"] == "GET http://minio/8.jpg failed"


def test_the_same_line_in_two_logs_is_counted_once() -> None:
    """Celery writes it into its own log and into the job's."""
    told = [line(n, f"image {n} failed", source=s) for n in (1, 2) for s in ("job", "celery")]
    (row,) = groups(*told, line(3, "image 3 failed"))
    assert (row["lines"], row["sources"]) == (3, "celery,job")


def test_the_worst_comes_first_then_the_most() -> None:
    """A flood of warnings must not hide the one line that matters."""
    found = groups(
        *(line(n, f"slow {n}", level="WARNING") for n in range(5)),
        line(6, "one"),
        line(7, "two"),
        line(8, "two"),
        line(9, "down", level="CRITICAL"),
        line(10, "CRASH with 8 reserved, unposted", level=None, kind="worker_crashed"),
    )
    assert [row["pattern"] for row in found] == [
        "down", "two", "one", "slow {n}", "CRASH with {n} reserved, unposted"
    ]  # fmt: skip


def test_trouble_that_is_logged_as_info() -> None:
    """A result that came too late is thrown away, and the line says INFO."""
    (row,) = groups(
        line(1, "Job 3: result arrived after the job", level="INFO", kind="late_result"),
        line(2, "Tasks fetched", level="INFO", kind="fetched"),
        line(3, "of no kind", level="INFO"),
    )
    assert row["kind"] == "late_result"
    assert row["kind"] in TROUBLES


def test_jobs_are_apart_and_a_line_of_none_is_kept() -> None:
    """Two jobs fail alike; one line names no job."""
    found = groups(line(1, "bad"), line(2, "bad", job_id=4), line(3, "bad", job_id=None))
    assert [row["job_id"] for row in found[:2]] == [3, 4]
    assert pd.isna(found[2]["job_id"])


def test_nothing_to_group() -> None:
    """No line, only harmless ones, one without a text."""
    assert groups() == []
    assert groups(line(1, "fine", level="INFO"), line(2, None)) == []
