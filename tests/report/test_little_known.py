"""Reports on jobs of which next to nothing is known, or which are not over."""

from typing import Any

import pandas as pd
import pytest
from recorded import ZONE, history_of

from ami_console.history import History
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading
from ami_console.report import report_html

BEGIN = pd.Timestamp("2026-11-23T15:00:00Z").value


def listed(*statuses: str, **more: Any) -> History:
    """A job that only Antenna's list told of, a look every two seconds."""
    history = History(keep_s=1e6)
    for number, status in enumerate(statuses):
        at = BEGIN + number * 2 * NS_PER_S
        row = {"observed_at": at, "job_id": 7, "name": "Night 7", "status": status, **more}
        history.add(Reading(source="antenna", observed_at=at, elapsed_s=0.1, rows={"jobs": [row]}))
    return history


@pytest.mark.parametrize("looks", [1, 2, 30])
def test_a_job_that_was_never_run(looks: int) -> None:
    """Somebody made it and forgot to run it: the report says what it is, and that is all."""
    html = report_html(listed(*["CREATED"] * looks), 7, zone=ZONE)
    assert "Night 7" in html
    assert "The broker has not told of this job" in html
    assert "No single image is known" in html


def test_a_job_that_ended_before_anybody_looked() -> None:
    """The watch was begun in the evening; the job had run at noon."""
    history = listed("SUCCESS", "SUCCESS", started_at=BEGIN - 7_200 * NS_PER_S,
                     finished_at=BEGIN - 3_600 * NS_PER_S)  # fmt: skip
    html = report_html(history, 7, zone=ZONE)
    assert "1 h 00 min" in html


def test_a_job_without_a_name_and_a_status_that_is_new_to_us() -> None:
    """Antenna was updated, and sends a word that nobody here has heard."""
    html = report_html(listed("HIBERNATING", name=None), 7, zone=ZONE)
    assert "(its name is not known)" in html
    assert "hibernating" in html


def test_a_job_that_still_runs() -> None:
    """Asked in the middle: it is as of then, and no end is made up."""
    as_of = pd.Timestamp("2026-11-23T15:13:40Z")
    html = report_html(history_of("a_healthy"), 3, zone=ZONE, as_of=as_of)
    assert "23 Nov 2026, 10:13:40" in html
    assert '<dt>ended</dt><dd><span class="dim">not known</span></dd>' in html
    assert "▶" in html
