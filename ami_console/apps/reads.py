"""The reads that tell of gaps: of a source that answered all night, only the first and the last."""

import threading

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.frames import FrameSource
from ami_console.metrics.arrays import flags, floats, measure, seconds

_LATE = pd.Timedelta(seconds=30)
"""A look that takes long, or that was handed on late, stands before others that came first: so
far back is read anew."""

PAUSE_S = 0.1
"""Reads of the tap with a longer pause between them are all kept, seconds."""


class GapReads:
    """Keeps up with the ``reads`` of a feed, without all that lies between two good ones.

    Hours of reads are tens of thousands of rows, and every page needs the few that failed.
    """

    def __init__(self, feed: FrameSource) -> None:
        """Nothing is read yet."""
        self._feed = feed
        self._lock = threading.Lock()
        self._held = frames.empty("reads")

    def until(self, as_of: pd.Timestamp) -> pd.DataFrame:
        """Failed reads with their neighbours, the first of each source, and the newest.

        Args:
            as_of: Nothing later is read.

        Returns:
            Rows of the ``reads`` frame that have the same gaps as all of it.
        """
        with self._lock:
            held = self._held
            if len(held) and held["observed_at"].max() > as_of:  # a recording is wound back
                held = self._held = frames.empty("reads")
            since = held["observed_at"].max() - _LATE if len(held) else None
            newer = self._feed.frame("reads", since=since, until=as_of)
            if len(newer):
                older = held[held["observed_at"] < since] if len(held) else held
                whole = pd.concat([older, newer], ignore_index=True) if len(older) else newer
                is_old = whole["observed_at"] < whole["observed_at"].max() - _LATE
                self._held = pd.concat(
                    [condensed(whole[is_old]), whole[~is_old]], ignore_index=True
                )
            return self._held


def condensed(reads: pd.DataFrame) -> pd.DataFrame:
    """Without the good reads between two good reads of the same source.

    A good read of the tap speaks of the ``elapsed_s`` before it. What is kept of those that
    followed each other without a pause speaks for those that are left out, too.
    """
    ordered = reads.sort_values(["source", "observed_at"], kind="stable", ignore_index=True)
    if ordered.empty:
        return ordered
    bad = ~flags(ordered, "ok")
    source = ordered["source"].to_numpy(dtype=object)
    begins = np.append(True, source[1:] != source[:-1])
    at_s, elapsed_s = seconds(ordered, "observed_at"), floats(ordered, "elapsed_s")
    pause_s = np.append(0.0, np.diff(at_s)) - elapsed_s
    paused = (source == "tap") & ~begins & (pause_s > PAUSE_S)
    marked = begins | bad | paused
    kept = np.flatnonzero(marked | np.append(marked[1:], True) | np.append(False, bad[:-1]))
    speaks_for = np.append(False, np.diff(kept) > 1)
    elapsed_s[kept[speaks_for]] = np.diff(at_s[kept], prepend=0.0)[speaks_for]
    few = ordered.iloc[kept].assign(elapsed_s=measure(elapsed_s[kept]))
    return few.sort_values("observed_at", kind="stable", ignore_index=True)
