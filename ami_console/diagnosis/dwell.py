"""A state must hold for a time before it speaks, and be over for a time before it is withdrawn."""

from dataclasses import dataclass

import numpy as np

from ami_console.diagnosis.truth import Truth
from ami_console.metrics.arrays import Flags, Floats

GRACE_S = 30.0
"""A state that can't be seen for a moment is taken to go on; after so long it can't be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One stretch of a state, as indices of ticks and instants (s since the epoch).

    Attributes:
        began_s: When the state began, as far as the data tell.
        spoken: Tick at which it had held for long enough.
        last: Last tick at which it held.
        ended_s: When it was seen to be over; NaN while it holds, or where it could not be seen.
        withdrawn_s: When that had lasted long enough, or the state was unknown for too long; NaN
            while it stands.
        is_unknown: It was withdrawn because it could not be seen any more.
    """

    began_s: float
    spoken: int
    last: int
    ended_s: float = np.nan
    withdrawn_s: float = np.nan
    is_unknown: bool = False


def episodes(
    at_s: Floats,
    truth: Truth,
    *,
    since_s: Floats | None,
    dwell_s: Floats | float,
    clear_s: float,
    at_once: Flags | None = None,
    standing_s: float | None = None,
) -> list[Episode]:
    """Stretches in which a condition held for long enough.

    Args:
        at_s: Instants of the ticks, sorted, s since the epoch.
        truth: The condition at each: 1, 0, NaN unknown.
        since_s: Since when it holds, where the data tell; else since the first tick at which it
            was seen to hold. An instant that moves on means that it began anew.
        dwell_s: It must hold so long before it speaks.
        clear_s: It must be over so long before it is withdrawn.
        standing_s: Since when a verdict stands that had spoken before the first tick.
        at_once: Ticks at which what is over is withdrawn at once: nothing can bring it back.
    """
    began_s = run_starts(at_s, truth)
    if since_s is not None:
        began_s = np.where(np.isnan(since_s), began_s, since_s)
    if standing_s is not None and len(at_s):
        # Unless it ended meanwhile, or the data say that it began anew.
        goes_back = (np.cumsum(truth == 0.0) == 0) & ~(began_s > at_s[0])
        began_s = np.where(goes_back, np.fmin(standing_s, began_s), began_s)
    # In microseconds: a difference of large floats misses a whole number of seconds by a hair.
    held_long = np.round(at_s - began_s, 6) >= dwell_s
    holds = np.where(np.isnan(truth), np.nan, (truth == 1.0) & held_long)
    # What spoke once need not hold for long again, unless the data say that it began anew.
    goes_on = (truth == 1.0) & (held_long | (np.isnan(since_s) if since_s is not None else True))
    clears = np.full(len(at_s), clear_s) if at_once is None else np.where(at_once, 0.0, clear_s)
    found: list[Episode] = []
    spoken = last = -1 if standing_s is None else 0
    since = np.nan if standing_s is None else standing_s
    over_s = unseen_s = np.nan
    for tick in np.flatnonzero(_matters(holds, spoken)).tolist():
        now = at_s[tick]
        if spoken >= 0 and goes_on[tick]:
            pass
        elif holds[tick] == 0.0:
            over_s, unseen_s = (now if np.isnan(over_s) else over_s), np.nan
        elif np.isnan(holds[tick]):
            unseen_s = now if np.isnan(unseen_s) else unseen_s
        if spoken >= 0:
            withdrawn_s = _withdrawn(now, over_s, unseen_s, float(clears[tick]))
            if not np.isnan(withdrawn_s):
                found.append(_episode(since, spoken, last, over_s, withdrawn_s))
                spoken = -1
        if holds[tick] == 1.0 and spoken < 0:
            spoken, since = tick, began_s[tick]
        if spoken >= 0 and goes_on[tick]:
            last = tick
            over_s = unseen_s = np.nan
    if spoken >= 0:
        found.append(_episode(since, spoken, last, over_s, np.nan))
    return found


def run_starts(at_s: Floats, truth: Truth) -> Floats:
    """Instant of the first tick of the run of true ones that each is in; unknown interrupts not."""
    known = np.flatnonzero(~np.isnan(truth))
    began = np.full(len(at_s), np.nan)
    if not known.size:
        return began
    held = truth[known] == 1.0
    starts = held & ~np.append(False, held[:-1])
    first = np.maximum.accumulate(np.where(starts, known, -1))
    began[known] = np.where(held, at_s[np.maximum(first, 0)], np.nan)
    return began


def _matters(holds: Truth, spoken: int) -> Flags:
    """Ticks that can change anything: while nothing was ever true, none does."""
    return (np.cumsum(holds == 1.0) > 0) | (spoken >= 0)


def _withdrawn(now: float, over_s: float, unseen_s: float, clear_s: float) -> float:
    """When it was withdrawn; NaN where it still stands."""
    if not np.isnan(over_s) and now - over_s >= clear_s:
        return over_s + clear_s if clear_s else now
    if not np.isnan(unseen_s) and now - unseen_s >= GRACE_S:
        return unseen_s + GRACE_S
    return np.nan


def _episode(began_s: float, spoken: int, last: int, over_s: float, withdrawn_s: float) -> Episode:
    return Episode(
        began_s=float(began_s),
        spoken=int(spoken),
        last=int(last),
        ended_s=float(over_s),
        withdrawn_s=float(withdrawn_s),
        is_unknown=bool(np.isnan(over_s) and not np.isnan(withdrawn_s)),
    )
