"""The frames: column → dtype of each, and how rows become one.

Tidy, one row per thing and observation. Times are ``datetime64[ns, UTC]``, counts ``Int64``,
text ``string``, flags ``boolean``, everything measured ``Float64``; missing is ``NA``.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ami_console.batch import Batch
from ami_console.errors import FrameError

TIME = "datetime64[ns, UTC]"
COUNT = "Int64"
MEASURE = "Float64"
TEXT = "string"
FLAG = "boolean"

FRAMES: Mapping[str, Mapping[str, str]] = {
    # job × look; source: REST job list and detail
    "jobs": {
        "observed_at": TIME,
        "job_id": COUNT,
        "name": TEXT,
        "project": TEXT,
        "pipeline": TEXT,
        "dispatch_mode": TEXT,
        "status": TEXT,
        "progress_ratio": MEASURE,
        "created_at": TIME,
        "started_at": TIME,
        "finished_at": TIME,
        "updated_at": TIME,
        "project_id": COUNT,
    },
    # job × stage × look; source: REST job detail, progress.stages
    "stages": {
        "observed_at": TIME,
        "job_id": COUNT,
        "stage": TEXT,
        "status": TEXT,
        "progress_ratio": MEASURE,
        "total": COUNT,
        "processed": COUNT,
        "remaining": COUNT,
        "failed": COUNT,
        "captures": COUNT,
        "detections": COUNT,
        "classifications": COUNT,
    },
    # job × look; source: /jsz, or STREAM.INFO and CONSUMER.INFO
    "consumers": {
        "observed_at": TIME,
        "job_id": COUNT,
        "stream_exists": FLAG,
        "consumer_exists": FLAG,
        "messages": COUNT,
        "first_seq": COUNT,
        "last_seq": COUNT,
        "num_pending": COUNT,
        "num_ack_pending": COUNT,
        "num_redelivered": COUNT,
        "num_waiting": COUNT,
        "delivered_consumer_seq": COUNT,
        "delivered_stream_seq": COUNT,
        "ack_floor_consumer_seq": COUNT,
        "ack_floor_stream_seq": COUNT,
        "delivered_last_active": TIME,
        "ack_floor_last_active": TIME,
        "ack_wait_s": MEASURE,
        "max_deliver": COUNT,
        "max_ack_pending": COUNT,
        "stream_created_at": TIME,
        "consumer_created_at": TIME,
        "server_at": TIME,
    },
    # job × look; source: the Redis sets and the total key
    "counters": {
        "observed_at": TIME,
        "job_id": COUNT,
        "total": COUNT,
        "pending_process": COUNT,
        "pending_results": COUNT,
        "failed": COUNT,
        "ttl_s": COUNT,
    },
    # source × look
    "reads": {
        "observed_at": TIME,
        "source": TEXT,
        "ok": FLAG,
        "error": TEXT,
        "elapsed_s": MEASURE,
        "bytes": COUNT,
        "requests": COUNT,
        "clock_offset_s": MEASURE,
    },
    # acknowledgement; source: $JS.ACK subjects. observed_at = acked_at (receipt)
    "acks": {
        "observed_at": TIME,
        "job_id": COUNT,
        "acked_at": TIME,
        "stream_seq": COUNT,
        "consumer_seq": COUNT,
        "delivery": COUNT,
        "stored_at": TIME,
        "num_pending_then": COUNT,
        "kind": TEXT,
        "image_id": TEXT,
    },
    # advisory; source: $JS.EVENT.ADVISORY.CONSUMER and .STREAM
    "advisories": {
        "observed_at": TIME,
        "job_id": COUNT,
        "kind": TEXT,
        "stream_seq": COUNT,
        "consumer_seq": COUNT,
        "deliveries": COUNT,
    },
    # log line; source: Antenna's job log, logs of its processes, the worker's own output
    "log_events": {
        "observed_at": TIME,  # when the line was read; of a file that is imported, logged_at
        "job_id": COUNT,
        "logged_at": TIME,  # the instant in the line, cut to its resolution
        "resolution_s": MEASURE,  # the line was written within this after logged_at
        "source": TEXT,  # job, django, celery, worker, text
        "process": TEXT,  # ForkPoolWorker-2, or the number of a process
        "level": TEXT,
        "kind": TEXT,  # see ami_console.logs.events; NA: a line of no known kind
        "message": TEXT,  # masked; several lines are joined by line feeds
        # of a reply subject ($JS.ACK.…)
        "stream_seq": COUNT,
        "consumer_seq": COUNT,
        "delivery": COUNT,
        "stored_at": TIME,
        "num_pending_then": COUNT,
        # of the other kinds
        "task_id": TEXT,
        "client": TEXT,  # who fetched or posted: a pseudonym of user and token
        "requested": COUNT,
        "delivered": COUNT,
        "ack_floor": COUNT,
        "num_pending": COUNT,
        "num_ack_pending": COUNT,
        "num_redelivered": COUNT,
        "ack_wait_s": MEASURE,
        "max_deliver": COUNT,
        "max_ack_pending": COUNT,
        "stage": TEXT,
        "status": TEXT,
        "processed": COUNT,
        "total": COUNT,
        "remaining": COUNT,
        "failed": COUNT,
        "ratio": MEASURE,
        "rate_per_min": MEASURE,
        "duration_s": MEASURE,
        "image_ids": TEXT,  # separated by commas
    },
    # Celery queue × look; source: RabbitMQ's management API, or the broker's Redis list
    "queues": {
        "observed_at": TIME,
        "queue": TEXT,
        "ready": COUNT,
        "unacknowledged": COUNT,
        "consumers": COUNT,
    },
    # verdict × look; source: the checks of ami_console.diagnosis
    "findings": {
        "observed_at": TIME,  # the instant judged at
        "job_id": COUNT,  # NA: about a source
        "subject": TEXT,  # the source, where it is about one
        "code": TEXT,
        "severity": TEXT,
        "title": TEXT,
        "since": TIME,
        "evidence": TEXT,  # a JSON object: name → value
        "explains": TEXT,  # codes of weaker verdicts, separated by commas
    },
}


KEYS: Mapping[str, tuple[str, ...]] = {
    "jobs": ("job_id",),
    "stages": ("job_id", "stage"),
    "consumers": ("job_id", "consumer_exists"),  # so that the last numbers outlive the stream
    "counters": ("job_id",),
    "reads": ("source", "ok"),  # so that the last good and the last failed read both stay known
    "acks": ("job_id",),
    "advisories": ("job_id",),
    "log_events": ("job_id", "source"),
    "queues": ("queue",),
    "findings": ("job_id", "code", "subject"),
}
"""What one thing is in each frame: :meth:`FrameSource.latest` keeps the last row of each."""


BATCHED = frozenset({"acks", "advisories", "log_events"})
"""Frames with rows by the thousand: held and moved as :class:`~ami_console.batch.Batch`."""


class FrameSource(Protocol):
    """What live history and a recording have in common: frames, asked for by name."""

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Rows of one frame, sorted by ``observed_at``; bounds are inclusive."""
        ...

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """The last row of each thing (see ``KEYS``), nothing later than ``until``."""
        ...


def schema(name: str) -> Mapping[str, str]:
    """Column → dtype of the frame.

    Raises:
        FrameError: There is no frame of that name.
    """
    try:
        return FRAMES[name]
    except KeyError:
        raise FrameError(f"there is no frame {name!r}; frames are {', '.join(FRAMES)}") from None


def from_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A typed frame of rows; keys the frame does not have are left out.

    Args:
        name: A key of ``FRAMES``.
        rows: Column → value; times as ``int`` ns since the epoch, missing as ``None`` or absent.
    """
    columns = schema(name)
    held = rows if isinstance(rows, Sequence) else list(rows)
    return from_columns(name, {column: [row.get(column) for row in held] for column in columns})


def from_columns(name: str, values: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """A typed frame of plain values, a sequence of one length for every column."""
    return pd.DataFrame(
        {column: _array(values[column], dtype) for column, dtype in schema(name).items()},
        copy=False,
    )


def from_batch(name: str, batch: Batch) -> pd.DataFrame:
    """A typed frame of a batch; columns that the frame does not have are left out."""
    return from_columns(name, {column: _held(batch, column) for column in schema(name)})


def _held(batch: Batch, column: str) -> Any:
    values = batch.columns.get(column)
    return values if isinstance(values, np.ndarray) else batch.column(column)


def _array(values: Sequence[Any], dtype: str) -> Any:
    if dtype == TIME:
        missing = np.iinfo(np.int64).min  # NaT
        instants = (
            values.astype("int64")
            if isinstance(values, np.ndarray)
            else np.array([missing if value is None else value for value in values], dtype="int64")
        )
        return pd.DatetimeIndex(instants, dtype=TIME, copy=False).array
    if isinstance(values, list) and (plain := _PLAIN.get(dtype)) is not None:
        missing_as, kinds, array_of = plain
        if None in values:
            held = np.array([missing_as if value is None else value for value in values])
            is_missing = np.array([value is None for value in values], dtype=bool)
        else:
            held, is_missing = np.array(values), np.zeros(len(values), dtype=bool)
        # Only what is of that kind already: numpy would cut 1.5 to 1, and read "1" as a number.
        if held.dtype.kind in kinds:
            return array_of(held, is_missing)
    return pd.array(values, dtype=dtype)


def _measures(values: Any, is_missing: Any) -> Any:
    held = values.astype("float64", copy=False)
    return pd.arrays.FloatingArray(held, is_missing | np.isnan(held))


_PLAIN: Mapping[str, tuple[Any, str, Any]] = {
    COUNT: (0, "i", pd.arrays.IntegerArray),
    MEASURE: (np.nan, "if", _measures),
    FLAG: (False, "b", pd.arrays.BooleanArray),
}
"""Dtype → what is put where a value is missing, kinds of numpy, and the array of these and a mask:
some ten times as fast as ``pandas.array``, which looks at each value again."""


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    """A typed table of computed values: times as ``Timestamp``, missing as NA, NaT or ``None``."""
    series = {}
    for column, dtype in columns.items():
        values = [row.get(column) for row in rows]
        if dtype == TIME:
            series[column] = pd.Series(pd.DatetimeIndex(pd.to_datetime(values, utc=True))).astype(
                TIME
            )
        else:
            series[column] = pd.Series(pd.array(values, dtype=dtype))
    return pd.DataFrame(series)


def empty(name: str) -> pd.DataFrame:
    """The frame with its columns and dtypes, and no row."""
    return _empty(name).copy(deep=False)


@cache
def _empty(name: str) -> pd.DataFrame:
    return from_rows(name, [])


def select(
    frame: pd.DataFrame,
    *,
    job_id: int | None = None,
    since: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Rows of one job and one span of ``observed_at``, both bounds included."""
    mask = pd.Series(True, index=frame.index)
    if job_id is not None and "job_id" in frame:
        mask &= (frame["job_id"] == job_id).fillna(False).astype(bool)
    if since is not None:
        mask &= frame["observed_at"] >= since
    if until is not None:
        mask &= frame["observed_at"] <= until
    return frame[mask]


def last_rows(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The last row of each thing in a frame sorted by ``observed_at`` (see ``KEYS``)."""
    return frame.drop_duplicates(list(KEYS[name]), keep="last")


def require(frame: pd.DataFrame, columns: Iterable[str], where: str) -> None:
    """Check that the columns are there.

    Raises:
        FrameError: One is not; the message names it and the caller.
    """
    absent = [column for column in columns if column not in frame.columns]
    if absent:
        raise FrameError(
            f"{where} needs the column(s) {', '.join(absent)}; got {list(frame.columns)}"
        )
