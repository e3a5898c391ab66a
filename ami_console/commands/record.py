"""``ami-console record``: the recorder alone."""

import argparse
import sys
from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from ami_console.alerts import Alerts
from ami_console.cli import DONE, SOURCE_FAILED, TAP_EFFECT
from ami_console.collector import Collector
from ami_console.commands.alerting import alerting
from ami_console.commands.printing import duration, printable, shortened
from ami_console.commands.waiting import ended_by_signals, wait
from ami_console.diagnosis import Finding
from ami_console.instants import now_ns
from ami_console.live_diagnosis import last_recorded
from ami_console.metrics import source_ages
from ami_console.recorder import Recorder
from ami_console.recording import open_recording
from ami_console.settings import Settings


def run(options: argparse.Namespace) -> int:
    """Record until the time is up or Ctrl-C; 3 when no source could be read at all."""
    settings = Settings.from_environment()
    if options.every is not None:
        settings = replace(settings, every_s=options.every)
    settings = replace(settings, tap=settings.tap or options.tap)
    into = options.into or settings.recording
    collector = Collector(settings, job_ids=options.job)
    recorder = Recorder(into)
    collector.add_sink(recorder)
    said = Status(collector, recorder)
    print(f"recording into {into}, a look every {settings.every_s:g} s; Ctrl-C ends it", flush=True)
    if settings.tap:
        print(f"listening to acknowledgements: {TAP_EFFECT}", flush=True)
    try:
        with (
            ended_by_signals() as ended,
            alerting(collector, settings, resumed=_stood(into)) as alerts,
        ):
            said.alerts = alerts
            collector.start()
            wait(ended, options.for_s, tick=said.say)
            collector.stop()
    finally:
        collector.stop()
        recorder.close()
    said.finish()
    seen = collector.history.latest("reads")
    return DONE if seen["ok"].fillna(False).any() else SOURCE_FAILED


class Status:
    """What the recorder does: one moving line on a terminal, a line per change elsewhere."""

    def __init__(self, collector: Collector, recorder: Recorder) -> None:
        self._collector, self._recorder = collector, recorder
        self._told: dict[str, str] = {}
        self.alerts: Alerts | None = None

    def say(self) -> None:
        """Tell which sources answer, and what does not."""
        as_of = pd.Timestamp(now_ns(), tz="UTC")
        sources = source_ages(self._collector.history.latest("reads"), as_of=as_of)
        states = {s["source"]: _state(s) for s in sources.to_dict("records")}
        states["recording"] = "ok" if self._recorder.error is None else self._recorder.error
        if self.alerts is not None:
            states["alerts"] = self.alerts.error or "ok"
        for name, state in states.items():
            if self._told.get(name, "ok") != state and state != "not read yet":
                self._clear()
                print(f"{as_of:%H:%M:%S}Z {name}: {printable(state)}", file=sys.stderr, flush=True)
                self._told[name] = state
        if sys.stderr.isatty():
            marks = " ".join(
                f"{s['source']} {duration(s['age_s'])}" for s in sources.to_dict("records")
            )
            line = f"{as_of:%H:%M:%S}Z {self._recorder.readings} readings · age: {marks}"
            print(f"\r\x1b[K{shortened(line, 79)}", end="", file=sys.stderr, flush=True)

    def finish(self) -> None:
        """The last words."""
        self._clear()
        jobs = self._collector.history.job_ids()
        print(f"{self._recorder.readings} readings of {len(jobs)} jobs in {self._recorder.path}")
        if self._recorder.lost:
            print(f"{self._recorder.lost} readings could not be written", file=sys.stderr)
        if self._recorder.error is not None:
            print(f"ami-console: {self._recorder.error}", file=sys.stderr)

    def _clear(self) -> None:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)


def _stood(path: Path) -> list[Finding]:
    """What stood when the recording was last written."""
    return last_recorded(open_recording(path), as_of=pd.Timestamp(now_ns(), tz="UTC"))


def _state(source: Mapping[Hashable, Any]) -> str:
    if pd.isna(source["ok"]):
        return "not read yet"
    return "ok" if source["ok"] else f"can't be read: {source['error']}"
