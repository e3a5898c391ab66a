"""A replay, and a fleet of 500 jobs, on the whole page in a real browser."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fleet_page import names
from playwright.sync_api import expect
from recorded import readings
from staged_feed import Staged, StagedFeed

from ami_console.apps import board
from ami_console.apps import feed as feeds
from ami_console.apps.feed import RecordedFeed
from ami_console.apps.recordings import Recordings
from ami_console.apps.serve import DashboardServer, serve
from ami_console.live_diagnosis import Judged
from ami_console.recording import RecordingWriter

pytestmark = pytest.mark.browser

Open = Callable[..., Any]


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[DashboardServer]:
    """Two recordings in one folder, served."""
    for scenario in ("b_no_worker", "c_worker_crash"):
        with RecordingWriter(tmp_path / scenario) as writer:
            writer.append_many(readings(scenario, "looks"))
    recordings = Recordings([tmp_path])
    feed = RecordedFeed(recordings.open("b_no_worker"), zone=ZoneInfo("UTC"))
    server = serve(feed, port=0, threaded=True, recordings=recordings)
    yield server
    server.stop()
    feeds.use(None)
    board.forget()


def test_a_recording_is_wound_and_judged_with_what_was_known_then(
    nights: DashboardServer, visit: Open
) -> None:
    """Next morning: at 15:24 nobody fetched; half a minute after the start that was not known."""
    tab = visit(f"{nights.url}?tab=job&job=4&at=2026-11-23T15:24:00Z")
    page = tab.page
    finding = page.locator(".finding:visible")
    expect(page.locator(".mode")).to_have_text("⟲replay")
    expect(page.locator(".clock")).to_contain_text("as it stood at 15:24:00 23 Nov 2026, UTC")
    expect(finding).to_contain_text("320 images are queued and no worker fetches them")
    expect(page.get_by_text("in 6 min 00 s").first).to_be_visible()
    drawn = tab.charts()["rows"]
    earlier = visit(f"{nights.url}?tab=job&job=4&at=2026-11-23T15:15:30Z").page
    expect(earlier.get_by_text("Nothing was wrong with this job")).to_be_visible()
    expect(earlier.locator(".finding:visible")).to_have_count(0)
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    expect(page).to_have_url(re.compile(r"at=2026-11-23T15:1[45]:"))
    expect(finding).to_have_count(0)
    page.get_by_role("slider").focus()
    page.keyboard.press("End")
    expect(page.locator(".job .state")).to_contain_text("failure")
    expect(page.locator(".clock")).to_contain_text("15:30:")
    page.wait_for_function(
        "(rows) => [...Bokeh.documents[0].all_models].some("
        "(m) => m.name === 'job' && m.data && m.get_length() > rows)",
        arg=drawn,
    )


def test_recordings_are_chosen_by_name_and_by_no_path(nights: DashboardServer, visit: Open) -> None:
    """Whoever has the page must not read the server's disk with it."""
    page = visit(f"{nights.url}?recording=../../etc").page
    expect(page.locator(".error", has_text="There is no recording '../../etc'")).to_be_visible()
    page.get_by_label("show").select_option("c_worker_crash")
    expect(page).to_have_url(re.compile(r"recording=c_worker_crash$"))
    expect(page.locator(".label")).to_have_text("replay · c_worker_crash")
    expect(page.locator("tr[data-job]")).to_have_count(1)
    assert names(page) == ["Scenario C worker crash"]


def test_a_live_page_is_wound_back_and_is_live_again(
    staged: StagedFeed, served: DashboardServer, visit: Open
) -> None:
    """Something moved too quickly: the operator goes back ten minutes, and then to the present."""
    page = visit(f"{served.url}?tab=job&job=3").page
    done = page.locator(".fact:visible", has_text="done")
    now = done.text_content() or ""
    page.get_by_role("button", name="Replay").click()
    expect(page.locator(".mode")).to_have_text("⟲replay")
    page.goto(re.sub(r"at=[^&]*", "at=2026-11-23T15:20:00Z", page.url))
    expect(page.locator(".clock")).to_contain_text("as it stood at 10:20:00")
    expect(done).not_to_have_text(now)
    page.get_by_role("button", name="Back to live").first.click()
    expect(page.locator(".mode")).to_have_text("●live")
    expect(done).to_have_text(now)
    expect(page).to_have_url(re.compile(r"\?tab=job&job=3$"))


@pytest.fixture
def crowd() -> Iterator[tuple[StagedFeed, DashboardServer]]:
    """500 jobs, watched for a minute."""
    feed = StagedFeed(
        tuple(
            Staged(1000 + n, f"Night {n} of trap {n % 7}", per_min=10 + n % 90) for n in range(500)
        ),
        every_s=20.0,
    )
    feed.play(60.0)
    feed.told = Judged(feed.as_of(), ())
    server = serve(feed, port=0, threaded=True)
    yield feed, server
    server.stop()
    feeds.use(None)
    board.forget()


def test_500_jobs_stay_fluid(crowd: tuple[StagedFeed, DashboardServer], visit: Open) -> None:
    """The season's backlog is queued at once: all are listed, one is found, the page answers."""
    feed, server = crowd
    page = visit(server.url).page
    rows = page.locator("tr[data-job]")
    expect(rows).to_have_count(500)
    page.locator("input[type=search]").fill("night 423 ")
    expect(page.get_by_text("1 of 500 jobs")).to_be_visible()
    page.locator("input[type=search]").fill("")
    expect(rows).to_have_count(500)
    feed.look(feed.now_s + 20)
    page.locator("tr[data-job]", has_text="Night 423 ").click()
    expect(page.locator("h2", has_text="Job 1423")).to_be_visible()
