"""Settings for a test, slices of recordings, and a small HTTP server that answers as told."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets

from ami_console.settings import Settings

DATA = Path(__file__).parents[1] / "data" / "sources"


@pytest.fixture
def recorded() -> Callable[[str], Any]:
    """``recorded(name)``: a slice of a recording of the real backend."""
    return lambda name: json.loads((DATA / f"{name}.json").read_text())


@pytest.fixture
def settings_of() -> Callable[..., Settings]:
    """``settings_of(server.environment(), NATS_TOKEN="x")``: settings, and nothing of this desk."""

    def make(*environments: Mapping[str, str], **more: str) -> Settings:
        merged = {key: value for each in environments for key, value in each.items()}
        merged |= {f"AMI_CONSOLE_{key}": value for key, value in more.items()}
        return Settings.from_environment(merged, dotenv=None)

    return make


Script = Callable[[HTTPServerRequest], Awaitable[tuple[int, Mapping[str, str], bytes] | None]]


@dataclass
class HttpStandIn:
    """An HTTP server whose answers the test writes.

    Attributes:
        url: Its address.
        asked: Path and query of each question, in order.
        headers: Headers of each question.
        script: Answers a question with status, headers and body; ``None`` closes mid-answer.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    script: Script | None = None

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def answer(self, status: int, body: object, **headers: str) -> None:
        """From now on, answer everything with this."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()

        async def script(_: HTTPServerRequest) -> tuple[int, Mapping[str, str], bytes]:
            return status, {key.replace("_", "-"): text for key, text in headers.items()}, content

        self.script = script


@pytest_asyncio.fixture
async def http_stand_in() -> AsyncIterator[HttpStandIn]:
    """A real HTTP server on the loopback, see :class:`HttpStandIn`."""
    stand_in = HttpStandIn()
    tasks: set[asyncio.Task[None]] = set()

    async def respond(request: HTTPServerRequest) -> None:
        assert stand_in.script is not None
        answer = await stand_in.script(request)
        status, headers, body = answer or (200, {"Content-Length": "1000"}, b'{"id": 3, "sta')
        lines = [f"HTTP/1.1 {status} Said"]
        lines += [f"{key}: {text}" for key, text in headers.items()]
        if "Content-Length" not in headers:
            lines.append(f"Content-Length: {len(body)}")
        stream = request.connection.detach()
        await stream.write(("\r\n".join(lines) + "\r\nConnection: close\r\n\r\n").encode() + body)
        stream.close()

    def handle(request: HTTPServerRequest) -> None:
        stand_in.asked.append(request.uri or "")
        stand_in.headers.append(dict(request.headers))
        task = asyncio.ensure_future(respond(request))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(handle)
    server.add_sockets(sockets)
    stand_in.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    yield stand_in
    for task in list(tasks):
        task.cancel()
    server.stop()
    await server.close_all_connections()
