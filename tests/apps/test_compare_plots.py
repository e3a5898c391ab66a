"""Plots of runs side by side: a line per run, open gaps, the house's colours."""

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from recorded import JOBS, history_of

from ami_console import frames, plots
from ami_console.charts import JOB_COLOURS
from ami_console.errors import FrameError
from ami_console.runs import Comparison, compare
from ami_console.runs.aligned import BY_PROGRESS, BY_TIME


@pytest.fixture(scope="module")
def found() -> Comparison:
    """A slow run and one in which REST was down for a minute."""
    return compare(
        *((history_of(name), JOBS[name], name) for name in ("m_slow_but_healthy", "k_api_down"))
    )


def test_a_line_per_run_over_time(found: Comparison) -> None:
    """Progress and throughput, each run from 0, in its colour; both can be drawn."""
    layout = plots.compare_by_time(found)
    progress, throughput = list(layout)
    assert [curve.label for curve in progress] == list(found.labels)
    for number, curve in enumerate(progress):
        assert curve.dimension_values("since_start_min").min() < 0.2
        assert curve.dimension_values("progress_ratio")[-1] == 1.0
        style = hv.Store.lookup_options("bokeh", curve, "style").kwargs
        assert style["color"] == JOB_COLOURS[number]
    assert throughput.dimensions()[1].label == "images settled per minute"
    hv.renderer("bokeh").get_plot(layout)


def test_a_line_per_run_by_progress(found: Comparison) -> None:
    """How long each needed for so many of its images."""
    layout = plots.compare_by_progress(found)
    (needed, _) = list(layout)
    ends = {c.label: c.dimension_values("since_start_s")[-1] for c in needed}
    assert ends["m_slow_but_healthy"] == pytest.approx(319.8, abs=0.5)
    assert ends["k_api_down"] == pytest.approx(121.6, abs=0.5)
    hv.renderer("bokeh").get_plot(layout)


def test_other_columns_on_request(found: Comparison) -> None:
    """What was in flight at each point of the progress."""
    (in_flight,) = list(plots.compare_by_progress(found, values=("num_ack_pending",)))
    most = [np.nanmax(curve.dimension_values("num_ack_pending")) for curve in in_flight]
    assert most == [16, 16]


def test_nothing_to_draw() -> None:
    """No run whose start is known: axes without a line."""
    hv.renderer("bokeh").get_plot(plots.compare_by_time(frames.table([], BY_TIME)))
    hv.renderer("bokeh").get_plot(plots.compare_by_progress(frames.table([], BY_PROGRESS)))


def test_one_row_and_missing_values() -> None:
    """A run that was seen once, of which no rate is known."""
    row = {"label": "a", "job_id": 1, "since_start_s": 3.0}
    layout = plots.compare_by_time(frames.table([row], BY_TIME))
    hv.renderer("bokeh").get_plot(layout)
    (curve,) = list(next(iter(layout)))
    assert pd.isna(curve.dimension_values("progress_ratio")[0])


def test_a_column_that_is_absent_is_named() -> None:
    with pytest.raises(FrameError, match=r"plots\.compare_by_time needs .*acked_per_min"):
        plots.compare_by_time(
            frames.table(
                [], {"label": "string", "since_start_s": "Float64", "progress_ratio": "Float64"}
            )
        )
