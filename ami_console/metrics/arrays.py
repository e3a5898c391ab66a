"""Columns of a frame as numpy arrays in which missing is NaN, and their rows job by job."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console import frames

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Instants = npt.NDArray[np.int64]

NAT = np.iinfo(np.int64).min


def floats(frame: pd.DataFrame, column: str) -> Floats:
    """A numeric column; NA is NaN."""
    return frame[column].to_numpy(dtype="float64", na_value=np.nan)


def flags(frame: pd.DataFrame, column: str) -> Flags:
    """A boolean column; NA counts as False."""
    return frame[column].to_numpy(dtype=bool, na_value=False)


def instants(frame: pd.DataFrame, column: str) -> Instants:
    """A time column as ns since the epoch; NaT is the least integer."""
    return frame[column].array.asi8.astype("int64", copy=False)


def seconds(frame: pd.DataFrame, column: str) -> Floats:
    """A time column as seconds since the epoch, to the microsecond; NaT is NaN."""
    whole = instants(frame, column)
    return np.where(whole == NAT, np.nan, whole / 1e9)


def measure(values: Floats) -> Any:
    """Floats as a ``Float64`` column: NaN becomes NA."""
    return pd.array(values, dtype="Float64")


def count(values: Floats) -> Any:
    """Whole floats as an ``Int64`` column: NaN becomes NA."""
    missing = np.isnan(values)
    whole = np.where(missing, 0, values).astype("int64")
    return pd.arrays.IntegerArray(whole, missing)


def typed(values: Any, dtype: str) -> Any:
    """Values as a column of a frame; NaN is missing.

    Args:
        values: Instants as ns (integers) or as seconds since the epoch (floats); text as it is;
            all else as floats.
        dtype: One of the dtypes of :mod:`ami_console.frames`.
    """
    if dtype == frames.TIME:
        at = np.asarray(values)
        if at.dtype.kind == "f":
            at = np.where(np.isnan(at), NAT, np.nan_to_num(at * 1e9).astype("int64"))
        return pd.DatetimeIndex(at.astype("int64").view("M8[ns]"), tz="UTC")
    if dtype == frames.TEXT:
        return pd.array(values, dtype=frames.TEXT)
    measured = np.asarray(values, dtype="float64")
    if dtype == frames.FLAG:
        missing = np.isnan(measured)
        return pd.arrays.BooleanArray(np.where(missing, 0.0, measured).astype(bool), missing)
    return count(measured) if dtype == frames.COUNT else measure(measured)


class Columns(Mapping[str, Any]):
    """Columns of one frame as arrays: counts and measures as floats, times as seconds.

    Pandas costs some ten µs for each touch of a column, and there are thousands of jobs: the
    columns are converted once, and a job's rows are slices of them.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __getitem__(self, column: str) -> Any:
        return self._values[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self._values.values())))

    def cut(self, begin: int, end: int) -> "Columns":
        """Some of the rows."""
        return Columns({column: values[begin:end] for column, values in self._values.items()})


def by_job(
    frame: pd.DataFrame, columns: Iterable[str], *, order: str = "observed_at"
) -> dict[int, Columns]:
    """Job id → its rows in order of time; ``<order>_ns`` holds the exact instants."""
    known = frame[frame["job_id"].notna()]
    job_ids, order_ns = known["job_id"].to_numpy("int64"), instants(known, order)
    sorting = np.lexsort((order_ns, job_ids))
    values: dict[str, Any] = {f"{order}_ns": order_ns[sorting]}
    for column in columns:
        dtype = str(known[column].dtype)
        read = {frames.TIME: seconds, frames.FLAG: flags}.get(dtype, floats)
        values[column] = read(known, column)[sorting]
    whole, ids = Columns(values), job_ids[sorting]
    found, begins = np.unique(ids, return_index=True)
    ends = np.append(begins, len(ids))[1:]
    return {
        int(job_id): whole.cut(int(begin), int(end))
        for job_id, begin, end in zip(found, begins, ends, strict=True)
    }
