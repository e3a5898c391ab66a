"""Bodies of jobs become rows."""

import copy
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ami_console.errors import SourceMalformed
from ami_console.frames import FRAMES, from_rows
from ami_console.instants import from_rfc3339
from ami_console.sources.antenna import job_rows

ZONE = ZoneInfo("America/New_York")
SEEN_AT = 1_795_000_000_000_000_000
COUNTS = ["total", "processed", "remaining", "failed", "captures", "detections", "classifications"]


def stage_counts(body: Any) -> dict[str, list[int | None]]:
    _, stages = job_rows(body, observed_at=SEEN_AT, zone=ZONE)
    return {row["stage"]: [row[column] for column in COUNTS] for row in stages}


def test_a_finished_job(recorded: Callable[[str], Any]) -> None:
    """Job 6 of the recording ended well, at 10:16:43 in New York."""
    body = recorded("job_detail_success")
    job, _ = job_rows(body, observed_at=SEEN_AT, zone=ZONE)
    assert job == {
        "observed_at": SEEN_AT,
        "job_id": 6,
        "name": "Scenario C worker crash",
        "project": "Console Test Project",
        "project_id": 3,
        "pipeline": "Fake Moths 2024",
        "dispatch_mode": "async_api",
        "status": "SUCCESS",
        "progress_ratio": 1.0,
        "created_at": from_rfc3339("2026-11-23T15:16:10.708216Z"),
        "started_at": from_rfc3339("2026-11-23T15:16:14.916896Z"),
        "finished_at": from_rfc3339("2026-11-23T15:16:43.826418Z"),
        "updated_at": from_rfc3339("2026-11-23T15:16:43.830214Z"),
    }
    assert stage_counts(body) == {
        "collect": [40, None, None, None, None, None, None],
        "process": [None, 40, 0, 0, None, None, None],
        "results": [None, None, None, None, 39, 63, 113],
    }


@pytest.mark.parametrize(("name", "total"), [("created", None), ("started", 156)])
def test_params_that_start_as_nothing_are_missing(
    recorded: Callable[[str], Any], name: str, total: int | None
) -> None:
    """Until the first result Antenna sends an empty text where a count will be: not 0 images."""
    assert stage_counts(recorded(f"job_detail_{name}")) == {
        "collect": [total, *[None] * 6],
        "process": [None] * 7,
        "results": [None] * 7,
    }


def test_the_status_is_the_jobs_own(recorded: Callable[[str], Any]) -> None:
    """After a cancel ``progress.summary.status`` stays STARTED for good."""
    body = recorded("job_detail_revoked")
    assert body["progress"]["summary"]["status"] == "STARTED"
    job, _ = job_rows(body, observed_at=SEEN_AT, zone=ZONE)
    assert job["status"] == "REVOKED"


@pytest.mark.parametrize(
    ("body", "came"),
    [
        ([], r"\[\]"),
        (None, "None"),
        ("<html>", "<html>"),
        ({}, r"\(none\)"),
        ({"detail": "Not found."}, "detail"),
        ({"id": "3"}, "'3'"),
        ({"id": True}, "True"),
        ({"id": None}, "None"),
    ],
)
def test_a_body_that_is_no_job_is_named(body: Any, came: str) -> None:
    """Something else answers at the address: say what came."""
    with pytest.raises(SourceMalformed, match=came):
        job_rows(body, observed_at=SEEN_AT, zone=ZONE)


NONSENSE = [None, "", "x", 0, -1, 1e400, True, [], {}, [None], [[]], [{"key": None}], {"key": 3}]


def places(body: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path and path != ("id",) else []
    inner = body.items() if isinstance(body, dict) else enumerate(body)
    for key, value in inner:
        if isinstance(value, dict | list):
            found += places(value, (*path, key))
        elif (*path, key) != ("id",):
            found.append((*path, key))
    return found


def test_no_nonsense_in_one_place_spoils_the_others(recorded: Callable[[str], Any]) -> None:
    """Another version sends another shape somewhere: that value is missing, the row is there."""
    body = recorded("job_detail_success")
    jobs, all_stages = [], []
    for path in places(body):
        for nonsense in NONSENSE:
            bent = copy.deepcopy(body)
            *above, last = path
            level = bent
            for key in above:
                level = level[key]
            level[last] = nonsense
            job, stages = job_rows(bent, observed_at=SEEN_AT, zone=ZONE)
            assert job["job_id"] == 6
            if path != ("name",):
                assert job["name"] == "Scenario C worker crash"
            jobs.append(job)
            all_stages += stages
    assert len(from_rows("jobs", jobs)) == len(places(body)) * len(NONSENSE)
    assert 0 < len(from_rows("stages", all_stages)) < 3 * len(jobs)


def test_rows_fit_their_frames(recorded: Callable[[str], Any]) -> None:
    """Every column of the frames is filled by a row, and no other."""
    job, stages = job_rows(recorded("job_detail_started"), observed_at=SEEN_AT, zone=ZONE)
    assert job.keys() == FRAMES["jobs"].keys()
    assert all(stage.keys() == FRAMES["stages"].keys() for stage in stages)


def test_older_versions_have_fewer_fields() -> None:
    """A version without dispatch mode, with projects and pipelines by name."""
    body = {"id": 9, "status": "STARTED", "project": "Moths", "pipeline": None}
    job, stages = job_rows(body, observed_at=SEEN_AT, zone=ZONE)
    assert (job["project"], job["pipeline"], job["dispatch_mode"], stages) == (
        "Moths",
        None,
        None,
        [],
    )
