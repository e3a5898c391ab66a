"""The button of the dashboard: one click, and the browser has the report as a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import panel as pn
import pytest
from browsing import Visit
from playwright.sync_api import expect
from recorded import ANTENNA

from ami_console.apps import cards, report_button
from ami_console.apps.feed import RecordedFeed
from ami_console.apps.framed import framed
from ami_console.apps.report_button import ReportButton, Wanted, made
from ami_console.demo.processes import free_port
from ami_console.importer import import_files, recognised
from ami_console.recording import open_recording

ZONE = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Looks and tap of the crash."""
    folder = tmp_path_factory.mktemp("button") / "crash"
    found, _ = recognised([ANTENNA / "c_worker_crash" / name for name in
                           ("series.jsonl", "events.jsonl")])  # fmt: skip
    import_files(found, folder, zone=ZONE)
    return folder


@pytest.fixture
def feed(recording: Path) -> RecordedFeed:
    """What a dashboard on it shows."""
    return RecordedFeed(open_recording(recording), zone=ZONE)


def test_the_report_is_of_what_the_page_shows(feed: RecordedFeed) -> None:
    """The recording behind the page is read; the file is called after job and instant."""
    report = made(Wanted(feed, 6, ZONE))
    assert report.name.startswith("ami-console_post-mortem_job-6_20261123T")
    assert report.name.endswith("Z.html")
    assert b"Job 6" in report.content
    assert b"--recording crash" in report.content


class Silent(ReportButton):
    """Keeps what would be sent to the browser."""

    def __init__(self, wanted: Any) -> None:
        super().__init__(wanted)
        self.sent: list[dict[str, Any]] = []

    def _send_msg(self, data: dict[str, Any]) -> None:
        self.sent.append(data)


def test_a_press_without_a_job_says_so() -> None:
    """The job was closed in another tab."""
    button = Silent(lambda: None)
    button._handle_msg({"make": "report"})
    button._handle_msg({"make": "coffee"})
    button._handle_msg("report")
    assert [told["says"] for told in button.sent] == [
        "No job is shown, so there is nothing to tell."
    ]


def test_what_went_wrong_is_said(feed: RecordedFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that nobody knows; a bug: the page goes on, and the next press is answered too."""
    button = Silent(lambda: Wanted(feed, 12_345, ZONE))
    button._handle_msg({"make": "report"})
    monkeypatch.setattr(report_button, "made", lambda wanted: 1 // 0)
    button._handle_msg({"make": "report"})
    first, second = (told["says"] for told in button.sent)
    assert first.startswith("The post-mortem could not be made.")
    assert "12345" in first
    assert second.endswith("ZeroDivisionError: integer division or modulo by zero")


@pytest.fixture
def served(feed: RecordedFeed) -> Iterator[str]:
    """Where a page with the button is."""

    def page() -> Any:
        button = ReportButton(lambda: Wanted(feed, 6, ZONE), what="job 6")
        return framed(main=[cards.card(button)])

    port = free_port()
    server = pn.serve({"page": page}, port=port, threaded=True, show=False, address="127.0.0.1")
    yield f"http://127.0.0.1:{port}/page"
    server.stop()


@pytest.mark.browser
def test_one_click_gives_the_file(visit: Any, served: str, tmp_path: Path) -> None:
    """It is made on the server, travels packed, and arrives whole."""
    tab: Visit = visit(served, ready="text=Post-mortem as a file")
    button = tab.page.get_by_role("button", name="Post-mortem of job 6 as a file")
    with tab.page.expect_download(timeout=30_000) as waited:
        button.click()
    file = tmp_path / waited.value.suggested_filename
    waited.value.save_as(file)
    html = file.read_text(encoding="utf-8")
    assert html.startswith("<!DOCTYPE html>")
    assert html.endswith("</html>\n")
    size = f"{len(html.encode()) / 1e6:.1f} MB"
    expect(tab.page.get_by_role("status")).to_have_text(f"{file.name}, {size}")
    expect(button).to_have_attribute("aria-disabled", "false")
