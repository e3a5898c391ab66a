"""Parts: Parquet files of one frame and UTC day, written whole or not at all.

Rows lie in blocks of ten minutes, within a block by job, within a job by time. So the times of
one look, which all jobs share, repeat at a short distance, and the counters of one job change
little from row to row: both compress well. (Measured on 24 h of 20 jobs: 13 MB; all rows of a
job together 57 MB; all by time 28 MB.)
"""

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ami_console import frames
from ami_console.batch import Batch, Row
from ami_console.instants import NS_PER_S
from ami_console.recording import layout
from ami_console.recording.layout import Span

BLOCK_NS = 600 * NS_PER_S
ROW_GROUP_ROWS = 1 << 17
SORTED_ROWS = 1 << 19  # rows held in memory at once while parts are merged

OF_JOBS = frozenset({"jobs", "stages", "consumers", "counters", "acks", "advisories"})
"""Frames in which every row is of a job; what reads them relies on it."""

# What Arrow raises at a value of another kind; it prints it, which may be too deep.
_MISFITS = (pa.ArrowException, OverflowError, TypeError, ValueError, RecursionError)

# The same for all jobs of a look: whole values repeat, which zstd sees and deltas would hide.
_TIMES_OF_A_LOOK = ("observed_at", "server_at")


def from_rows(name: str, pieces: Iterable[Sequence[Row]]) -> tuple[pa.Table, list[str]]:
    """Table of a frame of pieces of rows, and what in them did not fit the frame.

    Returns:
        The table in the frame's Arrow schema, in the order of the rows, and one sentence per
        column with values of another kind; these values are missing in the table, and so are
        rows that do not tell their job where each must.
    """
    misfits: list[str] = []
    columns = []
    held = list(pieces)
    for column in layout.arrow_schema(name):
        values: list[Any] = []
        for piece in held:
            if isinstance(piece, Batch):
                values.extend(piece.column(column.name))
            else:
                values.extend(row.get(column.name) for row in piece)
        try:
            columns.append(pa.array(values, column.type))
        except _MISFITS:
            fitting = [value if _fits(value, column.type) else None for value in values]
            lost = next(v for v, kept in zip(values, fitting, strict=True) if v is not kept)
            # Lists and the like may be nested deeper than Python can print.
            said = type(lost).__name__ if isinstance(lost, list | dict) else str(lost)[:40]
            misfits.append(f"{name}.{column.name} can't hold values such as {said!r}")
            columns.append(pa.array(fitting, column.type))
    table = pa.Table.from_arrays(columns, schema=layout.arrow_schema(name))
    if name in OF_JOBS and table["job_id"].null_count:
        misfits.append(f"{name} holds no rows of no job; they were left out")
        table = table.filter(table["job_id"].is_valid())
    return table, misfits


def _fits(value: Any, kind: pa.DataType) -> bool:
    try:
        pa.array([value], kind)
    except _MISFITS:
        return False
    return True


def by_day(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """The table cut by UTC day (days since the epoch), earlier days first."""
    days = table["observed_at"].cast(pa.int64()).to_numpy() // layout.DAY_NS
    for day in np.unique(days):
        yield int(day), table.filter(pa.array(days == day))


def in_order(table: pa.Table) -> pa.Table:
    """The table in the order in which rows lie in a part; rows of equal rank stay as they were."""
    observed_at = table["observed_at"].cast(pa.int64()).to_numpy()
    keys = [observed_at]
    if "job_id" in table.column_names:
        keys += [table["job_id"].fill_null(-1).to_numpy(), observed_at // BLOCK_NS]
    return table.take(pa.array(np.lexsort(keys)))


def conform(table: pa.Table, name: str) -> pa.Table:
    """The table with exactly the frame's columns: unknown ones left out, missing ones NA."""
    schema = layout.arrow_schema(name)
    columns = []
    there = set(table.column_names)
    for column in schema:
        if column.name not in there:
            columns.append(pa.nulls(table.num_rows, column.type))
            continue
        held = table[column.name]
        encoded = pa.types.is_dictionary(held.type) and held.type.value_type == column.type
        columns.append(held if encoded or held.type == column.type else held.cast(column.type))
    return pa.table(columns, names=schema.names)


def checksum(content: bytes) -> str:
    """Checksum of a part's content, as it stands in its name."""
    return f"{zlib.crc32(content):08x}"


def write(directory: Path, name: str, span: Span, tables: Iterable[pa.Table]) -> Path:
    """Write a part; the file appears under its name only when it is complete and on disk.

    Args:
        directory: Of the frame and day; made if need be.
        name: The frame.
        span: The segments that the rows are from.
        tables: Pieces in the frame's schema, each ordered by :func:`in_order`.

    Returns:
        The file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    unfinished = directory / f".part-{span.first}-{span.last}.tmp"
    try:
        with unfinished.open("wb") as file:
            encode(file, name, tables)
            file.flush()
            os.fsync(file.fileno())
        path = directory / layout.part_file(span, checksum(unfinished.read_bytes()))
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_directory(directory)
    return path


def encode(file: IO[bytes], name: str, tables: Iterable[pa.Table]) -> None:
    """Write the content of a part.

    Args:
        file: Where to.
        name: The frame.
        tables: Pieces in the frame's schema, each ordered by :func:`in_order`.
    """
    with pq.ParquetWriter(file, layout.arrow_schema(name), **_encoding(name)) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=ROW_GROUP_ROWS)


def verified(content: bytes, file_name: str) -> pa.BufferReader:
    """A part's content, to be read by Parquet.

    Raises:
        ValueError: It is not what was written under that name.
    """
    said = layout.part_checksum(file_name)
    if said is not None and said != checksum(content):
        raise ValueError("it does not match its checksum")
    return pa.BufferReader(content)


def _encoding(name: str) -> dict[str, Any]:
    dtypes = frames.schema(name)
    whole = [c for c, dtype in dtypes.items() if dtype in (frames.TIME, frames.COUNT)]
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": [c for c in dtypes if c not in whole],
        "column_encoding": {
            c: "PLAIN" if c in _TIMES_OF_A_LOOK else "DELTA_BINARY_PACKED" for c in whole
        },
        "write_page_checksum": True,
    }


def sync_directory(directory: Path) -> None:
    """Have the names in a directory on disk, as ``fsync`` has the content of a file."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def text_columns(name: str) -> list[str]:
    """The frame's columns of text; they are read as dictionaries, which is several times faster."""
    return [c for c, dtype in frames.schema(name).items() if dtype == frames.TEXT]
