"""What all pages of one feed share: one subscription, and each number computed once per news."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

import pandas as pd

from ami_console import charts, frames, metrics
from ami_console.apps.feed import Feed, Unsubscribe
from ami_console.apps.fleet_details import Details, FleetDetails
from ami_console.apps.job import Evidence, Job, evidence_of
from ami_console.apps.judgements import Judgements
from ami_console.apps.lines import Lines
from ami_console.apps.logged import with_logged_jobs
from ami_console.apps.reads import GapReads
from ami_console.apps.task_marks import TaskMarks, task_marks
from ami_console.apps.view import Window
from ami_console.metrics.fleet import STALE_AFTER_S

T = TypeVar("T")


EVIDENCE_EVERY_S = 6.0
"""Single tasks are gone through again no more often than this."""

EVIDENCE_SHARE = 1 / 15
"""And for at most this share of the time."""


class Drawn(NamedTuple):
    """Rows of :func:`ami_console.charts.bucketed`, and the width of their buckets in seconds."""

    rows: pd.DataFrame
    width_s: int


class Board:
    """One feed's numbers, shared by its pages.

    Attributes:
        feed: What they are of.
        judgements: What is judged of it.
    """

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.judgements = Judgements(feed)
        self._lock = threading.RLock()
        self._listeners: list[Callable[[], None]] = []
        self._unsubscribe: Unsubscribe | None = None
        self._is_stale = False
        self._cache: dict[Hashable, Any] = {}
        self._reads = GapReads(feed)
        self._lines = Lines(feed, is_live=feed.is_live)
        self._details = FleetDetails(feed)
        self._evidence: dict[int, tuple[Evidence, float]] = {}

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Call ``listener`` when there is news, on any thread; the feed sees one subscriber."""
        with self._lock:
            self._listeners.append(listener)
            if self._unsubscribe is None:
                self._is_stale = True
                self._unsubscribe = self.feed.subscribe(self._news)

        def unsubscribe() -> None:
            with self._lock:
                if listener not in self._listeners:
                    return
                self._listeners.remove(listener)
                end = None
                if not self._listeners:
                    end, self._unsubscribe = self._unsubscribe, None
            if end is not None:
                end()

        return unsubscribe

    @property
    def subscribers(self) -> int:
        """How many pages listen."""
        return len(self._listeners)

    def _news(self) -> None:
        self._is_stale = True
        for listener in tuple(self._listeners):
            listener()

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value of ``compute``, kept for all pages until the next news."""
        with self._lock:
            if self._is_stale or (self.feed.is_live and not self._listeners):
                self._is_stale = False
                self._cache.clear()
            if key not in self._cache:
                self._cache[key] = compute()
            value: T = self._cache[key]
            return value

    def fleet(self) -> pd.DataFrame:
        """:func:`ami_console.metrics.fleet` as of now; of a recording with jobs of logs alone."""
        return self.once("fleet", self._fleet)

    def _fleet(self) -> pd.DataFrame:
        as_of = self.feed.as_of()
        since = as_of - pd.Timedelta(seconds=STALE_AFTER_S)
        newest = self.lines().newest(since=since, until=as_of)
        fleet = metrics.fleet(self.feed, as_of=as_of, newest=newest)
        return fleet if self.feed.is_live else with_logged_jobs(fleet, self.feed, as_of=as_of)

    def details(self) -> Details:
        """What the table of jobs tells besides: lost images, ages, rates of the last minutes."""
        return self.once(
            "details",
            lambda: self._details.of(self.fleet(), lines=self.lines(), as_of=self.feed.as_of()),
        )

    def sources(self) -> pd.DataFrame:
        """:func:`ami_console.metrics.source_ages`; its ``age_s`` is of the last news."""
        return self.once("sources", self._sources)

    def _sources(self) -> pd.DataFrame:
        as_of = self.feed.as_of()
        return metrics.source_ages(self.feed.latest("reads", until=as_of), as_of=as_of)

    def gap_reads(self) -> pd.DataFrame:
        """The ``reads`` that tell of gaps."""
        return self.once("reads", lambda: self._reads.until(self.feed.as_of()))

    def watched_since(self) -> pd.Timestamp | None:
        """Since when anything is known; before that nobody looked, or it was let go of."""
        first = self.gap_reads()["observed_at"].min()
        return None if pd.isna(first) else first

    def tap_gaps(self) -> pd.DataFrame:
        """:func:`ami_console.metrics.tap_gaps` as of the last news."""
        return self.once(
            "gaps", lambda: metrics.tap_gaps(self.gap_reads(), as_of=self.feed.as_of())
        )

    def queues(self) -> pd.DataFrame:
        """Newest row of each Celery queue."""
        return self._latest("queues")

    def job(self, job_id: int) -> Job | None:
        """All about one job; None when nothing is known of it."""
        return self.once(("job", job_id), lambda: self._job(job_id))

    def _job(self, job_id: int) -> Job | None:
        fleet = self.fleet()
        mine = fleet[fleet["job_id"] == job_id]
        if mine.empty:
            return None
        as_of = self.feed.as_of()
        stages = self._latest("stages")
        row = dict(mine.iloc[0])
        return Job(
            row=row,
            job=self._newest("jobs", job_id),
            consumer=self._newest("consumers", job_id),
            counters=self._newest("counters", job_id),
            stages=stages[stages["job_id"] == job_id],
            timeline=self.lines().of(job_id, since=None, until=as_of),
            evidence=self._evidence_of(job_id, row, as_of),
        )

    def lines(self) -> Lines:
        """The timelines of all jobs, as of now."""

        def update() -> Lines:
            self._lines.update(self.feed.as_of())
            return self._lines

        return self.once("lines", update)

    def _evidence_of(self, job_id: int, row: dict[str, Any], as_of: pd.Timestamp) -> Evidence:
        """Kept for a while: of a big job it takes longer than a look."""
        kept, rest_s = self._evidence.get(job_id, (None, 0.0))
        if kept is not None:
            age_s = (as_of - kept.as_of).total_seconds()
            if 0 <= age_s < rest_s:
                return kept
        began_s = time.thread_time()
        last = self._latest("jobs")
        found = evidence_of(
            self.feed,
            job_id,
            jobs=last[last["job_id"] == job_id],
            reads=self.gap_reads(),
            redeliveries=row["redeliveries_total"],
            verdicts=self.judgements.verdicts(job_id),
            as_of=as_of,
        )
        took_s = time.thread_time() - began_s
        rest_s = max(EVIDENCE_EVERY_S, took_s / EVIDENCE_SHARE) if self.feed.is_live else 0.0
        self._evidence = {
            each: held
            for each, held in self._evidence.items()
            if abs((as_of - held[0].as_of).total_seconds()) < 10 * EVIDENCE_EVERY_S
        }
        self._evidence[job_id] = found, rest_s
        return found

    def drawn(self, job_id: int, span: Window) -> Drawn:
        """What a job's charts show of a window.

        The window ends at the newest look, of a job that ended at the last that told something.
        """
        return self.once(("drawn", job_id, span.key), lambda: self._drawn(job_id, span))

    def _drawn(self, job_id: int, span: Window) -> Drawn:
        job = self.job(job_id)
        if job is None:
            return Drawn(charts.bucketed(metrics.timeline(frames.empty("consumers")), 0), 0)
        timeline = job.timeline
        if job.is_over:
            known = timeline[list(charts.COLUMNS)].notna().any(axis=1).to_numpy().nonzero()[0]
            timeline = timeline.iloc[: known[-1] + 1] if len(known) else timeline
        if span.begins_at is not None:
            at = timeline["observed_at"]
            timeline = timeline[(at >= span.begins_at) & (at <= span.ends_at)]
        width_s = self.bucket_width_s(timeline, span)
        if span.span_s is not None and len(timeline):
            begin = timeline["observed_at"].iloc[-1] - pd.Timedelta(seconds=span.span_s)
            timeline = timeline[timeline["observed_at"] >= begin]
        return Drawn(charts.bucketed(timeline, width_s), width_s)

    def marks(self, job_id: int, span: Window) -> TaskMarks:
        """What a job's charts show of single tasks in a window."""
        return self.once(("marks", job_id, span.key), lambda: self._marks(job_id, span))

    def _marks(self, job_id: int, span: Window) -> TaskMarks:
        job, rows = self.job(job_id), self.drawn(job_id, span).rows
        if job is None or rows.empty:
            return TaskMarks.none()
        begins_at, ends_at = rows["observed_at"].iloc[[0, -1]]
        shown_s = (ends_at - begins_at).total_seconds()
        if (
            job.is_over and not span.is_fixed
        ):  # acknowledgements may come when nobody looks any more
            ends_at = max(ends_at, job.tasks["acked_at"].max())
        return task_marks(
            job.tasks,
            job.measured,
            begins_at=begins_at,
            ends_at=ends_at,
            width_s=charts.column_width_s(shown_s),
        )

    def bucket_width_s(self, timeline: pd.DataFrame, span: Window) -> int:
        """Width of the buckets of a job's charts, seconds; it grows as the job gets older."""
        if timeline.empty:
            return 0
        ends = timeline["observed_at"].iloc[[0, -1]]
        lived_s = (ends.iloc[1] - ends.iloc[0]).total_seconds()
        shown_s = lived_s if span.span_s is None else min(span.span_s, lived_s)
        return charts.bucket_width_s(shown_s, self.feed.every_s)

    def _latest(self, name: str) -> pd.DataFrame:
        return self.once(("latest", name), lambda: self.feed.latest(name, until=self.feed.as_of()))

    def _newest(self, name: str, job_id: int) -> dict[str, Any]:
        rows = self._latest(name)
        mine = rows[rows["job_id"] == job_id]
        return dict(mine.iloc[-1]) if len(mine) else {}


_board: Board | None = None
_board_lock = threading.Lock()


def board_of(feed: Feed) -> Board:
    """The board of a feed: the same for every page of this process."""
    global _board  # noqa: PLW0603  (one board per feed is the point)
    with _board_lock:
        if _board is None or _board.feed is not feed:
            _board = Board(feed)
        return _board


def forget() -> None:
    """Let go of the board of this process; the next page makes a new one."""
    global _board  # noqa: PLW0603
    with _board_lock:
        _board = None
