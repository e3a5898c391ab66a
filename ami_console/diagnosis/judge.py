"""Frames and an instant in, findings out: the same for live history and for a recording."""

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

from ami_console import frames
from ami_console.diagnosis.cant_tell import cannot_tell
from ami_console.diagnosis.finding import SEVERITIES, Finding, worst_first
from ami_console.diagnosis.looks import seen
from ami_console.diagnosis.rules import Rules
from ami_console.diagnosis.sheet import instant
from ami_console.diagnosis.spells import Spell, sheets_of, spells_of_jobs, spells_of_sources
from ami_console.frames import FrameSource

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
    sheets = sheets_of(known, rules or Rules(), job_ids, standing)
    told: list[Finding] = []
    for sheet, spells in spells_of_jobs(sheets):
        told += _told(spells, as_of)
        told += cannot_tell(sheet, spells, as_of)
    for spells in spells_of_sources(known, standing):
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
    sheets = sheets_of(known, rules or Rules(), job_ids, {})
    groups = [spells for _, spells in spells_of_jobs(sheets)]
    groups += list(spells_of_sources(known, {}))
    rows = [_row(spell, spells) for spells in groups for spell in spells]
    return frames.table(sorted(rows, key=lambda row: row["spoken_at"]), VERDICTS)


def _row(spell: Spell, group: Sequence[Spell]) -> dict[str, Any]:
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


def _told(spells: Sequence[Spell], as_of: pd.Timestamp) -> list[Finding]:
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
