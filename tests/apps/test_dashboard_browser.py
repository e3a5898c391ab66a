"""What an operator sees in a real browser."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fleet_page import cell, row
from playwright.sync_api import Page, expect
from staged_feed import HOSTILE, StagedFeed

from ami_console.apps import board
from ami_console.apps.serve import DashboardServer

pytestmark = [
    pytest.mark.browser,
    # Bokeh 3.9 makes a table's data with an argument that pandas 3.1 calls old.
    pytest.mark.filterwarnings(
        "ignore:The inplace keyword in DataFrame.reset_index:pandas.errors.Pandas4Warning"
    ),
]

Open = Callable[..., Any]

TASKS = """() => {
  const found = {width: 0}
  for (const model of Bokeh.documents[0].all_models) {
    if (model.name === "heat" && model.type === "Figure") { found.width = model.inner_width }
    else if (["heat", "singles", "gaps"].includes(model.name) && model.data) {
      found[model.name] = model.get_length()
      if (model.name === "heat") {
        found.tasks = Array.from(model.get_array("tasks")).reduce((sum, n) => sum + n, 0)
      }
    }
  }
  return found
}"""
"""Rows of each small source, tasks in the heatmap, and how wide it is drawn."""


def test_jobs_move_without_a_reload(
    staged: StagedFeed, served: DashboardServer, visit: Open
) -> None:
    """An operator leaves the page open: the next look shows up by itself, in table and charts."""
    table, tab = visit(served.url), visit(f"{served.url}?tab=job&job=3")
    expect(cell(table.page, "Barro Colorado", "num_pending")).to_have_text("1\u202f288")
    backlog = tab.page.locator(".head", has_text="Backlog and in flight")
    expect(backlog).to_contain_text("1\u202f288")
    before = tab.charts()
    staged.look(staged.now_s + 10)
    expect(cell(table.page, "Barro Colorado", "num_pending")).to_have_text("1\u202f272")
    expect(backlog).to_contain_text("1\u202f272")
    after = tab.charts()
    assert after["rows"] == before["rows"] + 1
    assert after["last"]["num_pending"] == 1272
    assert after["last"]["time"] - before["last"]["time"] == 10_000


def test_a_lost_source_is_named_ages_and_comes_back(
    staged: StagedFeed, served: DashboardServer, visit: Open
) -> None:
    """Redis is stopped at 3 a.m.: the page says which, since when and why; the rest goes on."""
    tab = visit(served.url)
    page = tab.page
    alarm = page.locator(".error", has_text="Redis")
    assert alarm.count() == 0
    staged.down["redis"] = "redis://localhost:6379/0 refused <b>the</b> connection; start it"
    staged.look(staged.now_s + 30)
    expect(alarm).to_contain_text("has not answered since 10:30:10")
    expect(alarm).to_contain_text("refused <b>the</b> connection; start it")
    redis = page.locator(".source", has_text="Redis")
    expect(redis.locator(".state")).to_contain_text("can't be read")
    expect(redis.locator(".age")).to_have_text("30 s")
    staged.now_s += 45  # no look at all comes in: the age must grow all the same
    expect(redis.locator(".age")).to_have_text("1 min 15 s")
    expect(page.locator(".source", has_text="NATS").locator(".state")).to_contain_text("late")
    staged.down.clear()
    staged.look(staged.now_s)
    expect(redis.locator(".state")).to_contain_text("ok")
    expect(page.locator(".error")).to_have_count(0)


def test_names_from_antenna_stay_text(served: DashboardServer, visit: Open) -> None:
    """Somebody named a job after an exploit: it is shown, never run."""
    tab = visit(f"{served.url}?job=6")
    expect(cell(tab.page, "onerror", "name")).to_contain_text(HOSTILE)
    cell(tab.page, "onerror", "name").click()
    expect(tab.page.locator("h2", has_text="onerror")).to_contain_text(HOSTILE)
    assert tab.page.locator("img[src='x']").count() == 0


def test_the_chosen_job_is_in_the_address(
    staged: StagedFeed, served: DashboardServer, visit: Open
) -> None:
    """A colleague is sent the link: the same job and window open, and stay chosen on a refresh."""
    tab = visit(served.url)
    row(tab.page, "Calibration set").click()
    expect(tab.page.locator("h2", has_text="Job 2")).to_be_visible()
    tab.page.get_by_role("button", name="15 min").click()
    expect(tab.page).to_have_url(re.compile(r"job=2"))
    expect(tab.page).to_have_url(re.compile(r"window=15m"))
    other = visit(tab.page.url)
    expect(other.page.locator("h2", has_text="Job 2")).to_be_visible()
    expect(other.page.get_by_role("button", name="15 min")).to_have_attribute(
        "aria-pressed", "true"
    )
    staged.look(staged.now_s + 10)
    other.page.get_by_role("button", name="Jobs").click()
    selected = other.page.locator("tr.chosen")
    expect(selected).to_have_count(1)
    expect(selected).to_contain_text("Calibration set")


def test_an_unknown_job_is_said_to_be_unknown(served: DashboardServer, visit: Open) -> None:
    """A link to a job that ended before the watch began, or a mistyped one."""
    tab = visit(f"{served.url}?tab=job&job=999", ready="text=Job 999 is not known")
    expect(tab.page.locator("text=Throughput")).to_be_hidden()


def test_two_pages_share_one_subscription_and_closing_ends_it(
    staged: StagedFeed, served: DashboardServer, visit: Open
) -> None:
    """Ten browsers must not cost Antenna ten polls; and nobody looking costs it none."""
    tabs = [visit(served.url), visit(served.url)]
    assert staged.subscriptions == 1
    shared = board.board_of(staged)
    assert shared.subscribers == 2
    tabs[0].page.close()
    wait_until(tabs[1].page, lambda: shared.subscribers == 1)
    assert len(staged.listeners) == 1
    page = tabs[1].page
    page.goto("about:blank")
    wait_until(page, lambda: shared.subscribers == 0)
    assert staged.listeners == []


def test_single_tasks_are_drawn_and_grow(
    staged: StagedFeed, served: DashboardServer, visit: Open
) -> None:
    """A job without tasks has no heatmap; the next one has, and it follows the tap."""
    staged.has_tap = True
    staged.play(1850.0, begin_s=1820.0)
    staged.down["tap"] = "cut off"
    staged.look(1860.0)
    staged.down.clear()
    staged.look(1870.0)
    tab = visit(f"{served.url}?tab=job&job=5")
    page = tab.page
    expect(page.locator(".head", has_text="Latency of all tasks")).to_be_hidden()
    page.get_by_role("button", name="Jobs").click()
    row(page, "Barro Colorado").click()
    latency = tab.page.locator(".head", has_text="from published to acknowledged")
    expect(latency).to_contain_text("by the tap, sees")
    expect(latency).to_contain_text("tap gap 20 s")
    tab.page.wait_for_function(f"({TASKS})().width > 300")
    before = tab.page.evaluate(TASKS)
    assert before["gaps"] == 1
    assert before["tasks"] > 0
    staged.look(1880.0)
    tab.page.wait_for_function(f"(known) => ({TASKS})().tasks > known", arg=before["tasks"])
    expect(tab.page.locator(".source", has_text="Tap")).to_contain_text("last gap 20 s")


def wait_until(page: Page, condition: Callable[[], bool]) -> None:
    """Poll while the browser lives; the test's own deadline ends a wait in vain."""
    for _ in range(300):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("waited 30 s in vain")


def test_a_page_without_its_server_says_so(
    staged: StagedFeed, served: DashboardServer, visit: Open
) -> None:
    """The server dies: the last numbers must not pass for current ones."""
    tab = visit(served.url)
    banner = tab.page.locator(".ami-stale-banner")
    expect(banner).to_be_hidden()
    served.stop()
    expect(banner).to_be_visible(timeout=15_000)
    expect(banner).to_contain_text("connection to the dashboard's server is lost")


def test_the_page_follows_light_and_dark(served: DashboardServer, visit: Open) -> None:
    """At night the page is dark, charts included: no black axis on black."""
    tab = visit(f"{served.url}?tab=job&job=3&theme=dark")
    luminance = """() => {
      const of = (css) => css.match(/[0-9.]+/g).slice(0, 3).map(Number)
        .reduce((sum, part, i) => sum + part * [.2126, .7152, .0722][i], 0)
      return of(getComputedStyle(document.body).backgroundColor)
    }"""
    tab.page.wait_for_function(f"({luminance})() < 60")
    colour = tab.page.evaluate(
        """() => Bokeh.documents[0].all_models.size && [...Bokeh.documents[0].all_models]
          .find((m) => m.type === "DatetimeAxis").major_label_text_color"""
    )
    assert colour == "#9fb0bf"


def test_there_is_one_main_heading(served: DashboardServer, visit: Open) -> None:
    """A screen reader's first question."""
    tab = visit(served.url)
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Antenna jobs")
