"""The bar below the head of a page that is replayed: where it stands, and how to move it."""

import logging
import threading
import weakref
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats, style
from ami_console.apps import replay_events as told
from ami_console.apps.apart import apart
from ami_console.apps.replay_events import Event
from ami_console.apps.replay_feed import ReplayFeed
from ami_console.apps.replay_stops import Stop, stops
from ami_console.apps.replay_track import ReplayTrack
from ami_console.held_frames import HeldFrames

log = logging.getLogger(__name__)

AGAIN_S = 60.0
"""Where the past still grows, events are looked for again so often, seconds."""


class ReplayBar:
    """Moves a feed for the reader; shows where it stands and what happened when.

    Attributes:
        pane: The bar, for the page.
        fault: Why no events are known; empty: they are, or are still looked for.
    """

    def __init__(
        self,
        feed: ReplayFeed,
        *,
        moved: Callable[[pd.Timestamp], None],
        back_to_live: Callable[[], None] | None = None,
    ) -> None:
        """It shows where the feed stands.

        Args:
            feed: What is replayed.
            moved: Called with the instant that the reader wants to see; brings the page there,
                for example by its address. It returns when that is done: the browser sends no
                further instant before.
            back_to_live: Ends the replay; ``None``: there is nothing live.
        """
        self._feed, self._moved, self._back = feed, moved, back_to_live
        self._zone = feed.zone
        self._events: list[Event] = []
        self._until: pd.Timestamp | None = None
        self._is_looking = False
        self.fault = ""
        self.pane = ReplayTrack(
            self._asked,
            every_s=feed.every_s,
            can_be_live=back_to_live is not None,
            stylesheets=[style.sheet("tones", "pane", "replay")],
            sizing_mode="stretch_width",
            margin=0,
        )
        self.show()

    def show(self, zone: ZoneInfo | None = None) -> None:
        """Show where the feed stands now; events that are new are looked for.

        Args:
            zone: Zone of the wall time from now on; ``None``: as before.
        """
        feed = self._feed
        self._zone = zone or self._zone
        as_of, last_at = feed.as_of(), feed.last_at
        if self._until is None or (last_at - self._until).total_seconds() > AGAIN_S:
            self._look(last_at)
        changes = {
            "at_ms": _ms(as_of),
            "first_ms": _ms(feed.first_at),
            "last_ms": _ms(last_at),
            "zone": self._zone.key,
            "said": self._said(as_of),
            "coming": self._named(told.after(self._events, as_of), as_of),
            "gone": self._named(told.before(self._events, as_of), as_of),
        }
        self.pane.param.update(
            **{name: new for name, new in changes.items() if getattr(self.pane, name) != new}
        )

    def _asked(self, what: str, value: int) -> None:
        """What the reader did; one of :data:`~ami_console.apps.replay_track.MOVES`."""
        feed = self._feed
        if what == "live":
            if self._back is not None:
                self._back()
            return
        if what == "move":
            at = pd.Timestamp(value, unit="ms", tz="UTC")
        elif what == "step":
            at = feed.neighbour(1 if value > 0 else -1)
        else:
            find = told.after if value > 0 else told.before
            event = find(self._events, feed.as_of())
            if event is None:
                return
            at = event.at
        self._moved(min(max(at, feed.first_at), feed.last_at))
        self.show()

    def _look(self, until: pd.Timestamp) -> None:
        if self._is_looking:
            return
        self._is_looking = True
        apart(lambda: _found(self._feed, until), self._got)

    def _got(self, found: "_Found") -> None:
        self._is_looking = False
        self._until, self.fault = found.until, found.fault
        self._events = told.events(found.stops)
        self.pane.marks = told.marks(self._events, self._feed.first_at, self._feed.last_at)
        self.show()

    def _said(self, as_of: pd.Timestamp) -> str:
        if self.fault:
            return self.fault
        if self._until is None:
            return "Looking for events …"
        event = told.newest(self._events, as_of)
        return "Nothing happened up to here" if event is None else self._named(event, as_of)

    def _named(self, event: Event | None, as_of: pd.Timestamp) -> str:
        if event is None:
            return ""
        return f"{formats.clock(event.at, self._zone, as_of=as_of)} {event.title}"


class _Found:
    """The stops of a source up to an instant."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stops: list[Stop] = []
        self.until: pd.Timestamp | None = None
        self.fault = ""


_all: "weakref.WeakKeyDictionary[HeldFrames, _Found]" = weakref.WeakKeyDictionary()
_all_lock = threading.Lock()


def _found(feed: ReplayFeed, until: pd.Timestamp) -> _Found:
    """What happened, looked for once for all pages."""
    with _all_lock:
        found = _all.setdefault(feed.whole, _Found())
    with found.lock:
        begin = feed.first_at.floor("ms")
        if found.until is not None:
            begin = found.until + pd.Timedelta(1, "ns")
        if found.until is None or until > found.until:
            try:
                newer = stops(feed.whole.source, since=begin, until=until, rules=feed.rules)
                found.stops = [*found.stops, *newer]
                found.fault = ""
            except Exception as error:  # the replay goes on without
                log.exception("the events of %s could not be found", feed.label)
                found.fault = f"Events could not be found ({type(error).__name__}); see the log"
            found.until = until
    return found


def _ms(instant: pd.Timestamp) -> int:
    return instant.value // 1_000_000
