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


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("query", ["", "tab=trends", "tab=job&job=4", "tab=data"])
def test_dashboard(
    staged: StagedFeed,
    served: DashboardServer,
    visit: Callable[..., Any],
    query: str,
    colours: Any,
) -> None:
    page = visit(f"{served.url}?{query}", ready="[role=tab]").page
    page.emulate_media(color_scheme=colours)
    page.wait_for_timeout(1500)
    for each in violations(page):
        print(each, each.target)
