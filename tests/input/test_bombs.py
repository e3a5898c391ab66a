"""Small things that become large: none takes more memory than what is read at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOMB_MB, MOST_MB = 512, 450

SAYS = {
    "log_line": "2 events of 3 lines",
    "poll_log_line": "4 readings; a line is longer than 64 MB and was left out",
    "poll_log_hole": "4 readings; a line is longer than 64 MB and was left out",
    "saved_job": "begins like a saved job and has more than 64 MB",
    "tapped_second": "readings",
    "body_without_end": "answered 200 with a body of more than 64 MB",
    "body_told_huge": "which was not read to its end",
    "body_packed": "answered 200 with a body of more than 64 MB",
    "body_packed_twice": "its answer can't be decompressed",
    "body_nested": "text that is no JSON",
    "tail_hole": "2 reads; line 1 is damaged",
    "tail_line": "2 reads; line 1 is damaged",
    "info_hole": "2 reads",
    "parquet_rows": "2 reads; it says that it has 12000000 rows in one row group",
}


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_no_bomb_takes_more_than_is_read_at_once() -> None:
    """Half a gigabyte each, in a process of its own; ``benchmarks.fuzz`` does it with one."""
    command = [sys.executable, "-m", "tests.input.bombs", "--mb", str(BOMB_MB)]
    told = subprocess.run(
        [*command, "--only", ",".join(SAYS)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    found = {each["bomb"]: each for each in map(json.loads, told.stdout.splitlines())}
    assert {name: says in found[name]["outcome"] for name, says in SAYS.items()} == dict.fromkeys(
        SAYS, True
    ), found
    assert all(each["grown_mb"] < MOST_MB for each in found.values()), found
