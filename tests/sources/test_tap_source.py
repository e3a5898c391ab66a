"""The tap on a real nats-server: what it sees, what it says when it can't, and that it is quiet."""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx
import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from waiting import until

from ami_console.batch import Row
from ami_console.demo import servers
from ami_console.demo.servers import NatsServer
from ami_console.reading import Reading
from ami_console.settings import Settings
from ami_console.sources import tap_session
from ami_console.sources.tap import Tap, live_taps
from ami_console.sources.tap_session import TapSession

pytestmark = pytest.mark.servers

NS = 1_000_000_000
THREADS = ("tap", "tap-readings")


class Listener:
    """What a tap delivered."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    def __call__(self, reading: Reading) -> None:
        self.readings.append(reading)

    def rows(self, frame: str) -> list[Row]:
        return [row for reading in self.readings for row in reading.rows.get(frame, ())]

    @property
    def failed(self) -> list[Reading]:
        return [reading for reading in self.readings if not reading.ok]

    @property
    def errors(self) -> str:
        return "\n".join(reading.error or "" for reading in self.readings)

    def is_well(self) -> bool:
        return bool(self.readings) and self.readings[-1].ok


@pytest.fixture
def tap_of(settings_of: Callable[..., Settings]) -> Iterator[Callable[..., tuple[Tap, Listener]]]:
    """``tap_of(server.environment(), flush_s=…)``: a tap that listens, and what it delivers to."""
    made: list[Tap] = []

    def make(environment: dict[str, str], **options: Any) -> tuple[Tap, Listener]:
        settings = settings_of(environment, EVERY_S="0.2")
        tap, listener = Tap(settings, **{"flush_s": 0.05, **options}), Listener()
        made.append(tap)
        tap.start(listener)
        return tap, listener

    yield make
    for tap in made:
        tap.stop()
    assert not [thread for thread in threading.enumerate() if thread.name in THREADS]


@pytest_asyncio.fixture
async def antenna_of() -> AsyncIterator[Callable[..., Awaitable[Client]]]:
    """``await antenna_of(server)``: a client with all rights, that of Antenna."""
    clients: list[Client] = []

    async def ignore(_: Exception) -> None:
        """The servers are stopped on purpose."""

    async def make(server: NatsServer) -> Client:
        login = {"user": server.user, "password": server.password} if server.user else {}
        client = await nats.connect(
            server.url,
            error_cb=ignore,
            allow_reconnect=False,
            **login,  # type: ignore[arg-type]
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


async def queue_job(client: Client, job_id: int, *, images: int, **consumer: Any) -> list[int]:
    """Stream, consumer and messages of a job, as Antenna makes them; when each was stored, ns."""
    jetstream = client.jetstream()
    stream, subject = f"job_{job_id}", f"job.{job_id}.tasks"
    await jetstream.add_stream(name=stream, subjects=[subject])
    config = {"ack_wait": 30.0, "max_deliver": 5, **consumer}
    await jetstream.add_consumer(
        stream,
        ConsumerConfig(
            durable_name=f"job-{job_id}-consumer", ack_policy=AckPolicy.EXPLICIT, **config
        ),
    )
    for image in range(images):
        await jetstream.publish(subject, json.dumps({"image_id": str(image)}).encode())
    stored = []
    for seq in range(1, images + 1):
        request = json.dumps({"seq": seq}).encode()
        reply = await client.request(f"$JS.API.STREAM.MSG.GET.{stream}", request)
        stored.append(in_ns(json.loads(reply.data)["message"]["time"]))
    return stored


def in_ns(text: str) -> int:
    seconds, _, decimals = text.removesuffix("Z").partition(".")
    whole = time.strptime(f"{seconds} UTC", "%Y-%m-%dT%H:%M:%S %Z")
    return (int(time.mktime(whole)) - time.timezone) * NS + int(decimals.ljust(9, "0") or 0)


async def fetch(client: Client, job_id: int, images: int) -> list[Msg]:
    """A worker reserves tasks."""
    bound = await client.jetstream().pull_subscribe_bind(f"job-{job_id}-consumer", f"job_{job_id}")
    return await bound.fetch(images, timeout=5)


def connections_of_the_console(server: NatsServer) -> list[dict[str, Any]]:
    """As the server sees them, with their subscriptions."""
    asked = httpx.get(f"{server.monitor_url}/connz?subs=true", trust_env=False).json()
    return [each for each in asked["connections"] if each.get("name") == "ami-console"]


async def wait_for(condition: Callable[[], object]) -> None:
    """Wait without standing in the way of the test's own client."""
    await asyncio.to_thread(until, lambda: bool(condition()))


async def test_every_acknowledgement_with_all_that_its_subject_tells(
    nats_server: NatsServer,
    antenna_of: Callable[..., Awaitable[Client]],
    tap_of: Callable[..., tuple[Tap, Listener]],
) -> None:
    """A worker takes three of job 3 and one of job 4; three results are saved, one fails."""
    client = await antenna_of(nats_server)
    stored = await queue_job(client, 3, images=5)
    [stored_of_4] = await queue_job(client, 4, images=1)
    _, heard = tap_of(nats_server.environment())
    await wait_for(heard.is_well)
    first, second, third = await fetch(client, 3, 3)
    [other] = await fetch(client, 4, 1)
    begun = time.time_ns()
    await second.ack()
    await first.ack()
    await third.nak()
    await other.ack_sync()
    await wait_for(lambda: len(heard.rows("acks")) == 4)

    def row(job: int, seq: int, stored_at: int, pending: int, kind: str = "+ACK") -> Row:
        return {"job_id": job, "stream_seq": seq, "consumer_seq": seq, "delivery": 1,
                "stored_at": stored_at, "num_pending_then": pending, "kind": kind}  # fmt: skip

    times = ("observed_at", "acked_at")
    assert [{k: v for k, v in r.items() if k not in times} for r in heard.rows("acks")] == [
        row(3, 2, stored[1], 3),
        row(3, 1, stored[0], 4),
        row(3, 3, stored[2], 2, "-NAK"),
        row(4, 1, stored_of_4, 0),
    ]
    received = [r["acked_at"] for r in heard.rows("acks")]
    assert received == sorted(received)
    assert begun < received[0]
    assert received[-1] < time.time_ns()
    assert received == [r["observed_at"] for r in heard.rows("acks")]
    assert not heard.failed
    full = [reading for reading in heard.readings if "acks" in reading.rows]
    size = sum(len(m.reply) + 4 for m in (first, second, third, other))
    assert sum(reading.bytes or 0 for reading in full) >= size
    assert {(r.source, r.requests, r.clock_offset_s) for r in heard.readings} == {("tap", 0, None)}


async def test_acks_that_are_not_the_first_or_not_the_last_word(
    nats_server: NatsServer,
    antenna_of: Callable[..., Awaitable[Client]],
    tap_of: Callable[..., tuple[Tap, Listener]],
) -> None:
    """Progress, a task sent back and delivered again, one ended for good, one acked twice."""
    client = await antenna_of(nats_server)
    await queue_job(client, 3, images=3)
    _, heard = tap_of(nats_server.environment())
    await wait_for(heard.is_well)
    first, second, third = await fetch(client, 3, 3)
    await first.in_progress()
    await first.nak(delay=0.01)
    await second.term()
    await third.ack()
    await client.publish(third.reply, b"+ACK")
    [again] = await fetch(client, 3, 1)
    await again.ack()
    await client.flush()
    await wait_for(lambda: len(heard.rows("acks")) == 6)
    told = [(r["stream_seq"], r["delivery"], r["consumer_seq"], r["kind"]) for r in
            heard.rows("acks")]  # fmt: skip
    assert told == [
        (1, 1, 1, "+WPI"),
        (1, 1, 1, "-NAK"),
        (2, 1, 2, "+TERM"),
        (3, 1, 3, "+ACK"),
        (3, 1, 3, "+ACK"),
        (1, 2, 4, "+ACK"),
    ]
    assert "CONSUMER.MSG_TERMINATED" in [r["kind"] for r in heard.rows("advisories")]


async def test_acks_of_a_stream_that_is_gone_and_of_a_hub_with_a_domain(
    nats_server: NatsServer,
    antenna_of: Callable[..., Awaitable[Client]],
    tap_of: Callable[..., tuple[Tap, Listener]],
) -> None:
    """A job was cancelled while its results were saved; other streams' acks are not ours."""
    client = await antenna_of(nats_server)
    await queue_job(client, 8, images=1)
    _, heard = tap_of(nats_server.environment())
    await wait_for(heard.is_well)
    [late] = await fetch(client, 8, 1)
    await client.jetstream().delete_stream("job_8")
    await late.ack()
    for subject in (
        "$JS.ACK.hub.hAsH.job_9.job-9-consumer.1.5.6.1795449310256710216.0",
        "$JS.ACK.hub.hAsH.job_9.job-9-consumer.1.7.8.1795449310256710216.0.rAnDoM",
        "$JS.ACK.hub.job_9.job-9-consumer.1.5.5.1795449310256710216.0",
        "$JS.ACK.orders.worker.1.5.5.1795449310256710216.0",
        "$JS.ACK.job_9.job-9-consumer.one.5.5.1795449310256710216.0",
        "$JS.ACK.job_9.job-9-consumer.1.9.9.1795449310256710216.0",
    ):
        await client.publish(subject, b"")
    await client.flush()
    await wait_for(lambda: len(heard.rows("acks")) == 4)
    told = [(r["job_id"], r["stream_seq"], r["consumer_seq"]) for r in heard.rows("acks")]
    assert told == [(8, 1, 1), (9, 5, 6), (9, 7, 8), (9, 9, 9)]
    assert {r["kind"] for r in heard.rows("acks")} == {"+ACK"}


async def test_advisories_of_a_job_from_its_begin_to_its_end(
    nats_server: NatsServer,
    antenna_of: Callable[..., Awaitable[Client]],
    tap_of: Callable[..., tuple[Tap, Listener]],
) -> None:
    """One task is delivered twice, never acknowledged, and given up at the next pull."""
    _, heard = tap_of(nats_server.environment())
    await wait_for(heard.is_well)
    client = await antenna_of(nats_server)
    begun = time.time_ns()
    await client.jetstream().add_stream(name="orders", subjects=["orders"])
    await queue_job(client, 3, images=1, ack_wait=0.1, max_deliver=2)

    def kinds() -> list[str]:
        return [row["kind"] for row in heard.rows("advisories")]

    await fetch(client, 3, 1)
    await fetch(client, 3, 1)  # comes when the first delivery has expired
    bound = await client.jetstream().pull_subscribe_bind("job-3-consumer", "job_3")
    with pytest.raises(nats.errors.TimeoutError):
        await bound.fetch(1, timeout=1)
    await wait_for(lambda: "CONSUMER.MAX_DELIVERIES" in kinds())
    await client.jetstream().delete_consumer("job_3", "job-3-consumer")
    await client.jetstream().delete_stream("job_3")
    await wait_for(lambda: "STREAM.DELETED" in kinds())
    assert kinds() == [
        "STREAM.CREATED",
        "CONSUMER.CREATED",
        "CONSUMER.MAX_DELIVERIES",
        "CONSUMER.DELETED",
        "STREAM.DELETED",
    ]
    assert {row["job_id"] for row in heard.rows("advisories")} == {3}
    given_up = heard.rows("advisories")[2]
    assert (given_up["stream_seq"], given_up["deliveries"]) == (1, 2)
    assert begun - NS < given_up["observed_at"] < time.time_ns() + NS
    assert heard.rows("acks") == []


async def test_it_only_listens(
    start_nats: Callable[..., NatsServer],
    antenna_of: Callable[..., Awaitable[Client]],
    tap_of: Callable[..., tuple[Tap, Listener]],
) -> None:
    """The read-only login is enough; three subscriptions, nothing published, no queue disturbed."""
    server = start_nats(
        user="antenna", password="all", read_only_user="ami", read_only_password="l00k"
    )
    client = await antenna_of(server)
    await queue_job(client, 3, images=3)
    _, heard = tap_of(server.environment(read_only=True))
    await wait_for(heard.is_well)
    [task, _] = await fetch(client, 3, 2)
    await task.ack_sync()
    await wait_for(lambda: heard.rows("acks"))
    [ours] = connections_of_the_console(server)
    assert sorted(ours["subscriptions_list"]) == [
        "$JS.ACK.>",
        "$JS.EVENT.ADVISORY.CONSUMER.>",
        "$JS.EVENT.ADVISORY.STREAM.>",
    ]
    assert ours["in_msgs"] == 0
    info = await client.jetstream().consumer_info("job_3", "job-3-consumer")
    assert (info.num_pending, info.num_ack_pending, info.num_redelivered) == (1, 1, 0)
    assert not heard.failed
    assert {reading.error for reading in heard.readings} == {None}


@pytest.mark.parametrize("lacking", ["$JS.ACK.>", "$JS.EVENT.ADVISORY.CONSUMER.>"])
async def test_a_right_is_missing(
    lacking: str,
    start_nats: Callable[..., NatsServer],
    antenna_of: Callable[..., Awaitable[Client]],
    tap_of: Callable[..., tuple[Tap, Listener]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The login was made for the looks only: without acks nothing is seen, without advisories
    the acks are."""
    rights = servers.READ_ONLY_PERMISSIONS
    fewer = [subject for subject in rights["subscribe"] if subject != lacking]
    monkeypatch.setattr(servers, "READ_ONLY_PERMISSIONS", {**rights, "subscribe": fewer})
    server = start_nats(
        user="antenna", password="all", read_only_user="ami", read_only_password="l00k"
    )
    _, heard = tap_of(server.environment(read_only=True))
    await wait_for(lambda: len(heard.readings) >= 2)
    client = await antenna_of(server)
    await client.publish("$JS.ACK.job_9.job-9-consumer.1.9.9.1795449310256710216.0", b"")
    await client.flush()
    if lacking == "$JS.ACK.>":
        count = len(heard.readings)
        await wait_for(lambda: len(heard.readings) >= count + 2)
        assert not any(reading.ok or reading.rows for reading in heard.readings)
    else:
        await wait_for(lambda: heard.rows("acks"))
        assert not heard.failed
    for reading in heard.readings:
        assert f"may not subscribe to {lacking};" in (reading.error or "")
    assert "l00k" not in heard.errors


async def test_the_server_dies_and_comes_back(
    nats_server: NatsServer,
    antenna_of: Callable[..., Awaitable[Client]],
    tap_of: Callable[..., tuple[Tap, Listener]],
) -> None:
    """kill -9: no reading is good until the subscriptions stand again, then acks flow."""
    client = await antenna_of(nats_server)
    await queue_job(client, 3, images=3)
    _, heard = tap_of(nats_server.environment())
    await wait_for(heard.is_well)
    [task] = await fetch(client, 3, 1)
    await task.ack_sync()
    await wait_for(lambda: heard.rows("acks"))
    nats_server.kill()
    await wait_for(lambda: len(heard.failed) >= 3)
    before = len(heard.readings)
    nats_server.start()
    await wait_for(lambda: heard.is_well() and len(heard.readings) > before)
    client = await antenna_of(nats_server)
    [task] = await fetch(client, 3, 1)
    await task.ack_sync()
    await wait_for(lambda: len(heard.rows("acks")) == 2)
    assert [row["stream_seq"] for row in heard.rows("acks")] == [1, 2]

    first = next(i for i, reading in enumerate(heard.readings) if not reading.ok)
    back = next(i for i, reading in enumerate(heard.readings) if i > first and reading.ok)
    gap = heard.readings[first:back]
    assert all(reading.ok for reading in heard.readings[:first] + heard.readings[back:])
    assert all((reading.error or "").startswith("not subscribed since ") for reading in gap[:-1])
    assert "connection refused" in (gap[-2].error or "")
    assert (gap[-1].error or "").startswith("not subscribed from ")
    assert not any(reading.rows for reading in gap)
    assert_each_speaks_of_the_time_since_the_last(heard.readings)


def assert_each_speaks_of_the_time_since_the_last(readings: list[Reading]) -> None:
    """No stretch of time is told twice, and none between start and stop is left out."""
    for before, after in itertools.pairwise(readings):
        assert after.observed_at > before.observed_at
        if after.elapsed_s:  # 0 right after the subscriptions stood, and behind a failure
            assert after.elapsed_s == pytest.approx(
                (after.observed_at - before.observed_at) / NS, abs=1e-6
            )


async def test_a_frozen_server_is_noticed_although_the_connection_stands(
    nats_server: NatsServer,
    antenna_of: Callable[..., Awaitable[Client]],
    tap_of: Callable[..., tuple[Tap, Listener]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SIGSTOP, or a network that swallows everything: silence is not "no acknowledgements"."""
    monkeypatch.setattr(tap_session, "ANSWER_S", 0.3)
    client = await antenna_of(nats_server)
    await queue_job(client, 3, images=1)
    _, heard = tap_of(nats_server.environment())
    await wait_for(heard.is_well)
    nats_server.pause()
    await wait_for(lambda: heard.failed)
    assert "no answer in time" in (heard.failed[0].error or "")
    nats_server.resume()
    await wait_for(heard.is_well)
    [task] = await fetch(client, 3, 1)
    await task.ack()
    await wait_for(lambda: heard.rows("acks"))


def dropped_of(heard: Listener) -> int:
    """How many messages the failed readings say were dropped."""
    told = [(reading.error or "").partition(" messages were dropped here") for reading in
            heard.failed]  # fmt: skip
    return sum(int(count) for count, found, _ in told if found)


async def test_messages_dropped_in_the_client_are_counted(
    nats_server: NatsServer,
    antenna_of: Callable[..., Awaitable[Client]],
    tap_of: Callable[..., tuple[Tap, Listener]],
) -> None:
    """More comes at once than may wait: what is lost is said before what is known."""
    _, heard = tap_of(nats_server.environment(), pending_msgs=10)
    await wait_for(heard.is_well)
    client = await antenna_of(nats_server)
    for seq in range(5000):
        await client.publish(f"$JS.ACK.job_9.job-9-consumer.1.{seq}.{seq}.17954493102567.0", b"")
    await client.flush()

    await wait_for(lambda: dropped_of(heard) + len(heard.rows("acks")) == 5000)
    assert dropped_of(heard) > 0
    assert all("were dropped here because this process" in (r.error or "") for r in heard.failed)
    assert_each_speaks_of_the_time_since_the_last(heard.readings)
    for number, reading in enumerate(heard.readings):
        if not reading.ok:
            assert heard.readings[number + 1].ok


async def test_whoever_takes_the_readings_in_is_too_slow(
    nats_server: NatsServer,
    antenna_of: Callable[..., Awaitable[Client]],
    settings_of: Callable[..., Settings],
) -> None:
    """A disk stands still: what waits is bounded, the rest is dropped and counted."""
    heard, moves = Listener(), threading.Event()

    def slow(reading: Reading) -> None:
        if reading.rows:
            assert moves.wait(30)
        heard(reading)

    tap = Tap(settings_of(nats_server.environment()), flush_s=0.05, full_at=100, held_at_most=300)
    tap.start(slow)
    try:
        await wait_for(heard.is_well)
        client = await antenna_of(nats_server)
        for seq in range(5000):
            await client.publish(f"$JS.ACK.job_9.c.1.{seq}.{seq}.17954493102567.0", b"+ACK")
            if seq % 1000 == 999:  # by the last thousand, the tap has read those before
                await client.flush()
                await wait_for(
                    lambda sent=seq + 1: (
                        connections_of_the_console(nats_server)[0]["out_msgs"] == sent
                    )
                )
        moves.set()
        await wait_for(lambda: dropped_of(heard) + len(heard.rows("acks")) == 5000)
        assert dropped_of(heard) > 0
    finally:
        moves.set()
        tap.stop()


async def test_empty_readings_are_a_heartbeat(
    nats_server: NatsServer, tap_of: Callable[..., tuple[Tap, Listener]]
) -> None:
    """No job is running: each reading still says that nothing was missed since the last."""
    _, heard = tap_of(nats_server.environment())
    await wait_for(lambda: len(heard.readings) >= 5)
    readings = heard.readings[:5]
    assert [(r.ok, r.error, r.rows, r.bytes) for r in readings] == [(True, None, {}, 0)] * 5
    assert readings[0].elapsed_s == 0
    assert all(reading.elapsed_s for reading in readings[1:])
    assert_each_speaks_of_the_time_since_the_last(readings)


async def test_what_is_read_late_is_not_called_complete_until_now(
    nats_server: NatsServer, settings_of: Callable[..., Settings]
) -> None:
    """The way is long, or this process slow: what the server sends meanwhile may yet be lost."""
    late_s, pipes = 0.2, set[asyncio.Task[None]]()

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter, wait_s: float) -> None:
        while chunk := await source.read(65536):
            await asyncio.sleep(wait_s)
            sink.write(chunk)
        sink.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        of_server, to_server = await asyncio.open_connection("127.0.0.1", nats_server.port)
        pipes.add(asyncio.create_task(pipe(reader, to_server, 0)))
        pipes.add(asyncio.create_task(pipe(of_server, writer, late_s)))

    delivered: list[tuple[int, Reading]] = []
    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    tap = Tap(settings_of(NATS_URL=url, EVERY_S="0.2"), flush_s=0.05)
    tap.start(lambda reading: delivered.append((time.time_ns(), reading)))
    try:
        await wait_for(lambda: len(delivered) >= 4)
    finally:
        await asyncio.to_thread(tap.stop)
        server.close()
        await asyncio.gather(*pipes)
    for at, reading in delivered[1:]:
        assert reading.ok
        assert at - reading.observed_at > 0.9 * late_s * NS


async def test_a_stop_hands_on_what_came_in_and_a_start_tells_the_gap(
    nats_server: NatsServer,
    antenna_of: Callable[..., Awaitable[Client]],
    tap_of: Callable[..., tuple[Tap, Listener]],
) -> None:
    """The last page was closed, and opened again a while later."""
    client = await antenna_of(nats_server)
    tap, heard = tap_of(nats_server.environment(), flush_s=60)
    tap.start(heard)  # once more does nothing
    await wait_for(heard.is_well)
    assert len(connections_of_the_console(nats_server)) == 1
    subject = "$JS.ACK.job_9.job-9-consumer.1.{0}.{0}.1795449310256710216.0"
    await client.publish(subject.format(1), b"")
    await client.flush()
    tap.stop()
    tap.stop()
    assert [row["stream_seq"] for row in heard.rows("acks")] == [1]
    assert not [thread for thread in threading.enumerate() if thread.name in THREADS]
    await wait_for(lambda: not connections_of_the_console(nats_server))
    await client.publish(subject.format(2), b"")
    await client.flush()

    stopped = len(heard.readings)
    tap.start(heard)
    await wait_for(lambda: len(heard.readings) > stopped and heard.is_well())
    await client.publish(subject.format(3), b"")
    await client.flush()
    tap.stop()
    assert [row["stream_seq"] for row in heard.rows("acks")] == [1, 3]
    gap = heard.readings[stopped]
    assert not gap.ok
    assert "not subscribed from " in (gap.error or "")
    assert [reading.ok for reading in heard.readings[stopped + 1 :]] == [True, True]


@pytest.mark.parametrize("state", ["gone", "frozen", "refusing"])
async def test_it_can_be_stopped_while_it_can_not_connect(
    state: str,
    start_nats: Callable[..., NatsServer],
    tap_of: Callable[..., tuple[Tap, Listener]],
) -> None:
    """NATS was never there, does not answer, or wants another password: said, but not kept."""
    server = start_nats(user="antenna", password="r1ght")
    wrong = {**server.environment(), "AMI_CONSOLE_NATS_PASSWORD": "wr0ngpass"}
    if state == "gone":
        server.stop()
    elif state == "frozen":
        server.pause()
    tap, heard = tap_of(wrong)
    if state != "frozen":
        await wait_for(lambda: len(heard.readings) >= 2)
    await asyncio.to_thread(tap.stop)
    assert not [thread for thread in threading.enumerate() if thread.name in THREADS]
    assert not any(reading.ok for reading in heard.readings)
    assert "wr0ngpass" not in heard.errors
    assert {"gone": "refused", "refusing": "login was refused", "frozen": ""}[state] in heard.errors
    server.resume()


async def test_the_reader_of_the_library_ends(
    nats_server: NatsServer,
    antenna_of: Callable[..., Awaitable[Client]],
    tap_of: Callable[..., tuple[Tap, Listener]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """nats-py stops reading at a fault of its own and tells nobody: seen, told, connected anew.

    (As of a subject that is no UTF-8, which we read all the same: tests/input.)
    """
    monkeypatch.setattr(tap_session, "ANSWER_S", 0.3)
    _, heard = tap_of(nats_server.environment())
    await wait_for(heard.is_well)
    client = await antenna_of(nats_server)

    def fail(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("ami_console.sources.broker._Client._build_message", fail)
        await client.publish("$JS.ACK.job_9.job-9-consumer.1.1.1.1795449310256710216.0", b"")
        await wait_for(lambda: heard.failed)
    await wait_for(heard.is_well)
    await client.publish("$JS.ACK.job_9.job-9-consumer.1.1.1.1795449310256710216.0", b"")
    await client.flush()
    await wait_for(lambda: heard.rows("acks"))


async def test_a_fault_of_ours_is_a_failed_reading_and_the_end_of_nothing(
    nats_server: NatsServer,
    antenna_of: Callable[..., Awaitable[Client]],
    tap_of: Callable[..., tuple[Tap, Listener]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One fault where messages are received, one where rows are made, one in who takes them in."""
    taking, opening = Listener.__call__, TapSession.complete
    faults: dict[str, Exception] = {}

    def fail(where: str) -> None:
        if where in faults:
            raise faults.pop(where)

    async def complete(self: TapSession, *, after_s: float) -> None:
        fail("receiving")
        await opening(self, after_s=after_s)

    def take_in(self: Listener, reading: Reading) -> None:
        fail("taking")
        taking(self, reading)

    def rows(self: tap_session.Heard) -> Any:
        fail("making")
        return making(self)

    making = tap_session.Heard.rows
    monkeypatch.setattr(TapSession, "complete", complete)
    monkeypatch.setattr(tap_session.Heard, "rows", rows)
    monkeypatch.setattr(Listener, "__call__", take_in)
    _, heard = tap_of(nats_server.environment())
    client = await antenna_of(nats_server)
    for number, where in enumerate(("receiving", "making", "taking"), 1):
        await wait_for(heard.is_well)
        failed = len(heard.failed)
        faults[where] = ZeroDivisionError("s3cret of a connection")
        await wait_for(lambda failed=failed: len(heard.failed) > failed and heard.is_well())
        await client.publish(f"$JS.ACK.job_9.c.1.{number}.1.17954493102567.0", b"")
        await client.flush()
        await wait_for(lambda number=number: len(heard.rows("acks")) == number)
    assert heard.errors.count("in an unexpected way (ZeroDivisionError); see the log") >= 3
    assert "s3cret" not in heard.errors
    assert "Traceback" in caplog.text


def test_it_is_off_unless_the_settings_switch_it_on(settings_of: Callable[..., Settings]) -> None:
    assert live_taps(settings_of()) == []
    assert [tap.name for tap in live_taps(settings_of(TAP="true"))] == ["tap"]
