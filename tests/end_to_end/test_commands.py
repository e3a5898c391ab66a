"""The commands as they are typed, against a running stand-in."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from browsing import Visit
from waiting import until

from ami_console.apps.serve import notebook
from ami_console.demo.stack import Stack
from ami_console.recording import open_recording

pytestmark = pytest.mark.servers

Run = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack("healthy", restart_after_s=None) as running:
        yield running


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """``run(stack or None, words…)``: the program, in an empty folder."""
    started: list[subprocess.Popen[str]] = []

    def start(stack: Stack | None, *words: str) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AMI_CONSOLE_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "ami_console", *words],
            cwd=tmp_path,
            env=environment | (stack.environment() if stack else {}) | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_snapshot_shows_what_moves(stack: Stack, run: Run) -> None:
    def started() -> bool:
        done = run(stack, "snapshot", "--format", "json")
        out, err = done.communicate(timeout=60)
        assert done.returncode == 0, err
        jobs = json.loads(out)["jobs"]
        return any(job["status"] == "STARTED" and job["num_pending"] for job in jobs)

    until(started)
    table, err = run(stack, "snapshot").communicate(timeout=60)
    assert err == ""
    assert "antenna ok" in table
    assert max(map(len, table.splitlines())) <= 80
    csv, _ = run(stack, "snapshot", "--format", "csv").communicate(timeout=60)
    assert csv.startswith("job_id,name,project")


def test_a_job_that_nobody_knows_is_bad_input(stack: Stack, run: Run) -> None:
    done = run(stack, "snapshot", "--job", "987654")
    _, err = done.communicate(timeout=60)
    assert done.returncode == 2
    assert "no source knows job 987654" in err


def test_a_wrong_token_is_named_and_the_others_are_shown(stack: Stack, run: Run) -> None:
    token = "no-such-token-0123456789"
    environment = stack.environment() | {"AMI_CONSOLE_ANTENNA_TOKEN": token}
    done = subprocess.run(
        [sys.executable, "-m", "ami_console", "snapshot"],
        env={k: v for k, v in os.environ.items() if not k.startswith("AMI_CONSOLE_")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "401" in done.stderr
    assert token not in done.stderr + done.stdout
    assert "nats ok" in done.stdout
    assert "Traceback" not in done.stderr


def test_recording_is_read_while_it_grows_and_outlives_kill_9(
    stack: Stack, run: Run, tmp_path: Path
) -> None:
    into = tmp_path / "r"
    recorder = run(stack, "record", "--every", "0.5", "--into", str(into))
    until((into / "recording.json").exists)
    recording = open_recording(into)
    until(lambda: len(recording.frame("consumers")) >= 3)
    second = run(stack, "record", "--into", str(into), "--for", "1")
    _, err = second.communicate(timeout=60)
    assert second.returncode == 2
    assert str(into) in err
    assert "Traceback" not in err
    recorder.send_signal(signal.SIGKILL)
    recorder.wait()
    rows = len(open_recording(into).frame("reads"))
    assert rows >= 3
    again = run(stack, "record", "--every", "0.5", "--for", "2", "--into", str(into))
    out, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    assert "readings of" in out
    assert len(open_recording(into).frame("reads")) > rows


def test_a_recorder_ends_in_good_order_on_sigterm(stack: Stack, run: Run, tmp_path: Path) -> None:
    recorder = run(stack, "record", "--every", "0.5")
    until((tmp_path / "recordings" / "recording.json").exists)
    recording = open_recording(tmp_path / "recordings")
    until(lambda: len(recording.frame("jobs")) > 0)
    recorder.terminate()
    recorder.communicate(timeout=60)
    assert recorder.returncode == 0
    assert not list((tmp_path / "recordings" / "tail").iterdir())


def dashboard(process: subprocess.Popen[str]) -> str:
    """The address that a serving process prints."""
    assert process.stdout is not None
    for line in process.stdout:
        if "/dashboard" in line:
            return next(word.rstrip(",;") for word in line.split() if word.startswith("http://"))
    raise AssertionError(process.communicate())


def test_serve_answers_records_and_ends(stack: Stack, run: Run, tmp_path: Path) -> None:
    server = run(stack, "serve", "--port", "0")
    address = dashboard(server)
    assert "127.0.0.1" in address
    with urlopen(address.replace("/dashboard", "/liveness")) as answer:
        assert answer.status == 200
    with urlopen(address) as answer:
        assert b"ami-console" in answer.read()
    recording = open_recording(tmp_path / "recordings")
    until(lambda: len(recording.frame("jobs")) > 0)
    taken = run(stack, "serve", "--port", address.split(":")[2].split("/")[0])
    _, err = taken.communicate(timeout=60)
    assert taken.returncode == 2
    assert "Traceback" not in err
    server.send_signal(signal.SIGINT)
    server.communicate(timeout=30)
    assert server.returncode == 0


def test_serve_a_recording_needs_no_server(stack: Stack, run: Run, tmp_path: Path) -> None:
    recorder = run(stack, "record", "--every", "0.5", "--for", "2", "--into", str(tmp_path / "r"))
    recorder.communicate(timeout=60)
    server = run(None, "serve", "--recording", str(tmp_path / "r"), "--port", "0")
    with urlopen(dashboard(server)) as answer:
        assert answer.status == 200


@pytest.mark.browser
def test_panel_serves_the_notebook(
    stack: Stack, free_port: int, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    """``panel serve notebooks/dashboard.ipynb``: the same page, live, and nothing from outside."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AMI_CONSOLE_")}
    port = free_port
    server = subprocess.Popen(
        [sys.executable, "-m", "panel", "serve", str(notebook()), "--port", str(port)],
        cwd=tmp_path,
        env=environment | stack.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/dashboard"))
        tab = visit(f"http://127.0.0.1:{port}/dashboard")
        # The long job: the short one on top may end, and its charts then stand still.
        tab.page.click("text=Lac Supérieur")
        tab.page.wait_for_url("**job=*")
        until(lambda: (tab.charts() or {}).get("rows", 0) >= 2)
        seen = tab.charts()["rows"]
        until(lambda: tab.charts()["rows"] > seen)
    finally:
        server.terminate()
        server.wait(timeout=30)


def answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_demo_leaves_no_process_and_no_file(run: Run, ended_by: signal.Signals) -> None:
    demo = run(None, "demo", "--no-open", "--port", "0", "--scenario", "no_worker")
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if "/dashboard" in line:
            break
    listed = next(line for line in lines if line.startswith("processes:"))
    pids = [int(word.strip(",")) for word in listed.split() if word.strip(",\n").isdecimal()]
    assert len(pids) >= 3
    folders = {
        Path(part.decode()).parent
        for pid in pids
        for part in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"ami-console-demo-" in part
    }
    assert folders
    demo.send_signal(ended_by)
    demo.wait(timeout=30)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 20)
    until(lambda: not any(folder.exists() for folder in folders), 20)
    if ended_by is not signal.SIGKILL:
        assert demo.returncode == 0


def test_an_unknown_scenario_is_one_clear_line(run: Run) -> None:
    demo = run(None, "demo", "--scenario", "dance")
    _, err = demo.communicate(timeout=60)
    assert demo.returncode == 2
    assert "worker_crash" in err
    assert err.count("\n") == 1
