"""The tap from a start to a stop: receiving on one thread, handing readings on from another."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue

from ami_console.errors import SourceError, SourceRefused
from ami_console.instants import NS_PER_S, now_ns, to_datetime
from ami_console.reading import Reading
from ami_console.settings import Settings
from ami_console.sources.broker import nats_target
from ami_console.sources.tap_session import Heard, TapSession

log = logging.getLogger(__name__)

FLUSH_S = 1.0
"""How long acknowledgements are gathered before they are handed on, seconds."""

HELD_AT_MOST = 1_000_000
"""Messages that wait here for who takes them in (about 230 MB); more are dropped, and counted."""

_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S, _REFUSED_PAUSE_S = 0.1, 5.0, 30.0
_LAST_WORDS_S = 1.0
_END_WITHIN_S = 5.0
_LONG_AGO_S = float("inf")

Deliver = Callable[[Reading], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is gathered and held; see :class:`~ami_console.sources.tap.Tap`."""

    flush_s: float
    pending_msgs: int
    full_at: int
    held_at_most: int


@dataclass(frozen=True, slots=True)
class _Told:
    """A reading to be; the rows are made on the thread that hands it on.

    Attributes:
        at: End of the time that it speaks of, ns since the epoch.
        since: Begin of that time.
        failure: Why something was not seen; ``None``: all was seen.
        remark: Of one that is ok.
        heard: What came in.
    """

    at: int
    since: int
    failure: str | None = None
    remark: str | None = None
    heard: Heard = field(default_factory=Heard)

    def reading(self) -> Reading:
        return Reading(
            source="tap",
            observed_at=self.at,
            ok=self.failure is None,
            error=self.failure or self.remark,
            elapsed_s=max(self.at - self.since, 0) / NS_PER_S,
            bytes=self.heard.bytes,
            requests=0,
            rows=self.heard.rows(),
        )


class Listening:
    """The time between a start and a stop: one thread receives, another hands on.

    So a slow recorder delays the receiving of nothing; what waits in between is bounded.
    """

    def __init__(
        self, settings: Settings, deliver: Deliver, *, limits: Limits, unseen_since: int | None
    ) -> None:
        """Begin to listen.

        Args:
            settings: Address and login; ``every_s`` is the pause between empty readings.
            deliver: Called with each reading.
            limits: How much is gathered and held.
            unseen_since: When a watch before this one ended; that is told as a gap.
        """
        self._spoken_at = now_ns()  # the readings speak of the time until then
        self._settings, self._deliver, self._limits = settings, deliver, limits
        self._target = nats_target(settings)
        self._beat_s = max(settings.every_s, limits.flush_s)
        self._unseen_since = unseen_since
        self._reason = "the watch was ended" if unseen_since is not None else ""
        self._failed_at_s = self._told_at_s = -_LONG_AGO_S
        self._queue: SimpleQueue[_Told | None] = SimpleQueue()
        self._queued = self._handed_on = 0  # messages; each written by one thread only
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._session: TapSession | None = None
        self._receiver = threading.Thread(target=self._receive, name="tap", daemon=True)
        self._giver = threading.Thread(target=self._hand_on, name="tap-readings", daemon=True)
        self._giver.start()
        self._receiver.start()

    @property
    def unseen_since(self) -> int:
        """When the subscriptions stood last, ns since the epoch."""
        return self._spoken_at if self._unseen_since is None else self._unseen_since

    def end(self) -> None:
        """Stop listening; returns when all is handed on, or after some seconds."""
        with suppress(RuntimeError):  # the loop is closed: it ended already
            self._loop.call_soon_threadsafe(self._ending.set)
        for thread in (self._receiver, self._giver):
            if thread is not threading.current_thread():
                thread.join(_END_WITHIN_S)

    def _receive(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._until_ended())
        finally:
            self._queue.put(None)

    async def _until_ended(self) -> None:
        listening = asyncio.create_task(self._listen())
        await self._ending.wait()
        while not listening.done():  # Python 3.11 may swallow a cancellation while connecting
            listening.cancel()
            await asyncio.wait({listening}, timeout=_LAST_WORDS_S + 0.5)
        if self._session is not None:
            await self._session.aclose()

    async def _listen(self) -> None:
        while True:
            self._session = session = self._new_session()
            begun_s = time.monotonic()
            pause_s = min(max(self._settings.every_s, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S)
            try:
                await self._stay(session)
            except SourceError as error:
                self._reason = str(error)
                if isinstance(error, SourceRefused):
                    pause_s = _REFUSED_PAUSE_S
                elif session.is_open and time.monotonic() - begun_s > pause_s:
                    pause_s = _SHORTEST_PAUSE_S  # it stood for a while: most likely it will again
            except Exception as error:  # a fault of ours must not end the listening
                log.exception("the tap failed in an unexpected way")
                self._reason = _unexpected("listening", error)
            self._lose(session)
            await session.aclose()
            await self._rest(pause_s)

    def _new_session(self) -> TapSession:
        return TapSession(
            self._settings,
            self._target,
            on_full=self._hand_over,
            pending_msgs=self._limits.pending_msgs,
            full_at=self._limits.full_at,
        )

    async def _stay(self, session: TapSession) -> None:
        """Listen until the connection is lost."""
        try:
            await session.open()
            self._begin(session)
            while True:
                await session.complete(after_s=self._limits.flush_s)
                self._hand_over(session)
        except asyncio.CancelledError:
            if session.is_open:
                await self._last_words(session)
            raise

    async def _last_words(self, session: TapSession) -> None:
        try:
            async with asyncio.timeout(_LAST_WORDS_S):
                await session.complete(after_s=0)
            self._hand_over(session, is_last=True)
        except (SourceError, TimeoutError) as error:
            self._reason = str(error) or "no answer in time when the watch ended"
            self._lose(session)

    def _begin(self, session: TapSession) -> None:
        """The subscriptions stand from now on."""
        at = now_ns()
        if self._unseen_since is not None:
            span = f"not subscribed from {_clock(self._unseen_since)} to {_clock(at)}"
            self._tell(at, failure=f"{span}: {self._reason}")
            self._unseen_since = None
            at += 1
        self._spoken_at = at
        self._tell(at, remark=session.remark)

    def _hand_over(self, session: TapSession, *, is_last: bool = False) -> None:
        """All was well when the server was asked: tell, if there is something or it is time to."""
        if not session.is_open:
            return  # whether it may listen at all is not known yet
        heard, at = session.take(), max(session.complete_at, self._spoken_at + 1)
        if heard and self._queued - self._handed_on + len(heard) > self._limits.held_at_most:
            heard = Heard(dropped=heard.dropped + len(heard), body_bytes=heard.body_bytes)
        if heard.dropped:
            at = now_ns()
            self._tell(
                at,
                failure=f"{heard.dropped} messages were dropped here because this process was too "
                f"slow; acknowledgements since {_clock(self._spoken_at)} may be among them. Give "
                "this machine less to do, or listen on another one",
            )
            at += 1
        is_due = time.monotonic() - self._told_at_s >= self._beat_s - self._limits.flush_s / 2
        if heard or heard.dropped or is_due or is_last:
            self._tell(at, remark=session.remark, heard=heard)

    def _lose(self, session: TapSession) -> None:
        """It is over: what had come in is kept, but nobody knows whether it was all."""
        if session.is_open and self._unseen_since is None:
            self._unseen_since = self._spoken_at
            self._failed_at_s = -_LONG_AGO_S
        self._fail()
        heard = session.take()
        if heard and session.is_open:
            self._tell(self._spoken_at + 1, remark=session.remark, heard=heard)
            self._failed_at_s = -_LONG_AGO_S  # the last word on it must not be that one

    async def _rest(self, pause_s: float) -> None:
        """Wait before the next try, and say meanwhile that nothing is seen."""
        end_s = time.monotonic() + pause_s
        while (left_s := end_s - time.monotonic()) > 0:
            await asyncio.sleep(min(left_s, self._beat_s))
            self._fail()

    def _fail(self) -> None:
        """Say that nothing is seen, unless it was said just now."""
        if time.monotonic() - self._failed_at_s < self._beat_s:
            return
        self._failed_at_s = time.monotonic()
        since = self._unseen_since
        told = "" if since is None else f"not subscribed since {_clock(since)}: "
        self._tell(now_ns(), failure=told + self._reason)

    def _tell(
        self,
        at: int,
        *,
        failure: str | None = None,
        remark: str | None = None,
        heard: Heard | None = None,
    ) -> None:
        told = _Told(at, self._spoken_at, failure, remark, Heard() if heard is None else heard)
        self._spoken_at, self._told_at_s = at, time.monotonic()
        self._queued += len(told.heard)
        self._queue.put(told)

    def _hand_on(self) -> None:
        trouble: str | None = None
        while (told := self._queue.get()) is not None:
            if trouble is not None:
                self._give(_Told(told.at - 1, told.since, failure=trouble).reading())
            try:
                trouble = self._give(told.reading())
            except Exception as error:  # a fault of ours must not end the handing on
                log.exception("what the tap heard could not be taken in")
                trouble = _unexpected("taking in what was heard", error)
            self._handed_on += len(told.heard)

    def _give(self, reading: Reading) -> str | None:
        try:
            self._deliver(reading)
        except Exception as error:
            log.exception("a reading of the tap could not be handed on")
            return _unexpected("handing on what was heard", error)
        return None


def _unexpected(what: str, error: Exception) -> str:
    return f"{what} failed in an unexpected way ({type(error).__name__}); see the log"


def _clock(instant: int) -> str:
    return f"{to_datetime(instant):%Y-%m-%d %H:%M:%S} UTC"
