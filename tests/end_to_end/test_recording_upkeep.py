"""``ami-console recording`` as it is typed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from weeks_of_jobs import record

from ami_console import frames
from ami_console.cli import main
from ami_console.recording import RecordingWriter, open_recording


class Done(NamedTuple):
    """What a command said."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("weeks") / "recordings", 2)


@pytest.fixture
def recordings(made: Path, tmp_path: Path) -> Path:
    """A recording where the settings say."""
    return Path(shutil.copytree(made, tmp_path / "recordings"))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run(words…)``: the command, in the folder of the recording; a screen of 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name in [name for name in os.environ if name.startswith("AMI_CONSOLE_")]:
        monkeypatch.delenv(name)

    def start(*words: str) -> Done:
        try:
            code = main(["recording", *words])
        except SystemExit as left:  # argparse
            code = int(left.code or 0)
        said = capsys.readouterr()
        lines = [line for line in said.out.splitlines() if " " in line]  # else it is a path
        assert max(map(len, lines), default=0) <= 80
        return Done(code, said.out, said.err)

    return start


def rows(path: Path) -> dict[str, int]:
    recording = open_recording(path)
    return {name: len(recording.frame(name)) for name in frames.FRAMES}


def test_a_recording_through_its_years(recordings: Path, run: Run, tmp_path: Path) -> None:
    """Compacted at night, its old days looked at, then moved to a second disk."""
    before = rows(recordings)
    done = run("compact")
    assert done.returncode == 0, done.stderr
    assert "consumers" in done.stdout
    assert "24 → 8" in done.stdout  # three parts of each of eight days
    assert {len(list(day.iterdir())) for day in recordings.glob("frame=*/day=*")} == {1}
    assert run("compact").stdout.startswith("nothing to join")

    looked = run("prune", "--older-than", "1d", "--to", "disk")
    assert looked.returncode == 0
    assert "2026-06-02" in looked.stdout
    assert "nothing was done" in looked.stdout
    assert rows(recordings) == before
    assert not (tmp_path / "disk").exists()

    moved = run("prune", "--older-than", "1d", "--to", "disk", "--yes")
    assert moved.returncode == 0, moved.stderr
    assert "copied and read back" in moved.stdout
    assert "removed" in moved.stdout
    assert rows(tmp_path / "disk") == before
    assert set(rows(recordings).values()) == {0}
    nothing = run("prune", str(recordings), "--older-than", "1d", "--yes")
    assert (nothing.returncode, nothing.stdout[:17]) == (0, "nothing to remove")


def test_old_days_are_removed_for_good(recordings: Path, run: Run) -> None:
    """Nobody wants them: said before, done after --yes."""
    assert "removed for good" in run("prune", "--older-than", "1").stdout
    assert run("prune", "--older-than", "1", "--yes").returncode == 0
    assert not list(recordings.rglob("*.parquet"))
    with RecordingWriter(recordings):
        pass
    assert set(rows(recordings).values()) == {0}


def test_a_copy_while_somebody_records(recordings: Path, run: Run, tmp_path: Path) -> None:
    """Who records is named; what is over is joined and copied, the recorder is not disturbed."""
    with RecordingWriter(recordings):
        done = run("compact")
        assert done.returncode == 0, done.stderr
        assert f"process {os.getpid()} on" in done.stdout
        copied = run("compact", "--to", (tmp_path / "copy").as_uri())
        assert copied.returncode == 0, copied.stderr
    assert rows(tmp_path / "copy") == rows(recordings)


def test_damage_is_told_and_its_day_is_kept(recordings: Path, run: Run, tmp_path: Path) -> None:
    """One file is rubbish: exit code 1, the day stays, everything else is put away."""
    day = recordings / "frame=jobs" / "day=2026-06-04"
    part = sorted(day.iterdir())[0]
    part.write_bytes(b"rubbish")
    done = run("compact")
    assert done.returncode == 1
    assert str(part) in done.stderr
    looked = run("prune", "--older-than", "1d")
    assert "damaged" in looked.stdout
    moved = run("prune", "--older-than", "1d", "--to", str(tmp_path / "disk"), "--yes")
    assert moved.returncode == 1
    assert f"not in the copy: {part}" in moved.stderr
    assert "kept: jobs 2026-06-04" in moved.stderr
    assert {file.parent for file in recordings.rglob("*.parquet")} == {day}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("compact", "nowhere"), "no recording at nowhere"),
        (("compact", "memory://x"), "no recording at memory://x"),
        (("compact", "--to", "recordings/copy"), "same place"),
        (("compact", "--to", "nosuch://place"), "can't be reached"),
        (("prune", "--older-than", "0d"), "not a number of days"),
        (("prune",), "--older-than"),
    ],
)
def test_what_can_not_be_done(
    recordings: Path, run: Run, words: tuple[str, ...], says: str
) -> None:
    """A typing mistake is answered with what to do, and changes nothing."""
    before = rows(recordings)
    done = run(*words)
    assert done.returncode == 2
    assert says in done.stderr
    assert rows(recordings) == before
