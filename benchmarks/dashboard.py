"""Measure the dashboard: processor time and bytes of an update, memory, time to the first plot.

    python -m benchmarks.dashboard                    20 jobs, 800 looks, 1 and 50 pages
    python -m benchmarks.dashboard --sessions 10 --updates 20 --pages "tab=trends" --json

The real server runs in a process of its own (see ``benchmarks.busy_server``) with looks two
seconds apart. Pages are the real ones, held open over websockets that only count what comes in,
and one more in a real Chromium, which also answers. What the collector and the checks cost is not
counted: they cost the same without any page. Of ``n`` pages each costs ``shared / n + own``.
The floor is a plain Panel page with one Bokeh figure of a line per job, which gets a row more at
each look (see ``benchmarks.bare_page``); a page of ours has up to nine figures and all the rest.
"""

import argparse
import asyncio
import contextlib
import json
import re
import shutil
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, async_playwright
from playwright.async_api import TimeoutError as NotSeenError
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from benchmarks.figures import Figure, show

EVERY_S = 2.0
WARM_UPDATES = 3
GIVE_UP_S = 60.0
QUIET_S = 0.02
NO_CHART_S = 10.0
SESSION_ENDS_S = 20.0  # the server looks every 2 s for those that nobody used for 15 s
BETWEEN_VISITS_S = 8.0
CPU_GOAL_MS, BYTES_GOAL, FIRST_PLOT_GOAL_S = 15.0, 8_000, 2.0
GROWTH_GOAL = 10_000  # bytes per update and page: below that the allocator's noise begins
PLAIN = "a plain page"
PAGES = ("tab=jobs", "tab=trends", "job=101&tab=job")
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

READY = {
    "type": "event",
    "name": "document_ready",
    "values": {"type": "map", "entries": []},
}

DRAWN = """() => {
  const drawn = (root) => {
    if (root.querySelector("svg.spark path")?.getAttribute("d")) { return true }
    for (const canvas of root.querySelectorAll("canvas")) {
      if (canvas.width > 100 && canvas.height > 50) {
        const context = canvas.getContext("2d")
        const {data} = context.getImageData(0, 0, canvas.width, canvas.height)
        for (let i = 3; i < data.length; i += 4) { if (data[i]) { return true } }
      }
    }
    return [...root.querySelectorAll("*")].some((el) => el.shadowRoot && drawn(el.shadowRoot))
  }
  return drawn(document) ? performance.now() / 1000 : null
}"""
"""Seconds from the navigation until a chart or sparkline has painted something, else null."""


class Server:
    """The server's process."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self._process, self.url = process, url

    async def ask(self, line: str) -> dict[str, Any]:
        """Tell it something, and wait for its answer."""
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(f"{line}\n".encode())
        answer = await self._process.stdout.readline()
        if not answer:
            raise SystemExit("the server ended")
        found: dict[str, Any] = json.loads(answer)
        return found


@contextlib.asynccontextmanager
async def serving(jobs: int, looks: int, module: str = "busy_server") -> AsyncIterator[Server]:
    """A server with its looks."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", f"benchmarks.{module}", str(jobs), str(looks)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None  # noqa: S101
    assert process.stdin is not None  # noqa: S101
    try:
        yield Server(process, json.loads(await process.stdout.readline())["url"])
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


class Page:
    """A page that is open without a browser: it counts what it is sent."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.bytes = self.frames = 0
        self.heard_s, self.is_closed = time.monotonic(), False
        self._socket = socket
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url: str, query: str) -> "Page":
        """Open a page as a browser does, and say that it was drawn."""
        client = AsyncHTTPClient()
        answer = await client.fetch(f"{url}?{query}", request_timeout=GIVE_UP_S)
        token = re.search(r'"token":\s*"([^"]+)"', answer.body.decode())
        if token is None:
            raise SystemExit(f"{url}?{query} is no page of a session")
        where = HTTPRequest(f"ws{url.removeprefix('http')}/ws", request_timeout=GIVE_UP_S)
        socket = await websocket_connect(
            where, subprotocols=["bokeh", token[1]], max_message_size=100_000_000
        )
        for _ in range(3):  # header, metadata and content of its first message
            await socket.read_message()
        page = cls(socket)
        await page._send("PULL-DOC-REQ", {})
        event = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": READY}
        await page._send("PATCH-DOC", {"events": [event]})
        return page

    async def _send(self, kind: str, content: dict[str, Any]) -> None:
        for part in ({"msgid": kind, "msgtype": kind}, {}, content):
            await self._socket.write_message(json.dumps(part))

    async def _read(self) -> None:
        while (message := await self._socket.read_message()) is not None:
            self.frames += 1
            self.bytes += len(message if isinstance(message, bytes) else message.encode())
            self.heard_s = time.monotonic()
        self.is_closed = True

    async def close(self) -> None:
        """As a closed tab."""
        self._socket.close()
        await self._reading


class Tab:
    """A page in a real browser: it counts what it is sent."""

    def __init__(self) -> None:
        self.bytes = self.frames = 0
        self.heard_s, self.is_closed = time.monotonic(), False
        self._page: Any = None

    @classmethod
    async def open(cls, browser: Browser, url: str, query: str) -> "Tab":
        """Open a page, and wait until a chart or the page's head is there."""
        tab = cls()
        tab._page = await browser.new_page(viewport={"width": 1440, "height": 900})
        tab._page.on("websocket", lambda socket: socket.on("framereceived", tab._count))
        await tab._page.goto(f"{url}?{query}")
        await tab._page.wait_for_function(
            "() => window.Bokeh?.documents?.[0]?.is_idle", timeout=GIVE_UP_S * 1000
        )
        return tab

    def _count(self, payload: str | bytes) -> None:
        self.frames += 1
        self.bytes += len(payload if isinstance(payload, bytes) else payload.encode())
        self.heard_s = time.monotonic()

    async def close(self) -> None:
        """Close the tab."""
        await self._page.close()


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of an update, per page: milliseconds of the server's processor, bytes and messages."""

    cpu_ms: float
    bytes: float
    messages: float
    feed_ms: float


async def settle(pages: Sequence[Page | Tab], *, since_s: float) -> None:
    """Wait until every page has heard something since then, and nothing for a moment."""
    give_up_s = time.monotonic() + GIVE_UP_S
    waiting = set(pages)
    while waiting:
        now_s = time.monotonic()
        waiting -= {page for page in waiting if since_s < page.heard_s < now_s - QUIET_S}
        if time.monotonic() > give_up_s or any(page.is_closed for page in pages):
            raise SystemExit("a page was closed, or hears of no news")
        await asyncio.sleep(0.005)


async def look_on(server: Server, pages: Sequence[Page | Tab], updates: int) -> Cost:
    """Looks at their usual pace, and what they cost each page."""
    for _ in range(WARM_UPDATES):
        since_s = time.monotonic()
        await server.ask("look")
        await settle(pages, since_s=since_s)
        await asyncio.sleep(EVERY_S)
    before = await server.ask("told")
    sent = sum(page.bytes for page in pages), sum(page.frames for page in pages)
    next_s = time.monotonic()
    for _ in range(updates):
        await server.ask("look")
        next_s += EVERY_S
        await asyncio.sleep(max(0.0, next_s - time.monotonic()))
    after = await server.ask("told")
    shares = updates * len(pages)
    return Cost(
        cpu_ms=(after["cpu_s"] - before["cpu_s"]) * 1e3 / shares,
        bytes=(sum(page.bytes for page in pages) - sent[0]) / shares,
        # A message is a header, a metadata and a content frame.
        messages=(sum(page.frames for page in pages) - sent[1]) / shares / 3,
        feed_ms=(after["feed_s"] - before["feed_s"]) * 1e3 / updates,
    )


async def cost_of(server: Server, query: str, sessions: int, updates: int) -> Cost:
    """The same with so many pages that a browser does not hold open."""
    pages = [await Page.open(server.url, query) for _ in range(sessions)]
    try:
        return await look_on(server, pages, updates)
    finally:
        await close(pages)


async def cost_in_browser(server: Server, browser: Browser, query: str, updates: int) -> Cost:
    """The same with one page in a browser."""
    tab = await Tab.open(browser, server.url, query)
    try:
        return await look_on(server, [tab], updates)
    finally:
        await close([tab])


async def close(pages: Sequence[Page | Tab]) -> None:
    """Close them all, and wait until their sessions have ended."""
    for page in pages:
        await page.close()
    await asyncio.sleep(SESSION_ENDS_S)


async def first_plot(
    server: Server, browser: Browser, query: str, *, times: int = 5
) -> tuple[float, float]:
    """From the navigation until the first chart is painted, seconds.

    Returns:
        In a browser that never saw the page, and the median of later visits.
    """
    taken = []
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    for _ in range(times + 1):
        page = await context.new_page()
        await page.goto(f"{server.url}?{query}", wait_until="commit")
        try:
            drawn = await page.wait_for_function(DRAWN, timeout=NO_CHART_S * 1000, polling=20)
            taken.append(float(await drawn.json_value()))
        except NotSeenError:
            raise SystemExit(f"no chart of {query} in {NO_CHART_S:g} s") from None
        finally:
            await page.close()
        # What is still on its way to this page is not to be waited for by the next one.
        await asyncio.sleep(BETWEEN_VISITS_S)
    await context.close()
    return taken[0], statistics.median(taken[1:])


async def growth(server: Server, queries: Sequence[str], updates: int) -> tuple[float, float]:
    """Memory that an update leaves behind, bytes: without any page, and more of it per page.

    What is kept of the looks is full before, so that it does not grow by itself.
    """

    async def grown(pages: Sequence[Page]) -> float:
        for _ in range(updates // 10):
            await update(pages)
        before = (await server.ask("memory"))["bytes"]
        for _ in range(updates):
            await update(pages)
        return float((await server.ask("memory"))["bytes"] - before) / updates

    async def update(pages: Sequence[Page]) -> None:
        since_s = time.monotonic()
        await server.ask("glance")
        if pages:
            await settle(pages, since_s=since_s)

    await server.ask("keep")
    alone = await grown(())
    await server.ask("hurry")
    # A window that is full already: what is drawn grows no more.
    pages = [await Page.open(server.url, f"{query}&window=15m") for query in queries]
    watched = await grown(pages)
    await close(pages)
    return alone, (watched - alone) / len(pages)


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What the plain page costs: of one page, of many, and until it is drawn."""

    one: Cost
    many: Cost
    first_s: float | None


async def floor_of(asked: argparse.Namespace, browser: Browser | None) -> Floor:
    """The plain page, measured like ours."""
    async with serving(asked.jobs, asked.looks, "bare_page") as server:
        one = await cost_of(server, "", 1, asked.updates)
        many = await cost_of(server, "", asked.sessions, asked.updates)
        first_s = None if browser is None else (await first_plot(server, browser, ""))[1]
    return Floor(one=one, many=many, first_s=first_s)


async def measured(asked: argparse.Namespace) -> list[Figure]:
    """All of it."""
    told: list[Figure] = []
    chromium = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    async with contextlib.AsyncExitStack() as stack:
        browser = None
        if chromium:
            playwright = await stack.enter_async_context(async_playwright())
            flags = ["--no-sandbox", "--disable-gpu"]
            browser = await playwright.chromium.launch(executable_path=chromium, args=flags)
            stack.push_async_callback(browser.close)
        floor = await floor_of(asked, browser)
        server = await stack.enter_async_context(serving(asked.jobs, asked.looks))
        for query in asked.pages:
            one = await cost_of(server, query, 1, asked.updates)
            many = await cost_of(server, query, asked.sessions, asked.updates)
            told += _told(query, "one page alone", one, floor.one, is_alone=True)
            told += _told(query, f"each of {asked.sessions} pages", many, floor.many)
            if asked.sessions > 1:
                own = (many.cpu_ms * asked.sessions - one.cpu_ms) / (asked.sessions - 1)
                told.append(
                    Figure(what=f"{query}: update, a page's own share", value=own, unit="ms")
                )
            if browser is not None:
                seen = await cost_in_browser(server, browser, query, asked.updates)
                told += _told(query, "one page in Chromium", seen, floor.one, is_alone=True)
        for query in asked.pages if browser is not None else ():
            never, later = await first_plot(server, browser, query)
            told.append(Figure(what=f"{query}: first plot, first visit", value=never, unit="s"))
            told.append(
                Figure(
                    what=f"{query}: first plot, later visits",
                    value=later,
                    unit="s",
                    floor=floor.first_s,
                    floor_is=PLAIN,
                    goal=FIRST_PLOT_GOAL_S,
                )
            )
        if asked.memory_updates:
            alone, more = await growth(server, asked.pages, asked.memory_updates)
            told.append(Figure(what="memory per update, no page", value=alone / 1e3, unit="kB"))
            told.append(
                Figure(
                    what="memory per update and page",
                    value=more / 1e3,
                    unit="kB",
                    goal=GROWTH_GOAL / 1e3,
                )
            )
    return told


def _told(query: str, who: str, cost: Cost, floor: Cost, *, is_alone: bool = False) -> list[Figure]:
    """A page that is alone bears what all share, once a look: the goal is one of many pages."""
    return [
        Figure(
            what=f"{query}: update, {who}",
            value=cost.cpu_ms,
            unit="ms",
            floor=floor.cpu_ms,
            floor_is=PLAIN,
            goal=None if is_alone else CPU_GOAL_MS,
        ),
        Figure(
            what=f"{query}: sent, {who}, in {cost.messages:.1f} messages",
            value=cost.bytes / 1e3,
            unit="kB",
            floor=floor.bytes / 1e3,
            floor_is=PLAIN,
            goal=BYTES_GOAL / 1e3,
        ),
    ]


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.dashboard")
    asked.add_argument("--jobs", type=int, default=20)
    asked.add_argument("--looks", type=int, default=800, help="before the first page is opened")
    asked.add_argument("--sessions", type=int, default=50, help="pages at once (50)")
    asked.add_argument("--updates", type=int, default=60, help="that are measured (60)")
    asked.add_argument("--memory-updates", type=int, default=1000, help="for memory; 0: leave out")
    asked.add_argument("--pages", nargs="+", default=list(PAGES), help="their addresses after ?")
    return asked


def figures(*, quick: bool) -> list[Figure]:
    """What ``python -m benchmarks`` shows of it."""
    fewer = ["--updates", "12", "--memory-updates", "0"] if quick else []
    return asyncio.run(measured(parser().parse_args(fewer)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = parser()
    options.add_argument("--json", action="store_true")
    asked = options.parse_args(arguments)
    show(asyncio.run(measured(asked)), as_json=asked.json)


if __name__ == "__main__":
    main()
