"""A job's story: every event at its instant, every lane with its gaps, nothing invented."""

from typing import Any

import pandas as pd
import pytest
from recorded import JOBS, history_of

from ami_console import frames, metrics
from ami_console.diagnosis import verdicts
from ami_console.frames import FrameSource
from ami_console.metrics.happenings import HAPPENINGS, KINDS, happenings
from ami_console.metrics.source_gaps import source_gaps
from ami_console.metrics.spans import LANES, NOT_KNOWN, SPANS, spans
from ami_console.metrics.story import Story, story

START = pd.Timestamp("2026-11-23T15:00:00Z")


def at(second: float) -> pd.Timestamp:
    """An instant of the tiny jobs below."""
    return START + pd.Timedelta(seconds=second)


def frame_of(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A tiny frame; times as seconds since ``START``."""
    is_time = {column for column, dtype in frames.schema(name).items() if dtype == frames.TIME}
    return frames.from_rows(
        name,
        [{k: at(v).value if k in is_time else v for k, v in row.items()} for row in rows],
    )


def look(second: float, **values: Any) -> dict[str, Any]:
    """One look at a consumer that has handed out 10 of 100 images."""
    return {
        "observed_at": second,
        "server_at": second,
        "job_id": 3,
        "stream_exists": True,
        "consumer_exists": True,
        "messages": 100,
        "first_seq": 1,
        "last_seq": 100,
        "num_pending": 90,
        "num_ack_pending": 10,
        "num_waiting": 0,
        "delivered_consumer_seq": 10,
        "delivered_stream_seq": 10,
        "delivered_last_active": second,
        "ack_wait_s": 30.0,
        "stream_created_at": 0.0,
        "consumer_created_at": 0.0,
    } | values


def good(source: str, *seconds: float) -> list[dict[str, Any]]:
    """Good reads of a source."""
    return [{"observed_at": second, "source": source, "ok": True} for second in seconds]


def told(
    consumers: list[dict[str, Any]] | None = None,
    *,
    until_s: float,
    jobs: list[dict[str, Any]] | None = None,
    counters: list[dict[str, Any]] | None = None,
    reads: list[dict[str, Any]] | None = None,
    logs: list[dict[str, Any]] | None = None,
) -> Story:
    """The story of job 3 by tiny frames."""
    return story(
        3,
        as_of=at(until_s),
        jobs=frame_of("jobs", jobs or []),
        consumers=frame_of("consumers", consumers or []),
        counters=frame_of("counters", counters or []),
        reads=frame_of("reads", reads or []),
        log_events=frame_of("log_events", logs or []),
    )


def recorded(scenario: str, *ways: str, as_of: pd.Timestamp | None = None) -> Story:
    """The story of a real job, with what was found of it."""
    history = history_of(scenario, *ways)
    job_id = JOBS[scenario]
    until = as_of if as_of is not None else history.latest("reads")["observed_at"].max()
    return story(
        job_id,
        as_of=until,
        reads=history.frame("reads"),
        verdicts=verdicts(history, as_of=until, job_ids=[job_id]),
        **of_job(history, job_id),
    )


def of_job(source: FrameSource, job_id: int) -> dict[str, pd.DataFrame]:
    """The frames of one job."""
    names = ("jobs", "consumers", "counters", "log_events")
    return {name: source.frame(name, job_id=job_id) for name in names}


def kinds(found: Story) -> list[str]:
    """Kinds of the events in order."""
    return found.happenings["kind"].tolist()


def one(found: Story, kind: str) -> dict[Any, Any]:
    """The one event of a kind."""
    (row,) = found.happenings[found.happenings["kind"] == kind].to_dict("records")
    return dict(row)


def lane(found: Story, name: str) -> list[str]:
    """Values of a lane in order."""
    return found.spans.loc[found.spans["lane"] == name, "value"].tolist()


def test_a_job_that_nobody_fetched() -> None:
    """15 minutes without a worker; then the health check gave all images up."""
    found = recorded("b_no_worker", "looks", "tap", "job_log")
    stopped, gap = one(found, "fetching_stopped"), one(found, "source_gap")
    assert stopped["title"] == "No worker came, for 15 min"
    assert (stopped["until_at"] - stopped["at"]).total_seconds() == pytest.approx(895, abs=4)
    assert one(found, "health_check")["title"] == "The health check marked 320 images as failed"
    assert one(found, "finished")["title"] == "Ended: FAILURE"
    assert one(found, "verdict")["subject"] == "no_worker"
    assert gap["subject"] == "antenna"
    assert not gap["is_open"]
    assert lane(found, "status") == ["created", "started", NOT_KNOWN, "started", "failure"]
    assert lane(found, "verdict") == ["nothing found", "no worker", "nothing found"]


def test_a_worker_that_died_is_not_told_from_a_slow_one() -> None:
    """Eight images came back after ack wait: that is what the broker shows, and no more."""
    found = recorded("c_worker_crash", "looks", "tap", "job_log", "celery")
    again = one(found, "redelivery")
    assert again["title"] == "8 images were handed out again"
    assert "10 s" in again["reason"]
    assert again["at_error_s"] == pytest.approx(1.0, abs=0.1)
    assert "worker_lost" not in kinds(found)
    deleted = one(found, "deleted")
    assert deleted["at"] == pd.Timestamp("2026-11-23T15:16:43.899Z")  # by Celery's log
    assert deleted["at_error_s"] == pytest.approx(0.001)


def test_a_cancelled_job() -> None:
    """Antenna says when; what belonged to the job vanished with it."""
    found = recorded("e_cancelled", "looks", "tap")
    revoked = one(found, "revoked")
    assert revoked["at"].floor("ms") == pd.Timestamp("2026-11-23T15:18:28.377Z")
    assert {"deleted", "counters_gone"} <= set(kinds(found))
    assert lane(found, "stream") == ["not yet", "there", "gone"]


def test_while_antenna_was_away_its_status_is_not_known() -> None:
    """REST was down for a minute; the broker told all the while that nobody fetched."""
    found = recorded("k_api_down")
    assert lane(found, "status") == ["started", NOT_KNOWN, "started", "success"]
    assert lane(found, "stream") == ["there", "gone"]
    stopped = one(found, "fetching_stopped")
    assert stopped["title"] == "Nobody fetched images any more, for 68 s"
    last_fetch = pd.Timestamp("2026-11-23T16:40:14Z")
    assert abs((stopped["at"] - last_fetch).total_seconds()) < 1
    assert lane(found, "sources") == ["all read", "no Antenna", "all read"]


@pytest.mark.parametrize("scenario", ["a_healthy", "m_slow_but_healthy"])
def test_a_healthy_job_has_a_short_story(scenario: str) -> None:
    """A batch of 12 s is no worker lost."""
    found = recorded(scenario)
    assert sorted(kinds(found)) == sorted(
        ["created", "started", "first_delivery", "finished", "deleted", "counters_gone"]
    )
    assert lane(found, "fetching") == ["nobody yet", "fetching", "all handed out"]


@pytest.mark.parametrize("scenario", list(JOBS))
def test_only_what_was_known_then_is_told(scenario: str) -> None:
    """Wound back to its middle, the story has no word of what came later."""
    history = history_of(scenario)
    looks = history.frame("consumers", job_id=JOBS[scenario])["observed_at"]
    middle = looks.iloc[len(looks) // 2]
    whole, half = recorded(scenario), recorded(scenario, as_of=middle)
    assert (half.happenings["at"] <= middle).all()
    assert not (half.happenings["until_at"] > middle).any()
    assert (half.spans["ends_at"] <= middle).all()
    seen = whole.happenings[
        (whole.happenings["at"] <= middle) & whole.happenings["until_at"].isna()
    ]
    assert set(seen["kind"]) <= set(half.happenings["kind"])


def test_events_and_lanes_are_typed_and_named() -> None:
    """What readers build on."""
    found = recorded("c_worker_crash")
    assert {name: str(dtype) for name, dtype in found.happenings.dtypes.items()} == HAPPENINGS
    assert {name: str(dtype) for name, dtype in found.spans.dtypes.items()} == SPANS
    assert set(kinds(found)) <= set(KINDS)
    assert found.happenings["at"].is_monotonic_increasing
    assert list(dict.fromkeys(found.spans["lane"])) == list(LANES)
    history = history_of("c_worker_crash")
    held = of_job(history, 6) | {"reads": history.frame("reads")}
    as_of = history.latest("reads")["observed_at"].max()
    logs = held.pop("log_events")
    alone = happenings(6, as_of=as_of, log_events=logs, **held)
    assert alone["kind"].tolist() == [kind for kind in kinds(found) if kind != "verdict"]
    assert "verdict" not in set(spans(6, as_of=as_of, **held)["lane"])


def test_nothing_is_known() -> None:
    """A job number that no source told of."""
    found = told(until_s=60)
    assert found.happenings.empty
    assert found.spans.empty


def test_one_look() -> None:
    """The watch has just begun: what was before is not known, and nothing is said of it."""
    found = told([look(0)], until_s=0, jobs=[{"observed_at": 0, "job_id": 3, "status": "STARTED"}])
    assert kinds(found) == []
    assert lane(found, "stream") == ["there"]
    assert lane(found, "status") == ["started"]


def test_a_missing_status_is_not_known() -> None:
    """Antenna answered without a status: not the one before, and no change either."""
    jobs = [
        {"observed_at": second, "job_id": 3, "status": status}
        for second, status in enumerate(["STARTED", None, "STARTED"])
    ]
    found = told(until_s=2, jobs=jobs)
    assert lane(found, "status") == ["started", NOT_KNOWN, "started"]
    assert kinds(found) == []


def test_a_status_gets_its_instant_from_a_log() -> None:
    """Looked at every 10 s; the log has the second."""
    jobs = [
        {"observed_at": second, "job_id": 3, "status": status}
        for second, status in ((0, "STARTED"), (10, "CANCELING"))
    ]
    assert one(told(until_s=10, jobs=jobs), "status")["at_error_s"] == 10
    line = {
        "job_id": 3, "logged_at": 4, "observed_at": 9, "kind": "status",
        "status": "CANCELING", "resolution_s": 1.0,
    }  # fmt: skip
    found = one(told(until_s=10, jobs=jobs, logs=[line]), "status")
    assert (found["at"], found["at_error_s"]) == (at(5), 1.0)


def test_a_broker_that_was_restarted() -> None:
    """It forgets when it last delivered; its sequences go on, so it is no new stream."""
    looks = [look(0), look(2), look(20, delivered_last_active=None), look(22)]
    failed = [{"observed_at": 4 + n, "source": "nats", "ok": False, "error": "cut"} for n in (0, 2)]
    found = told([{k: v for k, v in each.items() if v is not None} for each in looks],
                 until_s=22, reads=good("nats", 0, 2) + failed + good("nats", 20, 22))  # fmt: skip
    assert one(found, "restart")["at"] == at(20)
    assert one(found, "restart")["at_error_s"] == 18
    assert "recreated" not in kinds(found)
    gap = one(found, "source_gap")
    assert (gap["at"], gap["until_at"], gap["reason"]) == (at(2), at(20), "cut")
    assert lane(found, "stream") == ["there", NOT_KNOWN, "there"]


def test_a_stream_that_was_made_anew() -> None:
    """Another stream of the same name: what it counts has begun again."""
    again = look(4, stream_created_at=3.0, consumer_created_at=3.0, delivered_consumer_seq=1)
    found = told([look(0), look(2), again], until_s=4)
    assert kinds(found) == ["recreated"]


def test_images_put_into_the_stream_twice() -> None:
    """Somebody pressed retry on a job that still had its stream."""
    looks = [look(second) for second in range(0, 60, 2)] + [look(60, last_seq=200)]
    assert one(told(looks, until_s=60), "published_again")["title"].startswith("100 more images")


def test_what_is_gone_is_named() -> None:
    """Only the consumer was deleted; then the counters."""
    gone = {"observed_at": 4, "job_id": 3, "stream_exists": True, "consumer_exists": False}
    counters = [{"observed_at": s, "job_id": 3, "total": t} for s, t in ((0, 100), (2, 100))]
    counters.append({"observed_at": 4, "job_id": 3})
    found = told([look(0), look(2), gone], until_s=4, counters=counters)
    assert one(found, "deleted")["title"] == "The consumer is gone"
    assert one(found, "counters_gone")["at"] == at(4)
    assert lane(found, "stream") == ["there", "no consumer"]


def test_nobody_looked_for_a_while() -> None:
    """The watch was paused for five minutes: it is not the broker that was silent."""
    looks = [look(second) for second in [*range(0, 60, 2), *range(360, 420, 2)]]
    found = told(looks, until_s=418)
    pause = one(found, "paused")
    assert (pause["at"], pause["until_at"]) == (at(58), at(360))
    assert pause["title"] == "Nobody looked for 5 min"
    assert lane(found, "stream") == ["there", NOT_KNOWN, "there"]
    assert lane(found, "sources") == ["all read", "nobody looked", "all read"]


def test_a_source_that_is_still_away() -> None:
    """The gap has no end yet: it reaches until now and says so."""
    reads = [*good("nats", 0, 2), {"observed_at": 4, "source": "nats", "ok": False}]
    found = told([look(0), look(2)], until_s=9, reads=reads)
    gap = one(found, "source_gap")
    assert gap["is_open"]
    assert gap["until_at"] == at(9)
    assert lane(found, "stream") == ["there", NOT_KNOWN]
    assert lane(found, "sources") == ["all read", "no NATS"]


def test_fetching_stopped_begins_with_the_last_fetch() -> None:
    """It is known after 45 s only, and holds since the last image was handed out."""
    looks = [look(second, delivered_last_active=min(second, 10)) for second in range(0, 62, 2)]
    stopped = one(told(looks, until_s=60), "fetching_stopped")
    assert (stopped["at"], stopped["until_at"]) == (at(10), at(60))
    assert stopped["is_open"]
    assert lane(told(looks, until_s=60), "fetching") == ["fetching", "nobody fetches"]
    assert lane(told(looks, until_s=54), "fetching") == ["fetching"]


def test_a_worker_that_waits_for_images_fetches() -> None:
    """A pull request stands open: somebody is there, although nothing was handed out."""
    looks = [look(second, delivered_last_active=0.0, num_waiting=1) for second in range(0, 100, 2)]
    assert lane(told(looks, until_s=98), "fetching") == ["fetching"]


def test_redeliveries_close_together_are_one_event() -> None:
    """Image after image comes back: one line in the story, with how many."""
    counts = [10, 11, 12, 12, 13]
    looks = [look(10 * number, delivered_consumer_seq=count) for number, count in enumerate(counts)]
    again = one(told(looks, until_s=40), "redelivery")
    assert again["title"] == "3 images were handed out again"
    assert (again["at"], again["until_at"]) == (at(10), at(40))


def test_a_worker_that_tells_of_its_own_death() -> None:
    """Its log is the one place where a loss can be told from slowness; two logs, one event."""
    line = {"job_id": 3, "kind": "worker_crashed", "delivered": 8, "resolution_s": 1.0}
    logs = [line | {"logged_at": s, "observed_at": s} for s in (20, 21)]
    lost = one(told([look(0), look(2)], until_s=30, logs=logs), "worker_lost")
    assert lost["title"] == "A worker died with 8 images in its hands"


@pytest.mark.parametrize("scenario", list(JOBS))
def test_gaps_of_the_tap_are_those_of_its_own_metric(scenario: str) -> None:
    """Two ways to the same number would be two numbers one day."""
    reads = history_of(scenario).frame("reads")
    as_of = reads["observed_at"].max()
    gaps = source_gaps(reads, as_of=as_of)
    mine = gaps[gaps["source"] == "tap"].reset_index(drop=True)
    known = metrics.tap_gaps(reads, as_of=as_of)
    assert len(mine) == len(known)
    for side in ("begins_at", "ends_at"):
        off = (mine[side] - known[side]).abs()
        assert (off < pd.Timedelta(microseconds=1)).all()


def test_a_tap_that_was_off_has_a_gap() -> None:
    """Two good reads, and the later one speaks of the last two seconds only."""
    reads = frame_of("reads", [
        {"observed_at": s, "source": "tap", "ok": True, "elapsed_s": 2.0} for s in (2, 4, 30)
    ])  # fmt: skip
    (gap,) = source_gaps(reads, as_of=at(30)).to_dict("records")
    assert (gap["begins_at"], gap["ends_at"]) == (at(4), at(28))
    assert metrics.tap_gaps(reads)["ends_at"].tolist() == [at(28)]
