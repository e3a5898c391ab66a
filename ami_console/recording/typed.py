"""Arrow tables → the typed frames of ``frames.FRAMES``, sorted by ``observed_at``.

Column by column with numpy, as this is most of what loading a day takes; nothing in the result
shares memory with the tables, so that who gets a frame may change it.
"""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ami_console import frames
from ami_console.recording import parts

_MISSING_TIME = np.iinfo(np.int64).min  # NaT

AT_ONCE_ROWS = 100_000
"""Rows from which on columns are made side by side."""

_THREADS = min(4, os.cpu_count() or 1)

Array = np.ndarray[Any, Any]


def to_frame(name: str, tables: Sequence[Sequence[pa.Table]]) -> pd.DataFrame:
    """One frame of the tables of one or several recordings.

    Args:
        name: The frame.
        tables: Per recording, tables with any of the frame's columns. A row that is in an
            earlier recording, equal in all columns, is left out of the later ones.

    Returns:
        Rows sorted by ``observed_at``; rows of one instant in the order of the tables.
    """
    pieces = [_encoded(parts.conform(table, name)) for each in tables for table in each]
    if not pieces:
        return frames.empty(name)
    table = pa.concat_tables(pieces).unify_dictionaries()
    rows = _Rows(table["observed_at"])
    schema = frames.schema(name)

    def typed(column: str) -> Any:
        return rows.column(table[column], schema[column])

    if table.num_rows < AT_ONCE_ROWS:
        columns = {column: typed(column) for column in schema}
    else:  # numpy and Arrow let other threads run while they copy
        with ThreadPoolExecutor(_THREADS) as pool:
            columns = dict(zip(schema, pool.map(typed, schema), strict=True))
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)
    if len(tables) > 1:
        counts = [sum(table.num_rows for table in each) for each in tables]
        return _without_repeats(frame, rows.ordered(np.repeat(np.arange(len(tables)), counts)))
    return frame


def _encoded(table: pa.Table) -> pa.Table:
    """The table with its text as dictionaries with indices of one width."""
    for index, column in enumerate(table.schema):
        if pa.types.is_string(column.type):
            table = table.set_column(index, column.name, table[column.name].dictionary_encode())
    return table


class _Rows:
    """The order of the rows, and columns of numpy and pandas in that order."""

    def __init__(self, observed_at: pa.ChunkedArray) -> None:
        self._rows = len(observed_at)
        self._held = threading.local()
        self._order: Array | None = None
        instants = self._flat(observed_at.cast(pa.int64()), np.int64, _MISSING_TIME)
        if (instants[1:] < instants[:-1]).any():
            self._order = np.argsort(instants, kind="stable")

    @property
    def _scratch(self) -> Array:
        """Reused by each thread: new memory costs time."""
        if not hasattr(self._held, "scratch"):
            self._held.scratch = np.empty(self._rows, np.int64)
        scratch: Array = self._held.scratch
        return scratch

    def ordered(self, values: Array) -> Array:
        """A copy of the values in the order of the rows."""
        if self._order is None:
            return values.copy()
        taken = np.empty_like(values)
        np.take(values, self._order, out=taken, mode="clip")  # "raise" would buffer
        return taken

    def column(self, held: pa.ChunkedArray, dtype: str) -> Any:
        """One column in its dtype."""
        if dtype == frames.TEXT:
            return self._text(held)
        if dtype == frames.TIME:
            instants = self.ordered(self._flat(held.cast(pa.int64()), np.int64, _MISSING_TIME))
            return pd.DatetimeIndex(instants, dtype=frames.TIME, copy=False)
        kind, array = {
            frames.COUNT: (np.int64, pd.arrays.IntegerArray),
            frames.MEASURE: (np.float64, pd.arrays.FloatingArray),
            frames.FLAG: (np.bool_, pd.arrays.BooleanArray),
        }[dtype]
        values = self.ordered(self._flat(held, kind, kind(0)))
        if held.null_count:
            return array(values, self.ordered(held.is_null().to_numpy()))
        return array(values, np.zeros(len(values), np.bool_))

    def _text(self, held: pa.ChunkedArray) -> Any:
        words = held.chunk(0).dictionary if held.num_chunks else pa.array([], pa.string())
        indices = [chunk.indices for chunk in held.chunks]
        flat = self.ordered(self._flat(pa.chunked_array(indices, pa.int32()), np.int32, -1))
        chosen = pa.array(flat, mask=flat < 0) if held.null_count else pa.array(flat)
        dtype: Any = pd.StringDtype()
        return dtype.__from_arrow__(words.cast(pa.large_string()).take(chosen))

    def _flat(self, held: pa.ChunkedArray, kind: Any, missing: Any) -> Array:
        """The values, ``missing`` for what is missing, until the next call; not in order yet."""
        filled = held.fill_null(pa.scalar(missing, held.type)) if held.null_count else held
        values = self._scratch.view(kind)[: len(held)]
        begin = 0
        for chunk in filled.chunks:
            values[begin : begin + len(chunk)] = chunk.to_numpy(zero_copy_only=False)
            begin += len(chunk)
        return values


def _without_repeats(frame: pd.DataFrame, origin: Array) -> pd.DataFrame:
    """The frame without rows that an earlier recording has, equal in all columns."""
    observed_at = frame["observed_at"].to_numpy("M8[ns]").view("i8")
    begins = np.flatnonzero(np.r_[True, observed_at[1:] != observed_at[:-1]][: len(frame)])
    mixed = np.minimum.reduceat(origin, begins) != np.maximum.reduceat(origin, begins)
    doubtful = np.repeat(mixed, np.diff(np.r_[begins, len(frame)]))
    if not doubtful.any():
        return frame
    rows = frame[doubtful]
    seen = pd.DataFrame(
        {
            "observed_at": observed_at[doubtful],
            "rest": pd.util.hash_pandas_object(rows, index=False).to_numpy(),
            "origin": origin[doubtful],
        }
    )
    first = seen.groupby(["observed_at", "rest"], sort=False)["origin"].transform("min")
    repeated = np.zeros(len(frame), np.bool_)
    repeated[doubtful] = (seen["origin"] > first).to_numpy()
    return frame[~repeated].reset_index(drop=True)
