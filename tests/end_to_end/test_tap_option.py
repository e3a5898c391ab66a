"""``--tap`` as it is typed: what it records, and that its side effect is said first."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nats
import pytest
from waiting import until

from ami_console.cli import TAP_EFFECT, main
from ami_console.demo.servers import NatsServer
from ami_console.recording import open_recording

SUBJECT = "$JS.ACK.job_9.job-9-consumer.1.{0}.{0}.1795449310256710216.0"


@pytest.mark.parametrize("command", ["demo", "serve", "record"])
def test_the_help_tells_the_side_effect(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert f"It has a side effect: {TAP_EFFECT}" in capsys.readouterr().out


def test_there_is_nothing_to_listen_to_in_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--recording", str(tmp_path), "--tap"]) == 2
    assert "--tap listens to a live NATS" in capsys.readouterr().err


@pytest.mark.servers
@pytest.mark.parametrize("asked", ["option", "environment", "not"])
async def test_record_listens_when_it_is_asked_to(
    asked: str, start_nats: Callable[..., NatsServer], tmp_path: Path
) -> None:
    """Acknowledgements pass by; they are recorded if somebody wants it, and only then."""
    server = start_nats()
    client = await nats.connect(server.url)
    settings = {
        **server.environment(),
        "AMI_CONSOLE_ANTENNA_URL": "http://127.0.0.1:9",
        "AMI_CONSOLE_REDIS_URL": "redis://127.0.0.1:9/0",
        "AMI_CONSOLE_TAP": "true" if asked == "environment" else "false",
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AMI_CONSOLE_")}
    words = ["record", "--every", "0.2", "--into", str(tmp_path / "r")]
    recorder = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
        [sys.executable, "-m", "ami_console", *words, *(["--tap"] if asked == "option" else [])],
        cwd=tmp_path,
        env=inherited | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until((tmp_path / "r" / "recording.json").exists)
        recording = open_recording(tmp_path / "r")

        def good(source: str) -> int:
            reads = recording.frame("reads")
            return int(((reads["source"] == source) & reads["ok"]).sum())

        until(lambda: good("nats" if asked == "not" else "tap") >= 1)
        for seq in range(1, 6):
            await client.publish(SUBJECT.format(seq), b"+ACK")
        await client.flush()
        if asked == "not":
            before = good("nats")
            until(lambda: good("nats") >= before + 3)
    finally:
        recorder.terminate()
        out, err = recorder.communicate(timeout=60)
        await client.close()
    assert recorder.returncode == 0, err
    acks = open_recording(tmp_path / "r").frame("acks", job_id=9)
    assert acks["stream_seq"].tolist() == ([] if asked == "not" else [1, 2, 3, 4, 5])
    assert (f"listening to acknowledgements: {TAP_EFFECT}" in out) == (asked != "not")
    assert "tap" not in err


@pytest.mark.servers
@pytest.mark.parametrize("command", ["demo", "serve"])
@pytest.mark.parametrize("asked", ["option", "environment"])
def test_a_dashboard_that_listens_says_so(
    command: str, asked: str, start_nats: Callable[..., NatsServer], tmp_path: Path
) -> None:
    """Whoever starts it reads what it does to others, however it was switched on."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("AMI_CONSOLE_")}
    settings = start_nats().environment() if command == "serve" else {}
    if asked == "environment":
        settings["AMI_CONSOLE_TAP"] = "true"
    words = [command, "--port", "0", *(["--no-open"] if command == "demo" else [])]
    dashboard = subprocess.Popen(
        [sys.executable, "-m", "ami_console", *words, *(["--tap"] if asked == "option" else [])],
        cwd=tmp_path,
        env=inherited | settings | {"AMI_CONSOLE_ANTENNA_URL": "http://127.0.0.1:9"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert dashboard.stdout is not None
        lines = iter(dashboard.stdout)
        assert any("/dashboard" in line for line in lines)
        assert next(lines) == f"listening to acknowledgements: {TAP_EFFECT}\n"
    finally:
        dashboard.terminate()
        dashboard.communicate(timeout=60)
    assert dashboard.returncode == 0
