"""The last hours of readings in memory, served as frames."""

import threading
from bisect import bisect_left, bisect_right
from collections import defaultdict
from typing import Any

import pandas as pd

from ami_console import frames
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading

KEEP_S = 2 * 3600.0
"""How long rows are kept, seconds: at 20 jobs and 2 s a look some 100 MB."""

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
            self._newest = max(self._newest, reading.observed_at)
            for name, rows in reading.all_rows().items():
                columns, keys = frames.schema(name), frames.KEYS[name]
                for row in rows:
                    values = tuple(row.get(column) for column in columns)
                    series = self._rows[name][row.get("job_id", row.get("source"))]
                    if series and _at(series[-1]) > _at(values):
                        series.insert(bisect_right(series, _at(values), key=_at), values)
                    else:
                        series.append(values)
                    key = tuple(row.get(column) for column in keys)
                    held = self._latest[name].get(key)
                    if held is None or held[0] <= values[0]:
                        self._latest[name][key] = values
            self._forget()

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
                {key for n in ("jobs", "consumers", "counters") for (key,) in self._latest[n]}
            )


def _at(values: Values) -> int:
    return int(values[0])


def _frame(name: str, found: list[Values]) -> pd.DataFrame:
    found.sort(key=_at)
    columns = frames.schema(name)
    held = zip(*found, strict=True) if found else ([] for _ in columns)
    return frames.from_columns(name, dict(zip(columns, map(list, held), strict=True)))
