"""The rows of one job in a frame that comes in batches: acknowledgements, log lines."""

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.batch import Batch

KEEP_OTHER_LINES = 5_000
"""Log lines of no kind that are kept of a job in memory; a recording keeps all."""


class JobBatches:
    """One job's rows of one frame: batches as they came, made a frame when somebody asks."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: list[Batch] = []
        self._held: pd.DataFrame | None = None
        self._first: int | None = None

    def add(self, batch: Batch) -> None:
        """Take a batch in."""
        self._waiting.append(batch)
        self._seen(min(batch.column("observed_at")))

    def take(self, frame: pd.DataFrame) -> None:
        """Take a typed frame in."""
        self._held = frame if self._held is None else pd.concat([self._whole(), frame])
        self._held = _tidy(self._name, self._held)
        self._seen(int(self._held["observed_at"].array.asi8[0]))

    def _seen(self, first: int) -> None:
        self._first = first if self._first is None else min(self._first, first)

    def between(self, low: int | None, high: int | None) -> pd.DataFrame:
        """Rows from one instant to another (ns since the epoch), both included."""
        whole = self._whole()
        at = whole["observed_at"].array.asi8
        begin = 0 if low is None else int(np.searchsorted(at, low, side="left"))
        end = len(at) if high is None else int(np.searchsorted(at, high, side="right"))
        return whole.iloc[begin:end]

    def forget_before(self, oldest: int, *, slack: int) -> bool:
        """Let go of rows before an instant; False when none is left.

        Args:
            oldest: The instant, ns since the epoch.
            slack: Rows that are older by less than this may stay, ns: so that not every look
                moves all of them.
        """
        if self._first is not None and self._first < oldest - slack:
            at = self._whole()["observed_at"].array.asi8
            begin = int(np.searchsorted(at, oldest, side="left"))
            self._held = self._whole().iloc[begin:].copy()
            self._first = int(at[begin]) if begin < len(at) else None
        return self._first is not None

    def _whole(self) -> pd.DataFrame:
        if self._waiting:
            pieces = [frames.from_batch(self._name, Batch.joined(self._waiting))]
            if self._held is not None:
                pieces.insert(0, self._held)
            self._held = _tidy(self._name, pd.concat(pieces, ignore_index=True))
            self._waiting = []
        if self._held is None:
            self._held = frames.empty(self._name)
        return self._held


def _tidy(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Sorted by ``observed_at``; of log lines that tell nothing known only the newest."""
    if not frame["observed_at"].is_monotonic_increasing:
        frame = frame.sort_values("observed_at", kind="stable", ignore_index=True)
    if name == "log_events":
        others = np.flatnonzero(frame["kind"].isna().to_numpy())
        if len(others) > 2 * KEEP_OTHER_LINES:
            frame = frame.drop(index=frame.index[others[:-KEEP_OTHER_LINES]])
            frame = frame.reset_index(drop=True)
    return frame
