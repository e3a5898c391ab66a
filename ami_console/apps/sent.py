"""A chart's own small source: what the browser has already is not sent again."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.models import ColumnDataSource

Values = Mapping[str, npt.NDArray[Any]]


class SentSource:
    """Rows in order of time: new ones are appended, changed ones patched, old ones roll out."""

    def __init__(
        self,
        columns: tuple[str, ...],
        *,
        key: tuple[str, ...],
        name: str,
        texts: Collection[str] = (),
    ) -> None:
        """Empty.

        Args:
            columns: Of the source.
            key: Those that tell one row from another, whatever else of it changes.
            name: Of the source.
            texts: Columns that hold texts; of no row, too, a browser takes no numbers for colours.
        """
        self._columns, self._key = columns, key
        self.source = ColumnDataSource(nothing(columns, texts), name=name)

    def show(self, values: Values, *, anew: bool = False) -> None:
        """Bring it up to date.

        Args:
            values: All columns, oldest row first.
            anew: These are rows of something else: send all of them.
        """
        held = self.source.data
        gone = None if anew else self._gone(values)
        new, old = len(values[self._key[0]]), len(held[self._key[0]])
        if gone is None or old - gone > new:
            if new or old:
                self._replace(values)
            return
        shared = old - gone
        changed = {
            name: np.flatnonzero(_differ(held[name][gone:], values[name][:shared]))
            for name in self._columns
        }
        if sum(map(len, changed.values())) > max(40, shared):
            self._replace(values)
            return
        patches = {
            name: [(gone + int(row), values[name][row].item()) for row in rows]
            for name, rows in changed.items()
            if len(rows)
        }
        if patches:
            self.source.patch(patches)
        if new > shared:
            newer = {name: values[name][shared:] for name in self._columns}
            self.source.stream(short(newer), rollover=new)

    def _replace(self, values: Values) -> None:
        # Copies: later they are patched in place, and pandas lends its columns read-only.
        self.source.data = {name: np.array(values[name]) for name in self._columns}

    def _gone(self, values: Values) -> int | None:
        """How many of the oldest rows are no longer among the values; ``None``: all of them."""
        held = self.source.data
        if not len(values[self._key[0]]):
            return None
        same = np.ones(len(held[self._key[0]]), dtype=bool)
        for name in self._key:
            same &= np.asarray(held[name]) == values[name][0]
        found = np.flatnonzero(same)
        return int(found[0]) if len(found) else None


def nothing(columns: tuple[str, ...], texts: Collection[str] = ()) -> dict[str, Any]:
    """No row of these columns, some of which hold texts."""
    return {name: np.empty(0, dtype=object if name in texts else float) for name in columns}


FEW_ROWS = 8


def short(values: Values) -> Mapping[str, Any]:
    """Few rows as lists: as an array each column would be two messages of its own.

    Args:
        values: New rows of a source.
    """
    rows = max((len(column) for column in values.values()), default=0)
    if rows > FEW_ROWS:
        return values
    return {name: _listed(column) for name, column in values.items()}


def _listed(column: npt.NDArray[Any]) -> list[Any]:
    """Seven digits, as many as float32 has, take less room than all seventeen."""
    if column.dtype == "float32":
        return [float(f"{value:.7g}") for value in column.tolist()]
    return list(column.tolist())


def _differ(left: Any, right: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    held = np.asarray(left)
    both_nan = (held != held) & (right != right)  # noqa: PLR0124 - NaN differs from itself
    return np.asarray((held != right) & ~both_nan)
