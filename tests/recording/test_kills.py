"""Recorders and upkeep killed at random instants: some of what ``benchmarks.crashes`` does."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.crashes import kill_recorders, kill_upkeep, prune_words, recorded_days


@pytest.mark.parametrize("seed", [1, 2])
def test_a_recorder_dies_and_another_goes_on(tmp_path: Path, seed: int) -> None:
    """kill -9 and SIGTERM in turn, soon after the start or later, between any two steps.

    Each time the recording opens with all that was said to be recorded, once; kill -9 takes the
    look in flight at most, SIGTERM none.
    """
    tallies = kill_recorders(tmp_path, 6, seed)
    for name, tally in tallies.items():
        assert tally.ok, (name, tally)
    assert tallies["SIGTERM"].in_flight == 0
    assert tallies["SIGKILL"].looks + tallies["SIGTERM"].looks > 50
    assert sum(tally.deaths for tally in tallies.values()) == 6


def test_upkeep_dies_and_is_run_again(tmp_path: Path) -> None:
    """The machine goes down while days are joined, or put away: no row is lost or doubled."""
    made = recorded_days(tmp_path / "made", 1_700)
    rng = np.random.default_rng(1)
    for number, words in enumerate([["compact"], prune_words()] * 2):
        place = tmp_path / str(number)
        place.mkdir()
        tally = kill_upkeep(made, place, words, rng)
        assert tally.ok, (words, tally)
        assert tally.looks > 0
