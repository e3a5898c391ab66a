"""A command of ``ami-console`` whose every request, socket and program is written down."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson

from ami_console.demo.members import python_environment
from benchmarks.wire.overheard import LOOPBACK, Overheard, Request
from benchmarks.wire.said import Http, Nats, Reader, Redis

SERVERS: Mapping[str, tuple[str, Callable[[], Reader]]] = {
    "ANTENNA_URL": ("Antenna", Http),
    "NATS_MONITOR_URL": ("NATS monitoring", Http),
    "NATS_URL": ("NATS", Nats),
    "REDIS_URL": ("Redis", Redis),
    "RABBITMQ_URL": ("RabbitMQ", Http),
    "CELERY_REDIS_URL": ("Celery's Redis", Redis),
}
"""Setting → the server's name in the list of allowed requests, and what understands its clients."""

ENDLESS = frozenset({"record", "serve"})
"""Commands that go on until Ctrl-C."""

END_WITHIN_S = 60.0
_SAMPLE_EVERY_S = 0.05
_ESTABLISHED, _LISTENING = "01", "0A"


@dataclass(slots=True)
class Watched:
    """What a command did.

    Attributes:
        code: Its exit code.
        out: What it printed.
        requests: What it said to servers, in order.
        connections: Server → how often it connected.
        connected_to: Address and port of everything it connected to.
        events: Audit events that lead out of a process, other than connections.
    """

    code: int = 0
    out: str = ""
    requests: Sequence[Request] = ()
    connections: Mapping[str, int] = field(default_factory=dict)
    connected_to: set[tuple[str, int]] = field(default_factory=set)
    events: list[tuple[str, str]] = field(default_factory=list)


class Wire:
    """Proxies in front of all servers that an environment names.

    Attributes:
        environment: The same environment, by way of the proxies.
        ports: Ports of the proxies.
    """

    def __init__(self, overheard: Overheard, environment: Mapping[str, str]) -> None:
        self._overheard = overheard
        self._process: subprocess.Popen[str] | None = None
        self.environment = dict(environment)
        self.ports: set[int] = set()
        for setting, (server, reads) in SERVERS.items():
            variable = f"AMI_CONSOLE_{setting}"
            parts = urlsplit(environment.get(variable, ""))
            if parts.port is None:
                continue
            port = overheard.between(server, parts.port, reads)
            self.ports.add(port)
            login, at, _ = parts.netloc.rpartition("@")
            changed = parts._replace(netloc=f"{login}{at}{LOOPBACK}:{port}")
            self.environment[variable] = urlunsplit(changed)

    @property
    def requests(self) -> Sequence[Request]:
        """What the running command has said so far."""
        return self._overheard.requests

    @property
    def is_running(self) -> bool:
        """Whether a command runs."""
        return self._process is not None and self._process.poll() is None

    def run(
        self,
        command: Sequence[str],
        *,
        factor: float = 1.0,
        settings: Mapping[str, str] | None = None,
        meanwhile: Callable[[], None] = lambda: None,
        folder: Path,
        ends_within_s: float = END_WITHIN_S,
    ) -> Watched:
        """Run a command to its end, which is Ctrl-C after ``meanwhile`` for those that go on.

        Args:
            command: Behind ``ami-console``.
            factor: By how much the pauses between looks are compressed.
            settings: More settings, without their prefix; an empty one is an empty one.
            meanwhile: What to do or to wait for while it runs.
            folder: Where it runs.
            ends_within_s: How long after ``meanwhile`` it may go on, seconds.
        """
        log = folder / f"audit-{command[0]}.jsonl"
        log.unlink(missing_ok=True)
        given = {f"AMI_CONSOLE_{name}": value for name, value in (settings or {}).items()}
        self._overheard.forget()
        program = [sys.executable, "-m", "benchmarks.wire.audited", str(log), f"{factor:g}"]
        self._process = process = subprocess.Popen(  # noqa: S603 - ours
            [*program, *command],
            env=python_environment({**self.environment, **given}),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        seen: set[tuple[str, int]] = set()
        with _sampled(process.pid, seen):
            try:
                meanwhile()
                if command[0] in ENDLESS and process.poll() is None:
                    process.send_signal(signal.SIGINT)
                out, _ = process.communicate(timeout=ends_within_s)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.communicate()
        connected, events = _audited(log)
        return Watched(
            code=process.returncode,
            out=out,
            requests=self._overheard.requests,
            connections=self._overheard.connections,
            connected_to=connected | seen,
            events=events,
        )


@contextmanager
def wired(environment: Mapping[str, str], **more: str) -> Iterator[Wire]:
    """Proxies in front of the servers of an environment.

    Args:
        environment: ``AMI_CONSOLE_`` variables.
        more: More settings, without their prefix.
    """
    given = {f"AMI_CONSOLE_{name}": value for name, value in more.items()}
    with Overheard() as overheard:
        yield Wire(overheard, {**environment, **given})


def _audited(log: Path) -> tuple[set[tuple[str, int]], list[tuple[str, str]]]:
    """Where it connected to, and all else that the audit hook saw."""
    connected: set[tuple[str, int]] = set()
    events: list[tuple[str, str]] = []
    for line in log.read_bytes().splitlines():
        told = orjson.loads(line)
        event, given = told["event"], told["given"]
        match = re.match(r"\('([^']+)', (\d+)", given[0]) if given else None
        if event == "socket.connect" and match:
            connected.add((match[1], int(match[2])))
        else:
            events.append((event, ", ".join(given)))
    return connected, events


@contextmanager
def _sampled(pid: int, seen: set[tuple[str, int]]) -> Iterator[None]:
    """Add what the kernel says a process is connected to, every now and then, where it tells.

    A library in C may open a socket that Python's audit hooks do not see.
    """
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(_SAMPLE_EVERY_S):
            seen.update(remote_ends(pid))

    thread = threading.Thread(target=sample, name="sampled")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def remote_ends(pid: int) -> set[tuple[str, int]]:
    """Where a process's TCP connections lead to, by Linux's ``/proc``; not those to its own ports.

    Empty where there is no ``/proc``.
    """
    inodes = set()
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = os.readlink(link)
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        tables = [Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    except OSError:
        return set()
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    ours = [row for row in rows if row[9] in inodes]
    listening = {row[1].rpartition(":")[2] for row in ours if row[3] == _LISTENING}
    return {
        _end(row[2])
        for row in ours
        if row[3] == _ESTABLISHED and row[1].rpartition(":")[2] not in listening
    }


def _end(told: str) -> tuple[str, int]:
    """``0100007F:1F90`` is 127.0.0.1, port 8080; a longer address stays as it stands there."""
    address, _, port = told.rpartition(":")
    if len(address) == 8:
        address = ".".join(str(each) for each in reversed(bytes.fromhex(address)))
    return address, int(port, 16)


@contextmanager
def rabbit_stand_in() -> Iterator[str]:
    """A server that answers as RabbitMQ's management API does; its address, a login included."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            queues = [{"name": name, "messages_ready": 0} for name in ("antenna", "jobs")]
            body = orjson.dumps(
                {"items": queues, "name": "ami", "tags": ["management"], "rabbitmq_version": "3.13"}
            )
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Answers)
    thread = threading.Thread(target=server.serve_forever, name="rabbit")
    thread.start()
    try:
        yield f"http://ami:secret@{LOOPBACK}:{server.server_address[1]}/antenna"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
