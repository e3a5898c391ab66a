"""Poll logs, saved jobs and logs become a recording, whole and once."""

import gzip
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from ami_console.cli import main
from ami_console.errors import ImportLogError
from ami_console.frames import FRAMES
from ami_console.importer import Imported, import_files, kind_of, recognised
from ami_console.recording import open_recording
from ami_console.summary import summarise

ANTENNA = Path(__file__).parents[1] / "data" / "antenna"
NEW_YORK = ZoneInfo("America/New_York")
TEXTS = [name for name, dtype in FRAMES["log_events"].items() if dtype == "string"]


def imported(into: Path, *scenarios: str) -> Path:
    files, _ = recognised(ANTENNA / name for name in scenarios)
    import_files(files, into, zone=NEW_YORK)
    return into


def polled(into: Path, *scenarios: str) -> Path:
    """The poll logs alone."""
    files = [path for name in scenarios for path in (ANTENNA / name).glob("*.jsonl*")]
    import_files(files, into, zone=NEW_YORK)
    return into


def told(done: list[Imported]) -> dict[str, tuple[str, int, int]]:
    """Name → kind, new and known rows: log events, or readings where there are none."""
    return {
        each.path.name: (
            each.kind,
            each.events or (0 if each.known_events else each.readings),
            each.known_events or each.known,
        )
        for each in done
    }


def test_a_recording_gives_the_numbers_of_its_poll_log(tmp_path: Path) -> None:
    recording = open_recording(polled(tmp_path / "r", "c_worker_crash", "e_cancelled"))
    assert recording.jobs() == [6, 7]
    crash, cancelled = summarise(recording, 6), summarise(recording, 7)
    assert (crash["acked"], crash["redeliveries"], crash["max_delivery"]) == (40, 8, 2)
    assert (cancelled["acked"], cancelled["processed"], cancelled["total"]) == (128, 34, 320)


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    once = open_recording(imported(tmp_path / "r", "c_worker_crash", "e_cancelled"))
    names = ("reads", "jobs", "stages", "consumers", "acks", "log_events")
    before = {name: once.frame(name) for name in names}
    again = open_recording(imported(tmp_path / "r", "c_worker_crash", "e_cancelled"))
    for name, frame in before.items():
        assert len(frame)
        pd.testing.assert_frame_equal(
            again.frame(name).reset_index(drop=True), frame.reset_index(drop=True)
        )


def test_progress_is_reported(tmp_path: Path) -> None:
    seen: list[int] = []
    import_files(
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
    (result,) = import_files([cut], tmp_path / "r", zone=NEW_YORK)
    assert result.notes.damaged
    assert len(open_recording(tmp_path / "r").frame("reads")) == result.readings > 0


def test_one_wrong_file_imports_nothing(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("nothing of ours\n")
    files = [ANTENNA / "c_worker_crash" / "series.jsonl", other]
    with pytest.raises(ImportLogError, match=r"notes\.txt.*nothing was imported"):
        import_files(files, tmp_path / "r", zone=NEW_YORK)
    assert not (tmp_path / "r").exists()


def test_a_packed_and_a_plain_poll_log_are_the_same(tmp_path: Path) -> None:
    plain = ANTENNA / "c_worker_crash" / "series.jsonl"
    packed = tmp_path / "series.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    (first,) = import_files([plain], tmp_path / "r", zone=NEW_YORK)
    (second,) = import_files([packed], tmp_path / "r", zone=NEW_YORK)
    assert second.readings == 0
    assert second.known == first.readings


def test_a_folder_gives_what_is_in_it_whatever_it_is_called(tmp_path: Path) -> None:
    """A zip of evidence from somebody else: names mean little, contents all."""
    source = ANTENNA / "c_worker_crash"
    folder = tmp_path / "evidence"
    (folder / "more").mkdir(parents=True)
    for old, new in {
        "celery.log.gz": "one.bin",
        "django.log": "two.json",
        "fake_worker.log": "three",
        "final_detail.json.gz": "four.log.gz",
        "series.jsonl": "five.txt",
        "events.jsonl": "six.log",
    }.items():
        (folder / new).write_bytes((source / old).read_bytes())
    (folder / "notes.txt").write_text("the worker died at a quarter past\n")
    (folder / "plot.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    files, others = recognised([folder])
    assert [path.name for path in others] == ["more", "notes.txt", "plot.png"]
    done = told(import_files(files, tmp_path / "r", zone=NEW_YORK))
    assert done == {
        "one.bin": ("Celery log", 1513, 0),
        "two.json": ("Django log", 122, 0),
        "three": ("worker log", 20, 0),
        "four.log.gz": ("saved job", 796, 0),
        "five.txt": ("poll log", 168, 0),
        "six.log": ("poll log", 16, 0),
    }
    events = open_recording(tmp_path / "r").frame("log_events")
    assert events["source"].value_counts().to_dict() == {
        "celery": 1513,
        "job": 796,
        "django": 122,
        "worker": 19,
        "text": 1,
    }
    assert (events["observed_at"] == events["logged_at"]).all()


def test_a_folder_with_nothing_and_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImportLogError, match="holds nothing to import; accepted are poll logs"):
        recognised([tmp_path])
    with pytest.raises(ImportLogError, match="does not exist"):
        recognised([tmp_path / "nowhere"])


@pytest.mark.parametrize("content", [b"Dear diary\n", b"\x00\x01", b"", b'{"a": 1}', b"{", b"[1]"])
def test_a_file_that_is_named_must_be_something(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.log"
    path.write_bytes(content)
    files, _ = recognised([path])
    with pytest.raises(ImportLogError, match=r"some\.log.*accepted are poll logs.*docker compose"):
        import_files(files, tmp_path / "r", zone=NEW_YORK)


def test_a_file_that_can_not_be_unpacked_is_said(tmp_path: Path) -> None:
    path = tmp_path / "some.log.gz"
    path.write_bytes(b"\x1f\x8bnot really")
    with pytest.raises(ImportLogError, match="can't be read"):
        kind_of(path)


def test_the_logs_of_a_job_give_its_numbers_alone(tmp_path: Path) -> None:
    """Nobody recorded; what is left is the page of the job and the log of Celery."""
    folder = ANTENNA / "c_worker_crash"
    files = [folder / "final_detail.json.gz", folder / "celery.log.gz"]
    import_files(files, tmp_path / "r", zone=NEW_YORK)
    summary = summarise(open_recording(tmp_path / "r"), 6)
    assert (summary["status"], summary["acked"], summary["max_delivery"]) == ("SUCCESS", 40, 2)
    assert (summary["total"], summary["processed"]) == (40, 40)


@pytest.mark.parametrize(
    ("drop", "at"),
    [
        ((), "2026-11-23T15:16:55.624343Z"),
        (("t",), "2026-11-23T15:16:55Z"),
        (("t", "headers"), "2026-11-23T15:16:44Z"),
        (("t", "headers", "http"), "2026-11-23T15:16:44Z"),
    ],
)
def test_when_a_saved_job_was_seen(tmp_path: Path, drop: tuple[str, ...], at: str) -> None:
    """Saved with its time, with its headers, or only the body as curl prints it."""
    packed = (ANTENNA / "c_worker_crash" / "final_detail.json.gz").read_bytes()
    held = json.loads(gzip.decompress(packed))
    for key in drop:
        del held[key]
    path = tmp_path / "job.json"
    path.write_text(json.dumps(held["body"] if "http" in drop else held, indent=1))
    import_files([path], tmp_path / "r", zone=NEW_YORK)
    recording = open_recording(tmp_path / "r")
    (job,) = recording.frame("jobs").itertuples()
    assert (job.job_id, job.status) == (6, "SUCCESS")
    assert job.observed_at == pd.Timestamp(at)
    assert len(recording.frame("stages")) == 3
    assert set(recording.frame("reads")["source"]) == {"antenna", "job_logs"}


def test_a_saved_job_without_a_log(tmp_path: Path) -> None:
    """From the list of jobs, or of a version that keeps no log there."""
    path = tmp_path / "job.json"
    body = {"id": 9, "dispatch_mode": "async_api", "updated_at": "2026-11-23T10:14:20.5"}
    path.write_text(json.dumps(body))
    (done,) = import_files([path], tmp_path / "r", zone=NEW_YORK)
    assert (done.kind, done.readings, done.events) == ("saved job", 1, 0)
    (job,) = open_recording(tmp_path / "r").frame("jobs").itertuples()
    assert job.observed_at == pd.Timestamp("2026-11-23T15:14:20.5Z")


def test_of_logs_that_overlap_each_line_counts_once(tmp_path: Path) -> None:
    """The page of a job was saved twice while it ran, and shows its newest thousand lines."""
    packed = (ANTENNA / "e_cancelled" / "final_detail.json.gz").read_bytes()
    body = json.loads(gzip.decompress(packed))["body"]
    newest_first = body["logs"]["stdout"]
    for name, part in {"early": newest_first[300:], "late": newest_first[:600]}.items():
        saved = body | {"logs": {"stdout": part}}
        (tmp_path / f"{name}.json").write_text(json.dumps(saved))
    files = [tmp_path / "early.json", tmp_path / "late.json"]
    done = told(import_files(files, tmp_path / "r", zone=NEW_YORK))
    assert done["early.json"] == ("saved job", 495, 0)
    assert done["late.json"] == ("saved job", 300, 300)
    events = open_recording(tmp_path / "r").frame("log_events")
    assert len(events) == 795
    assert sorted(events["message"]) == sorted(
        open_recording(imported(tmp_path / "whole", "e_cancelled"))
        .frame("log_events")
        .query("source == 'job'")["message"]
    )


def test_lines_that_are_alike_are_all_kept(tmp_path: Path) -> None:
    """Celery writes some lines twice, within one millisecond and by one process."""
    path = tmp_path / "celery.log"
    path.write_text(
        2 * "[2026-11-23 10:13:09,727: INFO/ForkPoolWorker-2] Created NATS stream job_3\n"
    )
    for _ in range(2):
        import_files([path], tmp_path / "r", zone=NEW_YORK)
        assert len(open_recording(tmp_path / "r").frame("log_events")) == 2


def test_output_of_compose_that_is_damaged(tmp_path: Path) -> None:
    plain = (ANTENNA / "c_worker_crash" / "django.log").read_text().splitlines()
    text = "".join(f"django-1  | {line}\n" for line in plain * 50)
    path = tmp_path / "compose.txt.gz"
    path.write_bytes(gzip.compress(text.encode())[:9000])
    (done,) = import_files([path], tmp_path / "r", zone=NEW_YORK)
    assert done.kind == "output of django-1"
    assert done.notes.damaged
    assert 0 < done.events < 50 * 122
    assert len(open_recording(tmp_path / "r").frame("log_events")) == done.events


def test_nothing_that_is_recorded_names_a_person_or_opens_a_door(tmp_path: Path) -> None:
    """The recording is passed on; the logs that it was made of are not."""
    into = imported(tmp_path / "r", "c_worker_crash")
    events = open_recording(into).frame("log_events")
    shown = "\n".join(events[column].dropna().str.cat(sep="\n") for column in TEXTS)
    assert "user=client-340008" in shown
    for secret in ("operator", "example.org", "f34f83a8"):
        assert secret not in shown


def test_the_command_says_what_came_of_each_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMI_CONSOLE_ANTENNA_TIMEZONE", "America/New_York")
    folder = tmp_path / "evidence"
    folder.mkdir()
    for name in ("celery.log.gz", "final_detail.json.gz"):
        (folder / name).write_bytes((ANTENNA / "e_cancelled" / name).read_bytes())
    (folder / "notes.txt").write_text("…")
    for known in (False, True):
        assert main(["import", str(folder), "--into", str(tmp_path / "r")]) == 0
        said = capsys.readouterr().out
        assert "celery.log.gz: 1862 lines, " in said
        assert "44 of unknown form, kept as text (Celery log)" in said
        assert ("1826 events were there already" in said) == known
        assert ("795 log events (saved job)" in said) != known
        assert "not read: notes.txt; accepted are poll logs" in said
        assert "times were read as America/New_York" in said
