"""Reading recordings: frames by name, one or several recordings joined, while they grow."""

import os
import threading
from collections.abc import Callable
from typing import TypeVar

import pandas as pd
import pyarrow as pa

from ami_console import frames
from ami_console.errors import RecordingError
from ami_console.recording import layout, typed
from ami_console.recording.packed import PartReader, Wanted
from ami_console.recording.shown import shown
from ami_console.recording.store import Changed, Damage, Store, View

_ATTEMPTS = 100
_T = TypeVar("_T")


def open_recording(*paths: str | os.PathLike[str]) -> "Recording":
    """Open one recording, or several as if they were one.

    Args:
        paths: Directories, or URIs that Arrow or fsspec knows.

    Raises:
        RecordingError: One of them is no recording, is not there, or is of another version.
    """
    if not paths:
        raise RecordingError("No recording was named; give the directory of at least one.")
    return Recording([Store(path) for path in paths])


class Recording:
    """One or several recordings, read as they are at the moment of each call.

    A ``frames.FrameSource``. May be used from several threads. What can't be read is left out
    and named in :attr:`damaged`.
    """

    def __init__(self, stores: list[Store]) -> None:
        """For :func:`open_recording`."""
        self._readers = [(store, PartReader(store)) for store in stores]
        self._mutex = threading.RLock()

    def __repr__(self) -> str:
        return f"Recording({', '.join(map(repr, self.paths))})"

    def _repr_html_(self) -> str:
        return shown(
            self.paths,
            first_at=self.first_at,
            last_at=self.last_at,
            jobs=self.jobs(),
            told=self.latest("jobs"),
            damaged=self.damaged,
        )

    @property
    def paths(self) -> list[str]:
        """Where the recordings are, without secrets."""
        return [store.shown for store, _ in self._readers]

    @property
    def path(self) -> str:
        """Where the first of the recordings is."""
        return self.paths[0]

    @property
    def damaged(self) -> list[Damage]:
        """What was found damaged so far, while reading, and was left out."""
        with self._mutex:
            return [damage for store, _ in self._readers for damage in store.damage()]

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Rows of one frame as recorded until now, sorted by ``observed_at``.

        Rows that several of the recordings have, equal in all columns, are given once.

        Args:
            name: A key of ``frames.FRAMES``.
            job_id: Only this job's rows, where the frame has jobs.
            since: Not before this instant; it is included.
            until: Not after this instant; it is included.

        Returns:
            Columns and dtypes of ``frames.FRAMES[name]``; the caller owns it.

        Raises:
            FrameError: There is no such frame.
            RecordingError: A recording went away, or can't be reached.
            ValueError: A bound has no time zone.
        """
        wanted = Wanted(
            job_id if "job_id" in frames.schema(name) else None, _instant(since), _instant(until)
        )

        def read(reader: PartReader, view: View) -> list[pa.Table]:
            days = [
                part
                for part in view.parts
                if wanted.may_lie_in(part.day * layout.DAY_NS, (part.day + 1) * layout.DAY_NS - 1)
            ]
            tables = [table for part in days for table in reader.tables(part, wanted)]
            return [wanted.of(table) for table in [*tables, *view.tail]]

        return typed.to_frame(name, self._each(name, read))

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """The last row of each thing (see ``frames.KEYS``), nothing later than ``until``.

        Raises:
            FrameError: There is no such frame.
            RecordingError: A recording went away, or can't be reached.
        """
        return frames.last_rows(name, self.frame(name, until=until))

    def jobs(self) -> list[int]:
        """Numbers of the jobs of which anything was recorded, in order."""

        def read(reader: PartReader, view: View) -> set[int]:
            found = {job for part in view.parts for job in reader.jobs(part)}
            for table in view.tail:
                found.update(table["job_id"].unique().drop_null().to_pylist())
            return found

        named = [name for name in frames.FRAMES if "job_id" in frames.schema(name)]
        return sorted(set().union(*(jobs for name in named for jobs in self._each(name, read))))

    @property
    def first_at(self) -> pd.Timestamp | None:
        """When the first row was observed; ``None`` when there is none."""
        instants = self._instants()
        return pd.Timestamp(min(instants), tz="UTC") if instants else None

    @property
    def last_at(self) -> pd.Timestamp | None:
        """When the last row was observed; ``None`` when there is none."""
        instants = self._instants()
        return pd.Timestamp(max(instants), tz="UTC") if instants else None

    def _instants(self) -> list[int]:
        """Among others, the first and the last ``observed_at``, ns since the epoch."""

        def read(reader: PartReader, view: View) -> list[int]:
            groups = [group for part in view.parts for group in reader.groups(part)]
            found = [bound for group in groups for bound in (group.first, group.last)]
            for table in view.tail:
                times = table["observed_at"].cast(pa.int64())
                found += times.to_pylist()
            return [instant for instant in found if instant is not None]

        return [
            instant
            for name in frames.FRAMES
            for instants in self._each(name, read)
            for instant in instants
        ]

    def _each(self, name: str, read: Callable[[PartReader, View], _T]) -> list[_T]:
        """Do a piece of reading on one state of each recording."""
        with self._mutex:
            return [self._once(name, store, reader, read) for store, reader in self._readers]

    def _once(
        self, name: str, store: Store, reader: PartReader, read: Callable[[PartReader, View], _T]
    ) -> _T:
        for _ in range(_ATTEMPTS):
            view = store.view(name)
            reader.forget_all_but(view.parts, name)
            try:
                return read(reader, view)
            except Changed:
                continue
        raise store.too_fast()


def _instant(bound: pd.Timestamp | None) -> int | None:
    if bound is None:
        return None
    if bound.tzinfo is None:
        raise ValueError(f"{bound!r} has no time zone")
    return int(bound.as_unit("ns").value)
