"""``ami-console doctor`` against real servers and the stand-in; and that it changes nothing."""

import argparse
import asyncio
import json
import os
import pty
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import nats
import pytest
import redis
from waiting import until

from ami_console.commands import doctor
from ami_console.demo import servers
from ami_console.demo.plans import JobPlan, Scenario, WorkerPlan
from ami_console.demo.servers import READ_ONLY_PERMISSIONS, NatsServer, RedisServer
from ami_console.demo.stack import Stack
from ami_console.doctor import examine
from ami_console.doctor.costs import INFO_BYTES

pytestmark = pytest.mark.servers

PIPELINE = "eastern_canada_moths_2026"
Run = Callable[..., tuple[int, str]]


def scenario(*workers: WorkerPlan) -> Scenario:
    """One long job, and who works on it."""
    job = JobPlan(name="Lac test", project="laurentian", pipeline=PIPELINE, images=3000, save_s=0.1)
    return Scenario(name="test", says="a test", jobs=(job,), workers=workers)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A job that moves all the time, on servers without logins."""
    worker = WorkerPlan(name="gpu-01", pipelines=(PIPELINE,), image_s=0.1)
    with Stack(scenario(worker), restart_after_s=None) as running:
        until(lambda: has_acks(running))
        yield running


@pytest.fixture(scope="module")
def still() -> Iterator[Stack]:
    """A job that nobody works on, and NATS logins that can only look."""
    # Antenna's health check asks NATS too; at midnight only, it does so in no test.
    quiet = replace(scenario(), health_check_every_s=86_400.0)
    with Stack(quiet, restart_after_s=None, secured=True) as running:
        until(lambda: sum(messages(running).values()) >= 3000)
        yield running


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """``run(environment, NATS_MONITOR_URL="")``: exit code and output; short pauses."""
    monkeypatch.setattr(doctor, "examine", partial(examine, pause_s=0.5))
    monkeypatch.chdir(tmp_path)

    def go(environment: dict[str, str], *, table: bool = False, **more: str) -> tuple[int, str]:
        for name in [name for name in os.environ if name.startswith("AMI_CONSOLE_")]:
            monkeypatch.delenv(name)
        more = {f"AMI_CONSOLE_{name}": value for name, value in more.items()}
        for name, value in {**environment, **more}.items():
            monkeypatch.setenv(name, value)
        code = doctor.run(argparse.Namespace(format="table" if table else "json"))
        said = capsys.readouterr()
        assert said.err == ""
        return code, said.out

    return go


def jsz(stack: Stack) -> dict[str, Any]:
    """Stream → its state."""
    address = stack.settings.nats_monitor_url.reveal()
    with urlopen(f"{address}/jsz?streams=true") as answer:
        accounts = json.load(answer).get("account_details") or []
    return {s["name"]: s["state"] for each in accounts for s in each.get("stream_detail") or []}


def messages(stack: Stack) -> dict[str, int]:
    """Stream of a job → its messages."""
    return {n: s["messages"] for n, s in jsz(stack).items() if n.startswith("job_")}


def has_acks(stack: Stack) -> bool:
    """Whether the first results were saved."""
    client = redis.Redis.from_url(stack.settings.redis_url.reveal())
    with client:
        return any(0 < client.scard(key) < 2990 for key in client.keys("job:*:process"))


def by_source(out: str) -> dict[str, Any]:
    """Source → its report."""
    return {report["source"]: report for report in json.loads(out)["sources"]}


def worst(out: str) -> list[tuple[str, str | None]]:
    """Severity and source of each problem."""
    return [(problem["severity"], problem["source"]) for problem in json.loads(out)["problems"]]


def test_all_is_well_and_nobody_has_logins(stack: Stack, run: Run, tmp_path: Path) -> None:
    """Antenna as it is set up by default: the console may do far too much, and that is a remark."""
    log = tmp_path / "celery.log"
    log.write_text("")
    redis_url = stack.settings.redis_url.reveal()
    more = {"TAP": "true", "LOG_FILES": str(log), "CELERY_REDIS_URL": redis_url}
    code, out = run(stack.environment(), **more)
    assert code == 0, out
    sources = by_source(out)
    assert list(sources) == ["antenna", "nats", "redis", "tap", "job_logs", "log_files", "celery"]
    assert all(report["ok"] and report["error"] is None for report in sources.values())
    assert all(report["cost"]["looks"] >= 1 for report in sources.values())
    assert worst(out) == [("info", name) for name in ("antenna", "nats", "redis", "celery")]
    assert sources["antenna"]["rights"]["excess"][:2] == ["delete (jobs)", "update (jobs)"]
    assert "delete streams" in sources["nats"]["rights"]["excess"]
    assert "empty the whole server (FLUSHALL)" in sources["redis"]["rights"]["excess"]
    assert sources["redis"]["rights"]["have"] == ["GET", "SCARD", "TTL", "SCAN", "TIME"]
    assert sources["antenna"]["version"] is None
    assert re.match(r"\d+\.\d+", sources["nats"]["version"])
    assert re.match(r"\d+\.\d+", sources["redis"]["version"])
    for name in ("antenna", "nats", "redis"):
        assert abs(sources[name]["clock_offset_s"]) < 2
    assert sources["nats"]["way"] == "monitor"
    assert sources["nats"]["cost"]["stored_bytes_per_hour"] == 0
    zone = json.loads(out)["time_zone"]
    assert (zone["verdict"], zone["setting"]) == ("agrees", "America/New_York")
    assert zone["evidence"]["updated"] >= 1


def test_the_report_fits_a_terminal(stack: Stack, run: Run) -> None:
    """80 columns, a block for each source, the token nowhere."""
    code, out = run(stack.environment(), table=True)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    for name in ("antenna", "nats", "redis", "job_logs", "time zone"):
        assert re.search(rf"^{name} ", out, re.MULTILINE)
    assert "America/New_York agrees" in out
    assert stack.settings.antenna_token.reveal() not in out


def test_a_wrong_time_zone_is_found_and_the_right_one_named(stack: Stack, run: Run) -> None:
    """Antenna runs in New York; whoever set up the console believed in Tokyo."""
    code, out = run(stack.environment(), ANTENNA_TIMEZONE="Asia/Tokyo")
    assert code == 1
    zone = json.loads(out)["time_zone"]
    assert (zone["verdict"], zone["looks_like"]) == ("disagrees", "zone")
    assert zone["offset_s"] in (-50_400, -46_800)
    assert zone["antenna_shows"] in ("UTC-05:00", "UTC-04:00")
    assert worst(out)[0] == ("critical", "antenna")
    _, table = run(stack.environment(), table=True, ANTENNA_TIMEZONE="Asia/Tokyo")
    assert "!! antenna: read as Asia/Tokyo" in table


def test_a_viewer_has_what_it_needs_and_nothing_else(stack: Stack, run: Run) -> None:
    """The login that the README asks for, and one that is not there."""
    _, out = run(stack.environment(), ANTENNA_TOKEN=stack.viewer_token)
    rights = by_source(out)["antenna"]["rights"]
    assert rights["have"] == ["read jobs", "a login (user 5)"]
    assert (rights["lack"], rights["excess"]) == ([], [])
    code, out = run(stack.environment(), ANTENNA_TOKEN="")
    assert code == 1
    assert ("warning", "antenna") in worst(out)
    assert by_source(out)["antenna"]["rights"]["lack"][0]["right"] == "a login"
    code, out = run(stack.environment(), ANTENNA_TOKEN="no-such-token-0123456789")
    assert code == 1
    assert "401" in by_source(out)["antenna"]["error"]
    assert "no-such-token-0123456789" not in out


def test_nobody_is_there(run: Run, free_port: int) -> None:
    """Every address leads nowhere: each is named, no password is."""
    secret, at = "hunter2-of-nobody", f"127.0.0.1:{free_port}"
    addresses = {
        "ANTENNA_URL": f"http://me:{secret}@{at}",
        "NATS_URL": f"nats://me:{secret}@{at}",
        "NATS_MONITOR_URL": f"http://me:{secret}@{at}",
        "REDIS_URL": f"redis://me:{secret}@{at}/1",
        "CELERY_REDIS_URL": f"redis://me:{secret}@{at}/2",
        "LOG_FILES": "no/such.log",
        "TAP": "true",
    }
    code, out = run({}, **addresses)
    assert code == 3
    sources = by_source(out)
    assert len(sources) == 7
    assert not any(report["ok"] for report in sources.values())
    assert all(report["cost"]["requests"] is None for report in sources.values())
    assert [severity for severity, _ in worst(out)] == ["critical"] * 7
    assert json.loads(out)["time_zone"]["verdict"] == "cant_tell"
    _, table = run({}, table=True, **addresses)
    assert secret not in out + table
    assert "NOT READ" in table


@pytest.mark.parametrize("dead", ["ANTENNA_URL", "NATS_URL", "NATS_MONITOR_URL", "REDIS_URL"])
def test_one_of_them_is_not_there(stack: Stack, run: Run, free_port: int, dead: str) -> None:
    """One port is not forwarded; the others are told all the same."""
    scheme = urlsplit(stack.environment()[f"AMI_CONSOLE_{dead}"]).scheme
    code, out = run(stack.environment(), **{dead: f"{scheme}://127.0.0.1:{free_port}"})
    assert code == 1
    sources, severity = by_source(out), {s: v for v, s in reversed(worst(out))}
    name = {"ANTENNA_URL": "antenna", "REDIS_URL": "redis"}.get(dead, "nats")
    # NATS has two ways: one of them is enough to look.
    assert severity[name] == ("warning" if name == "nats" else "critical")
    assert sources[name]["ok"] == (name == "nats")
    assert sources["nats"]["way"] == ("api" if dead == "NATS_MONITOR_URL" else "monitor")
    if dead == "NATS_URL":
        assert sources["nats"]["rights"]["lack"][0]["right"] == "a connection as a client"


@pytest.mark.parametrize("monitored", [True, False])
def test_a_nats_login_without_consumer_info(
    monitored: bool,
    run: Run,
    start_nats: Callable[..., NatsServer],
    redis_server: RedisServer,
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line was forgotten: by the port nobody notices, by the API all is dark."""
    publish = [s for s in READ_ONLY_PERMISSIONS["publish"] if "CONSUMER.INFO" not in s]
    limited = {**READ_ONLY_PERMISSIONS, "publish": publish}
    monkeypatch.setattr(servers, "READ_ONLY_PERMISSIONS", limited)
    server = start_nats(
        user="antenna", password="a", read_only_user="console", read_only_password="c"
    )

    async def one_job() -> None:
        client = await nats.connect(server.url, user="antenna", password="a")
        jetstream = client.jetstream()
        await jetstream.add_stream(name="job_7", subjects=["job.7.tasks"])
        await jetstream.add_consumer("job_7", durable_name="job-7-consumer", ack_policy="explicit")
        await client.close()

    asyncio.run(one_job())
    more = {} if monitored else {"NATS_MONITOR_URL": ""}
    more["ANTENNA_URL"] = f"http://127.0.0.1:{free_port}"
    environment = {**server.environment(read_only=True), **redis_server.environment()}
    code, out = run(environment, **more)
    assert code == 1
    report = by_source(out)["nats"]
    (lack,) = report["rights"]["lack"]
    assert lack["right"] == "publish $JS.API.CONSUMER.INFO.*.*"
    assert "no_worker" in lack["costs"]
    assert report["rights"]["excess"] == []
    assert report["ok"] == monitored
    assert [v for v, s in worst(out) if s == "nats"] == (
        ["info"] if monitored else ["critical", "warning"]
    )


def test_a_redis_login_without_scan(stack: Stack, run: Run, redis_server: RedisServer) -> None:
    """Counters of known jobs are read; what only Redis knows of is not found, and it is said."""
    with redis.Redis.from_url(redis_server.url) as client:
        rules = ("~job:*", "-@all", "+get", "+scard", "+ttl", "+time", "+select")
        client.execute_command("ACL", "SETUSER", "console", "on", ">secret-of-redis", *rules)
    url = redis_server.url.replace("redis://", "redis://console:secret-of-redis@")
    code, out = run(stack.environment(), REDIS_URL=url)
    assert code == 1
    report = by_source(out)["redis"]
    assert report["ok"]
    assert report["rights"]["have"] == ["GET", "SCARD", "TTL", "TIME"]
    assert [unknown["right"] for unknown in report["rights"]["cant_tell"]] == [
        "SCAN",
        "write or delete",
    ]
    assert worst(out)[0] == ("warning", "redis")
    assert "can't be searched for active jobs" in json.loads(out)["problems"][0]["title"]
    assert "secret-of-redis" not in out


class Wiretap:
    """Passes connections on to a server, and keeps what clients send."""

    def __init__(self, port: int) -> None:
        self._behind, self.sent = port, b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._behind))
            for one, other, is_sent in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass, args=(one, other, is_sent), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, is_sent: bool) -> None:
        try:
            while chunk := one.recv(65536):
                if is_sent:
                    with self._lock:
                        self.sent += chunk
                other.sendall(chunk)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        if not is_sent:
            one.close()
            other.close()

    def close(self) -> None:
        """No more connections."""
        self._listener.close()


@pytest.mark.parametrize("way", ["monitor", "api"])
def test_the_doctor_changes_nothing(still: Stack, run: Run, way: str) -> None:
    """Every byte that it sends is heard, and what the servers hold is the same afterwards."""
    environment = still.environment()
    names = ["ANTENNA_URL", "NATS_URL", "NATS_MONITOR_URL", "REDIS_URL"]
    parts = {name: urlsplit(environment[f"AMI_CONSOLE_{name}"]) for name in names}
    taps = {name: Wiretap(address.port or 0) for name, address in parts.items()}
    more = {
        name: address.geturl().replace(f":{address.port}", f":{taps[name].port}")
        for name, address in parts.items()
    }
    if way == "api":
        more["NATS_MONITOR_URL"] = ""
    store = redis.Redis.from_url(still.settings.redis_url.reveal())
    with store:
        before = jsz(still), {key: store.dump(key) for key in store.scan_iter()}, commands_of(store)
        code, out = run(environment, **more, TAP="false")
        after = jsz(still), {key: store.dump(key) for key in store.scan_iter()}, commands_of(store)
    for tap in taps.values():
        tap.close()
    assert code == 0, out
    assert json.loads(out)["jobs"] == 1

    lines = taps["ANTENNA_URL"].sent + taps["NATS_MONITOR_URL"].sent
    asked = re.findall(rb"^([A-Z]+) (\S+) HTTP/1\.1\r$", lines, re.MULTILINE)
    assert {method for method, _ in asked} == {b"GET"}
    assert len(asked) >= 10
    forbidden = (b"/tasks", b"/result", b"ids_only", b"processing_services")
    assert not [path for _, path in asked if any(word in path for word in forbidden)]

    sent = taps["NATS_URL"].sent
    published = set(re.findall(rb"^H?PUB (\S+) ", sent, re.MULTILINE))
    reads = rb"\$SYS\.REQ\.USER\.INFO|\$JS\.API\.(STREAM\.(NAMES|INFO)|CONSUMER\.INFO)(\.\S+)?"
    assert published
    assert all(re.fullmatch(reads, subject) for subject in published)
    subscribed = re.findall(rb"^SUB (\S+) ", sent, re.MULTILINE)
    assert all(subject.startswith(b"_INBOX_ami.") for subject in subscribed)

    said = set(re.findall(rb"\*\d+\r\n\$\d+\r\n([A-Za-z]+)\r\n", taps["REDIS_URL"].sent))
    assert {word.upper() for word in said} <= {
        b"AUTH", b"SELECT", b"INFO", b"ACL", b"GET", b"SCARD", b"TTL", b"SCAN", b"TIME",
    }  # fmt: skip
    assert after[1] == before[1]
    writes = {"set", "sadd", "srem", "del", "unlink", "expire", "flushall", "flushdb", "config|set"}
    assert {k: n for k, n in after[2].items() if k in writes} == {
        k: n for k, n in before[2].items() if k in writes
    }

    advisories = [state.pop("advisories") for state in (before[0], after[0])]
    assert after[0] == before[0]
    grown = advisories[1]["messages"] - advisories[0]["messages"]
    # By the API: one search, and two questions in each of three looks.
    assert grown == (7 if way == "api" else 0)
    if way == "api":
        size = advisories[1]["bytes"] - advisories[0]["bytes"]
        assert size == pytest.approx(6 * INFO_BYTES + 700, rel=0.2)
        assert by_source(out)["nats"]["cost"]["stored_bytes_per_hour"] > 0


def commands_of(client: "redis.Redis") -> dict[str, int]:
    """Command → how often Redis ran it."""
    told = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in told.items()}


def test_the_read_only_login_can_look_and_nothing_else(still: Stack, run: Run) -> None:
    """The login of the README: what it needs it has, and nothing beyond."""
    code, out = run(still.environment(), NATS_MONITOR_URL="")
    assert code == 0, out
    report = by_source(out)["nats"]
    assert (report["way"], report["way_because"]) == (
        "api",
        "AMI_CONSOLE_NATS_MONITOR_URL is empty",
    )
    assert "ask the JetStream API" in report["rights"]["have"]
    assert report["rights"]["lack"] == report["rights"]["excess"] == []
    assert report["rights"]["cant_tell"] == []


def test_a_terminal_is_told_what_is_being_done(
    monkeypatch: pytest.MonkeyPatch, run: Run, free_port: int
) -> None:
    """Looks take seconds: somebody who waits sees why, and the line is gone at the end."""
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        doctor._tell("look 1 of 3")
        doctor._tell("")
        terminal.flush()
        shown = ""
        while not shown.endswith("3\r\x1b[K"):  # one read may give one of two writes
            shown += os.read(ours, 1000).decode()
    os.close(ours)
    assert shown == "\r\x1b[Klook 1 of 3\r\x1b[K"
