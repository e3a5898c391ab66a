"""Findings as a list that reads well in a cell, and as a frame."""

from collections.abc import Iterable

import pandas as pd

from ami_console import frames
from ami_console.diagnosis import Finding, Rules
from ami_console.errors import UnknownJobError
from ami_console.frames import FrameSource
from ami_console.live_diagnosis import diagnose_recorded
from ami_console.markup import Html, card, instant, joined, paragraph
from ami_console.plain_text import one_line
from ami_console.plots.one_job import OneJob, jobs_of, last_look_at
from ami_console.plots.source import rules_for

FINDINGS: dict[str, str] = {
    "job_id": frames.COUNT,
    "subject": frames.TEXT,
    "code": frames.TEXT,
    "severity": frames.TEXT,
    "outcome": frames.TEXT,
    "title": frames.TEXT,
    "since": frames.TIME,
    "as_of": frames.TIME,
    "why": frames.TEXT,
    "next_step": frames.TEXT,
    "doubt": frames.TEXT,
}

MOST = 30
"""Findings that are shown one by one."""


class Findings(list[Finding]):
    """What is wrong, the worst first; empty: nothing is.

    Attributes:
        as_of: The instant judged at; ``None``: nothing was seen that could be judged.
    """

    def __init__(self, found: Iterable[Finding], *, as_of: pd.Timestamp | None) -> None:
        """Args: ``found`` the worst first, ``as_of`` the instant judged at."""
        super().__init__(found)
        self.as_of = as_of

    def frame(self) -> pd.DataFrame:
        """One row per finding, the worst first.

        Returns:
            ``job_id`` (Int64; missing: of a source), ``subject`` (string; the source), ``code``,
            ``severity`` (critical, warning, info), ``outcome`` (finding, cant_tell), ``title``
            (string), ``since``, ``as_of`` (datetime64[ns, UTC]), ``why``, ``next_step``,
            ``doubt`` (string).
        """
        rows = [{column: getattr(each, column) for column in FINDINGS} for each in self]
        return frames.table(rows, FINDINGS)

    def __repr__(self) -> str:
        lines = [self.headline()]
        lines += [f"{each.severity:<8}  {_about(each)}{each.title}" for each in self._found()]
        return "\n".join(map(one_line, lines))

    def _repr_html_(self) -> str:
        return card(self.headline(), self.html())

    def headline(self) -> str:
        """How much is wrong, and as of when."""
        if self.as_of is None:
            return "Not judged: nothing has been seen"
        found = self._found()
        numbers = [
            f"{count} {severity}"
            for severity in ("critical", "warning", "info")
            if (count := sum(each.severity == severity for each in found))
        ]
        unknown = len(self) - len(found)
        told = ", ".join(numbers) or "nothing is wrong"
        sure = f"; {unknown} that can't be told" if unknown else ""
        return f"Findings: {told}{sure}, as of {instant(self.as_of)}"

    def html(self) -> Html:
        """The findings, each of which unfolds; then what can't be told."""
        found = self._found()
        shown = [each.html(is_open=number == 0) for number, each in enumerate(found[:MOST])]
        if len(found) > MOST:
            shown.append(paragraph(f"and {len(found) - MOST} more: see .frame()", dim=True))
        shown += [
            paragraph(f"? Can't tell for {_about(each)}{each.code}: {each.why}", dim=True)
            for each in self[len(found) :][:MOST]
        ]
        return joined(shown)

    def _found(self) -> list[Finding]:
        """They come before what can't be told."""
        return [each for each in self if each.outcome == "finding"]


def _about(finding: Finding) -> str:
    if finding.job_id is not None:
        return f"job {finding.job_id}: "
    return f"{finding.subject}: " if finding.subject else ""


def findings(
    source: FrameSource,
    *,
    job: int | None = None,
    as_of: pd.Timestamp | None = None,
    rules: Rules | None = None,
) -> Findings:
    """What is wrong, or was at an instant, the worst first.

    Args:
        source: A recording, a watch, or a job.
        job: Only this job, and the sources; ``None``: every job that runs, or ended lately.
        as_of: The instant judged at; ``None``: the last look, of one job the last at it.
        rules: What the platform does by itself; as the source was set up, or as Antenna ships it.

    Raises:
        UnknownJobError: The source knows nothing of the job.
    """
    whole = source
    if isinstance(source, OneJob):
        whole, job = source.whole, source.job_id
    elif job is not None and job not in jobs_of(source):
        known = ", ".join(map(str, jobs_of(source))) or "none"
        raise UnknownJobError(f"nothing is known of job {job}; jobs to choose from: {known}")
    if as_of is None:
        one = source if isinstance(source, OneJob) or job is None else OneJob(source, job)
        as_of = last_look_at(one)
    if as_of is None:
        return Findings([], as_of=None)
    found = diagnose_recorded(
        whole,
        as_of=as_of,
        job_ids=None if job is None else [job],
        rules=rules or rules_for(whole),
    )
    return Findings(found, as_of=as_of)
