"""A TCP proxy that spoils what a server says: late, garbled, cut off, or swallowed.

It stands between the console and one server, so that the server and its other clients stay well.
"""

import asyncio
import contextlib
import itertools
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Self

from ami_console.demo.processes import LOOPBACK

Spoiled = Literal["slow", "garbage", "cut", "swallowed"]

SLOW_S = 5.0
"""How late a slow server's answers are, seconds."""

CUTS_BYTES = (0, 12, 150, 500, 900)
"""So many bytes of its answers a connection still brings before it breaks, in turn."""

PORTAL = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 44\r\n\r\n"
    b"<html><body>Sign in to Wi-Fi</body></html>\r\n"
)
"""What a network that wants a login first says in everybody's place."""

_CHUNK_BYTES = 65_536


@dataclass(eq=False)
class _Link:
    """One connection through the proxy.

    Attributes:
        number: How many were before it.
        is_lost: Whether nothing gets through any more, for ever and without a word.
        left_bytes: So many bytes of answers until it breaks; ``None``: it does not.
    """

    number: int
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_lost: bool = False
    left_bytes: int | None = None
    late: asyncio.Queue[tuple[float, bytes]] = field(default_factory=asyncio.Queue)

    def breaks(self) -> None:
        """Both ends are closed: half of the connections in order, the others by a reset."""
        for writer in (self.client, self.server):
            writer.transport.abort() if self.number % 2 else writer.close()


class Proxy:
    """In front of one port of this machine; a context manager.

    Attributes:
        port: Where it listens.
        spoiled: What it does to answers just now; ``None``: it hands them on as they are.
    """

    def __init__(self, behind: int) -> None:
        """Nothing listens yet.

        Args:
            behind: Port of the server.
        """
        self.port = 0
        self.spoiled: Spoiled | None = None
        self._behind = behind
        self._links: set[_Link] = set()
        self._numbers, self._cuts = itertools.count(), itertools.cycle(CUTS_BYTES)
        self._noise = random.Random(7)  # noqa: S311  (noise that is the same each time)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        listen = asyncio.start_server(self._serve, LOOPBACK, 0)
        self._server = asyncio.run_coroutine_threadsafe(listen, self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def open_links(self) -> int:
        """Connections through it that neither side has closed."""
        return len(self._links)

    @contextlib.contextmanager
    def spoiling(self, how: Spoiled) -> Iterator[None]:
        """Spoil answers as long as this lasts, also of connections that stand already."""
        self.spoiled = how
        self._loop.call_soon_threadsafe(self._begin, how)
        try:
            yield
        finally:
            self.spoiled = None

    def _begin(self, how: Spoiled) -> None:
        for link in self._links:
            self._spoil(link, how)

    def _spoil(self, link: _Link, how: Spoiled) -> None:
        link.is_lost = how == "swallowed"
        link.left_bytes = next(self._cuts) if how == "cut" else None

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_forever()
            self._loop.run_until_complete(self._end())

    async def _end(self) -> None:
        self._server.close()
        for link in self._links:
            link.client.transport.abort()
            link.server.transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, asked: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            answers, server = await asyncio.open_connection(LOOPBACK, self._behind)
        except OSError:
            client.transport.abort()
            return
        link = _Link(next(self._numbers), client, server)
        self._links.add(link)
        if self.spoiled is not None:
            self._spoil(link, self.spoiled)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(asked, link))
                group.create_task(self._backward(answers, link))
                group.create_task(_hand_on_late(link))
        except* (_EndedError, OSError):
            pass
        finally:
            self._links.discard(link)
            client.close()
            server.close()

    async def _forward(self, asked: asyncio.StreamReader, link: _Link) -> None:
        while chunk := await asked.read(_CHUNK_BYTES):
            if not link.is_lost:
                link.server.write(chunk)
                await link.server.drain()
        raise _EndedError

    async def _backward(self, answers: asyncio.StreamReader, link: _Link) -> None:
        while chunk := await answers.read(_CHUNK_BYTES):
            if link.is_lost:
                continue
            said = chunk
            if self.spoiled == "garbage":
                said = PORTAL if link.number % 2 else self._noise.randbytes(len(chunk))
            if self.spoiled == "cut" and link.left_bytes is not None:
                said = said[: link.left_bytes]
                link.left_bytes -= len(said)
            late_s = SLOW_S if self.spoiled == "slow" else 0.0
            link.late.put_nowait((self._loop.time() + late_s, said))
            if self.spoiled == "cut" and link.left_bytes == 0:
                await link.late.join()
                link.breaks()
        if link.is_lost:
            await asyncio.Event().wait()  # even the server's farewell does not get through
        await link.late.join()
        raise _EndedError


class _EndedError(Exception):
    """One side has closed."""


async def _hand_on_late(link: _Link) -> None:
    """Answers in their order, each when it is due."""
    loop = asyncio.get_running_loop()
    while True:
        due, said = await link.late.get()
        await asyncio.sleep(max(0.0, due - loop.time()))
        try:
            link.client.write(said)
            await link.client.drain()
        finally:
            link.late.task_done()
