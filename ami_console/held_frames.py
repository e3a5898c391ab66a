"""The frames of a recording in memory, around an instant: winding it on and back reads no file."""

import threading
import weakref
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console import frames
from ami_console.frames import FrameSource
from ami_console.instants import NS_PER_S

BLOCK_S = 6 * 3600.0
"""Of the block of an instant and of the block before it all rows are held, seconds each: 20 jobs
at 2 s a look take 28 MB an hour. A live watch holds as much."""

LATEST_S = 24 * 3600.0
"""How far before that the last row of something is looked for that was not seen since, seconds."""

LATE_S = 45.0
"""So long after an instant something of it may still come in, where the source grows."""

LOOKED = ("antenna", "nats", "redis")
"""Sources that are read look by look; the others when there is something."""

WINDOWS = 2
"""Stretches that are held at a time: pages may stand at different ones."""

_JOBS = 8

Instants = npt.NDArray[np.int64]


class HeldFrames:
    """Frames of one source, held for all pages that replay it; used from any thread.

    Attributes:
        source: Where they come from; it has what is not held, too.
    """

    def __init__(
        self, source: FrameSource, *, grows: bool = False, block_s: float = BLOCK_S
    ) -> None:
        """Nothing is read yet.

        Args:
            source: What is held: read block by block, each frame when it is first asked for.
            grows: Whether rows still come in.
            block_s: Length of a block, seconds.
        """
        self.source, self._grows = source, grows
        self._block_ns = int(block_s * NS_PER_S)
        self._lock = threading.Lock()
        self._windows: OrderedDict[int, HeldWindow] = OrderedDict()
        self._looks: Instants | None = None

    def around(self, instant: pd.Timestamp) -> "HeldWindow":
        """The frames from a block before that of an instant to the end of its block.

        What is held depends on the instant alone, not on those that were asked for before.
        """
        block = instant.value // self._block_ns
        with self._lock:
            if block not in self._windows:
                begin_ns = (block - 1) * self._block_ns
                self._windows[block] = HeldWindow(
                    self.source, begin_ns, begin_ns + 2 * self._block_ns - 1, grows=self._grows
                )
            self._windows.move_to_end(block)
            while len(self._windows) > WINDOWS:
                self._windows.popitem(last=False)
            return self._windows[block]

    def looks(self) -> Instants:
        """When one of :data:`LOOKED` was read, well or in vain; ns since the epoch, sorted."""
        with self._lock:
            if self._looks is None:
                self._looks = self._read_looks(None)
            elif self._grows:
                newest_ns = int(self._looks[-1]) if len(self._looks) else 0
                since_ns = newest_ns - int(LATE_S * NS_PER_S)
                kept = self._looks[: np.searchsorted(self._looks, since_ns)]
                self._looks = np.concatenate([kept, self._read_looks(since_ns)])
            return self._looks

    def _read_looks(self, since_ns: int | None) -> Instants:
        since = None if since_ns is None else _instant(since_ns)
        reads = self.source.frame("reads", since=since)
        is_look = reads["source"].isin(LOOKED).to_numpy(dtype=bool)
        at_ns: Instants = reads["observed_at"].array.asi8[is_look]
        return at_ns.copy()

    @property
    def held_bytes(self) -> int:
        """What is held now takes so much memory, bytes."""
        with self._lock:
            return sum(window.held_bytes for window in self._windows.values())


class HeldWindow:
    """A stretch of another source's frames; a :class:`~ami_console.frames.FrameSource`.

    What is older than the stretch is left out, but for the last row of each thing in
    :meth:`latest`: as in the history of a live watch.
    """

    def __init__(self, source: FrameSource, begin_ns: int, end_ns: int, *, grows: bool) -> None:
        """Nothing is read yet; both ends are included."""
        self._source, self._grows = source, grows
        self._begin_ns, self._end_ns = begin_ns, end_ns
        self._lock = threading.RLock()
        self._tables: dict[str, _Table] = {}
        self._asked_ns: dict[str, int] = {}

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Rows of one frame, sorted by ``observed_at``; bounds are inclusive."""
        with self._lock:
            table = self._table(name, until)
            if job_id is not None and "job_id" in frames.schema(name):
                table = table.of_job(job_id)
            low_ns = None if since is None else since.value
            return table.cut(low_ns, None if until is None else until.value)

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """The last row of each thing, nothing later than ``until``."""
        with self._lock:
            return self._table(name, until).last(None if until is None else until.value)

    @property
    def held_bytes(self) -> int:
        """What is held now takes so much memory, bytes."""
        with self._lock:
            return sum(table.held_bytes for table in self._tables.values())

    def _table(self, name: str, until: pd.Timestamp | None) -> "_Table":
        until_ns = self._end_ns if until is None else min(until.value, self._end_ns)
        table = self._tables.get(name)
        if table is None:
            older = self._older(name)
            rows = self._read(name, self._begin_ns)
            table = _Table(name, _joined(older, rows), begin=len(older))
        elif self._grows and until_ns > max(self._asked_ns[name], self._settled_ns(table)):
            table = table.renewed(self._settled_ns(table), self._read)
        else:
            return table
        self._tables[name] = table
        self._asked_ns[name] = until_ns
        return table

    def _settled_ns(self, table: "_Table") -> int:
        """Up to here no row comes in any more."""
        newest_ns = int(table.at_ns[-1]) if len(table.at_ns) else self._begin_ns
        return max(self._begin_ns, newest_ns - int(LATE_S * NS_PER_S))

    def _read(self, name: str, since_ns: int) -> pd.DataFrame:
        return self._source.frame(name, since=_instant(since_ns), until=_instant(self._end_ns))

    def _older(self, name: str) -> pd.DataFrame:
        """The last row of each thing from before the stretch; read piece by piece."""
        found = frames.empty(name)
        step_ns = self._end_ns - self._begin_ns + 1
        begin_ns = self._begin_ns - int(LATEST_S * NS_PER_S)
        while begin_ns < self._begin_ns:
            end_ns = min(begin_ns + step_ns, self._begin_ns) - 1
            rows = self._source.frame(name, since=_instant(begin_ns), until=_instant(end_ns))
            if len(rows):
                found = frames.last_rows(name, _joined(found, rows)).copy()
            begin_ns = end_ns + 1
        return found


class _Table:
    """Rows of one frame in order of time, ready to be cut; the first few only for ``last``."""

    def __init__(self, name: str, rows: pd.DataFrame, *, begin: int = 0) -> None:
        self._name, self._begin = name, begin
        self._rows = rows.reset_index(drop=True)
        self.at_ns: Instants = self._rows["observed_at"].array.asi8
        self._next: Instants | None = None
        self._order: tuple[Any, Instants] | None = None
        self._of_jobs: OrderedDict[int, _Table] = OrderedDict()

    @property
    def held_bytes(self) -> int:
        """What it takes in memory, bytes."""
        mine = int(self._rows.memory_usage(deep=True).sum())
        return mine + sum(table.held_bytes for table in self._of_jobs.values())

    def cut(self, low_ns: int | None, high_ns: int | None) -> pd.DataFrame:
        """Rows from one instant to another, both included."""
        begin = 0 if low_ns is None else int(np.searchsorted(self.at_ns, low_ns))
        end = self._end(high_ns)
        begin = min(max(begin, self._begin), end)
        found = self._rows.iloc[begin:end]
        found.index = pd.RangeIndex(end - begin)
        return found

    def last(self, high_ns: int | None) -> pd.DataFrame:
        """The last row of each thing up to an instant."""
        if self._next is None:
            self._next = _next_of_same(self._name, self._rows)
        end = self._end(high_ns)
        return self._rows.iloc[np.flatnonzero(self._next[:end] >= end)].reset_index(drop=True)

    def of_job(self, job_id: int) -> "_Table":
        """The rows of one job."""
        if job_id not in self._of_jobs:
            if self._order is None:
                ids = self._rows["job_id"].to_numpy("float64", na_value=np.nan)
                order = np.argsort(ids, kind="stable")
                self._order = ids[order], order
            ids, order = self._order
            first, last = (int(np.searchsorted(ids, job_id, side=s)) for s in ("left", "right"))
            mine = order[first:last]
            begin = int(np.searchsorted(mine, self._begin))
            self._of_jobs[job_id] = _Table(self._name, self._rows.iloc[mine], begin=begin)
        self._of_jobs.move_to_end(job_id)
        if len(self._of_jobs) > _JOBS:
            self._of_jobs.popitem(last=False)
        return self._of_jobs[job_id]

    def renewed(self, settled_ns: int, read: Any) -> "_Table":
        """The same with what lies behind an instant read anew."""
        kept = self._rows.iloc[: int(np.searchsorted(self.at_ns, settled_ns))]
        return _Table(self._name, _joined(kept, read(self._name, settled_ns)), begin=self._begin)

    def _end(self, high_ns: int | None) -> int:
        if high_ns is None:
            return len(self.at_ns)
        return int(np.searchsorted(self.at_ns, high_ns, side="right"))


_held: "weakref.WeakValueDictionary[int, HeldFrames]" = weakref.WeakValueDictionary()
_held_lock = threading.Lock()


def held_frames(source: FrameSource, *, grows: bool = False) -> HeldFrames:
    """The held frames of a source: the same for everybody, for as long as somebody has them.

    Args:
        source: What is held.
        grows: Whether rows still come in.
    """
    with _held_lock:
        found = _held.get(id(source))  # it keeps its source alive, and with it the number
        if found is None:
            found = _held[id(source)] = HeldFrames(source, grows=grows)
        return found


def _joined(older: pd.DataFrame, newer: pd.DataFrame) -> pd.DataFrame:
    if older.empty or newer.empty:
        return newer if older.empty else older
    return pd.concat([older, newer], ignore_index=True)


def _next_of_same(name: str, rows: pd.DataFrame) -> Instants:
    """Number of the next row of the same thing (see ``frames.KEYS``); without one, of no row."""
    following = np.full(len(rows), len(rows), dtype="int64")
    if len(rows):
        keys = rows.groupby(list(frames.KEYS[name]), sort=False, dropna=False)
        things = keys.ngroup().to_numpy()
        order = np.argsort(things, kind="stable")
        same = things[order][1:] == things[order][:-1]
        following[order[:-1][same]] = order[1:][same]
    return following


def _instant(ns: int) -> pd.Timestamp:
    return pd.Timestamp(ns, tz="UTC")
