"""docs/metrics.md defines every number: what, from where, in which unit, how sure, and what not."""

import re
from pathlib import Path

import pytest

from ami_console.frames import FRAMES
from ami_console.metrics.coverage import COVERAGE, GAPS
from ami_console.metrics.fleet_details import FLEET_DETAILS
from ami_console.metrics.happenings import HAPPENINGS
from ami_console.metrics.job_log import JOB_LOG
from ami_console.metrics.log_groups import LOG_GROUPS
from ami_console.metrics.over_time import HEATMAP, OVER_TIME
from ami_console.metrics.redelivery import ATTEMPTS, GIVEN_UP, LAST_ATTEMPTS
from ami_console.metrics.spans import SPANS
from ami_console.metrics.tasks import TASKS
from ami_console.metrics.timeline import TIMELINE
from ami_console.metrics.workers import SAVERS, WORKERS

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"

# What says which row it is, and is no measurement.
IDENTITY = {"job_id", "observed_at", "stream_seq", "queue"}

TABLES = {
    "fleet_details": FLEET_DETAILS,
    "tasks": TASKS,
    "timeline": TIMELINE,
    "over_time": OVER_TIME,
    "heatmap": HEATMAP,
    "attempts": ATTEMPTS,
    "last_attempts": LAST_ATTEMPTS,
    "given_up": GIVEN_UP,
    "coverage": COVERAGE,
    "gaps": GAPS,
    "happenings": HAPPENINGS,
    "spans": SPANS,
    "job_log": JOB_LOG,
    "workers": WORKERS,
    "savers": SAVERS,
    "log_groups": LOG_GROUPS,
    "queues": FRAMES["queues"],
}


def rows() -> list[list[str]]:
    """The cells of every row of a table of metrics."""
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 6:
            found.append(cells)
    return found


def defined() -> set[str]:
    """Names in the first cells, and those that a definition names on the way."""
    return {name for cells in rows() for name in re.findall(r"`(\w+)`", cells[0] + cells[1])}


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_defined(table: str) -> None:
    """A column is added, and its reader has to guess what it counts."""
    wanted = {c for c in TABLES[table] if not c.endswith("_error_s")} - IDENTITY
    assert not wanted - defined()


def test_every_definition_is_whole() -> None:
    """What it says, its source or how it is told, its unit and its error stand in every row."""
    assert len(rows()) > 60
    for name, says, _source, unit, error, _not in rows():
        assert says, name
        assert unit, name
        assert error or name == "`latency_is_estimate`", name


def test_no_definition_is_of_a_number_that_is_gone() -> None:
    """A metric was renamed, and the page still tells of the old one."""
    known = {column for table in TABLES.values() for column in table}
    named = {name for cells in rows() for name in re.findall(r"`(\w+)`", cells[0].split(" (")[0])}
    assert not named - known
