"""The clock of looks, judgements and pages: it shows the time of day, and never runs back."""

import itertools
import logging

import pytest

from ami_console.steady_clock import NS_PER_S, SteadyClock

HOUR = 3600.0


class Times:
    """A time of day that can be set, and the clock that nobody sets."""

    def __init__(self) -> None:
        self.wall_s, self.monotonic_s = 1_790_000_000.0, 50.0
        self.clock = SteadyClock(
            lambda: int(self.wall_s * NS_PER_S), lambda: int(self.monotonic_s * NS_PER_S)
        )

    def pass_by(self, seconds: float) -> float:
        """Let time pass; what the clock shows then, seconds after the beginning."""
        self.wall_s += seconds
        self.monotonic_s += seconds
        return self.shown()

    def shown(self) -> float:
        return (self.clock.now_ns() - 1_790_000_000 * NS_PER_S) / NS_PER_S


def test_it_is_the_time_of_day() -> None:
    times = Times()
    assert [times.pass_by(2.0) for _ in range(3)] == [2.0, 4.0, 6.0]


def test_set_forward_it_follows_at_once() -> None:
    """NTP finds the server at last, or the laptop's lid was closed for an hour."""
    times = Times()
    times.pass_by(2.0)
    times.wall_s += HOUR
    assert times.shown() == 2.0 + HOUR
    assert times.pass_by(2.0) == 4.0 + HOUR


def test_set_back_by_an_hour_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody sets the clock right: looks stay in order and at their pace, and it is said once."""
    times = Times()
    times.pass_by(2.0)
    times.wall_s -= HOUR
    with caplog.at_level(logging.WARNING):
        assert times.shown() == 2.0
        assert [times.pass_by(2.0) for _ in range(3)] == [4.0, 6.0, 8.0]
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "the clock of this machine was set back by 3600 s"
    ]
    times.wall_s += HOUR + 60.0  # set again: now it is behind, and follows
    assert times.shown() == 68.0


def test_a_lead_of_some_seconds_is_worked_off() -> None:
    """NTP sets it back a little: it goes a tenth slower until both agree, and never back."""
    times = Times()
    times.pass_by(2.0)
    times.wall_s -= 3.0
    shown = [times.shown(), *(times.pass_by(1.0) for _ in range(40))]
    steps = [round(later - before, 6) for before, later in itertools.pairwise(shown)]
    assert steps[:30] == [0.9] * 30
    assert steps[-5:] == [1.0] * 5


def test_a_thread_that_was_interrupted_does_not_set_it_forward() -> None:
    """The system takes the turn away for a second between the two clocks that are asked."""
    times = Times()
    before = times.pass_by(2.0)
    times.monotonic_s += 1.0
    late = times.shown()
    times.wall_s += 1.0
    assert before <= late <= before + 1.0
    assert times.shown() == before + 1.0
