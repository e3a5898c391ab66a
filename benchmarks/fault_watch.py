"""One watch over a demo: collector, recorder and dashboard, and a note of every look."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from ami_console.apps.feed import LiveFeed
from ami_console.apps.serve import serve
from ami_console.collector import Collector
from ami_console.demo.places import CANADA, HISTORY, job
from ami_console.demo.plans import Scenario, WorkerPlan
from ami_console.demo.processes import wait_until
from ami_console.demo.stack import Stack
from ami_console.reading import Reading
from ami_console.recorder import Recorder
from ami_console.recording import open_recording
from ami_console.settings import Address, Settings
from benchmarks.fault_page import Drawn, Page
from benchmarks.fault_proxy import Proxy
from benchmarks.fault_truth import Truth

PLAY = Scenario(
    name="faults",
    says="a long job, and a short one now and then; what a fault takes away comes back",
    jobs=(
        job(CANADA, "Lac Supérieur, all season", 20_000, ack_wait_s=15.0, max_deliver=50),
        job(CANADA, "Forêt Ouareau trap 4", 60, at_s=3.0, again_every_s=25.0, ack_wait_s=15.0),
    ),
    workers=(
        WorkerPlan(name="gpu-01", pipelines=(CANADA[1],), image_s=0.25),
        WorkerPlan(name="gpu-02", pipelines=(CANADA[1],), image_s=0.4),
    ),
    history=HISTORY,
)

BEGINS_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Look:
    """One look as the collector handed it on."""

    reading: Reading

    @property
    def source(self) -> str:
        """Who was asked."""
        return self.reading.source

    @property
    def ok(self) -> bool:
        """Whether it was answered."""
        return self.reading.ok

    @property
    def begun_at(self) -> int:
        """When it began, ns since the epoch."""
        return self.reading.observed_at - int((self.reading.elapsed_s or 0.0) * 1e9)

    @property
    def ended_at(self) -> int:
        """When it was answered or given up, ns since the epoch."""
        return self.reading.observed_at


class Watch:
    """A watch that records and serves; a context manager.

    Attributes:
        stack: What is watched.
        proxies: By source (``antenna``, ``nats``, ``monitor``, ``redis``); empty: none between.
        truth: What the servers really hold.
        collector: Of the watch.
        recording: Where it is recorded.
        url: The dashboard.
        page: What is read of the sources' state.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        every_s: float,
        by_api: bool = False,
        through_proxies: bool = False,
        tap: bool = False,
    ) -> None:
        """Nothing is asked yet.

        Args:
            stack: A running demo.
            every_s: Pause between two looks, seconds.
            by_api: NATS is read by the JetStream API, without its monitoring port.
            through_proxies: A :class:`Proxy` stands before each server.
            tap: Listen to acknowledgements, too.
        """
        self.stack = stack
        self.proxies: dict[str, Proxy] = {}
        self.truth = Truth(stack)
        self._every_s, self._by_api, self._tap = every_s, by_api, tap
        self._through_proxies = through_proxies
        self._looks: list[Look] = []
        self._lock = threading.Lock()
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _begin(self) -> None:
        enter, settings = self._open.enter_context, self._settings()
        self.recording = settings.recording
        self.collector = Collector(settings)
        recorder = Recorder(self.recording)
        self._open.callback(recorder.close)
        self.collector.add_sink(recorder)
        self.collector.add_sink(self._note)
        feed = LiveFeed(self.collector)
        self.page: Page = Drawn(feed)
        server = serve(feed, port=0, threaded=True)
        self._open.callback(server.stop)
        self.url = server.url
        enter(self.truth)
        self.collector.start()
        self._open.callback(self.collector.stop)
        self.wait(self._has_numbers, "there are numbers of a job from each source")
        self.be_well()

    def _settings(self) -> Settings:
        plain = self.stack.settings
        routes = {"antenna": "antenna_url", "nats": "nats_url", "redis": "redis_url"}
        if self._by_api:
            plain = replace(plain, nats_monitor_url=Address(""))
        else:
            routes["monitor"] = "nats_monitor_url"
        changed: dict[str, Any] = {}
        for name, setting in routes.items() if self._through_proxies else ():
            parts = urlsplit(getattr(plain, setting).reveal())
            proxy = self._open.enter_context(Proxy(parts.port or 0))
            self.proxies[name] = proxy
            login, at, _ = parts.netloc.rpartition("@")
            netloc = f"{login}{at}127.0.0.1:{proxy.port}"
            changed[setting] = Address(urlunsplit(parts._replace(netloc=netloc)))
        number = sum(1 for _ in self.stack.folder.glob("recording*"))
        return replace(
            plain,
            every_s=self._every_s,
            job_logs_every_s=2.5 * self._every_s,
            tap=self._tap,
            recording=self.stack.folder / f"recording-{number}",
            **changed,
        )

    def _has_numbers(self) -> bool:
        history = self.collector.history
        return all(len(history.latest(name)) for name in ("consumers", "counters", "stages"))

    def be_well(self) -> None:
        """Wait until the page calls every source well.

        Raises:
            TimeoutError: It does not.
        """

        def is_well() -> bool:
            said = self.page.read()
            return bool(said) and all(each.is_well for each in said.values())

        self.wait(is_well, "the page calls every source well")

    def _note(self, reading: Reading) -> None:
        with self._lock:
            self._looks.append(Look(reading))

    def looks(self, *sources: str, since: int = 0) -> list[Look]:
        """Looks in the order in which they ended, of these sources or of all.

        Args:
            sources: Names; none: all.
            since: That ended at or after this, ns since the epoch.
        """
        with self._lock:
            kept = list(self._looks)
        return [
            each
            for each in kept
            if each.ended_at >= since and (not sources or each.source in sources)
        ]

    def wait(
        self, condition: Callable[[], bool], what: str, *, within_s: float = BEGINS_WITHIN_S
    ) -> None:
        """Wait for something that a look brings.

        Raises:
            TimeoutError: It did not come; says what.
        """
        wait_until(
            condition,
            deadline_s=within_s,
            every_s=0.1,
            complaint=lambda: TimeoutError(f"waited {within_s:g} s in vain until {what}"),
        )


@contextlib.contextmanager
def watching(
    *, every_s: float, by_api: bool = False, through_proxies: bool = False, tap: bool = False
) -> Iterator[Watch]:
    """A demo and a watch over it; see :class:`Watch`."""
    with (
        Stack(PLAY, restart_after_s=None) as stack,
        Watch(
            stack, every_s=every_s, by_api=by_api, through_proxies=through_proxies, tap=tap
        ) as watch,
    ):
        yield watch


def recorded(path: Path, looks: Sequence[Look]) -> int:
    """How many of these looks are missing in a recording."""
    reads = open_recording(path).frame("reads")
    held = set(zip(reads["source"], reads["observed_at"].astype("int64"), strict=True))
    return sum((look.source, look.ended_at) not in held for look in looks)


def now() -> int:
    """Now, ns since the epoch."""
    return time.time_ns()
