"""Play faults of the sources while a watch records and serves, and see what is made of them.

    python -m benchmarks.faults                            every fault of every source, 16 minutes
    python -m benchmarks.faults --only nats:frozen redis   one of them, or all of a source
    python -m benchmarks.faults --markdown                 the table of docs/faults.md
    python -m benchmarks.faults --json --no-browser

A real nats-server, a real redis-server and the stand-in for Antenna are killed, frozen (SIGSTOP)
and restarted without their data; and, by a proxy before them, they answer 5 s late, answer garbage
(noise, or a web page in everybody's place), break off in the middle of an answer, or vanish without
a word while the connection seems to stand. NATS is read both ways: by its monitoring port, and by
the JetStream API (``nats-api``). What the page says is read in a real Chromium; the table leaves
out what all sentences begin with, since when nothing was heard. Per fault:

- *looks lost*: looks without an answer that began outside the fault, or are not in the recording.
- *live again*: looks that began after the fault, up to the first good one; seconds from the end of
  the fault until then, and until the page said so.
- *invented*: numbers that were read though their server did not hold them (it is asked by other
  means four times a second), answers and rows of looks that nobody can have answered, rates below
  zero or without limit.
- *others*: the longest time from one look at another source to the next.

Exit code 1 when something was invented, or a source was not live again with its second look.
"""

import argparse
import contextlib
import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from playwright.sync_api import sync_playwright

from ami_console.demo.stack import Stack
from ami_console.metrics import timeline
from benchmarks.fault_page import Said, Tab
from benchmarks.fault_proxy import Spoiled
from benchmarks.fault_watch import Look, Watch, now, recorded, watching

EVERY_S = 2.0
LASTS_S = 8.0
"""How long a fault lasts at least, seconds."""

ENDS_WITHIN_S = 90.0
AFTER_S = 8.0
"""How long the watch is followed when it is live again, seconds."""

LONG_AFTER_S = 36.0
"""The same after connections were lost: a search that hangs on one is given up after 30 s. And
after a server came back empty: a job whose state is gone is told of after 30 s."""

HIGHEST_PER_MIN = 3_000.0
"""No job of the demo is ever worked so fast."""

SOURCES = ("nats", "nats-api", "redis", "antenna")
"""In this order: a job can't go on without its counters, and an empty Antenna has no job."""

OF_PROCESSES = ("killed", "frozen", "emptied")
OF_ANSWERS: tuple[Spoiled, ...] = ("slow", "garbage", "cut", "swallowed")
FAULTS = (*OF_PROCESSES, *OF_ANSWERS)
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

_PORT = re.compile(r"(127\.0\.0\.1:)[0-9]+")
_SINCE = re.compile(r" \w+ has not answered since [0-9:]+; what is shown of it is from then\. ")

ASKED_THERE = {"antenna": ("antenna", "job_logs"), "nats": ("nats", "tap"), "redis": ("redis",)}
"""Member of the demo → the sources that ask it."""

SILENT = frozenset({"killed", "frozen", "swallowed"})
"""Faults in which nobody can answer."""

MAY_ANSWER = frozenset(
    {("antenna", "slow"), *((source, "emptied") for source in ("antenna", "nats", "redis"))}
)
"""Faults in which looks may be answered all the same: late within the deadline, or truly empty."""


@dataclass(kw_only=True)
class Outcome:
    """What came of one fault.

    Attributes:
        source: Which was faulty; ``nats-api``: NATS, read by the JetStream API.
        fault: What it did.
        lasted_s: How long, seconds.
        said: What the page said of it shortly before the fault ended.
        gap_looks: Looks at it within the fault that had no answer.
        lost_looks: See the module.
        looks_to_live: See the module; ``None``: it did not come back.
        live_after_s: From the end of the fault to the first good look, seconds.
        page_after_s: The same until the page said so, seconds.
        others_pause_s: Longest time between two looks at another source, seconds.
        invented: What was, in words.
        found: Codes of what was found meanwhile.
    """

    source: str
    fault: str
    lasted_s: float = 0.0
    said: str = ""
    gap_looks: int = 0
    lost_looks: int = 0
    looks_to_live: int | None = None
    live_after_s: float | None = None
    page_after_s: float | None = None
    others_pause_s: float = 0.0
    invented: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing was invented, and it was live again with its second look."""
        return not self.invented and self.looks_to_live is not None and self.looks_to_live <= 2


@contextlib.contextmanager
def faulty(watch: Watch, source: str, fault: str) -> Iterator[None]:
    """Play a fault as long as this lasts; restarting empty is over at once."""
    name = source.removesuffix("-api")
    server = watch.stack.members[name]
    if fault == "killed":
        server.kill()
        yield
        watch.stack.start(name)
    elif fault == "frozen":
        server.pause()
        yield
        server.resume()
    elif fault == "emptied":
        _empty(watch.stack, name)
        yield
    else:
        proxies = [watch.proxies[name]]
        if name == "nats" and "monitor" in watch.proxies:
            proxies.append(watch.proxies["monitor"])
        with contextlib.ExitStack() as spoiled:
            for proxy in proxies:
                spoiled.enter_context(proxy.spoiling(next(f for f in OF_ANSWERS if f == fault)))
            yield


def _empty(stack: Stack, name: str) -> None:
    stack.stop(name)
    shutil.rmtree(stack.members[name].data)
    stack.start(name)


def play(
    watch: Watch, source: str, fault: str, *, lasts_s: float = LASTS_S, after_s: float = AFTER_S
) -> Outcome:
    """Play one fault and follow the watch until it is live again.

    Args:
        watch: Over servers that are all well.
        source: Which becomes faulty.
        fault: One of :data:`FAULTS`.
        lasts_s: How long at least, seconds; it lasts until it was noticed, and until every other
            source was looked at three times.
        after_s: How long the watch is followed afterwards, seconds.

    Raises:
        TimeoutError: The watch was not well before, or the fault was not noticed.
    """
    watch.be_well()
    outcome = Outcome(source=source, fault=fault)
    mine = ASKED_THERE[source.removesuffix("-api")]
    told = [name for name in mine if name in watch.page.read()]
    others = {name for name in watch.page.read() if name not in (*mine, "job_logs", "log_files")}
    begun_at, begun_s = now(), time.monotonic()
    pages: list[Mapping[str, Said]] = []

    def looked_at() -> bool:
        shown = watch.page.read()
        if mine[0] not in shown:  # a page that loads itself anew
            return False
        pages.append(shown)
        seen = watch.looks(since=begun_at)
        rest = all(sum(look.source == name for look in seen) >= 3 for name in others)
        bad = any(not look.ok for look in seen if look.source == mine[0])
        is_shown = not shown[mine[0]].is_well
        noticed = (mine[0], fault) in MAY_ANSWER or (bad and is_shown)
        return rest and noticed and time.monotonic() - begun_s >= lasts_s

    with faulty(watch, source, fault):
        struck_at = now()
        if fault != "emptied":
            watch.wait(looked_at, f"{source} {fault} is noticed", within_s=ENDS_WITHIN_S)
        silent_until = now()
    ended_at, ended_s = now(), time.monotonic()
    outcome.lasted_s = ended_s - begun_s
    if pages:
        said = pages[-1][mine[0]]
        outcome.said = f"{said.state} {said.trouble}".strip()

    def is_live() -> bool:
        shown = watch.page.read()
        if outcome.page_after_s is None and all(
            name in shown and shown[name].is_well for name in told
        ):
            outcome.page_after_s = time.monotonic() - ended_s
        good = {each.source for each in watch.looks(since=ended_at) if each.ok}
        return outcome.page_after_s is not None and set(told) <= good

    with contextlib.suppress(TimeoutError):  # the outcome tells it
        watch.wait(is_live, f"{source} is live again after {fault}", within_s=ENDS_WITHIN_S)
    follow_s = time.monotonic() + after_s
    enough = len(watch.looks(mine[0])) + 2
    watch.wait(
        lambda: time.monotonic() >= follow_s and len(watch.looks(mine[0])) >= enough,
        f"{source} was looked at twice more",
        within_s=after_s + ENDS_WITHIN_S,
    )
    if fault in SILENT:
        outcome.invented = [
            "an answer that nobody gave"
            for each in watch.looks(mine[0], since=struck_at)
            if each.ok and each.begun_at > struck_at and each.ended_at < silent_until
        ]
    _judge(outcome, watch, begun_at=begun_at, ended_at=ended_at)
    return outcome


def _judge(outcome: Outcome, watch: Watch, *, begun_at: int, ended_at: int) -> None:
    looks = watch.looks(since=begun_at)
    source = outcome.source.removesuffix("-api")
    outcome.gap_looks = sum(
        not each.ok and each.begun_at < ended_at for each in looks if each.source == source
    )
    after = [each for each in looks if each.source == source and each.begun_at >= ended_at]
    good = next((n for n, each in enumerate(after) if each.ok), None)
    if good is not None:
        outcome.looks_to_live = good + 1
        outcome.live_after_s = (after[good].ended_at - ended_at) / 1e9
    mine = ASKED_THERE[source]
    # The tap looks at nothing: what it says after the fault is of the time before.
    outcome.lost_looks = sum(
        not each.ok and (each.begun_at >= ended_at or each.source not in mine)
        for each in looks
        if each.source != "tap"
    )
    outcome.lost_looks += recorded(watch.recording, looks)
    outcome.others_pause_s = _longest_pause_s(looks, {*mine, "job_logs", "diagnosis"})
    watch.wait(lambda: watch.truth.knows(looks[-1].ended_at), "the servers were asked once more")
    outcome.invented += [told for each in looks for told in watch.truth.invented(each.reading)]
    outcome.invented += _odd_rates(watch, begun_at)
    findings = watch.collector.history.frame("findings", since=pd.Timestamp(begun_at, tz="UTC"))
    outcome.found = sorted(findings["code"].dropna().unique())


def _longest_pause_s(looks: Sequence[Look], without: set[str]) -> float:
    ends: dict[str, list[int]] = {}
    for each in looks:
        if each.source not in without:
            ends.setdefault(each.source, []).append(each.ended_at)
    return max(
        (float(np.diff(sorted(at)).max()) / 1e9 for at in ends.values() if len(at) > 1), default=0.0
    )


def _odd_rates(watch: Watch, begun_at: int) -> list[str]:
    """Rates below zero or beyond all reason, and numbers where the source gave none."""
    history = watch.collector.history
    reads = history.frame("reads")
    line = timeline(history.frame("consumers"), counters=history.frame("counters"), reads=reads)
    line = line[line["observed_at"].astype("int64") >= begun_at]
    told = []
    for column in ("acked_per_min", "num_pending", "settled_total", "eta_s"):
        values = line[column].dropna().astype(float)
        odd = values[(values < 0) | ~np.isfinite(values)]
        if column == "acked_per_min":
            odd = values[~values.between(0, HIGHEST_PER_MIN)]
        told += [f"{column} {value:g} of job {line.at[at, 'job_id']}" for at, value in odd.items()]
    bad = reads[(reads["source"] == "nats") & ~reads["ok"].fillna(False).astype(bool)]
    at_a_gap = line[line["observed_at"].isin(bad["observed_at"])]
    told += ["a number where NATS gave none"] * int(at_a_gap["num_pending"].notna().sum())
    return told


def run(
    asked: Sequence[tuple[str, str]],
    *,
    every_s: float,
    lasts_s: float,
    browser: Any,
    say: Callable[[str], None],
) -> list[Outcome]:
    """Play the faults that are asked for; each kind of watch over a demo of its own."""
    outcomes = []
    for by_api in (False, True):
        for through_proxies in (False, True):
            faults = OF_ANSWERS if through_proxies else OF_PROCESSES
            here = [
                (source, fault)
                for fault in faults
                for source, each in asked
                if each == fault and (source == "nats-api") == by_api
            ]
            if not here:
                continue
            with watching(
                every_s=every_s, by_api=by_api, through_proxies=through_proxies, tap=True
            ) as watch:
                if browser is not None:
                    page = browser.new_page(viewport={"width": 1440, "height": 900})
                    page.goto(watch.url)
                    page.wait_for_selector(".source", state="attached")
                    watch.page = Tab(page)
                for source, fault in here:
                    after_s = LONG_AFTER_S if fault in ("swallowed", "emptied") else AFTER_S
                    outcome = play(watch, source, fault, lasts_s=lasts_s, after_s=after_s)
                    outcomes.append(outcome)
                    verdict = "good" if outcome.is_good else "NOT GOOD"
                    say(f"{source}:{fault} {verdict}: {outcome.said} {outcome.invented[:3]}")
                if browser is not None:
                    page.close()
    return outcomes


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser of this machine."""
    found = next((path for name in CHROMIUMS if (path := shutil.which(name))), None)
    if found is None:
        raise SystemExit("found no chromium or google-chrome on the PATH; try --no-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def table(outcomes: Sequence[Outcome], *, markdown: bool) -> str:
    """The outcomes as text."""
    head = (
        "source",
        "fault",
        "what the page said",
        "gap",
        "lost",
        "live again after",
        "page",
        "others",
        "invented",
        "found",
    )
    lines: list[tuple[str, ...]] = [head]
    for each in outcomes:
        live = "not"
        if each.looks_to_live is not None:
            looks = "look" if each.looks_to_live == 1 else "looks"
            live = f"{each.looks_to_live} {looks}, {each.live_after_s:.1f} s"
        page = "not" if each.page_after_s is None else f"{each.page_after_s:.1f} s"
        lines.append(
            (
                each.source,
                f"{each.fault} {each.lasted_s:.0f} s",
                _shortened(each.said),
                str(each.gap_looks),
                str(each.lost_looks),
                live,
                page,
                f"{each.others_pause_s:.1f} s",
                str(len(each.invented)),
                ", ".join(each.found),
            )
        )
    if markdown:
        lines.insert(1, ("---",) * len(head))
        return "\n".join(
            f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines
        )
    return "\n".join("  ".join(line) for line in lines)


def _shortened(said: str) -> str:
    """Without what every such sentence begins with, and without ports."""
    return _PORT.sub(r"\1…", _SINCE.sub(": ", said))


def main(arguments: Sequence[str] | None = None) -> int:
    """Play and print; 1 when something is not as it must be."""
    options = _parser().parse_args(arguments)
    asked = [
        (source, fault)
        for source in SOURCES
        for fault in FAULTS
        if not options.only or {source, f"{source}:{fault}", f":{fault}"} & set(options.only)
    ]
    begun_s = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - begun_s:5.0f} s {what}", file=sys.stderr, flush=True)

    with contextlib.nullcontext() if options.no_browser else chromium() as browser:
        outcomes = run(
            asked, every_s=options.every, lasts_s=options.lasts, browser=browser, say=say
        )
    if options.json:
        print(json.dumps([asdict(each) for each in outcomes], indent=2, ensure_ascii=False))
    else:
        print(table(outcomes, markdown=options.markdown))
        for each in outcomes:
            for told in each.invented[:5]:
                print(f"{each.source}:{each.fault}: invented: {told}")
    return 0 if all(each.is_good for each in outcomes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults")
    parser.add_argument(
        "--only", nargs="+", metavar="SOURCE[:FAULT]", help="such as nats:frozen, redis, :killed"
    )
    parser.add_argument("--every", type=float, default=EVERY_S, help="seconds between looks (2)")
    parser.add_argument("--lasts", type=float, default=LASTS_S, help="seconds of a fault (8)")
    parser.add_argument("--no-browser", action="store_true", help="read the page's own drawing")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
