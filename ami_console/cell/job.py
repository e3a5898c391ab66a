"""One job of a recording or of a live watch, with all that can be asked of it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console import metrics
from ami_console.cell.found import Findings, findings
from ami_console.cell.job_card import job_card
from ami_console.cell.numbers import Numbers
from ami_console.diagnosis import Rules, verdicts
from ami_console.errors import UnknownJobError
from ami_console.frames import FrameSource
from ami_console.markup import UTC
from ami_console.metrics.what_if import WhatIf, what_if
from ami_console.plain_text import one_line
from ami_console.plots.one_job import OneJob, jobs_of, last_look_at
from ami_console.plots.source import rules_for, story_of, tasks_of, timeline_of
from ami_console.post_mortem import PostMortem, post_mortem
from ami_console.report import report_html
from ami_console.summary import summarise

T = TypeVar("T")

LOG = ("logged_at", "source", "process", "level", "kind", "message")
"""What the lines of a log show; ``.frame("log_events")`` has the parsed fields too."""


class Job(OneJob):
    """One job. A source of frames itself: ``plots.throughput(job)`` draws it.

    Of a live watch everything is as of the last look, and grows with it.
    """

    def __init__(
        self, source: FrameSource, job_id: int, *, as_of: pd.Timestamp | str | None = None
    ) -> None:
        """Look a job up.

        Args:
            source: A recording, or what a watch saw.
            job_id: Its number.
            as_of: Seen as it was then, such as ``"2026-11-23T15:20Z"`` (without a zone: UTC);
                ``None``: all that is known.

        Raises:
            UnknownJobError: Nothing is known of it.
        """
        known = jobs_of(source)
        if job_id not in known:
            told = ", ".join(map(str, known)) or "none"
            raise UnknownJobError(f"nothing is known of job {job_id}; jobs to choose from: {told}")
        super().__init__(source, job_id, until=None if as_of is None else _instant(as_of))
        self._kept: dict[str, tuple[pd.Timestamp | None, Any]] = {}

    @property
    def as_of(self) -> pd.Timestamp | None:
        """The instant that it is seen from."""
        return self._until or self.last_at

    @property
    def name(self) -> str | None:
        """What people call it; ``None``: Antenna has not told."""
        told = self.frame("jobs")["name"].dropna()
        return str(told.iloc[-1]) if len(told) else None

    @property
    def status(self) -> str | None:
        """Its last known status, such as ``STARTED`` or ``SUCCESS``; ``None``: not known."""
        status: str | None = self.summary()["status"]
        return status

    @property
    def rules(self) -> Rules | None:
        """What the platform does by itself, where the source knows."""
        return rules_for(self.whole)

    def summary(self) -> Numbers:
        """Its numbers, as ``ami-console summary`` tells them; what is unknown is ``None``."""
        return self._keep("summary", lambda: Numbers(summarise(self, self.job_id)))

    def findings(self, as_of: pd.Timestamp | str | None = None) -> Findings:
        """What is wrong with it and with the sources, the worst first.

        Args:
            as_of: The instant judged at; ``None``: the one that the job is seen from.
        """
        if as_of is not None:
            return findings(self, as_of=_instant(as_of))
        return self._keep("findings", lambda: findings(self, as_of=self.as_of))

    def verdicts(self) -> pd.DataFrame:
        """Every verdict on it and on the sources so far, one row each.

        Returns:
            ``job_id`` (Int64), ``subject``, ``code``, ``severity``, ``title`` (string), ``since``
            the state's begin, ``spoken_at`` when it had held for long enough, ``ended_at``,
            ``withdrawn_at`` (datetime64[ns, UTC]; missing while it stands), ``end`` (stands,
            over, unknown), ``hidden_by`` (string).
        """
        told: pd.DataFrame = self._keep(
            "verdicts",
            lambda: verdicts(
                self.whole,
                as_of=self.as_of or pd.Timestamp(0, tz="UTC"),
                job_ids=[self.job_id],
                since=self.first_at,
                rules=self.rules,
            ),
        )
        return told.copy()

    def timeline(self) -> pd.DataFrame:
        """How it went from look to look, one row each, sorted by ``observed_at``.

        Returns:
            ``job_id``, ``settled_total`` images, ``num_pending``, ``num_ack_pending``,
            ``num_redelivered``, ``redeliveries_total``, ``latency_n`` (Int64), ``observed_at``
            (datetime64[ns, UTC]), ``acked_per_min``, ``acked_per_min_so_far``,
            ``redeliveries_per_min``, ``latency_p50_s``, ``latency_p95_s``, ``latency_p99_s``,
            ``eta_s`` seconds (Float64), ``latency_is_estimate`` (boolean). More of each:
            :func:`ami_console.metrics.timeline`.
        """
        return timeline_of(self, None, None)

    def tasks(self) -> pd.DataFrame:
        """Its tasks (an image each), in the order in which they were acknowledged.

        Returns:
            ``stream_seq``, ``delivery``, ``max_delivery``, ``acks`` (Int64), ``image_id``
            (string), ``stored_at``, ``first_delivered_at``, ``delivered_at``, ``posted_at``,
            ``acked_at`` (datetime64[ns, UTC]), ``queue_wait_s``, ``service_time_s``,
            ``save_time_s``, ``in_flight_s``, ``latency_s`` in seconds, each with how far it may
            be off (``…_error_s``; Float64), ``is_late``, ``is_discarded``, ``is_estimate``
            (boolean; True: nothing told of single tasks). More of each:
            :func:`ami_console.metrics.task_times`.
        """
        return self._keep("tasks", lambda: tasks_of(self, None, None)).copy()

    def attempts(self) -> pd.DataFrame:
        """How many tasks needed how many attempts: ``job_id``, ``delivery``, ``tasks`` (Int64)."""
        return metrics.attempts(self.tasks())

    def story(self) -> pd.DataFrame:
        """What happened to it, event by event.

        Returns:
            ``at``, ``until_at`` (datetime64[ns, UTC]), ``at_error_s`` (Float64), ``is_open``
            (boolean), ``kind``, ``subject``, ``severity``, ``title``, ``reason`` (string).
        """
        return story_of(self, self.job_id, None).happenings

    def workers(self) -> pd.DataFrame:
        """Who fetched its images and posted results, as far as logs tell: a row per client.

        Columns: :func:`ami_console.metrics.workers`.
        """
        return metrics.workers(self.frame("log_events"))

    def log(
        self,
        since: pd.Timestamp | str | None = None,
        until: pd.Timestamp | str | None = None,
    ) -> pd.DataFrame:
        """Lines of its log, and of the logs of Antenna's processes about it, oldest first.

        Args:
            since: Not before this instant (without a zone: UTC); it is included.
            until: Before this instant; it is not included.

        Returns:
            ``logged_at`` (datetime64[ns, UTC]), ``source``, ``process``, ``level``, ``kind``,
            ``message`` (string; tokens and addresses are masked).
        """
        lines = self.frame("log_events")
        if since is not None:
            lines = lines[lines["logged_at"] >= _instant(since)]
        if until is not None:
            lines = lines[lines["logged_at"] < _instant(until)]
        return lines.sort_values("logged_at", kind="stable", ignore_index=True)[list(LOG)]

    def post_mortem(self) -> PostMortem:
        """What went wrong, why, and what tells so; ``.in_words()`` for the text alone."""
        return post_mortem(self.whole, self.job_id, as_of=self._until, rules=self.rules)

    def images(self) -> pd.DataFrame:
        """The images that something happened to: delivered again, given up, lost.

        Returns:
            One row each: ``image_id`` (string), ``stream_seq``, ``deliveries`` (Int64),
            ``first_delivered_at``, ``acked_at`` (datetime64[ns, UTC]), ``outcome`` (string),
            and what else :func:`ami_console.post_mortem.post_mortem` tells of them.
        """
        return self.post_mortem().images

    def what_if(self) -> WhatIf:
        """Another ack wait, one worker more or less: what would have been."""
        return what_if(
            self.tasks(),
            self.frame("consumers"),
            jobs=self.frame("jobs"),
            log_events=self.frame("log_events"),
            as_of=self.as_of or pd.Timestamp(0, tz="UTC"),
        )

    def report(self, path: str | os.PathLike[str], *, zone: str | ZoneInfo = UTC) -> Path:
        """Write the post-mortem as one page that opens offline.

        Args:
            path: The file, such as ``job.html``.
            zone: Zone of the wall time in it.

        Returns:
            The file.
        """
        written = Path(path)
        written.write_text(
            report_html(
                self.whole,
                self.job_id,
                zone=ZoneInfo(zone) if isinstance(zone, str) else zone,
                as_of=self._until,
                rules=self.rules,
            ),
            encoding="utf-8",
        )
        return written

    def __repr__(self) -> str:
        told = self.summary()
        name = f" {self.name}" if self.name else ""
        state = told["status"] or "status not known"
        return one_line(f"Job({self.job_id}{name}: {state}, {told.progress})")

    def _repr_html_(self) -> str:
        return job_card(
            self.job_id,
            name=self.name,
            numbers=self.summary(),
            found=self.findings(),
            verdicts=self.verdicts(),
            as_of=self.as_of,
        )

    def _keep(self, name: str, compute: Callable[[], T]) -> T:
        """A value, until the source has seen more."""
        seen_at = last_look_at(self.whole)
        kept = self._kept.get(name)
        if kept is None or kept[0] != seen_at:
            kept = self._kept[name] = (seen_at, compute())
        value: T = kept[1]
        return value


def _instant(told: pd.Timestamp | str) -> pd.Timestamp:
    at = pd.Timestamp(told)
    return at.tz_localize("UTC") if at.tzinfo is None else at.tz_convert("UTC")
