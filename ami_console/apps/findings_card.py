"""What is wrong, the worst first, at the top of the page; or that nothing is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.finding_body import about, body, group_body, since
from ami_console.apps.findings_rows import (
    MOST_UNKNOWNS,
    SEVERITIES,
    Row,
    Unknown,
    counted,
    rows_of,
    unknowns_of,
)
from ami_console.apps.formats import ago, clock, in_zone
from ami_console.apps.told import Places, Told
from ami_console.diagnosis import CHECKS, Finding
from ami_console.live_diagnosis import Judged

OLD_S = 10.0
"""A judgement that is older is called old, seconds."""

MOST_JOBS = 12
"""Numbers of jobs in a line."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What the page knows besides the findings.

    Attributes:
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
        is_live: Whether there will be another judgement.
        every_s: Pause between two judgements, seconds.
        chosen: The job that the reader looks at.
        names: Names of the jobs.
        running: How many jobs run.
        failure: Why the last judgement failed; ``None``: it did not.
        of_job: Whether only the chosen job is told of.
    """

    as_of: pd.Timestamp
    zone: ZoneInfo
    is_live: bool = True
    every_s: float = 2.0
    chosen: int | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    running: int = 0
    failure: str | None = None
    of_job: bool = False


def findings_card(judged: Judged | None, scene: Scene) -> Told:
    """Findings in rows that unfold, what can't be told, and how old all of that is.

    Args:
        judged: The newest judgement; ``None``: there is none yet.
        scene: What the page knows besides.
    """
    put = Places()
    if judged is None:
        return put.told(_wrapped("", "", _not_judged(scene, put)))
    found = [each for each in judged.findings if each.outcome == "finding"]
    unknowns = unknowns_of(judged.findings)
    warning = _old(judged, scene, put)
    if not found:
        return put.told(_wrapped(warning, "", _calm(judged, unknowns, scene, put, old=warning)))
    rows = rows_of(found, chosen=scene.chosen)
    told = [_row(row, scene, put, is_first=number == 0) for number, row in enumerate(rows.rows)]
    if rows.left_out:
        told.append(f'<p class="note">and {put(str(rows.left_out))} more.</p>')
    told += _unknowns(unknowns, scene, put)
    head = _head(found, judged, scene, put)
    return put.told(_wrapped(warning, head, "".join(told)))


def tab_title(judged: Judged | None, title: str) -> str:
    """The title of the browser's tab, with the number of critical findings."""
    number = counted(judged.findings).get("critical", 0) if judged is not None else 0
    return f"({number}) {title}" if number else title


def _wrapped(warning: str, head: str, content: str) -> str:
    return f'<section class="findings" aria-label="Findings">{warning}{head}{content}</section>'


def _head(found: Sequence[Finding], judged: Judged, scene: Scene, put: Places) -> str:
    counts = "".join(
        f'<span class="state {SEVERITIES[severity].tone}"><i class="mark">'
        f"{SEVERITIES[severity].mark}</i>{put(_number(number, severity))}</span>"
        for severity, number in counted(found).items()
    )
    what = "Needs attention" if any(each.needs_a_human for each in found) else "Worth knowing"
    return (
        f'<div class="fhead"><h2>{what}</h2>{counts}'
        f'<span class="dim">{put(_when(judged, scene))}</span></div>'
    )


def _number(number: int, severity: str) -> str:
    plural = "s" if severity == "warning" and number != 1 else ""
    return f"{formats.count(number)} {severity}{plural}"


def _when(judged: Judged, scene: Scene) -> str:
    if scene.is_live:
        return f"judged {ago(judged.as_of, scene.as_of)}"
    return f"judged as of {clock(judged.as_of, scene.zone, as_of=scene.as_of)}"


def _old(judged: Judged, scene: Scene, put: Places) -> str:
    """That the judgement is old, or that the last one failed; empty: neither."""
    age_s = (scene.as_of - judged.as_of).total_seconds()
    at = clock(judged.as_of, scene.zone, as_of=scene.as_of)
    told = ""
    if scene.is_live and age_s > max(OLD_S, 3 * scene.every_s):
        told = (
            f'<div class="error bad"><strong>Not judged for {put(formats.duration(age_s // 1))}'
            f"</strong>: what stands here is from {put(at)}, and may have changed."
            f"{_why(scene, put)}</div>"
        )
    elif scene.failure is not None:
        told = (
            f'<div class="error warn"><strong>The last look could not be judged</strong>: what '
            f"stands here is from {put(at)}.{_why(scene, put)}</div>"
        )
    return told


def _why(scene: Scene, put: Places) -> str:
    return "" if scene.failure is None else f" {put(scene.failure)}"


def _not_judged(scene: Scene, put: Places) -> str:
    if scene.failure is not None:
        return (
            '<div class="error bad"><strong>Nothing could be judged</strong>: whether something '
            f"is wrong is not known.{_why(scene, put)}</div>"
        )
    told = "The first judgement comes in a moment." if scene.is_live else "Nothing was recorded."
    return f'<div class="calm muted"><b><i class="mark">○</i>Not judged yet</b> {told}</div>'


def _calm(
    judged: Judged, unknowns: Sequence[Unknown], scene: Scene, put: Places, *, old: str
) -> str:
    """One line: nothing is wrong, as far as can be told."""
    number = scene.running
    plural = "s" if number > 1 else ""
    was = "" if scene.is_live else "was " if number < 2 else "were "
    jobs = f"{formats.count(number) if number else 'no'} job{plural} {was}running"
    is_or_was = "is" if scene.is_live and not old else "was"
    is_sure = not unknowns and not old
    state = ("good", "✓") if is_sure else ("muted", "?")
    what = f"Nothing {is_or_was} wrong" + (", as far as can be told" if unknowns else "")
    told = f"{put(jobs)}; " if not scene.of_job else ""
    if scene.of_job:
        what += " with this job"
    line = (
        f'<div class="calm {state[0]}"><b><i class="mark">{state[1]}</i>{what}:</b> '
        f"{told}{put(_when(judged, scene))}</div>"
    )
    return line + "".join(_unknowns(unknowns, scene, put))


def _row(row: Row, scene: Scene, put: Places, *, is_first: bool) -> str:
    """One finding, or many of a kind; the reader's job and the worst are unfolded."""
    first, state = row.first, SEVERITIES[row.first.severity]
    code = formats.escape(first.code)
    is_chosen = first.job_id is not None and first.job_id == scene.chosen
    if len(row.findings) > 1:
        key = f"{code}:{first.severity}"
        who = f'<span class="about">{put(formats.count(len(row.findings)))} {_things(row)}</span>'
        title = put(_title(first))
        when = put(f"the first {since(first, as_of=scene.as_of, zone=scene.zone)}")
        content = group_body(row, put, names=scene.names, as_of=scene.as_of, zone=scene.zone)
        unfolded = ""
    else:
        key = f"{code}:{first.job_id}:{formats.escape(first.subject)}"
        who = about(first, put, names=scene.names, place="f")
        title = put(in_zone(first.title, scene.zone, as_of=scene.as_of))
        when = put(since(first, as_of=scene.as_of, zone=scene.zone))
        content = body(first, put, as_of=scene.as_of, zone=scene.zone)
        unfolded = " open" if is_chosen or (is_first and first.severity == "critical") else ""
    mark = f'<span class="state {state.tone}"><i class="mark">{state.mark}</i>{state.word}</span>'
    chosen = " chosen" if is_chosen else ""
    # A button may not stand in what unfolds: it stands beside it.
    is_button = who.startswith("<button")
    beside = who if is_button and not scene.of_job else ""
    within = "" if is_button else who
    return (
        f'<div class="frow {state.tone}">{beside}'
        f'<details class="finding {state.tone}{chosen}" data-key="{key}"{unfolded}>'
        f'<summary data-focus="s:{key}">{mark}<span class="what"><b>{title}</b>{within}</span>'
        f'<span class="when"><code>{code}</code> {when}</span></summary>{content}</details></div>'
    )


def _things(row: Row) -> str:
    return "sources" if row.first.job_id is None else "jobs"


def _title(finding: Finding) -> str:
    check = CHECKS.get(finding.code)
    return finding.title if check is None else check.title


def _unknowns(unknowns: Sequence[Unknown], scene: Scene, put: Places) -> list[str]:
    """A quiet line for each job and reason."""
    lines = []
    for each in unknowns[:MOST_UNKNOWNS]:
        codes = ", ".join(f"<code>{formats.escape(code)}</code>" for code in each.codes)
        lines.append(
            f'<div class="unknown"><b><i class="mark">?</i>Can\'t tell</b> for {_jobs(each)}: '
            f"{codes}. {put(in_zone(each.why, scene.zone, as_of=scene.as_of))}</div>"
        )
    if len(unknowns) > MOST_UNKNOWNS:
        rest = {job_id for each in unknowns[MOST_UNKNOWNS:] for job_id in each.job_ids}
        lines.append(
            f'<div class="unknown">Nor for {put(formats.count(len(rest)))} more jobs, for other '
            "reasons.</div>"
        )
    return lines


def _jobs(unknown: Unknown) -> str:
    numbers = unknown.job_ids
    if len(numbers) == 1:
        return f"job {numbers[0]}"
    named = ", ".join(map(str, numbers[:MOST_JOBS]))
    more = f" and {len(numbers) - MOST_JOBS} more" if len(numbers) > MOST_JOBS else ""
    return f"{len(numbers)} jobs ({named}{more})"
