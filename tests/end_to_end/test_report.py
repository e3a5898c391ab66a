"""``ami-console report`` as it is typed, on a recording of a real job."""

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from recorded import ANTENNA

from ami_console.cli import BAD_INPUT, DONE, main
from ami_console.commands import report
from ami_console.importer import import_files, recognised
from ami_console.report import files

ZONE = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Looks, tap and logs of the crash."""
    folder = tmp_path_factory.mktemp("report") / "crash"
    found, _ = recognised([ANTENNA / "c_worker_crash"])
    import_files(found, folder, zone=ZONE)
    return folder


@pytest.fixture(autouse=True)
def at_a_desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, recording: Path) -> Iterator[None]:
    """In an empty folder; the recording is the one of the settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AMI_CONSOLE_RECORDING", str(recording))
    yield
    assert not list(tmp_path.glob(".*")), "half a file was left behind"


def test_the_post_mortem_of_a_job_is_one_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next morning: one command, and one file to send."""
    out = tmp_path / "job.html"
    out.write_text("the report of yesterday")
    assert main(["report", "6", "--out", str(out)]) == DONE
    html = out.read_text(encoding="utf-8")
    assert html.startswith("<!DOCTYPE html>")
    assert "lost" in html.partition("<main>")[2]
    assert "ami-console report 6 --recording crash --out job-6.html" in html
    assert str(tmp_path.parent) not in html
    said = capsys.readouterr().out
    assert str(out) in said
    assert "MB: " in said
    assert list(tmp_path.iterdir()) == [out]


def test_its_frames_lie_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The colleague wants to count for herself; an older run had left a frame that is no more."""
    folder = tmp_path / "job.frames"
    folder.mkdir()
    (folder / "queues.parquet").write_text("old")
    assert main(["report", "6", "--out", "job.html", "--frames"]) == DONE
    held = {file.stem: pd.read_parquet(file) for file in folder.iterdir()}
    assert {"acks", "consumers", "jobs", "log_events", "reads", "stages"} <= held.keys()
    assert "queues" not in held
    assert held["acks"]["stream_seq"].nunique() == 40
    assert set(held["jobs"]["job_id"]) == {6}
    assert held["reads"]["observed_at"].min() >= held["jobs"]["observed_at"].min() - pd.Timedelta(
        minutes=10
    )
    assert f"{len(held)} frames as Parquet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["99", "--out", "job.html"], "knows nothing of job 99; jobs in it: 5, 6"),
        (["6", "--out", "nowhere/job.html"], "the folder nowhere is not there"),
        (["6", "--out", "."], "is a folder"),
        (["6", "--out", "job.html", "--recording", "nothing"], "nothing"),
    ],
)
def test_what_can_not_be_done_is_said_and_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    """A typo in the job, in the folder, in the recording."""
    assert main(["report", *words]) == BAD_INPUT
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_takes_long_says_what_it_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A large job: nobody should wonder whether it hangs."""
    monkeypatch.setattr(report, "QUIET_S", 0.0)
    assert main(["report", "6", "--out", "job.html"]) == DONE
    said = capsys.readouterr().err
    assert "reading job 6" in said


def test_a_file_that_can_not_be_replaced_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full in the middle: yesterday's report must not be half overwritten."""
    out = tmp_path / "job.html"
    files.write(out, b"yesterday")

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(files.RecordingError, match="No space left on device"):
        files.write(out, b"today")
    assert out.read_bytes() == b"yesterday"
    assert list(tmp_path.iterdir()) == [out]
