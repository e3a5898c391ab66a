"""The findings in a real browser: what the reader unfolds, presses and copies."""

import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from fleet_page import cell, row
from found import HOSTILE, finding, judged
from playwright.sync_api import expect
from staged_feed import StagedFeed

from ami_console.apps.serve import DashboardServer

pytestmark = [
    pytest.mark.browser,
    # Bokeh 3.9 makes a table's data with an argument that pandas 3.1 calls old.
    pytest.mark.filterwarnings(
        "ignore:The inplace keyword in DataFrame.reset_index:pandas.errors.Pandas4Warning"
    ),
]

Open = Callable[..., Any]


def say(staged: StagedFeed, *jobs: int, title: str = "Images are queued") -> None:
    """A judgement comes in with the next look."""
    at = staged.as_of() + pd.Timedelta(seconds=10)
    since = at - pd.Timedelta(minutes=9)
    found = [finding(job_id=job, title=f"{title} of {job}", since=since, as_of=at) for job in jobs]
    staged.told = judged(*found, as_of=at)
    staged.look(staged.now_s + 10)


def test_what_the_reader_unfolded_stays_so(
    staged: StagedFeed, served: DashboardServer, visit: Open
) -> None:
    """He reads the second finding while others come and go and numbers change."""
    say(staged, 4, 5, 7)
    tab = visit(f"{served.url}?job=3")
    page = tab.page
    rows = page.locator(".finding")
    expect(rows).to_have_count(3)
    of = {job: page.locator(".finding", has_text=f"queued of {job}") for job in (3, 4, 5, 7)}
    expect(of[4]).to_have_attribute("open", "")  # the first critical one
    of[4].locator("summary .state").click()
    of[5].locator("summary .state").click()
    of[7].locator("summary").focus()
    page.keyboard.press("Enter")
    say(staged, 3, 4, 5, 7, title="More images are queued")
    expect(of[3]).to_contain_text("More images")
    expect(of[3]).to_have_attribute("open", "")
    expect(of[4]).not_to_have_attribute("open", "")
    expect(of[5]).to_have_attribute("open", "")
    expect(of[7]).to_have_attribute("open", "")
    expect(of[7].locator("summary")).to_be_focused()
    expect(of[5]).to_contain_text("num_pending")


def test_ages_tick_and_an_old_judgement_is_loud(
    staged: StagedFeed, served: DashboardServer, visit: Open
) -> None:
    """The diagnosis dies while the page lives."""
    say(staged, 4, 5, 7)  # many texts: only those that changed are sent
    page = visit(served.url).page
    top = page.locator(".findings")
    expect(top).to_contain_text("judged 0 s ago")
    expect(top).to_contain_text("since 10:21:20, 9 min 00 s")
    staged.now_s += 12
    expect(top).to_contain_text("judged 12 s ago")
    expect(top.get_by_text("9 min 12 s")).to_have_count(3)
    expect(top.locator(".error")).to_have_count(0)
    staged.now_s += 60
    expect(top.locator(".error")).to_contain_text("Not judged for 1 min 12 s")


def test_a_finding_leads_to_its_job(
    staged: StagedFeed, served: DashboardServer, visit: Open
) -> None:
    """From the alarm to its charts in one press; the tab counts, and the name stays text."""
    say(staged, 6, 7, title=HOSTILE)
    tab = visit(f"{served.url}?job=3")
    page = tab.page
    expect(page).to_have_title(re.compile(r"^\(2\) Antenna jobs"))
    page.locator(".frow button.about", has_text="Job 7").click()
    expect(page.locator("h2", has_text="Job 7")).to_be_visible()
    expect(page).to_have_url(re.compile(r"job=7"))
    chosen = page.locator(".finding.chosen:visible")
    expect(chosen).to_contain_text("of 7")
    expect(chosen).to_have_attribute("open", "")
    page.get_by_role("button", name="Jobs").click()
    row(page, "Calibration set").click()
    expect(page.locator("h2", has_text="Job 2")).to_be_visible()
    page.get_by_role("button", name="Jobs").click()
    page.locator(".frow:visible button.about", has_text="Job 7").click()  # once more the same
    expect(page.locator("h2", has_text="Job 7")).to_be_visible()
    page.get_by_role("button", name="Jobs").click()
    expect(cell(page, "onerror", "finding")).to_contain_text("critical")
    expect(cell(page, "onerror", "finding")).to_contain_text("no_worker")
    assert page.locator("img[src='x']").count() == 0


def test_a_command_is_copied(staged: StagedFeed, served: DashboardServer, visit: Open) -> None:
    """From a phone into the terminal of the GPU machine."""
    say(staged, 4)
    page = visit(served.url).page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    command = page.locator(".cmd", has_text="docker compose ps")
    command.locator("button").click()
    expect(command.locator("button")).to_have_text("copied")
    assert page.evaluate("navigator.clipboard.readText()") == "docker compose ps"
    expect(command.locator("button")).to_have_text("copy")
