"""``ami-console diagnose`` as it is typed, and alerts, on recordings and on a running stand-in."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recorded import ANTENNA
from waiting import until

from ami_console.demo.stack import Stack
from ami_console.recording import open_recording

HERE = {k: v for k, v in os.environ.items() if not k.startswith("AMI_CONSOLE_")}


def command(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program, run to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ami_console", *words],
        cwd=folder,
        env=HERE | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the imported recordings, each by its name."""
    folder = tmp_path_factory.mktemp("recordings")
    for name in ("a_healthy", "b_no_worker", "e_cancelled"):
        done = command("import", str(ANTENNA / name), "--into", name, folder=folder)
        assert done.returncode == 0, done.stderr
    return folder


def told(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The list that it printed."""
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_healthy_recording_gives_an_empty_list(recordings: Path) -> None:
    """All is well, and the exit code says so."""
    done = command("diagnose", "--recording", "a_healthy", "--format", "json", folder=recordings)
    assert (done.returncode, told(done), done.stderr) == (0, [], "")


def test_a_stuck_job_as_it_stood_at_an_instant(recordings: Path) -> None:
    """Next morning: what would have been said at 15:20?"""
    words = ("diagnose", "4", "--recording", "b_no_worker", "--as-of", "2026-11-23T10:20:00-05:00")
    done = command(*words, "--format", "json", folder=recordings)
    (found,) = told(done)
    assert done.returncode == 1
    assert {name: found[name] for name in ("code", "severity", "outcome", "job_id", "as_of")} == {
        "code": "no_worker",
        "severity": "critical",
        "outcome": "finding",
        "job_id": 4,
        "as_of": "2026-11-23T15:20:00Z",
    }
    assert found["since"].startswith("2026-11-23T15:15:03.7")
    assert found["evidence"]["num_pending"] == 320
    assert found["evidence_read"]["num_pending"]["source"] == "nats"
    assert found["title"]
    assert found["why"]
    assert found["next_step"]


def test_for_people_it_fits_the_terminal_and_counts_down(recordings: Path) -> None:
    """The verdict, its evidence, and what the health check will do in ten minutes."""
    words = ("diagnose", "--recording", "b_no_worker", "--as-of", "2026-11-23T15:20:00Z")
    done = command(*words, folder=recordings)
    assert done.returncode == 1
    assert max(map(len, done.stdout.splitlines())) <= 80
    for part in ("CRITICAL  job 4 · no_worker", "(4 m 56 s)", "evidence", "wrong if", "  do  "):
        assert part in done.stdout
    assert "NEXT  job 4, in 10 m 00 s: The health check of 15:30:00 UTC" in done.stdout
    assert "320 images as failed" in done.stdout.replace("\n      ", " ")


def test_a_cancelled_job_is_no_alarm_and_its_lost_results_are_said(recordings: Path) -> None:
    """A user cancelled it; 96 results came back when the stream was gone."""
    done = command("diagnose", "7", "--recording", "e_cancelled", folder=recordings)
    assert done.returncode == 0
    assert "nothing is wrong" in done.stdout
    assert "PAST  job 7 ended as REVOKED; 96 results" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("diagnose", "99", "--recording", "a_healthy"), "nothing is known of job 99"),
        (("diagnose", "--recording", "a_healthy", "--as-of", "yesterday-ish"), "ISO 8601"),
        (("diagnose", "--recording", "no-such-folder"), "no-such-folder"),
        (("diagnose", "zero"), "not the number of a job"),
    ],
)
def test_bad_input_is_named(recordings: Path, words: tuple[str, ...], said: str) -> None:
    """Typed at 3 a.m."""
    done = command(*words, folder=recordings)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_no_source_at_all_is_not_all_is_well(tmp_path: Path) -> None:
    """Nothing listens at any of the addresses."""
    dead = {
        "AMI_CONSOLE_ANTENNA_URL": "http://127.0.0.1:9",
        "AMI_CONSOLE_NATS_URL": "nats://127.0.0.1:9",
        "AMI_CONSOLE_NATS_MONITOR_URL": "http://127.0.0.1:9",
        "AMI_CONSOLE_REDIS_URL": "redis://127.0.0.1:9/0",
    }
    done = command("diagnose", "--for", "8", "--format", "json", folder=tmp_path, **dead)
    assert done.returncode == 3
    assert {(f["code"], f["subject"]) for f in told(done) if f["severity"] == "critical"} == {
        ("source_down", source) for source in ("antenna", "nats", "redis")
    }


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A stand-in whose servers stay away when they are stopped."""
    with Stack("healthy", restart_after_s=None) as running:
        yield running


@pytest.mark.servers
def test_it_looks_by_itself_then_by_the_recording_and_alerts_go_out(
    stack: Stack, tmp_path: Path
) -> None:
    """Looked at well; then nats-server dies, the recorder calls a command, once."""
    environment = stack.environment()
    done = command("diagnose", "--for", "4", folder=tmp_path, **environment)
    assert done.returncode == 0, done.stdout
    assert "judged by 4 s of looks" in done.stdout
    called = tmp_path / "called"
    script = tmp_path / "call.py"
    script.write_text(f"import sys\nopen({str(called)!r}, 'a').write(sys.stdin.read() + '\\n')\n")
    environment["AMI_CONSOLE_ALERT_COMMAND"] = f"{sys.executable} {script}"
    with subprocess.Popen(
        [sys.executable, "-m", "ami_console", "record"],
        cwd=tmp_path,
        env=HERE | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as recorder:
        try:
            until((tmp_path / "recordings" / "recording.json").exists)
            stack.stop("nats")
            until(called.exists)
            done = command("diagnose", "--format", "json", folder=tmp_path, **environment)
            found = [f for f in told(done) if f["outcome"] == "finding"]
            assert [(f["code"], f["subject"]) for f in found] == [("source_down", "nats")]
            assert done.returncode == 1
            unable = {f["code"] for f in told(done) if f["outcome"] == "cant_tell"}
            assert "no_worker" in unable
            frame = open_recording(tmp_path / "recordings").frame
            until(lambda: len(frame("findings")) >= 3)
        finally:
            recorder.send_signal(signal.SIGTERM)
            recorder.communicate(timeout=60)
            stack.start("nats")
    assert recorder.returncode == 0
    (call,) = [json.loads(line) for line in called.read_text().splitlines()]
    assert (call["event"], call["finding"]["code"]) == ("began", "source_down")
    findings = open_recording(tmp_path / "recordings").frame("findings")
    assert set(findings["code"]) == {"source_down"}
    assert set(findings["subject"]) == {"nats"}
    assert findings["since"].nunique() == 1
