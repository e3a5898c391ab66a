"""Every request that leaves ``record``, ``serve``, ``diagnose`` and ``doctor``, against the list.

They run as they are, as processes, with time compressed (``benchmarks.wire.audited``); proxies in
front of every server write down what is said, and audit hooks which sockets are opened.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from waiting import until

from ami_console.demo.plans import JobPlan, Scenario
from ami_console.demo.stack import Stack
from ami_console.doctor import examine
from ami_console.doctor.costs import Cost
from ami_console.settings import Settings
from benchmarks.harmless import Block, Found, blocks, compared, mood, order
from benchmarks.wire.allowed import (
    ALLOWED,
    ON_REQUEST,
    Allowed,
    forbidden,
    page_table,
    rule,
    too_often,
)
from benchmarks.wire.overheard import Request
from benchmarks.wire.said import UNREADABLE, Http, Nats, Reader, Redis
from benchmarks.wire.watched import Watched, Wire, rabbit_stand_in, wired

pytestmark = pytest.mark.servers

FACTOR = 20.0
BEGINS_WITHIN_S = 120.0  # a process of its own, which imports Panel; other tests run beside it
PAGE = Path(__file__).parents[2] / "docs" / "harmless.md"
PIPELINE = "eastern_canada_moths_2026"


@pytest.fixture(scope="module")
def still() -> Iterator[Stack]:
    """Two jobs that nobody works on: whatever the broker stores meanwhile is of the console."""
    jobs = tuple(
        JobPlan(name=f"Lac {n}", project="laurentian", pipeline=PIPELINE, images=60) for n in (1, 2)
    )
    quiet = Scenario(name="test", says="a test", jobs=jobs, health_check_every_s=86_400.0)
    with Stack(quiet, restart_after_s=None) as running:
        until(lambda: queued(running) == [60, 60])
        yield running


def queued(stack: Stack) -> list[int]:
    """Messages in the stream of each job."""
    told = streams(stack).items()
    return [state["messages"] for name, state in told if name.startswith("job_")]


def streams(stack: Stack) -> dict[str, Any]:
    """Stream → its state."""
    with urlopen(f"{stack.settings.nats_monitor_url.reveal()}/jsz?streams=true") as answer:
        accounts = json.load(answer).get("account_details") or []
    return {s["name"]: s["state"] for each in accounts for s in each.get("stream_detail") or []}


def advisories(stack: Stack) -> tuple[int, int]:
    """Messages and bytes that Antenna's ``advisories`` stream has taken in."""
    state = streams(stack)["advisories"]
    return state["messages"], state["bytes"]


def expected(command: str, *present: str) -> list[Allowed]:
    """What the list says that a command sends, under these conditions."""
    return [each for each in ALLOWED if command in each.commands and each.needs <= set(present)]


def seen_all(wire: Wire, command: str, *present: str) -> Callable[[], bool]:
    """Whether all of it was sent, and what has a beat more than once; or the command has ended."""

    def seen() -> bool:
        if not wire.is_running:
            return True  # its exit code and its words are looked at
        rules = [rule(request, command) for request in wire.requests]
        return all(
            rules.count(each) >= (2 if each.every_s else 1) for each in expected(command, *present)
        )

    return seen


def is_harmless(watched: Watched, wire: Wire, command: str, *binds: int) -> None:
    """Nothing but what is on the list, no more often, to nobody else, and no other program."""
    assert forbidden(watched.requests, command) == []
    assert too_often(watched.requests, command, factor=FACTOR) == []
    assert set() < watched.connected_to <= {("127.0.0.1", port) for port in wire.ports}
    allowed = [("socket.bind", rf"\('[\d.]+', ({'|'.join(map(str, binds))})\)")] if binds else []
    allowed.append(("socket.getaddrinfo", r"'127\.0\.0\.1', .*"))
    others = [
        (event, given)
        for event, given in watched.events
        if not any(event == name and re.fullmatch(told, given) for name, told in allowed)
    ]
    assert others == []


def test_record_by_the_api_with_tap(still: Stack, tmp_path: Path) -> None:
    """The most that it ever sends: no monitoring port, the tap, RabbitMQ, a login for Redis."""
    present = ("api", "tap", "rabbitmq")
    announced = nats_cost(still.environment())
    before = advisories(still)
    with rabbit_stand_in() as rabbit, wired(still.environment(), RABBITMQ_URL=rabbit) as wire:
        watched = wire.run(
            ["record", "--tap", "--into", "recordings"],
            factor=FACTOR,
            settings={"NATS_MONITOR_URL": ""},
            meanwhile=lambda: until(seen_all(wire, "record", *present), BEGINS_WITHIN_S),
            folder=tmp_path,
        )
    assert watched.code == 0, watched.out
    is_harmless(watched, wire, "record")
    assert watched.connections["NATS"] == 2

    # Each question leaves one advisory, of the size that the doctor announced.
    asked = [request for request in watched.requests if request.said.startswith("PUB ")]
    after = advisories(still)
    assert after[0] - before[0] == len(asked)
    assert announced.stored_bytes_per_hour is not None
    assert announced.requests_per_hour is not None
    one = announced.stored_bytes_per_hour / announced.requests_per_hour
    assert after[1] - before[1] == pytest.approx(len(asked) * one, rel=0.15)


def nats_cost(environment: Mapping[str, str]) -> Cost:
    """What the doctor says that looking at NATS by its API will cost."""
    by_api = Settings.from_environment(
        {**environment, "AMI_CONSOLE_NATS_MONITOR_URL": ""}, dotenv=None
    )
    found = asyncio.run(examine(by_api, pause_s=0.05))
    return next(report.cost for report in found.sources if report.source == "nats")


def test_serve_by_the_monitoring_port_with_a_page_open(
    still: Stack, tmp_path: Path, free_port: int
) -> None:
    """A page is opened and ``diagnose`` judges what is recorded, and nobody is asked for that."""
    celery = still.settings.redis_url.reveal()
    before = advisories(still)
    found: list[Watched] = []
    beside = tmp_path / "beside"
    beside.mkdir()

    with wired(still.environment(), CELERY_REDIS_URL=celery) as wire:
        recordings = {"RECORDING": str(tmp_path / "recordings")}

        def meanwhile() -> None:
            until(seen_all(wire, "serve", "monitor", "celery_redis"), BEGINS_WITHIN_S)
            if not wire.is_running:
                return
            with urlopen(f"http://127.0.0.1:{free_port}/dashboard") as page:
                assert page.status == 200
            with wired(still.environment(), CELERY_REDIS_URL=celery) as other:
                judged = other.run(
                    ["diagnose", "--format", "json"], settings=recordings, folder=beside
                )
            found.append(judged)

        watched = wire.run(
            ["serve", "--port", str(free_port)],
            factor=FACTOR,
            settings=recordings,
            meanwhile=meanwhile,
            folder=tmp_path,
        )
    assert watched.code == 0, watched.out
    is_harmless(watched, wire, "serve", free_port)
    assert "NATS" not in watched.connections
    assert advisories(still) == before
    (judged,) = found
    assert judged.code in (0, 1), judged.out
    assert (judged.requests, judged.connected_to, judged.events) == ((), set(), [])


def test_diagnose_by_itself(still: Stack, tmp_path: Path) -> None:
    """Nothing is recorded, so it looks for a while and ends."""
    before = advisories(still)
    with wired(still.environment()) as wire:
        watched = wire.run(["diagnose", "--for", "3"], factor=FACTOR, folder=tmp_path)
    assert watched.code in (0, 1), watched.out
    is_harmless(watched, wire, "diagnose")
    sent = {rule(request, "diagnose") for request in watched.requests}
    assert sent >= set(expected("diagnose", "monitor"))
    assert advisories(still) == before


@pytest.mark.parametrize("way", ["api", "monitor"])
async def test_the_doctor(still: Stack, way: str) -> None:
    """It asks a few things more, once: who are we, and what may we do."""
    with rabbit_stand_in() as rabbit, wired(still.environment(), RABBITMQ_URL=rabbit) as wire:
        given = {**wire.environment, "AMI_CONSOLE_TAP": "true"}
        if way == "api":
            given["AMI_CONSOLE_NATS_MONITOR_URL"] = ""
        found = await examine(Settings.from_environment(given, dotenv=None), pause_s=0.05)
        requests = wire.requests
    assert all(report.ok for report in found.sources)
    assert forbidden(requests, "doctor") == []
    sent = {rule(request, "doctor") for request in requests}
    assert sent >= set(expected("doctor", way, "tap", "rabbitmq", "acl"))


def test_the_page_has_the_list() -> None:
    """A request is added to the list, and the page that operators read does not tell."""
    assert "\n".join(page_table()) in PAGE.read_text()


def test_the_page_names_what_is_switched_on() -> None:
    """An alert or an action leaves the process only where somebody set it up."""
    told = PAGE.read_text()
    for cells in ON_REQUEST:
        assert f"| {' | '.join(cells)} |" in told


def test_no_request_of_the_list_has_another_method() -> None:
    """Whoever adds a request that is no read to the list is stopped here."""
    reads = (
        r"GET |PUB \$JS\.API\.(STREAM\.(NAMES|INFO)|CONSUMER\.INFO)\b|PUB \$SYS\.REQ\.USER\.INFO"
    )
    listens = r"|SUB |CONNECT$|PING|AUTH|TIME$|SCARD |TTL |SCAN |LLEN |INFO server|ACL DRYRUN "
    for each in ALLOWED:
        assert re.match(reads + listens, each.shown), each.shown


@pytest.mark.parametrize(
    ("reader", "sent", "said"),
    [
        (
            Http,
            b"GET /jsz?consumers=true HTTP/1.1\r\nHost: x\r\nAuthorization: Token secret\r\n\r\n"
            b'POST /api/v2/jobs/7/tasks/ HTTP/1.1\r\nContent-Length: 12\r\n\r\n{"batch": 8}'
            b"GET /varz HTTP/1.1\r\n\r\n",
            ["GET /jsz?consumers=true", "POST /api/v2/jobs/7/tasks/ (12 bytes)", "GET /varz"],
        ),
        (
            Nats,
            b'CONNECT {"name": "ami-console", "user": "me", "pass": "secret"}\r\nPING\r\n'
            b"SUB $JS.ACK.> q 7\r\npub job.7.tasks 9\r\nPUB x 0\r\n\r\n"
            b"HPUB a b 12 14\r\nNATS/1.0\r\n\r\nhi\r\nUNSUB 7\r\n",
            [
                "CONNECT as ami-console",
                "PING",
                "SUB $JS.ACK.> q",
                "PUB job.7.tasks PUB x 0\\r\\n",
                "HPUB a b NATS/1.0\\r\\n\\r\\nhi",
                "UNSUB",
            ],
        ),
        (
            Redis,
            b"*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$6\r\nsecret\r\n*2\r\n$3\r\ndel\r\n$4\r\na\r\nb\r\n",
            ["AUTH", "DEL a\\r\\nb"],
        ),
    ],
    ids=["http", "nats", "redis"],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_whatever_is_sent_is_read(
    reader: Callable[[], Reader], sent: bytes, said: list[str], size: int
) -> None:
    """The proxies overlook nothing, in whatever pieces it comes, and keep no password."""
    reads = reader()
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    assert [text for piece in pieces for text in reads.feed(piece)] == said
    assert list(reads.rest()) == []


@pytest.mark.parametrize("reader", [Http, Nats, Redis])
@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\r\n\r\n", b"FLUSHALL\r\n\r\n", b"*1\r\n$5\r\nPI"]
)
def test_what_can_not_be_read_is_told(reader: Callable[[], Reader], sent: bytes) -> None:
    """Somebody speaks TLS, inline commands, or half a command: that is on no list."""
    reads = reader()
    told = [*reads.feed(sent), *reads.rest()]
    assert len(told) == 1
    assert told[0].startswith(UNREADABLE)


def test_more_often_than_allowed_is_told() -> None:
    """A pause was shortened, and the list still says every two seconds."""
    looks = [Request("Redis", "TIME", at_s / 10) for at_s in range(60)]
    (told,) = too_often(looks, "record", factor=1.0)
    assert "Redis: TIME: 60 times" in told
    assert too_often(looks, "record", factor=20.0) == []
    assert forbidden([Request("Antenna", "POST /api/v2/jobs/7/tasks/ (12 bytes)", 0.0)], "serve")
    assert forbidden([Request("NATS", "PUB $JS.API.STREAM.INFO.job_7 job.7.tasks", 0.0)], "record")
    assert forbidden([Request("Antenna", "GET /api/v2/users/me/", 0.0)], "record")


def test_throughput_is_compared_in_turns() -> None:
    """A small slice of the measurement: one pair of blocks, and a collector in the second."""
    found = blocks(mood(0.01, images=3000, batch=8), pairs=1, block_s=0.5)
    assert [block.watched for block in found] == [False, True]
    assert all(block.per_s > 0 for block in found)
    assert set(found[0].cores) == {"antenna", "nats", "redis"}
    assert [*order(3)] == [False, True, True, False, False, True]


def test_what_counts_as_harm() -> None:
    """A tenth less throughput is harm where blocks differ by a hundredth, not where by a fifth."""

    def verdict(noise: float, with_us: float) -> Found:
        rates = [100.0 * (1 + noise * (-1) ** (n // 2)) for n in range(16)]
        watched = [*order(8)]
        return compared(
            "test",
            [
                Block(
                    on,
                    rate * (with_us if on else 1.0),
                    {"antenna": 0.1, "nats": 0.1, "redis": 0},
                    0,
                )
                for on, rate in zip(watched, rates, strict=True)
            ],
            block_s=1.0,
        )

    assert not verdict(0.005, 0.9).is_harmless
    assert verdict(0.005, 0.9).difference == pytest.approx(-0.1, abs=0.02)
    assert verdict(0.2, 0.9).is_harmless
    assert verdict(0.005, 1.0).is_harmless
