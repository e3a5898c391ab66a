"""What is wrong, the worst first: a line or two each, or one of them with all that it rests on."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from rich.text import Text

from ami_console.diagnosis import Finding, worst_first
from ami_console.diagnosis.finding import Evidence, plain
from ami_console.terminal.marks import CANT_TELL, SEVERITIES, State
from ami_console.terminal.words import absent, count, duration, printable, short, told, wrapped

MOST_FOR_ONE = 2
"""Lines that the title of one finding takes where others wait."""


class Worst(NamedTuple):
    """The worst that is found of a job, and how many findings there are besides."""

    state: State
    code: str
    others: int


def worst_by_job(findings: Sequence[Finding]) -> Mapping[int, Worst]:
    """Of each job of which anything is found, or can't be told."""
    by_job: dict[int, list[Finding]] = {}
    for each in worst_first(findings):
        if each.job_id is not None:
            by_job.setdefault(each.job_id, []).append(each)
    worst = {}
    for job_id, mine in by_job.items():
        found = [each for each in mine if each.outcome == "finding"]
        state = SEVERITIES[found[0].severity] if found else CANT_TELL
        worst[job_id] = Worst(state, (found or mine)[0].code, max(0, len(found) - 1))
    return worst


def findings_lines(
    findings: Sequence[Finding], *, as_of: pd.Timestamp, width: int, most: int
) -> list[Text]:
    """Findings, the worst first, and how many there is no room for.

    Args:
        findings: Of one judgement; what can't be told is left out.
        as_of: The instant that ages count from.
        width: Columns of the screen.
        most: Lines that there is room for, at least 1.
    """
    found = [each for each in worst_first(findings) if each.outcome == "finding"]
    lines: list[Text] = []
    for number, finding in enumerate(found):
        mine = _in_short(finding, as_of, width)
        if len(found) > 1:
            mine = _at_most(mine, MOST_FOR_ONE, width)
        is_last = number == len(found) - 1
        mine = _at_most(mine, max(1, most - len(lines) - (not is_last)), width)
        if len(lines) + len(mine) + (not is_last) > most:
            left = len(found) - number
            if len(lines) == most:  # the number of what is left out has no line either
                left += 1
                lines.pop()
            more = f"  and {left} more finding{'s' if left != 1 else ''}"
            lines.append(Text(more, style="dim"))
            break
        lines += mine
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines[:most]


def _at_most(lines: list[Text], most: int, width: int) -> list[Text]:
    if len(lines) <= most:
        return lines
    kept = lines[:most]
    last = kept[-1]
    if last.cell_len > width - 2:
        last.right_crop(len(last) - max(0, last.plain.rfind(" ", 0, width - 2)))
    last.append(" …")
    return kept


def _in_short(finding: Finding, as_of: pd.Timestamp, width: int) -> list[Text]:
    state = SEVERITIES[finding.severity]
    head = f"{state.mark} {state.word:<8} "
    age = "" if finding.since is None else f" {_age(finding.since, as_of)}"
    texts = wrapped(f"{_about(finding)}{age} · {printable(finding.title)}", width, head=head)
    lines = [Text(text) for text in texts]
    lines[0].stylize(state.style, 0, len(head))
    return lines


def _about(finding: Finding) -> str:
    return f"job {finding.job_id}" if finding.job_id is not None else told(finding.subject)


def _age(since: pd.Timestamp, as_of: pd.Timestamp) -> str:
    return f"for {short(max(0.0, (as_of - since).total_seconds()))}"


def finding_lines(finding: Finding, *, as_of: pd.Timestamp, width: int) -> list[Text]:
    """One finding with its evidence, its doubt and what to do.

    Args:
        finding: Of a job or of a source.
        as_of: The instant that its age counts from.
        width: Columns of the screen.
    """
    state = SEVERITIES[finding.severity]
    since = ""
    if finding.since is not None:
        age_s = (as_of - finding.since).total_seconds()
        since = f" · since {finding.since:%H:%M:%S} UTC ({duration(max(0.0, age_s))})"
    about = "" if finding.job_id is not None else f"{_about(finding)} · "
    lines = [
        Text(text, style=state.style)
        for text in wrapped(f"{state.text} · {about}{finding.code}{since}", width, indent=2)
    ]
    title = wrapped(printable(finding.title), width, head="  ")
    lines += [Text(text, style="bold") for text in title]
    parts = [
        ("why", finding.why),
        ("evidence", _evidence(finding.evidence)),
        ("doubt", finding.doubt),
        ("do", finding.next_step),
    ]
    for name, text in parts:
        if text:
            lines += entry(name, printable(text), width)
    return lines


def cant_tell_lines(findings: Sequence[Finding], *, width: int) -> list[Text]:
    """What can't be told, and why: the codes that lack the same together."""
    together: dict[str, list[str]] = {}
    for each in findings:
        if each.outcome == "cant_tell":
            together.setdefault(each.why, []).append(each.code)
    return [
        Text(text, style=CANT_TELL.style)
        for why, codes in together.items()
        for text in wrapped(
            f"{', '.join(codes)}. {printable(why)}", width, head=f"{CANT_TELL.text} ", indent=2
        )
    ]


def entry(name: str, text: str, width: int) -> list[Text]:
    """A named text; on a narrow screen the name is a word of it."""
    indent = 11 if width >= 60 else 4
    head = f"  {name:<{indent - 2}}" if width >= 60 else f"  {name} "
    lines = [Text(line) for line in wrapped(text, width, head=head, indent=indent)]
    lines[0].stylize("dim", 0, len(head))
    return lines


def _evidence(evidence: Sequence[Evidence]) -> str:
    """Numbers by who told them and when."""
    by_read: dict[str, list[str]] = {}
    for each in evidence:
        at = "" if each.observed_at is None else f" {each.observed_at:%H:%M:%S}"
        by_read.setdefault(f"{each.source}{at}", []).append(f"{each.name} {_shown(each)}")
    return "; ".join(f"{source}: {', '.join(values)}" for source, values in by_read.items())


def _shown(each: Evidence) -> str:
    value = plain(each.value)
    if value is None:
        return "unknown"
    if isinstance(each.value, pd.Timestamp):
        return f"{each.value:%H:%M:%S}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return count(value) if isinstance(value, int) and not absent(value) else str(value)
