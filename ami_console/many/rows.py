"""What came of each job as one table with columns of one kind each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.recording.store import without_secrets

_DTYPES = {bool: frames.FLAG, int: frames.COUNT, float: frames.MEASURE, str: frames.TEXT}
"""Of plain values. A column that is a whole number by chance stays a measure."""


@dataclass(frozen=True)
class Rows:
    """Rows of one job.

    Attributes:
        table: At least one row; columns that are missing throughout are left out.
        names: All columns, in order.
    """

    table: pd.DataFrame
    names: tuple[str, ...]


def rows_of(
    paths: Sequence[str],
    job_id: int | None,
    told: Mapping[str, Any] | pd.DataFrame | None,
    error: str | None,
) -> Rows:
    """What was told of a job: one row at least, so that no job is missing in silence."""
    if isinstance(told, pd.DataFrame):
        rows = (told if len(told) else told.reindex([0])).reset_index(drop=True)
        columns = {str(name): rows[name].array for name in rows.columns}
        count = len(rows)
    else:
        columns = {str(n): _single(value) for n, value in (told or {}).items()}
        count = 1
    where = ", ".join(map(without_secrets, paths))
    ours = {
        "recording": pd.array([where] * count, dtype=frames.TEXT),
        "job_id": pd.array([job_id] * count, dtype=frames.COUNT),
    }
    columns = {**ours, **{n: c for n, c in columns.items() if n not in (*ours, "error")}}
    columns["error"] = pd.array([error] * count, dtype=frames.TEXT)
    known = {name: values for name, values in columns.items() if values is not None}
    return Rows(pd.DataFrame(known), tuple(columns))


def joined(told: Sequence[Rows]) -> pd.DataFrame:
    """All of them in one table; what one has and another lacks is missing there."""
    names = dict.fromkeys(name for rows in told for name in rows.names if name != "error")
    if not told:
        return rows_of((), None, {}, None).table.iloc[:0]
    whole = pd.concat([rows.table for rows in told], ignore_index=True)
    return whole.reindex(columns=[*names, "error"])


def _single(value: Any) -> Any:
    """A value as a column of one row; ``None`` when it is missing."""
    if value is None or (not isinstance(value, list | tuple | dict) and pd.isna(value)):
        return None
    plain = value.item() if isinstance(value, np.generic) else value
    dtype = _DTYPES.get(type(plain))
    return pd.array([plain], dtype=dtype) if dtype else pd.Series([plain]).array
