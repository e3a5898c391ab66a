"""A frame as a file: CSV for spreadsheets, Parquet for programs."""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Number
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ami_console.apps import formats
from ami_console.plain_text import plain

Kind = Literal["csv", "parquet"]

KINDS: Mapping[Kind, tuple[str, str]] = {
    "csv": ("CSV", "text/csv;charset=utf-8"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
}
"""Ending of the file's name → what the page calls it, and its media type."""

MOST_BYTES = 50_000_000
"""Larger files are not sent: the page's connection carries everything else too."""

SAMPLE = 500
"""Rows by which the size of a CSV is told before it is made."""

FORMULA = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")
"""A spreadsheet takes a text that begins so for a formula; the wide ones in some languages."""

UNITS = (
    ("_per_min", "1/min"),
    ("_ratio", "0 to 1"),
    ("_bytes", "B"),
    ("bytes", "B"),
    ("_ms", "ms"),
    ("_s", "s"),
)
"""How a column's name ends → its unit."""

FINENESS = (("s", 10**9), ("ms", 10**6), ("us", 10**3))
"""Unit of an instant as text, and its length, ns."""


class File(NamedTuple):
    """A file that was made.

    Attributes:
        name: What the browser calls it.
        media: Its media type.
        content: Its bytes.
    """

    name: str
    media: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class About:
    """What a frame is, for its file.

    Attributes:
        frame: Name of the frame.
        as_of: The instant that it was taken at.
        job_id: The one job that it is of; ``None``: of all, or of none.
        source: Where its numbers come from, as the page calls it; without secrets.
    """

    frame: str
    as_of: pd.Timestamp
    job_id: int | None = None
    source: str = ""


def unit_of(column: str, dtype: Any) -> str:
    """Unit of a column of a frame, by its name and dtype; empty for counts and text."""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return "UTC"
    return next((unit for end, unit in UNITS if column.endswith(end)), "")


def file_name(about: About, ending: str) -> str:
    """Such as ``ami-console_acks_job-7_20261125T081500Z.csv``: plain letters, whatever is given."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", about.frame).strip("-.")[:60] or "frame"
    whose = "" if about.job_id is None else f"_job-{int(about.job_id)}"
    at = about.as_of.tz_convert("UTC")
    return f"ami-console_{plain}{whose}_{at:%Y%m%dT%H%M%SZ}.{ending}"


def made(frame: pd.DataFrame, kind: Kind, about: About, *, most: int = MOST_BYTES) -> File | str:
    """The frame as a file; or, in words, why it can't be sent and what to do.

    Args:
        frame: Any frame.
        kind: Of the file.
        about: What the frame is.
        most: Larger files are not sent, bytes.
    """
    name, media = file_name(about, kind), KINDS[kind][1]
    if kind == "csv" and (size := csv_size(frame)) > most:
        return too_large(size, kind, about, most=most)
    content = csv_bytes(frame) if kind == "csv" else parquet_bytes(frame, about)
    if len(content) > most:
        return too_large(len(content), kind, about, most=most)
    return File(name, media, content)


def too_large(size: int, kind: Kind, about: About, *, most: int) -> str:
    """Why so large a file is not sent, and what to do."""
    other = "download Parquet, which is much smaller, " if kind == "csv" else ""
    job = "" if about.job_id is None else f", job_id={about.job_id}"
    return (
        f"It would be about {formats.size(size)}, and this page sends at most "
        f"{formats.size(most)}. Choose one job or a shorter window, {other}or read the recording "
        f'in Python: open_recording("…").frame("{about.frame}"{job}). Its files are plain '
        f"Parquet too: pandas.read_parquet."
    )


def csv_size(frame: pd.DataFrame) -> int:
    """About how large the frame is as CSV, bytes: by some of its rows, spread evenly."""
    if len(frame) <= SAMPLE:
        return len(csv_bytes(frame))
    step = len(frame) // SAMPLE
    some = frame.iloc[::step]
    return round(len(csv_bytes(some)) / len(some) * len(frame))


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """The frame as CSV in UTF-8 with a head line; missing is an empty field.

    Instants are ISO 8601 in UTC. A text that a spreadsheet would take for a formula (it begins
    with ``=``, ``+``, ``-``, ``@``, a tab or a line break, blanks before it or not) gets an
    apostrophe before it, and control characters are taken out, for files are looked at in
    terminals too: names and log lines are written by others. Numbers are never changed. Parquet
    has texts as they are.
    """
    columns = {_safe(str(name)): _plain(frame[name]) for name in frame.columns}
    whole = pd.DataFrame(columns, index=frame.index)
    # With this line end a carriage return inside of a text is quoted too.
    return whole.to_csv(index=False, lineterminator="\r\n").encode()


def _plain(column: "pd.Series[Any]") -> Any:
    dtype = column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _instants(column)
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype):
        return column
    if isinstance(dtype, np.dtype):  # a frame may hold numbers and texts in one column
        return column.map(lambda value: value if _is_number(value) else _safe_or_missing(value))
    return column.astype("string").map(_safe, na_action="ignore")


def _is_number(value: Any) -> bool:
    return isinstance(value, Number | np.bool_)


def _safe_or_missing(value: Any) -> Any:
    is_missing = pd.api.types.is_scalar(value) and pd.isna(value)
    return pd.NA if is_missing else _safe(str(value))


def _safe(text: str) -> str:
    """Text of others that neither a spreadsheet nor a terminal takes for more than a text."""
    shown = plain(text)
    return f"'{shown}" if shown.lstrip(" \u00a0\u3000").startswith(FORMULA) else shown


def _instants(column: "pd.Series[Any]") -> Any:
    """ISO 8601 in UTC, as fine as the finest of the column needs; exact."""
    at = pd.DatetimeIndex(column).tz_convert("UTC").tz_localize(None).as_unit("ns")
    known = at.asi8[at.notna()]
    unit: Any = next((unit for unit, ns in FINENESS if not (known % ns).any()), "ns")
    instants: Any = at.to_numpy("datetime64[ns]")
    text = np.datetime_as_string(instants, unit=unit, timezone="UTC")
    return pd.Series(text, index=column.index, dtype="string").where(at.notna())


def parquet_bytes(frame: pd.DataFrame, about: About) -> bytes:
    """The frame as Parquet, exactly as it is; dtypes come back with ``pandas.read_parquet``.

    The file's metadata has ``ami_console``: JSON with the frame's name, the instant it was
    taken at, its source and the unit of each column; each column's has its ``unit``.
    """
    readable = frame.assign(
        **{
            str(name): frame[name].map(_text, na_action=None).astype("string")
            for name in frame.columns
            if frame[name].dtype == object
        }
    )
    table = pa.Table.from_pandas(readable, preserve_index=False)
    units = {str(name): unit_of(str(name), frame[name].dtype) for name in frame.columns}
    told = {
        "frame": about.frame,
        "job_id": about.job_id,
        "as_of": about.as_of.tz_convert("UTC").isoformat(),
        "source": about.source,
        "units": {name: unit for name, unit in units.items() if unit},
    }
    fields = [
        each.with_metadata({"unit": units[each.name]}) if units.get(each.name) else each
        for each in table.schema
    ]
    metadata = {**(table.schema.metadata or {}), b"ami_console": json.dumps(told).encode()}
    held = io.BytesIO()
    pq.write_table(table.cast(pa.schema(fields, metadata=metadata)), held, compression="zstd")
    return held.getvalue()


def _text(value: Any) -> Any:
    """What a column of mixed values holds, as text: Parquet has one type per column."""
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, default=str)
    return pd.NA if formats.absent(value) else str(value)
