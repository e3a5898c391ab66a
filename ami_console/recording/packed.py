"""Reading parts: only the row groups that may hold what is asked for, each kept for the next time.

Parts never change, so what was read of one stays right; the memory for it is bounded.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ami_console import frames
from ami_console.recording import layout, parts
from ami_console.recording.store import Changed, Part, Store

CACHE_BYTES = 128 << 20

MOST_BYTES = 4 << 30
"""Bytes of one part: it is read and checked as a whole."""

MOST_ROWS = 50_000_000
"""Rows of one part that are read at once; with all columns of ``log_events`` that is 15 GB."""

MOST_GROUP_ROWS = 10_000_000
"""Rows of a row group. Ours have 131,072, those of other programs a million; a file of a few kB
can say that it has a thousand million."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of a frame; ``None`` is no limit.

    Attributes:
        job_id: Of this job only.
        since: Observed at this instant or later, ns since the epoch.
        until: Observed at this instant or earlier, ns since the epoch.
    """

    job_id: int | None = None
    since: int | None = None
    until: int | None = None

    def may_lie_in(self, first: int | None, last: int | None) -> bool:
        """Whether rows between two instants may be wanted; both are included."""
        return not (
            (self.since is not None and last is not None and last < self.since)
            or (self.until is not None and first is not None and first > self.until)
        )

    def of(self, table: pa.Table) -> pa.Table:
        """The rows of a table that are wanted."""
        masks = []
        if self.job_id is not None:
            masks.append(pc.equal(table["job_id"], self.job_id))
        if self.since is not None or self.until is not None:
            times = table["observed_at"].cast(pa.int64())
            if self.since is not None:
                masks.append(pc.greater_equal(times, self.since))
            if self.until is not None:
                masks.append(pc.less_equal(times, self.until))
        for mask in masks:
            masks[0] = pc.and_(masks[0], mask)
        return table.filter(masks[0]) if masks else table


@dataclass(frozen=True, slots=True)
class Group:
    """What the footer of a part says about one row group; unknown bounds are ``None``.

    Attributes:
        rows: How many.
        first: Earliest ``observed_at``, ns since the epoch.
        last: Latest ``observed_at``, ns since the epoch.
        jobs: Lowest and highest job number.
    """

    rows: int
    first: int | None
    last: int | None
    jobs: tuple[int, int] | None

    def may_hold(self, wanted: Wanted) -> bool:
        """Whether it can have rows that are wanted."""
        if wanted.job_id is not None and self.jobs is not None:
            low, high = self.jobs
            if not low <= wanted.job_id <= high:
                return False
        return wanted.may_lie_in(self.first, self.last)


class PartReader:
    """Reads the parts of one recording; names the damaged ones to it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._footers: dict[Part, pq.FileMetaData] = {}
        self._groups: dict[Part, list[Group]] = {}
        self._jobs: dict[Part, frozenset[int]] = {}
        self._tables: OrderedDict[tuple[Part, int], pa.Table] = OrderedDict()
        self._bytes = 0

    def groups(self, part: Part) -> Sequence[Group]:
        """What the footer says; nothing of a damaged part.

        Raises:
            Changed: The part went away before it was read.
        """
        if part not in self._groups:
            try:
                with self._open(part) as file:
                    self._groups[part] = _groups(file.metadata, part.name)
            except Changed:
                raise
            except Exception as error:  # a damaged file can fail in any way
                return self._damaged(part, error)
        return self._groups[part]

    def tables(self, part: Part, wanted: Wanted) -> list[pa.Table]:
        """Row groups that may hold what is wanted; none of a damaged part.

        Raises:
            Changed: The part went away before it was read.
            RecordingError: What is wanted is too much to be read at once.
        """
        groups = self.groups(part)
        numbers = [n for n, group in enumerate(groups) if group.may_hold(wanted)]
        rows = sum(groups[n].rows for n in numbers)
        if rows > MOST_ROWS:
            raise self._store.too_much(part.name, rows, MOST_ROWS)
        held = {n: table for n in numbers if (table := self._recall(part, n)) is not None}
        absent = [n for n in numbers if n not in held]
        if absent:
            try:
                with self._open(part) as file:
                    there = set(file.schema_arrow.names)
                    columns = [column for column in frames.schema(part.name) if column in there]
                    table = file.read_row_groups(absent, columns=columns)
                table = _checked(parts.conform(table, part.name), part.name)
            except Changed:
                raise
            except Exception as error:  # a damaged file can fail in any way
                return self._damaged(part, error)
            begin = 0
            for n in absent:
                held[n] = table.slice(begin, groups[n].rows)
                begin += groups[n].rows
            if table.nbytes < CACHE_BYTES // 4:  # else it would only push out everything else
                for n in absent:
                    self._remember(part, n, held[n])
        return [held[n] for n in numbers]

    def jobs(self, part: Part) -> frozenset[int]:
        """Numbers of the jobs in it; none of a damaged part.

        Raises:
            Changed: The part went away before it was read.
        """
        if part not in self._jobs:
            try:
                with self._open(part) as file:
                    found: set[int] = set()
                    for number in range(len(self.groups(part))):
                        held = file.read_row_group(number, columns=["job_id"])["job_id"]
                        found.update(held.cast(pa.int64()).unique().drop_null().to_pylist())
            except Changed:
                raise
            except Exception as error:  # a damaged file can fail in any way
                self._damaged(part, error)
                return frozenset()
            self._jobs[part] = frozenset(found)
        return self._jobs[part]

    def forget_all_but(self, present: Sequence[Part], name: str) -> None:
        """Let go of what was read of this frame's parts that are no more."""
        kept = set(present)
        for held in (self._footers, self._groups, self._jobs):
            for part in [part for part in held if part.name == name and part not in kept]:
                held.pop(part)
        for key in [k for k in self._tables if k[0].name == name and k[0] not in kept]:
            self._bytes -= self._tables.pop(key).nbytes

    def _open(self, part: Part) -> pq.ParquetFile:
        """The part; the first time all of it is read and checked."""
        source = self._store.open(part)
        if part not in self._footers:
            if part.size > MOST_BYTES:
                raise ValueError(f"it has {part.size >> 30} GB, and parts are read as a whole")
            with source as file:
                content = file.read()
            source = parts.verified(content, part.path.rsplit("/", 1)[-1])
            self._footers[part] = pq.read_metadata(source)
        footer = self._footers[part]
        return pq.ParquetFile(
            source,
            metadata=footer,
            # Of those that are not there Arrow would say that the file is damaged.
            read_dictionary=[c for c in parts.text_columns(part.name) if c in footer.schema.names],
            page_checksum_verification=True,
        )

    def _damaged(self, part: Part, error: Exception) -> list[Any]:
        self._store.note_damage(part.path, str(error).strip() or type(error).__name__)
        return []

    def _recall(self, part: Part, number: int) -> pa.Table | None:
        if (part, number) not in self._tables:
            return None
        self._tables.move_to_end((part, number))
        return self._tables[part, number]

    def _remember(self, part: Part, number: int, table: pa.Table) -> None:
        self._tables[part, number] = table
        self._bytes += table.nbytes
        while self._bytes > CACHE_BYTES:
            _, dropped = self._tables.popitem(last=False)
            self._bytes -= dropped.nbytes


def _checked(table: pa.Table, name: str) -> pa.Table:
    """The table, in which every row tells when it was observed, and of which job.

    Raises:
        ValueError: One does not.
    """
    for column in ("observed_at", "job_id") if name in parts.OF_JOBS else ("observed_at",):
        if table[column].null_count:
            raise ValueError(f"it has rows without {column}")
    return table


def _groups(footer: pq.FileMetaData, name: str) -> list[Group]:
    """What the footer says.

    Raises:
        ValueError: A row group is larger than what is read at once.
    """
    groups = []
    # Another program may have written the times in another unit, or two columns of a name: then
    # the bounds say nothing.
    written = footer.schema.to_arrow_schema()
    comparable = {
        field.name
        for field in layout.arrow_schema(name)
        if written.names.count(field.name) == 1 and written.field(field.name).type == field.type
    }
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        if group.num_rows > MOST_GROUP_ROWS:
            raise ValueError(f"it says that it has {group.num_rows} rows in one row group")
        bounds = {}
        for index in range(group.num_columns):
            column = group.column(index)
            statistics = column.statistics if column.is_stats_set else None
            if column.path_in_schema not in comparable:
                continue
            if statistics is not None and statistics.has_min_max:
                bounds[column.path_in_schema] = statistics.min_raw, statistics.max_raw
        first, last = bounds.get("observed_at", (None, None))
        groups.append(Group(group.num_rows, first, last, bounds.get("job_id")))
    return groups
