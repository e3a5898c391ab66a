"""The figures: what is kept and missed, and that they are measured as the Makefile says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.figures import Figure, table

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("figure", "holds"),
    [
        (Figure(what="a", value=1.0, unit="s"), None),
        (Figure(what="a", value=1.0, unit="s", goal=1.0), True),
        (Figure(what="a", value=1.1, unit="s", goal=1.0), False),
        (Figure(what="a", value=1.4, unit="s", floor=1.0, ratio_goal=1.5), True),
        (Figure(what="a", value=1.6, unit="s", floor=1.0, ratio_goal=1.5, goal=2.0), False),
        (Figure(what="a", value=9.0, unit="/s", goal=10.0, more_is_better=True), False),
        (Figure(what="a", value=11.0, unit="/s", goal=10.0, more_is_better=True), True),
        (Figure(what="a", value=0.0, unit="rows", goal=0.0), True),
    ],
)
def test_a_goal_is_kept_or_missed(figure: Figure, holds: bool | None) -> None:
    """A figure without a goal is neither."""
    assert figure.holds is holds


def test_the_table_says_which_goal_is_missed() -> None:
    """Who reads a hundred lines looks for one word."""
    text = table(
        [
            Figure(what="load", value=0.5, unit="s", floor=0.4, floor_is="pyarrow", goal=1.0),
            Figure(what="disk", value=1234.5, unit="MB", goal=30.0),
        ]
    )
    load, disk = text.splitlines()[2:]
    assert [cell.strip() for cell in load.split("|")[1:-1]] == [
        "load",
        "0.5 s",
        "0.4 s: pyarrow",
        "1.25 ×",
        "≤ 1 s",
        "kept",
    ]
    assert "1,234 MB" in disk
    assert "MISSED" in disk


def test_all_of_it_is_run_by_one_command(tmp_path: Path) -> None:
    """``make bench`` runs modules in processes of their own, and writes what they measured."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--only", "logs", "--into", tmp_path / "b"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "b").read_text())
    assert told["machine"]["processors"] >= 1
    job_log = told["figures"]["logs"][0]
    assert "100,0" in job_log["what"]
    assert 0 < job_log["floor"] < job_log["value"]
    assert job_log["what"] in done.stdout
