"""What was known of one source at each of its reads."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ami_console.diagnosis.finding import Evidence, Finding
from ami_console.diagnosis.looks import Seen, SourceLooks
from ami_console.diagnosis.sheet import instant, number
from ami_console.metrics.arrays import Floats

NAMES: Mapping[str, str] = {
    "antenna": "Antenna's REST API",
    "nats": "NATS",
    "redis": "Redis",
    "tap": "the tap",
    "job_logs": "the job logs",
    "log_files": "the log files",
    "celery": "the Celery queues",
}
"""Sources as a sentence names them."""

CORE = ("antenna", "nats", "redis")
"""Without one of these there are verdicts that can't be told."""


class SourceSheet:
    """One source's reads as ticks, and the instant judged at.

    Attributes:
        looks: The reads.
        seen: Everything that was seen, for checks that compare.
        at_s: The ticks, s since the epoch.
        held: Code → where the condition of a check holds, once it was reckoned.
        standing: Code → what was found at the instant before, where the ticks do not reach back.
    """

    def __init__(self, looks: SourceLooks, seen: Seen) -> None:
        self.looks, self.seen = looks, seen
        self.standing: dict[str, Finding] = {}
        self.held: dict[str, Any] = {}
        as_of_s = seen.as_of.value / 1e9
        self.at_s = np.unique(np.append(looks.at_s, as_of_s))
        self._place = np.searchsorted(looks.at_s, self.at_s, side="right") - 1

    @property
    def name(self) -> str:
        """The source as a sentence names it."""
        return NAMES.get(self.looks.source, self.looks.source)

    @property
    def is_over(self) -> None:
        """A source is never over."""
        return None

    def on_ticks(self, values: Floats) -> Floats:
        """Values of the reads as of each tick."""
        return values[self._place]

    @property
    def failing_s(self) -> Floats:
        """Since when it can't be read; NaN while it can."""
        return self.on_ticks(self.looks.failing_since_s)

    @property
    def failures(self) -> Floats:
        """How many reads failed in a row, up to each tick."""
        failed = ~self.looks.ok
        count = np.cumsum(failed).astype("float64")
        at_last_good = np.maximum.accumulate(np.where(failed, 0.0, count))
        return self.on_ticks(np.where(failed, count - at_last_good, 0.0))

    def error(self, tick: int) -> str:
        """What its last read said."""
        told = self.looks.errors[self._place[tick]]
        return "" if told is None or pd.isna(told) else str(told)

    def offset_s(self, last: int = 5) -> Floats:
        """Median clock offset of the newest reads that tell one, source's clock minus ours, s."""
        offsets = pd.Series(self.looks.clock_offset_s)
        known = offsets.dropna().rolling(last, min_periods=min(3, last)).median()
        return self.on_ticks(known.reindex(offsets.index).ffill().to_numpy())

    def evidence(self, tick: int, name: str, value: float) -> Evidence:
        """A number about the source, as of its last read."""
        return Evidence(
            name=name,
            value=number(value),
            source=self.looks.source,
            observed_at=instant(self.looks.at_s[self._place[tick]]),
        )
