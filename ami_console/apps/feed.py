"""Where a page's frames come from: the collector of this process, or a recording."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.diagnosis import Rules
from ami_console.frames import FrameSource
from ami_console.instants import now_ns
from ami_console.live_diagnosis import Judged, diagnose_recorded, rules_of
from ami_console.settings import COLOURS, Settings

if TYPE_CHECKING:
    from ami_console.apps.recordings import Recordings
    from ami_console.collector import Collector
    from ami_console.recording import Recording

Unsubscribe = Callable[[], None]


class Feed(FrameSource, Protocol):
    """Frames with a name, an instant and news.

    Attributes:
        label: What the page calls it.
        is_live: Whether new looks come in; a recording stands still.
        every_s: Pause between two looks, seconds.
        zone: Zone of the wall time that the page shows.
        rules: What the platform does by itself.
        environment: Name and colour of what is watched, such as ``("production", "#b3161d")``.
        paused_at: Since when nobody is asked anything; ``None``: it is not paused.
        antenna_ui: Where Antenna's own pages are, for links; empty: not told.
        job_logs_every_s: Pause between two looks at a job's log, seconds; ``None``: not told.
        recorded: Path of the recording that is shown, or written meanwhile; ``None``: there is
            none.
        recording_error: Why what is seen is not recorded at present; ``None``: it is, or was not
            meant to be.
    """

    @property
    def label(self) -> str: ...
    @property
    def is_live(self) -> bool: ...
    @property
    def every_s(self) -> float: ...
    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def rules(self) -> Rules: ...
    @property
    def environment(self) -> tuple[str, str]: ...
    @property
    def paused_at(self) -> pd.Timestamp | None: ...
    @property
    def antenna_ui(self) -> str: ...
    @property
    def job_logs_every_s(self) -> float | None: ...
    @property
    def recorded(self) -> str | None: ...
    @property
    def recording_error(self) -> str | None: ...

    def pause(self) -> None:
        """Ask nobody anything any more; of a recording nothing."""
        ...

    def resume(self) -> None:
        """Go on after a pause."""
        ...

    def as_of(self) -> pd.Timestamp:
        """The instant that the page judges at: now, or a recording's last."""
        ...

    def job_ids(self) -> list[int]:
        """Jobs of which anything is known."""
        ...

    def judged(self) -> Judged | None:
        """The newest judgement; ``None``: nothing was judged yet."""
        ...

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Call ``listener``, from any thread, when there is news; returns what ends that."""
        ...


class _Forwarding:
    """Frames of another source, as they are."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        return self._source.frame(name, job_id=job_id, since=since, until=until)

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        return self._source.latest(name, until=until)


class LiveFeed(_Forwarding):
    """What the collector of this process sees."""

    is_live = True

    def __init__(
        self,
        collector: "Collector",
        *,
        recorded: str | None = None,
        recording_error: Callable[[], str | None] = lambda: None,
    ) -> None:
        """What it sees.

        Args:
            collector: Of this process.
            recorded: Path of the recording that is written meanwhile; ``None``: there is none.
            recording_error: Tells why it can't be written at present.
        """
        super().__init__(collector.history)
        self._collector = collector
        self.recorded = recorded
        self._recording_error = recording_error

    @property
    def recording_error(self) -> str | None:
        return self._recording_error()

    @property
    def label(self) -> str:
        return f"live · {self._collector.settings.antenna_url.shown}"

    @property
    def every_s(self) -> float:
        return self._collector.settings.every_s

    @property
    def zone(self) -> ZoneInfo:
        return self._collector.settings.antenna_timezone

    @property
    def rules(self) -> Rules:
        return rules_of(self._collector.settings)

    @property
    def environment(self) -> tuple[str, str]:
        settings = self._collector.settings
        return settings.environment, COLOURS[settings.environment_colour]

    @property
    def antenna_ui(self) -> str:
        return self._collector.settings.antenna_ui_url.reveal()

    @property
    def job_logs_every_s(self) -> float | None:
        return self._collector.settings.job_logs_every_s

    @property
    def paused_at(self) -> pd.Timestamp | None:
        at_ns = self._collector.paused_at_ns
        return None if at_ns is None else pd.Timestamp(at_ns, tz="UTC")

    def pause(self) -> None:
        # Connections take a moment to close: not on the thread that serves the pages.
        threading.Thread(target=self._collector.pause, name="pausing", daemon=True).start()

    def resume(self) -> None:
        threading.Thread(target=self._collector.resume, name="resuming", daemon=True).start()

    def as_of(self) -> pd.Timestamp:
        return pd.Timestamp(now_ns(), tz="UTC")

    def job_ids(self) -> list[int]:
        return self._collector.history.job_ids()

    def judged(self) -> Judged | None:
        return self._collector.diagnosis.judged

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        return self._collector.subscribe(listener)


class RecordedFeed(_Forwarding):
    """A recording as it stands, judged at its last instant."""

    is_live = False
    environment = ("", COLOURS["grey"])
    paused_at = None
    antenna_ui = ""
    job_logs_every_s = None
    recording_error = None

    def __init__(
        self, recording: "Recording", *, zone: ZoneInfo | None = None, rules: Rules | None = None
    ) -> None:
        """Nothing is judged yet.

        Args:
            recording: What is shown.
            zone: That of the page's wall time; UTC when not given.
            rules: What the platform did by itself; as Antenna ships it when not given.
        """
        super().__init__(recording)
        self._recording = recording
        self.recorded = recording.paths[0] if len(recording.paths) == 1 else None
        self._as_of = recording.last_at
        self.zone = zone or ZoneInfo("UTC")
        self.rules = rules or Rules()
        self.every_s = 2.0
        self._judging = threading.Lock()
        self._judged: Judged | None = None

    @property
    def label(self) -> str:
        names = ", ".join(path.rstrip("/").rpartition("/")[2] for path in self._recording.paths)
        return f"recording · {names}"

    def as_of(self) -> pd.Timestamp:
        return self._as_of if self._as_of is not None else pd.Timestamp(0, tz="UTC")

    def job_ids(self) -> list[int]:
        return self._recording.jobs()

    def judged(self) -> Judged | None:
        if self._as_of is None:
            return None
        with self._judging:
            if self._judged is None:
                found = diagnose_recorded(self._recording, as_of=self._as_of, rules=self.rules)
                self._judged = Judged(self._as_of, found)
            return self._judged

    def pause(self) -> None:
        """It asks nobody anything anyhow."""

    def resume(self) -> None:
        """There is nothing to go on with."""

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        return lambda: None


_lock = threading.Lock()
_current: Feed | None = None
_recordings: "Recordings | None" = None


def use(feed: Feed | None, *, recordings: "Recordings | None" = None) -> None:
    """Make this the feed of every page that this process opens from now on.

    Args:
        feed: The feed; ``None``: live from the settings.
        recordings: Those that may be chosen on the page.
    """
    global _current, _recordings
    with _lock:
        _current, _recordings = feed, recordings


def offered() -> "Recordings | None":
    """The recordings that may be chosen on the pages of this process."""
    return _recordings


def current() -> Feed:
    """The feed of this process; live from the settings when none was set."""
    global _current  # noqa: PLW0603
    with _lock:
        if _current is None:
            from ami_console import collector  # noqa: PLC0415  (a recording needs none)

            _current = LiveFeed(collector.shared(Settings.from_environment()))
        return _current
