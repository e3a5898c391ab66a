"""What happens to the machine and to our own process while it records and serves.

What ``python -m benchmarks.own_faults`` plays, for shorter times, and all at once.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ami_console.demo.stack import Stack
from benchmarks.own_faults import Outcome, suffer, wrong

pytestmark = pytest.mark.servers

HOLDS_S = {
    "disk full": 3.0,
    "clock set forward by 1 h": 0.0,
    "clock set back by 1 h": 0.0,
    "suspended": 12.0,
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    """Each fault in a process of its own; one demo for all of them."""

    def play(fault: str) -> Outcome:
        folder: Path = tmp_path_factory.mktemp("own-fault", numbered=True)
        return suffer(fault, environment, folder, before_s=1.0, holds_s=HOLDS_S[fault], after_s=2.0)

    with (
        Stack("healthy", restart_after_s=None) as stack,
        ThreadPoolExecutor(len(HOLDS_S)) as pool,
    ):
        environment = stack.environment()
        return dict(zip(HOLDS_S, pool.map(play, HOLDS_S), strict=True))


@pytest.mark.parametrize("fault", HOLDS_S)
def test_all_is_live_again_and_nothing_is_invented(
    outcomes: Mapping[str, Outcome], fault: str
) -> None:
    """Live after some looks, no look lost outside, no false finding, no hurry, no wrong rate."""
    assert wrong(outcomes[fault], looks=5) == []
    assert outcomes[fault].replayed == 7


def test_a_full_disk_is_said(outcomes: Mapping[str, Outcome]) -> None:
    """Page and terminal say since when nothing is kept; the recording says what it lacks."""
    full = outcomes["disk full"]
    assert full.lost_inside > 0
    assert any("Recording fails" in said and "File too large" in said for said in full.said)
    told = [line for line in full.printed if "recording: nothing is recorded since" in line]
    assert len(told) == len(set(told))
    assert "Make room in" in told[0]
    assert full.printed[-1].endswith("recording: ok")
    assert any("could not be recorded: File too large" in gap for gap in full.gap)


def test_an_hour_forward_is_a_gap_and_an_hour_back_is_none(
    outcomes: Mapping[str, Outcome],
) -> None:
    """Somebody sets the clock of this machine: looks keep their order and their pace."""
    (gap,) = outcomes["clock set forward by 1 h"].gap
    assert gap.startswith("nobody looked, 360")
    assert outcomes["clock set back by 1 h"].gap == []


def test_a_laptop_that_slept_shows_a_gap(outcomes: Mapping[str, Outcome]) -> None:
    """The lid was closed for a while; the first page after it says so, too."""
    slept = outcomes["suspended"]
    assert any(gap.startswith("nobody looked, 1") for gap in slept.gap)
    assert any("has not been looked at since" in said for said in slept.said)
