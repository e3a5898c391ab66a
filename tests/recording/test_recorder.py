"""The recorder on a disk that is full for a while: what it says, and what the recording lacks."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from recorded_looks import look, numbers

from ami_console.apps.source_strip import not_recorded_html
from ami_console.recorder import Recorder
from ami_console.recording import RecordingWriter, open_recording

LargestFile = Callable[[int], contextlib.AbstractContextManager[None]]


def test_looks_that_did_not_fit_are_a_gap_with_its_reason(
    tmp_path: Path, largest_file: LargestFile, caplog: pytest.LogCaptureFixture
) -> None:
    """Each source's first look after it is preceded by a failed one that counts the missing."""
    path = tmp_path / "recording"
    recorder = Recorder(path)
    recorder(look(0))
    (segment,) = (path / "tail").iterdir()
    with largest_file(segment.stat().st_size + 20), caplog.at_level(logging.ERROR):
        for number in (1, 2, 3):
            recorder(look(number))
        recorder(replace(look(3), source="redis"))
        error = recorder.error
    assert error == (
        f"nothing is recorded since 2026-09-22 12:00:01Z: File too large. Make room in {path} or "
        "record elsewhere; each look is tried anew."
    )
    assert len(caplog.records) == 1
    with caplog.at_level(logging.WARNING):
        recorder(look(4))
    assert "4 of the looks since 2026-09-22 12:00:01Z are not in it" in caplog.text
    assert (recorder.error, recorder.readings, recorder.lost) == (None, 2, 4)
    recorder(look(5))
    recorder.close()

    recording = open_recording(path)
    assert numbers(recording) == [0, 4, 5]
    reads = recording.frame("reads")
    assert reads["ok"].tolist() == [True, False, False, True, True]
    told = reads[~reads["ok"]].set_index("source")["error"].to_dict()
    assert told == {
        "nats": "3 looks until here could not be recorded: File too large",
        "redis": "1 look until here could not be recorded: File too large",
    }
    assert recording.damaged == []


def test_it_is_started_on_a_full_disk(tmp_path: Path, largest_file: LargestFile) -> None:
    """systemd starts it again while the disk is still full: it waits for room like any other."""
    with RecordingWriter(tmp_path) as writer:
        writer.append(look(0))
    with largest_file(0):
        recorder = Recorder(tmp_path)
        recorder(look(1))
        assert recorder.error is not None
    recorder(look(2))
    assert recorder.error is None
    recorder.close()
    assert numbers(open_recording(tmp_path)) == [0, 2]


def test_a_path_on_the_page_is_text() -> None:
    """The folder of the recording has a name that is markup."""
    said = not_recorded_html("Make room in /data/<img src=x onerror=alert(1)>")
    assert "<img" not in said
    assert "Recording" in said
