"""The last hours of readings in memory, served as frames."""

import threading
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ami_console import frames
from ami_console.frames import FrameSource
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading

KEEP_S = 6 * 3600.0
"""How long rows are kept, seconds: 20 jobs at 2 s a look take some 50 MB an hour."""

KEEP_LATEST_S = 24 * 3600.0
"""How long the last row of something that is not seen any more is kept, seconds."""

Values = tuple[Any, ...]


class History:
    """Readings of the last hours; a :class:`~ami_console.frames.FrameSource`.

    Written by one thread, read by any.
    """

    def __init__(self, *, keep_s: float = KEEP_S) -> None:
        """Empty.

        Args:
            keep_s: Rows older than the newest by more than this are dropped, seconds.
        """
        self._keep_ns = int(keep_s * NS_PER_S)
        self._lock = threading.Lock()
        # frame → job (or source) → rows in order of time, observed_at first
        self._rows: dict[str, dict[Any, list[Values]]] = {
            n: defaultdict(list) for n in frames.FRAMES
        }
        self._latest: dict[str, dict[Values, Values]] = {name: {} for name in frames.FRAMES}
        self._newest = 0

    def add(self, reading: Reading) -> None:
        """Take the rows of one reading in, its ``reads`` row included."""
        with self._lock:
            for name, rows in reading.all_rows().items():
                for row in rows:
                    self._take(name, row)
            self._forget()

    def _take(self, name: str, row: Mapping[str, Any]) -> None:
        values = tuple(row.get(column) for column in frames.schema(name))
        self._newest = max(self._newest, _at(values))
        series = self._rows[name][row.get("job_id", row.get("source"))]
        if series and _at(series[-1]) > _at(values):
            series.insert(bisect_right(series, _at(values), key=_at), values)
        else:
            series.append(values)
        key = tuple(row.get(column) for column in frames.KEYS[name])
        held = self._latest[name].get(key)
        if held is None or _at(held) <= _at(values):
            self._latest[name][key] = values

    def load(self, source: FrameSource, *, until: pd.Timestamp) -> int:
        """Take in what another source has of the time that is kept here, before ``until``.

        For a dashboard that is started again beside its recording. Call it before the first
        :meth:`add`.

        Returns:
            How many looks came in.
        """
        since = until - pd.Timedelta(self._keep_ns, unit="ns")
        looks = 0
        with self._lock:
            for name, columns in frames.FRAMES.items():
                frame = source.frame(name, since=since, until=until)
                for values in zip(*(_plain(frame[c], t) for c, t in columns.items()), strict=True):
                    self._take(name, dict(zip(columns, values, strict=True)))
                if name == "reads":
                    looks = len(frame)
        return looks

    def _forget(self) -> None:
        oldest = self._newest - self._keep_ns
        for by_thing in self._rows.values():
            for thing, series in list(by_thing.items()):
                # a tenth of slack, so that not every look moves the whole list
                if series[0][0] < oldest - self._keep_ns // 10:
                    del series[: bisect_left(series, oldest, key=_at)]
                if not series:
                    del by_thing[thing]
        oldest = self._newest - int(KEEP_LATEST_S * NS_PER_S)
        for latest in self._latest.values():
            for key in [key for key, values in latest.items() if values[0] < oldest]:
                del latest[key]

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Rows of one frame, sorted by ``observed_at``; bounds are inclusive."""
        frames.schema(name)
        low = None if since is None else since.value
        high = None if until is None else until.value
        found: list[Values] = []
        with self._lock:
            by_thing = self._rows[name]
            wanted = [job_id] if job_id is not None and name != "reads" else list(by_thing)
            for thing in wanted:
                series = by_thing.get(thing, [])
                begin = 0 if low is None else bisect_left(series, low, key=_at)
                end = len(series) if high is None else bisect_right(series, high, key=_at)
                found.extend(series[begin:end])
        return _frame(name, found)

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """The last row of each thing, nothing later than ``until``."""
        frames.schema(name)
        with self._lock:
            found = list(self._latest[name].values())
        if until is not None and any(values[0] > until.value for values in found):
            return frames.last_rows(name, self.frame(name, until=until))
        return _frame(name, found)

    def job_ids(self) -> list[int]:
        """Jobs of which anything is known."""
        with self._lock:
            return sorted(
                {key[0] for n in ("jobs", "consumers", "counters") for key in self._latest[n]}
            )


def _plain(column: "pd.Series[Any]", dtype: str) -> list[Any]:
    """Values as rows have them: times as ns since the epoch, missing as ``None``."""
    missing = column.isna().to_numpy()
    values = column.array.asi8.tolist() if dtype == frames.TIME else column.tolist()
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


def _at(values: Values) -> int:
    return int(values[0])


def _frame(name: str, found: list[Values]) -> pd.DataFrame:
    found.sort(key=_at)
    columns = frames.schema(name)
    held = zip(*found, strict=True) if found else ([] for _ in columns)
    return frames.from_columns(name, dict(zip(columns, map(list, held), strict=True)))
