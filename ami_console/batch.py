"""Many rows of one frame as columns: what comes by the thousand is never a dict per row."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Batch(Sequence[Row]):
    """Rows of one frame, column by column; a sequence of rows for who wants them one by one.

    Attributes:
        length: How many rows.
        columns: Column → values, one per row: an array of int64, float64 or bool in which nothing
            is missing, or a list in which ``None`` is.
        constants: Column → the value that all rows have. A column that is in neither is missing.
    """

    length: int
    columns: Mapping[str, Any]
    constants: Mapping[str, Any]

    @classmethod
    def of(cls, columns: Mapping[str, Any], **constants: Any) -> "Batch":
        """A batch of columns that are all of one length."""
        return cls(len(next(iter(columns.values()))), columns, constants)

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> "Batch":
        """The same rows, column by column; columns that are missing in all rows are left out."""
        names = dict.fromkeys(name for row in rows for name in row)
        held = {name: [row.get(name) for row in rows] for name in names}
        kept = {name: values for name, values in held.items() if any(v is not None for v in values)}
        return cls(len(rows), kept, {})

    @classmethod
    def joined(cls, batches: "Sequence[Batch]") -> "Batch":
        """The rows of several batches; a column that is an array in all of them stays one."""
        if len(batches) == 1:
            return batches[0]
        names = dict.fromkeys(name for each in batches for name in (*each.columns, *each.constants))
        columns: dict[str, Any] = {}
        for name in names:
            arrays: list[Any] = [each.columns.get(name) for each in batches]
            if all(isinstance(array, np.ndarray) for array in arrays):
                columns[name] = np.concatenate(arrays)
            else:
                columns[name] = [value for each in batches for value in each.column(name)]
        return cls(sum(map(len, batches)), columns, {})

    def column(self, name: str) -> Sequence[Any]:
        """The values of one column, ``None`` where they are missing."""
        if name in self.columns:
            values = self.columns[name]
            return values.tolist() if isinstance(values, np.ndarray) else values
        return [self.constants.get(name)] * self.length

    def where(self, kept: Any) -> "Batch":
        """The rows at which an array of flags or indices points."""
        indices = np.flatnonzero(kept) if kept.dtype == bool else kept
        columns = {
            name: values[indices]
            if isinstance(values, np.ndarray)
            else [values[index] for index in indices]
            for name, values in self.columns.items()
        }
        return Batch(len(indices), columns, self.constants)

    def of_jobs(self, job_ids: Iterable[int | None]) -> "Batch":
        """The rows of some jobs; ``None`` among them: also those of no job."""
        wanted = set(job_ids)
        if "job_id" not in self.columns:
            is_wanted = self.constants.get("job_id") in wanted
            return self if is_wanted else Batch(0, {name: [] for name in self.columns}, {})
        return self.where(np.array([job in wanted for job in self.column("job_id")], dtype=bool))

    def by_job(self) -> dict[int | None, "Batch"]:
        """Job id → its rows, in their order; rows of no job under ``None``."""
        if not self.length:
            return {}
        if "job_id" not in self.columns:
            return {self.constants.get("job_id"): self}
        job_ids = self.column("job_id")
        found = dict.fromkeys(job_ids)
        if len(found) == 1:
            return {job_ids[0]: self}
        places: dict[int | None, list[int]] = {job_id: [] for job_id in found}
        for index, job_id in enumerate(job_ids):
            places[job_id].append(index)
        return {job_id: self.where(np.array(held)) for job_id, held in places.items()}

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> "Batch": ...
    def __getitem__(self, index: int | slice) -> "Row | Batch":
        if isinstance(index, slice):
            return self.where(np.arange(self.length)[index])
        row = dict(self.constants)
        for name, values in self.columns.items():
            value = values[index]
            row[name] = value.item() if isinstance(value, np.generic) else value
        return row

    def __iter__(self) -> Iterator[Row]:
        names = list(self.columns)
        for values in zip(*(self.column(name) for name in names), strict=True):
            yield {**self.constants, **dict(zip(names, values, strict=True))}
