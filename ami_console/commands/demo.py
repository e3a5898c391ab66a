"""``ami-console demo``: real servers, a stand-in Antenna with workers, and the dashboard."""

import argparse
import os
import shlex
import sys
import webbrowser
from dataclasses import replace
from pathlib import Path

from ami_console.apps.feed import LiveFeed
from ami_console.cli import DONE, TAP_EFFECT
from ami_console.collector import shared
from ami_console.commands.acting import acting
from ami_console.commands.serving import serving
from ami_console.commands.waiting import ended_by_signals, wait
from ami_console.demo.stack import Stack
from ami_console.recorder import Recorder
from ami_console.settings import PREFIX, Settings


def run(options: argparse.Namespace) -> int:
    """Run the demo until the time is up, Ctrl-C or SIGTERM; all that it made goes with it."""
    tap = options.tap or _tap_in_environment()
    with ended_by_signals() as ended:
        print(f"starting the demo {options.scenario!r} …", flush=True)
        with Stack(options.scenario, announce=_tell) as stack:
            # Its jobs are nobody's: they may be run, retried and cancelled.
            settings = replace(
                stack.settings,
                recording=stack.folder / "recording",
                tap=tap,
                allow_actions=True,
                environment="demo",
                environment_colour="purple",
            )
            collector = shared(settings)
            recorder = Recorder(settings.recording)
            collector.add_sink(recorder)
            feed = LiveFeed(
                collector,
                recorded=str(settings.recording),
                recording_error=lambda: recorder.error,
            )
            try:
                collector.start()
                with (
                    acting(settings, collector, recorder),
                    serving(feed, options) as address,
                ):
                    _introduce(stack, address)
                    if tap:
                        print(f"listening to acknowledgements: {TAP_EFFECT}", flush=True)
                    _tell_notebooks(_settings_file(stack, settings))
                    if not options.no_open:
                        webbrowser.open(address)
                    wait(ended, options.for_s)
                    print("ending the demo …", flush=True)
            finally:
                collector.stop()
                recorder.close()
    return DONE


def _tap_in_environment() -> bool:
    """The one setting that is not the demo's own: it may ask for the tap as ``--tap`` does."""
    name = f"{PREFIX}TAP"
    asked = {name: os.environ[name]} if name in os.environ else {}
    return Settings.from_environment(asked, dotenv=None).tap


def _settings_file(stack: Stack, settings: Settings) -> Path:
    """The demo's settings for others, notebooks above all; it goes with the demo."""
    lines = {**stack.environment(), f"{PREFIX}RECORDING": str(settings.recording)}
    path = stack.folder / "settings.env"
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in lines.items()))
    return path


def _tell_notebooks(path: Path) -> None:
    print(f'in a notebook: ami_console.connect("{path}")')
    print(f"in a shell:    set -a; . {shlex.quote(str(path))}; set +a", flush=True)


def _introduce(stack: Stack, address: str) -> None:
    pids = ", ".join(f"{name} {pid}" for name, pid in stack.pids.items())
    print(f"{stack.scenario.name}: {stack.scenario.says}")
    print(f"processes: {pids}")
    print("kill one of them to see what the dashboard says; it comes back by itself")
    print(f"the dashboard is at {address}; Ctrl-C ends all", flush=True)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
