"""Celery's queues: RabbitMQ's management API as a real one answered, and a real redis-server."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from redis.asyncio import Redis

from ami_console.demo.servers import RedisServer, TlsFiles
from ami_console.errors import SourceError, SourceMalformed, SourceRefused, SourceUnreachable
from ami_console.instants import now_ns
from ami_console.reading import Reading
from ami_console.settings import Settings
from ami_console.sources.celery_queue import CeleryQueueSource
from ami_console.sources.live import live_sources, state_sources

Make = Callable[..., Settings]
QUEUES = ("antenna", "jobs", "ml_results")
HTML = b"<!doctype html><title>RabbitMQ</title>"


def numbers(reading: Reading) -> dict[str, tuple[int | None, ...]]:
    """Queue → ready, unacknowledged, consumers."""
    return {
        row["queue"]: (row["ready"], row.get("unacknowledged"), row.get("consumers"))
        for row in reading.rows["queues"]
    }


def rabbit(url: str, *, login: str = "guest:gu%40est@", vhost: str = "") -> dict[str, str]:
    return {"RABBITMQ_URL": url.replace("//", f"//{login}") + vhost}


async def test_results_wait_to_be_saved(
    http_stand_in: Any, settings_of: Make, recorded: Callable[[str], Any]
) -> None:
    """Celery is frozen: 125 results wait, three are held; one request, for these queues only."""
    http_stand_in.answer(200, recorded("rabbitmq")["queues"], Date="Wed, 25 Nov 2026 00:02:13 GMT")
    source = CeleryQueueSource(settings_of(**rabbit(http_stand_in.url)))
    before = now_ns()
    reading = await source.read([3, 4])
    assert (reading.ok, reading.error, reading.requests) == (True, None, 1)
    assert numbers(reading) == {"antenna": (0, 0, 1), "jobs": (0, 0, 1), "ml_results": (125, 3, 1)}
    assert before < reading.observed_at <= now_ns()
    assert {row["observed_at"] for row in reading.rows["queues"]} == {reading.observed_at}
    assert reading.bytes is not None
    assert reading.elapsed_s is not None
    assert reading.clock_offset_s is not None
    assert reading.job_ids is None
    assert numbers(await source.discover()) == numbers(reading)
    await source.aclose()
    parts = urlsplit(http_stand_in.asked[0])
    assert parts.path == "/api/queues/%2F"
    assert parse_qs(parts.query) == {
        "page": ["1"],
        "page_size": ["500"],
        "name": ["^(antenna|jobs|ml_results)$"],
        "use_regex": ["true"],
        "columns": ["name,messages_ready,messages_unacknowledged,consumers"],
    }
    assert http_stand_in.headers[0]["Authorization"] == "Basic Z3Vlc3Q6Z3VAZXN0"


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", "%2F"),
        ("/", "%2F"),
        ("/%2F", "%2F"),
        ("/antenna", "antenna"),
        ("/two%20words", "two%20words"),
        ("/a%2Fb/", "a%2Fb"),
    ],
)
async def test_the_path_of_the_address_is_the_virtual_host(
    http_stand_in: Any, settings_of: Make, recorded: Callable[[str], Any], path: str, asked: str
) -> None:
    http_stand_in.answer(200, recorded("rabbitmq")["queues"])
    source = CeleryQueueSource(settings_of(**rabbit(http_stand_in.url, vhost=path)))
    await source.read([])
    await source.aclose()
    assert urlsplit(http_stand_in.asked[0]).path == f"/api/queues/{asked}"


async def test_a_queue_that_was_just_made_has_no_numbers_yet(
    http_stand_in: Any, settings_of: Make, recorded: Callable[[str], Any]
) -> None:
    """In the first seconds after a start RabbitMQ knows the queue and not how long it is; a queue
    that it does not know at all is a remark: missing, and no zero, are the numbers of both.
    """
    http_stand_in.answer(200, recorded("rabbitmq")["just_made"])
    source = CeleryQueueSource(
        settings_of(**rabbit(http_stand_in.url), CELERY_QUEUES="antenna, ml.results")
    )
    reading = await source.read([])
    await source.aclose()
    assert reading.ok
    assert numbers(reading) == dict.fromkeys(("antenna", "ml.results"), (None, None, None))
    assert reading.error == (
        "RabbitMQ has no queue ml.results on virtual host /, is AMI_CONSOLE_CELERY_QUEUES right"
    )
    assert parse_qs(urlsplit(http_stand_in.asked[0]).query)["name"] == [r"^(antenna|ml\.results)$"]


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, "wrong_password", SourceRefused, ["Login failed", "AMI_CONSOLE_RABBITMQ_URL"]),
        (401, "no_tag", SourceRefused, ["Not management user", "tag management"]),
        (401, "no_access", SourceRefused, ["access virtual host", "access to virtual host /"]),
        (401, b"", SourceRefused, ["401", "password"]),
        (404, "no_such_vhost", SourceMalformed, ["no virtual host /", "path of AMI_CONSOLE_RABB"]),
        (404, HTML, SourceMalformed, ["404", "HTML page", "AMI_CONSOLE_RABBITMQ_URL"]),
        (200, HTML, SourceMalformed, ["HTML page"]),
        (200, b"[]", SourceMalformed, ["list instead of an object"]),
        (200, b'{"items": {}}', SourceMalformed, ["no list of queues"]),
        (503, HTML, SourceUnreachable, ["gateway"]),
    ],
)  # fmt: skip
async def test_what_answers_in_rabbitmqs_place(
    http_stand_in: Any,
    settings_of: Make,
    recorded: Callable[[str], Any],
    status: int,
    body: str | bytes,
    kind: type[SourceError],
    words: list[str],
) -> None:
    """A wrong password, a user without rights, a virtual host that is not there, another server."""
    said = body if isinstance(body, bytes) else recorded("rabbitmq")[body]
    http_stand_in.answer(status, said)
    source = CeleryQueueSource(settings_of(**rabbit(http_stand_in.url)))
    with pytest.raises(kind) as caught:
        await source.read([])
    await source.aclose()
    assert str(caught.value).startswith(f"RabbitMQ at {http_stand_in.url}: ")
    assert [word for word in words if word not in str(caught.value)] == []
    for secret in ("gu%40est", "gu@est"):
        assert secret not in f"{caught.value!r} {source!r}"


async def test_odd_numbers_are_missing(http_stand_in: Any, settings_of: Make) -> None:
    """Another version, or something between: no number is made up."""
    odd = [
        None,
        {"name": ["antenna"], "messages_ready": 3},
        {"name": "antenna", "messages_ready": -1, "consumers": "", "messages_unacknowledged": 2.5},
        {"name": "jobs", "messages_ready": 2**70, "consumers": True},
    ]
    http_stand_in.answer(200, {"items": odd})
    source = CeleryQueueSource(settings_of(**rabbit(http_stand_in.url)))
    reading = await source.read([])
    await source.aclose()
    assert numbers(reading) == dict.fromkeys(QUEUES, (None, None, None))


async def test_rabbitmq_is_not_there(settings_of: Make, free_port: int) -> None:
    source = CeleryQueueSource(settings_of(**rabbit(f"http://127.0.0.1:{free_port}")))
    with pytest.raises(SourceUnreachable, match=r"RabbitMQ at .*: connection refused"):
        await source.read([])
    await source.aclose()


async def test_https_with_a_private_authority(
    http_stand_in: Any,
    settings_of: Make,
    recorded: Callable[[str], Any],
    tls_front: Callable[[int], int],
    self_signed: TlsFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    http_stand_in.answer(200, recorded("rabbitmq")["queues"])
    monkeypatch.setenv("SSL_CERT_FILE", str(self_signed.ca))
    url = f"https://localhost:{tls_front(http_stand_in.port)}"
    source = CeleryQueueSource(settings_of(**rabbit(url)))
    assert (await source.read([])).ok
    await source.aclose()


@pytest.mark.servers
async def test_the_lists_of_a_redis_broker(redis_server: RedisServer, settings_of: Make) -> None:
    """Nine results wait, two of them with another priority; nothing waits for the others, whose
    lists Celery takes away when they are empty.
    """
    async with Redis.from_url(redis_server.url) as client:
        await client.lpush("ml_results", *["{}"] * 7)
        await client.lpush("ml_results\x06\x163", "{}")
        await client.lpush("ml_results\x06\x169", "{}")
        await client.hset("unacked", mapping={"tag": "[]"})
    source = CeleryQueueSource(settings_of(CELERY_REDIS_URL=redis_server.url))
    reading = await source.read([3])
    assert (reading.ok, reading.error, reading.requests) == (True, None, 1)
    assert numbers(reading) == {
        "antenna": (0, None, None),
        "jobs": (0, None, None),
        "ml_results": (9, None, None),
    }
    assert {row["observed_at"] for row in reading.rows["queues"]} == {reading.observed_at}
    assert numbers(await source.discover()) == numbers(reading)
    await source.aclose()
    assert numbers(await source.read([])) == numbers(reading), "it connects anew"
    await source.aclose()


@pytest.mark.servers
async def test_a_key_that_is_no_list(redis_server: RedisServer, settings_of: Make) -> None:
    """The wrong database: a key of that name holds something else."""
    async with Redis.from_url(redis_server.url) as client:
        await client.set("jobs", "12")
        await client.lpush("antenna", "{}")
    source = CeleryQueueSource(settings_of(CELERY_REDIS_URL=redis_server.url))
    reading = await source.read([])
    await source.aclose()
    assert reading.ok
    assert [values[0] for values in numbers(reading).values()] == [1, None, 0]
    assert reading.error == "the key jobs holds no list, is it Celery's Redis"


@pytest.mark.servers
async def test_a_login_that_may_only_ask_for_lengths(
    redis_server: RedisServer, settings_of: Make
) -> None:
    """The narrowest login will do; with less, the message says what it lacks."""
    async with Redis.from_url(redis_server.url) as client:
        keys = ["~antenna*", "~jobs*", "~ml_results*"]
        await client.execute_command("ACL", "SETUSER", "ann", "on", ">pa55word", *keys, "+llen")
        await client.execute_command("ACL", "SETUSER", "bob", "on", ">pa55word", "~jobs*", "+llen")
    url = redis_server.url.replace("//", "//ann:pa55word@")
    source = CeleryQueueSource(settings_of(CELERY_REDIS_URL=url))
    assert [values[0] for values in numbers(await source.read([])).values()] == [0, 0, 0]
    await source.aclose()
    source = CeleryQueueSource(settings_of(CELERY_REDIS_URL=url.replace("ann", "bob")))
    with pytest.raises(SourceRefused, match=r"\+llen on ~antenna\* ~jobs\* ~ml_results\*"):
        await source.read([])
    await source.aclose()
    source = CeleryQueueSource(settings_of(CELERY_REDIS_URL=url.replace("word", "w0rd")))
    with pytest.raises(SourceRefused, match="AMI_CONSOLE_CELERY_REDIS_URL") as caught:
        await source.read([])
    await source.aclose()
    assert "pa55w0rd" not in str(caught.value)


@pytest.mark.servers
async def test_a_broker_that_was_started_again(
    redis_server: RedisServer, settings_of: Make
) -> None:
    """The kept connection is gone; the look is no failure. Then the server stays away."""
    source = CeleryQueueSource(settings_of(CELERY_REDIS_URL=redis_server.url))
    await source.read([])
    redis_server.restart()
    assert (await source.read([])).ok
    redis_server.stop()
    for _ in range(2):
        with pytest.raises(
            SourceUnreachable, match=r"Celery's Redis at redis://.*: connection ref"
        ):
            await source.read([])
    redis_server.start()
    assert (await source.read([])).ok
    await source.aclose()


async def test_rabbitmq_wins_when_both_are_given(
    http_stand_in: Any, settings_of: Make, recorded: Callable[[str], Any], free_port: int
) -> None:
    http_stand_in.answer(200, recorded("rabbitmq")["queues"])
    redis_url = f"redis://127.0.0.1:{free_port}"
    source = CeleryQueueSource(settings_of(**rabbit(http_stand_in.url), CELERY_REDIS_URL=redis_url))
    assert numbers(await source.read([]))["ml_results"] == (125, 3, 1)
    await source.aclose()


def test_which_sources_the_settings_name(settings_of: Make) -> None:
    """One look asks how things stand; a watch follows the logs too, unless it is told not to."""

    def names(make: Callable[[Settings], Any], **more: str) -> list[str]:
        return [source.name for source in make(settings_of(**more))]

    state = ["antenna", "nats", "redis"]
    assert names(state_sources) == state
    assert names(live_sources) == [*state, "job_logs"]
    assert names(live_sources, JOB_LOGS_EVERY_S="0") == state
    assert names(live_sources, LOG_FILES="django.log") == [*state, "job_logs", "log_files"]
    assert names(state_sources, LOG_FILES="django.log") == state
    for broker in ({"RABBITMQ_URL": "http://rabbit"}, {"CELERY_REDIS_URL": "redis://broker"}):
        assert names(state_sources, **broker) == [*state, "celery"]
        assert names(state_sources, **broker, CELERY_QUEUES="") == state
        assert names(live_sources, **broker) == [*state, "celery", "job_logs"]
