"""The login and the policy of the page in a real browser."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from accessibility import violations
from asking import PASSWORD, USER, a_login
from browsing import Visit
from playwright.sync_api import Browser, Page, expect
from reverse_proxy import hand_on, listening
from staged_feed import StagedFeed

from ami_console import actions
from ami_console.actions import Desk, Performing, Who
from ami_console.apps.serve import DashboardServer, serve
from ami_console.settings import Settings

pytestmark = [
    pytest.mark.browser,
    # Bokeh 3.9 makes a table's data with an argument that pandas 3.1 calls old.
    pytest.mark.filterwarnings(
        "ignore:The inplace keyword in DataFrame.reset_index:pandas.errors.Pandas4Warning"
    ),
]


class HearingDesk(Desk):
    """Keeps who asked, and does nothing."""

    def __init__(self) -> None:
        allowed = {"AMI_CONSOLE_ALLOW_ACTIONS": "true"}
        super().__init__(Settings.from_environment(allowed, dotenv=None))
        self.heard: list[Who] = []

    def begin(self, action: actions.Action, job_id: int, who: Who) -> Performing:
        self.heard.append(who)
        return Performing(action=action, job_id=job_id)


@pytest.fixture
def desk() -> Iterator[HearingDesk]:
    """Where actions of the page arrive."""
    hearing = HearingDesk()
    actions.use(hearing)
    yield hearing
    actions.use(None)


@pytest.fixture
def locked(staged: StagedFeed) -> Iterator[str]:
    """The dashboard with a login, under a path of a web server in front of it."""
    with listening() as listener:
        port = listener.getsockname()[1]
        server = serve(
            staged,
            port=0,
            threaded=True,
            prefix="ami",
            origins=[f"127.0.0.1:{port}"],
            login=a_login(),
            behind_proxy=True,
        )
        hand_on(listener, server.port)
        yield f"http://127.0.0.1:{port}/ami/dashboard"
        server.stop()


def complaints(page: Page) -> list[str]:
    """What the browser says of a page's policy from now on."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if "Policy" in message.text else 0)
    return said


def saved(page: Page, button: str, to: Path) -> Path:
    """What a button gives."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).first.click()
    path = to / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


PARTS = {"tasks": "Tasks, one by one", "workers": "Workers", "logs": "Logs"}

PLANTED = """() => {
  const box = document.createElement("div")
  document.body.append(box)
  box.innerHTML = "<img src='nowhere' onerror='window.hit = 1'>" +
    "<a href='javascript:window.hit = 2'>x</a>" +
    "<iframe srcdoc='<script>top.hit = 3</script>'></iframe>"
  box.querySelector("a").click()
  const script = document.createElement("script")
  script.textContent = "window.hit = 4"
  box.append(script)
}"""


def test_the_page_lives_with_its_policy(
    staged: StagedFeed,
    served: DashboardServer,
    desk: HearingDesk,
    visit: Callable[..., Visit],
    tmp_path: Path,
) -> None:
    """All of it is opened and pressed, and the browser has to forbid nothing of ours."""
    staged.has_tap = True
    staged.play(1860.0, begin_s=1820.0)
    tab = visit(f"{served.url}?job=4", ready="button[data-act=tab]")
    page = tab.page
    said = complaints(page)

    def look(act: str, place: str, text: str) -> None:
        page.locator(f"button[data-act={act}][data-to={place}]").click()
        page.get_by_text(text).filter(visible=True).first.wait_for()

    look("tab", "trends", "Latency, median")
    look("tab", "data", "one row per job and look")
    assert saved(page, "CSV", tmp_path).stat().st_size > 100
    look("tab", "job", "Latency of all tasks")
    page.locator("canvas").filter(visible=True).first.wait_for()
    assert saved(page, "Save as PNG: Latency", tmp_path).read_bytes()[:4] == b"\x89PNG"
    assert b"<svg" in saved(page, "Save as SVG: Latency", tmp_path).read_bytes()
    page.locator(".bk-Figure").filter(visible=True).first.hover()
    for part, text in PARTS.items():
        look("part", part, text)
    page.get_by_role("button", name="Cancel …").click()
    page.get_by_label("Type the job's number").fill("4")
    page.get_by_role("button", name="Cancel job 4").click()
    page.get_by_role("button", name="Replay").click()
    page.get_by_text("as it stood at").filter(visible=True).first.wait_for()
    assert said == []
    assert [who.session_user for who in desk.heard] == [None]

    # And what is not ours it does forbid: a hostile name that got into the page as HTML.
    page.evaluate(PLANTED)
    page.wait_for_function("document.querySelector('img[src=nowhere]').complete")
    assert page.evaluate("window.hit") is None
    assert len(said) >= 4
    tab.faults.clear()  # they are these


def test_no_page_of_others_shows_ours(
    served: DashboardServer, browser: Browser, tmp_path: Path
) -> None:
    """A page lays ours, invisibly, under a button of its own."""
    trap = tmp_path / "trap.html"
    trap.write_text(f"<iframe src='{served.url}'></iframe>")
    page = browser.new_page()
    said = complaints(page)
    page.goto(trap.as_uri())
    expect(page.frame_locator("iframe").locator("body")).not_to_contain_text("Antenna")
    assert [frame.url for frame in page.frames[1:]] == ["chrome-error://chromewebdata/"]
    assert "frame-ancestors" in "".join(said)
    page.close()


def test_in_and_out_from_the_keyboard(locked: str, browser: Browser, desk: HearingDesk) -> None:
    """On a phone, with a screen reader: a wrong password, the right one, a look, and out again."""
    context = browser.new_context(viewport={"width": 360, "height": 640})
    outside: list[str] = []
    context.on(
        "request",
        lambda asked: None if "127.0.0.1" in asked.url[:20] else outside.append(asked.url),
    )
    page = context.new_page()
    said = complaints(page)
    page.goto(f"{locked}?tab=job&job=4")
    expect(page.get_by_label("User")).to_be_focused()
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page, levels=["minor", "moderate", "serious", "critical"]) == []
    page.keyboard.type(USER)
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("User")).to_have_value(USER)
    expect(page.get_by_label("Password")).to_be_focused()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Job 4").wait_for()
    assert page.url.startswith(f"{locked}?tab=job&job=4")
    cookies = context.cookies()
    assert [(cookie["httpOnly"], cookie["path"]) for cookie in cookies] == [(True, "/ami")]

    page.get_by_role("button", name="Cancel …").click()
    page.get_by_label("Type the job's number").fill("4")
    page.get_by_role("button", name="Cancel job 4").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert [who.session_user for who in desk.heard] == [USER]

    other = context.new_page()
    with other.expect_websocket() as opened:
        other.goto(locked)
    other.get_by_text(f"{USER} · Log out").wait_for()
    page.get_by_role("link", name="Log out").click()
    assert violations(page) == []
    with opened.value.expect_event("close"):  # the other page is open, and hears no more
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Password").wait_for()
    page.goto(locked)
    page.get_by_label("Password").wait_for()
    assert said == []
    assert [url for url in outside if not url.startswith(("blob:", "data:"))] == []
    context.close()
