"""Frames and an instant in, findings out: the same for live history and for a recording."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.diagnosis import checks  # noqa: F401 - it fills the register
from ami_console.diagnosis.check import CHECKS, Check
from ami_console.diagnosis.dwell import GRACE_S, Episode, episodes
from ami_console.diagnosis.finding import SEVERITIES, Finding, Key, worst_first
from ami_console.diagnosis.looks import JobLooks, Seen, seen
from ami_console.diagnosis.rules import Rules
from ami_console.diagnosis.sheet import Sheet, instant
from ami_console.diagnosis.source_sheet import NAMES, SourceSheet
from ami_console.diagnosis.truth import Truth
from ami_console.frames import FrameSource

ENDED_WITHIN_S = 86_400.0
"""Jobs that ended longer ago are judged only when they are asked for."""

VERDICTS: dict[str, str] = {
    "job_id": frames.COUNT,
    "subject": frames.TEXT,
    "code": frames.TEXT,
    "severity": frames.TEXT,
    "title": frames.TEXT,
    "since": frames.TIME,
    "spoken_at": frames.TIME,
    "ended_at": frames.TIME,
    "withdrawn_at": frames.TIME,
    "end": frames.TEXT,
    "hidden_by": frames.TEXT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spell:
    """An episode of one check on one sheet."""

    check: Check
    sheet: Any
    episode: Episode

    @property
    def stands(self) -> bool:
        """Whether it is not withdrawn."""
        return bool(np.isnan(self.episode.withdrawn_s))

    @property
    def job_id(self) -> int | None:
        return self.sheet.looks.job_id if self.check.about == "job" else None

    @property
    def subject(self) -> str | None:
        return self.sheet.looks.source if self.check.about == "source" else None

    @property
    def spoken_s(self) -> float:
        return float(self.sheet.at_s[self.episode.spoken])

    @property
    def until_s(self) -> float:
        return np.inf if self.stands else self.episode.withdrawn_s


def diagnose(
    source: FrameSource,
    *,
    as_of: pd.Timestamp,
    job_ids: Collection[int] | None = None,
    since: pd.Timestamp | None = None,
    before: Sequence[Finding] = (),
    rules: Rules | None = None,
) -> list[Finding]:
    """What is wrong at an instant, the worst first; empty: all is well.

    Args:
        source: Live history or a recording.
        as_of: The instant judged at; nothing later is used.
        job_ids: Only these jobs, and the sources; ``None``: every job that runs, or ended within
            a day.
        since: Do not look further back; ``None``: as far as there is anything.
        before: What was found at the instant before, when ``since`` cuts off where it began.
        rules: What the platform does by itself; as Antenna ships it when not given.

    Returns:
        Findings, and for jobs that run what can't be told and why. What a more specific finding
        explains is left out, and named in its ``explains``.
    """
    known = seen(source, as_of=as_of, since=since, job_ids=job_ids)
    standing = {finding.key: finding for finding in before if finding.outcome == "finding"}
    sheets = _sheets(known, rules or Rules(), job_ids, standing)
    told: list[Finding] = []
    for sheet, spells in _spells_of_jobs(sheets):
        told += _told(spells, as_of)
        told += _cannot_tell(sheet, spells, as_of)
    for spells in _spells_of_sources(known, standing):
        told += _told(spells, as_of)
    return worst_first(told)


def verdicts(
    source: FrameSource,
    *,
    as_of: pd.Timestamp,
    job_ids: Collection[int] | None = None,
    since: pd.Timestamp | None = None,
    rules: Rules | None = None,
) -> pd.DataFrame:
    """Every verdict up to an instant: when it began, spoke, ended and was withdrawn.

    Args:
        source: Live history or a recording.
        as_of: Nothing later is used.
        job_ids: Only these jobs, and the sources; ``None``: all.
        since: Do not look further back; ``None``: as far as there is anything.
        rules: What the platform does by itself; as Antenna ships it when not given.

    Returns:
        One row per episode in the order in which they spoke: the columns of ``VERDICTS``.
        ``since`` the state's begin, ``spoken_at`` when it had held for long enough, ``ended_at``
        when it was seen to be over, ``withdrawn_at`` when that had lasted long enough; both
        missing while it stands. ``end`` is ``stands``, ``over`` or ``unknown`` (it could not be
        seen any more). ``hidden_by`` names the codes that explained it when it spoke; missing:
        it was shown.
    """
    known = seen(source, as_of=as_of, since=since, job_ids=job_ids)
    sheets = _sheets(known, rules or Rules(), job_ids, {})
    groups = [spells for _, spells in _spells_of_jobs(sheets)]
    groups += list(_spells_of_sources(known, {}))
    rows = [_row(spell, spells) for spells in groups for spell in spells]
    return frames.table(sorted(rows, key=lambda row: row["spoken_at"]), VERDICTS)


def _row(spell: _Spell, group: Sequence[_Spell]) -> dict[str, Any]:
    episode = spell.episode
    first, last = (spell.check.tell(spell.sheet, t) for t in (episode.spoken, episode.last))
    hiding = [
        other.check.code
        for other in group
        if spell.check.code in other.check.explains
        and other.spoken_s <= spell.spoken_s < other.until_s
    ]
    return {
        "job_id": spell.job_id,
        "subject": spell.subject,
        "code": spell.check.code,
        "severity": min(first.severity, last.severity, key=SEVERITIES.index),
        "title": last.title,
        "since": instant(episode.began_s),
        "spoken_at": instant(spell.spoken_s),
        "ended_at": instant(episode.ended_s),
        "withdrawn_at": instant(episode.withdrawn_s),
        "end": "stands" if spell.stands else "unknown" if episode.is_unknown else "over",
        "hidden_by": ", ".join(hiding) or None,
    }


def _sheets(
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


def _spells_of_jobs(sheets: Sequence[Sheet]) -> Iterator[tuple[Sheet, list[_Spell]]]:
    for sheet in sheets:
        spells: list[_Spell] = []
        for check in CHECKS.values():
            if check.about == "job":
                spells += _spells(check, sheet)
        yield sheet, spells


def _spells_of_sources(known: Seen, standing: Mapping[Key, Finding]) -> Iterator[list[_Spell]]:
    for looks in known.sources.values():
        if looks.source == "diagnosis":
            continue  # nobody judges himself
        sheet = SourceSheet(looks, known)
        for (code, _, subject), finding in standing.items():
            if subject == looks.source:
                sheet.standing[code] = finding
        spells: list[_Spell] = []
        for check in CHECKS.values():
            if check.about == "source":
                spells += _spells(check, sheet)
        yield spells


def _spells(check: Check, sheet: Any) -> list[_Spell]:
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
    return [_Spell(check=check, sheet=sheet, episode=each) for each in found]


def _since_s(finding: Finding | None) -> float | None:
    if finding is None:
        return None
    return (finding.since if finding.since is not None else finding.as_of).value / 1e9


def _told(spells: Sequence[_Spell], as_of: pd.Timestamp) -> list[Finding]:
    """What stands, without what is explained by something else that stands."""
    standing = [spell for spell in spells if spell.stands]
    explained = {code for spell in standing for code in spell.check.explains}
    codes = {spell.check.code for spell in standing}
    found = []
    for spell in standing:
        check = spell.check
        if check.code in explained:
            continue
        told = check.tell(spell.sheet, spell.episode.last)
        found.append(
            Finding(
                code=check.code,
                severity=told.severity,
                job_id=spell.job_id,
                subject=spell.subject,
                title=told.title,
                since=instant(spell.episode.began_s),
                as_of=as_of,
                evidence=tuple(told.evidence),
                why=told.why,
                next_step=told.next_step,
                doubt=told.doubt,
                disproved_by=check.disproved_by,
                explains=tuple(code for code in check.explains if code in codes),
            )
        )
    return found


def _cannot_tell(sheet: Sheet, spells: Sequence[_Spell], as_of: pd.Timestamp) -> list[Finding]:
    """Checks whose condition is unknown now, of a job that may be running."""
    standing = {spell.check.code for spell in spells if spell.stands}
    explained = {c for spell in spells if spell.stands for c in spell.check.explains}
    found = []
    for check in CHECKS.values():
        passed_over = check.about != "job" or check.code in standing | explained
        if passed_over or not check.needs or sheet.is_over[-1]:
            continue
        truth = sheet.held[check.code].truth
        if not np.isnan(truth[-1]) or not _is_lasting(check, sheet, truth):
            continue
        why = _lacking(check, sheet)
        found.append(
            Finding(
                code=check.code,
                severity="info",
                outcome="cant_tell",
                job_id=sheet.looks.job_id,
                title=f"Can't tell: {check.title[0].lower()}{check.title[1:]}",
                since=instant(_unknown_since_s(sheet.at_s, truth)),
                as_of=as_of,
                why=why,
                next_step="`ami-console doctor` says what each source lacks.",
                disproved_by=check.disproved_by,
            )
        )
    return found


def _is_lasting(check: Check, sheet: Sheet, truth: Truth) -> bool:
    """Whether what is unknown is more than an answer that is late, or a watch that just began."""
    failing = [sheet.failing_s(source)[-1] for source in check.needs]
    unknown_s = sheet.at_s[-1] - _unknown_since_s(sheet.at_s, truth)
    only_look = len(sheet.at_s) == 1
    return only_look or unknown_s >= GRACE_S or not np.isnan(failing).all()


def _unknown_since_s(at_s: Any, truth: Any) -> float:
    known = np.flatnonzero(~np.isnan(truth))
    return float(at_s[known[-1] + 1] if known.size else at_s[0])


def _lacking(check: Check, sheet: Sheet) -> str:
    """Why a check can't tell: which of its sources is silent, or which number is missing."""
    reasons = []
    for source in check.needs:
        part = {"nats": "consumers", "redis": "counters", "antenna": "jobs"}[source]
        failing_s = sheet.failing_s(source)[-1]
        read_s = sheet.read_s(part)[-1]
        if not np.isnan(failing_s):
            since = instant(failing_s)
            reasons.append(f"{NAMES[source]} can't be read since {since:%H:%M:%S} UTC")
        elif np.isnan(read_s):
            reasons.append(f"{NAMES[source]} told nothing of this job")
        elif sheet.at_s[-1] - read_s > 15.0:
            reasons.append(f"{NAMES[source]} was last read at {instant(read_s):%H:%M:%S} UTC")
    if not reasons:
        reasons.append(f"a number is missing among {', '.join(check.columns)}")
    text = "; ".join(reasons)
    return f"{text[0].upper()}{text[1:]}."


def visible(table: pd.DataFrame) -> pd.DataFrame:
    """Verdicts that were shown, without those that a more specific one explained."""
    return table[table["hidden_by"].isna()].reset_index(drop=True)


__all__ = ["VERDICTS", "Finding", "diagnose", "verdicts", "visible"]
