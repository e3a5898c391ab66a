"""What was seen of the live sources, once or for a while: a source of frames, as a recording is."""

import time

import pandas as pd

from ami_console.cell.found import Findings, findings
from ami_console.cell.progress import Progress
from ami_console.cell.tables import jobs_table, sources_line, sources_table
from ami_console.collector import Collector
from ami_console.diagnosis import Rules
from ami_console.history import History
from ami_console.live_diagnosis import rules_of
from ami_console.markup import card, duration, instant, paragraph
from ami_console.metrics import fleet, source_ages
from ami_console.settings import Settings

STEP_S = 0.2


class Seen:
    """What was seen of Antenna, NATS and Redis; a :class:`~ami_console.frames.FrameSource`."""

    def __init__(self, history: History, settings: Settings) -> None:
        """Args: ``history`` holds it, ``settings`` say how it was seen."""
        self._history, self._settings = history, settings

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Rows of one frame, sorted by ``observed_at`` and ``job_id``.

        Args:
            name: A key of ``ami_console.frames.FRAMES``, such as ``"jobs"`` or ``"consumers"``.
            job_id: Only this job's rows, where the frame has jobs.
            since: Not before this instant; it is included.
            until: Not after this instant; it is included.
        """
        rows = self._history.frame(name, job_id=job_id, since=since, until=until)
        return _ordered(rows)

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """The last row of each thing, nothing later than ``until``."""
        return _ordered(self._history.latest(name, until=until))

    def jobs(self) -> list[int]:
        """Numbers of the jobs that any source told something of, in order."""
        told = {
            "jobs": lambda rows: rows["status"].notna(),
            "consumers": lambda rows: rows["stream_exists"].fillna(False).astype(bool),
            "counters": lambda rows: rows["total"].notna(),
            "log_events": lambda rows: rows["job_id"].notna(),
        }
        found = {name: self._history.latest(name) for name in told}
        known = (rows.loc[told[name](rows), "job_id"] for name, rows in found.items())
        return sorted({int(job_id) for each in known for job_id in each})

    @property
    def first_at(self) -> pd.Timestamp | None:
        """When the first answer came; ``None``: none came."""
        first = self._history.frame("reads")["observed_at"].min()
        return None if pd.isna(first) else first

    @property
    def last_at(self) -> pd.Timestamp | None:
        """When the last answer came; ``None``: none came."""
        last = self._history.latest("reads")["observed_at"].max()
        return None if pd.isna(last) else last

    @property
    def rules(self) -> Rules:
        """What the platform does by itself, as the settings tell."""
        return rules_of(self._settings)

    def fleet(self) -> pd.DataFrame:
        """All jobs, a row each: :func:`ami_console.metrics.fleet` as of the last answer."""
        return fleet(self, as_of=self._as_of())

    def sources(self) -> pd.DataFrame:
        """Each source and its last answer: :func:`ami_console.metrics.source_ages`."""
        return source_ages(self._history.latest("reads"), as_of=self._as_of())

    def findings(self, job: int | None = None) -> Findings:
        """What is wrong, the worst first; a state must hold for a while before it is called so.

        Args:
            job: Only this job, and the sources.
        """
        return findings(self, job=job)

    def _as_of(self) -> pd.Timestamp:
        return self.last_at or pd.Timestamp(0, tz="UTC")


class Look(Seen):
    """One look at every source, and what each of them said."""

    @property
    def ok(self) -> bool:
        """Whether every source answered."""
        return bool(self._history.latest("reads")["ok"].fillna(False).all())

    def __repr__(self) -> str:
        told = f"{sources_line(self.sources())}; {_jobs(self)}"
        return f"Look at {instant(self.last_at)}: {told}"

    def _repr_html_(self) -> str:
        return card(
            f"One look, {instant(self.last_at)}",
            sources_table(self.sources()),
            jobs_table(self.fleet()),
        )


class Watched(Seen):
    """What a watch saw, look by look, the last hours of it.

    It grows while the watch goes on: plots, frames and findings are of all that was seen so far.
    """

    def __init__(self, collector: Collector) -> None:
        """Args: ``collector`` looks, and has not begun yet."""
        super().__init__(collector.history, collector.settings)
        self._collector = collector

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._collector.running

    def go_on(self, for_s: float | None = 30.0) -> None:
        """Watch for so long, and say meanwhile what is seen; may be called again.

        What was seen stays when it is interrupted.

        Args:
            for_s: How long, seconds; ``None``: in the background, until :meth:`stop`.
        """
        self._collector.start()
        if for_s is None:
            return
        end = time.monotonic() + for_s
        with Progress() as progress:
            try:
                while (left_s := end - time.monotonic()) > 0:
                    progress.say(f"watching, {left_s:.0f} s more: {self._news()}")
                    time.sleep(min(STEP_S, left_s))
            finally:
                self._collector.stop()
                progress.end(
                    f"watched for {duration(round(for_s - max(0.0, left_s)))}: {self._news()}"
                )

    def stop(self) -> None:
        """End the watch and close all connections; what was seen stays."""
        self._collector.stop()

    def __repr__(self) -> str:
        return f"Watched {self._span()}: {self._news()}"

    def _repr_html_(self) -> str:
        found = self.findings()
        return card(
            f"Watched {self._span()}",
            paragraph(found.headline()),
            found.html(),
            jobs_table(self.fleet()),
            sources_table(self.sources()),
        )

    def _news(self) -> str:
        return f"{sources_line(self.sources())}; {_jobs(self)}"

    def _span(self) -> str:
        first_at, last_at = self.first_at, self.last_at
        if first_at is None or last_at is None:
            return "nothing yet"
        going = ", and it goes on" if self.running else ""
        took = duration(round((last_at - first_at).total_seconds()))
        return f"for {took}, until {instant(last_at)}{going}"


def _jobs(seen: Seen) -> str:
    number = len(seen.jobs())
    return f"{number} job{'' if number == 1 else 's'}"


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    by = [column for column in ("observed_at", "job_id") if column in rows]
    return rows.sort_values(by, kind="stable", ignore_index=True)
