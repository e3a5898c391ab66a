"""The way into the live sources from a cell: one look, or a watch."""

import asyncio
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Self

from ami_console.cell.apart import run_apart
from ami_console.cell.progress import Progress
from ami_console.cell.seen import Look, Watched
from ami_console.collector import Collector
from ami_console.errors import SettingsError
from ami_console.history import History
from ami_console.markup import Html, card, pairs
from ami_console.reading import Reading
from ami_console.recording import Recording, open_recording
from ami_console.settings import Settings
from ami_console.snapshot import take
from ami_console.sources.live import state_sources

Where = Settings | Mapping[str, str] | str | os.PathLike[str] | None


def connect(settings: Where = None) -> "Console":
    """The live sources, for a notebook or a script. Nothing is asked yet, and nothing is awaited.

    Args:
        settings: ``None``: the ``AMI_CONSOLE_…`` variables of the environment and ``.env``. Or a
            file of such lines (the demo names one), or a mapping of them, or settings.

    Raises:
        SettingsError: A setting can't be used, or there is no such file.
    """
    if settings is None:
        return Console(Settings.from_environment())
    if isinstance(settings, Settings):
        return Console(settings)
    if isinstance(settings, Mapping):
        return Console(Settings.from_environment(settings, dotenv=None))
    path = Path(settings)
    if not path.is_file():
        raise SettingsError(
            f"there is no file {path} with settings; one that a demo names is there while it runs"
        )
    return Console(Settings.from_environment({}, dotenv=path))


class Console:
    """Antenna, NATS and Redis as the settings name them. A context manager.

    It looks and never writes, and it works from within a running event loop as from a script.

    Attributes:
        settings: Where everything is; secrets do not show.
        watched: What the last watch saw, also of one that was interrupted; ``None``: none was.
    """

    def __init__(self, settings: Settings) -> None:
        """For :func:`connect`."""
        self.settings = settings
        self.watched: Watched | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def look(self, jobs: Collection[int] | None = None) -> Look:
        """One look at every source, within seconds; one that does not answer is told as such.

        Args:
            jobs: Only these jobs; ``None``: the active ones that any source knows of.
        """
        history = History()
        with Progress() as progress:
            readings = run_apart(
                lambda: take_once(self.settings, jobs),
                tick=lambda waited_s: progress.say(f"looking at all sources, {waited_s:.0f} s …"),
            )
            progress.end("looked at all sources")
        for reading in readings:
            history.add(reading)
        return Look(history, self.settings)

    def watch(self, for_s: float | None = 30.0, *, jobs: Collection[int] | None = None) -> Watched:
        """Look again and again for a while, and give what was seen, as a recording would.

        Args:
            for_s: How long, seconds; a line says meanwhile what is seen, and an interrupt ends
                it. ``None``: in the background, until ``.stop()`` of what this gives.
            jobs: Only these jobs; ``None``: every active one.
        """
        self.close()
        self.watched = Watched(Collector(self.settings, job_ids=jobs))
        self.watched.go_on(for_s)
        return self.watched

    def recording(self) -> Recording:
        """The recording that the settings name.

        Raises:
            RecordingError: There is none.
        """
        return open_recording(self.settings.recording)

    def close(self) -> None:
        """End a watch in the background; what it saw stays."""
        if self.watched is not None:
            self.watched.stop()

    def __repr__(self) -> str:
        return f"Console({', '.join(f'{k}: {v}' for k, v in self._where().items())})"

    def _repr_html_(self) -> str:
        return card("Console", pairs(self._where()))

    def _where(self) -> dict[str, str | Html]:
        """What is connected to; whether there is a login, and never which."""
        told = self.settings
        monitor = f", {told.nats_monitor_url.shown}" if told.nats_monitor_url else ""
        token = "with a token" if told.antenna_token else "without a token"
        return {
            "antenna": f"{told.antenna_url.shown}, {token}, times in {told.antenna_timezone.key}",
            "nats": f"{told.nats_url.shown}{monitor}",
            "redis": told.redis_url.shown,
            "a look every": f"{told.every_s:g} s",
            "recording": str(told.recording),
        }


async def take_once(settings: Settings, jobs: Collection[int] | None) -> list[Reading]:
    """One look at every source, over connections that are closed afterwards."""
    sources = state_sources(settings)
    try:
        return await take(sources, jobs)
    finally:
        await asyncio.gather(*(source.aclose() for source in sources), return_exceptions=True)


def open_recordings(*paths: str | os.PathLike[str]) -> Recording:
    """Open a recording, or several as if they were one.

    Args:
        paths: Directories, or URIs that Arrow or fsspec knows; none: the recording that the
            settings name.

    Returns:
        A source of frames: ``.frame("jobs")``, ``.jobs()``, ``.first_at``, ``.last_at``.

    Raises:
        RecordingError: One of them is no recording, is not there, or is of another version.
    """
    return open_recording(*(paths or (Settings.from_environment().recording,)))
