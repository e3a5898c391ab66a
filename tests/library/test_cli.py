"""Exit codes and messages: what a wrong word or a wrong file gets is one clear line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ami_console import __version__
from ami_console.cli import main
from ami_console.recording import open_recording

ANTENNA = Path(__file__).parents[1] / "data" / "antenna"
COMMANDS = ("demo", "serve", "snapshot", "record", "import", "summary")


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of whoever runs the tests, and nobody at the usual addresses."""
    for name in [name for name in os.environ if name.startswith("AMI_CONSOLE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AMI_CONSOLE_ANTENNA_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AMI_CONSOLE_NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setenv("AMI_CONSOLE_NATS_MONITOR_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AMI_CONSOLE_REDIS_URL", "redis://127.0.0.1:9/0")


def run(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:  # argparse ends by itself
        return int(ended.code or 0)


def test_it_is_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ami_console", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"ami-console {__version__}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "--help") == 0
    assert f"ami-console {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("dance",),
        ("summary",),
        ("summary", "three"),
        ("summary", "-1"),
        ("serve", "--port", "99999"),
        ("record", "--every", "never"),
        ("record", "--for", "nan"),
        ("snapshot", "--format", "xml"),
    ],
)
def test_bad_usage_is_exit_code_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    assert "ami-console" in capsys.readouterr().err


def test_import_and_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = str(tmp_path / "r")
    assert run("import", str(ANTENNA / "c_worker_crash"), "--into", into) == 0
    assert "series.jsonl: 168 readings" in capsys.readouterr().out
    assert run("summary", "6", "--recording", into, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["redeliveries"] == 8
    assert run("summary", "6", "--recording", into) == 0
    assert "redelivered_tasks        8" in capsys.readouterr().out


def test_an_unknown_job_is_told_which_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = str(tmp_path / "r")
    run("import", str(ANTENNA / "c_worker_crash"), "--into", into)
    assert run("summary", "7", "--recording", into) == 2
    assert "jobs in it: 5, 6" in capsys.readouterr().err


def test_a_truncated_gzip_is_imported_as_far_as_it_goes_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "series.jsonl.gz"
    cut.write_bytes((ANTENNA / "k_api_down" / "series.jsonl.gz").read_bytes()[:9000])
    assert run("import", str(cut), "--into", str(tmp_path / "r")) == 2
    out = capsys.readouterr().out
    assert "ends early or is damaged" in out
    assert run("summary", "115", "--recording", str(tmp_path / "r")) == 0


@pytest.mark.parametrize("what", ["nowhere", "empty", "other version", "a file"])
def test_what_is_no_recording_is_one_clear_line(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r"
    if what == "a file":
        path.write_text("x")
    elif what != "nowhere":
        path.mkdir()
    if what == "other version":
        (path / "recording.json").write_text('{"format": 999, "format_version": 999}')
    for command in (("summary", "6"), ("serve",)):
        assert run(*command, "--recording", str(path)) == 2
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        assert str(path) in message
        assert "Traceback" not in message


def test_a_wrong_setting_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMI_CONSOLE_EVERY_S", "often")
    for command in (("snapshot",), ("record", "--for", "1"), ("serve",)):
        assert run(*command) == 2
        assert "AMI_CONSOLE_EVERY_S" in capsys.readouterr().err


def test_a_snapshot_of_nobody_says_so_of_each_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("snapshot") == 3
    captured = capsys.readouterr()
    for source in ("antenna", "nats", "redis"):
        assert f"ami-console: {source}: " in captured.err
        assert f"{source} FAILED" in captured.out
    assert "Traceback" not in captured.err


def test_recording_when_nobody_answers_is_exit_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("record", "--for", "1.5", "--every", "0.5", "--into", str(tmp_path / "r")) == 3
    err = capsys.readouterr().err
    assert "antenna: can't be read" in err
    reads = open_recording(tmp_path / "r").frame("reads")
    assert set(reads["source"]) == {"antenna", "nats", "redis", "job_logs"}
    assert not reads["ok"].any()
