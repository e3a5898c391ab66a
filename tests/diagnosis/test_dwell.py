"""States that must hold before they speak and be over before they are withdrawn."""

import numpy as np
import pytest

from ami_console.diagnosis.dwell import GRACE_S, Episode, episodes

T, F, U = 1.0, 0.0, float("nan")


def found(truth: list[float], **options: object) -> list[Episode]:
    """Episodes of one tick a second from 100 s on."""
    given: dict[str, object] = {"since_s": None, "dwell_s": 3.0, "clear_s": 3.0, **options}
    at_s = 100.0 + np.arange(len(truth))
    return episodes(at_s, np.array(truth), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("truth", [[], [F], [U], [T], [F] * 9, [U] * 9, [T, T, T], [F, T, T, T]])
def test_what_did_not_hold_long_enough_is_never_said(truth: list[float]) -> None:
    """Empty, one look, and a state of three seconds less a look."""
    assert found(truth) == []


def test_it_speaks_after_the_dwell_and_began_before() -> None:
    """Held from 101 on, said at 104."""
    (told,) = found([F, T, T, T, T, T])
    assert (told.began_s, told.spoken, told.last) == (101.0, 4, 5)
    assert np.isnan([told.ended_s, told.withdrawn_s]).all()


def test_a_flicker_before_it_speaks_begins_anew() -> None:
    """Between two batches nothing is in flight for a second, again and again."""
    assert found([T, T, F, T, T, F, T, T, F, T, T]) == []


def test_a_flicker_after_it_spoke_withdraws_nothing() -> None:
    """One good look in the middle."""
    (told,) = found([T, T, T, T, F, T, T, T, T])
    assert (told.began_s, told.spoken, np.isnan(told.withdrawn_s)) == (100.0, 3, True)


def test_it_is_withdrawn_when_it_was_over_for_long_enough() -> None:
    """Over at 104, withdrawn at 107; it may speak again as another episode."""
    first, second = found([T, T, T, T, F, F, F, F, T, T, T, T])
    assert (first.ended_s, first.withdrawn_s, first.is_unknown) == (104.0, 107.0, False)
    assert (second.began_s, second.spoken) == (108.0, 11)


def test_the_last_look_can_be_the_one_that_withdraws_it() -> None:
    """Withdrawn at 107, which is the last tick."""
    (told,) = found([T, T, T, T, F, F, F, F])
    assert told.withdrawn_s == 107.0


def test_what_can_bring_nothing_back_is_withdrawn_at_once() -> None:
    """The job ended."""
    over = np.array([False, False, False, False, True])
    (told,) = found([T, T, T, T, F], at_once=over)
    assert (told.ended_s, told.withdrawn_s) == (104.0, 104.0)


def test_unknown_neither_ends_nor_begins_a_state() -> None:
    """A look failed: the state is taken to go on, and what follows counts from its begin."""
    (told,) = found([T, T, U, T, T])
    assert (told.began_s, told.spoken) == (100.0, 3)


def test_unknown_for_too_long_is_withdrawn_as_unknown() -> None:
    """NATS stays away: what stood can't be told any more."""
    (told,) = found([T] * 5 + [U] * (int(GRACE_S) + 2))
    assert (told.is_unknown, told.withdrawn_s) == (True, 105.0 + GRACE_S)
    assert np.isnan(told.ended_s)


def test_since_when_can_be_told_by_the_data() -> None:
    """The first look shows a state that is old: no need to wait."""
    (told,) = found([T, T], since_s=np.array([90.0, 90.0]))
    assert (told.began_s, told.spoken) == (90.0, 0)


def test_an_instant_that_moves_on_begins_the_state_anew() -> None:
    """Something was handed out meanwhile: nothing is quiet for that long any more."""
    since_s = np.array([90.0, 90.0, 101.5, 101.5, 101.5, 101.5, 101.5])
    first, second = found([T] * 7, since_s=since_s, clear_s=1.0)
    assert (first.began_s, first.ended_s) == (90.0, 102.0)
    assert (second.began_s, second.spoken) == (101.5, 5)


def test_what_stood_before_the_first_tick_goes_on_from_its_begin() -> None:
    """A watch that looks back ten minutes judges a state of an hour."""
    (told,) = found([T, T], standing_s=10.0)
    assert (told.began_s, told.spoken) == (10.0, 0)
    (over,) = found([F, F, F, F], standing_s=10.0)
    assert (over.began_s, over.ended_s, over.withdrawn_s) == (10.0, 100.0, 103.0)


def test_what_stood_before_ends_when_the_data_say_that_it_began_anew() -> None:
    """Images are still in flight, but one came back at 103: nothing is silent since 10."""
    since_s = np.array([50.0, 50.0, 50.0, 103.0, 103.0, 103.0, 103.0])
    (over,) = found([T] * 7, since_s=since_s, standing_s=10.0, dwell_s=20.0)
    assert (over.began_s, over.ended_s, over.withdrawn_s) == (10.0, 103.0, 106.0)


def test_whole_seconds_are_not_missed_by_a_hair() -> None:
    """Instants are large floats, and 45 s are 45 s."""
    at_s = 1_790_000_000.1 + np.array([0.0, 44.9, 45.0])
    (told,) = episodes(at_s, np.ones(3), since_s=None, dwell_s=45.0, clear_s=3.0)
    assert told.spoken == 2
