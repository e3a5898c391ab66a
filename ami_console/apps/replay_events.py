"""The stops of a replay as the reader meets them: look by look, and marked on the track."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ami_console.apps.replay_stops import Stop

SAME_S = 1.0
"""What was first seen within this is one event: a look reads several sources, seconds."""

MARKS = 300
"""So many marks a track has room for."""

_WORST_FIRST = ("bad", "warn", "active", "good", "muted")
_NAMED = 3


class Event(NamedTuple):
    """What one look brought.

    Attributes:
        at: From here on all of it can be seen; to the millisecond.
        title: What.
        tone: Of the worst of it.
    """

    at: pd.Timestamp
    title: str
    tone: str


def events(stops: Sequence[Stop]) -> list[Event]:
    """Stops that were seen together as one.

    Args:
        stops: In order of time.
    """
    groups: list[list[Stop]] = []
    for stop in stops:
        if groups and (stop.at - groups[-1][0].at).total_seconds() <= SAME_S:
            groups[-1].append(stop)
        else:
            groups.append([stop])
    return [
        Event(
            at=group[-1].at.ceil("ms"),
            title=_listed([s.title for s in sorted(group, key=_rank)]),
            tone=min(group, key=_rank).tone,
        )
        for group in groups
    ]


def _rank(told: Stop | Event) -> int:
    return _WORST_FIRST.index(told.tone)


def _listed(titles: Sequence[str]) -> str:
    different = list(dict.fromkeys(titles))
    named = " · ".join(different[:_NAMED])
    more = len(different) - _NAMED
    return f"{named} · and {more} more" if more > 0 else named


def after(told: Sequence[Event], as_of: pd.Timestamp) -> Event | None:
    """The next event."""
    return next((event for event in told if event.at > as_of), None)


def before(told: Sequence[Event], as_of: pd.Timestamp) -> Event | None:
    """The event before the one that is seen."""
    return next((event for event in reversed(told) if event.at < as_of), None)


def newest(told: Sequence[Event], as_of: pd.Timestamp) -> Event | None:
    """What happened last."""
    return next((event for event in reversed(told) if event.at <= as_of), None)


def marks(told: Sequence[Event], first_at: pd.Timestamp, last_at: pd.Timestamp) -> list[list[Any]]:
    """Marks of a track: ms since the epoch, tone and title; of a place with many the worst one.

    Args:
        told: The events.
        first_at, last_at: The ends of the track.
    """
    span_s = max((last_at - first_at).total_seconds(), 1e-3)
    worst: dict[int, Event] = {}
    for event in told:
        place = int(np.clip((event.at - first_at).total_seconds() / span_s, 0, 1) * MARKS)
        if place not in worst or _rank(event) < _rank(worst[place]):
            worst[place] = event
    return [[event.at.value // 1_000_000, event.tone, event.title] for event in worst.values()]
