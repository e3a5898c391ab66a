"""The timeline of every job, kept up to date look by look instead of computed anew."""

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console.frames import FrameSource
from ami_console.instants import NS_PER_S
from ami_console.metrics import task_times
from ami_console.metrics.arrays import flags, typed
from ami_console.metrics.timeline import TIMELINE, timeline_arrays

SLACK_S = 45.0
"""So long after a look something may still come in that tells of it: a log, a slow answer."""

CONTEXT_S = 105.0
"""What a look looks back on, seconds: the window of the rates, and the looks before that."""

RESUME_S = 600.0
"""After a longer pause the lines begin anew: most of them nobody will ask for."""

KEEP_S = 24 * 3600.0

COLUMNS = tuple(column for column in TIMELINE if column not in ("job_id", "observed_at"))

Values = npt.NDArray[np.float64]


class _Line:
    """One job's rows in order of time, with room for more behind them."""

    def __init__(self) -> None:
        self._ns = np.empty(64, dtype="int64")
        self._values = np.empty((64, len(COLUMNS)))
        self._begin = self._end = 0
        self.whole_since_ns: int | None = None

    @property
    def at_ns(self) -> npt.NDArray[np.int64]:
        """When each row was observed."""
        return self._ns[self._begin : self._end]

    @property
    def values(self) -> Values:
        """Rows × :data:`COLUMNS`."""
        return self._values[self._begin : self._end]

    def put(self, at_ns: npt.NDArray[np.int64], values: Values) -> None:
        """Rows that take the place of all that begin no earlier than their first."""
        kept = int(np.searchsorted(self.at_ns, at_ns[0]))
        self._end = self._begin + kept
        if self._end + len(at_ns) > len(self._ns):
            self._move(2 * (kept + len(at_ns)))
        new = slice(self._end, self._end + len(at_ns))
        self._ns[new], self._values[new] = at_ns, values
        self._end = new.stop

    def put_before(self, at_ns: npt.NDArray[np.int64], values: Values) -> None:
        """Rows that are older than all others."""
        older = slice(0, int(np.searchsorted(at_ns, self.at_ns[0])) if len(self.at_ns) else None)
        held_ns, held = self.at_ns.copy(), self.values.copy()
        self._ns = np.concatenate([at_ns[older], held_ns])
        self._values = np.concatenate([values[older], held])
        self._begin, self._end = 0, len(self._ns)

    def forget_before(self, ns: int) -> bool:
        """Let go of what is older; whether nothing is left by that."""
        older = int(np.searchsorted(self.at_ns, ns))
        self._begin += older
        return older > 0 and self._begin == self._end

    def _move(self, room: int) -> None:
        ns, values = np.empty(room, dtype="int64"), np.empty((room, len(COLUMNS)))
        held = self._end - self._begin
        ns[:held], values[:held] = self.at_ns, self.values
        self._ns, self._values, self._begin, self._end = ns, values, 0, held


class Lines:
    """Keeps up with the looks of a feed; older rows of a job are computed when first asked for."""

    def __init__(self, source: FrameSource, *, is_live: bool) -> None:
        """Nothing is read yet.

        Args:
            source: Of the looks.
            is_live: Of a recording a job's line is made whole at once: it may have logs alone.
        """
        self._source, self._is_live = source, is_live
        self._lock = threading.RLock()
        self._lines: dict[int, _Line] = {}
        self._until: pd.Timestamp | None = None

    def __len__(self) -> int:
        """Jobs of which a line is held."""
        return len(self._lines)

    def update(self, as_of: pd.Timestamp) -> None:
        """Take in what came since the last time; what was known already may be told better now.

        Args:
            as_of: Nothing later is read. An earlier one than the last changes nothing.
        """
        with self._lock:
            until = self._until
            if not self._is_live and until is not None and as_of < until:
                # Wound back: what was known later may not be in what is shown.
                self._lines.clear()
                until = None
            if until is not None and as_of <= until:
                return
            if until is None or (as_of - until).total_seconds() > RESUME_S:
                self._lines.clear()
                until = as_of
            since = until - pd.Timedelta(seconds=SLACK_S)
            reads = self._take(since, as_of, None)
            self._note_gaps(reads, as_of)
            oldest_ns = as_of.value - int(KEEP_S * NS_PER_S)
            for job_id, line in tuple(self._lines.items()):
                if line.forget_before(oldest_ns):  # a watch goes on for weeks
                    del self._lines[job_id]
            self._until = as_of

    def _take(self, since: pd.Timestamp, until: pd.Timestamp, job_id: int | None) -> pd.DataFrame:
        """Put the rows from ``since`` on at the end of their lines; gives the reads."""
        columns, reads = self._computed(since, until, job_id)
        for each, rows in _by_job(columns["job_id"]):
            line = self._lines.get(each)
            if line is None:
                line = self._lines[each] = _Line()
                line.whole_since_ns = since.value
            line.put(columns["observed_at"][rows], _matrix(columns, rows))
        return reads

    def _computed(
        self, since: pd.Timestamp | None, until: pd.Timestamp, job_id: int | None
    ) -> tuple[dict[str, Any], pd.DataFrame]:
        begin = None if since is None else since - pd.Timedelta(seconds=CONTEXT_S)
        held = {
            name: self._source.frame(name, job_id=job_id, since=begin, until=until)
            for name in ("consumers", "counters", "acks", "log_events")
        }
        reads = self._source.frame("reads", since=begin, until=until)
        tasks = task_times(acks=held["acks"], log_events=held["log_events"])
        if since is not None:  # a job of logs alone has a line that is not kept up but made whole
            looked_at = held["consumers"]["job_id"].unique()
            tasks = tasks[tasks["job_id"].isin(looked_at)]
        columns = timeline_arrays(
            held["consumers"], counters=held["counters"], tasks=tasks, reads=reads, since=since
        )
        return columns, reads

    def _note_gaps(self, reads: pd.DataFrame, as_of: pd.Timestamp) -> None:
        """While the broker can't be read there is no look: the lines must break all the same."""
        nats = reads[(reads["source"] == "nats").fillna(False)]
        is_failed = ~flags(nats, "ok")
        if not is_failed.any():
            return
        at_ns = nats["observed_at"].array.asi8
        failed_ns, good_ns = at_ns[is_failed], at_ns[~is_failed]
        for line in self._lines.values():
            last_ns = line.at_ns[-1] if len(line.at_ns) else 0
            if (good_ns > last_ns + 30 * NS_PER_S).any():  # it is no longer looked at
                continue
            newer = failed_ns[failed_ns > last_ns]
            if len(newer):
                line.put(newer, np.full((len(newer), len(COLUMNS)), np.nan))

    def of(self, job_id: int, *, since: pd.Timestamp | None, until: pd.Timestamp) -> pd.DataFrame:
        """The timeline of one job.

        Args:
            job_id: The job.
            since: First instant wanted; ``None``: as far back as there is anything.
            until: Last one.

        Returns:
            Rows of :func:`ami_console.metrics.timeline`.
        """
        at_ns, values = self.arrays(job_id, since=since, until=until)
        told = dict(zip(COLUMNS, values.T, strict=True))
        told |= {"job_id": np.full(len(at_ns), float(job_id)), "observed_at": at_ns}
        return pd.DataFrame({name: typed(told[name], dtype) for name, dtype in TIMELINE.items()})

    def arrays(
        self, job_id: int, *, since: pd.Timestamp | None, until: pd.Timestamp
    ) -> tuple[npt.NDArray[np.int64], Values]:
        """The same as plain arrays: ns since the epoch, and rows × :data:`COLUMNS`."""
        with self._lock:
            line = self._whole(job_id, since, until)
            begin = 0 if since is None else int(np.searchsorted(line.at_ns, since.value))
            end = int(np.searchsorted(line.at_ns, until.value, side="right"))
            return line.at_ns[begin:end].copy(), line.values[begin:end].copy()

    def _whole(self, job_id: int, since: pd.Timestamp | None, until: pd.Timestamp) -> _Line:
        line = self._lines.setdefault(job_id, _Line())
        if not self._is_live:
            since = None
        wanted_ns = 0 if since is None else since.value
        if line.whole_since_ns is None or line.whole_since_ns > wanted_ns:
            end = until if self._until is None else max(until, self._until)
            columns, _ = self._computed(since, end, job_id)
            rows = columns["job_id"] == job_id
            line.put_before(columns["observed_at"][rows], _matrix(columns, rows))
            line.whole_since_ns = wanted_ns
        return line

    def newest(self, *, since: pd.Timestamp, until: pd.Timestamp) -> pd.DataFrame:
        """The newest row of each job, where it lies between two instants; as of :meth:`of`."""
        with self._lock:
            found = []
            for job_id, line in self._lines.items():
                row = int(np.searchsorted(line.at_ns, until.value, side="right")) - 1
                if row >= 0 and line.at_ns[row] >= since.value:
                    found.append((job_id, line.at_ns[row], line.values[row]))
        told: dict[str, Any] = {
            "job_id": np.array([float(job_id) for job_id, _, _ in found]),
            "observed_at": np.array([at_ns for _, at_ns, _ in found], dtype="int64"),
        }
        matrix = np.array([values for _, _, values in found]).reshape(len(found), len(COLUMNS))
        told |= dict(zip(COLUMNS, matrix.T, strict=True))
        return pd.DataFrame({name: typed(told[name], dtype) for name, dtype in TIMELINE.items()})


def _by_job(job_ids: Values) -> list[tuple[int, slice]]:
    """Each job with its rows, which follow each other."""
    if not len(job_ids):
        return []
    begins = np.flatnonzero(np.append(True, np.diff(job_ids) != 0))
    ends = np.append(begins[1:], len(job_ids))
    return [(int(job_ids[b]), slice(int(b), int(e))) for b, e in zip(begins, ends, strict=True)]


def _matrix(columns: dict[str, Any], rows: Any) -> Values:
    return np.column_stack([columns[column][rows] for column in COLUMNS])
