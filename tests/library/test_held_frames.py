"""What is held for a replay is what its source has, however far it reaches back."""

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from recorded import history_of
from watched import BEGIN, at, watched

from ami_console import frames
from ami_console import held_frames as held_module
from ami_console.held_frames import HeldFrames, held_frames
from ami_console.history import History
from ami_console.reading import Reading


@pytest.fixture(scope="module")
def crashed() -> History:
    """A job whose worker crashed, with its acknowledgements and log lines."""
    return history_of("c_worker_crash", "looks", "tap", "job_log", "django")


@pytest.mark.parametrize("name", frames.FRAMES)
def test_frames_of_any_stretch_and_job_are_those_of_the_source(crashed: History, name: str) -> None:
    """Whole, from the middle on, of one job, of a job that nobody knows."""
    begin = crashed.frame("reads")["observed_at"].min()
    middle = begin + pd.Timedelta(seconds=31.25)
    held = HeldFrames(crashed).around(middle)
    for job_id in (None, 6, 99):
        for since in (None, middle - pd.Timedelta(seconds=7), middle):
            found = held.frame(name, job_id=job_id, since=since, until=middle)
            wanted = crashed.frame(name, job_id=job_id, since=since, until=middle)
            assert_frame_equal(found, wanted.reset_index(drop=True))
    wanted = frames.last_rows(name, crashed.frame(name, until=middle)).reset_index(drop=True)
    assert_frame_equal(held.latest(name, until=middle), wanted)


@pytest.mark.parametrize("name", frames.FRAMES)
def test_of_nothing_there_is_an_empty_frame(name: str) -> None:
    """A recording has no log lines: the frame has its columns and no row."""
    held = HeldFrames(History()).around(BEGIN)
    assert_frame_equal(held.frame(name), frames.empty(name))
    assert_frame_equal(held.latest(name, until=BEGIN), frames.empty(name))
    assert_frame_equal(held.frame(name, job_id=7), frames.empty(name))


def test_of_what_is_long_ago_only_the_last_row_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A night's recording: of a job that ended hours ago one still wants to know that it ended."""
    monkeypatch.setattr(held_module, "LATEST_S", 1_200.0)
    history = watched(600).history
    held = HeldFrames(history, block_s=60.0)
    late = at(590)
    rows = held.around(late).frame("consumers", until=late)
    assert (late - rows["observed_at"].min()).total_seconds() <= 120
    newer = Reading(source="antenna", observed_at=at(1200).value)
    history.add(newer)
    later = HeldFrames(history, block_s=60.0).around(at(1199))
    assert later.frame("jobs").empty
    last = later.latest("jobs", until=at(1199))
    assert last["observed_at"].tolist() == [history.frame("jobs")["observed_at"].max()]
    assert later.latest("jobs", until=at(10)).empty


def test_stretches_that_nobody_looks_at_any_more_are_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Winding through a week must not fill the memory of the server."""
    monkeypatch.setattr(held_module, "LATEST_S", 240.0)
    held = HeldFrames(watched(600).history, block_s=60.0)
    sizes = []
    for second in range(0, 600, 30):
        held.around(at(second)).frame("consumers")
        sizes.append(held.held_bytes)
    assert 0 < max(sizes) <= 2.5 * sizes[4]


def test_what_comes_in_late_is_seen_when_one_goes_on() -> None:
    """A live watch is replayed: the slow answer of a source comes in after the quick ones."""
    history = watched(60).history
    held = HeldFrames(history, grows=True)
    assert held.around(at(60)).frame("jobs", until=at(60))["observed_at"].max() <= at(60)
    row = {"observed_at": at(55).value, "job_id": 8, "status": "STARTED"}
    history.add(Reading(source="antenna", observed_at=at(55).value, rows={"jobs": [row]}))
    later = {"observed_at": at(62).value, "job_id": 8, "status": "SUCCESS"}
    history.add(Reading(source="antenna", observed_at=at(62).value, rows={"jobs": [later]}))
    assert held.around(at(62)).frame("jobs", job_id=8, until=at(62))["status"].tolist() == [
        "STARTED",
        "SUCCESS",
    ]
    assert_frame_equal(held.around(at(62)).frame("reads"), history.frame("reads"))
    assert held.looks().tolist() == sorted(history.frame("reads")["observed_at"].array.asi8)


def test_who_gets_a_frame_may_change_it() -> None:
    """A metric fills a column in place: the next page sees the frame as it was recorded."""
    history = watched(60).history
    held = HeldFrames(history).around(BEGIN)
    mine = held.frame("consumers")
    mine["num_pending"] = 0
    mine.loc[:, "num_waiting"] = -1
    assert_frame_equal(held.frame("consumers"), history.frame("consumers"))


def test_all_pages_share_what_is_held() -> None:
    """Fifty people open the same link; one copy is held, until the last of them leaves."""
    history = watched(4).history
    one = held_frames(history)
    assert held_frames(history) is one
    assert held_frames(watched(4).history) is not one
