"""The three live sources that the settings name."""

from ami_console.settings import Settings
from ami_console.sources.antenna import AntennaSource
from ami_console.sources.counters import CountersSource
from ami_console.sources.jetstream import JetstreamSource

LiveSource = AntennaSource | JetstreamSource | CountersSource


def live_sources(settings: Settings) -> list[LiveSource]:
    """Antenna, NATS and Redis; nothing is opened before the first question."""
    return [AntennaSource(settings), JetstreamSource(settings), CountersSource(settings)]
