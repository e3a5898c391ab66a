"""Which recordings a page may show: those that the operator gave, by name, and no other."""

import shutil
from pathlib import Path

import pytest

from ami_console.apps.recordings import Recordings
from ami_console.errors import RecordingError
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter


def record(path: Path) -> Path:
    """A recording of one look."""
    with RecordingWriter(path) as writer:
        writer.append(Reading(source="nats", observed_at=1_790_000_000_000_000_000))
    return path


def test_a_folder_gives_its_recordings_and_each_is_opened_once(tmp_path: Path) -> None:
    """A shelf of nights, among other things."""
    for name in ("monday", "tuesday"):
        record(tmp_path / "shelf" / name)
    record(tmp_path / "shelf" / "deep" / "below")
    (tmp_path / "shelf" / "notes.txt").write_text("no recording")
    known = Recordings([tmp_path / "shelf", record(tmp_path / "own")])
    assert known.names == ("monday", "tuesday", "own")
    assert known.open("monday") is known.open("monday")
    assert known.open("own").path == str(tmp_path / "own")


def test_two_of_one_name_get_a_number_and_keep_it(tmp_path: Path) -> None:
    """Both sites called theirs `recording`; a link must open the same one tomorrow."""
    first, second = record(tmp_path / "a" / "recording"), record(tmp_path / "b" / "recording")
    known = Recordings([first, second, first])
    assert known.names == ("recording", "recording (2)")
    assert known.open("recording (2)").path == str(second)


@pytest.mark.parametrize(
    "name", ["../secret", "shelf/../../secret", "", ".", "..", "monday/", "/etc", "file:///etc"]
)
def test_an_address_opens_nothing_that_was_not_given(tmp_path: Path, name: str) -> None:
    """Somebody changes the link by hand, to a recording beside the shelf."""
    record(tmp_path / "secret")
    record(tmp_path / "shelf" / "monday")
    known = Recordings([tmp_path / "shelf"])
    for asked in (name, str(tmp_path / "secret")):
        with pytest.raises(RecordingError, match=r"those that can be shown: monday\."):
            known.open(asked)


def test_new_ones_are_found_and_lost_ones_no_longer_named(tmp_path: Path) -> None:
    """Last night's recording is copied there while the server runs."""
    record(tmp_path / "shelf" / "monday")
    known = Recordings([tmp_path / "shelf"])
    record(tmp_path / "shelf" / "tuesday")
    assert known.open("tuesday").path.endswith("tuesday")
    shutil.rmtree(tmp_path / "shelf" / "monday")
    known.look_again()
    assert known.names == ("tuesday",)


def test_what_is_damaged_or_absent_is_said(tmp_path: Path) -> None:
    """A path that does not exist, one without recordings, one of a version to come."""
    with pytest.raises(RecordingError, match="No such file or directory"):
        Recordings([tmp_path / "nowhere"])
    (tmp_path / "bare").mkdir()
    with pytest.raises(RecordingError, match=r"neither it nor a directory in it has a recording"):
        Recordings([tmp_path / "bare"])
    info = record(tmp_path / "new") / "recording.json"
    info.write_text('{"format": "ami-console recording", "format_version": "9.0"}')
    known = Recordings([tmp_path / "new"])
    with pytest.raises(RecordingError, match=r"its format is 9\.0"):
        known.open("new")
