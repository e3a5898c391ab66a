"""What a live watch said so far, gathered from its judgements as they come in."""

from typing import Any, NamedTuple

import pandas as pd

from ami_console import frames
from ami_console.diagnosis.judge import VERDICTS
from ami_console.frames import FrameSource
from ami_console.metrics.arrays import flags

MOST_ENDED = 2_000
"""Verdicts that are over and still held; of older ones the recording tells."""

UNWATCHED = pd.Timedelta(seconds=60)
"""After a longer pause between judgements nobody knows when something ended."""

Key = tuple[Any, Any, str, Any]


class _Said(NamedTuple):
    """One row of the ``findings`` frame, or a code that one explains."""

    job_id: Any
    subject: Any
    code: str
    severity: str | None
    title: str | None
    since: Any
    hidden_by: Any

    @property
    def key(self) -> Key:
        """What tells one verdict from another."""
        return self.job_id, self.subject, self.code, self.hidden_by


class Spoken:
    """Verdicts by the ``findings`` frame; reads only what is new each time."""

    def __init__(self, source: FrameSource) -> None:
        """Nothing is read yet."""
        self._source = source
        self._read_until: pd.Timestamp | None = None
        self._standing: dict[Key, dict[str, Any]] = {}
        self._ended: list[dict[str, Any]] = []

    def until(self, as_of: pd.Timestamp) -> pd.DataFrame:
        """Verdicts up to an instant that is no earlier than the last one asked for.

        Args:
            as_of: Nothing later is read.

        Returns:
            One row per verdict, the columns of :data:`ami_console.diagnosis.judge.VERDICTS`.
            ``severity`` and ``title`` of what is hidden are not recorded, and missing.
            ``ended_at`` is missing: a judgement tells only that something is over.
            ``withdrawn_at`` is the first judgement without it; where none followed within a
            minute, the last one with it, and ``end`` is ``unknown``.
        """
        since = self._read_until
        reads = self._source.frame("reads", since=since, until=as_of)
        judged = (reads["source"] == "diagnosis").fillna(False).to_numpy(bool) & flags(reads, "ok")
        instants = [at for at in reads.loc[judged, "observed_at"] if since is None or at > since]
        if instants:
            said = self._source.frame("findings", since=instants[0], until=instants[-1])
            by_instant = dict(list(said.groupby("observed_at")))
            for at in instants:
                self._take(at, _said(by_instant.get(at)))
        rows = [*self._ended, *self._standing.values()]
        return frames.table(sorted(rows, key=lambda row: row["spoken_at"]), VERDICTS)

    def _take(self, at: pd.Timestamp, said: list[_Said]) -> None:
        before, self._read_until = self._read_until, at
        is_pause = before is not None and at - before > UNWATCHED
        keys = {each.key for each in said}
        for key in [key for key in self._standing if key not in keys]:
            row = self._standing.pop(key)
            over = {"withdrawn_at": at, "end": "over"}
            self._ended.append(
                row | ({"withdrawn_at": before, "end": "unknown"} if is_pause else over)
            )
        del self._ended[:-MOST_ENDED]
        for each in said:
            spoken_at = self._standing.get(each.key, {}).get("spoken_at", at)
            self._standing[each.key] = each._asdict() | {"spoken_at": spoken_at, "end": "stands"}


def _said(findings: pd.DataFrame | None) -> list[_Said]:
    if findings is None:
        return []
    told = []
    for row in findings.to_dict("records"):
        job_id, subject = (
            None if pd.isna(row[name]) else row[name] for name in ("job_id", "subject")
        )
        plain = {"job_id": job_id, "subject": subject, "since": row["since"]}
        told.append(
            _Said(
                code=row["code"],
                severity=row["severity"],
                title=row["title"],
                hidden_by=None,
                **plain,
            )
        )
        for code in [] if pd.isna(row["explains"]) else row["explains"].split(","):
            told.append(
                _Said(
                    code=code,
                    severity=None,
                    title=None,
                    hidden_by=row["code"],
                    **plain | {"since": pd.NaT},
                )
            )
    return told
