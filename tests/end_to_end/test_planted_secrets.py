"""Secrets are planted wherever one can be, and everything that we write is searched for them."""

import base64
import io
import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pandas as pd
import pytest
from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from planted import (
    LOG_LINES,
    NAMES,
    WORD,
    Antenna,
    answering,
    environment,
    leaks,
    leaks_in,
    plain_secret,
    secret,
)
from waiting import until

from ami_console import cli
from ami_console.actions import journal_path
from ami_console.alerts import Alerts
from ami_console.apps.dashboard import Dashboard
from ami_console.apps.feed import RecordedFeed
from ami_console.apps.stage import Stage
from ami_console.commands import doctor
from ami_console.demo.servers import NatsServer, RedisServer
from ami_console.diagnosis import Finding
from ami_console.doctor import examine
from ami_console.logs.masking import masked
from ami_console.recording import open_recording
from ami_console.report import report_html
from ami_console.settings import PREFIX, Address, Secret, Settings
from ami_console.sources.failures import Target
from ami_console.sources.live import live_sources

KNOWN = {f"{PREFIX}{setting.name.upper()}" for setting in fields(Settings)}
MOODS = ("well", "refuses", "repeats", "redirects", "wrong", "nobody", "creds")
AT = pd.Timestamp("2026-11-24T09:00Z")


@dataclass
class World:
    """Real servers with passwords, an Antenna that repeats much, and the settings for them."""

    antenna: Antenna
    nats: str
    redis: str
    folder: Path

    def settings(self, mood: str = "well") -> dict[str, str]:
        """Variables of the environment.

        Args:
            mood: Of ``Antenna``; or ``wrong`` passwords, ``nobody`` there, a ``creds`` file.
        """
        self.antenna.mood = mood if mood in ("refuses", "repeats", "redirects") else "well"
        places = self.antenna.place, self.nats, self.redis
        given = environment(*(["127.0.0.1:9"] * 3 if mood == "nobody" else places), self.folder)
        if mood == "wrong":
            given["AMI_CONSOLE_NATS_PASSWORD"] = secret("wrong")
            given["AMI_CONSOLE_REDIS_URL"] = given["AMI_CONSOLE_CELERY_REDIS_URL"]
        if mood == "creds":
            given["AMI_CONSOLE_NATS_CREDS"] = str(self.folder / "nats.creds")
        return {name: value for name, value in given.items() if name in KNOWN}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        answering(Antenna(NAMES, LOG_LINES)) as antenna,
        NatsServer(user="ann", password=secret("natspassword")) as nats,
        RedisServer(password=secret("redis")) as redis,
    ):
        folder = tmp_path_factory.mktemp("planted")
        yield World(antenna, f"127.0.0.1:{nats.port}", f"127.0.0.1:{redis.port}", folder)


@pytest.fixture
def logged() -> Iterator[Callable[[], str]]:
    """All that any library says, down to the last detail."""
    root, said = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(said), root.level
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield said.getvalue
    root.removeHandler(handler)
    root.setLevel(level)


def test_the_search_finds_what_it_is_to_find(tmp_path: Path) -> None:
    """In whatever form a secret comes out; a search that finds nothing proves nothing."""
    for what in ("a", "ab", "abc"):
        assert leaks(base64.b64encode(f"{what}{secret('x')}".encode()))
    for form in (
        plain_secret("x").upper(),
        quote(secret("x"), safe=""),
        f"│ …{WORD[:4]}  │\n│ {WORD[4:]} │",
        WORD.encode().hex(),
        WORD[::-1],
        json.dumps({"a": secret("x")}),
    ):
        assert leaks(form), form
    pd.DataFrame({"message": ["Lac", plain_secret("x")]}).to_parquet(tmp_path / "a.parquet")
    assert leaks_in(tmp_path)
    assert not leaks("nothing of that kind, planted or not")


@pytest.mark.parametrize("line", [*LOG_LINES, *NAMES.values()])
def test_what_others_wrote_is_masked(line: str) -> None:
    """In a log, or pasted into the name of a job; in upper case, and within JSON within JSON."""
    assert leaks(line)
    for each in (line, f"{line}\nTraceback", f"retry: {line}", json.dumps({"said": line})):
        assert leaks(masked([each])[0]) == []


def test_what_a_server_says_is_quoted_without_our_secrets() -> None:
    """It repeats what it was sent: as it is, in a URL, in base64, broken over lines."""
    own = plain_secret("own")
    target = Target("Antenna", Address("http://x"), "ANTENNA_URL", (Secret(own),))
    broken = " ".join(own[place : place + 5] for place in range(0, len(own), 5))
    encoded = base64.b64encode(own.encode()).decode()
    basic = base64.b64encode(secret("url").encode()).decode()
    for said in (own, broken, encoded, quote(own), f"Authorization: Basic {basic}", {"a": own}):
        assert leaks(f"bad {said}")
        assert leaks(target.quote(f"bad {said}")) == []
        assert target.quote(f"bad {said}").startswith("bad ")


@pytest.mark.servers
@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("by", ["rabbit", "api"])
async def test_sources_show_and_log_no_secret(
    world: World, logged: Callable[[], str], mood: str, by: str
) -> None:
    """Each source, answered or not: what it gives, its errors with tracebacks, its debug log."""
    given = world.settings(mood)
    if by == "api":
        given |= {"AMI_CONSOLE_RABBITMQ_URL": "", "AMI_CONSOLE_NATS_MONITOR_URL": ""}
    settings = Settings.from_environment(given, dotenv=None)
    shown = [repr(settings), str(settings), str(vars(settings))]
    for source in live_sources(settings):
        for ask in (source.discover, partial(source.read, [41, 42])):
            try:
                reading = await ask()
                shown += [repr(reading), *(repr(list(rows)) for rows in reading.rows.values())]
            except Exception:  # whatever it is, its traceback is shown somewhere
                shown.append("".join(traceback.format_exc()))
        shown += [repr(source), repr(vars(source))]
        await source.aclose()
    assert "127.0.0.1" in "".join(shown)
    assert leaks("\n".join(shown)) == []
    assert leaks(logged()) == []


@pytest.mark.servers
def test_commands_write_no_secret(
    world: World,
    logged: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every command that looks at live sources, then those on what was recorded meanwhile."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "examine", partial(examine, pause_s=0.3))
    for name, value in (world.settings() | {"AMI_CONSOLE_ALLOW_ACTIONS": "true"}).items():
        monkeypatch.setenv(name, value)
    said: dict[str, str] = {}

    def run(*words: str) -> None:
        cli.main(words)
        told = capsys.readouterr()
        said[" ".join(words)] = f"{told.out}\n{told.err}"

    run("record", "--for", "2", "--every", "1")
    for kind in ("table", "json", "csv"):
        run("snapshot", "--format", kind)
    for words in (
        ("diagnose",),
        ("diagnose", "--format", "json"),
        ("summary", "42"),
        ("report", "42", "--out", "job.html", "--frames"),
        ("doctor",),
        ("job", "cancel", "42"),
        ("job", "cancel", "42", "--yes", "--wait", "0.2"),
        ("job", "retry", "42", "--yes", "--wait", "0.2", "--format", "json"),
    ):
        run(*words)
    assert {words: leaks(text) for words, text in said.items() if leaks(text)} == {}
    assert leaks(logged()) == []
    assert leaks_in(tmp_path) == []
    # None of that for want of anything: the secrets were used, and the texts came in.
    asked = "\n".join(world.antenna.asked)
    assert plain_secret("antennatoken") in asked
    assert '"Lac, token=…"' in said["snapshot --format json"]
    assert "answered 403" in (tmp_path / "job.html").read_text()
    events = open_recording("recordings").frame("log_events")
    assert len(events) >= len(LOG_LINES)
    journal = journal_path(Settings.from_environment(dotenv=None).recording)
    assert "Lac, token=…" in journal.read_text()


@pytest.mark.servers
def test_pages_hold_no_secret(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    """What the browser gets of each tab, of a recording that was made in every bad mood."""
    monkeypatch.chdir(tmp_path)
    for mood in ("well", "wrong"):
        for name, value in world.settings(mood).items():
            monkeypatch.setenv(name, value)
        cli.main(["record", "--for", "1.2", "--every", "1"])
    recording = open_recording("recordings")
    assert (~recording.frame("reads")["ok"].fillna(True)).any()
    feed = RecordedFeed(recording)
    stage = Stage(feed)
    stage.board.subscribe(lambda: None)
    page = Dashboard(stage)
    page.is_open = True
    stage.view.param.update(job=42)
    for tab, part in (("jobs", "now"), ("job", "now"), ("job", "logs"), ("data", "now")):
        stage.view.param.update(tab=tab, part=part)
        page.refresh()
        assert page.fault == ""
    sent = serialize_json(page.page.server_doc(Document()).to_json(deferred=False))
    assert "Lac, token=" in sent
    assert leaks(sent) == []
    assert leaks(report_html(feed, 42, zone=feed.zone)) == []
    assert leaks(logged()) == []


@pytest.mark.servers
def test_a_process_shows_no_secret_to_its_neighbours(world: World, tmp_path: Path) -> None:
    """``ps`` while the dashboard runs, and what it prints and serves, in Python's strict mode."""
    given = {name: text for name, text in world.settings().items() if "LOGIN" not in name}
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-m", "ami_console", "serve", "--port", "0"],
        cwd=tmp_path,
        env={**os.environ, **given, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = []
        while "the dashboard is at" not in (lines[-1] if lines else ""):
            lines.append(process.stdout.readline())
            assert lines[-1], (process.stderr or io.StringIO()).read()
        address = lines[-1].split("http://")[1].split(",")[0].split(";")[0].split()[0]
        with urlopen(f"http://{address}") as answer:
            served = answer.read().decode() + str(answer.headers)
        for folder in Path("/proc").glob("[0-9]*"):
            if _parent(folder) in (process.pid, str(process.pid)) or folder.name == str(
                process.pid
            ):
                assert leaks((folder / "cmdline").read_bytes().replace(b"\0", b" ")) == []
        process.terminate()
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert "<html" in served.lower()
    assert leaks(served + "".join(lines) + out + err) == []
    assert leaks_in(tmp_path) == []


def _parent(folder: Path) -> int | None:
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


FINDING = Finding(
    code="no_worker",
    job_id=42,
    severity="critical",
    title="20 images are queued and no worker fetches them",
    why="Nothing has moved for 9 minutes.",
    next_step="Start a worker.",
    since=AT,
    as_of=AT,
)


@pytest.mark.parametrize("mood", ["well", "refuses", "repeats", "redirects", "nobody"])
def test_alerts_tell_no_secret(
    world: World, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch, mood: str
) -> None:
    """The chat's address is its password; a command that fails says its own arguments."""
    for name, value in world.settings(mood).items():
        monkeypatch.setenv(name, value)
    settings = Settings.from_environment(dotenv=None)
    world.antenna.bodies.clear()
    alerts = Alerts(
        webhook=settings.alert_webhook, command=settings.alert_command.reveal(), command_tries=1
    )
    try:
        alerts.look([FINDING], as_of=AT)
        until(lambda: "exit code 1" in (alerts.error or ""))
        if mood == "well":
            until(lambda: len(world.antenna.bodies) == 1)
        told = f"{alerts.error} {alerts!r} {vars(alerts)!r}"
    finally:
        alerts.close(timeout_s=0)
    assert leaks(told) == []
    assert leaks(logged()) == []
    assert leaks(b"\n".join(world.antenna.bodies)) == []


def test_a_command_finds_none_of_our_secrets(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script that is called may be anybody's; it sees the alert and not our settings."""
    for name, value in world.settings().items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "seen"
    seen = "open('/proc/self/environ','rb').read()+open('/proc/self/cmdline','rb').read()"
    program = f"import sys; open({str(out)!r}, 'wb').write({seen}+sys.stdin.buffer.read())"
    alerts = Alerts(command=f'"{sys.executable}" -c "{program}"')
    try:
        alerts.look([FINDING], as_of=AT)
        until(lambda: out.exists() and out.read_bytes().endswith(b"}"))
    finally:
        alerts.close(timeout_s=0)
    assert b"AMI_CONSOLE_CODE=no_worker" in out.read_bytes()
    assert leaks(out.read_bytes()) == []
