"""The rows of one thing in a frame of looks: kept as columns, so that a frame is quickly made."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console import frames

Values = tuple[Any, ...]
"""Of a row: its columns in the order of the frame, times as ns since the epoch."""

MISSING = np.iinfo("int64").min
"""Of a whole number; of a time it is NaT, too."""

_KINDS = {frames.TIME: 0, frames.COUNT: 0, frames.MEASURE: 1, frames.FLAG: 2}
_TEXTS = 3
_DTYPES = ("int64", "float64", "int8", "object")
_NONE: tuple[Any, ...] = (MISSING, np.nan, -1, None)
"""What stands for a missing value in each block."""


class _Place(NamedTuple):
    """Where a column is kept."""

    block: int
    column: int
    dtype: str


@cache
def _places(name: str) -> dict[str, _Place]:
    """Columns of one kind are kept side by side in a block."""
    widths = [0] * len(_DTYPES)
    places = {}
    for column, dtype in frames.schema(name).items():
        block = _KINDS.get(dtype, _TEXTS)
        places[column] = _Place(block, widths[block], dtype)
        widths[block] += 1
    return places


@cache
def _columns(name: str) -> tuple[tuple[int, ...], ...]:
    """Of each block the columns of the frame that are kept in it, by their numbers."""
    places = list(_places(name).values())
    return tuple(
        tuple(number for number, place in enumerate(places) if place.block == block)
        for block in range(len(_DTYPES))
    )


Blocks = list[npt.NDArray[Any]]


class Rows:
    """One thing's rows in order of ``observed_at``, which is the first column."""

    def __init__(self, name: str) -> None:
        """Args: ``name`` is that of the frame."""
        self._columns = _columns(name)
        self._blocks: Blocks = [
            np.empty((16, len(mine)), dtype=dtype)
            for mine, dtype in zip(self._columns, _DTYPES, strict=True)
        ]
        self._begin = self._end = 0

    def __len__(self) -> int:
        return self._end - self._begin

    @property
    def _at(self) -> npt.NDArray[np.int64]:
        return self._blocks[0][self._begin : self._end, 0]

    @property
    def first_at(self) -> int:
        """When the first was observed, ns since the epoch."""
        return int(self._blocks[0][self._begin, 0])

    def add(self, values: Values) -> None:
        """Take a row in; of one instant they keep the order in which they came."""
        if self._end == len(self._blocks[0]):
            self._move(max(16, 2 * len(self)))
        row = self._end
        if len(self) and values[0] < self._blocks[0][row - 1, 0]:  # late: it is put in between
            self._move(len(self._blocks[0]))  # frames may look at what would be overwritten
            row = self._begin + int(np.searchsorted(self._at, values[0], side="right"))
            for block in self._blocks:
                block[row + 1 : self._end + 1] = block[row : self._end].copy()
        for block, mine, missing in zip(self._blocks, self._columns, _NONE, strict=True):
            if mine:
                kept = [values[column] for column in mine]
                # NaN differs from itself.
                block[row] = [missing if v is None or v != v else v for v in kept]  # noqa: PLR0124
        self._end += 1

    def _move(self, room: int) -> None:
        """To new places with room for so many rows."""
        held = len(self)
        for number, block in enumerate(self._blocks):
            moved = np.empty((room, block.shape[1]), dtype=block.dtype)
            moved[:held] = block[self._begin : self._end]
            self._blocks[number] = moved
        self._begin, self._end = 0, held

    def forget_before(self, oldest: int) -> None:
        """Let go of rows before an instant, ns since the epoch."""
        self._begin += int(np.searchsorted(self._at, oldest, side="left"))
        self._move(max(16, 2 * len(self)))

    def between(self, low: int | None, high: int | None) -> Blocks:
        """Rows from one instant to another (ns since the epoch), both included."""
        at = self._at
        begin = 0 if low is None else int(np.searchsorted(at, low, side="left"))
        end = len(at) if high is None else int(np.searchsorted(at, high, side="right"))
        wanted = slice(self._begin + begin, self._begin + max(begin, end))
        return [block[wanted] for block in self._blocks]


def frame_of(name: str, found: Sequence[Blocks]) -> pd.DataFrame:
    """Rows of several things as one frame, sorted by ``observed_at``."""
    if not sum(len(blocks[0]) for blocks in found):
        return frames.empty(name)
    whole = [np.concatenate(each) for each in zip(*found, strict=True)]
    if len(found) > 1:
        order = np.argsort(whole[0][:, 0], kind="stable")
        whole = [block[order] for block in whole]
    return pd.DataFrame(
        {
            column: _array(np.ascontiguousarray(whole[place.block][:, place.column]), place.dtype)
            for column, place in _places(name).items()
        },
        copy=False,
    )


def _array(values: npt.NDArray[Any], dtype: str) -> Any:
    """A column of the frame."""
    if dtype == frames.TIME:
        return pd.DatetimeIndex(values.view("M8[ns]"), tz="UTC").array
    if dtype == frames.COUNT:
        return pd.arrays.IntegerArray(values, values == MISSING)
    if dtype == frames.MEASURE:
        return pd.arrays.FloatingArray(values, np.isnan(values))
    if dtype == frames.FLAG:
        return pd.arrays.BooleanArray(values == 1, values == -1)
    return pd.array(values, dtype=dtype)
