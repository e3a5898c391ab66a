"""Real recordings to replay."""

import functools
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

from ami_console.apps.feed import RecordedFeed
from ami_console.apps.replay_feed import ReplayFeed
from ami_console.importer import import_files, recognised
from ami_console.recording import Recording, open_recording

ANTENNA = Path(__file__).parents[1] / "data" / "antenna"
ZONE = ZoneInfo("America/New_York")

_folder = tempfile.TemporaryDirectory(prefix="replayed-")


@functools.cache
def recording(scenario: str) -> Recording:
    """A recording that was imported from the real looks."""
    into = Path(_folder.name) / scenario
    files, _ = recognised([ANTENNA / scenario])
    import_files(files, into, zone=ZONE)
    return open_recording(into)


def replay(scenario: str) -> ReplayFeed:
    """It at its last instant."""
    recorded = recording(scenario)
    return ReplayFeed.of_recording(recorded, like=RecordedFeed(recorded, zone=ZONE))
