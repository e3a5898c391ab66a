"""A collector's readings into a recording; a full disk is said, and does not end the watch."""

import logging
import threading
from pathlib import Path

from ami_console.errors import RecordingError
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter

log = logging.getLogger(__name__)


class Recorder:
    """A sink for :meth:`Collector.add_sink <ami_console.collector.Collector.add_sink>`.

    Attributes:
        path: The recording.
        readings: How many were written.
    """

    def __init__(self, path: Path) -> None:
        """Open the recording for writing.

        Raises:
            RecordingError: It can't be written, or somebody else writes it.
        """
        self.path = path
        self.readings = 0
        self._refused: str | None = None
        self._lock = threading.Lock()
        self._writer: RecordingWriter | None = RecordingWriter(path)

    def __call__(self, reading: Reading) -> None:
        """Append a reading; a failure is told by ``error`` and logged once."""
        with self._lock:
            if self._writer is None:
                return
            try:
                self._writer.append(reading)
            except RecordingError as error:
                if self._refused is None:
                    log.error("%s", error)  # noqa: TRY400 - its text says all there is to say
                self._refused = str(error)
            else:
                self.readings += 1
                if self._refused is not None:
                    log.warning("recording into %s goes on", self.path)
                self._refused = None

    @property
    def error(self) -> str | None:
        """What is wrong at present: the last look was not written, or looks can't be packed."""
        with self._lock:
            return self._refused or (self._writer.trouble if self._writer is not None else None)

    def close(self) -> None:
        """Finish the recording; calling it again does nothing."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
