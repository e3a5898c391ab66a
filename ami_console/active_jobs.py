"""Which jobs to look at, and where."""

import itertools
from collections.abc import Collection

from ami_console.instants import NS_PER_S
from ami_console.reading import FINAL_STATUSES, Reading, Row, SourceName

JUST_ENDED_S = 60.0
"""The last lines of a job's log come after its end: so long is it asked for, at least."""

LOOKED_BACK_S = 900.0
"""Logs of jobs that ended so shortly before the watch began are read too."""


class ActiveJobs:
    """Which jobs to look at: what any source found, less those that are known to be final."""

    def __init__(self, *, ended_for_s: float = JUST_ENDED_S) -> None:
        """Nothing is known yet.

        Args:
            ended_for_s: How long after its end the log of a job is asked for, seconds.
        """
        self._found: dict[SourceName, frozenset[int]] = {}
        self._final: set[int] = set()
        self._unknown: set[int] = set()
        self._ended_for_ns = int(ended_for_s * NS_PER_S)
        self._ended: dict[int, int] = {}
        self._began_at: int | None = None

    def learn(self, reading: Reading, *, asked: Collection[int] = ()) -> None:
        """Take in what a reading tells about which jobs there are.

        Args:
            reading: Any reading; a failed one tells nothing.
            asked: The jobs that it was asked for; one of these that Antenna does not know is
                left out of its looks until the next list.
        """
        if self._began_at is None:
            self._began_at = reading.observed_at
        if not reading.ok:
            return
        if reading.source == "job_logs":
            self._forget_ended(asked, reading.observed_at)
        watched = self._all_found()
        if reading.job_ids is not None:
            self._found[reading.source] = reading.job_ids
        if reading.source != "antenna":
            return
        rows = reading.rows.get("jobs", ())
        for row in rows:
            final = row.get("status") in FINAL_STATUSES
            if final and row["job_id"] not in self._final:
                self._learn_end(row, watched)
            (self._final.add if final else self._final.discard)(row["job_id"])
        if reading.job_ids is not None:
            self._unknown.clear()
        elif reading.error is None:  # with a remark, some could not be read: that is no "unknown"
            known = {row["job_id"] for row in rows if row.get("status") is not None}
            self._unknown |= set(asked) - known

    def _learn_end(self, row: Row, watched: Collection[int]) -> None:
        """A job was seen final for the first time: it just ended, or ended long ago."""
        ended_at = row.get("finished_at") or row.get("updated_at") or 0
        looked_back_to = (self._began_at or 0) - int(LOOKED_BACK_S * NS_PER_S)
        if row["job_id"] in watched or ended_at >= looked_back_to:
            self._ended[row["job_id"]] = row["observed_at"]

    def _forget_ended(self, asked: Collection[int], now: int) -> None:
        """Logs that were read long enough after the end; an outage counts for nothing."""
        for job_id in self._ended.keys() & set(asked):
            if now - self._ended[job_id] > self._ended_for_ns:
                del self._ended[job_id]

    def _all_found(self) -> frozenset[int]:
        return frozenset[int]().union(*self._found.values())

    def wanted(self, source: SourceName) -> frozenset[int]:
        """The jobs to ask this source about now."""
        found = self._all_found()
        if source == "antenna":
            return found - self._final - self._unknown
        if source == "job_logs":  # the short ones ended before they were found
            return (found - self._final - self._unknown) | self._ended.keys()
        # A stream or keys that outlive their job are worth seeing as long as they are there.
        return found - (self._final - self._found.get(source, frozenset()))


class Turns:
    """Deals jobs out to looks that can't ask for all: those first that have waited the longest."""

    def __init__(self, most: int) -> None:
        """Nobody had a turn yet.

        Args:
            most: So many jobs may one look ask for.
        """
        self._most = most
        self._turn = itertools.count(1)
        self._had: dict[int, int] = {}

    def next(self, wanted: Collection[int]) -> frozenset[int]:
        """The jobs of the next look: all of them, or as many as it may ask for.

        Args:
            wanted: All that are to be looked at; the turns of others are forgotten.
        """
        had = self._had
        chosen = sorted(wanted, key=lambda job_id: (had.get(job_id, 0), job_id))[: self._most]
        self._had = {job_id: had[job_id] for job_id in wanted if job_id in had}
        self._had.update(zip(chosen, self._turn, strict=False))
        return frozenset(chosen)
