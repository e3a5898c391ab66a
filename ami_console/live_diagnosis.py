"""The verdicts of a live watch: judged at every look, recorded, and handed to who wants them."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pandas as pd

from ami_console.diagnosis import Finding, Rules, diagnose
from ami_console.frames import FrameSource
from ami_console.history import History
from ami_console.instants import now_ns
from ami_console.reading import Reading, SourceName
from ami_console.settings import Settings

log = logging.getLogger(__name__)

WINDOW_S = 600.0
"""How far back each look is judged by, seconds; what stands already is carried on from the last."""

EVERY_S = 2.0
"""Verdicts need some looks to speak, so that more often than this tells nothing new."""

LOOK_BACK_S = 7200.0
"""How far back a recording is read to judge an instant of it, seconds."""

RESTART_S = 600.0
"""What stood when the last watch ended, no longer ago than this, is taken to go on."""

_END_WITHIN_S = 10.0

Watcher = Callable[[Sequence[Finding], pd.Timestamp], None]


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found at an instant."""

    as_of: pd.Timestamp
    findings: Sequence[Finding] = field(default=())


class LiveDiagnosis:
    """Judges a history at every look, on a thread of its own; a source that pushes.

    Each judgement is a reading of the source ``diagnosis``: its rows are the ``findings``, and
    that it is there without a row means that all was well. One that fails is recorded as a gap.
    """

    name: ClassVar[SourceName] = "diagnosis"

    def __init__(self, history: History, settings: Settings) -> None:
        """Nothing is judged yet."""
        self._history = history
        self._every_s = max(EVERY_S, settings.every_s)
        self._rules = rules_of(settings)
        self._watchers: list[Watcher] = []
        self._finish = threading.Event()
        self._thread: threading.Thread | None = None
        self._judged: Judged | None = None

    @property
    def judged(self) -> Judged | None:
        """The newest judgement; ``None`` before the first."""
        return self._judged

    def add_watcher(self, watcher: Watcher) -> None:
        """Call ``watcher`` with the findings of each look, on the thread that judges."""
        self._watchers.append(watcher)

    def start(self, deliver: Callable[[Reading], None]) -> None:
        """Judge until :meth:`stop`; each judgement is delivered as a reading."""
        self._finish.clear()
        self._thread = threading.Thread(
            target=self._judge_on, args=(deliver,), name="diagnosis", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Judge no more; it can be started again."""
        self._finish.set()
        if self._thread is not None:
            self._thread.join(_END_WITHIN_S)
            self._thread = None

    def _judge_on(self, deliver: Callable[[Reading], None]) -> None:
        pause_s = self._every_s
        while not self._finish.wait(pause_s):
            reading = self.judge(pd.Timestamp(now_ns(), tz="UTC"))
            deliver(reading)
            pause_s = max(self._every_s, reading.elapsed_s or 0.0)  # half a processor at most

    def judge(self, as_of: pd.Timestamp) -> Reading:
        """Judge as of an instant, and tell the watchers.

        The first time all of the history counts, which may hold what was recorded before a
        restart; after that the last minutes, and what stood.
        """
        began = time.monotonic()
        since = None if self._judged is None else as_of - pd.Timedelta(seconds=WINDOW_S)
        before = () if self._judged is None else self._judged.findings
        try:
            findings = diagnose(
                self._history, as_of=as_of, since=since, before=before, rules=self._rules
            )
            self._judged = Judged(as_of, findings)
            for watcher in self._watchers:
                watcher(findings, as_of)
        except Exception as error:  # the watch over the sources must go on
            log.exception("the look at %s could not be judged", as_of)
            return Reading(
                source=self.name,
                observed_at=as_of.value,
                ok=False,
                error=f"judging failed in an unexpected way ({type(error).__name__}); see the log",
                elapsed_s=time.monotonic() - began,
            )
        rows = [finding.as_row() for finding in findings if finding.outcome == "finding"]
        return Reading(
            source=self.name,
            observed_at=as_of.value,
            elapsed_s=time.monotonic() - began,
            requests=0,
            bytes=0,
            rows={"findings": rows},
        )


def diagnose_recorded(
    source: FrameSource,
    *,
    as_of: pd.Timestamp,
    job_ids: Collection[int] | None = None,
    rules: Rules | None = None,
) -> list[Finding]:
    """What was wrong at an instant of a recording, the worst first.

    It looks back :data:`LOOK_BACK_S`; what stood before that, and was recorded, is carried on.

    Args:
        source: The recording.
        as_of: The instant judged at.
        job_ids: Only these jobs, and the sources; ``None``: all.
        rules: What the platform does by itself; as Antenna ships it when not given.
    """
    since = as_of - pd.Timedelta(seconds=LOOK_BACK_S)
    before = last_recorded(source, as_of=since)
    return diagnose(source, as_of=as_of, job_ids=job_ids, since=since, before=before, rules=rules)


def last_recorded(source: FrameSource, *, as_of: pd.Timestamp) -> list[Finding]:
    """What stood when a recording was last judged, if that is no longer ago than a restart takes.

    Args:
        source: The recording, or a history that was loaded from it.
        as_of: The instant seen from.
    """
    reads = source.latest("reads", until=as_of)
    judged = reads[(reads["source"] == "diagnosis").fillna(False) & reads["ok"].fillna(False)]
    if judged.empty:
        return []
    last_at = judged["observed_at"].max()
    if (as_of - last_at).total_seconds() > RESTART_S:
        return []
    rows = source.frame("findings", since=last_at, until=last_at)
    return [Finding.from_row(row) for row in rows.to_dict("records")]


def rules_of(settings: Settings) -> Rules:
    """What the platform does by itself, as the settings tell."""
    return Rules(
        health_check_every_s=settings.health_check_every_s,
        health_check_idle_s=settings.health_check_idle_s,
    )
