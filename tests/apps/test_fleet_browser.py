"""The table of jobs in a real browser: filter, order, keys, 500 jobs, and names that stay text."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import panel as pn
import pytest
from fleet_page import cell, names, row
from playwright.sync_api import Page, expect
from staged_feed import HOSTILE
from waiting import until

from ami_console import frames
from ami_console.apps.findings_rows import Worst
from ami_console.apps.fleet_details import Details
from ami_console.apps.fleet_rows import FleetRows, rows_of
from ami_console.apps.fleet_table import FleetTable
from ami_console.metrics.fleet import FLEET
from ami_console.metrics.fleet_details import FLEET_DETAILS
from ami_console.metrics.minute_rates import minute_rates
from ami_console.metrics.timeline import TIMELINE

pytestmark = pytest.mark.browser

UTC = ZoneInfo("UTC")
AT = pd.Timestamp("2026-11-23T15:10:20Z")

JOBS: list[dict[str, Any]] = [
    {"job_id": 9, "name": HOSTILE, "status": "STARTED", "acked_per_min": 40.0},
    {"job_id": 8, "name": "Barro", "project": "Panama", "status": "STARTED", "acked_per_min": 96.0},
    {"job_id": 7, "name": "Cana", "project": "Panama", "status": "RETRY"},
    {"job_id": 5, "name": "Vermont", "pipeline": "moths", "status": "SUCCESS"},
]
FOUND = {7: Worst(3.0, "no_worker", 1), 8: Worst(1.0, "slow", 0)}


def rows(*jobs: dict[str, Any], after_s: float = 0.0, **of_first: Any) -> FleetRows:
    """The jobs and, of the first of them, details."""
    as_of = AT + pd.Timedelta(seconds=after_s)
    told = {as_of - pd.Timedelta(minutes=ago): rate for ago, rate in ((6, 20), (5, 30), (1, 40))}
    lines = [
        {"job_id": jobs[0]["job_id"], "observed_at": at, "acked_per_min": rate}
        for at, rate in told.items()
    ]
    details = [{"job_id": job["job_id"]} for job in jobs]
    details[0] |= of_first
    return rows_of(
        frames.table(jobs, FLEET),
        zone=UTC,
        as_of=as_of,
        worst=FOUND,
        details=Details(
            frames.table(details, FLEET_DETAILS),
            minute_rates(frames.table(lines, TIMELINE), as_of=as_of),
        ),
    )


class Shown:
    """A table that is served alone, and what it says."""

    def __init__(self, first: FleetRows) -> None:
        self.first = first
        self.chosen: list[int] = []
        self.table: Any = None
        self.document: Any = None
        self.port = 0

    def page(self) -> Any:
        self.table, self.document = FleetTable(self.chosen.append), pn.state.curdoc
        self.table.show(self.first, chosen=8)
        return self.table.widget

    def then(self, act: Callable[[], None]) -> None:
        """On the session's own thread."""
        self.document.add_next_tick_callback(act)

    def show(self, later: FleetRows, chosen: int | None = 8) -> None:
        self.then(lambda: self.table.show(later, chosen=chosen))


@pytest.fixture
def shown() -> Shown:
    return Shown(rows(*JOBS))


@pytest.fixture
def page(shown: Shown, visit: Callable[..., Any], free_port: int) -> Iterator[Page]:
    """The table's page, opened when it is asked for."""
    server = pn.serve(
        shown.page, port=free_port, address="127.0.0.1", show=False, threaded=True, verbose=False
    )
    try:
        yield visit(f"http://127.0.0.1:{free_port}/", ready="tr[data-job]").page
    finally:
        server.stop()


def test_the_table_is_found_ordered_and_searched(shown: Shown, page: Page) -> None:
    """Which of them are in trouble in Panama, the worst first?"""
    assert names(page) == [HOSTILE, "Barro", "Cana", "Vermont"]
    assert page.locator("img").count() == 0
    head = page.get_by_role("columnheader", name="Images/min")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert names(page) == ["Barro", HOSTILE, "Cana", "Vermont"]  # who has no rate comes last
    head.get_by_role("button").click()
    assert names(page) == [HOSTILE, "Barro", "Cana", "Vermont"]
    page.get_by_role("searchbox", name="Search").fill("PANAMA")
    assert names(page) == ["Barro", "Cana"]
    page.get_by_role("combobox", name="Finding").select_option("critical")
    assert names(page) == ["Cana"]
    said = page.get_by_role("status")
    expect(said).to_have_text("1 of 4 jobs")
    asked = "q=PANAMA&found=critical&sort=acked_per_min"
    until(lambda: shown.table.widget.query == asked)
    page.get_by_role("combobox", name="State").select_option("over")
    expect(page.get_by_text("No job matches.")).to_be_visible()
    page.get_by_role("button", name="Show all jobs").last.click()
    expect(said).to_have_text("4 jobs")


def test_what_an_address_asks_for_is_shown(shown: Shown, page: Page) -> None:
    """A copied link; what of it is not understood is left out."""
    query = "q=a&state=active&sort=-name&found=<b>"
    said = page.get_by_role("status")

    def is_shown() -> bool:
        """What changes while a browser takes the page over is lost to it: asked for again."""
        for asked in ("", query):
            shown.then(lambda asked=asked: setattr(shown.table.widget, "query", asked))
        page.wait_for_timeout(300)
        return said.text_content() == "3 of 4 jobs"

    until(is_shown)
    assert names(page) == ["Cana", "Barro", HOSTILE]
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("a")


def test_keys_move_through_the_rows_as_they_stand(shown: Shown, page: Page) -> None:
    """From the chosen job on; a key that is typed into the search is text."""
    page.keyboard.press("j")
    focused = page.locator("button.name:focus")
    expect(focused).to_have_text("Barro")
    page.keyboard.press("ArrowDown")
    expect(focused).to_have_text("Cana")
    page.keyboard.press("k")
    page.keyboard.press("Home")
    expect(focused).to_have_text(HOSTILE)
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(focused).to_have_text("Vermont")
    page.get_by_role("searchbox").click()
    page.keyboard.press("j")
    expect(page.get_by_role("searchbox")).to_have_value("j")
    page.get_by_role("button", name="Show all jobs").first.click()
    row(page, "Cana").locator(".c-progress").click()
    shown.show(rows(*JOBS), chosen=7)
    expect(page.locator("tr.chosen")).to_contain_text("Cana")
    expect(page.locator("[aria-current]")).to_have_text("Cana")
    assert shown.chosen == [5, 7]


def test_numbers_move_and_rows_stay_what_they_are(shown: Shown, page: Page) -> None:
    """Cells are told anew; the row, its focus and a text that nobody knows stay as they were."""
    row(page, "Barro").locator("button").focus()
    page.evaluate("""() => {
      const find = (root) => [...root.querySelectorAll("*")].flatMap((node) =>
        [...(node.matches("tr[data-job]") ? [node] : []),
         ...(node.shadowRoot ? find(node.shadowRoot) : [])])
      window.held = find(document)
    }""")
    expect(cell(page, "onerror", "num_pending")).to_have_text("–")
    expect(cell(page, "onerror", "oldest")).to_have_text("–")
    changed = [JOBS[0] | {"num_pending": 12_000, "status": "FAILURE"}, *JOBS[1:]]
    shown.show(
        rows(
            *changed,
            after_s=2.0,
            lost_low=3,
            lost_high=5,
            eta_low_s=700.0,
            eta_high_s=1_100.0,
            oldest_in_flight_at=AT - pd.Timedelta(seconds=90),
            oldest_is_bound=True,
            attempts_low=2,
            attempts_high=5,
        )
    )
    expect(cell(page, "onerror", "num_pending")).to_have_text("12\u202f000")
    expect(cell(page, "onerror", "status")).to_have_text("✕failure")
    expect(cell(page, "onerror", "lost")).to_have_text("3 – 5")
    expect(cell(page, "onerror", "eta")).to_have_text("12 – 18 min")
    expect(cell(page, "onerror", "oldest")).to_have_text("≥ 1 min 32 s")
    expect(cell(page, "onerror", "attempts")).to_have_text("2 – 5")
    shown.then(lambda: shown.table.tick(AT + pd.Timedelta(seconds=10)))
    expect(cell(page, "onerror", "oldest")).to_have_text("≥ 1 min 40 s")
    expect(page.locator("button.name:focus")).to_have_text("Barro")
    assert page.evaluate("window.held.every((row) => row.isConnected)")


def test_a_sparkline_leaves_its_gaps_open_and_can_be_read_aloud(page: Page) -> None:
    """Two minutes side by side are a line, one between gaps is a dot, the rest is nothing."""
    spark = cell(page, "onerror", "acked_per_min").locator("svg")
    path = spark.locator("path").get_attribute("d") or ""
    assert re.sub(r"[\d. ]+", "", path) == "MhLMh"
    expect(spark).to_have_attribute(
        "aria-label",
        "images per minute in the last 30 minutes: 20.0 to 40.0, 27 of them not known",
    )
    empty = cell(page, "Vermont", "acked_per_min").locator("svg")
    expect(empty).to_have_attribute("aria-label", "no rate is known of the last half hour")


def test_rows_do_not_move_under_the_pointer(shown: Shown, page: Page) -> None:
    """The job that is about to be clicked stays where it is; when the pointer leaves, they move."""
    page.get_by_role("columnheader", name="Images/min").get_by_role("button").click()
    row(page, "Barro").hover()
    faster = [JOBS[0] | {"acked_per_min": 200.0}, *JOBS[1:]]
    shown.show(rows(*faster, after_s=2.0))
    expect(cell(page, "onerror", "acked_per_min")).to_contain_text("200")
    assert names(page)[0] == "Barro"
    page.get_by_role("searchbox").hover()
    expect(page.locator("tr[data-job]").first).to_contain_text("onerror")


class TestMany:
    """500 jobs."""

    @pytest.fixture
    def shown(self) -> Shown:
        return Shown(rows(*many()))

    def test_500_jobs_stay_fluid(self, shown: Shown, page: Page) -> None:
        """What the reader scrolled to stays; one of all is found."""
        expect(page.get_by_role("status")).to_have_text("500 jobs")
        scroll = page.locator(".scroll")
        scroll.evaluate("(node) => { node.scrollTop = 9000 }")
        shown.show(rows(*many(failed=3), after_s=2.0))
        expect(cell(page, "Night 300 ", "failed")).to_have_text("3")
        assert scroll.evaluate("(node) => node.scrollTop") == 9000
        page.get_by_role("searchbox").fill("303")
        expect(page.get_by_role("status")).to_have_text("1 of 500 jobs")
        assert names(page) == ["Night 303 of Barro"]

    def test_a_phone_shows_cards(self, page: Page) -> None:
        """Two lines a job, nothing to scroll sideways."""
        page.set_viewport_size({"width": 360, "height": 740})
        first = row(page, "Night 499 ")
        expect(first).to_be_visible()
        box = first.bounding_box()
        assert box is not None
        assert box["width"] <= 360
        assert box["height"] < 70
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.get_by_role("combobox", name="Order").select_option("job_id")
        assert names(page)[0] == "Night 0 of Barro"


def many(**numbers: Any) -> list[dict[str, Any]]:
    return [
        {"job_id": number, "name": f"Night {number} of Barro", "status": "STARTED", **numbers}
        for number in range(499, -1, -1)
    ]
