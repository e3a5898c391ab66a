"""The last hours of readings in memory, served as frames."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ami_console import frames
from ami_console.batch import Batch, Row
from ami_console.frames import BATCHED, FrameSource
from ami_console.history_batches import JobBatches
from ami_console.history_rows import Rows, Values, frame_of
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading

KEEP_S = 6 * 3600.0
"""How long rows are kept, seconds: 20 jobs at 2 s a look, each acknowledgement heard, take
some 60 MB an hour."""

KEEP_LATEST_S = 24 * 3600.0
"""How long the last row of something that is not seen any more is kept, seconds."""


class History:
    """Readings of the last hours; a :class:`~ami_console.frames.FrameSource`.

    Written and read by any thread.
    """

    def __init__(self, *, keep_s: float = KEEP_S) -> None:
        """Empty.

        Args:
            keep_s: Rows older than the newest by more than this are dropped, seconds.
        """
        self._keep_ns = int(keep_s * NS_PER_S)
        self._lock = threading.Lock()
        # frame → job (or source) → rows in order of time, observed_at first
        self._rows: dict[str, dict[Any, Rows]] = {n: {} for n in frames.FRAMES if n not in BATCHED}
        self._batches: dict[str, dict[Any, JobBatches]] = {name: {} for name in BATCHED}
        self._latest: dict[str, dict[Values, Values]] = {name: {} for name in frames.FRAMES}
        self._newest = 0

    def add(self, reading: Reading) -> None:
        """Take the rows of one reading in, its ``reads`` row included."""
        with self._lock:
            for name, rows in reading.all_rows().items():
                if name in BATCHED:
                    self._take_batch(name, rows)
                else:
                    for row in rows:
                        self._take(name, row)
            self._forget()

    def _take_batch(self, name: str, rows: Sequence[Row]) -> None:
        batch = rows if isinstance(rows, Batch) else Batch.from_rows(rows)
        for job_id, mine in batch.by_job().items():
            self._of(name, job_id).add(mine)
            self._note_latest(name, mine[len(mine) - 1])

    def _of(self, name: str, job_id: int | None) -> JobBatches:
        held = self._batches[name]
        if job_id not in held:
            held[job_id] = JobBatches(name)
        return held[job_id]

    def _take(self, name: str, row: Mapping[str, Any]) -> None:
        values = tuple(map(row.get, frames.schema(name)))
        by_thing, thing = self._rows[name], row.get(frames.KEYS[name][0])
        if thing not in by_thing:
            by_thing[thing] = Rows(name)
        by_thing[thing].add(values)
        self._note_latest(name, row, values)

    def _note_latest(self, name: str, row: Mapping[str, Any], values: Values | None = None) -> None:
        values = values or tuple(map(row.get, frames.schema(name)))
        at = values[0]
        if at > self._newest:
            self._newest = int(at)
        key = tuple(map(row.get, frames.KEYS[name]))
        held = self._latest[name].get(key)
        if held is None or held[0] <= at:
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
                if name in BATCHED:
                    self._load_batched(name, frame)
                    continue
                for values in zip(*(_plain(frame[c], t) for c, t in columns.items()), strict=True):
                    self._take(name, dict(zip(columns, values, strict=True)))
                if name == "reads":
                    looks = len(frame)
        return looks

    def _load_batched(self, name: str, frame: pd.DataFrame) -> None:
        for job_id, mine in frame.groupby("job_id", dropna=False):
            self._of(name, None if pd.isna(job_id) else int(job_id)).take(mine)
        last = frames.last_rows(name, frame)
        plain = (_plain(last[column], dtype) for column, dtype in frames.schema(name).items())
        for values in zip(*plain, strict=True):
            self._note_latest(name, dict(zip(frames.schema(name), values, strict=True)))

    def _forget(self) -> None:
        oldest, slack = self._newest - self._keep_ns, self._keep_ns // 10
        for by_thing in self._rows.values():
            for thing, rows in list(by_thing.items()):
                # a tenth of slack, so that not every look moves all rows
                if rows.first_at < oldest - slack:
                    rows.forget_before(oldest)
                if not len(rows):
                    del by_thing[thing]
        for name, by_job in self._batches.items():
            for job_id, held in list(by_job.items()):
                if not held.forget_before(oldest, slack=slack):
                    del self._batches[name][job_id]
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
        if name in BATCHED:
            return self._batched(name, job_id, low, high)
        with self._lock:
            by_thing = self._rows[name]
            has_jobs = "job_id" in frames.schema(name)
            wanted = [job_id] if job_id is not None and has_jobs else list(by_thing)
            found = [by_thing[t].between(low, high) for t in wanted if t in by_thing]
        return frame_of(name, found)

    def _batched(
        self, name: str, job_id: int | None, low: int | None, high: int | None
    ) -> pd.DataFrame:
        with self._lock:
            by_job = self._batches[name]
            wanted = list(by_job) if job_id is None else [job_id]
            found = [by_job[j].between(low, high) for j in wanted if j in by_job]
        if not found:
            return frames.empty(name)
        if len(found) == 1:
            return found[0].reset_index(drop=True)
        whole = pd.concat(found, ignore_index=True)
        return whole.sort_values("observed_at", kind="stable", ignore_index=True)

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
