"""What is said of real recordings, tick by tick: the right thing, soon, and nothing else."""

import functools

import pandas as pd
import pytest
from recorded import JOBS, history_of

from ami_console.diagnosis import Finding, consistency, diagnose, outlook, verdicts
from ami_console.history import History

QUIET = ("a_healthy", "e_cancelled", "m_slow_but_healthy")


def instant(clock: str) -> pd.Timestamp:
    """A time of the day of the recordings, UTC."""
    return pd.Timestamp(f"2026-11-23T{clock}Z")


@functools.cache
def whole(scenario: str) -> History:
    """The recording as the importer gives it: looks and tap."""
    return history_of(scenario)


@functools.cache
def said(scenario: str) -> pd.DataFrame:
    """Every verdict of a recording, judged at its end."""
    history = whole(scenario)
    return verdicts(history, as_of=history.frame("reads")["observed_at"].max())


@functools.cache
def codes_by_tick(scenario: str) -> dict[pd.Timestamp, list[str]]:
    """Judged anew at looks all along the recording, with nothing later in sight."""
    history = whole(scenario)
    every = history.frame("reads")["observed_at"].drop_duplicates().tolist()
    return {
        as_of: [f.code for f in diagnose(history, as_of=as_of) if f.outcome == "finding"]
        for as_of in every[:: max(1, len(every) // 60)]
    }


@pytest.mark.parametrize("scenario", QUIET)
def test_of_a_healthy_a_cancelled_and_a_slow_job_nothing_is_said(scenario: str) -> None:
    """320 images in a minute; a cancel in the middle; 13 s between steps: no alarm, ever."""
    assert len(said(scenario)) == 0
    assert [codes for codes in codes_by_tick(scenario).values() if codes] == []


def test_no_worker_ever_came() -> None:
    """Said within 60 s of the images being queued, and until the job's end."""
    (row,) = said("b_no_worker").to_dict("records")
    assert (row["code"], row["severity"], row["job_id"]) == ("no_worker", "critical", 4)
    assert abs((row["since"] - instant("15:15:03.76")).total_seconds()) < 0.05
    assert row["spoken_at"] - row["since"] <= pd.Timedelta(seconds=60)
    # The health check of 15:30:00 ended the job.
    assert instant("15:30:00") <= row["ended_at"] <= instant("15:30:03")
    spoken = {at: codes for at, codes in codes_by_tick("b_no_worker").items() if codes}
    assert set(map(tuple, spoken.values())) == {("no_worker",)}


def test_the_countdown_to_the_health_check_is_right() -> None:
    """From 15:16 on: all 320 will be marked failed at 15:30:00, and the job will be FAILURE."""
    for clock in ("15:16:10", "15:20:00", "15:29:59"):
        (row,) = outlook(whole("b_no_worker"), as_of=instant(clock)).to_dict("records")
        assert (row["at"], row["images"]) == (instant("15:30:00"), 320)
        assert (row["becomes"], row["job_id"]) == ("FAILURE", 4)
        assert abs((row["idle_since"] - instant("15:15:03.657")).total_seconds()) < 0.01
    last = whole("b_no_worker").latest("jobs")["status"].iloc[0]
    assert last == "FAILURE"


def test_a_crash_is_seen_by_its_eight_images() -> None:
    """Nothing before the crash at 15:16:26; the eight images, and gone when they are done."""
    (row,) = said("c_worker_crash").to_dict("records")
    assert row["code"] in ("redelivering", "not_returning")
    assert row["since"] > instant("15:16:26")
    assert abs((row["since"] - instant("15:16:38.79")).total_seconds()) < 0.3
    assert row["withdrawn_at"] <= instant("15:16:45")
    assert "8 redeliveries" in row["title"]
    early = [codes for at, codes in codes_by_tick("c_worker_crash").items() if at < row["since"]]
    assert early
    assert set(map(tuple, early)) == {()}


def test_the_broker_gives_up_what_is_on_its_last_attempt() -> None:
    """max_deliver is 2: the eight have until 15:16:48.79."""
    (row,) = outlook(whole("c_worker_crash"), as_of=instant("15:16:42")).to_dict("records")
    assert (row["kind"], row["images"]) == ("given_up", 8)
    assert abs((row["at"] - instant("15:16:48.79")).total_seconds()) < 0.3


def test_a_source_that_is_away_is_named_and_nothing_is_invented() -> None:
    """REST gone from 16:40:15.8 to 16:41:21; broker and Redis stand still meanwhile."""
    (row,) = said("k_api_down").to_dict("records")
    assert (row["code"], row["subject"], row["severity"]) == ("source_down", "antenna", "critical")
    assert abs((row["since"] - instant("16:40:15.8")).total_seconds()) < 0.1
    assert row["spoken_at"] <= instant("16:40:22")
    assert instant("16:41:17") <= row["ended_at"] <= instant("16:41:22")
    told = diagnose(whole("k_api_down"), as_of=instant("16:41:10"))
    assert [f.code for f in told if f.outcome == "finding"] == ["source_down"]
    unknown = {f.code: f.why for f in told if f.outcome == "cant_tell"}
    assert "Antenna's REST API can't be read since 16:40:15 UTC" in unknown["stuck_canceling"]


def test_a_frozen_celery_is_named_while_it_is_frozen() -> None:
    """SIGSTOP at 16:49:38.8, SIGCONT at 16:50:18.8; caught up some ten seconds later."""
    (row,) = said("n_results_lag").to_dict("records")
    assert (row["code"], row["severity"], row["job_id"]) == ("results_backlog", "critical", 118)
    assert abs((row["since"] - instant("16:49:38.7")).total_seconds()) < 0.1
    assert row["spoken_at"] <= instant("16:49:52")
    assert instant("16:50:18.8") < row["withdrawn_at"] <= instant("16:50:34")
    at_once = codes_by_tick("n_results_lag")
    frozen = [c for at, c in at_once.items() if row["spoken_at"] <= at <= instant("16:50:18")]
    assert len(frozen) > 10
    assert set(map(tuple, frozen)) == {("results_backlog",)}
    (found,) = diagnose(whole("n_results_lag"), as_of=instant("16:50:10"))
    held = {each.name: each.value for each in found.evidence}
    assert (held["num_ack_pending"], held["redis_pending_results"]) == (128, 128)
    assert held["ml_results_ready"] == 101


@pytest.mark.parametrize("scenario", list(JOBS))
def test_judging_tick_by_tick_gives_what_the_history_tells(scenario: str) -> None:
    """Live, nobody knows the future: at each look the same verdicts stand as in the post-mortem.

    But for the look at which one speaks: live it may do so between two of them.
    """
    table = said(scenario)
    for as_of, codes in codes_by_tick(scenario).items():
        turns = pd.concat([table["spoken_at"], table["withdrawn_at"]]).dropna()
        if ((turns - as_of).abs() <= pd.Timedelta(seconds=2)).any():
            continue
        standing = table[
            (table["spoken_at"] <= as_of)
            & ((table["withdrawn_at"] > as_of) | table["withdrawn_at"].isna())
        ]
        assert sorted(codes) == sorted(standing["code"]), as_of


@pytest.mark.parametrize("scenario", list(JOBS))
def test_the_three_agree_all_along_a_recording(scenario: str) -> None:
    """Sources are read some milliseconds apart and a job moves: that is no disagreement."""
    history = whole(scenario)
    every = history.frame("reads")["observed_at"].drop_duplicates().tolist()
    verdicts_told = [
        (as_of, line.quantity, line.why)
        for as_of in every[:: max(1, len(every) // 40)]
        for line in consistency(history, JOBS[scenario], as_of=as_of)
        if line.verdict == "fail"
    ]
    assert verdicts_told == []


@pytest.mark.parametrize("scenario", ["b_no_worker", "n_results_lag"])
def test_a_short_look_back_that_carries_on_what_stood_tells_the_same(scenario: str) -> None:
    """A live watch judges by its last minute or so, and by what it found before."""
    history = whole(scenario)
    before: list[Finding] = []
    for as_of, codes in codes_by_tick(scenario).items():
        since = as_of - pd.Timedelta(seconds=60)
        before = diagnose(history, as_of=as_of, since=since, before=before)
        assert [f.code for f in before if f.outcome == "finding"] == codes, as_of
