"""What a page shows just now: live or replayed, in which zone's time."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import view as views
from ami_console.apps.board import Board, board_of
from ami_console.apps.feed import Feed
from ami_console.apps.recordings import Recordings
from ami_console.apps.replay_feed import ReplayFeed
from ami_console.apps.view import View
from ami_console.errors import AmiConsoleError


class Stage:
    """One page's choice of feed, and the zone of its wall time.

    Live pages share one board. A page that replays has one of its own: its instant is nobody
    else's.

    Attributes:
        view: What the reader asked for.
        board: The numbers of what is shown.
        replay: The feed that is replayed; ``None``: live.
        fault: Why what was asked for can't be shown; empty: it can.
    """

    def __init__(self, home: Feed, *, recordings: Recordings | None = None) -> None:
        """The feed of the process.

        Args:
            home: What is shown where nothing else is asked for.
            recordings: Those that may be asked for by name.
        """
        self.view = View()  # type: ignore[no-untyped-call]
        self.home = home
        self.recordings = recordings
        self.replay: ReplayFeed | None = None
        self.fault = ""
        self.board = board_of(home)
        self._shown = ""
        self.changed: Callable[[], None] = lambda: None
        self.arrange()

    @property
    def feed(self) -> Feed:
        """What is shown."""
        return self.board.feed

    @property
    def zone(self) -> ZoneInfo:
        """Zone of the wall time."""
        return views.zone(self.view.zone) or self.home.zone

    @property
    def is_live(self) -> bool:
        """Whether it is live; paused is live too."""
        return self.feed.is_live

    def as_of(self) -> pd.Timestamp:
        """The instant that the page judges at; a page that is paused grows older all the same."""
        return self.feed.as_of()

    def arrange(self) -> None:
        """Show what the view asks for; ``changed`` is called when that is another board."""
        wanted = self.view.recording
        at = views.instant(self.view.at) if self.view.at else None
        is_replay = bool(wanted) or at is not None or not self.home.is_live
        key = f"{wanted}|{is_replay}"
        if key != self._shown:
            self.fault = ""
            try:
                self.replay = self._opened(wanted) if is_replay else None
            except AmiConsoleError as error:
                self.fault, self.replay = str(error), None
            self.board = Board(self.replay) if self.replay is not None else board_of(self.home)
            self._shown = key
            self.changed()
        if self.replay is not None:
            if at is None:
                at = self.replay.last_at
            if at != self.replay.as_of():
                self.replay.move_to(at)

    def _opened(self, name: str) -> ReplayFeed:
        if not name:
            return ReplayFeed.over(self.home)
        if self.recordings is None:
            raise AmiConsoleError(f"no recording can be chosen here, and {name!r} was asked for")
        return ReplayFeed.of_recording(self.recordings.open(name), like=self.home)
