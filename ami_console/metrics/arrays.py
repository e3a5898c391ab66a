"""Columns of a frame as numpy arrays in which missing is NaN."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def floats(frame: pd.DataFrame, column: str) -> Floats:
    """A numeric column; NA is NaN."""
    return frame[column].to_numpy(dtype="float64", na_value=np.nan)


def flags(frame: pd.DataFrame, column: str) -> Flags:
    """A boolean column; NA counts as False."""
    return frame[column].fillna(False).to_numpy(dtype=bool)


def seconds(times: "pd.Series[Any]") -> Floats:
    """A time column as seconds since the epoch, to the microsecond; NaT is NaN."""
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[ns]")
    whole = naive.astype("int64") / 1e9
    whole[np.isnat(naive)] = np.nan
    return whole


def measure(values: Floats) -> Any:
    """Floats as a ``Float64`` column: NaN becomes NA."""
    return pd.array(values, dtype="Float64")


def count(values: Floats) -> Any:
    """Whole floats as an ``Int64`` column: NaN becomes NA."""
    missing = np.isnan(values)
    whole = np.where(missing, 0, values).astype("int64")
    return pd.arrays.IntegerArray(whole, missing)
