"""Whatever a library raises becomes one clear message without a secret."""

import asyncio
import errno
import inspect
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import nats.errors
import pytest
import redis.exceptions

from ami_console.errors import SourceError, SourceRefused, SourceUnreachable
from ami_console.settings import Address, Secret
from ami_console.sources.broker import nats_error
from ami_console.sources.counters import redis_error
from ami_console.sources.failures import Target, network_reason
from ami_console.sources.rest import http_error, status_error

SECRET = "s3cr3t-w0rd"
TARGET = Target(
    "Redis", Address(f"redis://ann:{SECRET}@broker.example:6379/0"), "REDIS_URL", (Secret(SECRET),)
)
TEXT = f"could not send 'Token {SECRET}' to redis://ann:{SECRET}@broker.example"


def family(*parents: type[Exception]) -> Iterator[type[Exception]]:
    """A class and all classes below it that its library defines."""
    for parent in parents:
        yield parent
        yield from family(*parent.__subclasses__())


def example(kind: type[Exception]) -> Exception:
    """An error of this class that repeats a secret wherever its constructor lets it."""
    for arguments in ((TEXT,), (), (TEXT, TEXT), (TEXT, TEXT, 1, None), (f"1 {SECRET}:6379",)):
        try:
            return kind(*arguments)
        except (TypeError, ValueError, AttributeError):
            continue
    request = httpx.Request("GET", f"http://ann:{SECRET}@broker.example")
    return kind(TEXT, request=request, response=httpx.Response(500, request=request))


HTTP = set(family(httpx.HTTPError, httpx.InvalidURL, httpx.StreamError))
NATS = {kind for kind in family(nats.errors.Error) if kind.__module__ == "nats.errors"}
REDIS = {
    kind
    for _, kind in inspect.getmembers(redis.exceptions, inspect.isclass)
    if issubclass(kind, redis.exceptions.RedisError)
}
SYSTEM = [
    OSError(errno.EHOSTUNREACH, TEXT),
    OSError(TEXT),
    ConnectionRefusedError(errno.ECONNREFUSED, TEXT),
    ConnectionResetError(TEXT),
    TimeoutError(),
    socket.gaierror(-2, TEXT),
    ssl.SSLError(1, TEXT),
    ssl.SSLCertVerificationError(1, TEXT),
    ValueError(TEXT),
    UnicodeEncodeError("ascii", TEXT, 0, 1, TEXT),
    ExceptionGroup(TEXT, [OSError(errno.ECONNREFUSED, TEXT)]),
    asyncio.IncompleteReadError(b"", 1),
]
Mapping = Callable[[Target, Any], SourceError]


def cases() -> Iterator[Any]:
    for name, mapping, kinds in (
        ("http", http_error, HTTP),
        ("nats", nats_error, NATS),
        ("redis", redis_error, REDIS),
    ):
        for kind in sorted(kinds, key=lambda each: each.__name__):
            yield pytest.param(mapping, example(kind), id=f"{name}-{kind.__name__}")
        for error in SYSTEM:
            yield pytest.param(mapping, error, id=f"{name}-system-{type(error).__name__}")


@pytest.mark.parametrize(("mapping", "error"), list(cases()))
def test_every_error_of_a_library_is_mapped(mapping: Mapping, error: Exception) -> None:
    """A new version of a library brings a new error: it must not reach the operator raw."""
    problem = mapping(TARGET, error)
    assert isinstance(problem, SourceError)
    said = str(problem)
    assert said.startswith("Redis at redis://broker.example:6379/0: ")
    assert SECRET not in said
    assert "ann:" not in said
    came, _, advice = said.partition(": ")[2].partition("; ")
    assert came.strip()
    assert advice.strip(), "no next step"


def test_the_trees_were_walked() -> None:
    """If a library moves its errors, the test above must not silently shrink."""
    assert {httpx.ConnectTimeout, httpx.RemoteProtocolError, httpx.TooManyRedirects} <= HTTP
    assert {nats.errors.NoServersError, nats.errors.FlushTimeoutError} <= NATS
    assert {redis.exceptions.NoPermissionError, redis.exceptions.BusyLoadingError} <= REDIS
    assert (len(HTTP) > 25, len(NATS) > 25, len(REDIS) > 25) == (True, True, True)


def test_the_reason_is_found_at_the_root() -> None:
    """httpx says "All connection attempts failed"; the system had said why."""
    try:
        try:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed")
        except OSError as root:
            raise RuntimeError("in between") from root
    except RuntimeError as middle:
        outer = httpx.ConnectError("All connection attempts failed")
        outer.__cause__ = middle
    assert network_reason(outer) == "connection refused"
    assert network_reason(httpx.ConnectError("no cause at all")) is None
    loop = RuntimeError("a cause that comes round again")
    loop.__cause__ = loop
    assert network_reason(loop) is None


def test_a_private_certificate_names_the_way_out() -> None:
    """The server's certificate was signed by the institute's own authority."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "unable to get local issuer certificate"
    reason = network_reason(error)
    assert reason is not None
    assert "unable to get local issuer certificate" in reason
    assert "SSL_CERT_FILE" in reason


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (redis.exceptions.AuthenticationError("WRONGPASS invalid"), SourceRefused, "login"),
        (redis.exceptions.NoPermissionError("no permissions for 'get'"), SourceRefused, "+get"),
        (redis.exceptions.BusyLoadingError("loading the dataset"), SourceUnreachable, "loaded"),
        (redis.exceptions.MasterDownError("Link with MASTER is down"), SourceUnreachable, "MASTER"),
        (redis.exceptions.TimeoutError("Timeout reading"), SourceUnreachable, "no answer in time"),
    ],
)
def test_what_redis_says(error: Exception, kind: type[SourceError], words: str) -> None:
    """States that are hard to bring about in a test."""
    problem = redis_error(TARGET, error)
    assert isinstance(problem, kind)
    assert words in str(problem)


def answer(status: int, content: bytes, **headers: str) -> SourceError:
    request = httpx.Request("GET", "http://antenna.example/api/v2/jobs/3/?x=1")
    response = httpx.Response(status, content=content, headers=headers, request=request)
    return status_error(TARGET, response, content, {"detail": SECRET} if content == b"{}" else None)


def test_what_a_server_says_is_quoted_without_our_secret() -> None:
    """A server that repeats the token in its refusal."""
    said = str(answer(401, b"{}"))
    assert SECRET not in said
    assert "(…)" in said


def test_long_answers_are_cut() -> None:
    """A whole page in an error message helps nobody."""
    assert len(TARGET.quote("word " * 1000)) < 200
    assert TARGET.quote("two\nlines\x00\x1b") == "two lines"


def test_targets_show_no_secret() -> None:
    """A target in a traceback or log."""
    assert SECRET not in repr(TARGET)
