"""A check that does not explain itself is not taken, and the page of the checks is theirs."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ami_console.diagnosis import CHECKS
from ami_console.diagnosis.check import Threshold, register
from ami_console.diagnosis.page import page

CODES = frozenset(
    {
        "no_worker",
        "not_returning",
        "redelivering",
        "lost_at_max_deliver",
        "results_backlog",
        "done_not_closed",
        "state_gone",
        "zombie_stream",
        "starved",
        "duplicate_tasks",
        "at_capacity",
        "mostly_failing",
        "lost_images",
        "stuck_canceling",
        "slow",
        "source_down",
        "clock_skew",
    }
)


def test_every_verdict_has_its_check() -> None:
    """The table of verdicts is a contract."""
    assert set(CHECKS) == CODES


def test_what_a_check_explains_are_checks() -> None:
    """A code was renamed and another check still hides the old one."""
    assert {code for check in CHECKS.values() for code in check.explains} <= set(CHECKS)


def test_no_two_checks_explain_each_other() -> None:
    """Then neither would ever be shown."""
    for check in CHECKS.values():
        assert not [code for code in check.explains if check.code in CHECKS[code].explains]


@pytest.mark.parametrize(
    ("lacking", "named"),
    [
        ({"meaning": " "}, "meaning"),
        ({"next_step": ""}, "next_step"),
        ({"disproved_by": ""}, "disproved_by"),
        ({"thresholds": ()}, "thresholds"),
        ({"thresholds": (Threshold("dwell", "45 s", ""),)}, "origin of dwell"),
        ({"columns": ()}, "columns"),
    ],
)
def test_a_check_that_does_not_tell_is_refused(lacking: dict[str, object], named: str) -> None:
    """A number without an origin was made up."""
    check = replace(CHECKS["no_worker"], code="new", **lacking)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=named):
        register(check)
    assert "new" not in CHECKS


def test_a_check_reads_columns_that_there_are() -> None:
    """A frame's column was renamed."""
    check = replace(CHECKS["no_worker"], code="new", columns=("consumers.num_pendign",))
    with pytest.raises(ValueError, match="num_pendign"):
        register(check)


def test_a_code_is_taken_once() -> None:
    """Two checks of one name would hide each other in recordings."""
    with pytest.raises(ValueError, match="two checks"):
        register(replace(CHECKS["no_worker"]))


def test_the_page_of_the_checks_is_written_from_them() -> None:
    """A threshold was changed and the page was not written anew."""
    written = (Path(__file__).parents[2] / "docs" / "checks.md").read_text()
    assert written == page() + "\n"
    assert set(re.findall(r"^## (\w+)$", written, flags=re.M)) == CODES
