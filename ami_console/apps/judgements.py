"""What is judged of a feed, computed once for all its pages, and not more often than needed."""

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd

from ami_console.apps.feed import Feed
from ami_console.apps.findings_rows import Worst, worst_by_job
from ami_console.apps.spoken import Spoken
from ami_console.diagnosis import Line, consistency, outlook, verdicts
from ami_console.live_diagnosis import WINDOW_S, Judged
from ami_console.one_job import OneJob

T = TypeVar("T")

JOB_EVERY_S = 6.0
"""Each open job costs a twentieth of a second; its countdown goes on meanwhile."""

HISTORY_EVERY_S = 10.0
"""What was said so far changes rarely."""


class Judgements:
    """Findings, outlook, consistency and verdicts of one feed."""

    def __init__(self, feed: Feed) -> None:
        """Nothing is judged yet."""
        self._feed = feed
        self._lock = threading.RLock()
        self._kept: dict[Hashable, tuple[pd.Timestamp, Any]] = {}
        self._spoken = Spoken(feed)

    def judged(self) -> Judged | None:
        """The newest judgement; ``None`` before the first."""
        with self._lock:
            return self._feed.judged()

    def worst(self) -> Mapping[int, Worst] | None:
        """The worst that is found of each job; ``None``: nothing was judged."""
        judged = self.judged()
        return None if judged is None else worst_by_job(judged.findings)

    @property
    def looked_s(self) -> float | None:
        """How far back a live job is looked at, seconds; ``None``: as far as there is anything."""
        return WINDOW_S if self._feed.is_live else None

    def outlook(self, job_id: int) -> pd.DataFrame:
        """:func:`ami_console.diagnosis.outlook` of one job."""
        return self._keep(("outlook", job_id), JOB_EVERY_S, lambda: self._outlook(job_id))

    def _outlook(self, job_id: int) -> pd.DataFrame:
        as_of = self._feed.as_of()
        return outlook(
            OneJob(self._feed, job_id),
            as_of=as_of,
            job_ids=[job_id],
            since=self._since(as_of),
            rules=self._feed.rules,
        )

    def consistency(self, job_id: int) -> Sequence[Line]:
        """:func:`ami_console.diagnosis.consistency` of one job."""
        return self._keep(("consistency", job_id), JOB_EVERY_S, lambda: self._consistency(job_id))

    def _consistency(self, job_id: int) -> Sequence[Line]:
        as_of = self._feed.as_of()
        return consistency(
            OneJob(self._feed, job_id), job_id, as_of=as_of, since=self._since(as_of)
        )

    def verdicts(self, job_id: int) -> pd.DataFrame:
        """Verdicts so far on a job and on the sources.

        Of a recording they are judged anew; of a live watch, which may have seen hundreds of
        jobs, what it said of all.
        """
        if self._feed.is_live:
            return self._keep("verdicts", HISTORY_EVERY_S, self._said)
        return self._keep(("verdicts", job_id), HISTORY_EVERY_S, lambda: self._anew(job_id))

    def _said(self) -> pd.DataFrame:
        return self._spoken.until(self._feed.as_of())

    def _anew(self, job_id: int) -> pd.DataFrame:
        as_of = self._feed.as_of()
        return verdicts(self._feed, as_of=as_of, job_ids=[job_id], rules=self._feed.rules)

    def _since(self, as_of: pd.Timestamp) -> pd.Timestamp | None:
        return None if self.looked_s is None else as_of - pd.Timedelta(seconds=self.looked_s)

    def _keep(self, key: Hashable, every_s: float, compute: Callable[[], T]) -> T:
        """The value of ``compute``, no older than ``every_s``; of a recording for good."""
        with self._lock:
            as_of = self._feed.as_of()
            kept = self._kept.get(key)
            age_s = None if kept is None else (as_of - kept[0]).total_seconds()
            # A recording stands still, until it is wound on or back.
            is_fresh = age_s is not None and 0 <= age_s < (every_s if self._feed.is_live else 1e-3)
            if kept is None or not is_fresh:
                self._drop_old(as_of)
                kept = self._kept[key] = (as_of, compute())
            value: T = kept[1]
            return value

    def _drop_old(self, as_of: pd.Timestamp) -> None:
        for key, (at, _) in list(self._kept.items()):
            if abs((as_of - at).total_seconds()) > 60:
                del self._kept[key]
