"""What the rows of a frame come to, whatever their order: to tell whether a copy is right."""

from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ami_console.recording import compaction, typed


class Tally:
    """A checksum per row of a frame, over all its columns; equal when the same rows are in both.

    A row counts as often as it is there.
    """

    def __init__(self, name: str) -> None:
        """Of no rows yet."""
        self._name = name
        self._sums: list[npt.NDArray[np.uint64]] = []

    @classmethod
    def of(cls, name: str, content: bytes, file_name: str) -> Self:
        """Of the content of a part; a damaged one can fail in any way."""
        tally = cls(name)
        for piece in compaction.pieces_of(name, content, file_name):
            tally.add(piece)
        return tally

    def add(self, piece: pa.Table) -> None:
        """Count rows in."""
        rows = typed.to_frame(self._name, [[piece]])
        self._sums.append(pd.util.hash_pandas_object(rows, index=False).to_numpy())

    def over(self, pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The pieces, each counted in as it passes."""
        for piece in pieces:
            self.add(piece)
            yield piece

    @property
    def rows(self) -> int:
        """How many."""
        return sum(map(len, self._sums))

    def is_in(self, other: "Tally") -> bool:
        """Whether the other has all these rows, each at least as often."""
        mine, mine_times = self._counted()
        theirs, their_times = other._counted()
        if not len(mine) or not len(theirs):
            return not len(mine)
        at = np.minimum(np.searchsorted(theirs, mine), len(theirs) - 1)
        return bool(((theirs[at] == mine) & (their_times[at] >= mine_times)).all())

    def equals(self, other: "Tally") -> bool:
        """Whether both have the same rows, each as often."""
        return self.rows == other.rows and self.is_in(other)

    def _counted(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        sums: Any = np.concatenate([np.empty(0, np.uint64), *self._sums])
        found, times = np.unique(sums, return_counts=True)
        return found, times
