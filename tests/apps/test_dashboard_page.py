"""What the page says, without a browser: trust, absence, faults, and the chosen job."""

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import panel as pn
import pytest
from opened import Opened, opened
from panel.util import edit_readonly
from staged_feed import HOSTILE, MOODS, StagedFeed

from ami_console.apps import board, dashboard, fleet_rows, job_view
from ami_console.apps import feed as feeds
from ami_console.apps.board import Board
from ami_console.apps.feed import LiveFeed, RecordedFeed
from ami_console.apps.view import window
from ami_console.collector import Collector
from ami_console.recording import RecordingWriter, open_recording
from ami_console.settings import Settings

pytestmark = pytest.mark.filterwarnings(
    # Bokeh 3.9 makes a table's data with an argument that pandas 3.1 calls old.
    "ignore:The inplace keyword in DataFrame.reset_index:pandas.errors.Pandas4Warning"
)


@pytest.fixture
def quiet() -> Iterator[StagedFeed]:
    """A feed on which nobody has looked yet."""
    feed = StagedFeed(every_s=10.0)
    yield feed
    board.forget()


def said(page: Opened, name: str) -> str:
    """The text of one source's card."""
    return page.sources.chips[name].told.plain


def test_the_page_is_built(staged: StagedFeed) -> None:
    """The first active job is opened by itself, with its numbers."""
    page = opened(staged)
    assert page.chosen == 8
    assert "Just started" in page.panes["job"].html
    assert page.sources.troubles.visible is False
    rows = page.table.shown.frame
    assert rows["job_id"].tolist() == [8, 7, 5, 4, 3, 6, 2]


def test_what_is_known_of_a_job_is_numbers_or_a_dash(staged: StagedFeed) -> None:
    """Nothing in flight is 0; a rate of a job that ended is not 0 but unknown."""
    rows = opened(staged).table.shown.frame.set_index("job_id")
    assert rows.loc[5, "num_ack_pending"] == 0
    assert rows.loc[5, "acked_per_min"] == 0
    assert pd.isna(rows.loc[2, "acked_per_min"])
    assert pd.isna(rows.loc[2, "num_pending"])
    assert rows.loc[6, "failed"] == 396
    assert rows.loc[6, "name"] == HOSTILE  # as text: the browser test shows that it stays text


def test_a_job_that_nobody_named_is_called_so() -> None:
    """NATS and Redis know a job that Antenna could not be asked about."""
    feed = StagedFeed(MOODS[:1], every_s=10.0)
    feed.down["antenna"] = "refused"
    feed.play(100.0)
    page = opened(feed)
    row = page.table.shown.frame.iloc[0]
    assert row[["name", "status", "project", "pipeline"]].tolist() == ["not named", "", "", ""]
    assert "not known" in page.panes["job"].html
    assert "Antenna has told no stages" in page.panes["stages"].html


def test_the_reader_s_job_stays_when_another_comes_on_top(quiet: StagedFeed) -> None:
    """Nobody clicked: the page may open any job, but must not swap it under the reader's eyes."""
    quiet.play(1_000.0)
    page = opened(quiet)
    before = page.chosen
    quiet.play(1_900.0, begin_s=1_010.0)
    page.refresh()
    assert page.table.shown.frame["job_id"].iloc[0] == 8
    assert page.chosen == before == 6  # most of its images fail
    assert page.table.widget.chosen == 6


def test_clicking_the_same_job_twice_changes_nothing(staged: StagedFeed) -> None:
    """A press already chooses; the click after it must not undo it."""
    page = opened(staged)
    page.choose(3)
    page.choose(3)
    assert page.view.job == 3
    assert "Barro Colorado" in page.panes["job"].html


def test_before_the_first_answer_the_page_waits(quiet: StagedFeed) -> None:
    """Not "no job": nobody has been asked yet."""
    page = opened(quiet)
    assert "Looking for jobs" in page.nothing.html
    assert "not read yet" in page.sources.chips["nats"].html
    assert page.sources.chips["nats"].texts[0] == "–"


def test_no_job_that_is_known_differs_from_no_source_that_answers(quiet: StagedFeed) -> None:
    """An empty table in the night: is all done, or is all down?"""
    quiet.jobs = ()
    quiet.look(2.0)
    page = opened(quiet)
    assert "No active job" in page.nothing.html
    blind = StagedFeed((), every_s=10.0)
    blind.down = dict.fromkeys(("antenna", "nats", "redis"), "refused")
    blind.look(2.0)
    page = opened(blind)
    assert "No job is known" in page.nothing.html
    assert "has never answered" in page.sources.troubles.html


def test_a_source_error_is_escaped(staged: StagedFeed) -> None:
    """An error text may hold what a server answered."""
    staged.down["nats"] = HOSTILE
    staged.look(staged.now_s + 10)
    page = opened(staged)
    assert HOSTILE not in page.sources.troubles.html
    assert "&lt;img src=x" in page.sources.troubles.html


def test_a_fault_of_ours_is_shown(staged: StagedFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that can't compute must not go on showing the numbers before as if nothing were."""
    page = opened(staged)

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("in <a> metric")

    monkeypatch.setattr(page.board, "fleet", broken)
    staged.look(staged.now_s + 10)
    page.refresh()
    assert "could not be brought up to date" in page.sources.troubles.html
    assert "in &lt;a&gt; metric" in page.sources.troubles.html
    monkeypatch.undo()
    page.refresh()
    assert page.sources.troubles.visible is False


def test_a_refresh_without_news_changes_nothing(
    staged: StagedFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle page costs its server and the network next to nothing."""
    page = opened(staged)
    changes: list[str] = []
    page.table.widget.param.watch(lambda event: changes.append(event.name), ["first", "chosen"])
    page.table._heard({"ready": True})
    monkeypatch.setattr(page.table.widget, "_send_msg", changes.append)
    judged = (page.found, *page.judged.panes.values())
    for pane in (*page.panes.values(), *page.heads.values(), *page.sources.chips.values(), *judged):
        pane.param.watch(lambda event: changes.append(event.name), ["html", "texts", "newer"])
    data = page.charts.source.data
    page.refresh()
    assert changes == []
    assert page.charts.source.data is data


def test_only_numbers_are_sent_when_only_numbers_changed(staged: StagedFeed) -> None:
    """The frames of the panes stay; 2 s later only some texts differ."""
    page = opened(staged)
    frames: list[str] = []
    judged = {"findings": page.found, **page.judged.panes}
    panes = {**page.panes, **page.heads, **page.sources.chips, **judged}
    for name, pane in panes.items():
        pane.param.watch(lambda _, name=name: frames.append(name), "html")
    staged.look(staged.now_s + 10)
    page.refresh()
    assert frames == []
    assert page.heads["backlog"].texts[0] == "11\u202f944"


def test_a_window_that_is_none_falls_back(staged: StagedFeed) -> None:
    """A link that somebody mistyped."""
    page = opened(staged)
    page.view.window = "fortnight"
    assert 'data-to="1h" data-focus="w:1h" aria-pressed="true"' in page.controls.html
    page.view.window = "all"
    assert 'data-to="all" data-focus="w:all" aria-pressed="true"' in page.controls.html


def test_an_ended_job_shows_the_values_of_its_end(staged: StagedFeed) -> None:
    """Its stream is deleted: the charts end where it ended, not in an hour of nothing."""
    page = opened(staged)
    page.choose(2)
    drawn = page.board.drawn(2, window("15m")).rows
    assert drawn["observed_at"].iloc[-1] <= pd.Timestamp("2026-11-23T15:05:10Z")
    assert "values at its end" in page.heads["throughput"].html
    assert "Its stream is gone" in page.panes["queue"].html
    assert "Its counters are gone" in page.panes["counters"].html


def test_configuration_is_what_was_read_live(staged: StagedFeed) -> None:
    """Never a default: versions of Antenna differ."""
    page = opened(staged)
    page.choose(3)
    text = page.panes["queue"].told.plain
    for part in ("ack wait", "5 min 00 s", "most deliveries", "most in flight", "1\u202f000"):
        assert part in text


def test_a_chart_without_values_says_why() -> None:
    """An empty chart alone may mean anything."""
    feed = StagedFeed(MOODS[:1], every_s=10.0)
    feed.look(2.0)
    page = opened(feed)
    assert page.heads["throughput"].texts[0] == "–"  # of the last minute; so far, there is one
    assert "fewer than 20 in the window" in page.heads["latency"].html
    idle = StagedFeed(MOODS[2:3], every_s=10.0)
    idle.look(2.0)
    page = opened(idle)
    assert "Nothing was acknowledged" in page.heads["latency"].html
    assert "No task is known to be acknowledged" in page.heads["heat"].html


def test_latency_is_called_an_estimate(staged: StagedFeed) -> None:
    """There are no acknowledgements in this feed: all latency comes from looks."""
    page = opened(staged)
    page.choose(3)
    assert "estimate from looks" in page.heads["latency"].html
    assert page.heads["latency"].texts[0].startswith("≈ ")
    assert "estimate" not in page.heads["throughput"].html


def test_stage_numbers_that_antenna_left_out_are_not_invented(staged: StagedFeed) -> None:
    """Params of a stage start as empty text: missing, not 0."""
    told = Board(staged).job(3)
    assert told is not None
    text = job_view.stages(told, as_of=staged.as_of(), zone=staged.zone).plain
    assert "100 % of 4\u202f200" in text  # collect tells no number of processed images
    assert "to go" in text


def test_numbers_are_computed_once_for_all_pages(
    staged: StagedFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten open pages cost as many metrics as one."""
    counted: list[int] = []
    whole = board.metrics.fleet
    monkeypatch.setattr(board.metrics, "fleet", lambda *a, **k: counted.append(1) or whole(*a, **k))
    pages = [opened(staged), opened(staged)]
    staged.look(staged.now_s + 10)
    for page in pages:
        page.refresh()
    assert len(counted) == 2  # one for the opening, one for the news


def test_a_recording_is_shown_as_it_stood(quiet: StagedFeed, tmp_path: Path) -> None:
    """The morning after: the same page on what was recorded."""
    with RecordingWriter(tmp_path / "night") as writer:
        quiet.record_into = writer.append
        quiet.play(600.0)
    feed = RecordedFeed(open_recording(tmp_path / "night"), zone=ZoneInfo("UTC"))
    assert (feed.label, feed.is_live) == ("recording · night", False)
    page = opened(feed)
    assert feed.as_of() == quiet.as_of()
    assert "as it stood at" in page.top.html
    assert set(page.table.shown.frame["job_id"]) == {2, 3, 4, 5, 6, 7}
    assert "late" not in page.sources.chips["nats"].html


def test_an_empty_recording_says_so(tmp_path: Path) -> None:
    """Somebody opened the wrong directory."""
    with RecordingWriter(tmp_path / "nothing"):
        pass
    page = opened(RecordedFeed(open_recording(tmp_path / "nothing")))
    assert "No job was recorded" in page.nothing.html


def test_the_live_feed_is_named_without_secrets() -> None:
    """The label stands on every screen in the room."""
    url = "http://user:hush@antenna.example:8000"
    settings = Settings.from_environment({"AMI_CONSOLE_ANTENNA_URL": url}, dotenv=None)
    feed = LiveFeed(Collector(settings))
    assert feed.label == "live · http://antenna.example:8000"
    assert feed.zone.key == "America/New_York"


def test_a_wrong_setting_gives_a_page_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """``panel serve`` with a mistyped setting: not a blank page."""
    monkeypatch.setenv("AMI_CONSOLE_EVERY_S", "often")
    feeds.use(None)
    page = dashboard.page()
    assert "AMI_CONSOLE_EVERY_S" in page.main[0].html


def test_a_job_that_lacks_one_image_is_not_done(staged: StagedFeed) -> None:
    """19 999 of 20 000: the one that is left is the one that somebody asks about."""
    fleet = Board(staged).fleet().head(3)
    fleet["processed"] = pd.array([19_999, 48, None], dtype="Int64")
    fleet["total"] = pd.array([20_000, 400, 10], dtype="Int64")
    rows = fleet_rows.rows_of(fleet, zone=staged.zone, as_of=staged.as_of())
    shares = rows.frame["progress"].to_numpy("float64")
    assert shares[0] < 1
    assert int(shares[1] * 100 + 1e-3) == 12  # as the browser cuts it
    assert pd.isna(shares[2])


def test_a_page_does_not_tell_that_the_process_is_busy_with_another(staged: StagedFeed) -> None:
    """Two operators, two pages: a click of one wrote to the other's, and both lost it."""
    page = opened(staged).page
    with edit_readonly(pn.state):
        pn.state.busy = True
        assert page.busy is False
        pn.state.busy = False
