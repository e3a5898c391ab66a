"""The fleet question of the notebook, asked in three ways."""

import io
from pathlib import Path

import pandas as pd
from executed import execute, shown
from pandas.testing import assert_frame_equal
from weeks_of_jobs import PIPELINES, record

from ami_console import many

WEEKS = 4
COLUMNS = ["week", "pipeline", "jobs", "images", "redeliveries", "redeliveries_per_1000_images"]

TOLD = """
for table in (fleet, by_sql, by_polars.to_pandas()):
    print(table.to_csv(index=False), end="===")
"""


def test_three_ways_to_the_same_numbers(tmp_path: Path) -> None:
    """Weeks of recordings of three pipelines, one of which redelivers all the time."""
    path = record(tmp_path / "recordings", WEEKS)  # where the settings look without a word
    book = execute("fleet", tmp_path, {"AMI_CONSOLE_RECORDING": str(path)}, more=(TOLD,))
    (printed,) = [each for each in book.cells[-1].outputs if each.get("name") == "stdout"]
    tables = [pd.read_csv(io.StringIO(text)) for text in printed.text.split("===")[:-1]]
    ours = many.by_week(many.per_job(path, many.redeliveries))
    expected = pd.read_csv(io.StringIO(ours.to_csv(index=False)))
    keys = ["week", "pipeline"]
    for table in tables:
        assert_frame_equal(
            table[COLUMNS].sort_values(keys, ignore_index=True),
            expected[COLUMNS].sort_values(keys, ignore_index=True),
        )
    assert len(tables) == 3
    assert set(expected["pipeline"]) == set(PIPELINES)
    worst = expected.groupby("week")["redeliveries_per_1000_images"].idxmax()
    assert set(expected.loc[worst, "pipeline"]) == {PIPELINES[2]}

    html = "".join(shown(book))
    assert "<night>" not in html
    assert "&lt;night&gt;" in html
    assert str(path) not in "".join(cell.source for cell in book.cells)
