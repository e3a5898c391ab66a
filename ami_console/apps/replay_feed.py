"""A feed that stands at an instant of the past, with only what was known then."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.apps.feed import Feed, Unsubscribe
from ami_console.diagnosis import Rules
from ami_console.errors import RecordingError
from ami_console.frames import FrameSource
from ami_console.held_frames import HeldFrames, held_frames
from ami_console.instants import NS_PER_S
from ami_console.live_diagnosis import Judged, diagnose_recorded
from ami_console.settings import COLOURS

if TYPE_CHECKING:
    from ami_console.recording import Recording

KEPT = 64
"""Judgements that are kept, for going back and forth."""

EVERY_S = 2.0
"""Pause between two looks where too few were seen to tell, seconds."""

SAME_LOOK_S = 0.5
"""Reads that follow each other sooner are one look at several sources, seconds."""

_PACE_ROWS = 400

Ends = Callable[[], tuple[pd.Timestamp | None, pd.Timestamp | None]]


class ReplayFeed:
    """Frames and findings as of an instant that can be moved.

    Nothing that was observed after the instant is given to anybody. Judgements depend on the
    instant alone: each is made anew from the hours before it, whether the reader stepped there or
    jumped. A live watch, which carries on what stood, may differ for looks that it did not have.

    Attributes:
        label: What the page calls it.
        zone: Zone of the wall time that the page shows.
        rules: What the platform did by itself.
        environment: Name and colour of what was watched.
        every_s: Usual pause between two looks, seconds.
    """

    is_live = False
    paused_at = None
    antenna_ui = ""
    job_logs_every_s = None
    recorded: str | None = None
    recording_error = None

    def __init__(
        self,
        held: HeldFrames,
        *,
        label: str,
        ends: Ends,
        zone: ZoneInfo | None = None,
        rules: Rules | None = None,
        environment: tuple[str, str] = ("", COLOURS["grey"]),
    ) -> None:
        """It stands at the last instant.

        Args:
            held: What is replayed.
            label: What the page calls it.
            ends: Gives the first and the last instant that there is; asked again where that
                grows.
            zone: Zone of the wall time; UTC when not given.
            rules: What the platform did by itself; as Antenna ships it when not given.
            environment: Name and colour of what was watched.

        Raises:
            RecordingError: There is nothing to replay.
        """
        self._held, self._ends = held, ends
        self.label, self.environment = label, environment
        self.zone, self.rules = zone or ZoneInfo("UTC"), rules or Rules()
        self._lock, self._judging = threading.Lock(), threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._judged: OrderedDict[int, Judged] = OrderedDict()
        first_at, last_at = ends()
        if first_at is None or last_at is None:
            raise RecordingError(f"Nothing was recorded yet, so {label} can't be shown; try later.")
        # To the millisecond, as an address has them; later, so that the row itself is in sight.
        self.first_at, self._as_of = first_at.ceil("ms"), last_at.ceil("ms")
        self.every_s = self._pace_s()

    @classmethod
    def of_recording(cls, recording: "Recording", *, like: Feed) -> Self:
        """A recording, as it is now.

        Args:
            recording: What is replayed.
            like: Gives the zone and the rules.

        Raises:
            RecordingError: It holds nothing, or can't be read.
        """
        names = ", ".join(path.rstrip("/").rpartition("/")[2] for path in recording.paths)
        ends = recording.first_at, recording.last_at
        made = cls(
            held_frames(recording),
            label=f"replay · {names}",
            ends=lambda: ends,
            zone=like.zone,
            rules=like.rules,
        )
        made.recorded = recording.paths[0] if len(recording.paths) == 1 else None
        return made

    @classmethod
    def over(cls, feed: Feed) -> Self:
        """What another feed has of the past: of a live watch the last hours, and more each look.

        Args:
            feed: What is replayed; it may go on meanwhile.

        Raises:
            RecordingError: It holds nothing, or can't be read.
        """
        grows = feed.is_live
        names = ("reads",) if grows else frames.FRAMES  # a live watch begins with a read
        begins = [feed.frame(name)["observed_at"].min() for name in names]
        first_at = min((at for at in begins if not pd.isna(at)), default=None)
        last_at = None if grows else feed.as_of()
        made = cls(
            held_frames(feed, grows=grows),
            label=f"replay · {feed.label.rpartition(' · ')[2]}",
            ends=lambda: (first_at, last_at or feed.as_of()),
            zone=feed.zone,
            rules=feed.rules,
            environment=feed.environment,
        )
        made.recorded = feed.recorded
        return made

    @property
    def last_at(self) -> pd.Timestamp:
        """The last instant that there is; of a live watch it moves on."""
        _, last_at = self._ends()
        assert last_at is not None  # noqa: S101 - there was one at the beginning
        return last_at.ceil("ms")

    def as_of(self) -> pd.Timestamp:
        """The instant that is shown."""
        return self._as_of

    def move_to(self, instant: pd.Timestamp) -> None:
        """Show another instant, and tell everybody who listens; not beyond the ends."""
        instant = min(max(instant.tz_convert("UTC"), self.first_at), self.last_at)
        if instant == self._as_of:
            return
        self._as_of = instant
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener()

    def neighbour(self, by: int) -> pd.Timestamp:
        """The instant of the look after (``by`` = 1) or before (−1) the one that is shown.

        Time is cut into pieces as long as the usual pause between two looks, and those in which
        nobody looked are passed over. Without a further look it is the last or first instant.
        """
        piece_ns = max(1, round(self.every_s)) * NS_PER_S
        looks, as_of_ns = self._held.looks(), self._as_of.value
        if by > 0:
            place = int(np.searchsorted(looks, as_of_ns, side="right"))
            found_ns = _piece_end(int(looks[place]), piece_ns) if place < len(looks) else None
        else:
            before_ns = _piece_end(as_of_ns, piece_ns) - piece_ns
            place = int(np.searchsorted(looks, before_ns, side="right")) - 1
            found_ns = _piece_end(int(looks[place]), piece_ns) if place >= 0 else None
        if not len(looks):  # of logs alone
            found_ns = as_of_ns + by * piece_ns
        if found_ns is None:
            return self.last_at if by > 0 else self.first_at
        return min(max(pd.Timestamp(found_ns, tz="UTC"), self.first_at), self.last_at)

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Rows of one frame that were known by then, sorted by ``observed_at``."""
        as_of = self._as_of
        until = as_of if until is None else min(until, as_of)
        return self._held.around(as_of).frame(name, job_id=job_id, since=since, until=until)

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """The last row of each thing that was known by then."""
        as_of = self._as_of
        until = as_of if until is None else min(until, as_of)
        return self._held.around(as_of).latest(name, until=until)

    @property
    def whole(self) -> HeldFrames:
        """All that is held, before and after the instant: for showing where something happened."""
        return self._held

    def job_ids(self) -> list[int]:
        """Jobs of which anything was known by then."""
        found: set[int] = set()
        for name in frames.FRAMES:
            if "job_id" in frames.schema(name):
                found.update(int(job_id) for job_id in self.latest(name)["job_id"].dropna())
        return sorted(found)

    def judged(self) -> Judged:
        """What is found as of the instant that is shown."""
        as_of = self._as_of
        with self._judging:
            found = self._judged.get(as_of.value)
            if found is None:
                then = _Until(self._held, as_of)
                found = Judged(as_of, diagnose_recorded(then, as_of=as_of, rules=self.rules))
                self._judged[as_of.value] = found
                if len(self._judged) > KEPT:
                    self._judged.popitem(last=False)
            return found

    def pause(self) -> None:
        """It asks nobody anything anyhow."""

    def resume(self) -> None:
        """There is nothing to go on with."""

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Call ``listener`` when another instant is shown; returns what ends that."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def _pace_s(self) -> float:
        """Usual pause between two looks, seconds."""
        looks = self._held.looks()[-_PACE_ROWS:]
        begins = looks[1:][np.diff(looks) > SAME_LOOK_S * NS_PER_S]
        pauses_s = np.diff(begins) / NS_PER_S
        return round(float(np.median(pauses_s)), 1) if len(pauses_s) else EVERY_S


class _Until:
    """Held frames up to an instant, whatever the feed shows meanwhile: for judging."""

    def __init__(self, held: HeldFrames, as_of: pd.Timestamp) -> None:
        self._source: FrameSource = held.around(as_of)
        self._as_of = as_of

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        until = self._as_of if until is None else min(until, self._as_of)
        return self._source.frame(name, job_id=job_id, since=since, until=until)

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        until = self._as_of if until is None else min(until, self._as_of)
        return self._source.latest(name, until=until)


def _piece_end(at_ns: int, piece_ns: int) -> int:
    """The end of the piece of time that an instant lies in; itself at an end."""
    return -(-at_ns // piece_ns) * piece_ns
