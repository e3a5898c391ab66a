"""The real servers that the demo and the tests stand on."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import nats
import nats.errors
import pytest
import redis

from ami_console.demo import processes
from ami_console.demo.servers import (
    NatsServer,
    RedisServer,
    ServerStartError,
    TlsFiles,
    redis_has_tls,
)
from ami_console.errors import ServerMissingError

pytestmark = pytest.mark.servers


async def test_nats_keeps_streams_over_a_kill_and_forgets_them_when_told(
    nats_server: NatsServer,
) -> None:
    """A broker that crashes comes back with its jobs; one without a volume comes back empty."""

    async def streams() -> int:
        client = await nats.connect(nats_server.url)
        try:
            return (await client.jetstream().account_info()).streams
        finally:
            await client.close()

    client = await nats.connect(nats_server.url)
    await client.jetstream().add_stream(name="job_1", subjects=["job.1.tasks"])
    await client.close()
    port = nats_server.port
    nats_server.kill()
    assert not nats_server.running
    nats_server.start()
    assert (nats_server.port, await streams()) == (port, 1)
    nats_server.restart(empty=True)
    assert (nats_server.port, await streams()) == (port, 0)


def test_redis_keeps_sets_over_a_kill_and_forgets_them_when_told(
    redis_server: RedisServer,
) -> None:
    """The pending images of a running job are still there after Redis was killed."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.sadd("job:1:pending_images:process", "11", "12")
        redis_server.kill()
        with pytest.raises(redis.ConnectionError):
            client.scard("job:1:pending_images:process")
        redis_server.start()
        assert client.scard("job:1:pending_images:process") == 2
        redis_server.restart(empty=True)
        assert client.dbsize() == 0


def test_a_paused_server_accepts_and_does_not_answer(redis_server: RedisServer) -> None:
    """A frozen machine looks like this from outside; resumed, it answers again."""
    with redis.Redis.from_url(redis_server.url, socket_timeout=0.2, retry=None) as client:
        redis_server.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        redis_server.resume()
        assert client.ping()
    redis_server.pause()
    redis_server.stop()
    assert not redis_server.running


async def test_a_read_only_nats_user_sees_and_cannot_touch(
    start_nats: Callable[..., NatsServer],
) -> None:
    """The operator gives the console a login that can look at jobs and nothing else."""
    server = start_nats(
        user="antenna", password="a b", read_only_user="console", read_only_password="c"
    )
    owner = await nats.connect(server.url, user="antenna", password="a b")
    await owner.jetstream().add_stream(name="job_1", subjects=["job.1.tasks"])
    problems: list[str] = []

    async def note(error: Exception) -> None:
        problems.append(str(error))

    reader = await nats.connect(
        server.url, user="console", password="c", inbox_prefix="_INBOX_ami", error_cb=note
    )
    info = await reader.request("$JS.API.STREAM.INFO.job_1", b"", timeout=2)
    assert b'"name":"job_1"' in info.data
    with pytest.raises(nats.errors.TimeoutError):
        await reader.request("$JS.API.STREAM.DELETE.job_1", b"", timeout=0.3)
    assert "permissions violation" in problems[0]
    assert (await owner.jetstream().account_info()).streams == 1
    await reader.close()
    await owner.close()


async def test_nats_with_a_token_over_tls(
    start_nats: Callable[..., NatsServer], self_signed: TlsFiles
) -> None:
    """The certificate is good for localhost, and the token is asked for."""
    server = start_nats(token="s3cret", tls=self_signed)
    context = ssl.create_default_context(cafile=str(self_signed.ca))

    async def quiet(_: Exception) -> None: ...

    with pytest.raises((nats.errors.Error, OSError)):
        await nats.connect(server.url, tls=context, allow_reconnect=False, error_cb=quiet)
    client = await nats.connect(server.url, tls=context, token="s3cret")
    assert client.is_connected
    await client.close()


def test_redis_with_a_password_behind_tls(
    start_redis: Callable[..., RedisServer],
    tls_front: Callable[[int], int],
    self_signed: TlsFiles,
) -> None:
    """A password with blanks and slashes survives the configuration file and the URL."""
    server = start_redis(password='p "w"/@ö')
    url = server.url.replace("redis://", "rediss://").replace("127.0.0.1", "localhost")
    url = url.replace(str(server.port), str(tls_front(server.port)))
    with redis.Redis.from_url(url, ssl_ca_certs=str(self_signed.ca)) as client:
        assert client.ping()
    with (
        redis.Redis.from_url(f"redis://127.0.0.1:{server.port}/0") as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_redis_tls_works_or_says_that_the_program_lacks_it(self_signed: TlsFiles) -> None:
    """The wheel's redis-server has no TLS: a message, not a server that can't be reached."""
    server = RedisServer(tls=self_signed)
    with contextlib.closing(server):
        if any(map(redis_has_tls, processes.find_redis_servers())):
            server.start()
            with redis.Redis.from_url(server.url, ssl_ca_certs=str(self_signed.ca)) as client:
                assert client.ping()
        else:
            with pytest.raises(ServerMissingError, match=r"redis-server was built with TLS"):
                server.start()


def test_a_missing_program_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A newcomer's machine has neither the wheels nor the programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(processes.sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(processes.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(processes, "find_spec", lambda _: None)
    with pytest.raises(ServerMissingError, match=r"nats-server.*ami-console\[demo\]"):
        processes.find_nats_server()
    with pytest.raises(ServerMissingError, match=r"valkey-server.*ami-console\[demo\]"):
        processes.find_redis_servers()


def test_a_server_that_ends_at_once_shows_its_log(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """Its port is taken when it comes back: the reason is in the error."""
    second = RedisServer(tmp_path)
    second.start()
    second.stop()
    second.port = redis_server.port
    with pytest.raises(ServerStartError, match=r"(?i)address already in use"):
        second.start()
    assert not second.running


def test_a_taken_port_is_swapped_at_the_first_start(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """Somebody takes the port between our look and the server's start."""
    second = RedisServer(tmp_path)
    second.port = redis_server.port
    with second:
        assert second.running
        assert second.port != redis_server.port


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port is only found free")
def test_a_port_stays_ours_while_its_server_is_away(redis_server: RedisServer) -> None:
    """Two demos run side by side, and one restarts a server: the other does not get its port."""
    redis_server.stop()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", redis_server.port))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", redis_server.port), timeout=5)
    redis_server.start()
    assert redis_server.running


def test_a_server_outlives_the_thread_that_started_it(redis_server: RedisServer) -> None:
    """Restarted from a short-lived thread, it is not taken down with that thread."""
    thread = threading.Thread(target=redis_server.restart)
    thread.start()
    thread.join()
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.ping()
    assert redis_server.running


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
def test_a_server_dies_with_a_killed_parent(tmp_path: Path) -> None:
    """The terminal is closed hard: no server is left behind."""
    script = (
        "from pathlib import Path\n"
        "from ami_console.demo.servers import RedisServer\n"
        f"print(RedisServer(Path({str(tmp_path)!r})).start().pid, flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(processes.__file__).parents[2])},
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.send_signal(signal.SIGKILL)
    give_up_at = time.monotonic() + 5
    while alive(pid):
        assert time.monotonic() < give_up_at, "the server is still there"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether the process is there and not a zombie that nobody has reaped yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def test_servers_start_from_an_event_loop(nats_server: NatsServer) -> None:
    """A test restarts its broker off the loop and goes on using it."""
    await asyncio.to_thread(nats_server.restart)
    client = await nats.connect(nats_server.url)
    assert client.is_connected
    await client.close()
