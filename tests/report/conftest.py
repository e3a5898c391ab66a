"""Reports of real jobs, made once for all tests."""

from collections.abc import Callable
from functools import cache

import pytest
from recorded import JOBS, ZONE, history_of

from ami_console.report import page
from ami_console.report.material import Material, material

WAYS = {"c_worker_crash": ("looks", "tap", "job_log"), "e_cancelled": ("looks", "tap", "job_log")}


@cache
def _found(scenario: str) -> Material:
    history = history_of(scenario, *WAYS.get(scenario, ()))
    return material(history, JOBS[scenario], zone=ZONE)


@cache
def _page(scenario: str) -> str:
    return page(_found(scenario))


@pytest.fixture
def paged() -> Callable[[str], str]:
    """``paged(scenario)``: the report on its job."""
    return _page


@pytest.fixture
def found() -> Callable[[str], Material]:
    """``found(scenario)``: what a report on its job tells."""
    return _found
