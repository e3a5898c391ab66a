"""A demo ends in every way that it can end, and leaves no process and no file behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playing import ROOT, Look, plan, scenario, worker

from ami_console.demo.processes import wait_until
from ami_console.demo.stack import Stack

pytestmark = pytest.mark.servers

PLAY = scenario(plan(200), workers=(worker(image_s=0.05), worker("gpu-02", image_s=0.05)))

_PARENT = """
import json, sys, time
from pathlib import Path
from ami_console.demo.plans import Scenario
from ami_console.demo.stack import Stack

with Stack(Scenario.read(Path(sys.argv[1]))) as stack:
    pids = {**stack.pids, "guard": stack.guard_pid}
    print(json.dumps({"pids": pids, "folder": str(stack.folder)}), flush=True)
    time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    """Whether the process is there, and not just its entry that nobody reaped yet."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return bool(state.strip()) and not state.startswith("Z")


def wait_for_nothing(pids: dict[str, int], folder: Path) -> None:
    """Wait until all the processes and the folder are gone."""

    def left() -> list[str]:
        found = [name for name, pid in pids.items() if is_alive(pid)]
        return [*found, str(folder)] if folder.exists() else found

    wait_until(
        lambda: not left(),
        deadline_s=10,
        complaint=lambda: AssertionError(f"still there: {left()}"),
        every_s=0.05,
    )


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"])
def test_nothing_is_left_when_the_demo_is_ended(how: str, tmp_path: Path) -> None:
    """kill -9, a plain kill, Ctrl-C, a closed terminal: all servers, workers and files go."""
    PLAY.write(tmp_path / "scenario.json")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path / "scenario.json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as parent:
        assert parent.stdout is not None
        told: dict[str, Any] = json.loads(parent.stdout.readline())
        pids, folder = told["pids"], Path(told["folder"])
        assert set(pids) == {"nats", "redis", "antenna", "worker-gpu-01", "worker-gpu-02", "guard"}
        assert all(map(is_alive, pids.values()))
        assert folder.is_dir()
        parent.send_signal(getattr(signal, how))
        parent.wait(10)
    wait_for_nothing(pids, folder)


def test_nothing_is_left_when_even_the_guard_was_killed(tmp_path: Path) -> None:
    """The demo goes on without its guard, and cleans up itself at the end."""
    with Stack(PLAY) as stack:
        pids, folder = stack.pids, stack.folder
        os.kill(stack.guard_pid, signal.SIGKILL)
        stack.stop("worker-gpu-01")
        stack.start("worker-gpu-01")
        pids |= stack.pids
    wait_for_nothing(pids, folder)


def test_a_stack_that_fails_to_open_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A server does not come up: what was started before it is ended again."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    stack = Stack(PLAY)
    started: list[int] = []

    def start(name: str) -> None:
        if name == "antenna":
            started.extend(stack.pids.values())
            raise KeyboardInterrupt
        Stack.start(stack, name)

    monkeypatch.setattr(stack, "start", start)
    with pytest.raises(KeyboardInterrupt):
        stack.__enter__()
    assert len(started) == 2
    assert not any(map(is_alive, started))
    assert list(tmp_path.iterdir()) == []


def test_killed_servers_come_back_with_their_data_and_it_is_said() -> None:
    """Somebody kills nats-server and redis-server under a running demo."""
    said: list[str] = []
    play = scenario(plan(30))
    with Stack(play, restart_after_s=0.2, announce=said.append) as stack, Look(stack) as look:
        look.until(lambda: (look.consumer() or {}).get("num_pending") == 30)
        before = stack.pids
        os.kill(before["nats"], signal.SIGKILL)
        os.kill(before["redis"], signal.SIGKILL)
        look.until(lambda: sum(line.endswith("is back") for line in said) == 2)
        after = stack.pids
        assert set(after) == set(before)
        assert after["nats"] != before["nats"]
        assert after["redis"] != before["redis"]
        assert (look.consumer() or {})["num_pending"] == 30
        assert len(look.keys()) == 3
    assert sorted(said) == [
        "nats is back",
        "nats is gone and comes back in 0.2 s",
        "redis is back",
        "redis is gone and comes back in 0.2 s",
    ]


def test_who_is_stopped_stays_away_until_started() -> None:
    """What the demo was told to stop is not brought back by itself."""
    with Stack(scenario(plan(5)), restart_after_s=0.0) as stack, Look(stack) as look:
        port = stack.settings.nats_url
        stack.stop("nats")
        os.kill(stack.pids["redis"], signal.SIGKILL)
        look.until(lambda: "redis" in stack.pids)  # the monitor has looked at both by now
        assert "nats" not in stack.pids
        stack.start("nats")
        assert "nats" in stack.pids
        assert stack.settings.nats_url == port


def test_a_planned_crash_comes_back_when_planned() -> None:
    """A worker that dies by its script is brought back by its script, without a word."""
    said: list[str] = []
    play = scenario(plan(120, ack_wait_s=30.0), workers=(worker(crash_after=1, back_after_s=0.1),))
    with Stack(play, announce=said.append) as stack, Look(stack) as look:
        log = stack.members["worker-gpu-01"].log
        look.until(lambda: log.read_text().count("CRASH") >= 2)
    assert said == []


def test_two_demos_at_once_do_not_meet() -> None:
    """Ports are free ones, folders are their own."""
    play = scenario(plan(5))
    with Stack(play) as one, Stack(play) as other:
        assert one.folder != other.folder
        alike = {"America/New_York", "300", "240"}  # the zone, and how patient Antenna is
        assert set(one.environment().values()) & set(other.environment().values()) == alike
        assert not set(one.pids.values()) & set(other.pids.values())
