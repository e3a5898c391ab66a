"""The logins of the README that can only look: they serve everything, and are refused the rest.

The servers are started with the text of the pages, word for word; Antenna's own login comes to it
as an operator would add it.
"""

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import nats
import pytest
import redis
from waiting import until

from ami_console.collector import Collector
from ami_console.demo.members import AntennaProcess, WorkerProcess
from ami_console.demo.plans import JobPlan, Scenario, WorkerPlan
from ami_console.demo.processes import LOOPBACK, find_nats_server
from ami_console.demo.servers import NatsServer, RedisServer
from ami_console.doctor import examine
from ami_console.reading import Reading
from ami_console.settings import Settings

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs" / "harmless.md").read_text()
ANTENNA = "{user: antenna, password: antenna}"
PIPELINE = "eastern_canada_moths_2026"


def block(text: str, language: str) -> str:
    """The only fenced block of a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return str(found)


class ByThePage(NatsServer):
    """A nats-server with the users of a page, and Antenna's beside them."""

    def __init__(self, users: str) -> None:
        self._users = users.replace("users: [{", f"users: [{ANTENNA}, {{")
        assert ANTENNA in self._users
        super().__init__(user="antenna", password="antenna")

    def _command(self) -> list[str]:
        path = self.folder / "nats-server.conf"
        path.write_text(
            f"host: {LOOPBACK}\nport: {self.port}\nserver_name: {self._server_name}\n"
            f"http: {LOOPBACK}:{self.monitor_port}\njetstream: {{store_dir: {self.data}}}\n"
            + self._users
        )
        return [find_nats_server(), "-c", str(path)]


def settings_of(environment: dict[str, str], **more: str) -> Settings:
    """Settings of an environment and of nothing else."""
    given = {f"AMI_CONSOLE_{name}": value for name, value in more.items()}
    return Settings.from_environment({**environment, **given}, dotenv=None)


class Installation:
    """Antenna with a job at work, and an environment that holds logins that can only look."""

    def __init__(self, stack: ExitStack) -> None:
        self.nats = stack.enter_context(ByThePage(block(README, "conf")))
        self.redis = stack.enter_context(RedisServer())
        with redis.Redis.from_url(self.redis.url) as owner:
            for line in (block(README, "redis"), block(PAGE, "redis")):
                owner.execute_command(*line.split())
        job = JobPlan(name="Lac", project="laurentian", pipeline=PIPELINE, images=3000, save_s=0.1)
        plan = Scenario(name="test", says="a test", jobs=(job,))
        antenna = AntennaProcess(
            self.nats.folder,
            plan,
            lambda: {**self.nats.environment(), **self.redis.environment()},
        )
        stack.enter_context(antenna)
        worker = WorkerPlan(name="gpu-01", pipelines=(PIPELINE,), image_s=0.1)
        stack.enter_context(WorkerProcess(self.nats.folder, worker, antenna.environment))
        self.environment = {
            **antenna.environment(),
            "AMI_CONSOLE_ANTENNA_TOKEN": antenna.viewer_token,
            **self.nats.environment(),
            "AMI_CONSOLE_NATS_USER": "ami_console",
            "AMI_CONSOLE_NATS_PASSWORD": "secret",
            "AMI_CONSOLE_REDIS_URL": self.redis.url.replace("//", "//ami_console:secret@"),
            "AMI_CONSOLE_CELERY_REDIS_URL": self.redis.url.replace("//", "//ami_queues:secret@"),
        }


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """See :class:`Installation`."""
    with ExitStack() as stack:
        made = Installation(stack)
        with redis.Redis.from_url(made.redis.url) as owner:
            until(lambda: any(0 < owner.scard(key) < 2990 for key in owner.keys("job:*:process")))
        yield made


@pytest.mark.parametrize("way", ["api", "monitor"])
def test_everything_is_served(installation: Installation, way: str) -> None:
    """A watch of everything there is, the tap included: not one look fails, nothing is missing."""
    more = {"TAP": "true", "EVERY_S": "0.2", "JOB_LOGS_EVERY_S": "2"}
    if way == "api":
        more["NATS_MONITOR_URL"] = ""
    collector = Collector(settings_of(installation.environment, **more))
    readings: list[Reading] = []
    collector.add_sink(readings.append)
    frames = {"jobs", "stages", "consumers", "counters", "acks", "log_events", "queues"}

    def is_served() -> bool:
        told = {name for reading in list(readings) for name, rows in reading.rows.items() if rows}
        return told >= frames

    collector.start()
    try:
        until(is_served)
    finally:
        collector.stop()
    assert [(reading.source, reading.error) for reading in readings if not reading.ok] == []
    assert {reading.error for reading in readings} == {None}
    assert not any(reading.source == "nats" and not reading.rows for reading in readings[20:])


async def test_the_doctor_is_content(installation: Installation) -> None:
    """It finds all that is needed, nothing beyond, and says what it was not allowed to ask."""
    settings = settings_of(installation.environment, TAP="true", NATS_MONITOR_URL="")
    found = await examine(settings, pause_s=0.1)
    assert [problem for problem in found.problems if problem.severity != "info"] == []
    reports = {report.source: report for report in found.sources}
    assert all(report.ok and report.error is None for report in reports.values())
    assert all(not each.rights.lack and not each.rights.excess for each in reports.values())
    assert reports["nats"].way == "api"
    assert reports["redis"].rights.have == ["GET", "SCARD", "TTL", "SCAN", "TIME"]
    assert set(reports["celery"].rights.have) == {"LLEN"}


PUBLISHED = (
    "job.1.tasks",
    "$JS.ACK.job_1.job-1-consumer.1.1.1.1700000000000000000.0",
    "$JS.API.INFO",
    "$JS.API.STREAM.CREATE.mine",
    "$JS.API.STREAM.LIST",
    "$JS.API.CONSUMER.LIST.job_1",
    "$JS.API.STREAM.UPDATE.job_1",
    "$JS.API.STREAM.DELETE.job_1",
    "$JS.API.STREAM.PURGE.job_1",
    "$JS.API.STREAM.MSG.GET.job_1",
    "$JS.API.STREAM.MSG.DELETE.job_1",
    "$JS.API.STREAM.SNAPSHOT.job_1",
    "$JS.API.STREAM.RESTORE.job_1",
    "$JS.API.STREAM.LEADER.STEPDOWN.job_1",
    "$JS.API.DIRECT.GET.job_1",
    "$JS.API.CONSUMER.MSG.NEXT.job_1.job-1-consumer",
    "$JS.API.CONSUMER.CREATE.job_1",
    "$JS.API.CONSUMER.CREATE.job_1.mine.job.1.tasks",
    "$JS.API.CONSUMER.DURABLE.CREATE.job_1.mine",
    "$JS.API.CONSUMER.DELETE.job_1.job-1-consumer",
    "$JS.API.CONSUMER.PAUSE.job_1.job-1-consumer",
    "$JS.EVENT.ADVISORY.CONSUMER.DELETED.job_1",
    "$SYS.REQ.SERVER.PING",
    "_INBOX.of.a.worker",
)
"""What the console never publishes to."""

SUBSCRIBED = (
    ">",
    "*.>",
    "_INBOX.>",
    "_INBOX.*",
    "job.>",
    "job.1.tasks",
    "$JS.>",
    "$JS.API.>",
    "$JS.API.CONSUMER.MSG.NEXT.>",
    "$JS.EVENT.ADVISORY.>",
    "$JS.EVENT.ADVISORY.API",
    "$SYS.>",
)
"""What it never listens to: tasks, other clients' deliveries, and what its own questions leave."""


async def refused(
    url: str, *, publish: tuple[str, ...] = (), reply: str = "", subscribe: tuple[str, ...] = ()
) -> list[str]:
    """The subjects that the server says no to, of those that the login tries."""
    told: list[str] = []

    async def on_error(error: Exception) -> None:
        told.append(str(error).lower())

    client = await nats.connect(
        url, user="ami_console", password="secret", inbox_prefix="_INBOX_ami", error_cb=on_error
    )
    try:
        for subject in publish:
            await client.publish(subject, b"{}", reply=reply or client.new_inbox())
        for subject in subscribe:
            await client.subscribe(subject)
        # nats-py's PING overtakes what it has not written yet: only the second comes after it all.
        await client.flush()
        await client.flush()
    finally:
        await client.close()
    words = "publish to", "subscription to"
    return [
        subject
        for word, subjects in zip(words, (publish, subscribe), strict=True)
        for subject in subjects
        if any(f'permissions violation for {word} "{subject.lower()}"' in each for each in told)
    ]


def held(server: NatsServer) -> dict[str, Any]:
    """Stream → last sequence, and its consumers."""
    with urlopen(f"{server.monitor_url}/jsz?consumers=true") as answer:
        accounts = json.load(answer).get("account_details") or []
    return {
        stream["name"]: (
            stream["state"]["last_seq"],
            [consumer["name"] for consumer in stream.get("consumer_detail") or []],
        )
        for each in accounts
        for stream in each.get("stream_detail") or []
        if stream["name"].startswith("job_")
    }


async def test_nats_refuses_what_we_never_do(installation: Installation) -> None:
    """The console was taken over: it can take no task away, and change or read none."""
    before = held(installation.nats)
    url = installation.nats.url
    assert await refused(url, publish=PUBLISHED) == list(PUBLISHED)
    assert await refused(url, subscribe=SUBSCRIBED) == list(SUBSCRIBED)
    assert held(installation.nats) == before


def test_a_reply_subject_is_not_asked_for_permission() -> None:
    """What the page admits: NATS sends an answer wherever the question says, with its own rights.

    The console gives its own inbox, always; who took over its login could leave an answer among a
    job's tasks. The login of the page that may not ask anything can not do that either.
    """
    question = "$JS.API.STREAM.INFO.job_7"
    harmful = (
        "$JS.ACK.job_7.job-7-consumer.1.1.1.1700000000000000000.0",
        "$JS.API.STREAM.DELETE.job_7",
        "$JS.API.CONSUMER.DELETE.job_7.job-7-consumer",
        "$JS.API.STREAM.PURGE.job_7",
    )
    stored = ["job.7.tasks"]
    with ByThePage(block(README, "conf")) as usual, ByThePage(block(PAGE, "conf")) as stricter:
        for server in (usual, stricter):
            asyncio.run(one_job(server))
        before = held(usual)
        for reply in (*harmful, *stored):
            no = asyncio.run(refused(stricter.url, publish=(question,), reply=reply))
            assert no == [question]
            asyncio.run(refused(usual.url, publish=(question,), reply=reply))
        # Answers come in the order of the questions: with this one, those before it are done.
        until(lambda: held(usual)["job_7"][0] == 2)
        assert held(usual)["job_7"][1] == before["job_7"][1]
        assert held(stricter) == before


async def one_job(server: NatsServer) -> None:
    """A job's stream with one task, and its consumer."""
    client = await nats.connect(server.url, user="antenna", password="antenna")
    jetstream = client.jetstream()
    await jetstream.add_stream(name="job_7", subjects=["job.7.tasks"])
    await jetstream.add_consumer("job_7", durable_name="job-7-consumer", ack_policy="explicit")
    await jetstream.publish("job.7.tasks", b"{}")
    await client.close()


def test_a_login_that_may_only_listen(installation: Installation) -> None:
    """The strictest one: the monitoring port tells of streams, the tap hears, nothing is asked."""
    with ByThePage(block(PAGE, "conf")) as server:
        asyncio.run(one_job(server))
        given = {
            **installation.environment,
            **server.environment(),
            "AMI_CONSOLE_NATS_USER": "ami_console",
            "AMI_CONSOLE_NATS_PASSWORD": "secret",
        }
        settings = settings_of(given, TAP="true", EVERY_S="0.2")
        collector = Collector(settings, job_ids=[7])
        readings: list[Reading] = []
        collector.add_sink(readings.append)
        collector.start()
        try:
            until(lambda: sum(reading.source == "tap" for reading in list(readings)) > 1)
            asyncio.run(acknowledged(server))
            until(lambda: any("acks" in reading.rows for reading in list(readings)))
        finally:
            collector.stop()
        found = asyncio.run(examine(settings, pause_s=0.05))
    ours = [reading for reading in readings if reading.source in ("nats", "tap")]
    assert [(reading.source, reading.error) for reading in ours if reading.error] == []
    reports = {report.source: report for report in found.sources}
    assert reports["nats"].ok
    assert reports["tap"].ok
    assert reports["nats"].way == "monitor"
    assert [problem for problem in found.problems if problem.source == "nats"] == []


async def acknowledged(server: NatsServer) -> None:
    """A worker takes the task of :func:`one_job`, and it is done."""
    client = await nats.connect(server.url, user="antenna", password="antenna")
    pull = await client.jetstream().pull_subscribe_bind("job-7-consumer", "job_7")
    (task,) = await pull.fetch(1)
    await task.ack_sync()
    await client.close()


COMMANDS = """
SET job:1:pending_images_total 1
GETSET job:1:pending_images_total 1
GETDEL job:1:pending_images_total
APPEND job:1:pending_images_total 1
INCR job:1:pending_images_total
DEL job:1:pending_images:process
UNLINK job:1:pending_images:process
RENAME job:1:pending_images_total job:2:pending_images_total
COPY job:1:pending_images_total job:2:pending_images_total
MOVE job:1:pending_images_total 1
EXPIRE job:1:pending_images_total 1
PERSIST job:1:pending_images_total
SADD job:1:failed_images 5
SREM job:1:pending_images:process 5
SPOP job:1:pending_images:process
SMOVE job:1:pending_images:process job:1:failed_images 5
SMEMBERS job:1:pending_images:process
SSCAN job:1:pending_images:process 0
SORT job:1:pending_images:process
DUMP job:1:pending_images_total
RESTORE job:9:x 0 x
TYPE job:1:pending_images_total
OBJECT ENCODING job:1:pending_images_total
KEYS *
RANDOMKEY
DBSIZE
GET celery
GET antenna
SCARD unacked
TTL session
LLEN antenna
LPOP antenna
LPUSH antenna x
SUBSCRIBE x
PSUBSCRIBE *
PUBLISH x y
MONITOR
MULTI
WATCH job:1:pending_images_total
EVAL return 0
SCRIPT LOAD return
SCRIPT FLUSH
INFO
CONFIG GET requirepass
CONFIG SET maxmemory 1
CLIENT LIST
CLIENT KILL TYPE normal
ACL LIST
ACL SETUSER ami_console +@all
FLUSHDB
FLUSHALL
SWAPDB 0 1
SAVE
BGSAVE
BGREWRITEAOF
REPLICAOF 127.0.0.1 1
DEBUG SLEEP 0
LATENCY RESET
SLOWLOG RESET
MODULE LIST
SHUTDOWN
"""
"""What the console never runs."""

OF_QUEUES = """
LPOP antenna
RPUSH jobs x
LRANGE antenna 0 -1
LTRIM antenna 0 0
DEL antenna
LLEN celery
LLEN job:1:pending_images:process
GET job:1:pending_images_total
SCAN 0
FLUSHALL
KEYS *
"""
"""What it never runs where Celery's queues are."""


@pytest.mark.parametrize(
    ("variable", "commands"), [("REDIS_URL", COMMANDS), ("CELERY_REDIS_URL", OF_QUEUES)]
)
def test_redis_refuses_what_we_never_do(
    installation: Installation, variable: str, commands: str
) -> None:
    """The console was taken over: not one key is read that it does not count, none is written."""
    with redis.Redis.from_url(installation.environment[f"AMI_CONSOLE_{variable}"]) as client:
        allowed = []
        for line in commands.strip().splitlines():
            try:
                client.execute_command(*line.split())
            except redis.exceptions.NoPermissionError:
                continue
            allowed.append(line)
    assert allowed == []


@pytest.mark.parametrize("text", [README, PAGE], ids=["README", "harmless"])
def test_nats_takes_the_text_as_it_stands(text: str, tmp_path: Path) -> None:
    """An operator pastes it into ``nats-server.conf``."""
    path = tmp_path / "nats-server.conf"
    path.write_text(block(text, "conf"))
    done = subprocess.run(
        [find_nats_server(), "-t", "-c", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
