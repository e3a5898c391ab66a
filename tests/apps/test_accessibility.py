"""What axe-core says of the dashboard, in a real browser."""

from collections.abc import Callable
from typing import Any

import pytest
from accessibility import violations
from playwright.sync_api import Browser
from staged_feed import StagedFeed

from ami_console.apps.serve import DashboardServer

pytestmark = [
    pytest.mark.browser,
    # Bokeh 3.9 makes a table's data with an argument that pandas 3.1 calls old.
    pytest.mark.filterwarnings(
        "ignore:The inplace keyword in DataFrame.reset_index:pandas.errors.Pandas4Warning"
    ),
]

IN_A_SHADOW = """<!doctype html><html lang="en"><head><title>t</title></head><body><main>
<h1>Trap</h1><div id="host"></div><script>
const root = document.getElementById("host").attachShadow({mode: "open"})
root.innerHTML = "<p style='color: #ccc; background: #fff'>pale</p><button></button>"
</script></main></body></html>"""


def test_what_is_in_a_shadow_root_is_looked_at(browser: Browser) -> None:
    """Panel puts everything into shadow roots: a check that stops before them finds nothing."""
    page = browser.new_page()
    page.set_content(IN_A_SHADOW)
    found = violations(page)
    assert {each.rule for each in found} == {"color-contrast", "button-name"}
    assert {each.target[0] for each in found} == {"#host"}
    assert violations(page, levels=["minor"]) == []


SEEN = {
    "jobs": "Barro Colorado",
    "trends": "Latency, median",
    "data": "one row per job and look",
    "job": "Latency of all tasks",
}
"""What a tab shows when it is there."""

PARTS = {"tasks": "Tasks, one by one", "workers": "Workers", "logs": "Logs"}


@pytest.mark.parametrize("theme", ["default", "dark"])
def test_no_rule_is_broken(
    staged: StagedFeed, served: DashboardServer, visit: Callable[..., Any], theme: str
) -> None:
    """A reader with a screen reader, or with weak eyes, goes through all of the page."""
    staged.has_tap = True
    staged.play(1860.0, begin_s=1820.0)
    page = visit(f"{served.url}?job=4&theme={theme}", ready="button[data-act=tab]").page
    found: list[str] = []

    def look(act: str, places: dict[str, str]) -> None:
        for place, text in places.items():
            page.locator(f"button[data-act={act}][data-to={place}]").click()
            page.get_by_text(text).filter(visible=True).first.wait_for()
            found.extend(f"{place}: {each}" for each in violations(page))

    look("tab", SEEN)
    look("part", PARTS)
    page.get_by_role("button", name="Replay").click()
    page.get_by_text("as it stood at").filter(visible=True).first.wait_for()
    found.extend(f"replay: {each}" for each in violations(page))
    assert found == []
