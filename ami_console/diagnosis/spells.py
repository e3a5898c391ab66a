"""Episodes of every check on every job and source of what was seen."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ami_console.diagnosis import checks  # noqa: F401 - it fills the register
from ami_console.diagnosis.check import CHECKS, Check
from ami_console.diagnosis.dwell import Episode, episodes
from ami_console.diagnosis.finding import Finding, Key
from ami_console.diagnosis.looks import JobLooks, Seen
from ami_console.diagnosis.rules import Rules
from ami_console.diagnosis.sheet import Sheet
from ami_console.diagnosis.source_sheet import SourceSheet

ENDED_WITHIN_S = 86_400.0
"""Jobs that ended longer ago are judged only when they are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """An episode of one check on one sheet.

    Attributes:
        check: Which check.
        sheet: Of the job or source that it is about.
        episode: When it began, spoke and ended.
    """

    check: Check
    sheet: Any
    episode: Episode

    @property
    def stands(self) -> bool:
        """Whether it is not withdrawn."""
        return bool(np.isnan(self.episode.withdrawn_s))

    @property
    def job_id(self) -> int | None:
        """The job that it is about."""
        return self.sheet.looks.job_id if self.check.about == "job" else None

    @property
    def subject(self) -> str | None:
        """The source that it is about."""
        return self.sheet.looks.source if self.check.about == "source" else None

    @property
    def spoken_s(self) -> float:
        """When it spoke, s since the epoch."""
        return float(self.sheet.at_s[self.episode.spoken])

    @property
    def until_s(self) -> float:
        """When it was withdrawn; infinite while it stands."""
        return np.inf if self.stands else self.episode.withdrawn_s


def sheets_of(
    known: Seen,
    rules: Rules,
    asked: Collection[int] | None,
    standing: Mapping[Key, Finding],
) -> list[Sheet]:
    """A sheet per job that is judged; jobs of one pipeline know each other."""
    judged = [looks for looks in known.jobs.values() if _is_judged(looks, known, asked)]
    sheets = [
        Sheet(looks, known.sources, as_of=known.as_of, rules=rules, queues=known.queues)
        for looks in judged
    ]
    by_pipeline: dict[str, list[Sheet]] = {}
    for sheet in sheets:
        if sheet.looks.pipeline is not None:
            by_pipeline.setdefault(sheet.looks.pipeline, []).append(sheet)
    for group in by_pipeline.values():
        for sheet in group:
            sheet.mates = [mate for mate in group if mate is not sheet]
    for (code, job_id, _), finding in standing.items():
        for sheet in sheets:
            if sheet.looks.job_id == job_id:
                sheet.standing[code] = finding
    if asked is not None:
        return [sheet for sheet in sheets if sheet.looks.job_id in asked]
    return sheets


def _is_judged(looks: JobLooks, known: Seen, asked: Collection[int] | None) -> bool:
    """Whether a job is judged: not one that ended long ago, or that Antenna was not asked about."""
    jobs = looks.parts.get("jobs")
    if jobs is None:
        antenna = known.sources.get("antenna")
        return antenna is None or not antenna.ok.any()
    ended_s = jobs["finished_at"][-1]
    is_old = jobs["is_final"][-1] == 1 and known.as_of.value / 1e9 - ended_s > ENDED_WITHIN_S
    streams = looks.parts.get("consumers")
    has_stream = streams is not None and streams["stream_exists"][-1] == 1
    return not is_old or has_stream or (asked is not None and looks.job_id in asked)


def spells_of_jobs(sheets: Sequence[Sheet]) -> Iterator[tuple[Sheet, list[Spell]]]:
    """Each job's sheet with the episodes of all checks on it."""
    for sheet in sheets:
        spells: list[Spell] = []
        for check in CHECKS.values():
            if check.about == "job":
                spells += _spells(check, sheet)
        yield sheet, spells


def spells_of_sources(known: Seen, standing: Mapping[Key, Finding]) -> Iterator[list[Spell]]:
    """The episodes of all checks on each source."""
    for looks in known.sources.values():
        if looks.source == "diagnosis":
            continue  # nobody judges himself
        sheet = SourceSheet(looks, known)
        for (code, _, subject), finding in standing.items():
            if subject == looks.source:
                sheet.standing[code] = finding
        spells: list[Spell] = []
        for check in CHECKS.values():
            if check.about == "source":
                spells += _spells(check, sheet)
        yield spells


def _spells(check: Check, sheet: Any) -> list[Spell]:
    with np.errstate(invalid="ignore"):
        held = check.holds(sheet)
        found = episodes(
            sheet.at_s,
            held.truth,
            since_s=held.since_s,
            dwell_s=held.dwell_s,
            clear_s=check.clear_s,
            at_once=sheet.is_over,
            standing_s=_since_s(sheet.standing.get(check.code)),
        )
    sheet.held[check.code] = held
    return [Spell(check=check, sheet=sheet, episode=each) for each in found]


def _since_s(finding: Finding | None) -> float | None:
    if finding is None:
        return None
    return (finding.since if finding.since is not None else finding.as_of).value / 1e9
