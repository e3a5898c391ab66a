"""Proxies between a program and its servers, which write down what the program says."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.wire.said import Reader

LOOPBACK = "127.0.0.1"
_ENDS_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """Something that a client said.

    Attributes:
        server: To whom.
        said: See :mod:`benchmarks.wire.said`.
        at_s: When, on the monotonic clock, seconds.
    """

    server: str
    said: str
    at_s: float


class Overheard:
    """Passes connections on to servers, and writes down what clients say on them.

    A context manager; :meth:`between` opens one more ear.
    """

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._connections: dict[str, int] = {}
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="overheard")
        self._servers: list[asyncio.Server] = []
        self._passing: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_ENDS_WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def between(self, server: str, port: int, reads: Callable[[], Reader]) -> int:
        """Listen in front of a server on the loopback.

        Args:
            server: What to call it.
            port: Where it listens.
            reads: What understands its clients.

        Returns:
            The port for clients.
        """
        opened = self._open(server, port, reads)
        return asyncio.run_coroutine_threadsafe(opened, self._loop).result(_ENDS_WITHIN_S)

    @property
    def requests(self) -> Sequence[Request]:
        """All that was said since :meth:`forget`."""
        with self._lock:
            return tuple(self._requests)

    @property
    def connections(self) -> dict[str, int]:
        """Server → how often somebody connected to it since :meth:`forget`."""
        with self._lock:
            return dict(self._connections)

    def forget(self) -> None:
        """Begin anew: another program is listened to."""
        with self._lock:
            self._requests.clear()
            self._connections.clear()

    async def _open(self, server: str, port: int, reads: Callable[[], Reader]) -> int:
        async def serve(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101
            self._passing.add(task)
            with self._lock:
                self._connections[server] = self._connections.get(server, 0) + 1
            try:
                behind, to_behind = await asyncio.open_connection(LOOPBACK, port)
                heard = self._hear(server, client, to_behind, reads())
                await asyncio.gather(heard, _pass_on(behind, to_client))
            except (OSError, asyncio.CancelledError):
                pass  # the server is away, or we are done
            finally:
                to_client.transport.abort()
                self._passing.discard(task)

        opened = await asyncio.start_server(serve, LOOPBACK, 0)
        self._servers.append(opened)
        return int(opened.sockets[0].getsockname()[1])

    async def _hear(
        self,
        server: str,
        client: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        reader: Reader,
    ) -> None:
        try:
            while chunk := await client.read(65536):
                self._note(server, list(reader.feed(chunk)))
                to_server.write(chunk)
                await to_server.drain()
        except OSError:
            pass
        finally:
            self._note(server, list(reader.rest()))
            to_server.transport.abort()

    def _note(self, server: str, said: Sequence[str]) -> None:
        at_s = time.monotonic()
        with self._lock:
            self._requests += [Request(server, text, at_s) for text in said]

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._passing):
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)
        await asyncio.sleep(0)  # aborted connections are closed by the loop


async def _pass_on(server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await server.read(65536):
            to_client.write(chunk)
            await to_client.drain()
    to_client.close()
