"""A clock that shows the time of day and never runs back.

The time of day can be set back while a watch is on: by hand, or by NTP after a bad start. Two
looks would then lie at one instant, the later one before the earlier one, and every rate between
them would be wrong. So this clock goes on from where it was, at the pace of the monotonic clock;
a lead of some seconds it works off by going a little slower. Set forward, it follows at once:
what lies between is a gap, as it is after the machine was suspended.
"""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

NS_PER_S = 1_000_000_000

WORKED_OFF_S = 10.0
"""A lead of up to this is worked off; a longer one stays until the program is started again."""

SLOWER = 10
"""A lead is worked off by going a tenth slower, which rates of a minute hardly notice."""


class SteadyClock:
    """Nanoseconds since the epoch that never fall; may be read from any thread."""

    def __init__(self, wall_ns: Callable[[], int], monotonic_ns: Callable[[], int]) -> None:
        """It shows the time of day.

        Args:
            wall_ns: The time of day, ns since the epoch.
            monotonic_ns: A clock that nobody sets; it may stand still while the machine sleeps.
        """
        self._wall_ns, self._monotonic_ns = wall_ns, monotonic_ns
        # What the monotonic clock lacks, and when it was last seen; replaced as one, so that
        # threads need no lock.
        self._state = (wall_ns() - monotonic_ns(), monotonic_ns())
        self._told_ns = 0

    def now_ns(self) -> int:
        """The present instant, ns since the epoch."""
        # In this order: an interruption between the two makes the time of day look late, not
        # early, and that is put right by the next call.
        lacks = self._wall_ns()
        monotonic = self._monotonic_ns()
        lacks -= monotonic
        held, seen = self._state
        if lacks < held:
            lead_ns = held - lacks
            if lead_ns > WORKED_OFF_S * NS_PER_S:
                lacks = held
                self._tell(lead_ns)
            else:
                lacks = max(lacks, held - (monotonic - seen) // SLOWER)
        self._state = lacks, monotonic
        return monotonic + lacks

    def _tell(self, lead_ns: int) -> None:
        if abs(lead_ns - self._told_ns) < NS_PER_S:
            return
        self._told_ns = lead_ns
        log.warning(
            "the clock of this machine was set back by %.0f s; so that looks stay in their order, "
            "their times go on from where they were: start ami-console again to follow it",
            lead_ns / NS_PER_S,
        )
