"""The loop: when to look at what. One per process, many listeners."""

import asyncio
import logging
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from typing import ClassVar, Protocol

from ami_console.active_jobs import JUST_ENDED_S, ActiveJobs, Turns
from ami_console.history import History
from ami_console.instants import now_ns
from ami_console.live_diagnosis import LiveDiagnosis
from ami_console.reading import Reading, SourceName
from ami_console.settings import Settings
from ami_console.snapshot import (
    DISCOVER_DEADLINE_S,
    DISCOVERERS,
    READ_DEADLINES_S,
    SEARCH,
    Source,
    look,
    only,
    target_of,
)
from ami_console.sources.live import live_sources
from ami_console.sources.tap import live_taps

log = logging.getLogger(__name__)

DISCOVER_EVERY_S = 30.0
"""Lists are costly for Antenna (half a second of its time each): ask for them rarely."""

DETAILS_PER_LOOK = 40
"""Antenna works some 35 ms on the detail of a job: 1.4 s of every 2 s, and no more. Of more jobs
each has its turn; the lists tell of all of them meanwhile."""

QUEUES_EVERY_S = 5.0
"""RabbitMQ refreshes its own numbers no more often."""

LINGER_S = 10.0
"""A page that is reloaded should find the collector still running."""

LAST_LOOK_S = 3.0
"""Logs are looked at rarely, so once more at the end: this long may it take, seconds."""

CANCEL_AGAIN_S = 0.2

LONGEST_PAUSE_S = 3600.0
"""Whoever paused the watch may have gone to bed: it goes on by itself then, seconds."""

_LOGS: frozenset[SourceName] = frozenset({"job_logs", "log_files"})
_END_WITHIN_S = 10.0

Listener = Callable[[], None]
Sink = Callable[[Reading], None]


class Pushing(Protocol):
    """A source that tells by itself, on a thread of its own."""

    name: ClassVar[SourceName]

    def start(self, deliver: Sink) -> None:
        """Call ``deliver`` with each reading until :meth:`stop`."""
        ...

    def stop(self) -> None:
        """Deliver what is left, and close; it can be started again."""
        ...


class Collector:
    """Looks at every source on its own beat and hands each reading on.

    Sources are watched independently: one that is slow or dead delays no other. It runs on a
    private asyncio loop in a daemon thread, so that it serves notebooks, servers and scripts
    alike. Sources that push (the tap, when the settings switch it on) listen as long as it looks,
    and what is seen is judged all the while.

    Attributes:
        settings: Where the sources are and how often to look.
        history: What was seen, the last hours of it.
        diagnosis: What is found in it, look by look.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sources: Callable[[Settings], Sequence[Source]] = live_sources,
        taps: Callable[[Settings], Sequence[Pushing]] = live_taps,
        job_ids: Collection[int] | None = None,
        linger_s: float = LINGER_S,
    ) -> None:
        """Nothing is opened or asked yet.

        Args:
            settings: Where the sources are and how often to look.
            sources: Makes the live sources; called on the collector's own thread.
            taps: Makes the sources that push; called once.
            job_ids: Look at these jobs only; ``None``: at every active one.
            linger_s: How long to go on after the last listener left, seconds.
        """
        self.settings = settings
        self.history = History()
        self.diagnosis = LiveDiagnosis(self.history, settings)
        self._make_sources = sources
        # Kept from one watch to the next: they know since when they have not been listening.
        self._taps = [*taps(settings), self.diagnosis]
        self._fixed = None if job_ids is None else frozenset(job_ids)
        self._linger_s = linger_s
        self._jobs = ActiveJobs(ended_for_s=max(JUST_ENDED_S, 4 * settings.job_logs_every_s))
        self._turns = Turns(DETAILS_PER_LOOK)
        self._sinks: list[Sink] = []
        self._listeners: dict[object, Listener] = {}
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._ended: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finish: asyncio.Event | None = None
        self._lingering: threading.Timer | None = None
        self._held = False
        self._paused_at_ns: int | None = None
        self._pausing: threading.Timer | None = None
        self._read: set[SourceName] = set()

    def add_sink(self, sink: Sink) -> None:
        """Call ``sink`` with each reading, before the listeners.

        It is called on the thread that read it: the collector's, or that of a source that pushes.
        """
        self._sinks.append(sink)

    @property
    def running(self) -> bool:
        """Whether it is looking now."""
        return self._thread is not None

    def start(self) -> None:
        """Look until :meth:`stop`, listeners or not."""
        self._held = True
        self._run()

    def stop(self) -> None:
        """End the watch and close all connections; it can be started again."""
        self._held = False
        with self._lock:
            self._paused_at_ns = None
            if self._pausing is not None:
                self._pausing.cancel()
        self._end()

    @property
    def paused_at_ns(self) -> int | None:
        """Since when nobody is asked anything, ns since the epoch; ``None``: it is not paused."""
        return self._paused_at_ns

    def pause(self) -> None:
        """Ask nobody anything and close all connections, until :meth:`resume`.

        It goes on by itself after :data:`LONGEST_PAUSE_S`. What is not seen meanwhile is a gap;
        each source's ``reads`` row tells why.
        """
        with self._lock:
            if self._paused_at_ns is not None:
                return
            self._paused_at_ns = now_ns()
            self._pausing = threading.Timer(LONGEST_PAUSE_S, self.resume)
            self._pausing.daemon = True
            self._pausing.start()
        self._end()
        for source in self._read:
            self._deliver(
                Reading(
                    source=source,
                    observed_at=now_ns(),
                    ok=False,
                    error="the watch was paused by an operator: nothing was asked",
                    requests=0,
                )
            )
        self._tell_all()

    def resume(self) -> None:
        """Go on after :meth:`pause`, if anybody wants it."""
        with self._lock:
            if self._paused_at_ns is None:
                return
            self._paused_at_ns = None
            if self._pausing is not None:
                self._pausing.cancel()
            if self._held or self._listeners:
                self._run()
        self._tell_all()

    def _tell_all(self) -> None:
        with self._lock:
            listeners = tuple(self._listeners.values())
        for listener in listeners:
            listener()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` after each reading, as a sink is called; starts the watch.

        Returns:
            A function that ends the subscription. When the last one ends, so does the watch,
            after a while.
        """
        key = object()
        with self._lock:
            self._listeners[key] = listener
            self._stay()
            self._run()

        def unsubscribe() -> None:
            with self._lock:
                self._listeners.pop(key, None)
                if not self._listeners and not self._held and self.running:
                    self._stay()
                    self._lingering = threading.Timer(self._linger_s, self._end_if_alone)
                    self._lingering.daemon = True
                    self._lingering.start()

        return unsubscribe

    @property
    def listeners(self) -> int:
        """How many subscriptions there are."""
        return len(self._listeners)

    def _stay(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None

    def _end_if_alone(self) -> None:
        with self._lock:
            if self._listeners or self._held:
                return
        self._end()

    def _run(self) -> None:
        with self._lock:
            if self._thread is not None or self._paused_at_ns is not None:
                return
            loop, finish = asyncio.new_event_loop(), asyncio.Event()
            before = self._ended

            def watch() -> None:
                if before is not None:  # it may still be stopping the tap that we start
                    before.join(_END_WITHIN_S)
                with closing(loop):
                    loop.run_until_complete(self._watch_all(finish))

            self._loop, self._finish = loop, finish
            self._thread = threading.Thread(target=watch, name="collector", daemon=True)
            self._thread.start()

    def _end(self) -> None:
        with self._lock:
            thread, loop, finish = self._thread, self._loop, self._finish
            self._thread = self._loop = self._finish = None
            self._ended = thread or self._ended
        if thread is None or loop is None or finish is None:
            return
        with suppress(RuntimeError):  # the loop ended by itself in this moment
            loop.call_soon_threadsafe(finish.set)
        if thread is not threading.current_thread():
            thread.join(max(READ_DEADLINES_S.values()))

    async def _watch_all(self, finish: asyncio.Event) -> None:
        sources = self._make_sources(self.settings)
        watches = [asyncio.create_task(self._watch(source, finish)) for source in sources]
        if self._fixed is None:
            watches += [
                asyncio.create_task(self._discover(source, finish))
                for source in sources
                if source.name in DISCOVERERS
            ]
        for tap in self._taps:
            tap.start(self._deliver_tapped)
        await finish.wait()
        # Not on the loop: a tap may take a moment to end, and the watches would stand meanwhile.
        await asyncio.gather(*(asyncio.to_thread(tap.stop) for tap in self._taps))
        await _ended(watches)
        last = (self._look(source, LAST_LOOK_S) for source in sources if source.name in _LOGS)
        await asyncio.gather(*last)
        await asyncio.gather(*(source.aclose() for source in sources), return_exceptions=True)
        await asyncio.get_running_loop().shutdown_default_executor()

    async def _watch(self, source: Source, finish: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not finish.is_set():
            wanted = await self._look(source, READ_DEADLINES_S[source.name])
            # Keep the beat where possible; after a slow answer do not rush to catch up.
            pause = pause_s(self.settings, source.name, asked=wanted)
            due = max(due + pause, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _look(self, source: Source, deadline_s: float) -> frozenset[int]:
        """One look at a source, handed on; the jobs that it asked for."""
        wanted = self._fixed if self._fixed is not None else self._jobs.wanted(source.name)
        asked = self._turns.next(wanted) if source.name == "antenna" else wanted
        question = partial(source.read, asked)
        reading = await look(source.name, question, deadline_s=deadline_s, target=target_of(source))
        if self._fixed is not None:
            reading = only(reading, self._fixed)
        self._jobs.learn(reading, asked=asked)
        if reading.ok and len(asked) < len(wanted):
            turns = f"{len(asked)} of {len(wanted)} jobs a look, each in its turn"
            reading = replace(reading, error="; ".join(filter(None, (turns, reading.error))))
        self._deliver(reading)
        return asked

    async def _discover(self, source: Source, finish: asyncio.Event) -> None:
        while not finish.is_set():
            reading = await look(
                source.name,
                source.discover,
                deadline_s=DISCOVER_DEADLINE_S,
                target=target_of(source),
                what=SEARCH,
            )
            self._jobs.learn(reading)
            self._deliver(reading)
            # A source that is down is asked again soon: what it knows may be missing elsewhere.
            pause = DISCOVER_EVERY_S if reading.ok else 2.5 * self.settings.every_s
            await asyncio.sleep(pause)

    def _deliver_tapped(self, reading: Reading) -> None:
        self._deliver(reading if self._fixed is None else only(reading, self._fixed))

    def _deliver(self, reading: Reading) -> None:
        self._read.add(reading.source)
        self.history.add(reading)
        with self._lock:
            receivers: list[Listener] = [partial(sink, reading) for sink in self._sinks]
            receivers += self._listeners.values()
        for receive in receivers:
            try:
                receive()
            except Exception:  # one broken receiver must not stop the others
                log.exception("a receiver of readings failed")


async def _ended(watches: Collection["asyncio.Task[None]"]) -> None:
    """Cancel tasks until they are done.

    Once is not enough: where an answer comes in the moment of the cancel, ``asyncio.wait_for`` of
    Python 3.11, which the client libraries use, returns it and forgets the cancel.
    """
    left = set(watches)
    while left:
        for watch in left:
            watch.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)


def pause_s(settings: Settings, source: SourceName, *, asked: Collection[int]) -> float:
    """From one look at a source to the next, seconds.

    Args:
        settings: How often to look.
        source: The source.
        asked: The jobs that the last look asked for.
    """
    if source == "job_logs" and asked:  # without jobs, one may be there at any moment
        return settings.job_logs_every_s
    if source == "celery":
        return max(settings.every_s, QUEUES_EVERY_S)
    return settings.every_s


_shared: Collector | None = None
_shared_lock = threading.Lock()


def shared(settings: Settings | None = None) -> Collector:
    """The collector of this process: made by the first call, the same for all after it.

    Args:
        settings: Used by the call that makes it; those of the environment when not given.

    Raises:
        SettingsError: The environment's settings can't be used.
    """
    global _shared  # noqa: PLW0603 - one per process is the point
    with _shared_lock:
        if _shared is None:
            _shared = Collector(settings or Settings.from_environment())
        return _shared
