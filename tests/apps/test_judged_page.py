"""What the page says of the chosen job: what comes next, do the sources agree, what was found."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from found import AT, NEW_YORK, finding, judged, text
from opened import Opened, opened
from recorded import readings
from staged_feed import HOSTILE, Staged, StagedFeed

from ami_console import frames
from ami_console.apps import board, judgements, replay_feed
from ami_console.apps.consistency_card import consistency_card
from ami_console.apps.feed import LiveFeed, RecordedFeed
from ami_console.apps.outlook_card import outlook_card
from ami_console.apps.verdicts_card import MOST, verdicts_card
from ami_console.collector import Collector
from ami_console.diagnosis import Line
from ami_console.diagnosis.judge import VERDICTS
from ami_console.diagnosis.outlook import OUTLOOK
from ami_console.one_job import OneJob
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter, open_recording
from ami_console.settings import Settings

pytestmark = pytest.mark.filterwarnings(
    # Bokeh 3.9 makes a table's data with an argument that pandas 3.1 calls old.
    "ignore:The inplace keyword in DataFrame.reset_index:pandas.errors.Pandas4Warning"
)

JOBS = (
    Staged(3, "Runs", total=4000, per_min=96.0),
    Staged(4, HOSTILE, total=900, per_min=30.0, redelivered_every_s=95),
    Staged(9, "Over", total=40, per_min=60.0),
)


@pytest.fixture
def feed() -> Iterator[StagedFeed]:
    """Three jobs, watched for ten minutes."""
    staged = StagedFeed(JOBS, every_s=10.0)
    staged.play(600.0)
    yield staged
    board.forget()


def recorded(where: Path, scenario: str, *ways: str, until: str | None = None) -> Opened:
    """The page on some ways of knowing of a real job, or on the beginning of it."""
    end = None if until is None else pd.Timestamp(until).value
    with RecordingWriter(where / scenario) as writer:
        for way in ways:
            kept = [r for r in readings(scenario, way) if end is None or r.observed_at <= end]
            writer.append_many(kept)
    return opened(RecordedFeed(open_recording(where / scenario), zone=ZoneInfo("UTC")))


def test_a_recorded_job_without_a_worker_says_what_happens_next(tmp_path: Path) -> None:
    """Nine minutes in: it will be a FAILURE at the next health check, and why."""
    page = recorded(tmp_path, "b_no_worker", "looks", until="2026-11-23T15:24:00Z")
    found = text(page.found)
    assert "Job 4 Scenario B no worker ✕ critical 320 images are queued and no worker" in found
    assert "no_worker since 15:15:03" in found
    coming = text(page.judged.panes["outlook"])
    assert "in 6 min 00 s at 15:30:00" in coming
    assert "it will mark 320 images as failed, and the job will end as FAILURE" in coming
    assert "Idle since 15:15:03, 8 min 56 s" in coming
    spoken = text(page.judged.panes["verdicts"])
    assert "✕ critical no_worker 320 images are queued" in spoken
    assert "since 15:15:03, stands · spoke 15:15:48" in spoken
    assert page.heartbeat.tab.startswith("(1) ")
    row = page.table.shown.frame.iloc[0]
    assert (row["finding"], row["finding_code"], row["finding_more"]) == (3.0, "no_worker", 0)


def test_results_that_were_thrown_away_are_said_in_words(tmp_path: Path) -> None:
    """A cancelled job looks tidy the morning after; a quarter of its work went nowhere."""
    page = recorded(tmp_path, "e_cancelled", "looks", "tap", "job_log")
    told = text(page.judged.panes["verdicts"])
    assert "96 results were thrown away: they came back when the job was over (revoked)" in told
    assert "from 15:18:28 to 15:18:" in told
    assert page.judged.cards["outlook"].visible is False
    agree = text(page.judged.panes["agree"])
    assert "? All the job is over: broker and Redis have forgotten it." in agree


def test_a_recording_is_judged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page on a recording stands still: refreshing it judges nothing anew."""
    counted: list[str] = []
    for module, name in ((replay_feed, "diagnose_recorded"), (judgements, "verdicts")):
        whole = getattr(module, name)
        monkeypatch.setattr(
            module,
            name,
            lambda *a, whole=whole, name=name, **k: counted.append(name) or whole(*a, **k),
        )
    page = recorded(tmp_path, "c_worker_crash", "looks")
    assert "Job 6" in text(page.panes["job"])
    page.refresh()
    assert sorted(counted) == ["diagnose_recorded", "verdicts"]


def test_nothing_is_judged_per_second(feed: StagedFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages tick on ten pages; the sums are done when there is news."""
    counted: list[str] = []
    for name in ("outlook", "consistency"):
        whole = getattr(judgements, name)
        monkeypatch.setattr(
            judgements,
            name,
            lambda *a, whole=whole, name=name, **k: counted.append(name) or whole(*a, **k),
        )
    feed.now_s += 10
    page, other = opened(feed, tab="job"), opened(feed, tab="job")
    before = sorted(counted)
    for _ in range(20):
        feed.now_s += 1
        page.tick()
        other.tick()
    assert sorted(counted) == before == ["consistency", "outlook"]


def test_one_job_alone_is_judged_as_among_the_others(feed: StagedFeed) -> None:
    """Reading less must not change the answer."""
    as_of = feed.as_of()
    for job_id in (3, 4, 9):
        alone = OneJob(feed, job_id)
        whole = judgements.consistency(feed, job_id, as_of=as_of)
        assert judgements.consistency(alone, job_id, as_of=as_of) == whole
        coming = judgements.outlook(feed, as_of=as_of, job_ids=[job_id])
        pd.testing.assert_frame_equal(
            judgements.outlook(alone, as_of=as_of, job_ids=[job_id]), coming
        )


def test_a_countdown_ticks(feed: StagedFeed) -> None:
    """Nobody answers any more: what is to come comes nearer all the same."""
    page = opened(feed)
    page.choose(4)
    assert page.judged.cards["outlook"].visible is True
    before = text(page.judged.panes["outlook"])
    feed.now_s += 7
    page.tick()
    after = text(page.judged.panes["outlook"])

    def left(said: str) -> int:
        minutes, seconds = re.search(r"in (\d+) min (\d+) s at", said).groups()  # type: ignore[union-attr]
        return int(minutes) * 60 + int(seconds)

    assert left(before) - left(after) == 7
    page.choose(3)
    assert page.judged.cards["outlook"].visible is False


def test_what_is_due_is_due_now() -> None:
    """The health check is late by some seconds: no negative countdown."""
    row = {
        "job_id": 4,
        "kind": "health_check",
        "at": AT.value,
        "says": f"The check of 15:24:00 UTC ends it {HOSTILE}.",
        "assumes": "that nothing moves",
    }
    coming = frames.table([row | {"at": AT}], OUTLOOK)
    card = outlook_card(coming, as_of=AT + pd.Timedelta(seconds=3), zone=NEW_YORK)
    assert "now at 10:24:00 The check of 10:24:00 ends it" in text(card).replace(HOSTILE, "")
    assert "<img" not in card.html
    assert outlook_card(coming.head(0), as_of=AT, zone=NEW_YORK).html == ""


def test_a_dash_differs_from_unknown() -> None:
    """The broker never tells of failed images; Redis does, when it can be read."""
    three = ("antenna", "nats", "redis")
    lines = [
        Line(quantity="total", antenna=320, nats=320, redis=320, tellers=three, verdict="pass"),
        Line(
            quantity="remaining",
            antenna=10,
            nats=12,
            redis=10,
            tellers=three,
            verdict="fail",
            why="antenna says 10, nats says 12",
            since=AT - pd.Timedelta(minutes=2),
        ),
        Line(
            quantity="failed",
            antenna=0,
            nats=None,
            redis=None,
            tellers=("antenna", "redis"),
            verdict="cant_tell",
            why="not known from redis",
        ),
    ]
    told = text(consistency_card(lines, as_of=AT, zone=NEW_YORK, looked_s=600.0))
    assert "in all 320 320 320 ✓ agree" in told
    assert "remaining 10 12 10 ✗ differ" in told
    assert "failed 0 – unknown ? can't tell" in told
    assert "✗ Remaining job database says 10, broker says 12, since 10:22:00." in told
    assert "? Failed not known from Redis." in told
    late = consistency_card(lines, as_of=AT, zone=NEW_YORK, looked_s=150.0)
    assert "since before 10:22:00" in text(late)
    assert consistency_card([], as_of=AT, zone=NEW_YORK).html == ""


def test_the_three_are_held_against_each_other_live(feed: StagedFeed) -> None:
    """Redis is gone: what it told is unknown, and not 0."""
    page = opened(feed)
    page.choose(3)
    assert text(page.judged.panes["agree"]).count("✓ agree") == 5
    feed.down["redis"] = "refused"
    feed.play(700.0, begin_s=610.0)
    page.refresh()
    told = text(page.judged.panes["agree"])
    assert "✗" not in told
    assert re.search(r"in all 4000 4000 (unknown|4000)", told)


def spoken_rows(number: int, **more: Any) -> pd.DataFrame:
    """Verdicts that are over, one a minute."""
    rows = [
        {
            "job_id": 3,
            "code": "slow",
            "severity": "warning",
            "title": f"number {i}",
            "since": AT + pd.Timedelta(minutes=i),
            "spoken_at": AT + pd.Timedelta(minutes=i, seconds=20),
            "ended_at": AT + pd.Timedelta(minutes=i, seconds=50),
            "withdrawn_at": AT + pd.Timedelta(minutes=i, seconds=60),
            "end": "over",
        }
        | more
        for i in range(number)
    ]
    return frames.table(rows, VERDICTS)


def test_the_newest_verdicts_come_first_and_not_too_many(feed: StagedFeed) -> None:
    """A night of coming and going."""
    job = opened(feed).board.job(3)
    assert job is not None
    own, others = spoken_rows(60), spoken_rows(3, job_id=77, title="another job")
    hidden = spoken_rows(2, hidden_by="no_worker", title=HOSTILE)
    of_source = spoken_rows(1, job_id=None, subject="nats", code="source_down", end="unknown")
    whole = pd.concat([own, others, hidden, of_source], ignore_index=True)
    card = verdicts_card(whole, job, as_of=AT, zone=NEW_YORK, is_live=True)
    told = text(card)
    assert told.index("number 59") < told.index("number 58")
    assert "number 10 " in told
    assert "number 9 " not in told
    assert card.html.count("<li") == MOST + 2
    assert "11 older ones are left out" in told
    assert "another job" not in told
    assert "2 more, explained by others" in told
    assert "explained by no_worker" in told
    assert "<img" not in card.html
    alone = text(verdicts_card(of_source, job, as_of=AT, zone=NEW_YORK, is_live=True))
    assert "source_down NATS number 0" in alone
    assert "from 10:24:00; not seen any more since 10:24:50" in alone


def test_a_failing_diagnosis_is_said_at_the_findings(feed: StagedFeed) -> None:
    """It is no source of Antenna's: no card of its own, and not quiet either."""
    feed.told = judged(as_of=feed.as_of())
    at = feed.as_of().value
    feed.take(Reading(source="diagnosis", observed_at=at, ok=False, error="judging failed (X)"))
    page = opened(feed)
    assert "The last look could not be judged" in text(page.found)
    assert "judging failed (X)" in text(page.found)
    assert set(page.sources.chips) == {"antenna", "nats", "redis"}


def test_the_job_in_most_need_is_opened_first(feed: StagedFeed) -> None:
    """Nobody has chosen: the stuck job, not the newest."""
    assert opened(feed).chosen == 4  # the first of the table
    feed.told = judged(finding("x", 99), finding("x", 3), as_of=feed.as_of())
    page = opened(feed)
    assert page.chosen == 3
    feed.told = judged(finding("x", 9), as_of=feed.as_of())
    page.refresh()
    assert page.chosen == 3


def test_a_button_chooses_its_job(feed: StagedFeed) -> None:
    """As a click in the table does; what else a browser may send does nothing."""
    page = opened(feed)
    page.found._handle_msg({"job": 9})
    assert page.view.job == 9
    for message in ({"job": "9); drop"}, {"job": None}, {}, "job", None, {"job": True}):
        page.found._handle_msg(message)
    assert page.view.job == 9


def test_the_table_tells_the_worst_of_each_job(feed: StagedFeed) -> None:
    """Sorted by number: critical above warning above nothing; not judged is not nothing."""
    feed.told = judged(finding("x", 3), finding("y", 3, severity="info"), as_of=feed.as_of())
    rows = opened(feed).table.shown.frame.set_index("job_id")
    assert rows["finding"].to_dict() == {4: 0.0, 3: 3.0, 9: 0.0}
    assert rows.loc[3, ["finding_code", "finding_more"]].tolist() == ["x", 1]
    unjudged = StagedFeed(JOBS, every_s=10.0)
    unjudged.play(20.0)
    unjudged.judged = lambda: None  # type: ignore[method-assign]
    assert opened(unjudged).table.shown.frame["finding"].isna().all()


def test_a_live_feed_hands_out_the_newest_judgement() -> None:
    """And what the settings say of the platform."""
    settings = Settings.from_environment({"AMI_CONSOLE_HEALTH_CHECK_EVERY_S": "60"}, dotenv=None)
    collector = Collector(settings)
    feed = LiveFeed(collector)
    assert feed.judged() is None
    collector.diagnosis.judge(AT)
    found = feed.judged()
    assert found is not None
    assert found.as_of == AT
    assert feed.rules.health_check_every_s == 60
