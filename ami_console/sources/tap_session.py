"""One connection of the tap: what it subscribes to, what came in, and whether all of it did."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from ami_console.batch import Batch
from ami_console.errors import SourceError
from ami_console.instants import now_ns
from ami_console.reading import Row
from ami_console.settings import Settings
from ami_console.sources.broker import close, connect, nats_error
from ami_console.sources.failures import Target
from ami_console.sources.tap_columns import HEAD_BYTES, HeldAcks
from ami_console.sources.tap_rows import advisory_row

ACKS = "$JS.ACK.>"
ADVISORIES = ("$JS.EVENT.ADVISORY.CONSUMER.>", "$JS.EVENT.ADVISORY.STREAM.>")

PENDING_MSGS = 1 << 20
PENDING_BYTES = 256 << 20
"""What nats-py may queue in front of our callbacks before it drops. They only append, so the queue
is as long as what one read of the socket brings: a million would be seconds of the highest rate."""

FULL_AT = 1 << 16
"""Messages that are held before they are handed on, however short the time since the last."""

ANSWER_S = 5.0
"""How long the server may keep silent when it is asked whether it is there, seconds."""

_EVER_S = 1e6


@dataclass(slots=True)
class Heard:
    """What came in since the last time.

    Attributes:
        acks: Acknowledgements, of whatever stream.
        advisories: Subject, body, and when it was received (ns since the epoch).
        dropped: Messages that nats-py dropped because we did not keep up.
        body_bytes: Size of all bodies.
    """

    acks: HeldAcks = field(default_factory=HeldAcks)
    advisories: list[tuple[str, bytes, int]] = field(default_factory=list)
    dropped: int = 0
    body_bytes: int = 0

    @property
    def bytes(self) -> int:
        """Size of all subjects and bodies."""
        advised = sum(len(subject) for subject, _, _ in self.advisories)
        return sum(map(len, self.acks.subjects)) + advised + self.body_bytes

    def __len__(self) -> int:
        return len(self.acks) + len(self.advisories)

    def rows(self) -> dict[str, Batch]:
        """Frame → rows of ``job_N`` streams; without the frames that have none."""
        advised: list[Row] = []
        for subject, body, received_at in self.advisories:
            row = advisory_row(subject, body.decode("utf-8", "replace"), observed_at=received_at)
            if row is not None:
                advised.append(row)
        found = {"acks": self.acks.batch(), "advisories": Batch.from_rows(advised)}
        return {name: batch for name, batch in found.items() if len(batch)}


class TapSession:
    """From connecting to the loss of the connection, on one asyncio loop.

    Attributes:
        is_open: Whether the subscriptions stand.
        complete_at: All that the server had for us then is known to be here, ns since the epoch.
    """

    def __init__(
        self,
        settings: Settings,
        target: Target,
        *,
        on_full: Callable[["TapSession"], None],
        pending_msgs: int = PENDING_MSGS,
        full_at: int = FULL_AT,
    ) -> None:
        """Nothing is opened yet.

        Args:
            settings: Address and login.
            target: For messages.
            on_full: Called when so much is held that it should be taken now.
            pending_msgs: See :data:`PENDING_MSGS`.
            full_at: See :data:`FULL_AT`.
        """
        self.is_open = False
        self.complete_at = 0
        self._settings, self._target = settings, target
        self._on_full = on_full
        self._pending_msgs, self._full_at = pending_msgs, full_at
        self._client: Client | None = None
        self._heard = Heard()
        self._body_bytes_told = 0
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pong: asyncio.Task[float] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._problem: Exception | None = None
        self._refused: list[str] = []

    async def open(self) -> None:
        """Connect, subscribe, and wait until the server has said yes or no to all of it.

        Raises:
            SourceError: No connection, or no right to see acknowledgements.
        """
        try:
            self._client = await connect(
                self._settings,
                self._target,
                on_error=self._on_error,
                on_closed=self._on_closed,
                limit_s=ANSWER_S,
            )
            for subject in (ACKS, *ADVISORIES):
                await self._client.subscribe(
                    subject,
                    cb=self._on_ack if subject == ACKS else self._on_advisory,
                    pending_msgs_limit=self._pending_msgs,
                    pending_bytes_limit=PENDING_BYTES,
                )
        except (errors.Error, OSError) as error:
            raise nats_error(self._target, error) from None
        # A refusal comes by itself, and before the answer to what is asked after it.
        await self.complete(after_s=0)
        self.is_open = True

    async def complete(self, *, after_s: float) -> None:
        """Wait, then until all that the server had for us at that time is here: ``complete_at``.

        Args:
            after_s: How long to wait first, seconds.

        Raises:
            SourceError: The subscriptions are gone, or the server keeps silent.
            Exception: A fault of our own.
        """
        assert self._client is not None  # noqa: S101
        if after_s:
            await asyncio.wait({self._ended}, timeout=after_s)
        self._check()
        # What a slow loop reads late was true when it was asked, not when it is read.
        asked_at = now_ns()
        # flush() does not ask when nats-py's reader has died; rtt() does.
        self._pong = asyncio.create_task(self._client.rtt(timeout=_EVER_S))  # type: ignore[arg-type]
        waiting: set[asyncio.Future[Any]] = {self._pong, self._ended}
        while not self._pong.done():
            in_msgs = self._client.stats["in_msgs"]
            await asyncio.wait(waiting, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
            self._check()
            # The answer comes behind all that is on its way: while that comes in, all is well.
            if not self._pong.done() and self._client.stats["in_msgs"] == in_msgs:
                raise self._target.unreachable("no answer in time")
        try:
            self._pong.result()
        except (errors.Error, OSError) as error:
            raise nats_error(self._target, error) from None
        self.complete_at = asked_at

    def take(self) -> Heard:
        """What came in since the last time; it is forgotten here."""
        heard, self._heard = self._heard, Heard()
        if self._client is not None:
            body_bytes = self._client.stats["in_bytes"]
            heard.body_bytes = body_bytes - self._body_bytes_told
            self._body_bytes_told = body_bytes
        return heard

    @property
    def remark(self) -> str | None:
        """What is not seen although acknowledgements are; ``None``: everything is seen."""
        if not self._refused:
            return None
        return f"advisories are not seen: {self._refusal([*dict.fromkeys(self._refused)])}"

    async def aclose(self) -> None:
        """Close the connection; being cancelled meanwhile does not leave it half open."""
        self.is_open = False
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._client is not None:
            await close(self._client)
        if self._pong is not None:  # not before: nats-py's reader stumbles over an answer too late
            self._pong.cancel()

    async def _on_ack(self, message: Msg) -> None:
        acks = self._heard.acks
        acks.subjects.append(message.subject)
        acks.heads.append(message.data[:HEAD_BYTES])
        acks.received_at.append(now_ns())
        if len(acks.subjects) >= self._full_at:
            self._on_full(self)

    async def _on_advisory(self, message: Msg) -> None:
        self._heard.advisories.append((message.subject, message.data, now_ns()))
        if len(self._heard.advisories) >= self._full_at:
            self._on_full(self)

    async def _on_error(self, error: Exception) -> None:
        if isinstance(error, errors.SlowConsumerError):
            self._heard.dropped += 1
            return
        told = str(error)
        refused = [subject for subject in (ACKS, *ADVISORIES) if subject.lower() in told.lower()]
        if isinstance(error, errors.Error) and refused:
            self._refused += refused
            if ACKS not in refused:
                return
            self._problem = self._refusal(refused)
        elif self._problem is None:  # what went wrong first is why
            self._problem = error
        if not isinstance(error, errors.Error | OSError) or refused:
            self._end()  # else the connection ends by itself

    async def _on_closed(self) -> None:
        self._end()

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _check(self) -> None:
        if not self._ended.done():
            return
        problem = self._problem or (self._client.last_error if self._client else None)
        if isinstance(problem, SourceError):
            raise problem
        if problem is None or isinstance(problem, errors.Error | OSError):
            raise nats_error(self._target, problem or errors.ConnectionClosedError()) from None
        raise problem

    def _refusal(self, subjects: list[str]) -> SourceError:
        listed = " and ".join(subjects)
        return self._target.refused(
            f"this login may not subscribe to {listed}", "allow it that, and nothing else is needed"
        )
