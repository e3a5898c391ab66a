"""A real browser that may talk to this machine only."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


expect.set_options(timeout=15_000)  # other tests share the processor


@dataclass
class Visit:
    """One browser tab and what it did."""

    page: Page
    outside: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def charts(self) -> dict[str, Any]:
        """The browser's own copy of the chart data: rows, and the newest value of each line."""
        found: dict[str, Any] = self.page.evaluate(
            """() => {
              for (const root of Bokeh.documents[0].all_models) {
                if (root.name === "job" && root.data) {
                  const last = (name) => Array.from(root.get_array(name)).at(-1)
                  const names = root.columns()
                  return {rows: root.get_length(),
                          last: Object.fromEntries(names.map((name) => [name, last(name)]))}
                }
              }
              return null
            }"""
        )
        return found


@pytest.fixture
def browser(chromium: str) -> Iterator[Browser]:
    """A Chromium of this machine."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[[str], Visit]]:
    """Opens a tab; at the end no tab may have asked anybody but this machine for anything."""
    visits: list[Visit] = []

    def open_tab(url: str, *, ready: str = "") -> Visit:
        ready = ready or ("text=Throughput" if "tab=job&" in url else "text=Antenna jobs")
        tab = Visit(browser.new_page(viewport={"width": 1440, "height": 900}))
        visits.append(tab)

        def requested(request: Any) -> None:
            parts = urlsplit(request.url)
            if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
                tab.outside.append(request.url)

        def asked(dialog: Any) -> None:
            tab.dialogs.append(dialog.message)
            dialog.dismiss()

        tab.page.on("request", requested)
        tab.page.on("dialog", asked)

        def said(message: Any) -> None:
            if "Content Security Policy" in message.text:
                tab.faults.append(message.text)

        tab.page.on("pageerror", lambda error: tab.faults.append(str(error)))
        tab.page.on("console", said)
        tab.page.goto(url)
        tab.page.wait_for_selector(ready)
        return tab

    yield open_tab
    for tab in visits:
        assert tab.outside == []
        assert tab.dialogs == []
        assert tab.faults == [], tab.faults
