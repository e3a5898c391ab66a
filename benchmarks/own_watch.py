"""A watch to which something happens: a process that records, with what its page would say.

It runs in a process of its own, so that it can be stopped, and has the size of its files limited,
without anybody else noticing. What happened comes back as numbers.
"""

import contextlib
import html
import io
import os
import re
import resource
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from ami_console import instants
from ami_console.apps import feed as feeds
from ami_console.apps.replay_feed import ReplayFeed
from ami_console.apps.source_strip import NAMES, not_recorded_html, state_of, troubles
from ami_console.collector import Collector
from ami_console.commands.record import Status
from ami_console.metrics import source_ages, timeline
from ami_console.metrics.source_gaps import pauses, source_gaps
from ami_console.reading import Reading
from ami_console.recorder import Recorder
from ami_console.recording import Recording, open_recording
from ami_console.settings import Settings
from ami_console.steady_clock import SteadyClock

NS_PER_S = 1_000_000_000
LOOKED_AT = ("antenna", "nats", "redis")
WITHIN_S = 60.0
BEFORE_S = 8.0
AFTER_S = 14.0
"""A state must hold for a while before it speaks: whether something false is said shows later."""

_TAG = re.compile(r"<[^>]+>")


@dataclass(slots=True)
class Outcome:
    """What came of a fault.

    Attributes:
        fault: Its name.
        said: What the page said while it lasted, in full.
        printed: What ``record`` printed.
        found: Codes of findings that were spoken from its beginning on.
        lost_inside: Looks that were taken while it lasted and are not in the recording.
        lost_outside: The same of looks before and after.
        live_after_s: From its end until all is live again, seconds.
        live_after_looks: The most looks at one source that this took.
        rush: The most looks at one source within one pause between two looks, after it.
        out_of_order: Looks of a source that are recorded with an earlier time than the one before.
        bad_rates: Rates that are negative, not finite, or far above all before the fault.
        gap: How the recording shows it: reason, and how long, seconds.
        replayed: Instants of the recording at which it could be judged again.
        problems: What is not right, in words.
    """

    fault: str
    said: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    lost_inside: int = 0
    lost_outside: int = 0
    live_after_s: float = 0.0
    live_after_looks: int = 0
    rush: int = 0
    out_of_order: int = 0
    bad_rates: int = 0
    gap: list[str] = field(default_factory=list)
    replayed: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Noted:
    """A look, and when it was handed on by a clock that nobody sets, seconds."""

    at_s: float
    reading: Reading

    @property
    def begun_s(self) -> float:
        """When it was asked, by that clock."""
        return self.at_s - (self.reading.elapsed_s or 0.0)


class OwnWatch:
    """Collector, recorder and feed, and what they say.

    Attributes:
        recorder: Writes ``path``.
        step_ns: How far the time of day was set, ns.
    """

    def __init__(self, settings: Settings, path: Path) -> None:
        """Nothing is asked yet."""
        self.path, self.every_s = path, settings.every_s
        self.step_ns = 0
        self.clock = SteadyClock(lambda: time.time_ns() + self.step_ns, time.monotonic_ns)
        self.collector = Collector(settings)
        self.recorder = Recorder(path)
        self.noted: list[_Noted] = []
        self.feed = feeds.LiveFeed(self.collector, recording_error=lambda: self.recorder.error)
        self._status = Status(self.collector, self.recorder)
        self._found: set[str] = set()
        self.collector.add_sink(self.recorder)
        self.collector.add_sink(
            lambda reading: self.noted.append(_Noted(time.monotonic(), reading))
        )
        self.collector.diagnosis.add_watcher(
            lambda found, _: self._found.update(f.code for f in found if f.outcome == "finding")
        )

    def page(self) -> list[str]:
        """What the page says is wrong, in sentences; empty: all is live."""
        as_of = self.feed.as_of()
        reads = self.feed.latest("reads")
        sources = [
            source
            for source in source_ages(reads, as_of=as_of).to_dict("records")
            if source["source"] in NAMES
        ]
        how: dict[str, Any] = {"is_live": True, "every_s": self.every_s}
        told = troubles(sources, as_of=as_of, zone=self.feed.zone, **how).html
        if self.feed.recording_error:
            told = not_recorded_html(self.feed.recording_error) + told
        lines = [_text(each) for each in told.split("</div>") if _text(each)]
        for source in sources:
            age_s = (as_of - source["last_ok_at"]).total_seconds()
            if state_of(source, age_s, **how).word == "not read yet":
                lines.append(f"{source['source']} is not read yet")
        return lines

    def printed(self) -> list[str]:
        """What ``record`` prints now."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            self._status.say()
        return said.getvalue().splitlines()

    def found(self) -> list[str]:
        """Codes of the findings since the last time."""
        found, self._found = self._found, set()
        return sorted(found)

    def looks_since(self, at_s: float) -> dict[str, int]:
        """Source → beats of it since then; a search for jobs between two looks is none."""
        return {
            name: len(begun) and 1 + int((np.diff(begun) >= self.every_s / 2).sum())
            for name in LOOKED_AT
            for begun in [[n.begun_s for n in self.looks_at(name) if n.begun_s >= at_s]]
        }

    def looks_at(self, source: str) -> "list[_Noted]":
        """All that was told of a source, in order."""
        return [noted for noted in list(self.noted) if noted.reading.source == source]


@contextlib.contextmanager
def disk_full(watch: OwnWatch, _holds_s: float) -> Iterator[None]:
    """The file system takes no more: a real one that is filled, or a limit of this process."""
    if watch.path.parent.is_mount():
        filler = watch.path.parent / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"0" * 512)
        yield
        filler.unlink()
        return
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    newest = max((watch.path / "tail").iterdir(), key=lambda file: file.stat().st_size)
    resource.setrlimit(resource.RLIMIT_FSIZE, (newest.stat().st_size + 20, usual[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def stepped(by_s: float) -> "Happening":
    """The time of day is set."""

    @contextlib.contextmanager
    def happening(watch: OwnWatch, _holds_s: float) -> Iterator[None]:
        watch.step_ns += int(by_s * NS_PER_S)
        yield

    return happening


@contextlib.contextmanager
def suspended(_watch: OwnWatch, holds_s: float) -> Iterator[None]:
    """All of this process stands still; a shell wakes it."""
    pid = os.getpid()
    shell(f"kill -STOP {pid}; sleep {holds_s:g}; kill -CONT {pid}")
    yield


def shell(line: str) -> int:
    """Run a line of our own; its exit code."""
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, check=False)  # noqa: S603
    return done.returncode


Happening = Callable[[OwnWatch, float], contextlib.AbstractContextManager[None]]

FAULTS: Mapping[str, tuple[Happening, frozenset[str]]] = {
    "disk full": (disk_full, frozenset()),
    "clock set forward by 1 h": (stepped(3600.0), frozenset({"clock_skew"})),
    "clock set back by 1 h": (stepped(-3600.0), frozenset({"clock_skew"})),
    "clock set back by 3 s": (stepped(-3.0), frozenset({"clock_skew"})),
    "suspended": (suspended, frozenset()),
}
"""Name → what happens, and the findings that are right then: the servers' clocks stay."""


def play(
    fault: str,
    environment: Mapping[str, str],
    path: Path,
    times_s: tuple[float, float, float],
    tell: Connection,
) -> None:
    """Watch, have something happen to this process, and tell what came of it.

    Args:
        fault: A key of :data:`FAULTS`.
        environment: Leads to a running demo.
        path: Where to record.
        times_s: How long to look on before, how long it lasts, and how long to look on after all
            is live again, seconds.
        tell: Where an :class:`Outcome` goes.
    """
    before_s, holds_s, after_s = times_s
    settings = replace(
        Settings.from_environment(environment, dotenv=None), every_s=1.0, recording=path
    )
    watch = OwnWatch(settings, path)
    outcome = Outcome(fault)
    happening, _ = FAULTS[fault]
    with patch.object(instants, "CLOCK", watch.clock):
        watch.collector.start()
        try:
            _wait(lambda: not watch.page() and _has_rates(watch), "the watch to be live")
            _look_on(watch, before_s)
            watch.found()
            begun_s, began_ns = time.monotonic(), watch.clock.now_ns()
            with happening(watch, holds_s):
                _note_page(watch, outcome)
                while time.monotonic() < begun_s + holds_s:
                    time.sleep(0.1)
                    _note_page(watch, outcome)
            ended_s, ended_ns = time.monotonic(), watch.clock.now_ns()
            _note_page(watch, outcome)
            _wait(lambda: _is_live(watch, ended_s, outcome), "all to be live again")
            outcome.live_after_s = time.monotonic() - ended_s
            outcome.printed += _look_on(watch, after_s)
            outcome.found = watch.found()
            outcome.problems += watch.page()
        except TimeoutError as error:
            outcome.problems += [str(error), *watch.page()]
            ended_s, ended_ns = time.monotonic(), watch.clock.now_ns()
        finally:
            watch.collector.stop()
            watch.recorder.close()
    _examine(watch, outcome, (begun_s, ended_s), (began_ns, ended_ns))
    tell.send(outcome)


def _look_on(watch: OwnWatch, for_s: float) -> list[str]:
    """Let it go on for so long; what ``record`` prints meanwhile."""
    printed = []
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        time.sleep(0.2)
        printed += watch.printed()
    return printed


def _wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {WITHIN_S:g} s in vain for {what}")
        time.sleep(0.05)


def _has_rates(watch: OwnWatch) -> bool:
    line = timeline(watch.collector.history.frame("consumers"))
    return bool((line["acked_per_min"] > 0).any())


def _is_live(watch: OwnWatch, since_s: float, outcome: Outcome) -> bool:
    """Whether every source was looked at since, and nothing is said to be wrong."""
    looks = watch.looks_since(since_s)
    outcome.live_after_looks = max(looks.values())
    return min(looks.values()) > 0 and not watch.page()


def _note_page(watch: OwnWatch, outcome: Outcome) -> None:
    outcome.said += [line for line in watch.page() if line not in outcome.said]
    outcome.printed += watch.printed()


def _examine(
    watch: OwnWatch, outcome: Outcome, during_s: tuple[float, float], during_ns: tuple[int, int]
) -> None:
    """What the recording has of it."""
    recording = open_recording(watch.path)
    outcome.problems += [f"damaged: {each}" for each in recording.damaged]
    reads = recording.frame("reads")
    there = set(zip(reads["source"], _ns(reads), strict=True))
    begun_s, ended_s = during_s
    for noted in watch.noted:
        if (noted.reading.source, noted.reading.observed_at) not in there:
            if begun_s <= noted.at_s <= ended_s:
                outcome.lost_inside += 1
            else:
                outcome.lost_outside += 1
    for name in LOOKED_AT:
        mine = watch.looks_at(name)
        at_ns = np.array([noted.reading.observed_at for noted in mine])
        outcome.out_of_order += int((np.diff(at_ns) < 0).sum())
        after_s = np.array([noted.begun_s for noted in mine if noted.begun_s >= ended_s])
        within = np.searchsorted(after_s, after_s + 0.9 * watch.every_s) - np.arange(len(after_s))
        outcome.rush = max(outcome.rush, int(within.max(initial=0)))
    _examine_rates(recording, reads, outcome, during_ns[0])
    outcome.gap = _gaps(reads, recording.last_at, during_ns)
    replay = ReplayFeed.of_recording(recording, like=watch.feed)
    for at_ns in np.linspace(replay.first_at.value, replay.last_at.value, 7):
        replay.move_to(pd.Timestamp(int(at_ns), tz="UTC"))
        replay.judged()
        if (replay.frame("reads")["observed_at"] > replay.as_of()).any():
            outcome.problems.append("a replay shows what was not known yet")
        outcome.replayed += 1


def _examine_rates(
    recording: Recording, reads: pd.DataFrame, outcome: Outcome, began_ns: int
) -> None:
    line = timeline(recording.frame("consumers"), counters=recording.frame("counters"), reads=reads)
    rates = line["acked_per_min"].to_numpy(dtype="float64", na_value=np.nan)
    before = rates[(_ns(line) < began_ns) & ~np.isnan(rates)]
    told = rates[~np.isnan(rates)]
    is_bad = (told < 0) | ~np.isfinite(told) | (told > 4 * before.max(initial=0))
    outcome.bad_rates = int(is_bad.sum())


def _gaps(
    reads: pd.DataFrame, last_at: pd.Timestamp | None, during_ns: tuple[int, int]
) -> list[str]:
    """What lies in the fault as the metrics tell it: gaps of sources, and pauses of the watch."""
    assert last_at is not None  # noqa: S101
    found: dict[str, float] = {}
    for gap in source_gaps(reads, as_of=last_at).to_dict("records"):
        found[str(gap["reason"])] = (gap["ends_at"] - gap["begins_at"]).total_seconds()
    looks = [np.sort(_ns(reads[reads["source"] == name])) for name in LOOKED_AT]
    for pause in pauses(looks, until_ns=last_at.value):
        found["nobody looked"] = (pause.end_ns - pause.begin_ns) / NS_PER_S
    return [f"{reason}, {length_s:.0f} s" for reason, length_s in found.items()]


def _ns(rows: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return rows["observed_at"].dt.tz_localize(None).to_numpy("M8[ns]").view("int64")


def _text(markup: str) -> str:
    return html.unescape(_TAG.sub("", markup)).strip()
