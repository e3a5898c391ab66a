"""``ami-console watch``: the live view in a terminal."""

import argparse
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pandas as pd
from rich.console import Console
from rich.live import Live

from ami_console.cli import DONE
from ami_console.collector import Collector
from ami_console.commands.waiting import ended_by_signals
from ami_console.instants import now_ns
from ami_console.live_diagnosis import rules_of
from ami_console.settings import Settings
from ami_console.terminal.ascii import Encoded
from ami_console.terminal.fleet import shown_jobs
from ami_console.terminal.keys import View, keys, pressed
from ami_console.terminal.numbers import Looked, Numbers
from ami_console.terminal.page import Page
from ami_console.terminal.tty import KeptErrors, Keyboard, Suspension

LEAST_S = 2.0
"""Numbers are worked out anew no more often, seconds."""

SOON_S = 0.5
"""As long as not every source has told something, seconds."""

SHARE = 1 / 5
"""And for at most this share of the time."""

FRAME_S = 0.25
"""The screen is drawn no more often, seconds."""

FIRST_S = 6.0
"""So long the first block waits for every source, where blocks are printed, seconds."""


def run(options: argparse.Namespace) -> int:
    """Show until q, Ctrl-C, SIGTERM or the time is up."""
    settings = Settings.from_environment()
    alone = options.job
    collector = Collector(settings, job_ids=None if alone is None else [alone])
    watching = _Watching(collector, settings, View(open_job=alone, is_alone=alone is not None))
    ends_s = None if options.for_s is None else time.monotonic() + options.for_s

    def is_over() -> bool:
        return ended.is_set() or (ends_s is not None and time.monotonic() >= ends_s)

    try:
        with ended_by_signals() as ended:
            watching.start()
            if sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
                _live(watching, is_over)
            else:
                _blocks(watching, is_over, ended)
    finally:
        watching.stop()
    return DONE


class _Watching:
    """What is looked at and how: the numbers come from a thread of their own."""

    def __init__(self, collector: Collector, settings: Settings, view: View) -> None:
        self._collector, self._settings = collector, settings
        self._numbers = Numbers(collector.history, rules=rules_of(settings))
        self._news = threading.Event()
        self._is_over = False
        self._thread = threading.Thread(target=self._work, name="numbers", daemon=True)
        self._trouble = ""
        self._beat = 0
        self.view = view
        self.looked: Looked | None = None

    def start(self) -> None:
        """Look."""
        self._collector.start()
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._is_over = True
        self._news.set()
        self._collector.stop()

    def press(self, key: str) -> None:
        """Do what a key asks for."""
        if key == "pause":
            is_paused = self._collector.paused_at_ns is not None
            act = self._collector.resume if is_paused else self._collector.pause
            # Closing all connections may take a moment: the screen goes on.
            threading.Thread(target=act, name="pausing", daemon=True).start()
            return
        before, self.view = self.view, pressed(key, self.view, self._jobs())
        if before.open_job != self.view.open_job:
            self._news.set()

    def _jobs(self) -> list[int]:
        if self.looked is None:
            return []
        shown = shown_jobs(self.looked.fleet, as_of=_now())
        return [int(job_id) for job_id in shown["job_id"]]

    def page(self, *, has_keys: bool, fills_screen: bool = True) -> Page:
        """What is on the screen now."""
        self._beat += 1
        paused_ns = self._collector.paused_at_ns
        return Page(
            looked=self.looked,
            view=self.view,
            now=_now(),
            every_s=self._settings.every_s,
            environment=self._settings.environment,
            beat=self._beat,
            has_keys=has_keys,
            paused_at=None if paused_ns is None else pd.Timestamp(paused_ns, tz="UTC"),
            trouble=self._trouble,
            fills_screen=fills_screen,
        )

    def _work(self) -> None:
        """Work out the numbers again and again; an opened page does not wait for the next look."""
        while not self._is_over:
            began_s = time.thread_time()
            self._news.clear()
            try:
                as_of = _now()
                self.looked = self._numbers.of(
                    as_of,
                    judged=self._collector.diagnosis.judged,
                    open_job=self.view.open_job,
                )
                self._trouble = ""
            except Exception as error:  # the screen must say so, and go on
                self._trouble = f"the numbers could not be worked out: {error!r}"
            took_s = time.thread_time() - began_s
            every_s = max(LEAST_S, self._settings.every_s) if self.is_complete else SOON_S
            self._news.wait(max(every_s, took_s / SHARE) - took_s)

    @property
    def is_complete(self) -> bool:
        """Whether every source was asked, and what they told was judged."""
        looked = self.looked
        return (
            looked is not None
            and looked.judged is not None
            and bool(looked.sources["ok"].notna().all())
        )


def _now() -> pd.Timestamp:
    return pd.Timestamp(now_ns(), tz="UTC")


def _live(watching: _Watching, is_over: Callable[[], bool]) -> None:
    """On the terminal's other screen, which leaves the first one as it was."""
    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
    with ExitStack() as stack:
        stack.enter_context(KeptErrors())
        keyboard = stack.enter_context(Keyboard(sys.stdin))
        live = Live(
            console=console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        suspension = stack.enter_context(Suspension())
        _fit(console)
        stack.enter_context(live)
        drawn: tuple[object, ...] = ()
        while not is_over():
            if suspension.is_wanted:
                live.stop()
                with keyboard.given_back():
                    suspension.sleep()
                live.start()
                drawn = ()
            _fit(console)
            shows = (int(time.time()), id(watching.looked), watching.view, console.size)
            if shows != drawn:
                drawn = shows
                page = watching.page(has_keys=keyboard.is_there)
                live.update(Encoded(page, console.encoding), refresh=True)
            for key in keys(keyboard.read(FRAME_S)):
                if key == "quit":
                    return
                watching.press(key)


def _fit(console: Console) -> None:
    """Take the size that the terminal has now; COLUMNS, if set, is of when it was opened."""
    try:
        found = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return
    console.size = console.size._replace(width=found.columns or 80, height=found.lines or 24)


def _blocks(watching: _Watching, is_over: Callable[[], bool], ended: threading.Event) -> None:
    """A plain block per look, for a pipe or a terminal that can do no more; at least one."""
    began_s = time.monotonic()
    told: Looked | None = None
    while not is_over():
        is_patient = told is None and time.monotonic() - began_s < FIRST_S
        if watching.looked is not told and (watching.is_complete or not is_patient):
            told = watching.looked
            _print(watching.page(has_keys=False, fills_screen=False))
        ended.wait(FRAME_S)
    if told is None:
        _print(watching.page(has_keys=False, fills_screen=False))


def _print(page: Page) -> None:
    console = Console(
        file=sys.stdout,
        width=shutil.get_terminal_size((80, 24)).columns,
        color_system=None,
        force_terminal=False,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=True,
    )
    console.print(Encoded(page, console.encoding))
    print("\n", flush=True)
