"""What the page says of single tasks: who told of them, how much of it was seen, and what not."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from bokeh.document import Document
from opened import Opened, opened
from recorded import readings
from staged_feed import HOSTILE, START_NS, Staged, StagedFeed

from ami_console.apps import board
from ami_console.apps.feed import RecordedFeed
from ami_console.apps.view import window
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter, open_recording

pytestmark = pytest.mark.filterwarnings(
    # Bokeh 3.9 makes a table's data with an argument that pandas 3.1 calls old.
    "ignore:The inplace keyword in DataFrame.reset_index:pandas.errors.Pandas4Warning"
)

JOBS = (
    Staged(3, "Busy", total=4000, per_min=96.0),
    Staged(4, "Comes back", total=900, per_min=30.0, redelivered_every_s=95),
    Staged(9, "Slow", total=400, per_min=9.0),
)

Show = Callable[..., Opened]


@pytest.fixture
def heard() -> Iterator[StagedFeed]:
    """Three jobs, watched for 15 minutes with the tap on."""
    feed = StagedFeed(JOBS, every_s=10.0)
    feed.has_tap = True
    feed.play(900.0)
    yield feed
    board.forget()


@pytest.fixture
def shown(tmp_path: Path) -> Show:
    """A page on some of the ways of knowing of a real job."""

    def show(scenario: str, *ways: str) -> Opened:
        with RecordingWriter(tmp_path / scenario) as writer:
            for way in ways:
                writer.append_many(list(readings(scenario, way)))
        feed = RecordedFeed(open_recording(tmp_path / scenario), zone=ZoneInfo("UTC"))
        return opened(feed)

    return show


def text(pane: Any) -> str:
    """What a reader reads in a pane."""
    told = re.sub(r"<[^>]+>", " ", pane.told.plain).replace("\u202f", "")
    return re.sub(r"\s+", " ", told).strip()


def source(page: Opened, name: str) -> dict[str, Any]:
    """A small source of the charts, by its name."""
    found = {"singles": page.charts._singles, "gaps": page.charts._gaps}
    return (found | {"heat": page.charts.heat.sent})[name].source.data


def test_latency_by_the_tap_says_so_and_how_much_it_saw(heard: StagedFeed) -> None:
    """Every acknowledgement was heard: nobody needs to wonder whether p99 is a guess."""
    page = opened(heard, 3)
    for chart in ("latency", "redelivery", "heat"):
        assert "by the tap, sees 100 % of what was settled" in text(page.heads[chart])
        assert 'class="state good"' in page.heads[chart].html
    assert "estimate" not in page.heads["latency"].html
    assert "99th" in text(page.heads["latency"])
    assert "tap" not in text(page.heads["throughput"])


def test_coverage_is_never_rounded_up(heard: StagedFeed) -> None:
    """One look's worth of acknowledgements was lost: 98.9 % is not 99 %, and not all."""
    heard.down["tap"] = "cut off"
    heard.look(910.0)
    heard.down.clear()
    heard.play(990.0, begin_s=920.0)
    page = opened(heard, 3)
    head = page.heads["latency"]
    assert "by the tap, sees 98 % of what was settled tap gap 20 s" in text(head)
    assert head.html.count('class="state warn"') == 2
    gaps = source(page, "gaps")
    assert (np.asarray(gaps["end"]) - np.asarray(gaps["begin"])).tolist() == [20_000]
    assert "at least" not in text(page.panes["tasks"])  # the broker says: none came back


def test_a_gap_that_is_still_open_reaches_to_the_end(heard: StagedFeed) -> None:
    """NATS refuses the tap: card, alarm and chart say since when; the reason stays text."""
    heard.down["tap"] = f"refused: {HOSTILE}"
    heard.play(960.0, begin_s=910.0)
    page = opened(heard, 3)
    card = page.sources.chips["tap"]
    assert "gap" in text(card)
    assert "last gap 1 min 00 s at 10:15:00" in text(card)
    assert "has a gap since 10:15:00" in page.sources.troubles.html
    assert HOSTILE not in page.sources.troubles.html
    assert np.asarray(source(page, "gaps")["end"]).tolist() == [page.charts.source.data["time"][-1]]


def test_the_tap_tells_its_side_effect(heard: StagedFeed) -> None:
    """Whoever sees that it listens must learn what that can do to others."""
    card = opened(heard, 3).sources.chips["tap"]
    assert "every acknowledgement · listens only" in text(card)
    assert "acks with confirmation to a deleted stream waits" in card.html
    assert "request" not in text(card)


def test_no_tap_no_card(staged: StagedFeed) -> None:
    """Off is not a failure."""
    page = opened(staged, 3)
    assert "tap" not in page.sources.chips
    assert "tap" not in text(page.heads["latency"])


def test_a_tap_that_saw_nothing_of_a_job_says_so(heard: StagedFeed) -> None:
    """The tap was switched on when the job was nearly done."""
    late = StagedFeed(JOBS[:1], every_s=10.0)
    late.play(600.0)
    late.take(Reading(source="tap", observed_at=START_NS + int(600e9), elapsed_s=1.0))
    page = opened(late, 3)
    head = text(page.heads["latency"])
    assert "estimate from looks" in head
    assert "the tap saw none of what was settled" in head


def test_attempts_and_last_attempts(heard: StagedFeed) -> None:
    """Which tasks will be lost if the worker dies now, and by when."""
    page = opened(heard, 4)
    card = text(page.panes["tasks"])
    assert "1 attempt 432 2 attempts 18" in card
    assert "redelivered tasks 18, and 9 not settled" in card
    assert "on their last attempt 9" in card
    assert "Given up if not acknowledged: the last by 10:19:19 ," in card
    assert "late" not in card
    assert "discarded" not in card


def test_what_nobody_told_is_called_unknown(staged: StagedFeed) -> None:
    """Looks alone tell how many came back, not which and how often."""
    card = text(opened(staged, 4).panes["tasks"])
    assert "Neither the tap nor a log told of single tasks" in card
    assert "redelivered tasks not known" in card
    assert "on their last attempt 16" in card  # by the broker
    none = text(opened(staged, 3).panes["tasks"])
    assert "redelivered tasks 0" in none  # by the broker, too


def test_few_tasks_are_shown_one_by_one(heard: StagedFeed) -> None:
    """Nine a minute have no 95th percentile: each is a point, and the head says why."""
    page = opened(heard, 9)
    assert "fewer than 20 in the window: single tasks" in text(page.heads["latency"])
    assert np.isnan(page.charts.source.data["latency_p95_s"]).all()
    assert len(source(page, "singles")["time"]) == 135
    assert len(source(opened(heard, 3), "singles")["time"]) < 20  # of its first minute


def test_points_of_single_tasks_are_bounded() -> None:
    """A slow job that is left open for a day must not slow the page down."""
    feed = StagedFeed((Staged(9, "Slow", total=9000, per_min=18.0),), every_s=30.0)
    feed.has_tap = True
    feed.play(3900.0)
    page = opened(feed, 9)
    page.view.window = "all"
    newest = np.asarray(source(page, "singles")["stream_seq"])
    assert len(newest) == 1000
    assert newest[-1] == 1170
    board.forget()


def test_the_heatmap_has_every_task_of_the_window(heard: StagedFeed) -> None:
    """Columns that can be pointed at, and nothing left out."""
    page = opened(heard, 3)
    heat = source(page, "heat")
    assert np.sum(heat["tasks"]) == 1440
    assert len(np.unique(heat["left"])) <= 120
    assert np.max(heat["right"]) == page.charts.source.data["time"][-1]  # not into the future
    assert "columns of 10 s" in text(page.heads["heat"])


def test_a_look_sends_little_of_single_tasks(heard: StagedFeed) -> None:
    """The heatmap grows by a column, the points by some: they are not sent again."""
    page = opened(heard, 9)
    sent: list[str] = []
    document = Document()
    for small in (page.charts._singles, page.charts._gaps, page.charts.heat.sent):
        document.add_root(small.source)
    document.on_change(lambda event: sent.append(type(event).__name__))
    page.refresh()
    assert sent == []
    heard.look(910.0)
    page.refresh()
    assert "ColumnsStreamedEvent" in sent
    assert set(sent) <= {"ColumnsStreamedEvent", "ColumnsPatchedEvent"}


def test_another_job_brings_its_own_tasks(heard: StagedFeed) -> None:
    """No cell or point of the job before may stay."""
    page = opened(heard, 3)
    page.choose(9)
    assert np.sum(source(page, "heat")["tasks"]) == 135
    page.choose(3)
    assert np.sum(source(page, "heat")["tasks"]) == 1440


def test_points_that_are_buckets_say_so(heard: StagedFeed) -> None:
    """A spike of one look may be folded away: the page says how wide a point is."""
    assert "buckets" not in text(opened(heard, 3).now.axis)
    feed = StagedFeed(JOBS[:1], every_s=1.0)
    feed.play(1000.0)
    page = opened(feed, 3)
    assert "points are buckets of 2 s; the last is still filling" in text(page.now.axis)


def test_results_that_wait_to_be_saved(heard: StagedFeed) -> None:
    """Celery is frozen: results pile up while broker and workers look busy."""
    heard.queues = {"antenna": (0, 0, 3), "ml_results": (1125, 3, 3), HOSTILE: (None, None, 0)}
    heard.look(910.0)
    heard.now_s += 42.0
    page = opened(heard, 3)
    assert page.now.queues_box.visible
    card = page.panes["queues"]
    assert "results waiting (ml_results) 1125 ready, 3 being saved" in text(card)
    assert "antenna 0 ready, 0 taken" in text(card)
    assert "not told" in text(card)
    assert "read 42 s ago" in text(card)
    assert "Nobody takes from" in text(card)
    assert HOSTILE not in card.html


def test_no_queues_no_card(heard: StagedFeed) -> None:
    """Most installations don't name their RabbitMQ."""
    assert not opened(heard, 3).now.queues_box.visible


def test_a_job_of_which_only_the_log_is_left(shown: Show) -> None:
    """Somebody sends the log of a job that ended last week: the page tells all that it tells."""
    page = shown("c_worker_crash", "job_log")
    assert page.table.shown.frame["job_id"].tolist() == [6]
    assert "40 of 40" in text(page.panes["job"])
    assert "success" in text(page.panes["job"])
    assert "1 attempt 32 2 attempts 8 redelivered tasks 8" in text(page.panes["tasks"])
    assert "from the job's log, ± 0.5 s" in text(page.heads["latency"])
    times = text(page.panes["times"])
    assert "worker ± " in times
    assert "saving ± " in times
    assert "worker and saving" not in times
    settled = page.board.drawn(6, window("1h")).rows["acked_per_min_so_far"]
    assert settled.iloc[-1] > 80
    assert "The broker has not told of this job" in text(page.panes["queue"])


def test_a_job_that_only_the_tap_heard(shown: Show) -> None:
    """Nobody looked: how much the tap saw can't be told, and is not called 100 %."""
    page = shown("e_cancelled", "tap")
    assert "by the tap; how much it saw is not known" in text(page.heads["latency"])
    card = text(page.panes["tasks"])
    assert "redelivered tasks none seen" in card
    assert "given up not known" in card
    assert "discarded acknowledgements 96" in card
    assert "32 settled" in text(page.panes["times"])


def test_the_logs_of_processes_are_finer_than_the_job_s(shown: Show) -> None:
    """Celery writes milliseconds."""
    page = shown("c_worker_crash", "celery", "looks")
    page.choose(6)
    assert "from Antenna's logs, ± 0.5 ms" in text(page.heads["latency"])


def test_what_the_health_check_gave_up_is_told_in_words(shown: Show) -> None:
    """No worker ever came: all 320 were marked as failed."""
    page = shown("b_no_worker", "looks", "job_log")
    card = text(page.panes["tasks"])
    assert "given up 320" in card
    assert "the health check marked the images as failed" in card
    assert re.search(r"images \d+(, \d+){7} and \d+ more", card)


def test_a_job_that_ended_has_nothing_on_its_last_attempt(shown: Show) -> None:
    """At the last look three were; they were saved a second later."""
    page = shown("c_worker_crash", "looks", "tap")
    card = text(page.panes["tasks"])
    assert "last attempt" not in card
    assert "given up none" in card
    assert "redelivered tasks 8" in card


def test_an_image_on_its_way_is_not_given_up() -> None:
    """Redis was read before the broker: what it still held had been acknowledged by then."""
    feed = StagedFeed((Staged(3, "one", total=40, per_min=40.0),), every_s=10.0)
    feed.play(50.0)
    job = feed.jobs[0]
    for name, at_s, change in (
        ("counters", 58.0, {"pending_results": 2}),
        ("consumers", 59.0, {"num_pending": 0, "num_ack_pending": 0, "num_redelivered": 0}),
    ):
        at = START_NS + int(at_s * 1e9)
        (row,) = job.rows(58.0, at)[name]
        source = {"counters": "redis", "consumers": "nats"}[name]
        rows = {name: [{**row, **change}]}
        feed.take(Reading(source=source, observed_at=at, rows=rows))  # type: ignore[arg-type]
    feed.now_s = 59.5
    assert "given up none" in text(opened(feed, 3).panes["tasks"])
    at = START_NS + int(60.0 * 1e9)
    (row,) = job.rows(58.0, at)["counters"]
    feed.take(
        Reading(source="redis", observed_at=at, rows={"counters": [row | {"pending_results": 2}]})
    )
    feed.now_s = 60.5
    board.forget()  # single tasks are gone through again after some seconds
    card = text(opened(feed, 3).panes["tasks"])
    assert "given up 2" in card
    assert "Redis still holds images" in card


def test_times_are_called_estimates_where_they_are(staged: StagedFeed) -> None:
    """Looks alone: a spread, with ≈ before each number."""
    times = text(opened(staged, 3).panes["times"])
    assert re.search(r"latency, in all ≈ [\d.]+ min ≈ [\d.]+ min ≈ [\d.]+ min", times)


def test_frames_of_the_cards_are_sent_once(heard: StagedFeed) -> None:
    """A look later only numbers differ."""
    page = opened(heard, 4)
    changed: list[str] = []
    for name, pane in {**page.panes, **page.heads, **page.sources.chips}.items():
        pane.param.watch(lambda _, name=name: changed.append(name), "html")
    heard.look(910.0)
    page.refresh()
    assert set(changed) <= {"job"}  # its bar is a percent longer
    assert "1 attempt 437" in text(page.panes["tasks"])


def test_the_instant_of_the_fleet_is_kept_for_logged_jobs(shown: Show) -> None:
    """Celery's log tells of a job before, of which the end is not in it: not known, not active."""
    page = shown("c_worker_crash", "celery", "looks")
    rows = page.table.shown.frame.set_index("job_id")
    assert rows.loc[5, "status"] == ""
    assert rows.loc[6, "status"] == "SUCCESS"
    assert page.board.fleet()["last_seen_at"].notna().all()
    assert isinstance(page.board.fleet()["last_seen_at"].dtype, pd.DatetimeTZDtype)
