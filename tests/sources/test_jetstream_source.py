"""Antenna's JetStream, a real nats-server, by its monitoring port and by its API."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import nats
import orjson
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType

from ami_console.demo.servers import NatsServer, TlsFiles
from ami_console.errors import SourceError, SourceRefused, SourceUnreachable
from ami_console.reading import Reading, Row
from ami_console.settings import Settings
from ami_console.sources import jetstream
from ami_console.sources.jetstream import JetstreamSource
from ami_console.sources.jetstream_api import JetstreamApi

Make = Callable[..., Settings]
Jobs = Callable[..., Awaitable[Client]]
pytestmark = pytest.mark.servers

OF_THE_LOOK = {"observed_at", "server_at"}
NO_PORT = {"AMI_CONSOLE_NATS_MONITOR_URL": ""}


def facts(reading: Reading) -> list[Row]:
    """The rows without the instants of the look itself."""
    rows = reading.rows["consumers"]
    assert {row["observed_at"] for row in rows} <= {reading.observed_at}
    return [{key: row[key] for key in row.keys() - OF_THE_LOOK} for row in rows]


def jobs_of(reading: Reading) -> list[int]:
    return [row["job_id"] for row in reading.rows["consumers"]]


@pytest_asyncio.fixture
async def source_of(settings_of: Make) -> AsyncIterator[Callable[..., JetstreamSource]]:
    """``source_of(server.environment(), …)``: a source that is closed at the end."""
    made: list[JetstreamSource] = []

    def make(*environments: dict[str, str], **more: str) -> JetstreamSource:
        made.append(JetstreamSource(settings_of(*environments, **more)))
        return made[-1]

    yield make
    for source in made:
        await source.aclose()


@pytest_asyncio.fixture
async def antenna_nats() -> AsyncIterator[Callable[..., Awaitable[Client]]]:
    """``await antenna_nats(server, 3, 4)``: a client of Antenna's own, jobs 3 and 4 queued."""
    clients: list[Client] = []

    async def ignore(_: Exception) -> None:
        """The servers are stopped on purpose."""

    async def make(server: NatsServer, *job_ids: int, images: int = 5) -> Client:
        client = await nats.connect(
            server.url,
            user=server.user or None,
            password=server.password or None,
            token=server.token or None,
            error_cb=ignore,
            allow_reconnect=False,
        )
        clients.append(client)
        for job_id in job_ids:
            await queue_job(client, job_id, images=images)
        return client

    yield make
    for client in clients:
        await client.close()


async def queue_job(client: Client, job_id: int, *, images: int) -> None:
    """Stream, consumer and messages of a job, as Antenna makes them."""
    jetstream = client.jetstream()
    stream, subject = f"job_{job_id}", f"job.{job_id}.tasks"
    await jetstream.add_stream(
        name=stream, subjects=[subject], retention=RetentionPolicy.LIMITS, max_age=86400
    )
    await jetstream.add_consumer(
        stream,
        ConsumerConfig(
            durable_name=f"job-{job_id}-consumer",
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=30,
            max_deliver=5,
            max_ack_pending=1000,
            filter_subject=subject,
        ),
    )
    for image in range(images):
        await jetstream.publish(subject, json.dumps({"image_id": str(image)}).encode())


async def work(client: Client, job_id: int, *, take: int, finish: int) -> None:
    """A worker takes ``take`` tasks; the first ``finish`` of them are acknowledged."""
    subscription = await client.jetstream().pull_subscribe_bind(
        f"job-{job_id}-consumer", stream=f"job_{job_id}"
    )
    for message in (await subscription.fetch(take))[:finish]:
        await message.ack_sync()


async def test_both_ways_tell_the_same(
    nats_server: NatsServer, antenna_nats: Jobs, source_of: Callable[..., JetstreamSource]
) -> None:
    """Job 3 is worked on, 4 waits, 5 lost its consumer, 6 its stream; other streams are no jobs."""
    client = await antenna_nats(nats_server, 3, 4, 5, images=5)
    await work(client, 3, take=3, finish=2)
    await client.jetstream().delete_consumer("job_5", "job-5-consumer")
    await client.jetstream().add_stream(name="advisories", subjects=["$JS.EVENT.ADVISORY.>"])
    by_port = await source_of(nats_server.environment()).read([6, 5, 4, 3])
    by_api = await source_of(nats_server.environment(), NO_PORT).read([6, 5, 4, 3])

    assert facts(by_port) == facts(by_api)
    assert jobs_of(by_port) == [3, 4, 5, 6]
    three, four, five, six = by_port.rows["consumers"]
    worked = ["messages", "num_pending", "num_ack_pending", "delivered_stream_seq",
              "ack_floor_stream_seq", "ack_wait_s", "max_deliver", "max_ack_pending"]  # fmt: skip
    assert [three[column] for column in worked] == [5, 2, 1, 3, 2, 30.0, 5, 1000]
    assert three["delivered_last_active"] is not None
    assert [four[column] for column in worked[:5]] == [5, 5, 0, 0, 0]
    assert four["delivered_last_active"] is None
    assert (five["stream_exists"], five["consumer_exists"]) == (True, False)
    assert (five["messages"], five["num_pending"]) == (5, None)
    assert (six["stream_exists"], six["consumer_exists"], six["messages"]) == (False, False, None)

    for reading, requests in ((by_port, 1), (by_api, 8)):
        assert (reading.ok, reading.error, reading.requests) == (True, None, requests)
        assert reading.bytes is not None
        assert reading.bytes > 1000
        assert reading.clock_offset_s is not None
        assert abs(reading.clock_offset_s) < 0.5
        assert reading.elapsed_s is not None
        server_at = reading.rows["consumers"][0]["server_at"]
        assert abs(server_at - reading.observed_at) < 1_000_000_000
    assert by_port.job_ids == {3, 4, 5}
    assert by_api.job_ids is None


async def test_by_the_port_every_job_comes_unasked(
    nats_server: NatsServer, antenna_nats: Jobs, source_of: Callable[..., JetstreamSource]
) -> None:
    """A job that nobody knew of yet: its stream costs nothing to see."""
    await antenna_nats(nats_server, 3, 118)
    source = source_of(nats_server.environment())
    assert jobs_of(await source.read([])) == [3, 118]
    found = await source.discover()
    assert (found.job_ids, jobs_of(found)) == ({3, 118}, [3, 118])
    by_api = source_of(nats_server.environment(), NO_PORT)
    found = await by_api.discover()
    assert (found.job_ids, found.rows) == ({3, 118}, {})
    assert (await by_api.read([])).ok, "without jobs it still asks whether NATS is there"


async def test_the_port_leaves_no_trace_on_the_broker(
    nats_server: NatsServer, antenna_nats: Jobs, source_of: Callable[..., JetstreamSource]
) -> None:
    """Antenna stores every advisory for an hour. The API leaves two per job and look, /jsz none."""
    client = await antenna_nats(nats_server, 3, 4)
    audits: asyncio.Queue[str] = asyncio.Queue()

    async def audit(message: Msg) -> None:
        await audits.put(orjson.loads(message.data).get("subject", message.subject))

    await client.subscribe("$JS.EVENT.ADVISORY.>", cb=audit)

    async def since_last_time(mark: str) -> list[str]:
        """What was recorded up to now; a request of our own marks the end."""
        await client.request(f"$JS.API.STREAM.INFO.{mark}")
        seen = []
        while (subject := await asyncio.wait_for(audits.get(), 5)) != f"$JS.API.STREAM.INFO.{mark}":
            seen.append(subject)
        return seen

    await since_last_time("begin")
    by_port = source_of(nats_server.environment())
    for _ in range(3):
        await by_port.read([3, 4, 5])
    await by_port.discover()
    assert await since_last_time("port") == []
    await source_of(nats_server.environment(), NO_PORT).read([3, 4])
    assert sorted(await since_last_time("api")) == [
        "$JS.API.CONSUMER.INFO.job_3.job-3-consumer",
        "$JS.API.CONSUMER.INFO.job_4.job-4-consumer",
        "$JS.API.STREAM.INFO.job_3",
        "$JS.API.STREAM.INFO.job_4",
    ]


@pytest.mark.parametrize("environment", [{}, NO_PORT], ids=["port", "api"])
async def test_a_login_that_may_only_look_is_enough(
    start_nats: Callable[..., NatsServer],
    antenna_nats: Jobs,
    source_of: Callable[..., JetstreamSource],
    environment: dict[str, str],
) -> None:
    """The rights of the facts page serve everything; what they don't cover is named at once."""
    server = start_nats(
        user="antenna", password="all", read_only_user="ami", read_only_password="l00k"
    )
    await antenna_nats(server, 3, 4)
    source = source_of(server.environment(read_only=True), environment)
    assert (await source.discover()).job_ids == {3, 4}
    assert jobs_of(await source.read([3, 4])) == [3, 4]


async def test_a_forbidden_request_is_named_not_waited_for(
    start_nats: Callable[..., NatsServer], settings_of: Make
) -> None:
    """NATS refuses a publish only in passing; the request itself would time out."""
    server = start_nats(
        user="antenna", password="all", read_only_user="ami", read_only_password="l00k"
    )
    api = JetstreamApi(settings_of(server.environment(read_only=True)))
    with pytest.raises(SourceRefused, match=r"permissions violation .*\$js\.api\.info"):
        await asyncio.wait_for(api.ask([("INFO", b"")]), 5)
    [reply] = await api.ask([("STREAM.INFO.job_3", b"")])
    assert reply.body["error"]["err_code"] == 10059, "the connection goes on serving"
    await api.aclose()


@pytest.mark.parametrize(
    "login",
    [
        {},
        {"NATS_USER": "antenna", "NATS_PASSWORD": "wr0ngpass"},
        {"NATS_TOKEN": "wr0ngtoken"},
        {"NATS_URL": "nats://antenna:wr0ngpass@{}"},
    ],
    ids=["none", "password", "token", "url"],
)
async def test_a_wrong_login(
    start_nats: Callable[..., NatsServer],
    source_of: Callable[..., JetstreamSource],
    login: dict[str, str],
) -> None:
    """Refused at once, with where to look, and without the password."""
    server = start_nats(user="antenna", password="r1ght")
    host = f"127.0.0.1:{server.port}"
    wrong = {key: value.format(host) for key, value in ({"NATS_URL": server.url} | login).items()}
    source = source_of(NO_PORT, **wrong)
    with pytest.raises(SourceRefused, match=r"login was refused.*AMI_CONSOLE_NATS_USER") as caught:
        await asyncio.wait_for(source.read([3]), 5)
    assert f"nats://{host}: " in str(caught.value)
    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize(
    ("server_login", "login"),
    [
        ({"user": "antenna", "password": "p@ss w/rd"}, {}),
        ({"token": "t0k:en"}, {}),
        (
            {"user": "antenna", "password": "p@ss w/rd"},
            {"NATS_URL": "nats://antenna:p%40ss%20w%2Frd@{}", "NATS_USER": "", "NATS_PASSWORD": ""},
        ),
        ({"token": "t0k@en"}, {"NATS_URL": "nats://t0k%40en@{}", "NATS_TOKEN": ""}),
    ],
    ids=["user", "token", "user in the address", "token in the address"],
)
async def test_every_login_that_nats_has(
    start_nats: Callable[..., NatsServer],
    source_of: Callable[..., JetstreamSource],
    server_login: dict[str, str],
    login: dict[str, str],
) -> None:
    """User and password or a token, as settings or in the address, with odd characters."""
    server = start_nats(**server_login)
    right = {key: value.format(f"127.0.0.1:{server.port}") for key, value in login.items()}
    assert (await source_of(server.environment(), NO_PORT, **right).discover()).ok


async def test_a_credentials_file_that_is_none(
    nats_server: NatsServer, source_of: Callable[..., JetstreamSource], tmp_path: Any
) -> None:
    """nats-py would read a file without a JWT for ever."""
    wrong = tmp_path / "antenna.creds"
    with pytest.raises(SourceRefused, match=r"antenna\.creds can't be read .*NATS_CREDS"):
        await source_of(nats_server.environment(), NO_PORT, NATS_CREDS=str(wrong)).read([])
    wrong.write_text("-----BEGIN NATS USER JWT-----\nno seed follows\n")
    with pytest.raises(SourceRefused, match=r"antenna\.creds is no NATS credentials file"):
        await source_of(nats_server.environment(), NO_PORT, NATS_CREDS=str(wrong)).read([])


class Door:
    """A TCP way to the monitoring port that can be closed and opened: a port-forward."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(
            *(each.wait_closed() for each in self._writers), return_exceptions=True
        )
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        self._writers |= {writer, to_writer}

        async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while chunk := await source.read(65536):
                    sink.write(chunk)
            except OSError:
                pass
            sink.close()

        await asyncio.gather(pipe(reader, to_writer), pipe(to_reader, writer))


async def test_the_port_goes_and_comes_back(
    nats_server: NatsServer,
    antenna_nats: Jobs,
    source_of: Callable[..., JetstreamSource],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The port-forward to 8222 breaks: the API takes over, says so, and hands back."""
    await antenna_nats(nats_server, 3, 4)
    door = Door(nats_server.monitor_port)
    await door.open()
    source = source_of(nats_server.environment(), NATS_MONITOR_URL=f"http://127.0.0.1:{door.port}")
    by_port = await source.read([3, 4])
    assert by_port.job_ids == {3, 4}
    await door.close()
    by_api = await source.read([3, 4])
    assert facts(by_api) == facts(by_port)
    assert (by_api.ok, by_api.job_ids) == (True, None)
    assert by_api.error is not None
    assert by_api.error.startswith("read by the JetStream API, which leaves advisories: ")
    assert f"127.0.0.1:{door.port}: " in by_api.error
    await door.open()
    assert (await source.read([3])).job_ids is None, "not tried again before a minute is over"
    monkeypatch.setattr(jetstream, "_MONITOR_AGAIN_S", 0.0)
    source._monitor_again_at = 0.0
    again = await source.read([3, 4])
    assert (again.job_ids, again.error) == ({3, 4}, None)
    await door.close()


async def test_a_port_that_never_answers_costs_one_deadline(
    nats_server: NatsServer, antenna_nats: Jobs, source_of: Callable[..., JetstreamSource]
) -> None:
    """A firewall swallows the monitoring port: the next look goes straight to the API."""
    await antenna_nats(nats_server, 3)

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    hole = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = hole.sockets[0].getsockname()[1]
    source = source_of(nats_server.environment(), NATS_MONITOR_URL=f"http://127.0.0.1:{port}")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(source.read([3]), 0.1)
    # The port alone would take 2 s before it counts as silent.
    reading = await asyncio.wait_for(source.read([3]), 1.5)
    assert jobs_of(reading) == [3]
    assert "no answer in time" in (reading.error or "")
    hole.close()


async def test_something_else_on_the_port(
    nats_server: NatsServer,
    antenna_nats: Jobs,
    source_of: Callable[..., JetstreamSource],
    http_stand_in: Any,
) -> None:
    """Another service listens there: its answer must not look like a broker without streams."""
    await antenna_nats(nats_server, 3)
    for status, body, words in (
        (200, {"status": "ok"}, "server_id"),
        (200, b"<html>", "HTML page"),
        (401, {}, "401"),
    ):
        http_stand_in.answer(status, body)
        source = source_of(nats_server.environment(), NATS_MONITOR_URL=http_stand_in.url)
        reading = await source.read([3])
        assert jobs_of(reading) == [3]
        assert words in (reading.error or "")
        assert f"NATS monitoring at {http_stand_in.url}: " in (reading.error or "")


async def test_a_port_behind_a_password(
    source_of: Callable[..., JetstreamSource],
    http_stand_in: Any,
    recorded: Callable[[str], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A proxy in front of 8222 asks for a login; httpx logs every URL, so it must not be in it."""
    http_stand_in.answer(200, recorded("jsz"))
    caplog.set_level("DEBUG")
    url = http_stand_in.url.replace("//", "//ann:p%40ss@") + "/nats/"
    assert jobs_of(await source_of(NATS_MONITOR_URL=url).read([])) == [105]
    assert http_stand_in.asked == ["/nats/jsz?consumers=true&config=true"]
    login = b64encode(b"ann:p@ss").decode()
    assert http_stand_in.headers[0]["Authorization"] == f"Basic {login}"
    assert "jsz" in caplog.text
    assert [secret for secret in ("p%40ss", "p@ss", login) if secret in caplog.text] == []


async def test_no_jetstream(
    start_nats: Callable[..., NatsServer], source_of: Callable[..., JetstreamSource]
) -> None:
    """A NATS without JetStream is no Antenna with no jobs."""
    server = start_nats(jetstream=False)
    for environment in ({}, NO_PORT):
        source = source_of(server.environment(), environment)
        with pytest.raises(SourceRefused, match="check that JetStream is enabled"):
            await source.read([3])


async def test_a_cluster_shows_only_its_own_streams(
    nats_server: NatsServer,
    antenna_nats: Jobs,
    source_of: Callable[..., JetstreamSource],
    http_stand_in: Any,
) -> None:
    """In a cluster, a stream that is missing from one server's /jsz may live on another."""
    await antenna_nats(nats_server, 3, 4, 5)
    port = source_of(nats_server.environment())._monitor
    assert port is not None
    answer = await port._client.get("jsz", {"consumers": "true", "config": "true"})
    body = orjson.loads(orjson.dumps(answer.body))
    body["meta_cluster"] = {"name": "C1", "leader": "n1", "cluster_size": 3}
    streams = {each["name"]: each for each in body["account_details"][0]["stream_detail"]}
    streams["job_4"]["cluster"]["replicas"] = [{"name": "n2", "current": True}]
    streams["job_4"]["state"]["messages"] = 999_999  # a replica that lags
    body["account_details"][0]["stream_detail"] = [streams["job_3"], streams["job_4"]]
    http_stand_in.answer(200, body)
    source = source_of(nats_server.environment(), NATS_MONITOR_URL=http_stand_in.url)
    reading = await source.read([3, 4, 5, 6])
    exist = [row["stream_exists"] for row in reading.rows["consumers"]]
    assert (jobs_of(reading), exist) == ([3, 4, 5, 6], [True, True, True, False])
    assert [row["messages"] for row in reading.rows["consumers"]] == [5, 5, 5, None]
    assert (reading.requests, reading.job_ids) == (7, None)
    assert (await source.discover()).job_ids == {3, 4, 5}


async def test_the_configuration_is_kept(
    nats_server: NatsServer, antenna_nats: Jobs, source_of: Callable[..., JetstreamSource]
) -> None:
    """It doubles the answer, so it is asked for when a consumer is new, and shown always."""
    client = await antenna_nats(nats_server, 3)
    source = source_of(nats_server.environment())
    with_config, without = await source.read([3]), await source.read([3])
    assert (with_config.requests, without.requests) == (1, 1)
    assert (with_config.bytes or 0) > 1.5 * (without.bytes or 0)
    assert facts(with_config) == facts(without)
    assert without.rows["consumers"][0]["ack_wait_s"] == 30.0
    await queue_job(client, 4, images=1)
    with_new = await source.read([3])
    assert with_new.requests == 2
    assert [row["max_deliver"] for row in with_new.rows["consumers"]] == [5, 5]
    assert (await source.read([3])).requests == 1
    await client.jetstream().delete_consumer("job_4", "job-4-consumer")
    gone = await source.read([3])
    assert (gone.requests, gone.rows["consumers"][1]["max_deliver"]) == (1, None)


async def test_more_jobs_than_are_asked_at_once(
    nats_server: NatsServer, antenna_nats: Jobs, source_of: Callable[..., JetstreamSource]
) -> None:
    """Every answer finds its job, far beyond the window of 256 requests."""
    client = await antenna_nats(nats_server)
    for job_id in range(1, 61):
        await queue_job(client, job_id, images=job_id % 7)
    reading = await source_of(nats_server.environment(), NO_PORT).read(range(1, 301))
    rows = reading.rows["consumers"]
    assert [row["messages"] for row in rows[:60]] == [job_id % 7 for job_id in range(1, 61)]
    assert [row["stream_exists"] for row in rows[60:]] == [False] * 240
    assert reading.requests == 600


async def test_more_streams_than_one_page_of_names(
    nats_server: NatsServer, antenna_nats: Jobs, source_of: Callable[..., JetstreamSource]
) -> None:
    """NATS lists 1,024 names at a time."""
    client = await antenna_nats(nats_server)

    async def add(job_id: int) -> None:
        await client.jetstream().add_stream(
            name=f"job_{job_id}", subjects=[f"job.{job_id}.tasks"], storage=StorageType.MEMORY
        )

    for start in range(1, 1101, 50):
        await asyncio.gather(*map(add, range(start, start + 50)))
    found = await source_of(nats_server.environment(), NO_PORT).discover()
    assert found.job_ids == set(range(1, 1101))
    assert found.requests == 2


@pytest.mark.parametrize("environment", [{}, NO_PORT], ids=["port", "api"])
async def test_a_restart_between_two_looks_is_not_seen(
    nats_server: NatsServer,
    antenna_nats: Jobs,
    source_of: Callable[..., JetstreamSource],
    environment: dict[str, str],
) -> None:
    """NATS goes away and comes back: looks in between say why they fail, the next is whole."""
    client = await antenna_nats(nats_server, 3)
    await work(client, 3, take=3, finish=2)
    source = source_of(nats_server.environment(), environment)
    await source.read([3])
    nats_server.stop()
    for _ in range(2):
        with pytest.raises(SourceUnreachable, match=r"NATS at nats://.*connection refused"):
            await asyncio.wait_for(source.read([3]), 5)
    nats_server.start()
    after = await source.read([3])
    assert (after.ok, after.error) == (True, None)
    [row] = after.rows["consumers"]
    assert (row["delivered_stream_seq"], row["num_ack_pending"], row["ack_wait_s"]) == (3, 1, 30.0)
    nats_server.restart()
    await source.read([3])


async def test_a_deadline_leaves_it_usable(
    nats_server: NatsServer, antenna_nats: Jobs, source_of: Callable[..., JetstreamSource]
) -> None:
    """NATS stalls, the look is given up; its late answers must not be taken for the next one's."""
    await antenna_nats(nats_server, 3, images=3)
    await antenna_nats(nats_server, 4, images=4)
    source = source_of(nats_server.environment(), NO_PORT)
    await source.read([3])
    nats_server.pause()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(source.read([4]), 0.05)
    nats_server.resume()
    assert [row["messages"] for row in (await source.read([3])).rows["consumers"]] == [3]
    for _ in range(3):
        assert [row["messages"] for row in (await source.read([4, 3])).rows["consumers"]] == [3, 4]
    assert source._api._waiting == {}


async def test_a_deadline_while_connecting(
    nats_server: NatsServer, antenna_nats: Jobs, source_of: Callable[..., JetstreamSource]
) -> None:
    """The first look meets a server that accepts and says nothing."""
    await antenna_nats(nats_server, 3)
    source = source_of(nats_server.environment(), NO_PORT)
    nats_server.pause()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(source.read([3]), 0.05)
    nats_server.resume()
    assert jobs_of(await source.read([3])) == [3]


async def test_tls_with_a_private_authority(
    start_nats: Callable[..., NatsServer],
    source_of: Callable[..., JetstreamSource],
    self_signed: TlsFiles,
    tls_front: Callable[[int], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``tls://`` for clients, ``https://`` for the port; one authority for both."""
    server = start_nats(tls=self_signed, user="antenna", password="pa55")
    monkeypatch.setenv("SSL_CERT_FILE", str(self_signed.ca))
    assert (await source_of(server.environment(), NO_PORT).discover()).ok
    front = f"https://localhost:{tls_front(server.monitor_port)}"
    by_port = await source_of(server.environment(), NATS_MONITOR_URL=front).discover()
    assert (by_port.job_ids, by_port.error) == (frozenset(), None)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(SourceUnreachable, match="not trusted"):
        await source_of(server.environment(), NO_PORT).discover()
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(SourceUnreachable, match=r"/nowhere/ca\.pem"):
        await source_of(server.environment(), NO_PORT).discover()


@pytest.mark.parametrize(
    "login",
    [{"NATS_USER": "antenna", "NATS_PASSWORD": "pa55word"}, {"NATS_TOKEN": "pa55word"}],
    ids=["password", "token"],
)
async def test_a_tls_address_never_sends_the_password_in_clear(
    source_of: Callable[..., JetstreamSource], login: dict[str, str]
) -> None:
    """The server behind a tls:// address has no TLS: nats-py would go on in plain text."""
    heard = bytearray()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"X","version":"2.10.26","max_payload":1048576}\r\n')
        while chunk := await reader.read(4096):
            heard.extend(chunk)
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    url = f"tls://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with pytest.raises(SourceRefused, match="does not offer TLS"):
        await asyncio.wait_for(source_of(NO_PORT, NATS_URL=url, **login).read([3]), 5)
    server.close()
    assert b"pa55word" not in heard


async def test_something_else_listens(source_of: Callable[..., JetstreamSource]) -> None:
    """A server that greets with something other than NATS does."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(SourceError, match="AMI_CONSOLE_NATS_URL"):
        await asyncio.wait_for(source_of(NO_PORT, NATS_URL=f"nats://127.0.0.1:{port}").read([]), 5)
    server.close()
