"""A finding in full: why, what to do, what it rests on, what may be wrong with it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.findings_rows import Row
from ami_console.apps.formats import ago, clock, in_zone
from ami_console.apps.source_strip import NAMES
from ami_console.apps.told import Places
from ami_console.diagnosis import CHECKS, Evidence, Finding

MOST_NAMED = 30
"""Jobs that are named one by one where many have the same."""

LONGEST = 200
"""Characters of a text among the evidence."""


def body(finding: Finding, put: Places, *, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    """All that one finding tells.

    Args:
        finding: The finding.
        put: Takes its texts.
        as_of: The instant that the page is seen from.
        zone: Zone of the wall time.
    """

    def told(text: str) -> str:
        return put(in_zone(text, zone, as_of=as_of))

    parts = []
    if finding.why:
        parts.append(f"<p>{told(finding.why)}</p>")
    parts.append(_step(finding.next_step, put))
    if finding.doubt:
        parts.append(f"<p><b>In doubt</b> {told(finding.doubt)}</p>")
    if finding.disproved_by:
        parts.append(f"<p><b>Wrong if</b> {told(finding.disproved_by)}</p>")
    if finding.explains:
        codes = ", ".join(_code(code) for code in finding.explains)
        parts.append(f'<p class="dim"><b>Explains</b> {codes}, which hold too.</p>')
    rests_on = ""
    if finding.evidence:
        rests_on = _evidence(finding.evidence, put, as_of=as_of, zone=zone)
    return f'<div class="body split"><div>{"".join(parts)}</div>{rests_on}</div>'


def group_body(
    row: Row,
    put: Places,
    *,
    names: Mapping[int, str],
    as_of: pd.Timestamp,
    zone: ZoneInfo,
) -> str:
    """What many findings of one kind have in common, and a line for each of them.

    Args:
        row: The findings.
        put: Takes their texts.
        names: Names of the jobs.
        as_of: The instant that the page is seen from.
        zone: Zone of the wall time.
    """
    parts = []
    check = CHECKS.get(row.first.code)
    if check is not None:
        parts += [f"<p>{put(check.meaning)}</p>", _step(check.next_step, put)]
    lines = [
        f"<li>{about(each, put, names=names, place='g')} "
        f"{put(in_zone(each.title, zone, as_of=as_of))}"
        f' <span class="dim">{put(since(each, as_of=as_of, zone=zone))}</span></li>'
        for each in row.findings[:MOST_NAMED]
    ]
    more = len(row.findings) - MOST_NAMED
    if more > 0:
        lines.append(f'<li class="dim">and {more} more: see “Finding” in the table of jobs.</li>')
    return f'<div class="body">{"".join(parts)}<ul>{"".join(lines)}</ul></div>'


def about(finding: Finding, put: Places, *, names: Mapping[int, str], place: str) -> str:
    """Which job, as a button that chooses it, or which source.

    Args:
        finding: The finding.
        put: Takes the job's name.
        names: Names of the jobs.
        place: Tells this button from another of the same job and code.
    """
    if finding.job_id is None:
        name = NAMES.get(str(finding.subject))
        return f'<span class="about">{name or put(str(finding.subject))}</span>'
    job_id = int(finding.job_id)
    name = names.get(job_id, "")
    more = f' <span class="name">{put(name)}</span>' if name else ""
    focus = formats.escape(f"{place}:{finding.code}:{job_id}")
    return (
        f'<button class="about" data-job="{job_id}" data-focus="{focus}" '
        f'title="Show this job">Job {job_id}{more}</button>'
    )


def since(finding: Finding, *, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    """Since when, and for how long."""
    if finding.since is None:
        return "since when is not known"
    lasted_s = max(0.0, (as_of - finding.since).total_seconds()) // 1
    return f"since {clock(finding.since, zone, as_of=as_of)}, {formats.duration(lasted_s)}"


def _step(step: str, put: Places) -> str:
    """What to do; what stands between backticks is a command."""
    if not step:
        return ""
    parts = re.split(r"`([^`]+)`", step)
    told = [
        f'<span class="cmd"><code>{put(part)}</code><button class="copy">copy</button></span>'
        if number % 2
        else put(part)
        for number, part in enumerate(parts)
    ]
    return f'<p class="step"><b>Next step</b> {"".join(told)}</p>'


def _evidence(
    evidence: Sequence[Evidence], put: Places, *, as_of: pd.Timestamp, zone: ZoneInfo
) -> str:
    rows = []
    for each in evidence:
        by = NAMES.get(each.source) or formats.escape(each.source)
        at = put(clock(each.observed_at, zone, as_of=as_of)) if _is_known(each.observed_at) else ""
        name = formats.escape(each.name).replace("_", "_<wbr>")
        rows.append(
            f"<dt>{name}</dt><dd>{put(_value(each.value, zone, as_of))}</dd>"
            f'<dd class="dim">{by} {at}</dd>'
        )
    return f'<dl class="evidence">{"".join(rows)}</dl>'


def _value(value: Any, zone: ZoneInfo, as_of: pd.Timestamp) -> str:
    """A value among the evidence; what is unknown says so."""
    if isinstance(value, list | tuple | dict):
        text = str(value)
    elif formats.absent(value):
        return "unknown"
    elif isinstance(value, pd.Timestamp):
        return (
            f"{clock(value, zone, as_of=as_of)} ({ago(value, as_of)})"
            if value <= as_of
            else (clock(value, zone, as_of=as_of))
        )
    elif isinstance(value, bool | str):
        text = str(value)
    else:
        number = float(value)
        return formats.count(number) if number.is_integer() else f"{number:,.3g}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _code(code: str) -> str:
    return f"<code>{formats.escape(code)}</code>"


def _is_known(instant: Any) -> bool:
    return not formats.absent(instant)
