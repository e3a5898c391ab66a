"""A collector's readings into a recording; a full disk is said, and does not end the watch."""

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path

from ami_console.errors import RecordingError
from ami_console.instants import to_datetime
from ami_console.reading import Reading, SourceName
from ami_console.recording import RecordingWriter

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Failure:
    """Looks that could not be written since the last one that was.

    Attributes:
        since: When the first of them was taken, ns since the epoch.
        said: Why the newest could not be.
        missing: Source → how many, and when the newest was taken, ns since the epoch.
    """

    since: int
    said: RecordingError
    missing: dict[SourceName, tuple[int, int]] = field(default_factory=dict)

    def add(self, reading: Reading, error: RecordingError) -> None:
        """One more."""
        self.said = error
        count, _ = self.missing.get(reading.source, (0, 0))
        self.missing[reading.source] = count + 1, reading.observed_at

    @property
    def looks(self) -> int:
        """How many."""
        return sum(count for count, _ in self.missing.values())

    @property
    def why(self) -> str:
        """What the disk said of the newest."""
        said: object = getattr(self.said.__cause__, "strerror", None)
        return str(said or self.said)

    @property
    def since_text(self) -> str:
        """For people: ``2026-11-23 15:20:01Z``."""
        return f"{to_datetime(self.since):%Y-%m-%d %H:%M:%SZ}"

    def gaps(self) -> list[Reading]:
        """What the recording is told of the looks that it does not have."""
        return [
            Reading(
                source=source,
                observed_at=last_at,
                ok=False,
                error=f"{count} look{'' if count == 1 else 's'} until here could not be recorded: "
                f"{self.why}",
                requests=0,
            )
            for source, (count, last_at) in self.missing.items()
        ]


class Recorder:
    """A sink for :meth:`Collector.add_sink <ami_console.collector.Collector.add_sink>`.

    What could not be recorded is a gap with its reason in the recording: as soon as it can be
    written to again, a failed look at each source says how many are missing.

    Attributes:
        path: The recording.
        readings: How many were written.
        lost: How many could not be.
    """

    def __init__(self, path: Path) -> None:
        """Open the recording for writing.

        Raises:
            RecordingError: It can't be written, or somebody else writes it.
        """
        self.path = path
        self.readings = 0
        self.lost = 0
        self._failure: _Failure | None = None
        self._lock = threading.Lock()
        self._writer: RecordingWriter | None = RecordingWriter(path)

    def __call__(self, reading: Reading) -> None:
        """Append a reading; a failure is told by ``error`` and logged once."""
        with self._lock:
            if self._writer is None:
                return
            failure = self._failure
            try:
                gaps = [] if failure is None else failure.gaps()
                self._writer.append_many([*gaps, reading])
            except RecordingError as error:
                if failure is None:
                    log.error("%s", error)  # noqa: TRY400 - its text says all there is to say
                    failure = self._failure = _Failure(reading.observed_at, error)
                failure.add(reading, error)
                self.lost += 1
            else:
                self.readings += 1
                if failure is not None:
                    log.warning(
                        "recording into %s goes on; %d of the looks since %s are not in it",
                        self.path,
                        failure.looks,
                        failure.since_text,
                    )
                self._failure = None

    @property
    def error(self) -> str | None:
        """What is wrong at present and since when: looks are lost, or can't be packed."""
        with self._lock:
            if self._failure is not None:
                return (
                    f"nothing is recorded since {self._failure.since_text}: {self._failure.why}. "
                    f"Make room in {self.path} or record elsewhere; each look is tried anew."
                )
            return self._writer.trouble if self._writer is not None else None

    def close(self) -> None:
        """Finish the recording; calling it again does nothing."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
