"""A few real looks at every source, as the collector takes them, and what each came to."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from ami_console.history import History
from ami_console.reading import Reading, SourceName
from ami_console.settings import Settings
from ami_console.snapshot import DISCOVER_DEADLINE_S, DISCOVERERS, READ_DEADLINES_S, Source, look
from ami_console.sources.live import live_sources
from ami_console.sources.tap import live_taps

ROUNDS, PAUSE_S = 3, 2.0
"""Enough for a job that moves to be seen moving, and over before somebody gets impatient."""

MOST_LOGS = 5
"""The first look at a job's log takes 5,000 lines, which keep one of Antenna's web workers busy."""

Tell = Callable[[str], None]


@dataclass(slots=True)
class Looks:
    """What the looks came to.

    Attributes:
        history: All of it, as frames.
        found: Source → its search for active jobs.
        reads: Source → its looks at these jobs, the first one first.
        job_ids: The active jobs.
        logs_of: How many of these the job logs were read of.
    """

    history: History = field(default_factory=History)
    found: dict[SourceName, Reading] = field(default_factory=dict)
    reads: dict[SourceName, list[Reading]] = field(default_factory=dict)
    job_ids: frozenset[int] = frozenset()
    logs_of: int = 0

    def add(self, reading: Reading) -> None:
        """Take in one look."""
        self.history.add(reading)
        self.reads.setdefault(reading.source, []).append(reading)

    def last(self, source: SourceName) -> Reading | None:
        """The newest look at a source, a search included where it is the only one."""
        readings = self.reads.get(source)
        return readings[-1] if readings else self.found.get(source)

    def good(self, source: SourceName) -> list[Reading]:
        """The looks that succeeded."""
        return [reading for reading in self.reads.get(source, ()) if reading.ok]


async def take_looks(settings: Settings, *, rounds: int, pause_s: float, tell: Tell) -> Looks:
    """Search for active jobs once, then look at them a few times.

    Args:
        settings: Where the sources are.
        rounds: How many looks at each source.
        pause_s: From one look to the next, seconds.
        tell: Called with what is being done.
    """
    sources, taps, looks = live_sources(settings), live_taps(settings), Looks()
    for tap in taps:
        tap.start(looks.add)
    try:
        tell("looking for active jobs")
        searches = [
            look(source.name, source.discover, deadline_s=DISCOVER_DEADLINE_S)
            for source in sources
            if source.name in DISCOVERERS
        ]
        for reading in await asyncio.gather(*searches):
            looks.history.add(reading)
            looks.found[reading.source] = reading
            looks.job_ids |= reading.job_ids or frozenset()
        looks.logs_of = min(MOST_LOGS, len(looks.job_ids))
        for number in range(1, rounds + 1):
            tell(f"look {number} of {rounds}, at {len(looks.job_ids)} jobs")
            await _round(sources, looks)
            if number < rounds:
                await asyncio.sleep(pause_s)
    finally:
        await asyncio.gather(*(asyncio.to_thread(tap.stop) for tap in taps))
        await asyncio.gather(*(source.aclose() for source in sources), return_exceptions=True)
    return looks


async def _round(sources: Sequence[Source], looks: Looks) -> None:
    newest = sorted(looks.job_ids, reverse=True)[: looks.logs_of]
    # Who failed once is not waited for again: a silent server costs its deadline each time.
    asked = [s for s in sources if all(reading.ok for reading in looks.reads.get(s.name, ()))]
    questions = [
        look(
            source.name,
            partial(source.read, newest if source.name == "job_logs" else looks.job_ids),
            deadline_s=READ_DEADLINES_S[source.name],
        )
        for source in asked
    ]
    for reading in await asyncio.gather(*questions):
        looks.add(reading)
