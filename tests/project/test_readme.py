"""The README is what a newcomer types: every command, setting and example in it works."""

import dataclasses
import gzip
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import redis

from ami_console import cli
from ami_console.demo.scenarios import SCENARIOS
from ami_console.demo.servers import READ_ONLY_PERMISSIONS, RedisServer
from ami_console.settings import Settings
from ami_console.sources.counters import CountersSource

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def console_commands() -> list[str]:
    """Every command line of the README that begins with ``ami-console``."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line.partition("#")[0].strip() for line in lines if line.startswith("ami-console ")]


@pytest.mark.parametrize("command", console_commands())
def test_every_command_is_one_that_the_program_knows(command: str) -> None:
    """An option was renamed and the first thing a newcomer types fails."""
    options = cli.parser().parse_args(shlex.split(command)[1:])
    assert options.command == command.split()[1]


def test_every_command_of_the_program_is_in_the_readme() -> None:
    """A command that nobody is told of."""
    known = set(re.findall(r"^ {4}([a-z]+)\b", cli.parser().format_help(), re.MULTILINE))
    assert known == {command.split()[1] for command in console_commands()}


def test_every_make_target_exists() -> None:
    """``make demo`` is the first line that is typed."""
    prose = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    code = "\n".join(re.findall(r"`[^`\n]+`|^ {4}.*", prose, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)\b", code))
    assert {"demo", "test", "lock"} <= named
    for target in named:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_every_scenario_is_named() -> None:
    """The list of scenarios is the demo's."""
    listed = README[README.index("The scenarios are") :].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == set(SCENARIOS)


def test_the_example_settings_are_accepted(tmp_path: Path) -> None:
    """Somebody copies the .env of the README and changes the values."""
    (tmp_path / ".env").write_text(blocks("sh")[0])
    settings = Settings.from_environment({}, dotenv=tmp_path / ".env")
    assert settings.nats_user == "ami_console"
    assert settings.redis_url.shown == "rediss://redis.example.org:6379/0"


def test_the_table_has_every_setting_and_its_default() -> None:
    """A setting is added, or its default moves, and the README stays behind."""
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \| (?:`([^`]*)`)? ?\|", README, re.MULTILINE)
    table = {name: default for names, default in rows for name in re.findall(r"[A-Z_]+", names)}
    assert table.keys() == {field.name.upper() for field in dataclasses.fields(Settings)}
    environment = {f"AMI_CONSOLE_{name}": default for name, default in table.items()}
    assert Settings.from_environment(environment, dotenv=None) == Settings()


def test_files_that_are_linked_exist() -> None:
    """The picture of the dashboard was moved, and the first page shows a hole."""
    links = re.findall(r'(?:src|srcset)="([^"]+)"|\]\(([^)#]+)\)', README)
    files = {link for pair in links for link in pair if link and "://" not in link}
    assert len(files) >= 4
    assert not {file for file in files if not (ROOT / file).is_file()}


def test_the_nats_user_may_do_what_the_console_needs_and_no_more() -> None:
    """The rights of the README are those that the tests of the sources are run with."""
    (block,) = blocks("conf")
    for verb in ("publish", "subscribe"):
        listed = re.search(rf"{verb}: \[(.*)\]", block)
        assert listed
        assert re.findall(r'"([^"]+)"', listed[1]) == READ_ONLY_PERMISSIONS[verb]


@pytest.mark.servers
async def test_the_redis_user_can_look_and_nothing_else(redis_server: RedisServer) -> None:
    """An operator pastes the line of the README and gives the console that login only."""
    owner = redis.Redis.from_url(redis_server.url)
    owner.set("job:3:pending_images_total", 10)
    owner.sadd("job:3:pending_images:process", "a", "b")
    (line,) = blocks("redis")
    owner.execute_command(*line.split())
    owner.close()

    url = redis_server.url.replace("redis://", "redis://ami_console:secret@")
    source = CountersSource(Settings.from_environment({"AMI_CONSOLE_REDIS_URL": url}, dotenv=None))
    try:
        reading = await source.discover()
    finally:
        await source.aclose()
    assert reading.job_ids == {3}
    (row,) = reading.rows["counters"]
    assert (row["total"], row["pending_process"], row["failed"]) == (10, 2, 0)
    assert reading.clock_offset_s is not None

    with redis.Redis.from_url(url) as client:
        for forbidden in (
            lambda: client.delete("job:3:pending_images:process"),
            lambda: client.sadd("job:3:failed_images", "a"),
            lambda: client.get("celery"),
            client.flushdb,
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                forbidden()


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``recordings`` as the examples find it, with a real job in it; the folder it lies in."""
    folder = tmp_path_factory.mktemp("readme")
    log = ROOT / "tests/data/antenna/c_worker_crash"
    assert cli.main(["import", str(log), "--into", str(folder / "recordings")]) == 0
    return folder


@pytest.mark.parametrize("example", blocks("python"), ids=["library", "post-mortem", "pandas"])
def test_the_python_examples_run(
    example: str,
    recordings: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The first thing that is pasted into a notebook, on the recording of a real job."""
    monkeypatch.chdir(recordings)
    saved = ROOT / "tests/data/antenna/c_worker_crash/final_detail.json.gz"
    (recordings / "job-6.json").write_bytes(gzip.decompress(saved.read_bytes()))
    names: dict[str, Any] = {}
    exec(example, names)  # the README is ours
    if "line" in names:
        assert names["line"]["redeliveries_total"].max() == 8
        told = capsys.readouterr().out
        assert "acked_per_min" in told
        assert "a worker took 8 images" in told
        assert (recordings / "job.html").stat().st_size < 3_000_000
    elif "found" in names:
        assert names["found"].cause.code == "worker_lost"
        assert len(names["found"].images) == 8
    else:
        assert names["consumers"]["delivered_consumer_seq"].max() == 48


def test_duckdb_is_given_files_that_are_there(recordings: Path) -> None:
    """The layout of a recording changed, and the query finds nothing."""
    (query,) = blocks("sql")
    (pattern,) = re.findall(r"'(recordings/[^']+)'", query)
    assert list(recordings.glob(pattern))
    assert set(re.findall(r"`(\w+)`", README[README.index("The frames are") :][:400])) >= {
        path.name.removeprefix("frame=") for path in recordings.glob("recordings/frame=*")
    }
