"""Secrets that are planted wherever there may be one, and how to find them in what was written.

Every secret holds one word that stands nowhere else, so that a part of one is found too.
"""

import base64
import gzip
import html
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

import pandas as pd

WORD = "pl4ntedw0rd"


def secret(what: str) -> str:
    """A secret that tells what it was planted as; with letters that a URL must encode."""
    return f"{WORD}-{what}:/@ %"


def plain_secret(what: str) -> str:
    """One of letters and digits, as a header or a path has it."""
    return f"{WORD}0{what}0123456789"


def _basic(what: str) -> str:
    return base64.b64encode(f"ann:{secret(what)}".encode()).decode()


SIGNED = (
    "https://bucket.s3.amazonaws.com/night/0001.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    f"&X-Amz-Credential=AKIA{plain_secret('key').upper()}%2F20261123"
    f"&X-Amz-Signature={plain_secret('signature')}"
)

NAMES = {
    41: f"Again: {SIGNED}",
    42: f"Lac, token={plain_secret('name')}",
    43: f"For redis://:{plain_secret('nameurl')}@redis:6379/1 and Bearer {plain_secret('bearer')}",
}
"""Names of jobs, into which somebody pasted too much."""

LOG_LINES = [
    f"GET {SIGNED} answered 403",
    f"headers: {{'Authorization': 'Token {plain_secret('token')}', 'Accept': '*/*'}}",
    f"Authorization: Basic {_basic('basic')}",
    f'{{\\"token\\": \\"{plain_secret("escaped")}\\"}} was refused',
    f'{{"password": "{plain_secret("json")}", "user": "ann"}}',
    f"connecting to amqp://ann:{quote(secret('amqp'), safe='')}@rabbit:5672//",
    f"retry with api_key={plain_secret('apikey')}; session={plain_secret('session')}",
    f"login?next=%2Fjobs%3Ftoken%3D{plain_secret('next')}",
    f"Set-Cookie: sessionid={plain_secret('cookie')}; HttpOnly",
    f"AWS_SECRET_ACCESS_KEY={plain_secret('aws')}",
    f"curl -H 'X-Api-Key: {plain_secret('header')}' http://x",
    f"ann@{plain_secret('mail')}.example.org uploaded",
]
"""Lines of a job's log that hold secrets of others."""


def environment(antenna: str, nats: str, redis: str, folder: Path) -> dict[str, str]:
    """Every setting that can hold a secret, with one in it.

    Args:
        antenna: Host and port of Antenna; RabbitMQ and the webhook are there too.
        nats: Of NATS.
        redis: Of Redis.
        folder: Where a credentials file is written to.
    """
    creds = folder / "nats.creds"
    creds.write_text(
        f"-----BEGIN NATS USER JWT-----\n{plain_secret('jwt')}\n------END NATS USER JWT------\n"
        f"-----BEGIN USER NKEY SEED-----\n{plain_secret('seed')}\n------END USER NKEY SEED------\n"
    )
    login = f"ann:{quote(secret('url'), safe='')}"
    given = {
        "ANTENNA_URL": f"http://{login}@{antenna}?token={plain_secret('query')}",
        "ANTENNA_TOKEN": plain_secret("antennatoken"),
        "ANTENNA_UI_URL": f"http://{login}@{antenna}/ui?token={plain_secret('uiquery')}",
        "NATS_URL": f"nats://{login}@{nats}",
        "NATS_USER": "ann",
        "NATS_PASSWORD": secret("natspassword"),
        "NATS_TOKEN": plain_secret("natstoken"),
        "NATS_MONITOR_URL": f"http://{login}@{antenna}?token={plain_secret('monitor')}",
        "REDIS_URL": f"redis://:{quote(secret('redis'), safe='')}@{redis}/0",
        "CELERY_REDIS_URL": f"redis://:{quote(secret('celery'), safe='')}@{redis}/1",
        "RABBITMQ_URL": f"http://{login}@{antenna}/vhost",
        "ALERT_WEBHOOK": f"http://{login}@{antenna}/services/{plain_secret('hook')}"
        f"?key={plain_secret('hookquery')}",
        "ALERT_COMMAND": f"sh -c 'echo $0 >&2; exit 1' {plain_secret('command')}",
        "LOGIN_USER": "ann",
        "LOGIN_PASSWORD": secret("login"),
        "COOKIE_SECRET": plain_secret("cookiesecret") * 3,
    }
    return {f"AMI_CONSOLE_{name}": value for name, value in given.items()} | {
        "CREDS_FILE": str(creds)
    }


# What base64 makes of the word, whatever stands before it: six letters of it are always the same.
_ENCODED = [
    base64.b64encode(b"\0" * shift + WORD.encode()).decode().rstrip("=")[(1, 2, 3)[shift] : -2]
    for shift in range(3)
]
_SEARCHED = re.compile(
    "|".join([WORD, WORD[::-1], WORD.encode().hex(), *map(re.escape, _ENCODED)]), re.IGNORECASE
)


def leaks(written: str | bytes) -> list[str]:
    """Where a planted secret stands in what was written, each with what is around it.

    It is found as it is, in parts of a URL, in HTML, in base64, in hex, backwards, and broken
    over lines.

    Args:
        written: Anything.
    """
    text = written.decode("utf-8", "replace") if isinstance(written, bytes) else written
    forms = [text, re.sub(r"[\s│|]+", "", text), unquote_plus(html.unescape(text))]
    forms.append(re.sub(r"\s+", "", unquote(forms[-1])))
    return [
        form[max(0, found.start() - 40) : found.end() + 30]
        for form in forms
        for found in _SEARCHED.finditer(form)
    ]


def leaks_in(folder: Path) -> list[str]:
    """The same of every file below a folder: its name, its bytes, and what they unpack to.

    Args:
        folder: Such as a recording.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        held = [str(path.relative_to(folder)).encode()]
        if path.is_file():
            held += _unpacked(path)
        found += [f"{path.name}: {each}" for content in held for each in leaks(content)]
    return found


def _unpacked(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    yield content
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    if content[:4] == b"PAR1":
        yield pd.read_parquet(path).to_json(date_format="iso").encode()


@dataclass
class Antenna:
    """A web server on the loopback that plays Antenna, RabbitMQ or a chat, and repeats much.

    Attributes:
        names: Number of a job → its name.
        lines: Of the log of each job.
        mood: ``well`` answers; ``refuses`` says 401 and repeats what it was told; ``repeats``
            gives a page with all headers; ``redirects`` leads elsewhere with what it was told.
        asked: What it was asked: paths with their queries, headers, bodies.
        bodies: Of what was posted.
    """

    names: Mapping[int, str]
    lines: Sequence[str] = ()
    mood: str = "well"
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def answer(self, path: str, told: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer."""
        kind = {"Content-Type": "application/json", "X-Repeated": quote(told)[:900]}
        if self.mood == "refuses":
            return 401, kind, json.dumps({"detail": f"bad {told}"}).encode()
        if self.mood == "repeats":
            return 200, {"Content-Type": "text/html"}, f"<p>{html.escape(told)}</p>".encode()
        if self.mood == "redirects":
            return 302, {"Location": f"http://elsewhere.example/{quote(told)[:900]}"}, b""
        if path.startswith("/jsz"):
            return 200, kind, b"{}"
        found = re.search(r"/jobs/(\d+)/", path)
        if found is not None:
            body: Any = self.body(int(found[1]))
        elif "/jobs/" in path:
            wanted = "status=STARTED" in path or "ordering" in path
            body = {"results": [self.body(job) for job in self.names if wanted], "next": None}
        else:
            body = {}
        return 200, kind, json.dumps(body).encode()

    def body(self, job_id: int) -> dict[str, Any]:
        """A job as REST gives it."""
        name = self.names[job_id]
        stamped = [f"[2026-11-23 10:13:{n % 60:02d}] ERROR {t}" for n, t in enumerate(self.lines)]
        return {
            "id": job_id,
            "name": name,
            "project": {"id": 7, "name": name},
            "pipeline": {"id": 2, "name": name},
            "dispatch_mode": "async_api",
            "status": "STARTED",
            "created_at": "2026-11-23T10:13:00",
            "progress": {
                "stages": [{"key": "process", "status": "STARTED", "name": name, "params": []}]
            },
            "logs": {"stdout": [*reversed(stamped)], "stderr": []},
        }


@contextmanager
def answering(antenna: Antenna) -> Iterator[Antenna]:
    """It as a real server, on a port of its own.

    Args:
        antenna: What it says.
    """

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            said = f"{self.path} {dict(self.headers)} {body!r}"
            antenna.bodies += [body] if body else []
            antenna.asked.append(said)
            status, headers, content = antenna.answer(self.path, said)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    antenna.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield antenna
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
