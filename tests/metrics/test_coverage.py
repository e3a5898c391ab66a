"""Coverage of the tap: what it saw against what was settled, and when it did not listen."""

from typing import Any

import pandas as pd
import pytest
from recorded import JOBS, history_of
from test_tasks import ack, at

from ami_console import frames
from ami_console.metrics import coverage, tap_gaps


def looks(*settled: tuple[float, int]) -> pd.DataFrame:
    """Looks at job 1, of 100 images, nothing in flight."""
    rows: list[dict[str, Any]] = [
        {"observed_at": at(s), "server_at": at(s), "job_id": 1, "consumer_exists": True,
         "stream_exists": True, "messages": 100, "first_seq": 1, "last_seq": 100,
         "num_pending": 100 - n, "num_ack_pending": 0, "num_redelivered": 0,
         "delivered_consumer_seq": n, "delivered_stream_seq": n, "ack_floor_stream_seq": n,
         "stream_created_at": at(0), "consumer_created_at": at(0),
         "delivered_last_active": at(s)}
        for s, n in settled
    ]  # fmt: skip
    return frames.from_rows("consumers", rows)


def covered(
    consumers: pd.DataFrame, *acks: dict[str, Any], status: str = "STARTED", **reads: Any
) -> dict[str, Any]:
    jobs = frames.from_rows("jobs", [{"observed_at": at(0), "job_id": 1, "status": status}])
    told = coverage(
        consumers,
        acks=frames.from_rows("acks", acks),
        reads=reads.get("reads", frames.empty("reads")),
        jobs=jobs,
    )
    return dict(told.iloc[0])


def tap_reads(*told: tuple[float, str | None]) -> pd.DataFrame:
    return frames.from_rows(
        "reads",
        [
            {"observed_at": at(s), "source": "tap", "ok": error is None, "error": error}
            for s, error in told
        ],
    )


@pytest.mark.parametrize("scenario", ["a_healthy", "c_worker_crash", "k_api_down", "n_results_lag"])
def test_the_taps_of_the_real_jobs_saw_everything(scenario: str) -> None:
    history = history_of(scenario)
    names = ("consumers", "acks", "jobs", "counters")
    held = {name: history.frame(name, job_id=JOBS[scenario]) for name in names}
    told = coverage(held.pop("consumers"), reads=history.frame("reads"), **held).iloc[0]
    assert told["acks_seen_ratio"] == 1.0
    assert told["missing"] == 0
    assert told["gap_s"] == 0


def test_what_was_lost_is_missing_and_stays_missing() -> None:
    """Ten acknowledgements were dropped long ago, and all after them were seen."""
    seen = [ack(n, n) for n in range(11, 61)]
    told = covered(looks(*((s, s) for s in range(2, 62, 2))), *seen)
    assert (told["settled"], told["seen"], told["missing"]) == (60, 50, 10)
    assert told["acks_seen_ratio"] == pytest.approx(50 / 60)


def test_an_acknowledgement_on_its_way_is_not_lost() -> None:
    """The newest look counts one that the tap has not handed on yet; at the look before, all."""
    seen = [ack(n, n) for n in range(1, 60)]
    told = covered(looks((56, 56), (58, 58), (60, 60)), *seen)
    assert (told["settled"], told["missing"]) == (58, 0)


def test_repeated_acknowledgements_do_not_fill_holes() -> None:
    seen = [ack(n, n) for n in range(1, 31)] * 2
    assert covered(looks((60, 60), (62, 60)), *seen)["missing"] == 30


def test_of_a_job_that_ended_well_every_message_must_have_been_seen() -> None:
    """The last look was at 90 of 100; the tap must have seen the last ten as well."""
    seen = [ack(n, n) for n in range(1, 96)]
    ended = looks((88, 88), (90, 90))
    assert covered(ended, *seen)["missing"] == 0
    told = covered(ended, *seen, status="SUCCESS")
    assert (told["settled"], told["seen"], told["missing"]) == (100, 95, 5)


def test_nothing_settled_is_no_ratio() -> None:
    told = covered(looks((2, 0), (4, 0)))
    assert (told["settled"], told["missing"]) == (0, 0)
    assert told["acks_seen_ratio"] is pd.NA


def test_a_gap_reaches_from_the_last_good_read_to_the_next() -> None:
    reads = tap_reads((2, None), (4, None), (6, "cut off"), (8, "refused"), (10, None), (12, None))
    gaps = tap_gaps(reads)
    assert len(gaps) == 1
    assert gaps["begins_at"].iloc[0] == pd.Timestamp(at(4), tz="UTC")
    assert gaps["ends_at"].iloc[0] == pd.Timestamp(at(10), tz="UTC")
    assert gaps["reason"].iloc[0] == "cut off"
    assert covered(looks((2, 0), (8, 0)), reads=reads)["gap_s"] == 4


def test_a_gap_that_has_not_ended_reaches_until_now() -> None:
    reads = tap_reads((2, None), (4, "cut off"))
    until = pd.Timestamp(at(30), tz="UTC")
    assert tap_gaps(reads, as_of=until)["ends_at"].iloc[0] == until
    assert tap_gaps(tap_reads((2, None), (4, None))).empty
    assert tap_gaps(frames.empty("reads")).empty


def test_a_last_word_within_a_gap_does_not_cut_it_in_two() -> None:
    """What had come in before the connection broke is handed on after the failure is told."""
    reads = tap_reads((4, None), (5, "cut off"), (5.1, None), (6, "refused"), (10, None))
    gaps = tap_gaps(reads)
    assert gaps["begins_at"].tolist() == [pd.Timestamp(at(4), tz="UTC")]
    assert gaps["ends_at"].tolist() == [pd.Timestamp(at(10), tz="UTC")]


def test_a_recorder_that_was_off_is_a_gap_of_the_tap() -> None:
    """It was killed, and a new process records on: no read failed, and nobody listened."""
    reads = tap_reads((2, None), (3, None), (60, None), (61, None)).assign(
        elapsed_s=pd.array([1.0, 1.0, 0.1, 1.0], dtype="Float64")
    )
    gaps = tap_gaps(reads)
    assert gaps["begins_at"].tolist() == [pd.Timestamp(at(3), tz="UTC")]
    assert gaps["ends_at"].tolist() == [pd.Timestamp(at(59.9), tz="UTC")]
    assert gaps["reason"].tolist() == ["the tap was off"]
