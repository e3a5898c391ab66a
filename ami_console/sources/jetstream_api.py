"""JetStream API requests, many at once over one inbox, answers as raw JSON.

Every request leaves an advisory on the broker (about 1.4 kB, stored where Antenna keeps its
advisories), so only jobs that matter are asked about.
"""

import asyncio
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from ami_console.errors import SourceError, SourceUnreachable
from ami_console.instants import NS_PER_S, from_rfc3339, now_ns
from ami_console.settings import Settings
from ami_console.sources.broker import close, connect, nats_error, nats_target
from ami_console.sources.consumer_rows import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND
from ami_console.sources.values import integer, items, mapping

_AT_ONCE = 256
_LIMIT_S = 30.0
_MOST_NAMES = 1_000_000  # a server that gives page after page for ever is not followed


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiReply:
    """One reply.

    Attributes:
        body: The JSON object; ``error`` in it says that there is no such stream or consumer.
        size_bytes: Size of the reply.
        sent_at: When the request left, ns since the epoch.
        received_at: When the reply was in, ns since the epoch.
    """

    body: Mapping[str, Any]
    size_bytes: int
    sent_at: int
    received_at: int


class JetstreamApi:
    """Asks the JetStream API. Connects at the first question, and anew after a failure."""

    def __init__(self, settings: Settings) -> None:
        self.target = nats_target(settings)
        self._settings = settings
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._inbox = ""
        # No token is ever used twice: a reply that comes after its question was given up finds
        # nobody, instead of answering the next question.
        self._tokens = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[tuple[int, Msg]]] = {}
        self._connections = itertools.count(1)
        self._connection = 0
        self._closing: set[asyncio.Task[None]] = set()

    async def ask(self, questions: Iterable[tuple[str, bytes]]) -> list[ApiReply]:
        """Ask all, 256 at a time; replies in the order of the questions.

        Without a question, only whether NATS answers.

        Args:
            questions: Subject behind ``$JS.API.`` and payload.

        Raises:
            SourceError: No answer, or one that is neither what was asked for nor "not found".
        """
        held = list(questions)
        client = self._client
        try:
            return await self._ask(held)
        except SourceUnreachable:
            if client is None or (client is self._client and client.is_connected):
                raise
            # The connection that was kept from the last look has died: ask on a new one.
            return await self._ask(held)

    async def _ask(self, questions: list[tuple[str, bytes]]) -> list[ApiReply]:
        asked: list[tuple[int, asyncio.Future[tuple[int, Msg]]]] = []
        tokens: list[str] = []
        window = asyncio.Semaphore(_AT_ONCE)
        try:
            async with asyncio.timeout(_LIMIT_S):
                client = await self._connected()
                for subject, payload in questions:
                    await window.acquire()
                    token = f"{next(self._tokens):x}"
                    future = asyncio.get_running_loop().create_future()
                    future.add_done_callback(lambda _: window.release())
                    self._waiting[token] = future
                    tokens.append(token)
                    asked.append((now_ns(), future))
                    await client.publish(f"$JS.API.{subject}", payload, f"{self._inbox}.{token}")
                if not asked:
                    await client.flush()
                answers = await asyncio.gather(*(future for _, future in asked))
        except TimeoutError:
            self._drop()
            raise self.target.unreachable("no answer in time") from None
        except asyncio.CancelledError:
            self._drop()
            raise
        except (errors.Error, OSError) as error:
            refusals = (future.exception() for _, future in asked if future.done())
            refusal = next((each for each in refusals if isinstance(each, SourceError)), None)
            raise refusal or nats_error(self.target, error) from None
        finally:
            for token in tokens:
                self._waiting.pop(token, None)
            for _, future in asked:
                if not future.cancel() and not future.cancelled():
                    future.exception()  # seen: nobody needs to hear of it again
        return [
            self._reply(message, sent_at=sent_at, received_at=received_at)
            for (sent_at, _), (received_at, message) in zip(asked, answers, strict=True)
        ]

    async def stream_names(self, subject_filter: str) -> tuple[list[str], list[ApiReply]]:
        """Names of all streams with a subject below the filter, and the replies they came in."""
        names: list[str] = []
        replies: list[ApiReply] = []
        while True:
            payload = orjson.dumps({"offset": len(names), "subject": subject_filter})
            [reply] = await self.ask([("STREAM.NAMES", payload)])
            replies.append(reply)
            page = [name for name in items(reply.body.get("streams")) if isinstance(name, str)]
            names += page
            if len(names) > _MOST_NAMES:
                raise self.target.malformed(f"it names more than {_MOST_NAMES} streams")
            if not page or len(names) >= (integer(reply.body.get("total")) or 0):
                return names, replies

    async def aclose(self) -> None:
        """Close; the next question connects anew."""
        await self._close()
        await asyncio.gather(*self._closing)

    async def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await close(client)

    def _drop(self) -> None:
        """Think no more of a connection that is silent; the next question connects anew.

        It may stand for a quarter of an hour yet though nothing gets through: a router that was
        restarted, a laptop that slept.
        """
        client, self._client = self._client, None
        if client is None:
            return
        self._give_up(self.target.unreachable("no answer in time"))
        closing = asyncio.create_task(close(client))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None or not self._client.is_connected:
                await self._close()
                self._connection = number = next(self._connections)

                async def closed() -> None:
                    if number == self._connection:  # not one that we let go of
                        self._give_up(self.target.unreachable("it closed the connection"))

                client = await connect(
                    self._settings, self.target, on_error=self._on_error, on_closed=closed
                )
                try:
                    self._inbox = client.new_inbox()
                    await client.subscribe(f"{self._inbox}.*", cb=self._on_reply)
                except BaseException:
                    await close(client)
                    raise
                self._client = client
            return self._client

    async def _on_reply(self, message: Msg) -> None:
        future = self._waiting.pop(message.subject.rpartition(".")[2], None)
        if future is not None and not future.done():
            future.set_result((now_ns(), message))

    async def _on_error(self, error: Exception) -> None:
        # A refused publish or subscription is told here, and nowhere else: its request would
        # wait for an answer that never comes.
        self._give_up(nats_error(self.target, error))

    def _give_up(self, problem: SourceError) -> None:
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(problem)

    def _reply(self, message: Msg, *, sent_at: int, received_at: int) -> ApiReply:
        if not message.data and (message.headers or {}).get("Status") == "503":
            raise nats_error(self.target, errors.NoRespondersError())
        try:
            body = orjson.loads(message.data)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise self.target.malformed("a JetStream reply is no JSON object")
        self._check(body)
        return ApiReply(
            body=body, size_bytes=len(message.data), sent_at=sent_at, received_at=received_at
        )

    def _check(self, body: Mapping[str, Any]) -> None:
        error = mapping(body.get("error"))
        if not error or error.get("err_code") in (STREAM_NOT_FOUND, CONSUMER_NOT_FOUND):
            return
        code = integer(error.get("code"))
        said = f"JetStream answered {code}: {self.target.quote(error.get('description'))}"
        if code == 503:
            raise self.target.refused(said, "check that JetStream is enabled for this account")
        raise self.target.malformed(said)


def api_offset_s(replies: Iterable[ApiReply]) -> float | None:
    """The server's clock minus ours, seconds, by the reply that was back soonest."""
    timed = [(reply, at) for reply in replies if (at := from_rfc3339(reply.body.get("ts")))]
    if not timed:
        return None
    reply, at = min(timed, key=lambda each: each[0].received_at - each[0].sent_at)
    return (at - (reply.sent_at + reply.received_at) // 2) / NS_PER_S
