"""What can't be told of a job at present, and why."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ami_console.diagnosis.check import CHECKS, Check
from ami_console.diagnosis.dwell import GRACE_S
from ami_console.diagnosis.finding import Finding
from ami_console.diagnosis.sheet import FRESH_S, Sheet, instant
from ami_console.diagnosis.source_sheet import NAMES
from ami_console.diagnosis.spells import Spell
from ami_console.diagnosis.truth import Truth


def cannot_tell(sheet: Sheet, spells: Sequence[Spell], as_of: pd.Timestamp) -> list[Finding]:
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
        elif sheet.at_s[-1] - read_s > FRESH_S:
            reasons.append(f"{NAMES[source]} was last read at {instant(read_s):%H:%M:%S} UTC")
    if not reasons:
        frames = dict.fromkeys(column.partition(".")[0] for column in check.columns)
        reasons.append(f"a number is missing that it needs of {', '.join(frames)}")
    text = "; ".join(reasons)
    return f"{text[0].upper()}{text[1:]}."
