"""What servers tell of themselves and of our login; real ones, with logins of every kind."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from ami_console.demo import servers
from ami_console.demo.servers import READ_ONLY_PERMISSIONS, NatsServer, RedisServer
from ami_console.settings import Address, Settings
from ami_console.sources.rights import (
    Command,
    RedisFacts,
    ask_antenna,
    ask_monitor,
    ask_nats,
    ask_rabbit,
    ask_redis,
)

Make = Callable[..., Settings]
HTTP = Path(__file__).parents[1] / "data" / "antenna_http"
USER_INFO = "$SYS.REQ.USER.INFO"
GET: Command = ("GET", "job:1:pending_images_total")
SET: Command = ("SET", "job:1:pending_images_total", "1")
SECRET = "hunter2-of-nobody"


def recorded_body(name: str) -> Any:
    return json.loads((HTTP / f"{name}.json").read_text())["body"]


def antenna(me: tuple[int, Any], jobs: tuple[int, Any]) -> Any:
    """A script that answers as Antenna did."""

    async def script(request: Any) -> tuple[int, Mapping[str, str], bytes]:
        assert request.method == "GET"
        status, body = me if urlsplit(request.uri).path.endswith("/users/me/") else jobs
        return status, {"Server": "uvicorn"}, json.dumps(body).encode()

    return script


async def test_antenna_tells_a_superuser_what_it_may_do(
    http_stand_in: Any, settings_of: Make
) -> None:
    """The console was given the administrator's token."""
    page = recorded_body("jobs_list_limit3_offset2")
    http_stand_in.script = antenna((200, recorded_body("users_me")), (200, page))
    settings = settings_of(ANTENNA_URL=http_stand_in.url, ANTENNA_TOKEN=SECRET)
    facts = await ask_antenna(settings)
    assert (facts.error, facts.server, facts.user_id) == (None, "uvicorn", 4)
    assert facts.list_permissions == ("create",)
    assert facts.job_permissions == ("delete", "update", "run_single_image", "run")
    assert [urlsplit(asked).path for asked in http_stand_in.asked] == [
        "/api/v2/users/me/",
        "/api/v2/jobs/",
    ]
    assert "Antenna Admin" not in repr(facts)
    assert "operator@example.org" not in repr(facts)


async def test_antenna_answers_who_is_not_logged_in(http_stand_in: Any, settings_of: Make) -> None:
    """No token is set, jobs are shown all the same, and there are none."""
    page = {"count": 0, "next": None, "previous": None, "results": []}
    me = recorded_body("users_me_anonymous")
    http_stand_in.script = antenna((401, me), (200, page))
    facts = await ask_antenna(settings_of(ANTENNA_URL=http_stand_in.url))
    assert (facts.error, facts.user_id, facts.has_token) == (None, None, False)
    assert facts.why_no_user is not None
    assert "401 (Authentication credentials were not provided.)" in facts.why_no_user
    assert (facts.list_permissions, facts.job_permissions) == (None, None)


async def test_a_token_that_is_refused_is_said_and_not_shown(
    http_stand_in: Any, settings_of: Make
) -> None:
    """The token was revoked, and the server repeats it in its answer."""
    refused = (401, {"detail": f"Invalid token {SECRET}."})
    http_stand_in.script = antenna(refused, refused)
    settings = settings_of(ANTENNA_URL=http_stand_in.url, ANTENNA_TOKEN=SECRET)
    facts = await ask_antenna(settings)
    assert facts.error is not None
    assert "401" in facts.error
    assert SECRET not in repr(facts)


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"results": 3, "user_permissions": {"a": 1}}']
)
async def test_whatever_answers_in_antennas_place_is_no_crash(
    body: bytes, http_stand_in: Any, settings_of: Make
) -> None:
    """Another program listens at the address."""
    http_stand_in.answer(200, body)
    facts = await ask_antenna(settings_of(ANTENNA_URL=http_stand_in.url, ANTENNA_TOKEN=SECRET))
    assert facts.user_id is None
    assert facts.list_permissions is None


async def test_nobody_answers(free_port: int, settings_of: Make) -> None:
    """Everything is down; each says where it was looked for, and no password."""
    at = f"127.0.0.1:{free_port}"
    settings = settings_of(
        ANTENNA_URL=f"http://me:{SECRET}@{at}",
        NATS_URL=f"nats://me:{SECRET}@{at}",
        NATS_MONITOR_URL=f"http://me:{SECRET}@{at}",
        RABBITMQ_URL=f"http://me:{SECRET}@{at}",
    )
    redis = Address(f"redis://me:{SECRET}@{at}/1")
    answers = await asyncio.gather(
        ask_antenna(settings),
        ask_nats(settings),
        ask_monitor(settings),
        ask_rabbit(settings),
        ask_redis(redis, "REDIS_URL", [GET]),
    )
    for facts in answers:
        assert facts.error is not None
        assert f"{at}" in facts.error
        assert "connection refused" in facts.error
        assert SECRET not in repr(facts)


@pytest.mark.servers
async def test_nats_without_logins_sets_no_limits(
    nats_server: NatsServer, settings_of: Make
) -> None:
    """Antenna's own set-up: whoever reaches the port may do everything."""
    settings = settings_of(nats_server.environment())
    facts, monitor = await asyncio.gather(ask_nats(settings), ask_monitor(settings))
    assert (facts.told, dict(facts.permissions), facts.asks_for_login) == (True, {}, False)
    assert facts.account == "$G"
    assert (monitor.error, monitor.accounts) == (None, 1)
    assert facts.version is not None
    assert facts.version == monitor.version


@pytest.mark.servers
async def test_a_token_of_nats_has_no_limits_and_is_not_repeated(
    start_nats: Callable[..., NatsServer], settings_of: Make
) -> None:
    """nats-server takes the token for the user's name, and tells it."""
    facts = await ask_nats(settings_of(start_nats(token=SECRET).environment()))
    assert (facts.told, dict(facts.permissions), facts.asks_for_login) == (True, {}, True)
    assert SECRET not in repr(facts)


@pytest.mark.servers
async def test_a_login_that_may_not_ask_has_limits(
    start_nats: Callable[..., NatsServer], settings_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login of an older README: nats-server refuses the question, and that is all."""
    publish = [s for s in READ_ONLY_PERMISSIONS["publish"] if s != USER_INFO]
    older = {**READ_ONLY_PERMISSIONS, "publish": publish}
    monkeypatch.setattr(servers, "READ_ONLY_PERMISSIONS", older)
    server = start_nats(
        user="antenna", password="a", read_only_user="console", read_only_password="c"
    )
    facts = await ask_nats(settings_of(server.environment(read_only=True)))
    assert (facts.error, facts.told, facts.asks_for_login) == (None, False, True)
    assert facts.why_not is not None
    assert "so it has limits" in facts.why_not
    assert "permissions violation for publish" in facts.why_not
    assert facts.version is not None


@pytest.mark.servers
async def test_a_login_that_may_ask_is_told_its_limits(
    start_nats: Callable[..., NatsServer], settings_of: Make
) -> None:
    """The login of the README: nats-server tells exactly what was configured."""
    publish = READ_ONLY_PERMISSIONS["publish"]
    server = start_nats(
        user="antenna", password="a", read_only_user="console", read_only_password="c"
    )
    facts = await ask_nats(settings_of(server.environment(read_only=True)))
    assert (facts.told, facts.why_not) == (True, None)
    assert set(facts.permissions["publish"]["allow"]) == set(publish)
    assert set(facts.permissions["subscribe"]["allow"]) == set(READ_ONLY_PERMISSIONS["subscribe"])


@pytest.mark.servers
async def test_a_wrong_password_of_nats(
    start_nats: Callable[..., NatsServer], settings_of: Make
) -> None:
    """The password was changed on the server only."""
    server = start_nats(user="antenna", password="right")
    facts = await ask_nats(settings_of(server.environment(), NATS_PASSWORD=SECRET))
    assert facts.error is not None
    assert "the login was refused" in facts.error
    assert SECRET not in repr(facts)


async def acl(server: RedisServer, name: str, *rules: str) -> Address:
    """A user of Redis, and the address with its login."""
    async with Redis.from_url(server.url) as client:
        await client.execute_command("ACL", "SETUSER", name, "on", f">{SECRET}", *rules)
    return Address(server.url.replace("redis://", f"redis://{name}:{SECRET}@"))


@pytest.mark.servers
async def test_the_default_user_of_redis_has_every_right(redis_server: RedisServer) -> None:
    """Antenna's own set-up: no password, no limits."""
    facts = await ask_redis(Address(redis_server.url), "REDIS_URL", [GET, SET])
    assert (facts.error, facts.why_not, facts.is_default) == (None, None, True)
    assert facts.rules == "+@all" or facts.allowed == {GET: True, SET: True}
    assert facts.version is not None
    assert facts.version[0].isdigit()


@pytest.mark.servers
async def test_a_login_that_can_only_look_can_not_ask_for_its_rights(
    redis_server: RedisServer,
) -> None:
    """The login of the README: it is refused twice, and asked no more."""
    looks = ("~job:*", "resetchannels", "-@all", "+get", "+scard", "+ttl", "+time", "+scan")
    address = await acl(redis_server, "console", *looks)
    facts = await ask_redis(address, "REDIS_URL", [GET, SET])
    assert (facts.error, facts.allowed, facts.rules) == (None, None, None)
    assert facts.why_not == "it may not ask ACL WHOAMI, so it has limits"
    async with Redis.from_url(redis_server.url) as client:
        refused = await client.acl_log()
    # Redis 7 names the subcommand, too.
    assert [entry["object"].partition("|")[0] for entry in refused] == ["acl", "info"]


@pytest.mark.servers
async def test_a_login_that_may_ask_is_told_its_rules_or_asked_for_each(
    redis_server: RedisServer,
) -> None:
    """A login with all reads and ACL: an old Redis tells rules, a new one is asked by DRYRUN."""
    rules = ("~job:*", "resetchannels", "-@all", "+@read", "-keys", "+acl", "+info")
    address = await acl(redis_server, "reader", *rules)
    facts = await ask_redis(address, "REDIS_URL", [GET, SET])
    assert (facts.error, facts.why_not, facts.is_default) == (None, None, False)
    if facts.allowed is None:
        assert facts.rules is not None
        assert facts.rules.split()[0] == "-@all"
        assert "+acl" in facts.rules.split()
        assert facts.keys == ("job:*",)
        assert set(facts.categories) == {"read"}
        assert "get" in facts.categories["read"]
    else:
        assert facts.allowed == {GET: True, SET: False}
    assert SECRET not in repr(facts)


@pytest.mark.servers
async def test_a_wrong_password_of_redis(redis_server: RedisServer) -> None:
    """The password was changed on the server only."""
    await acl(redis_server, "console", "-@all")
    address = Address(redis_server.url.replace("redis://", "redis://console:wrong-one@"))
    facts = await ask_redis(address, "REDIS_URL", [GET])
    assert facts.error is not None
    assert "the login was refused" in facts.error
    assert "wrong-one" not in repr(facts)


@asynccontextmanager
async def speaking_resp(answers: Mapping[str, bytes]) -> AsyncIterator[Address]:
    """A server that answers commands as others did; what it does not know it refuses."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readline():
            words = []
            for _ in range(int(head[1:])):
                await reader.readline()
                words.append((await reader.readline()).strip().decode())
            asked = " ".join(words).upper()
            found = [answers[begin] for begin in answers if asked.startswith(begin)]
            writer.write(found[0] if found else f"-ERR unknown command '{words[0]}'\r\n".encode())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Address(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
    finally:
        server.close()
        await server.wait_closed()


def bulk(text: str) -> bytes:
    return f"${len(text)}\r\n{text}\r\n".encode()


async def asked(answers: Mapping[str, bytes], commands: Iterable[Command]) -> RedisFacts:
    async with speaking_resp(answers) as address:
        return await ask_redis(address, "REDIS_URL", commands)


async def test_a_newer_redis_is_asked_for_each_command() -> None:
    """Valkey 9.1 in its own words (what the tests start is 6.2): nothing is run, all is told."""
    answers = {
        "INFO": bulk(
            "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2"
        ),
        "ACL WHOAMI": bulk("ro"),
        "ACL DRYRUN RO GET JOB": b"+OK\r\n",
        "ACL DRYRUN RO SET": bulk("User ro has no permissions to run the 'set' command"),
        "ACL DRYRUN RO NOSUCH": b"-ERR Command 'NOSUCH' not found\r\n",
    }
    facts = await asked(answers, [GET, SET, ("NOSUCH",)])
    assert facts.allowed == {GET: True, SET: False}
    assert (facts.version, facts.is_default) == ("9.1.2 (valkey)", False)


async def test_before_redis_6_a_login_may_do_everything() -> None:
    """An old Redis knows one password and no users."""
    facts = await asked({"INFO": bulk("# Server\r\nredis_version:5.0.14")}, [GET])
    assert (facts.version, facts.rules, facts.keys) == ("5.0.14", "+@all", ("*",))


async def test_rules_that_make_no_sense_are_not_known() -> None:
    """Something in between answers in Redis's name."""
    answers = {
        "INFO": bulk("hello"),
        "ACL WHOAMI": bulk("ro"),
        "ACL DRYRUN": b"-ERR Unknown subcommand or wrong number of arguments for 'DRYRUN'\r\n",
        "ACL GETUSER": bulk("who?"),
    }
    facts = await asked(answers, [GET])
    assert (facts.version, facts.rules, facts.allowed) == (None, None, None)
    assert facts.why_not == "ACL GETUSER answered with something else"


@pytest.mark.parametrize("tags", ["administrator,management", ["administrator", "management"]])
async def test_rabbitmq_tells_version_and_tags(
    tags: object, http_stand_in: Any, settings_of: Make
) -> None:
    """The console was given the administrator's login; before 3.9 its tags were one text."""
    http_stand_in.answer(200, {"name": "guest", "tags": tags, "rabbitmq_version": "3.10.8"})
    url = http_stand_in.url.replace("//", f"//guest:{SECRET}@")
    facts = await ask_rabbit(settings_of(RABBITMQ_URL=f"{url}/antenna"))
    assert (facts.error, facts.version) == (None, "3.10.8")
    assert facts.tags == ("administrator", "management")
    assert http_stand_in.asked == ["/api/whoami", "/api/overview"]
