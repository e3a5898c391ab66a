"""Antenna's Redis, a real redis-server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from ami_console.demo.servers import NatsServer, RedisServer, TlsFiles
from ami_console.errors import SourceMalformed, SourceRefused, SourceUnreachable
from ami_console.settings import Settings
from ami_console.sources.counters import CountersSource

Make = Callable[..., Settings]
pytestmark = pytest.mark.servers


@pytest_asyncio.fixture
async def as_antenna() -> AsyncIterator[Callable[[RedisServer], Redis]]:
    """``as_antenna(server)``: a client with all rights."""
    async with contextlib.AsyncExitStack() as stack:

        def client(server: RedisServer) -> Redis:
            made = Redis.from_url(server.url)
            stack.push_async_callback(made.aclose)
            return made

        yield client


async def queue_job(client: Redis, job_id: int, images: int, *, processed: int = 0) -> None:
    """The keys of a job, as Antenna writes them."""
    key = f"job:{job_id}:pending_images"
    await client.set(f"{key}_total", images, ex=604800)
    for stage in ("process", "results"):
        await client.sadd(f"{key}:{stage}", *map(str, range(images)))
    if processed:
        await client.srem(f"{key}:process", *map(str, range(processed)))


def counts(row: dict[str, Any]) -> list[int | None]:
    return [row[name] for name in ("total", "pending_process", "pending_results", "failed")]


async def test_jobs_are_read_in_one_pipeline(
    redis_server: RedisServer, as_antenna: Callable[[RedisServer], Redis], settings_of: Make
) -> None:
    """One job half done, one all processed, one whose keys were deleted, one with a foreign key."""
    client = as_antenna(redis_server)
    await queue_job(client, 3, 20, processed=8)
    await client.sadd("job:3:failed_images", "7")
    await queue_job(client, 4, 5, processed=5)
    await queue_job(client, 6, 5)
    await client.set("job:6:failed_images", "not a set")
    source = CountersSource(settings_of(redis_server.environment()))
    reading = await source.read([5, 4, 3, 6, 3])
    await source.aclose()
    rows = {row["job_id"]: row for row in reading.rows["counters"]}
    assert list(rows) == [3, 4, 5, 6]
    assert counts(rows[3]) == [20, 12, 20, 1]
    assert counts(rows[4]) == [5, 0, 5, 0]
    assert counts(rows[5]) == [None] * 4
    assert counts(rows[6]) == [5, 5, 5, None], "a key of another type costs only its own value"
    assert 604700 < rows[3]["ttl_s"] <= 604800
    assert rows[5]["ttl_s"] is None
    assert (reading.ok, reading.requests, reading.job_ids) == (True, 1, None)
    assert reading.clock_offset_s is not None
    assert abs(reading.clock_offset_s) < 0.5


async def test_jobs_are_found_among_many_keys(
    redis_server: RedisServer, as_antenna: Callable[[RedisServer], Redis], settings_of: Make
) -> None:
    """Antenna keeps its query cache in the same database."""
    client = as_antenna(redis_server)
    await client.mset({f":1:{number:040x}": "cached" for number in range(5000)})
    await queue_job(client, 3, 20)
    await queue_job(client, 118, 7)
    await client.mset({"job:x:pending_images_total": 1, "xjob:9:pending_images_total": 1})
    source = CountersSource(settings_of(redis_server.environment()))
    reading = await source.discover()
    await source.aclose()
    assert reading.job_ids == {3, 118}
    assert [counts(row) for row in reading.rows["counters"]] == [[20, 20, 20, 0], [7, 7, 7, 0]]
    assert reading.requests is not None
    assert reading.requests > 3, "page by page, so that Redis can serve others in between"


async def test_a_login_that_may_only_look_is_enough(
    redis_server: RedisServer, as_antenna: Callable[[RedisServer], Redis], settings_of: Make
) -> None:
    """The operator gets five commands on ``job:*``: nothing else is tried, nothing is refused."""
    client = as_antenna(redis_server)
    await queue_job(client, 3, 20)
    rights = ["~job:*", "+get", "+scard", "+ttl", "+scan", "+time"]
    await client.execute_command("ACL", "SETUSER", "ami", "on", ">look0nly", *rights)
    url = redis_server.url.replace("//", "//ami:look0nly@")
    source = CountersSource(settings_of(REDIS_URL=url))
    assert [counts(row) for row in (await source.discover()).rows["counters"]] == [[20, 20, 20, 0]]
    assert (await source.read([3])).clock_offset_s is not None
    assert await client.execute_command("ACL", "LOG") == []

    await client.execute_command("ACL", "SETUSER", "ami", "-time")
    reading = await source.read([3])
    assert (reading.ok, reading.clock_offset_s) == (True, None)
    assert counts(reading.rows["counters"][0]) == [20, 20, 20, 0]

    await client.execute_command("ACL", "SETUSER", "ami", "-scard")
    with pytest.raises(SourceRefused, match=r"may not read .*scard.*\+scard"):
        await source.read([3])
    await source.aclose()


@pytest.mark.parametrize(
    "login", ["", ":wr0ngpassword@", "nobody:wr0ngpassword@"], ids=["none", "password", "user"]
)
async def test_a_wrong_password(
    start_redis: Callable[..., RedisServer], settings_of: Make, login: str
) -> None:
    """Redis asks for a password, and gets none or another."""
    server = start_redis(password="r1ght pa:ss@word")
    source = CountersSource(settings_of(server.environment()))
    assert (await source.read([3])).ok, "the password of the address, with its odd characters"
    await source.aclose()
    url = f"redis://{login}127.0.0.1:{server.port}/0"
    source = CountersSource(settings_of(REDIS_URL=url))
    for call in (source.read([3]), source.discover()):
        with pytest.raises(SourceRefused, match="AMI_CONSOLE_REDIS_URL") as caught:
            await call
        assert str(caught.value).startswith(f"Redis at redis://127.0.0.1:{server.port}/0: ")
        assert "wr0ng" not in str(caught.value)
    await source.aclose()


async def test_a_restart_between_two_looks_is_not_seen(
    redis_server: RedisServer, as_antenna: Callable[[RedisServer], Redis], settings_of: Make
) -> None:
    """The kept connection is dead, the server is there: the look succeeds all the same."""
    await queue_job(as_antenna(redis_server), 3, 20)
    source = CountersSource(settings_of(redis_server.environment()))
    await source.read([3])
    redis_server.restart()
    assert counts((await source.read([3])).rows["counters"][0]) == [20, 20, 20, 0]
    redis_server.restart()
    assert (await source.discover()).job_ids == {3}
    redis_server.stop()
    for _ in range(2):
        with pytest.raises(SourceUnreachable, match="connection refused; check that it is running"):
            await source.read([3])
    redis_server.start()
    assert (await source.read([3])).ok
    await source.aclose()


async def test_a_deadline_leaves_it_usable(
    redis_server: RedisServer, as_antenna: Callable[[RedisServer], Redis], settings_of: Make
) -> None:
    """Redis stalls; the answers of the look that was given up must not reach the next one."""
    client = as_antenna(redis_server)
    await queue_job(client, 3, 20)
    await queue_job(client, 4, 5)
    source = CountersSource(settings_of(redis_server.environment()))
    await source.read([3])
    redis_server.pause()
    for look in (source.read([3]), source.discover()):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(look, 0.05)
    redis_server.resume()
    assert counts((await source.read([4])).rows["counters"][0]) == [5, 5, 5, 0]
    await source.aclose()


async def test_looks_at_the_same_time_share_the_connection(
    redis_server: RedisServer, as_antenna: Callable[[RedisServer], Redis], settings_of: Make
) -> None:
    """A search for jobs runs while the next look is due."""
    client = as_antenna(redis_server)
    await queue_job(client, 3, 20)
    source = CountersSource(settings_of(redis_server.environment()))
    looks = await asyncio.gather(source.discover(), *(source.read([3]) for _ in range(5)))
    assert [counts(look.rows["counters"][0]) for look in looks] == [[20, 20, 20, 0]] * 6
    assert (await client.info("clients"))["connected_clients"] == 2
    await source.aclose()


async def test_something_else_listens(nats_server: NatsServer, settings_of: Make) -> None:
    """The port of NATS in the address of Redis."""
    source = CountersSource(settings_of(REDIS_URL=f"redis://127.0.0.1:{nats_server.port}/0"))
    with pytest.raises((SourceMalformed, SourceUnreachable), match="AMI_CONSOLE_REDIS_URL"):
        await asyncio.wait_for(source.read([3]), 5)
    await source.aclose()


@pytest.mark.parametrize("query", ["?no_such_option=s3cret", "?socket_timeout=s3cret"])
async def test_an_address_with_odd_options(settings_of: Make, query: str) -> None:
    """A typing error behind the ``?``: named without repeating what may be a password."""
    source = CountersSource(settings_of(REDIS_URL=f"redis://127.0.0.1:1/0{query}"))
    with pytest.raises(SourceUnreachable, match="no usable address") as caught:
        await source.read([3])
    await source.aclose()
    assert "s3cret" not in str(caught.value)


async def test_another_database(
    redis_server: RedisServer, as_antenna: Callable[[RedisServer], Redis], settings_of: Make
) -> None:
    """Deployments differ in the number; a number that Redis does not have is named."""
    await queue_job(as_antenna(redis_server), 3, 20)
    for number, total in ((0, 20), (1, None)):
        url = redis_server.url.replace("/0", f"/{number}")
        source = CountersSource(settings_of(REDIS_URL=url))
        assert (await source.read([3])).rows["counters"][0]["total"] == total
        await source.aclose()
    source = CountersSource(settings_of(REDIS_URL=redis_server.url.replace("/0", "/99")))
    with pytest.raises(SourceMalformed, match="out of range"):
        await source.read([3])
    await source.aclose()


async def test_tls_with_a_private_authority(
    start_redis: Callable[..., RedisServer],
    settings_of: Make,
    tls_front: Callable[[int], int],
    self_signed: TlsFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``rediss://`` with a certificate that only the institute's own authority vouches for."""
    server = start_redis(password="pa55word")
    url = f"rediss://:pa55word@localhost:{tls_front(server.port)}/0"
    monkeypatch.setenv("SSL_CERT_FILE", str(self_signed.ca))
    source = CountersSource(settings_of(REDIS_URL=url))
    assert (await source.read([3])).ok
    await source.aclose()
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(SourceUnreachable, match="not trusted"):
        await source.read([3])
    await source.aclose()
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(SourceUnreachable, match=r"/nowhere/ca\.pem"):
        await source.read([3])
    await source.aclose()
