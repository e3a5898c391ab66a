"""All jobs at one instant, and how old what is known of each source is."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from recorded import JOBS, history_of

from ami_console.history import History
from ami_console.instants import NS_PER_S
from ami_console.metrics import fleet, source_ages
from ami_console.metrics.fleet import FLEET
from ami_console.reading import Reading, SourceName

START = 1_795_446_000 * NS_PER_S


def at(second: float) -> int:
    return START + int(second * NS_PER_S)


def stamp(second: float) -> pd.Timestamp:
    return pd.Timestamp(at(second), tz="UTC")


def told(source: SourceName, second: float, **rows: list[dict[str, Any]]) -> Reading:
    for held in rows.values():
        for row in held:
            row.setdefault("observed_at", at(second))
    return Reading(source=source, observed_at=at(second), rows=rows)


def job(job_id: int, status: str, **other: Any) -> dict[str, Any]:
    return {"job_id": job_id, "status": status, "name": f"job {job_id}", **other}


def consumer(job_id: int, second: float, delivered: int) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "stream_exists": True,
        "consumer_exists": True,
        "messages": 100,
        "first_seq": 1,
        "last_seq": 100,
        "num_pending": 100 - delivered,
        "num_ack_pending": 4,
        "num_redelivered": 0,
        "delivered_consumer_seq": delivered,
        "delivered_stream_seq": delivered,
        "ack_floor_stream_seq": 0,
        "stream_created_at": at(0),
        "consumer_created_at": at(0),
        "server_at": at(second),
    }


def test_nothing_known_is_an_empty_table_with_its_columns() -> None:
    table = fleet(History(), as_of=stamp(0))
    assert table.empty
    assert {c: str(t) for c, t in table.dtypes.items()} == FLEET


def test_active_jobs_come_first_then_the_newest() -> None:
    history = History()
    jobs = [job(5, "SUCCESS"), job(3, "STARTED"), job(9, "REVOKED"), job(4, "CANCELING")]
    history.add(told("antenna", 1, jobs=jobs))
    table = fleet(history, as_of=stamp(2))
    assert table["job_id"].tolist() == [4, 3, 9, 5]
    assert table["is_final"].tolist() == [False, False, True, True]


def test_a_job_that_only_the_broker_knows_is_listed_with_its_unknowns() -> None:
    """A stream without a job in REST: a zombie, or a token that may not see the project."""
    history = History()
    history.add(told("nats", 10, consumers=[consumer(7, 10, 40)]))
    row = fleet(history, as_of=stamp(11)).iloc[0]
    assert row["job_id"] == 7
    assert row["num_pending"] == 60
    assert row[["status", "is_final", "name", "total", "processed"]].isna().all()


def test_counts_come_from_whichever_source_was_read_last() -> None:
    """REST stands still for a minute while Redis goes on counting."""
    history = History()
    process = {"job_id": 1, "stage": "process", "processed": 10, "failed": 0}
    collect = {"job_id": 1, "stage": "collect", "total": 100}
    history.add(told("antenna", 1, jobs=[job(1, "STARTED")], stages=[process, collect]))
    counters = {"job_id": 1, "total": 100, "pending_process": 60, "failed": 2}
    history.add(told("redis", 50, counters=[counters]))
    row = fleet(history, as_of=stamp(51)).iloc[0]
    assert (row["processed"], row["total"], row["failed"]) == (40, 100, 2)


def test_a_slow_answer_of_rest_tells_of_the_past() -> None:
    """REST took four seconds for it, and Redis went on counting meanwhile: no work is undone."""
    history = History()
    history.add(told("redis", 50, counters=[{"job_id": 1, "total": 100, "pending_process": 60}]))
    process = {"job_id": 1, "stage": "process", "processed": 32, "failed": 0}
    slow = told("antenna", 51, jobs=[job(1, "STARTED")], stages=[process])
    history.add(replace(slow, elapsed_s=4.0))
    assert fleet(history, as_of=stamp(52)).iloc[0]["processed"] == 40
    quick = told("antenna", 53, jobs=[job(1, "STARTED")], stages=[process | {"processed": 42}])
    quick.rows["stages"][0]["observed_at"] = at(53)
    history.add(replace(quick, elapsed_s=0.1))
    assert fleet(history, as_of=stamp(54)).iloc[0]["processed"] == 42


@pytest.mark.parametrize("scenario", ["c_worker_crash", "n_results_lag"])
def test_no_instant_of_a_real_job_shows_negative_work(scenario: str) -> None:
    """The sources of a look were asked at once, and REST took up to four seconds to answer."""
    history = history_of(scenario, "looks")
    reads = history.frame("reads")
    processed = -1
    for seen_at in reads.loc[reads["source"] == "nats", "observed_at"]:
        table = fleet(history, as_of=seen_at + pd.Timedelta(seconds=1))
        mine = table[table["job_id"] == JOBS[scenario]]
        counts = mine[["acked_per_min", "eta_s", "num_pending", "num_ack_pending", "failed"]]
        assert not (counts < 0).any(axis=None)
        for now in mine["processed"].dropna():
            assert now >= processed
            processed = now
    assert processed > 0


def test_a_job_that_rest_has_no_numbers_of_yet_has_those_of_redis() -> None:
    """Nobody fetched an image yet: the params in REST are empty, whichever was read last."""
    history = History()
    history.add(told("redis", 50, counters=[{"job_id": 1, "total": 100, "pending_process": 100}]))
    empty = {"job_id": 1, "stage": "process"}
    history.add(told("antenna", 51, jobs=[job(1, "STARTED")], stages=[empty]))
    row = fleet(history, as_of=stamp(52)).iloc[0]
    assert (row["processed"], row["total"]) == (0, 100)
    assert pd.isna(row["failed"])


def test_redeliveries_outlive_the_stream() -> None:
    """The job ended and Antenna deleted the stream: how often images came back is still known."""
    history = History()
    history.add(told("antenna", 1, jobs=[job(1, "STARTED")]))
    crashed = consumer(1, 10, 40) | {"delivered_consumer_seq": 48}
    history.add(told("nats", 10, consumers=[crashed]))
    gone = {"job_id": 1, "stream_exists": False, "consumer_exists": False}
    history.add(told("nats", 12, consumers=[gone]))
    history.add(told("antenna", 12, jobs=[job(1, "SUCCESS")]))
    row = fleet(history, as_of=stamp(13)).iloc[0]
    assert row["redeliveries_total"] == 8
    assert pd.isna(row["num_pending"])


def test_a_final_job_keeps_what_rest_says() -> None:
    history = History()
    process = {"job_id": 1, "stage": "process", "processed": 100, "failed": 3}
    history.add(told("antenna", 1, jobs=[job(1, "SUCCESS")], stages=[process]))
    history.add(told("redis", 2, counters=[{"job_id": 1}]))
    row = fleet(history, as_of=stamp(3)).iloc[0]
    assert (row["processed"], row["failed"]) == (100, 3)


def test_a_rate_that_nobody_refreshes_is_not_shown_as_of_now() -> None:
    history = History()
    for second in range(2, 62, 2):
        history.add(told("nats", second, consumers=[consumer(1, second, second + 4)]))
    fresh = fleet(history, as_of=stamp(62)).iloc[0]
    assert fresh["acked_per_min"] == pytest.approx(60.0)
    stale = fleet(history, as_of=stamp(120)).iloc[0]
    assert stale[["acked_per_min", "eta_s", "latency_p50_s"]].isna().all()
    assert stale["last_seen_at"] == stamp(60)


def test_ages_of_sources_that_were_never_read_are_unknown() -> None:
    ages = source_ages(History().latest("reads"), as_of=stamp(0))
    assert ages["source"].tolist() == ["antenna", "nats", "redis"]
    assert ages[["ok", "age_s", "last_ok_at", "error"]].isna().all(axis=None)


def test_a_source_that_fails_grows_older_and_says_why() -> None:
    history = History()
    history.add(Reading(source="redis", observed_at=at(10), elapsed_s=0.004))
    history.add(Reading(source="redis", observed_at=at(40), ok=False, error="refused"))
    redis = source_ages(history.latest("reads"), as_of=stamp(45)).set_index("source").loc["redis"]
    assert redis["age_s"] == 35.0
    assert not redis["ok"]
    assert redis["error"] == "refused"
    assert redis["last_read_at"] == stamp(40)


def test_a_source_that_recovered_has_no_error_any_more() -> None:
    history = History()
    history.add(Reading(source="nats", observed_at=at(10), ok=False, error="refused"))
    history.add(Reading(source="nats", observed_at=at(20)))
    nats = source_ages(history.latest("reads"), as_of=stamp(21)).set_index("source").loc["nats"]
    assert nats["ok"]
    assert pd.isna(nats["error"])
    assert nats["age_s"] == 1.0
