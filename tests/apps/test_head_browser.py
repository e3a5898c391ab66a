"""The head of the page in a real browser: pause, pages, window, zone, keys, a proxy before it."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from playwright.sync_api import expect
from staged_feed import StagedFeed

from ami_console.apps.serve import DashboardServer, serve

pytestmark = pytest.mark.browser

Open = Callable[..., Any]
HEAD = "text=Antenna jobs"

TRENDS = """() => {
  for (const model of Bokeh.documents[0].all_models) {
    if (model.name === "trends" && model.data) {
      const last = (name) => Array.from(model.get_array(name)).at(-1)
      return {rows: model.get_length(), time: last("time"), backlog: last("3.1")}
    }
  }
  return {rows: 0}
}"""


def test_a_paused_page_can_not_be_mistaken_for_a_live_one(
    staged: StagedFeed, served: DashboardServer, visit: Open
) -> None:
    """Antenna is ill and the load is taken away: every open page says so, until it goes on."""
    mine, theirs = visit(served.url, ready=HEAD), visit(served.url, ready=HEAD)
    banner = theirs.page.locator(".ami-frozen-banner")
    expect(mine.page.locator(".mode")).to_have_text("●live")
    expect(banner).to_be_hidden()
    mine.page.get_by_role("button", name="Pause").click()
    expect(mine.page.locator(".mode")).to_have_text("❚❚paused")
    expect(theirs.page.locator(".mode")).to_have_text("❚❚paused")
    expect(banner).to_contain_text("Paused since 10:30:10: nobody is asked anything")
    assert staged.paused_at is not None
    age = mine.page.locator(".source", has_text="NATS").locator(".age")
    expect(mine.page.locator(".source", has_text="NATS")).to_contain_text("paused")
    staged.now_s += 90  # what is shown grows old all the same
    expect(age).to_have_text("1 min 30 s")
    theirs.page.get_by_role("button", name="Resume").click()
    expect(mine.page.locator(".mode")).to_have_text("●live")
    expect(banner).to_be_hidden()


def test_a_link_opens_the_view_that_it_was_copied_from(
    served: DashboardServer, visit: Open
) -> None:
    """A colleague is sent the trends of the last quarter of an hour, in his own time."""
    tab = visit(f"{served.url}?job=3&theme=dark", ready=HEAD)
    page = tab.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Trends").click()
    page.get_by_role("button", name="15 min").click()
    page.get_by_label("time of").select_option("UTC")
    expect(page).to_have_url(re.compile(r"\?tab=trends&job=3&window=15m&zone=UTC&theme=dark$"))
    page.get_by_role("button", name="Copy link").click()
    link = page.evaluate("navigator.clipboard.readText()")
    other = visit(link, ready="text=Latency, median").page
    expect(other.get_by_role("button", name="Trends")).to_have_attribute("aria-current", "page")
    expect(other.get_by_role("button", name="15 min")).to_have_attribute("aria-pressed", "true")
    expect(other.get_by_label("time of")).to_have_value("UTC")
    expect(other.locator(".clock")).to_contain_text("15:30:10 23 Nov 2026, UTC")


def test_what_an_address_says_wrongly_is_told(served: DashboardServer, visit: Open) -> None:
    """A link was cut off in a chat."""
    page = visit(f"{served.url}?tab=tre&zone=<b>Mars</b>", ready=HEAD).page
    expect(page.locator(".error", has_text="tab=tre")).to_be_visible()
    expect(page.locator(".error", has_text="zone=<b>Mars</b>")).to_be_visible()
    expect(page.get_by_role("button", name="Jobs", exact=False).first).to_have_attribute(
        "aria-current", "page"
    )


def test_a_window_from_one_instant_to_another(served: DashboardServer, visit: Open) -> None:
    """What happened between ten past and twenty past ten, wall time."""
    page = visit(f"{served.url}?tab=job&job=3").page
    page.locator("summary", has_text="from … to").click()
    page.locator("input[data-act=from]").fill("2026-11-23T10:10:00")
    page.locator("input[data-act=from]").blur()
    expect(page).to_have_url(re.compile(r"window=2026-11-23T15:10:00Z/2026-11-23T15:30:10Z"))
    page.locator("input[data-act=to]").fill("2026-11-23T10:20:00")
    page.locator("input[data-act=to]").blur()
    expect(page).to_have_url(re.compile(r"window=2026-11-23T15:10:00Z/2026-11-23T15:20:00Z"))
    page.locator("input[data-act=to]").fill("2026-11-23T10:05:00")
    page.locator("input[data-act=to]").blur()
    expect(page.locator(".error", has_text="must end after it begins")).to_be_visible()


def test_the_main_moves_have_keys(staged: StagedFeed, served: DashboardServer, visit: Open) -> None:
    """At 3 a.m. on a laptop without a mouse; and what is typed into a field stays text."""
    page = visit(f"{served.url}?job=3", ready=HEAD).page
    press = page.keyboard.press
    press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("a longer window")
    press("Escape")
    expect(dialog).to_be_hidden()
    press("2")
    expect(page.locator("h2", has_text="Job 3")).to_be_visible()
    press("j")
    expect(page.locator("h2", has_text="Job 6")).to_be_visible()
    press("k")
    expect(page.locator("h2", has_text="Job 3")).to_be_visible()
    press("]")
    expect(page.get_by_role("button", name="6 h")).to_have_attribute("aria-pressed", "true")
    press("p")
    expect(page.locator(".mode")).to_have_text("❚❚paused")
    press("p")
    expect(page.locator(".mode")).to_have_text("●live")
    assert staged.paused_at is None
    page.locator("summary", has_text="from … to").click()
    page.locator("input[data-act=from]").focus()
    press("p")
    press("3")
    expect(page.get_by_role("button", name="Trends")).not_to_have_attribute("aria-current", "page")
    assert staged.paused_at is None


def test_trends_grow_by_a_row_per_look(
    staged: StagedFeed, served: DashboardServer, visit: Open
) -> None:
    """All jobs side by side; what is drawn already is not sent again."""
    tab = visit(f"{served.url}?tab=trends&window=15m", ready="text=Latency, median")
    page = tab.page
    page.wait_for_function(f"({TRENDS})().rows > 80")
    before = page.evaluate(TRENDS)
    staged.look(staged.now_s + 10)
    page.wait_for_function(f"(time) => ({TRENDS})().time > time", arg=before["time"])
    after = page.evaluate(TRENDS)
    assert after["time"] - before["time"] == 10_000
    assert after["backlog"] == before["backlog"] - 16
    page.locator("ul.jobs button", has_text="Barro Colorado").click()
    expect(page.locator("h2", has_text="Job 3")).to_be_visible()


@pytest.fixture
def proxied(staged: StagedFeed) -> Iterator[str]:
    """The dashboard under a path of its own, behind something that only hands bytes on."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = serve(staged, port=0, threaded=True, prefix="ami", origins=[f"127.0.0.1:{port}"])

    def hand_on(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass  # one of the two has closed
        for end in (source, target):
            end.close()

    def accept() -> None:
        while True:
            try:
                browser, _ = listener.accept()
            except OSError:
                return
            ours = socket.create_connection(("127.0.0.1", server.port))
            for ends in ((browser, ours), (ours, browser)):
                threading.Thread(target=hand_on, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{port}/ami/dashboard"
    listener.close()
    server.stop()


def test_behind_a_proxy_with_a_path(staged: StagedFeed, proxied: str, visit: Open) -> None:
    """The institute's web server hands /ami on: the page opens, and its websocket lives."""
    page = visit(f"{proxied}?tab=job&job=3").page
    done = page.locator(".fact", has_text="done")
    before = done.inner_text()
    staged.look(staged.now_s + 10)
    expect(done).not_to_have_text(before)
    assert page.evaluate("fetch(new URL('liveness', location.href)).then((r) => r.status)") == 200


def test_anybody_else_s_page_may_not_open_the_websocket(served: DashboardServer) -> None:
    """A page of elsewhere, in the browser of an operator, tries to read along: refused."""
    request = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
    }
    asked = {}
    for origin in ("http://evil.example", f"http://127.0.0.1:{served.port}"):
        client = HTTPConnection("127.0.0.1", served.port)
        client.request("GET", "/dashboard/ws", headers={**request, "Origin": origin})
        asked[origin] = client.getresponse().status
        client.close()
    assert asked["http://evil.example"] == 403
    assert asked[f"http://127.0.0.1:{served.port}"] != 403
