"""Who fetched and posted, and who saved: by the job's log, by those of processes, by workers."""

from typing import Any

import pandas as pd
import pytest
from recorded import ANTENNA, JOBS, ZONE, history_of

from ami_console import frames, metrics
from ami_console.logs import LogParser
from ami_console.metrics.workers import SAVERS, WORKERS


def at(second: float) -> int:
    """Nanoseconds of a second of the play."""
    return pd.Timestamp("2026-11-23T15:00:00Z").value + int(second * 1e9)


def lines(*told: dict[str, Any]) -> pd.DataFrame:
    """Lines of job 3 in its own log, where nothing else is said."""
    usual = {"job_id": 3, "source": "job", "level": "INFO"}
    return frames.from_rows("log_events", [usual | line for line in told])


def fetched(second: float, number: int | None, **more: Any) -> dict[str, Any]:
    return {
        "logged_at": at(second),
        "kind": "fetched",
        "client": "aaaaaa",
        "requested": 8,
        "delivered": number,
    } | more


def posted(second: float, task: str | None, **more: Any) -> dict[str, Any]:
    return {
        "logged_at": at(second),
        "kind": "posted",
        "client": "aaaaaa",
        "task_id": task,
    } | more


@pytest.mark.parametrize("ways", [("job_log",), ("job_log", "django"), ("django",)])
def test_a_worker_died_with_eight_images_in_its_hands(ways: tuple[str, ...]) -> None:
    """It fetched 48 and posted 40; the same line in two logs is still one fetch."""
    job_id = JOBS["c_worker_crash"]
    events = history_of("c_worker_crash", *ways).frame("log_events", job_id=job_id)
    (row,) = metrics.workers(events).to_dict("records")
    assert (row["fetches"], row["tasks_fetched"], row["batch_size"]) == (6, 48, 8)
    assert (row["results_posted"], row["unposted"]) == (40, 8)
    assert row["refused_fetches"] == int("job_log" in ways)  # Django's line names no job
    assert row["sources"] == ",".join(sorted({"job_log": "job"}.get(way, way) for way in ways))
    assert 100 < row["posted_per_min"] < 130


def test_the_worker_itself_tells_the_same() -> None:
    """Its own output is read: what Antenna logged is not the only witness."""
    parser = LogParser(ZONE)
    text = (ANTENNA / "c_worker_crash" / "fake_worker.log").read_text()
    found = [batch for batch in (parser.feed(text), parser.finish()) if len(batch)]
    events = pd.concat([frames.from_batch("log_events", batch) for batch in found])
    (row,) = metrics.workers(events).to_dict("records")
    assert pd.isna(row["client"])
    assert row["sources"] == "worker"
    assert (row["tasks_fetched"], row["results_posted"], row["failed_posts"]) == (48, 40, 0)


def test_a_log_that_begins_in_the_middle_does_not_make_up_images() -> None:
    """The fetches scrolled away: more was posted than fetched, and what is open is not known."""
    events = lines(fetched(1, 1), *(posted(n, f"t{n}") for n in (2, 3, 9)))
    (row,) = metrics.workers(events).to_dict("records")
    assert pd.isna(row["unposted"])
    assert row["results_posted"] == 3
    assert row["posted_per_min"] == pytest.approx(3 * 60 / 8)


def test_two_workers_one_of_which_finds_nothing() -> None:
    """The one with a sign of life last comes first; empty fetches are told apart."""
    events = lines(fetched(1, 8), fetched(2, 0, client="bbbbbb"), fetched(5, None, client="bbbbbb"))
    first, second = metrics.workers(events).to_dict("records")
    assert (first["client"], first["fetches"], first["empty_fetches"]) == ("bbbbbb", 0, 2)
    assert pd.isna(first["first_fetched_at"])
    assert (second["tasks_fetched"], second["unposted"]) == (8, 8)
    assert pd.isna(second["posted_per_min"])


def test_results_of_nobody() -> None:
    """An older version names no client: its results are counted, and not given to anybody."""
    events = lines(fetched(1, 8), posted(2, "t1", client=None), posted(3, "t1", client=None))
    nobody, named = metrics.workers(events).to_dict("records")
    assert (named["client"], named["results_posted"]) == ("aaaaaa", 0)
    assert pd.isna(nobody["client"])
    assert (nobody["results_posted"], nobody["sources"]) == (1, "job")


def test_no_lines() -> None:
    """Neither log is read."""
    nothing = frames.empty("log_events")
    for table, columns in ((metrics.workers(nothing), WORKERS), (metrics.savers(nothing), SAVERS)):
        assert table.empty
        assert table.dtypes.astype(str).to_dict() == columns


def test_three_processes_save_what_one_worker_posts() -> None:
    """Celery's log names them; the job's log does not, and tells of nobody."""
    job_id = JOBS["a_healthy"]
    events = history_of("a_healthy", "celery").frame("log_events", job_id=job_id)
    found = metrics.savers(events)
    assert found["process"].to_list() == [f"ForkPoolWorker-{number}" for number in (1, 2, 3)]
    assert found["results_saved"].sum() == 320
    assert (found["failed_saves"] == 0).all()
    assert found["saving_p50_s"].between(0.3, 0.6).all()
    in_job_log = history_of("a_healthy", "job_log").frame("log_events", job_id=job_id)
    assert metrics.savers(in_job_log).empty


def test_a_process_that_only_fails() -> None:
    """When it saved last is not known, and neither how long that takes."""
    failed = {"kind": "result_failed", "source": "celery", "process": "ForkPoolWorker-1"}
    (row,) = metrics.savers(lines(failed | {"logged_at": at(1)})).to_dict("records")
    assert (row["results_saved"], row["failed_saves"]) == (0, 1)
    assert pd.isna(row["last_saved_at"])
    assert pd.isna(row["saving_p50_s"])
