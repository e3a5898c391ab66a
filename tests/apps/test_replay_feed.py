"""A recording is wound on and back: what is shown is what was known then, and nothing else."""

import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from replayed import recording, replay
from watched import BEGIN, at, watched

from ami_console import frames
from ami_console.apps.feed import LiveFeed
from ami_console.apps.replay_feed import ReplayFeed
from ami_console.collector import Collector
from ami_console.errors import RecordingError
from ami_console.history import History
from ami_console.live_diagnosis import diagnose_recorded
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter, open_recording
from ami_console.settings import Settings

JUDGED = {"b_no_worker": 15, "c_worker_crash": 20, "n_results_lag": 20}


def told(findings: Any) -> list[dict[str, Any]]:
    """Findings as they would be printed."""
    return [finding.as_json() for finding in findings]


def places(feed: ReplayFeed, count: int) -> list[pd.Timestamp]:
    """Instants all over a recording, in no order."""
    span_s = (feed.last_at - feed.first_at).total_seconds()
    rng = random.Random(5)
    drawn = [feed.first_at + pd.Timedelta(seconds=rng.uniform(0, span_s)) for _ in range(count)]
    return [instant.ceil("ms") for instant in drawn]


@pytest.mark.parametrize("scenario", JUDGED)
def test_each_instant_is_judged_as_the_command_judges_it(scenario: str) -> None:
    """`diagnose --as-of` of the link that a colleague sent tells the same as the page."""
    feed = replay(scenario)
    spoke = 0
    for instant in [*places(feed, JUDGED[scenario]), feed.last_at]:
        feed.move_to(instant)
        judged = feed.judged()
        assert judged.as_of == instant
        assert told(judged.findings) == told(
            diagnose_recorded(recording(scenario), as_of=instant, rules=feed.rules)
        )
        spoke += len(judged.findings)
    assert spoke > 0


def test_stepping_and_jumping_tell_the_same() -> None:
    """Whoever played up to the crash sees what is seen by whoever opens the link."""
    stepped, jumped = replay("c_worker_crash"), replay("c_worker_crash")
    stepped.move_to(stepped.first_at)
    instants = []
    while stepped.as_of() < stepped.last_at:
        stepped.move_to(stepped.neighbour(1))
        instants.append(stepped.as_of())
        judged = stepped.judged()
        if len(instants) % 4 == 0:
            jumped.move_to(instants[-1])
            assert told(judged.findings) == told(jumped.judged().findings)
    assert len(instants) > 30
    back = []
    while stepped.as_of() > stepped.first_at:
        back.append(stepped.as_of())
        stepped.move_to(stepped.neighbour(-1))
    assert back == instants[::-1]


@pytest.mark.parametrize("name", frames.FRAMES)
def test_nothing_of_later_is_ever_given(name: str) -> None:
    """A page asks for more than it may see: it gets the rows up to the instant."""
    feed = replay("c_worker_crash")
    end = feed.last_at + pd.Timedelta(days=1)
    whole = recording("c_worker_crash").frame(name)
    for instant in places(feed, 12):
        feed.move_to(instant)
        by_then = whole[whole["observed_at"] <= instant]
        for rows in (feed.frame(name), feed.frame(name, until=end)):
            assert len(rows) == len(by_then)
            assert not (rows["observed_at"] > instant).any()
        last = frames.last_rows(name, by_then)
        for rows in (feed.latest(name), feed.latest(name, until=end)):
            assert rows["observed_at"].tolist() == last["observed_at"].tolist()


def test_a_job_ends_when_it_was_seen_to_end() -> None:
    """At 15:25 nobody knows that the health check will end the job at 15:30."""
    feed = replay("b_no_worker")
    feed.move_to(pd.Timestamp("2026-11-23T15:25:00Z"))
    (row,) = feed.latest("jobs").to_dict("records")
    assert (row["status"], pd.isna(row["finished_at"])) == ("STARTED", True)
    feed.move_to(feed.last_at)
    assert feed.latest("jobs")["status"].tolist() == ["FAILURE"]


def test_jobs_are_known_from_their_first_row_on() -> None:
    """Before the job was made there is none, and afterwards it stays known."""
    feed = replay("c_worker_crash")
    feed.move_to(pd.Timestamp("2026-11-23T15:16:12Z"))
    before = feed.job_ids()
    feed.move_to(feed.last_at)
    assert 6 not in before
    assert 6 in feed.job_ids()


def test_it_never_leaves_the_recording_and_tells_of_each_move_once() -> None:
    """The address names an instant of another day; the page stays at the nearer end."""
    feed = replay("n_results_lag")
    moves: list[pd.Timestamp] = []
    end = feed.subscribe(lambda: moves.append(feed.as_of()))
    for instant in ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", "2170-01-01T00:00:00+02:00"):
        feed.move_to(pd.Timestamp(instant))
    assert moves == [feed.first_at, feed.last_at]
    end()
    feed.move_to(feed.first_at)
    assert len(moves) == 2
    assert feed.neighbour(-1) == feed.first_at


def test_the_night_in_which_nobody_looked_is_one_step(tmp_path: Path) -> None:
    """The watch ended in the evening and went on in the morning."""
    path = tmp_path / "night"
    with RecordingWriter(path) as writer:
        for second in (*range(0, 21, 2), *range(36_000, 36_021, 2)):
            for source, late_s in (("nats", 0.01), ("redis", 0.02), ("antenna", 0.3)):
                writer.append(Reading(source=source, observed_at=at(second + late_s).value))
    feed = ReplayFeed.of_recording(open_recording(path), like=replay("b_no_worker"))
    assert feed.every_s == 2.0
    feed.move_to(at(22))  # the last look of the evening took a moment
    assert feed.neighbour(1) == at(36_002)
    feed.move_to(at(36_002))
    assert feed.neighbour(-1) == at(22)


def replayable(history: History) -> list[Reading]:
    """The reads of a history as they came in."""
    return [
        Reading(source=row["source"], observed_at=row["observed_at"].value)
        for row in history.frame("reads").to_dict("records")
    ]


class Watching(LiveFeed):
    """A live watch whose clock is ours."""

    def __init__(self) -> None:
        collector = Collector(Settings(), sources=lambda _: ())
        super().__init__(collector)
        self.now = BEGIN

    def as_of(self) -> pd.Timestamp:
        return self.now


def test_a_live_watch_is_stopped_and_goes_on_meanwhile() -> None:
    """The operator stops at the instant of the alarm, looks back, and then on."""
    live = Watching()
    reads = replayable(watched(120).history)
    with pytest.raises(RecordingError, match="Nothing was recorded yet"):
        ReplayFeed.over(live)
    for reading in reads:
        if reading.observed_at <= at(60).value:
            live._collector.history.add(reading)
    live.now = at(60)
    feed = ReplayFeed.over(live)
    assert (feed.is_live, feed.as_of(), feed.first_at) == (False, at(60), at(0))
    feed.move_to(at(31))
    seen = feed.frame("reads")
    for reading in reads:
        if reading.observed_at > at(60).value:
            live._collector.history.add(reading)
    live.now = at(122)
    assert (feed.as_of(), feed.last_at) == (at(31), at(122))
    assert len(feed.frame("reads")) == len(seen)
    feed.move_to(at(122))
    assert len(feed.frame("reads")) == len(reads)
    assert feed.label == "replay · http://localhost:8000"


def test_an_empty_recording_is_no_replay(tmp_path: Path) -> None:
    """Nothing was recorded: that is said, in place of a page from 1970."""
    path = tmp_path / "empty"
    RecordingWriter(path).close()
    with pytest.raises(RecordingError, match="Nothing was recorded yet, so replay · empty"):
        ReplayFeed.of_recording(open_recording(path), like=replay("b_no_worker"))
