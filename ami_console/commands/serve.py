"""``ami-console serve``: the standalone dashboard, live or on a recording."""

import argparse
import sys
from dataclasses import replace

import pandas as pd

from ami_console import frames
from ami_console.apps.exposed import refuse_open
from ami_console.apps.feed import LiveFeed, RecordedFeed
from ami_console.apps.login import login_of
from ami_console.apps.recordings import Recordings
from ami_console.cli import DONE, TAP_EFFECT
from ami_console.collector import shared
from ami_console.commands.acting import ACTIONS_EFFECT, acting
from ami_console.commands.alerting import alerting
from ami_console.commands.printing import complain
from ami_console.commands.serving import serving
from ami_console.commands.waiting import ended_by_signals, wait
from ami_console.diagnosis import Finding
from ami_console.errors import RecordingError, SettingsError
from ami_console.instants import now_ns
from ami_console.live_diagnosis import last_recorded, rules_of
from ami_console.recorder import Recorder
from ami_console.recording import open_recording
from ami_console.settings import Settings


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    return _recorded(options) if options.recording is not None else _live(options)


def _recorded(options: argparse.Namespace) -> int:
    if options.tap:
        raise SettingsError("--tap listens to a live NATS; leave it out to show a recording")
    if options.allow_actions:
        raise SettingsError("--allow-actions changes live jobs; leave it out to show a recording")
    recordings = Recordings([options.recording])
    recording = recordings.open(recordings.names[-1])
    settings = Settings.from_environment()
    login = login_of(settings)
    feed = RecordedFeed(recording, zone=settings.antenna_timezone, rules=rules_of(settings))
    for name in frames.FRAMES:  # damage shows when a file is read
        recording.frame(name)
    for damage in recording.damaged:
        complain(f"left out {damage.path}: {damage.reason}")
    with (
        ended_by_signals() as ended,
        serving(feed, options, recordings=recordings, login=login) as address,
    ):
        print(f"{options.recording} is shown at {address}; Ctrl-C ends it", flush=True)
        wait(ended, None)
    return DONE


def _live(options: argparse.Namespace) -> int:
    """Look as long as it is served, pages open or not, and record what is seen."""
    settings = Settings.from_environment()
    settings = replace(
        settings,
        tap=settings.tap or options.tap,
        allow_actions=settings.allow_actions or options.allow_actions,
    )
    login = login_of(settings)
    refuse_open(options.address, login, without_login=options.without_login)  # before any look
    collector = shared(settings)
    recorder = recordings = None
    not_recording: str | None = None
    stood: list[Finding] = []
    try:
        recorder = Recorder(settings.recording)
        recording = open_recording(settings.recording)
        recordings = Recordings([settings.recording])
        print(f"loading what {settings.recording} has of the last hours …", flush=True)
        now = pd.Timestamp(now_ns(), tz="UTC")
        collector.history.load(recording, until=now)
        stood = last_recorded(recording, as_of=now)
        collector.add_sink(recorder)
        note = f"recording into {settings.recording}"
    except RecordingError as error:
        print(f"ami-console: not recording: {error}", file=sys.stderr)
        note, not_recording = "not recording", str(error)
    recorded = None if recordings is None else str(settings.recording)
    feed = LiveFeed(
        collector,
        recorded=recorded,
        recording_error=lambda: not_recording or (recorder.error if recorder else None),
    )
    try:
        with (
            ended_by_signals() as ended,
            acting(settings, collector, recorder),
            serving(feed, options, recordings=recordings, login=login) as address,
            alerting(collector, settings, resumed=stood, console_url=address),
        ):
            collector.start()
            print(f"the dashboard is at {address}, {note}; Ctrl-C ends it", flush=True)
            if settings.tap:
                print(f"listening to acknowledgements: {TAP_EFFECT}", flush=True)
            if settings.allow_actions:
                print(ACTIONS_EFFECT, flush=True)
            wait(ended, None)
            collector.stop()
    finally:
        collector.stop()
        if recorder is not None:
            recorder.close()
    return DONE
