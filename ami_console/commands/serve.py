"""``ami-console serve``: the standalone dashboard, live or on a recording."""

import argparse
import sys

from ami_console.apps.feed import Feed, LiveFeed, RecordedFeed
from ami_console.apps.serve import serve
from ami_console.cli import DONE
from ami_console.collector import shared
from ami_console.commands.waiting import ended_by_signals, wait
from ami_console.errors import RecordingError
from ami_console.recorder import Recorder
from ami_console.recording import open_recording
from ami_console.settings import Settings


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C. A live dashboard records what it sees."""
    recorder = None
    feed: Feed
    if options.recording is not None:
        recording = open_recording(options.recording)
        for damage in recording.damaged:
            print(f"ami-console: left out {damage.path}: {damage.reason}", file=sys.stderr)
        feed = RecordedFeed(recording)
    else:
        settings = Settings.from_environment()
        collector = shared(settings)
        try:
            recorder = Recorder(settings.recording)
            collector.add_sink(recorder)
        except RecordingError as error:
            print(f"ami-console: not recording: {error}", file=sys.stderr)
        feed = LiveFeed(collector)
    with ended_by_signals() as ended:
        server = serve(feed, address=options.address, port=options.port, threaded=True)
        shown = f"http://{options.address}:{server.port}/dashboard"
        where = f", recording into {recorder.path}" if recorder else ""
        print(f"the dashboard is at {shown}{where}; Ctrl-C ends it", flush=True)
        try:
            wait(ended, None)
        finally:
            server.stop()
            if recorder is not None:
                feed.close()
                recorder.close()
    return DONE
