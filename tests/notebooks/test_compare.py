"""The notebook that compares runs, on recordings of real jobs."""

import html
import re
from pathlib import Path

import nbformat
from executed import execute, shown
from recorded import readings

from ami_console.recording import RecordingWriter


def recorded(folder: Path, *scenarios: str) -> None:
    """A recording of several real jobs, where the notebook looks for it."""
    with RecordingWriter(folder / "recordings") as writer:
        for scenario in scenarios:
            for way in ("looks", "tap"):
                writer.append_many(list(readings(scenario, way)))


def read(book: nbformat.NotebookNode) -> str:
    """What a reader sees."""
    page = re.sub(r"<style>.*?</style>|<[^>]+>", " ", "\n".join(shown(book)), flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(page))


def test_a_run_with_a_slow_worker_against_one_with_a_fast_one(tmp_path: Path) -> None:
    """The next morning, two jobs of the same recording: what differs is said, drawn and listed."""
    recorded(tmp_path, "m_slow_but_healthy", "k_api_down")
    runs = (
        "recording = ami_console.open_recording()\n"
        'runs = [(recording, 117, "slow"), (recording, 115, "fast")]'
    )
    book = execute("compare", tmp_path, {}, instead={"choose": runs})
    seen = read(book)
    assert "The time of a batch is 79 % shorter in fast than in slow" in seen
    assert "≠ more than noise" in seen
    assert "= within noise" in seen
    assert "One worker (batches under way at a time:" in seen
    plots = {cell.get("id"): str(cell.get("outputs")) for cell in book.cells}
    assert "minutes since the first image was queued" in plots["by-time"]
    assert "share of the images settled" in plots["by-progress"]


def test_runs_of_different_recordings_and_one_of_which_little_is_known(tmp_path: Path) -> None:
    """One job never had a worker: the notebook runs to its end, and says what can't be told."""
    recorded(tmp_path, "b_no_worker", "e_cancelled")
    (tmp_path / "other").mkdir()
    recorded(tmp_path / "other", "k_api_down")
    runs = (
        "recording = ami_console.open_recording()\n"
        'runs = [(ami_console.open_recording("other/recordings"), 115, "well"),\n'
        '        (recording, 7, "cancelled"), (recording, 4, "nobody")]'
    )
    seen = read(execute("compare", tmp_path, {}, instead={"choose": runs}))
    assert "They differ in" in seen
    assert "Can't tell whether nobody differs in" in seen
    assert "What another worker would change is not known" in seen
