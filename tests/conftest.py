"""Real servers, certificates and a browser for all tests.

A missing server program or browser fails in CI (environment variable ``CI``) and skips at a desk.
"""

import asyncio
import contextlib
import datetime
import ipaddress
import shutil
import signal
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest
from browsing import browser, visit  # noqa: F401  (fixtures for every test)
from needed import missing

from ami_console.demo.processes import LOOPBACK, free_port
from ami_console.demo.servers import NatsServer, RedisServer, TlsFiles
from ami_console.errors import ServerMissingError


def pytest_configure() -> None:
    """Take Ctrl-C as at a desk.

    A shell's background job ignores it, and so does what it starts: a program that a test ends
    with SIGINT would go on.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def _running(server: NatsServer | RedisServer) -> Iterator[None]:
    try:
        server.start()
    except ServerMissingError as error:
        server.close()
        missing(str(error))
    try:
        yield
    finally:
        server.close()


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """A fresh nats-server with JetStream and monitoring (starts in about 50 ms)."""
    server = NatsServer()
    with _running(server):
        yield server


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A fresh, empty redis-server (starts in about 30 ms)."""
    server = RedisServer()
    with _running(server):
        yield server


@pytest.fixture
def start_nats() -> Iterator[Callable[..., NatsServer]]:
    """``start_nats(**options)``: servers with the options of :class:`NatsServer`."""
    with contextlib.ExitStack() as stack:

        def start(**options: object) -> NatsServer:
            server = NatsServer(**options)  # type: ignore[arg-type]
            stack.enter_context(_running(server))
            return server

        yield start


@pytest.fixture
def start_redis() -> Iterator[Callable[..., RedisServer]]:
    """``start_redis(**options)``: redis-servers with the options of :class:`RedisServer`."""
    with contextlib.ExitStack() as stack:

        def start(**options: object) -> RedisServer:
            server = RedisServer(**options)  # type: ignore[arg-type]
            stack.enter_context(_running(server))
            return server

        yield start


@pytest.fixture(name="free_port")
def free_port_fixture() -> int:
    """A loopback port on which nobody listens."""
    return free_port()


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    """A certificate authority of our own and a server certificate for localhost and 127.0.0.1."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("tls")
    now = datetime.datetime.now(datetime.UTC)

    def certificate(
        name: str, public: ec.EllipticCurvePublicKey, issuer: str
    ) -> x509.CertificateBuilder:
        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        return (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(issuer))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        )

    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = (
        certificate("ami-console test CA", ca_key.public_key(), "ami-console test CA")
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .add_extension(
            x509.KeyUsage(True, False, False, False, False, True, True, False, False), True
        )
        .sign(ca_key, hashes.SHA256())
    )
    server = (
        certificate("localhost", key.public_key(), "ami-console test CA")
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
            ),
            False,
        )
        .sign(ca_key, hashes.SHA256())
    )
    files = TlsFiles(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    files.cert.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    files.ca.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


@pytest.fixture
def tls_front(self_signed: TlsFiles) -> Iterator[Callable[[int], int]]:
    """``tls_front(port) -> port``: TLS in front of a plain server on the loopback.

    For servers whose program was built without TLS (the redis-server of the wheel) and for
    HTTPS. Certificate: ``self_signed``; address it as ``localhost``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed.cert, self_signed.key)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="tls-front")
    thread.start()
    servers: list[asyncio.Server] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while chunk := await reader.read(65536):
                    writer.write(chunk)
                    await writer.drain()
            writer.close()
        except asyncio.CancelledError:
            writer.transport.abort()  # the test is over, and somebody keeps a connection alive
            raise

    async def front(behind: int) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                to_reader, to_writer = await asyncio.open_connection(LOOPBACK, behind)
            except OSError:
                writer.close()
                return
            await asyncio.gather(pipe(reader, to_writer), pipe(to_reader, writer))

        server = await asyncio.start_server(serve, LOOPBACK, 0, ssl=context)
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def close() -> None:
        for server in servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)  # aborted connections are closed by the loop

    yield lambda behind: asyncio.run_coroutine_threadsafe(front(behind), loop).result(5)
    asyncio.run_coroutine_threadsafe(close(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium or Chrome for tests marked ``browser``."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return found
    missing("found no chromium or google-chrome on the PATH")
    raise AssertionError
