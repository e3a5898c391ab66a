"""A paused watch asks nobody anything, and says so."""

import threading
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import ClassVar

import pytest
from waiting import until

from ami_console import collector as collecting
from ami_console.collector import Collector
from ami_console.instants import now_ns
from ami_console.reading import Reading, SourceName
from ami_console.settings import Settings

SETTINGS = replace(Settings.from_environment({}, dotenv=None), every_s=0.2)


class Counting:
    """A source that counts how often it is asked; what is tested is when nobody asks."""

    name: ClassVar[SourceName] = "redis"

    def __init__(self) -> None:
        self.asked = 0
        self.is_open = True

    async def discover(self) -> Reading:
        self.asked += 1
        return Reading(source=self.name, observed_at=now_ns(), job_ids=frozenset({1}))

    async def read(self, job_ids: Collection[int]) -> Reading:
        self.asked += 1
        return Reading(source=self.name, observed_at=now_ns())

    async def aclose(self) -> None:
        self.is_open = False


@pytest.fixture
def watched() -> Iterator[tuple[Collector, list[Counting]]]:
    """A collector that looks, and the sources that it made so far."""
    made: list[Counting] = []

    def sources(_: Settings) -> list[Counting]:
        made.append(Counting())
        return [made[-1]]

    collector = Collector(SETTINGS, sources=sources)
    collector.start()
    until(lambda: bool(made) and made[-1].asked > 1)
    yield collector, made
    collector.stop()


def test_a_paused_watch_asks_nothing_and_closes_its_connections(
    watched: tuple[Collector, list[Counting]],
) -> None:
    """Antenna is ill and the operator takes all load away: not one request, until told to go on."""
    collector, (source,) = watched[0], watched[1]
    told = threading.Event()
    unsubscribe = collector.subscribe(told.set)
    collector.pause()
    assert collector.paused_at_ns is not None
    assert not collector.running
    assert not source.is_open
    asked = source.asked
    told.clear()
    assert not told.wait(4 * SETTINGS.every_s)
    assert source.asked == asked
    assert len(watched[1]) == 1
    collector.resume()
    assert collector.paused_at_ns is None
    until(lambda: len(watched[1]) == 2 and watched[1][-1].asked > 1)
    unsubscribe()


def test_the_pause_is_a_gap_with_its_reason(
    watched: tuple[Collector, list[Counting]],
) -> None:
    """Next morning the recording says why nothing was seen: not a source was down."""
    collector, _ = watched
    recorded: list[Reading] = []
    collector.add_sink(recorded.append)
    collector.pause()
    last = [r for r in recorded if r.source == "redis"][-1]
    assert not last.ok
    assert last.error is not None
    assert "paused by an operator" in last.error
    reads = collector.history.latest("reads")
    assert "redis" in reads[~reads["ok"]]["source"].tolist()


def test_who_comes_while_it_is_paused_starts_nothing(
    watched: tuple[Collector, list[Counting]],
) -> None:
    """A colleague opens the page: it is paused for them too, and they are told when it goes on."""
    collector, made = watched
    collector.pause()
    told = threading.Event()
    unsubscribe = collector.subscribe(told.set)
    collector.start()
    assert not collector.running
    assert len(made) == 1
    collector.resume()
    assert told.wait(5)
    until(lambda: collector.running and len(made) == 2)
    unsubscribe()


def test_a_forgotten_pause_ends_by_itself(
    watched: tuple[Collector, list[Counting]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator paused it and went to bed: the night is recorded all the same."""
    monkeypatch.setattr(collecting, "LONGEST_PAUSE_S", 0.3)
    collector, made = watched
    collector.pause()
    until(lambda: collector.paused_at_ns is None and len(made) == 2 and made[-1].asked > 0)


def test_pausing_twice_and_resuming_what_runs_are_nothing(
    watched: tuple[Collector, list[Counting]],
) -> None:
    """Two operators press the same button."""
    collector, made = watched
    collector.resume()
    assert collector.running
    collector.pause()
    since = collector.paused_at_ns
    collector.pause()
    assert collector.paused_at_ns == since
    collector.stop()
    assert collector.paused_at_ns is None
    assert len(made) == 1
