"""What if: batches, the ack wait, one worker more or less, on real jobs and on tiny ones."""

from functools import cache

import pandas as pd
import pytest
from recorded import JOBS, history_of

from ami_console import frames, metrics
from ami_console.errors import FrameError
from ami_console.metrics.ack_wait_risk import MARGIN, safe_wait
from ami_console.metrics.batches import BATCHES, batch_size
from ami_console.metrics.chance import wilson
from ami_console.metrics.tasks import TASKS
from ami_console.metrics.what_if import WhatIf, what_if

BEGIN = pd.Timestamp("2026-11-24T09:00:00Z")


def held(scenario: str, *ways: str) -> dict[str, pd.DataFrame]:
    """The frames of a real job."""
    history = history_of(scenario, *ways)
    return {name: history.frame(name, job_id=JOBS[scenario]) for name in frames.FRAMES}


def tasks_of(known: dict[str, pd.DataFrame]) -> pd.DataFrame:
    if known["acks"].empty and known["log_events"].empty:
        return metrics.estimated_tasks(known["consumers"], counters=known["counters"])
    names = ("acks", "log_events", "advisories")
    return metrics.task_times(known["consumers"], **{name: known[name] for name in names})


@cache
def told(scenario: str, *ways: str, as_of: pd.Timestamp | None = None) -> WhatIf:
    known = held(scenario, *ways)
    seen = [f["observed_at"].max() for n, f in known.items() if n != "stages" and len(f)]
    return what_if(
        tasks_of(known),
        known["consumers"],
        jobs=known["jobs"],
        log_events=known["log_events"],
        as_of=as_of or max(seen),
    )


CRASH_WAYS = [("looks", "tap"), ("looks", "tap", "job_log"), ("job_log",), ("django", "celery")]


@pytest.mark.parametrize("ways", CRASH_WAYS, ids="+".join)
def test_a_dead_worker_is_no_slow_batch(ways: tuple[str, ...]) -> None:
    """Of six batches of eight one was never answered, whoever tells of it: it counts against the
    ack wait, and not for what a safe ack wait is."""
    crash = told("c_worker_crash", *ways)
    assert crash.ack_wait_s == 10
    assert crash.batch_size == 8
    assert crash.risk is not None
    assert (crash.risk.over, crash.risk.batches, crash.risk.unanswered) == (1, 6, 1)
    assert (crash.risk.images_over, crash.risk.images) == (8, 48)
    assert crash.risk.low_ratio == pytest.approx(0.030, abs=0.001)
    assert crash.risk.high_ratio == pytest.approx(0.564, abs=0.001)
    assert crash.batch_time_max_s == pytest.approx(6.1, abs=0.3)
    assert crash.safe is not None
    assert 8 <= crash.safe.ack_wait_s <= 10
    assert crash.pace is not None
    assert crash.pace.workers == 1
    said = " ".join(crash.in_words())
    assert "1 of 6 batches (8 of 48 images) outlived the ack wait of 10 s" in said
    assert "would only have brought those images back later" in said
    assert "these are few" in said


def test_a_slow_job_is_far_from_its_ack_wait() -> None:
    """25 batches of 8, 12 s of work each: nothing outlived 300 s, and 18 s would be enough."""
    slow = told("m_slow_but_healthy")
    assert slow.batch_time_p50_s == pytest.approx(13.36, abs=0.05)
    assert slow.risk is not None
    assert (slow.risk.over, slow.risk.batches) == (0, 25)
    assert slow.risk.high_ratio == pytest.approx(0.133, abs=0.001)
    assert slow.safe is not None
    assert (slow.safe.ack_wait_s, slow.safe.exceeded, slow.safe.tried) == (18, 0, 20)
    assert slow.pace is not None
    assert slow.pace.limited_by == "workers"
    assert slow.pace.workers == 1
    assert slow.pace.at_once == pytest.approx(1.0, abs=0.05)
    # 200 images in 5 min 18 s: twice the workers, half the time.
    assert slow.more is not None
    assert slow.more.throughput_per_min == pytest.approx(2 * slow.pace.throughput_per_min)
    assert slow.began_at is not None
    assert slow.ends_at is not None
    assert slow.more.ends_at is not None
    half = (slow.ends_at - slow.began_at) / 2
    assert abs(slow.more.ends_at - slow.began_at - half) < pd.Timedelta(seconds=1)
    assert slow.fewer is not None
    assert (slow.fewer.workers, slow.fewer.throughput_per_min, slow.fewer.ends_at) == (0, 0, None)


def test_looks_alone_tell_nearly_the_same() -> None:
    """No tap and no log: the same batches from the broker's counters, with their error."""
    looks = told("m_slow_but_healthy", "looks")
    assert looks.told_by == "looks"
    assert looks.batch_size == 8
    assert looks.batch_time_error_s is not None
    assert looks.batch_time_p50_s == pytest.approx(13.36, abs=looks.batch_time_error_s)
    assert looks.safe is not None
    assert 18 <= looks.safe.ack_wait_s <= 22


@pytest.mark.parametrize("ways", [("looks", "tap"), ("looks", "tap", "job_log", "django")])
def test_another_worker_does_not_help_where_results_lag(ways: tuple[str, ...]) -> None:
    """Two fetch loops brought 600 images a minute and Celery saved 290: it stays at 290."""
    healthy = told("a_healthy", *ways)
    assert healthy.batch_size == 16
    assert healthy.pace is not None
    assert healthy.pace.workers == 2
    assert healthy.pace.limited_by == "savers"
    assert healthy.pace.fetched_per_min == pytest.approx(620, abs=30)
    assert healthy.more is not None
    assert healthy.more.throughput_per_min == healthy.pace.throughput_per_min
    assert healthy.more.bounded_by == "savers"
    assert any("saves results more slowly" in line for line in healthy.in_words())


def test_a_frozen_celery_makes_batches_old_and_no_worker_more() -> None:
    """Results wait 40 s for a process that was stopped; the one worker is still one."""
    lag = told("n_results_lag")
    assert lag.pace is not None
    assert (lag.pace.workers, lag.pace.limited_by) == (1, "savers")
    assert lag.batch_time_max_s == pytest.approx(41.3, abs=0.5)
    assert lag.safe is not None
    assert lag.safe.exceeded == 1, "the first frozen batch came out of the blue"


def test_a_job_that_goes_on_ends_sooner_with_a_worker_more() -> None:
    """Asked in the middle of a run: what is left, at the pace so far."""
    now = pd.Timestamp("2026-11-23T16:46:20Z")
    running = told("m_slow_but_healthy", as_of=now)
    assert not running.is_over
    assert running.left == 200 - 8 * 12
    assert running.ends_at is not None
    assert running.more is not None
    assert running.more.ends_at is not None
    apart = running.ends_at - pd.Timestamp("2026-11-23T16:49:03Z")
    assert abs(apart) < pd.Timedelta(seconds=15)
    left = running.ends_at - now
    assert abs((running.more.ends_at - now) - left / 2) < pd.Timedelta(seconds=1)
    assert any(
        "images are left; if nothing changes the job ends at" in x for x in running.in_words()
    )


def test_a_cancelled_job_says_when_it_would_have_been_done() -> None:
    """288 of 320 images were not saved when it was cancelled; what came after does not count."""
    cancelled = told("e_cancelled")
    assert cancelled.is_over
    assert cancelled.left == 288
    assert any("would be done at" in line for line in cancelled.in_words())


def test_nobody_fetched_anything() -> None:
    """No worker ever came: nothing of this is known, and each says why."""
    alone = told("b_no_worker")
    assert (alone.risk, alone.safe, alone.pace, alone.more) == (None, None, None, None)
    assert set(alone.why_not) == {"risk", "safe", "pace"}
    *unknown, last = alone.in_words()
    assert all("not known" in line for line in unknown)
    assert last == "The job is over with 320 of 320 images not saved."


def test_empty_frames() -> None:
    """A job of which nothing was recorded but its name."""
    nothing = what_if(frames.table([], TASKS), frames.empty("consumers"), as_of=BEGIN)
    assert (nothing.job_id, nothing.images, nothing.ends_at) == (None, None, None)
    assert "neither the broker nor a log told" in nothing.why_not["images"]
    assert nothing.in_words()


def test_two_jobs_at_once_are_refused() -> None:
    """Somebody passes the frames of the whole recording."""
    both = pd.concat([held("m_slow_but_healthy")["consumers"], held("k_api_down")["consumers"]])
    with pytest.raises(FrameError, match=r"one job.*115, 117"):
        what_if(frames.table([], TASKS), both, as_of=BEGIN)


def test_it_shows_itself_in_a_notebook() -> None:
    """Each sentence is an item of a list."""
    slow = told("m_slow_but_healthy")
    assert slow._repr_html_().count("<li>") == len(slow.in_words()) > 4


def looks(*rows: tuple[float, int, int]) -> pd.DataFrame:
    """Looks at a consumer: second, deliveries so far, in flight."""
    return frames.from_rows(
        "consumers",
        [
            {
                "job_id": 1,
                "observed_at": _ns(second),
                "server_at": _ns(second),
                "stream_created_at": BEGIN.value,
                "stream_exists": True,
                "consumer_exists": True,
                "last_seq": 40,
                "first_seq": 1,
                "messages": 40,
                "num_pending": 40 - deliveries,
                "num_ack_pending": in_flight,
                "num_redelivered": 0,
                "num_waiting": 0,
                "delivered_consumer_seq": deliveries,
                "delivered_stream_seq": deliveries,
                "ack_wait_s": 30.0,
                "max_ack_pending": 8,
            }
            for second, deliveries, in_flight in rows
        ],
    )


def _ns(second: float) -> int:
    return BEGIN.value + int(second * 1e9)


def acked(*seconds: float) -> pd.DataFrame:
    """Acknowledgements of messages 1, 2, … at these seconds."""
    return frames.from_rows(
        "acks",
        [
            {
                "job_id": 1,
                "observed_at": _ns(second),
                "acked_at": _ns(second),
                "stream_seq": number,
                "consumer_seq": number,
                "delivery": 1,
                "stored_at": BEGIN.value,
                "kind": "+ACK",
            }
            for number, second in enumerate(seconds, 1)
        ],
    )


def batches_of(consumers: pd.DataFrame, acks: pd.DataFrame) -> pd.DataFrame:
    return metrics.batches(metrics.task_times(consumers, acks=acks), consumers)


def test_batches_of_irregular_steps_have_no_size() -> None:
    """Looks are rarer than fetches: 5, 9 and 7 images came between them, which is no batch size."""
    found = batches_of(
        looks((0, 0, 0), (2, 5, 5), (4, 14, 9), (6, 21, 7)),
        acked(*[1.0 + n / 4 for n in range(21)]),
    )
    assert found["images"].tolist() == [5, 9, 7]
    assert batch_size(found) is None


def test_two_batches_between_two_looks_are_two() -> None:
    """Two workers fetch at the same time: 8 are handed out, as two of 4."""
    found = batches_of(
        looks((0, 0, 0), (2, 8, 8), (4, 12, 4), (6, 16, 4), (8, 24, 8)),
        acked(*[3.0 + n / 4 for n in range(24)]),
    )
    assert found["images"].tolist() == [4] * 6
    assert batch_size(found) == 4
    assert found["acked"].sum() == 24


def test_what_was_handed_out_before_the_watch_is_no_batch() -> None:
    """The watch began when 20 of 40 were out: nobody knows in which batches."""
    consumers = looks((600, 20, 0), (602, 24, 4), (604, 28, 4))
    found = batches_of(consumers, acked(*[600.0 + n / 10 for n in range(28)]))
    assert found["images"].tolist() == [4, 4]


def test_a_gap_of_the_looks_makes_no_batch() -> None:
    """NATS could not be read for 4 minutes: what went out then is left out."""
    consumers = looks((0, 0, 0), (2, 4, 4), (4, 8, 4), (244, 36, 4), (246, 40, 4))
    found = batches_of(consumers, acked(*[3.0 + n * 6 for n in range(40)]))
    assert found["images"].tolist() == [4, 4, 4]


def test_a_batch_of_which_one_image_is_open_has_no_time() -> None:
    """Seven of eight are saved: how long the batch takes is not known yet."""
    found = batches_of(looks((0, 0, 0), (2, 8, 8)), acked(*[3.0] * 7))
    assert found["acked"].tolist() == [7]
    assert found["batch_time_s"].isna().all()


def test_no_tasks_no_batches() -> None:
    found = metrics.batches(frames.table([], TASKS), frames.empty("consumers"))
    assert found.empty
    assert list(found) == list(BATCHES)


def test_the_broker_holds_back_at_its_limit() -> None:
    """All of max_ack_pending is in flight: another worker would get nothing."""
    consumers = looks(*[(2.0 * n, 4 * n, 8 if n else 0) for n in range(11)])
    tasks = metrics.task_times(consumers, acks=acked(*[4.0 + n / 2 for n in range(40)]))
    full = what_if(tasks, consumers, as_of=BEGIN + pd.Timedelta(seconds=30))
    assert full.pace is not None
    assert full.pace.limited_by == "max_ack_pending"
    assert full.more is not None
    assert full.more.throughput_per_min == full.pace.throughput_per_min
    assert any("max_ack_pending" in line for line in full.in_words())


def test_the_rule_is_held_against_what_came_before() -> None:
    """Six batches of 10 s and then one of 20 s: the rule would have said 12.5 s."""
    rows = [
        {
            "job_id": 1,
            "fetched_at": BEGIN + pd.Timedelta(seconds=60 * n),
            "last_acked_at": BEGIN + pd.Timedelta(seconds=60 * n + took_s),
            "batch_time_s": took_s,
            "batch_time_error_s": 0.0,
        }
        for n, took_s in enumerate([10.0] * 6 + [20.0])
    ]
    safe = safe_wait(frames.table(rows, BATCHES))
    assert safe is not None
    assert safe.ack_wait_s == 20 * MARGIN
    assert (safe.exceeded, safe.tried) == (1, 2)
    assert safe_wait(frames.table(rows[:4], BATCHES)) is None


@pytest.mark.parametrize(
    ("hits", "tries", "low", "high"),
    [(0, 10, 0.0, 0.278), (1, 10, 0.018, 0.404), (10, 10, 0.722, 1.0), (0, 0, 0.0, 1.0)],
)
def test_shares_of_few_are_wide(hits: int, tries: int, low: float, high: float) -> None:
    """Wilson's interval, to values from tables."""
    assert wilson(hits, tries) == pytest.approx((low, high), abs=0.001)
