"""Findings as rows that a page has room for: many of one kind are one row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ami_console.apps.formats import State
from ami_console.diagnosis import Finding, worst_first

SEVERITIES: dict[str, State] = {
    "critical": State("critical", "✕", "bad"),
    "warning": State("warning", "▲", "warn"),
    "info": State("info", "●", "active"),
}
UNKNOWN = State("can't tell", "?", "muted")

ROOMY = 8
"""Up to so many findings each has a row; of more, those of one code and severity share one."""

ALONE = 2
"""So many of one code and severity keep rows of their own all the same."""

MOST_ROWS = 30
MOST_UNKNOWNS = 4


class Row(NamedTuple):
    """One finding, or several of one code and severity, the oldest first."""

    findings: tuple[Finding, ...]

    @property
    def first(self) -> Finding:
        """The one that speaks for all."""
        return self.findings[0]


class Rows(NamedTuple):
    """What is shown, and how many findings are not."""

    rows: tuple[Row, ...]
    left_out: int


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """What can't be told, and why: of one job, or of several that lack the same."""

    job_ids: tuple[int, ...]
    codes: tuple[str, ...]
    why: str


class Worst(NamedTuple):
    """The worst that is found of a job.

    Attributes:
        rank: 3 critical, 2 warning, 1 info, 0.5 only things that can't be told.
        code: Of the oldest of the worst.
        others: How many findings there are besides.
    """

    rank: float
    code: str
    others: int


_RANKS = {"critical": 3.0, "warning": 2.0, "info": 1.0}


def rows_of(findings: Sequence[Finding], *, chosen: int | None) -> Rows:
    """Findings in rows, the worst first; what can't be told is left out.

    Args:
        findings: Of one judgement.
        chosen: The job that the reader looks at: its findings share no row.
    """
    found = [each for each in worst_first(findings) if each.outcome == "finding"]
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for each in found:
        if each.job_id is None or each.job_id != chosen:
            kinds.setdefault((each.code, each.severity), []).append(each)
    rows: list[Row] = []
    for each in found:
        kind = kinds.get((each.code, each.severity), [])
        is_chosen = chosen is not None and each.job_id == chosen
        if is_chosen or len(found) <= ROOMY or len(kind) <= ALONE:
            rows.append(Row((each,)))
        elif each is kind[0]:
            rows.append(Row(tuple(kind)))
    shown = rows[:MOST_ROWS]
    return Rows(tuple(shown), sum(len(row.findings) for row in rows[MOST_ROWS:]))


def unknowns_of(findings: Sequence[Finding]) -> list[Unknown]:
    """What can't be told: per job and reason, and of many jobs together."""
    by_job: dict[tuple[int, str], list[str]] = {}
    for each in worst_first(findings):
        if each.outcome == "cant_tell" and each.job_id is not None:
            by_job.setdefault((each.job_id, each.why), []).append(each.code)
    if len(by_job) <= MOST_UNKNOWNS:
        return [
            Unknown(job_ids=(job_id,), codes=tuple(codes), why=why)
            for (job_id, why), codes in by_job.items()
        ]
    together: dict[tuple[tuple[str, ...], str], list[int]] = {}
    for (job_id, why), codes in by_job.items():
        together.setdefault((tuple(codes), why), []).append(job_id)
    return [
        Unknown(job_ids=tuple(job_ids), codes=codes, why=why)
        for (codes, why), job_ids in together.items()
    ]


def worst_by_job(findings: Sequence[Finding]) -> Mapping[int, Worst]:
    """The worst that is found of each job of which anything is found, or can't be told."""
    by_job: dict[int, list[Finding]] = {}
    for each in worst_first(findings):
        if each.job_id is not None:
            by_job.setdefault(each.job_id, []).append(each)
    worst = {}
    for job_id, mine in by_job.items():
        found = [each for each in mine if each.outcome == "finding"]
        rank = _RANKS[found[0].severity] if found else 0.5
        worst[job_id] = Worst(rank, (found or mine)[0].code, max(0, len(found) - 1))
    return worst


def counted(findings: Sequence[Finding]) -> dict[str, int]:
    """How many findings there are of each severity that occurs, the worst first."""
    found = [each.severity for each in findings if each.outcome == "finding"]
    return {severity: found.count(severity) for severity in SEVERITIES if severity in found}
