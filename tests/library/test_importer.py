"""Poll logs become a recording, whole and once."""

import gzip
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from ami_console.errors import ImportLogError
from ami_console.importer import import_poll_logs, poll_logs
from ami_console.recording import open_recording
from ami_console.summary import summarise

ANTENNA = Path(__file__).parents[1] / "data" / "antenna"
NEW_YORK = ZoneInfo("America/New_York")


def imported(into: Path, *scenarios: str) -> Path:
    files, _ = poll_logs(ANTENNA / name for name in scenarios)
    import_poll_logs(files, into, zone=NEW_YORK)
    return into


def test_a_recording_gives_the_numbers_of_its_poll_log(tmp_path: Path) -> None:
    recording = open_recording(imported(tmp_path / "r", "c_worker_crash", "e_cancelled"))
    assert recording.jobs() == [6, 7]
    crash, cancelled = summarise(recording, 6), summarise(recording, 7)
    assert (crash["acked"], crash["redeliveries"], crash["max_delivery"]) == (40, 8, 2)
    assert (cancelled["acked"], cancelled["processed"], cancelled["total"]) == (128, 34, 320)


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    once = open_recording(imported(tmp_path / "r", "c_worker_crash"))
    before = {name: once.frame(name) for name in ("reads", "consumers", "acks")}
    again = open_recording(imported(tmp_path / "r", "c_worker_crash"))
    for name, frame in before.items():
        pd.testing.assert_frame_equal(
            again.frame(name).reset_index(drop=True), frame.reset_index(drop=True)
        )


def test_progress_is_reported(tmp_path: Path) -> None:
    seen: list[int] = []
    import_poll_logs(
        [ANTENNA / "b_no_worker" / "series.jsonl.gz"],
        tmp_path / "r",
        zone=NEW_YORK,
        progress=lambda so_far: seen.append(so_far.readings),
    )
    assert len(seen) > 1
    assert seen == sorted(seen)
    assert seen[-1] == 4 * 449


def test_a_truncated_gzip_loses_only_what_is_not_in_it(tmp_path: Path) -> None:
    whole = ANTENNA / "k_api_down" / "series.jsonl.gz"
    cut = tmp_path / "series.jsonl.gz"
    cut.write_bytes(whole.read_bytes()[:9000])
    (result,) = import_poll_logs([cut], tmp_path / "r", zone=NEW_YORK)
    assert result.notes.damaged
    assert len(open_recording(tmp_path / "r").frame("reads")) == result.readings > 0


def test_one_wrong_file_imports_nothing(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("not a poll log\n")
    files = [ANTENNA / "c_worker_crash" / "series.jsonl", other]
    with pytest.raises(ImportLogError, match=r"notes\.txt.*nothing was imported"):
        import_poll_logs(files, tmp_path / "r", zone=NEW_YORK)
    assert not (tmp_path / "r").exists()


def test_a_packed_and_a_plain_poll_log_are_the_same(tmp_path: Path) -> None:
    plain = ANTENNA / "c_worker_crash" / "series.jsonl"
    packed = tmp_path / "series.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    (first,) = import_poll_logs([plain], tmp_path / "r", zone=NEW_YORK)
    (second,) = import_poll_logs([packed], tmp_path / "r", zone=NEW_YORK)
    assert second.readings == 0
    assert second.known == first.readings


def test_folders_give_their_poll_logs_and_name_the_rest(tmp_path: Path) -> None:
    (tmp_path / "django.log").write_text("…")
    (tmp_path / "series.jsonl").write_text("{}")
    files, others = poll_logs([tmp_path])
    assert [f.name for f in files] == ["series.jsonl"]
    assert [f.name for f in others] == ["django.log"]


def test_a_folder_without_a_poll_log_and_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImportLogError, match="holds no poll log"):
        poll_logs([tmp_path])
    with pytest.raises(ImportLogError, match="does not exist"):
        poll_logs([tmp_path / "nowhere"])
