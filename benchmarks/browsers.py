"""Fifty real browsers on one server: do all of them move, and does anybody wait?

    python -m benchmarks.browsers                    50 pages for a minute
    python -m benchmarks.browsers --pages 10 --for 20 --json

The server runs in a process of its own (see ``benchmarks.busy_server``) and looks every two
seconds. Each page is a context of its own in one headless Chromium, so that nothing is shared
between them but the program. All of them are on this machine: on two cores it is the browser that
takes most of the processor, which it would not take on the readers' own machines. So the cost of
each is told apart, and the pages' own staleness is an upper bound.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, Page, async_playwright
from playwright.async_api import Error as PlaywrightError

from benchmarks.dashboard import CHROMIUMS, Server, serving
from benchmarks.figures import aligned, machine

EVERY_S = 2.0
QUIET_LOOKS = 3
LAG_EVERY_S = 0.1
OPENED_AT_ONCE = 4
GIVE_UP_S = 180.0
TABS = ("tab=jobs", "job=101&tab=job", "tab=trends")

AGES = """() => {
  const found = []
  const search = (root) => {
    for (const each of root.querySelectorAll("*")) {
      if (each.matches(".age")) { found.push(each.textContent) }
      if (each.shadowRoot) { search(each.shadowRoot) }
    }
  }
  search(document)
  return found
}"""
"""What a page says of the ages of its sources' answers."""


@dataclass
class Open:
    """A page in a browser, and what it was sent.

    Attributes:
        frames: Messages, their parts counted one by one.
        heard_s: When each came, by the monotonic clock.
        loaded: How often it was loaded: a page that lost its session loads itself again.
    """

    page: Page
    sent_bytes: int = 0
    heard_s: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    loaded: int = 0

    @classmethod
    async def at(cls, browser: Browser, url: str) -> "Open":
        """Open it, and wait until it stands."""
        context = await browser.new_context(viewport={"width": 1440, "height": 900})
        page = await context.new_page()
        opened = cls(page)
        page.on("websocket", lambda socket: socket.on("framereceived", opened._hear))
        page.on("pageerror", lambda error: opened.faults.append(str(error)))
        page.on("load", opened._load)
        await page.goto(url, timeout=GIVE_UP_S * 1e3)
        await page.wait_for_function(
            "() => window.Bokeh?.documents?.[0]?.is_idle", timeout=GIVE_UP_S * 1e3
        )
        return opened

    def _load(self, _: Page) -> None:
        self.loaded += 1

    def _hear(self, payload: str | bytes) -> None:
        self.sent_bytes += len(payload if isinstance(payload, bytes) else payload.encode())
        self.heard_s.append(time.monotonic())


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of it.

    Attributes:
        pages: That were open.
        moved: That heard something in every three looks.
        longest_silence_s: Of all pages, the longest stretch without a message.
        oldest_age_s: That a page showed at the end, of the source that answered last.
        opened_s: Until all stood.
        looks: That were made.
        look_late_s: The longest that a look came late, seconds.
        lag_median_ms: Of a small question to the server (``/liveness``).
        lag_most_ms: The longest of them.
        server_cores: Processor of the server's process without looks and judgements, cores.
        feed_cores: Processor of looks and judgements, cores.
        browser_cores: Of all processes of the browser, cores.
        server_bytes: Memory of the server's process.
        sent_bytes_per_s: To each page.
        faults: Errors of scripts, in all pages.
        loaded_again: How often a page lost its session, and was loaded again.
    """

    pages: int
    moved: int
    longest_silence_s: float
    oldest_age_s: float
    opened_s: float
    looks: int
    look_late_s: float
    lag_median_ms: float
    lag_most_ms: float
    server_cores: float
    feed_cores: float
    browser_cores: float
    server_bytes: int
    sent_bytes_per_s: float
    faults: int
    loaded_again: int


class Looking:
    """Looks at their usual pace, one asked for after the other.

    Attributes:
        late_s: How late the answer to each was, seconds.
    """

    def __init__(self, server: Server) -> None:
        """Begin."""
        self._server, self._lock = server, asyncio.Lock()
        self.late_s: list[float] = []
        self._task = asyncio.create_task(self._look())

    async def ask(self, line: str) -> dict[str, Any]:
        """Ask the server's process something else."""
        async with self._lock:
            return await self._server.ask(line)

    async def _look(self) -> None:
        due_s = time.monotonic()
        while True:
            await self.ask("look")
            self.late_s.append(time.monotonic() - due_s)
            due_s = max(due_s + EVERY_S, time.monotonic())
            await asyncio.sleep(due_s - time.monotonic())

    async def end(self) -> None:
        """Look no more."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


async def watched(pages: int, for_s: float, *, jobs: int, looks: int) -> Found:
    """So many pages for so long."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(jobs, looks))
        servers = _descendants()
        looking = Looking(server)
        stack.push_async_callback(looking.end)
        browser = await stack.enter_async_context(_browser())
        began_s = time.monotonic()
        slots = asyncio.Semaphore(OPENED_AT_ONCE)

        async def opened(number: int) -> Open:
            async with slots:
                return await Open.at(browser, f"{server.url}?{TABS[number % len(TABS)]}")

        tabs = await asyncio.gather(*(opened(number) for number in range(pages)))
        opened_s = time.monotonic() - began_s
        looked = len(looking.late_s)
        told, browser_s = await looking.ask("told"), _cpu_s(_descendants() - servers)
        began_s = time.monotonic()
        for tab in tabs:
            tab.sent_bytes, tab.heard_s = 0, [began_s]
        lags = await _lags(server.url, for_s)
        took_s = time.monotonic() - began_s
        browser_s = _cpu_s(_descendants() - servers) - browser_s
        told_then = await looking.ask("told")
        ages_s = [await _age_s(tab.page) for tab in tabs]
        memory = await looking.ask("memory")
        silences = [_longest(tab.heard_s, began_s + took_s) for tab in tabs]
        return Found(
            pages=pages,
            moved=sum(silence < QUIET_LOOKS * EVERY_S for silence in silences),
            longest_silence_s=max(silences),
            oldest_age_s=max(ages_s),
            opened_s=opened_s,
            looks=len(looking.late_s) - looked,
            look_late_s=max(looking.late_s[looked:], default=0.0),
            lag_median_ms=statistics.median(lags) * 1e3,
            lag_most_ms=max(lags) * 1e3,
            server_cores=(told_then["cpu_s"] - told["cpu_s"]) / took_s,
            feed_cores=(told_then["feed_s"] - told["feed_s"]) / took_s,
            browser_cores=browser_s / took_s,
            server_bytes=memory["bytes"],
            sent_bytes_per_s=sum(tab.sent_bytes for tab in tabs) / pages / took_s,
            faults=sum(len(tab.faults) for tab in tabs),
            loaded_again=sum(tab.loaded - 1 for tab in tabs),
        )


@contextlib.asynccontextmanager
async def _browser() -> AsyncIterator[Browser]:
    program = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if program is None:
        raise SystemExit(f"none of {', '.join(CHROMIUMS)} is on the PATH")
    flags = ["--no-sandbox", "--disable-gpu"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


def _longest(heard_s: Sequence[float], ended_s: float) -> float:
    return max(b - a for a, b in pairwise([*heard_s, ended_s]))


async def _age_s(page: Page) -> float:
    """What the page says of the age of its sources' answers: the youngest, seconds."""
    try:
        texts = await page.evaluate(AGES)
    except PlaywrightError:  # it is being loaded again
        return float("inf")
    found = [re.fullmatch(r"(?:(\d+) min )?(\d+) s", text) for text in texts]
    return min((60.0 * int(m[1] or 0) + int(m[2]) for m in found if m), default=float("inf"))


async def _lags(url: str, for_s: float) -> list[float]:
    """How long the server takes to answer a small question, again and again, seconds."""
    lags = []
    where = url.replace("/dashboard", "/liveness")
    async with httpx.AsyncClient(timeout=GIVE_UP_S) as client:
        end_s = time.monotonic() + for_s
        while time.monotonic() < end_s:
            asked_s = time.monotonic()
            (await client.get(where)).raise_for_status()
            lags.append(time.monotonic() - asked_s)
            await asyncio.sleep(LAG_EVERY_S)
    return lags


def _descendants() -> set[int]:
    """Processes that this one started, and those that they started."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            parents[int(stat.parent.name)] = int(_fields(stat)[1])
    found, new = set[int](), {os.getpid()}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new}
        found |= new
    return found


def _cpu_s(pids: set[int]) -> float:
    """Processor time of processes, seconds."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            ticks += sum(map(int, _fields(Path(f"/proc/{pid}/stat"))[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _fields(stat: Path) -> list[str]:
    """Of a process what follows its name: state, parent, …"""
    return stat.read_text().rpartition(")")[2].split()


def table(found: Found, *, markdown: bool) -> str:
    """What came of it, as text."""
    lines = [
        ("measured", "", "goal"),
        ("pages that moved all the time", f"{found.moved} of {found.pages}", "all"),
        ("longest time that a page heard nothing", f"{found.longest_silence_s:.1f} s", ""),
        ("oldest age that a page shows at the end", f"{found.oldest_age_s:.0f} s", ""),
        ("errors of scripts", str(found.faults), "0"),
        ("pages that were loaded again", str(found.loaded_again), "0"),
        ("until all pages stood", f"{found.opened_s:.0f} s", ""),
        ("looks made", str(found.looks), ""),
        ("latest look came late by", f"{found.look_late_s:.2f} s", ""),
        ("small question to the server, median", f"{found.lag_median_ms:.1f} ms", ""),
        ("small question to the server, longest", f"{found.lag_most_ms:.0f} ms", ""),
        ("sent to each page", f"{found.sent_bytes_per_s / 1e3:.2f} kB/s", ""),
        ("processor, the server for all pages", f"{found.server_cores:.2f} cores", ""),
        ("processor, looks and judgements", f"{found.feed_cores:.2f} cores", ""),
        ("processor, the browsers", f"{found.browser_cores:.2f} cores", ""),
        ("memory of the server", f"{found.server_bytes / 1e6:.0f} MB", ""),
    ]
    return aligned(lines, markdown=markdown)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.browsers")
    parser.add_argument("--pages", type=int, default=50)
    parser.add_argument("--for", type=float, default=60.0, dest="for_s", help="seconds (60)")
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--looks", type=int, default=300, help="before the first page is opened")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    facts = machine()
    found = asyncio.run(watched(asked.pages, asked.for_s, jobs=asked.jobs, looks=asked.looks))
    if asked.json:
        print(json.dumps({"machine": facts, "found": asdict(found)}, indent=2))
        return
    print(table(found, markdown=asked.markdown))
    print("\n" + ", ".join(f"{name} {value}" for name, value in facts.items()))


if __name__ == "__main__":
    main()
