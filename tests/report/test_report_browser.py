"""The report in a real browser without a network: painted, zoomed, read out, printed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from accessibility import violations
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

Paged = Callable[[str], str]
Open = Callable[..., Page]

SHOWN = "html[data-charts=shown]"
KEYS = {"states", "throughput", "backlog", "redelivery", "latency", "heat", "attempts"}


@pytest.fixture
def opened(browser: Browser, paged: Paged, tmp_path: Path) -> Iterator[Open]:
    """``opened(**context)``: the report on the crash as a file; it asks for nothing but itself."""
    file = tmp_path / "job 6.html"
    file.write_text(paged("c_worker_crash"), encoding="utf-8")
    asked: list[str] = []
    faults: list[str] = []

    def open_file(**context: Any) -> Page:
        page = browser.new_context(offline=True, **context).new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.goto(file.as_uri())
        page.wait_for_selector(SHOWN)
        return page

    yield open_file
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert faults == []


def axis(page: Page) -> list[float]:
    """From where to where each chart over time shows, ms; they must be the same for all."""
    found: list[list[float]] = page.evaluate(
        """() => Bokeh.documents[0].roots().filter((root) => root.name !== "attempts")
                 .map((root) => [root.x_range.start, root.x_range.end])"""
    )
    assert found
    assert all(each == found[0] for each in found)
    return found[0]


def painted(page: Page) -> dict[str, int]:
    """Chart → how many pixels of it are of a colour that is no grey: lines, bars and marks."""
    found: dict[str, int] = page.evaluate(
        """() => Object.fromEntries(Object.values(Bokeh.index.roots ?? Bokeh.index)
          .filter((view) => document.getElementById(`chart-${view.model.name}`))
          .map((view) => {
            const {canvas} = view.export("png")
            const {width, height} = canvas
            const {data} = canvas.getContext("2d").getImageData(0, 0, width, height)
            let coloured = 0
            for (let i = 0; i < data.length; i += 4) {
              const [r, g, b, a] = data.slice(i, i + 4)
              if (a > 128 && Math.max(r, g, b) - Math.min(r, g, b) > 40) { coloured += 1 }
            }
            return [view.model.name, coloured]
          }))"""
    )
    return found


def test_it_opens_offline_and_its_charts_can_be_zoomed(opened: Open) -> None:
    """A colleague opens the attachment on a train, and looks closer at the minute of the crash."""
    page = opened(viewport={"width": 1200, "height": 900})
    found = painted(page)
    assert found.keys() == KEYS
    assert min(found.values()) > 100, found
    says = page.locator("#axis-says")
    expect(says).to_contain_text("the whole job")
    begin, end = axis(page)
    page.get_by_role("button", name="zoom in").click()
    nearer = axis(page)
    assert nearer[1] - nearer[0] == pytest.approx((end - begin) / 2)
    expect(says).to_contain_text("a part of it")
    page.get_by_role("button", name="later").press("Enter")
    assert axis(page)[0] > nearer[0]
    page.get_by_role("button", name="whole job").click()
    assert axis(page) == pytest.approx([begin, end])
    # With the mouse: a box over a part of one chart zooms them all.
    chart = page.locator("#chart-backlog")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    across = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, across)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, across, steps=4)
    page.mouse.up()
    expect(says).to_contain_text("a part of it")
    assert axis(page)[1] - axis(page)[0] < (end - begin) / 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_everybody(opened: Open, scheme: str) -> None:
    """At night, on a phone: no text too faint, nothing without a name, nothing wider than it."""
    page = opened(viewport={"width": 360, "height": 780}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert violations(page) == []
    # The words of the charts' axes have the colours of the page.
    colours = page.evaluate(
        """() => [getComputedStyle(document.documentElement).getPropertyValue("--dim").trim(),
                  Bokeh.documents[0].roots()[1].left[0].major_label_text_color]"""
    )
    assert colours[0] == colours[1] != ""


def test_it_prints_with_light_charts_and_what_was_folded(opened: Open) -> None:
    """Printed from a dark screen for a meeting: whole charts on paper, and the evidence."""
    page = opened(viewport={"width": 1200, "height": 900}, color_scheme="dark")
    page.evaluate(
        """() => addEventListener("beforeprint", () => {
          const pictures = [...document.querySelectorAll("img.picture")]
          window.printed = {
            charts: pictures.map((each) => each.alt),
            open: document.querySelectorAll("details[data-paper][open]").length,
            ink: Bokeh.documents[0].roots()[1].left[0].major_label_text_color,
          }
        })"""
    )
    folded = page.locator("details[data-paper]:not([open])").count()
    assert folded > 0
    paper = page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
    printed = page.evaluate("window.printed")
    assert len(printed["charts"]) == len(KEYS)
    assert all(name.startswith("Chart: ") for name in printed["charts"])
    assert printed["open"] == page.locator("details[data-paper]").count()
    assert printed["ink"] == "#52606d"
    assert page.locator("img.picture").count() == 0
    assert page.locator("details[data-paper]:not([open])").count() == folded
