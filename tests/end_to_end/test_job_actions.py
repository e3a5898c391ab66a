"""``ami-console job``: typed by an operator, done by the stand-in, seen in real servers."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from waiting import until

from ami_console.actions import journal_path, read_journal
from ami_console.cli import main
from ami_console.demo.plans import JobPlan, Scenario, WorkerPlan
from ami_console.demo.stack import Stack
from ami_console.recording import open_recording

pytestmark = pytest.mark.servers

PIPELINE = "eastern_canada_moths_2026"
RUNNING, DRAFT, STUCK = "101", "102", "103"


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Do = Callable[..., Done]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A job that runs, a draft, and one that nobody works on."""
    fast: dict[str, Any] = {"project": "laurentian", "save_s": 0.01}
    jobs = (
        JobPlan(name="Wrong year", images=400, pipeline=PIPELINE, **fast),
        JobPlan(name="Draft", images=20, runs=False, pipeline="micromoths_trial", **fast),
        JobPlan(name="Stuck", images=30, pipeline="thermal_camera_trial", **fast),
    )
    worker = WorkerPlan(name="gpu-01", pipelines=(PIPELINE,), image_s=0.3)
    play = Scenario(name="test", says="a test", jobs=jobs, workers=(worker,))
    with Stack(play, restart_after_s=None) as running:
        yield running


@pytest.fixture
def do(
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Do:
    """``do(words…, NAME=value…)``: the command, in an empty folder."""
    for name in [name for name in os.environ if name.startswith("AMI_CONSOLE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def typed(*words: str, **more: str) -> Done:
        told = {"ALLOW_ACTIONS": "true", "EVERY_S": "0.3"} | more
        set_to = stack.environment() | {f"AMI_CONSOLE_{k}": v for k, v in told.items()}
        for name, value in set_to.items():
            monkeypatch.setenv(name, value)
        try:
            code = main(("job", *words))
        except SystemExit as ended:  # argparse ends by itself
            code = int(ended.code or 0)
        return Done(code, *capsys.readouterr())

    return typed


def there(do: Do, job: str, text: str) -> bool:
    """Whether a look tells this of the job."""
    return text in do("cancel", job).stdout


def test_off_unless_it_is_allowed(do: Do, tmp_path: Path) -> None:
    """Somebody tries it on a machine that is there to watch."""
    done = do("cancel", RUNNING, "--yes", ALLOW_ACTIONS="false")
    assert done.returncode == 2
    assert "AMI_CONSOLE_ALLOW_ACTIONS=true" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_yes_it_says_what_it_would_do(do: Do, tmp_path: Path) -> None:
    """And does nothing, and writes nothing."""
    until(lambda: there(do, STUCK, "Its stream is deleted: 30 messages, of them 30 not delivered"))
    done = do("retry", STUCK)
    assert done.returncode == 2
    assert "▲ It still has its stream with 30 messages" in done.stdout
    assert "nothing was done; add --yes" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
    senseless = do("run", STUCK)
    assert "makes no sense: the job is STARTED" in senseless.stdout


def test_a_viewer_is_refused(stack: Stack, do: Do, tmp_path: Path) -> None:
    """The token may only look: 3, what to do, and a line in the journal."""
    until(lambda: there(do, DRAFT, "It has no stream"))
    done = do("run", DRAFT, "--yes", ANTENNA_TOKEN=stack.viewer_token)
    assert done.returncode == 3
    assert "Antenna answered 403" in done.stdout
    assert "set AMI_CONSOLE_ANTENNA_TOKEN" in done.stdout
    (entry,) = read_journal(journal_path(tmp_path / "recordings"))
    assert entry.answered is not None
    assert entry.answered["status"] == 403
    assert stack.viewer_token not in journal_path(tmp_path / "recordings").read_text()


def test_a_draft_is_run_then_retried(do: Do, tmp_path: Path) -> None:
    """Twenty images are queued; a retry puts them into the same stream again."""
    until(lambda: there(do, DRAFT, "It has no stream"))
    done = do("run", DRAFT, "--yes", "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["answer"]["status"] == 200
    assert {s["state"] for s in told["outcome"]["sources"].values()} == {"seen"}
    until(lambda: there(do, DRAFT, "20 messages"))
    again = do("retry", DRAFT, "--yes")
    assert again.returncode == 0, again.stdout
    assert "▲ It still has its stream with 20 messages" in again.stdout
    assert "more messages were put into its stream" in again.stdout
    entries = read_journal(journal_path(tmp_path / "recordings"))
    assert [entry.asked["action"] for entry in entries] == ["run", "retry"]


def test_a_cancel_is_recorded_before_and_confirmed_after(do: Do, tmp_path: Path) -> None:
    """The evidence is on the disk, and all three sources tell that the job is over."""
    until(lambda: there(do, RUNNING, "Its stream is deleted: 400 messages"))
    done = do("cancel", RUNNING, "--yes", "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["outcome"]["result"] == "done"
    assert told["consequences"][0]["text"].startswith("Its stream is deleted: 400 messages")
    consumers = open_recording(told["recorded_in"]).frame("consumers", job_id=int(RUNNING))
    assert consumers["messages"].iloc[0] == 400
    assert not consumers["stream_exists"].iloc[-1]
    (entry,) = read_journal(Path(told["journal"]))
    assert entry.outcome is not None
    assert entry.outcome["result"] == "done"
    over = do("cancel", RUNNING, "--yes")
    assert over.returncode == 2
    assert "has ended (REVOKED)" in over.stderr


def test_a_job_that_nobody_knows(do: Do) -> None:
    """A typing error must not reach another job."""
    done = do("cancel", "987654", "--yes")
    assert done.returncode == 2
    assert "does not know job 987654" in done.stderr


def test_antenna_is_away(do: Do, free_port: int) -> None:
    """Nothing was sent, and the exit code says that a source failed."""
    done = do("cancel", STUCK, "--yes", ANTENNA_URL=f"http://127.0.0.1:{free_port}")
    assert done.returncode == 3
    assert "Nothing was sent" in done.stderr
    assert "connection refused" in done.stderr


def test_bad_usage(do: Do) -> None:
    """An action that there is not."""
    assert do("delete", STUCK, "--yes").returncode == 2
