"""Rows that a chart leaves out: nobody may see the difference."""

import numpy as np
import pandas as pd
import pytest

from ami_console.report.thinned import thinned

COLUMNS = ("num_pending", "acked_per_min")


def rows_of(pending: list[float], rate: list[float] | None = None) -> pd.DataFrame:
    """A look every two seconds."""
    times = pd.date_range("2026-11-23T15:00:00Z", periods=len(pending), freq="2s")
    return pd.DataFrame(
        {
            "observed_at": times,
            "num_pending": pd.array(pending, dtype="Float64"),
            "acked_per_min": pd.array(rate if rate is not None else pending, dtype="Float64"),
        }
    )


@pytest.mark.parametrize("count", [0, 1, 100])
def test_what_fits_stays_as_it_is(count: int) -> None:
    """A job of two minutes: every look is drawn."""
    rows = rows_of([float(n) for n in range(count)])
    assert thinned(rows, COLUMNS, most=100) is rows


def test_a_long_job_keeps_its_peaks() -> None:
    """In nine hours the backlog jumped once, for a single look; that is what people look for."""
    pending = [100.0] * 20_000
    pending[7_777], pending[13_131] = 900.0, 2.0
    drawn = thinned(rows_of(pending, [5.0] * 20_000), COLUMNS, most=1_500)
    assert len(drawn) <= 1_500
    assert drawn["num_pending"].max() == 900.0
    assert drawn["num_pending"].min() == 2.0
    assert (
        drawn["observed_at"].iloc[[0, -1]].tolist()
        == rows_of(pending)["observed_at"].iloc[[0, -1]].tolist()
    )


def test_rows_are_real_looks_in_order() -> None:
    """No value is made up: each that is drawn was seen at that instant."""
    rng = np.random.default_rng(3)
    rows = rows_of(rng.uniform(0, 100, 9_000).tolist(), rng.uniform(0, 9, 9_000).tolist())
    drawn = thinned(rows, COLUMNS, most=1_000)
    assert 500 < len(drawn) <= 1_000
    pd.testing.assert_frame_equal(drawn, rows.loc[drawn.index])
    assert drawn["observed_at"].is_monotonic_increasing


@pytest.mark.parametrize("length", [1, 3, 4_000])
def test_no_line_is_drawn_over_a_gap(length: int) -> None:
    """The broker was away, for one look or for hours: the line is open there, however thin."""
    begin = 5_003
    pending = [float(n % 7) for n in range(12_000)]
    pending[begin : begin + length] = [float("nan")] * length
    rows = rows_of(pending, [1.0] * 12_000)
    rows.loc[rows["num_pending"].isna(), "num_pending"] = pd.NA
    drawn = thinned(rows, COLUMNS, most=600)
    assert len(drawn) <= 600
    gone = drawn.index[drawn["num_pending"].isna()]
    assert gone.min() == begin
    assert gone.max() == begin + length - 1
    known = drawn.index[drawn["num_pending"].notna()]
    before, after = known[known < begin].max(), known[known >= begin + length].min()
    assert any(before < each < after for each in gone)


def test_nothing_but_gaps_is_drawn_as_nothing() -> None:
    """The broker never answered: a few rows tell that as well as thousands."""
    rows = rows_of([0.0] * 5_000)
    rows[list(COLUMNS)] = pd.NA
    drawn = thinned(rows, COLUMNS, most=200)
    assert 2 <= len(drawn) <= 200
    assert drawn["num_pending"].isna().all()
