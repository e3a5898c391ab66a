"""The notebook about one job, on recordings of real jobs."""

import html
import re
from pathlib import Path

import pytest
from executed import execute, shown
from in_process import shown_by
from recorded import JOBS, readings

from ami_console.recording import RecordingWriter


def told(scenario: str, folder: Path, *ways: str) -> str:
    """What a reader sees of the notebook that was executed on a recording of these ways."""
    with RecordingWriter(folder / "recordings") as writer:
        for way in ways:
            writer.append_many(list(readings(scenario, way)))
    book = execute("job", folder, {})
    seen = re.sub(r"<style>.*?</style>|<[^>]+>", " ", "\n".join(shown(book)), flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(seen))


def test_a_job_whose_worker_died(tmp_path: Path) -> None:
    """Found the next morning: eight images came back, and the log says around when."""
    seen = told("c_worker_crash", tmp_path, "looks", "tap", "job_log")
    assert "Job 6: Scenario C worker crash" in seen
    assert "redelivering" in seen
    assert "of 8 images; most attempts of one: 2" in seen
    assert "8 images were handed out again" in seen
    assert "A worker was lost with 8 images reserved" in seen
    assert "Successfully acknowledged task via NATS" in seen


IMPORTS = "import pandas as pd\nimport ami_console\nfrom ami_console import plots"


@pytest.mark.parametrize(
    ("scenario", "ways"),
    [
        ("b_no_worker", ("looks",)),
        ("c_worker_crash", ("job_log",)),
        ("e_cancelled", ("looks", "tap")),
        ("k_api_down", ("looks",)),
    ],
)
def test_it_runs_on_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scenario: str, ways: tuple[str, ...]
) -> None:
    """Nobody fetched anything; all that is left is a log; cancelled; a source was away."""
    monkeypatch.chdir(tmp_path)
    with RecordingWriter(tmp_path / "recordings") as writer:
        for way in ways:
            writer.append_many(list(readings(scenario, way)))
    seen = shown_by("job", instead={"import": IMPORTS})
    assert f"Job {JOBS[scenario]}" in seen
    assert not re.search(r"\bnan\b", seen)
