"""One verdict with its evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
import orjson
import pandas as pd

from ami_console import markup
from ami_console.markup import Html, card, folded, instant, joined, paragraph, safe, state, table

Severity = Literal["critical", "warning", "info"]
Outcome = Literal["finding", "cant_tell"]

SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
"""Worst first. ``critical``: images wait or are lost until somebody acts; ``warning``: somebody
should look at it today; ``info``: worth knowing, nobody has to act."""

Key = tuple[str, int | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One number that a verdict rests on.

    Attributes:
        name: What it is, in the words of the frames, its unit at the end.
        value: The number, text or instant; ``None`` is unknown.
        source: Who told it: a name of ``reads.source``.
        observed_at: When it was read; ``None`` where it was computed over a time.
    """

    name: str
    value: Any
    source: str
    observed_at: pd.Timestamp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with a job or a source, since when, why, and what to do.

    All text is plain and may hold what Antenna's users typed: escape it where it is shown.

    Attributes:
        code: The check that speaks, as in ``docs/checks.md``.
        severity: How much it matters; of ``cant_tell`` always ``info``.
        outcome: ``finding``, or ``cant_tell``: the check lacked data, and ``why`` says which.
        job_id: The job; ``None`` of a source.
        subject: Which source, where it is about one; else ``None``.
        title: What is the case, in one line, with its numbers.
        since: When it began, not when it was noticed; ``None`` where that is unknown.
        as_of: The instant judged at.
        evidence: The numbers that it rests on.
        why: What makes this the verdict, in a sentence or two.
        next_step: What to do: a command or a page.
        doubt: What can't be known, where something can't; else ``None``.
        disproved_by: What one would see if the verdict were wrong.
        explains: Codes of weaker verdicts on the same job that hold too and are hidden.
    """

    code: str
    severity: Severity
    outcome: Outcome = "finding"
    job_id: int | None
    subject: str | None = None
    title: str
    since: pd.Timestamp | None
    as_of: pd.Timestamp
    evidence: Sequence[Evidence] = ()
    why: str
    next_step: str
    doubt: str | None = None
    disproved_by: str = ""
    explains: Sequence[str] = field(default=())

    @property
    def key(self) -> Key:
        """What tells one episode's finding from another's: code, job, subject."""
        return self.code, self.job_id, self.subject

    @property
    def needs_a_human(self) -> bool:
        """Whether somebody has to look at it."""
        return self.outcome == "finding" and self.severity != "info"

    def as_row(self) -> dict[str, Any]:
        """A row of the ``findings`` frame."""
        held = {each.name: plain(each.value) for each in self.evidence}
        return {
            "observed_at": self.as_of.value,
            "job_id": self.job_id,
            "subject": self.subject,
            "code": self.code,
            "severity": self.severity,
            "title": self.title,
            "since": None if self.since is None else self.since.value,
            "evidence": orjson.dumps(held).decode(),
            "explains": ",".join(self.explains) or None,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """What a row of the ``findings`` frame tells of a finding; it has no text but the title."""
        held = {} if pd.isna(row["evidence"]) else orjson.loads(row["evidence"])
        return cls(
            code=row["code"],
            severity=row["severity"],
            job_id=None if pd.isna(row["job_id"]) else int(row["job_id"]),
            subject=None if pd.isna(row["subject"]) else row["subject"],
            title=row["title"],
            since=None if pd.isna(row["since"]) else row["since"],
            as_of=row["observed_at"],
            evidence=tuple(
                Evidence(name=name, value=value, source="diagnosis") for name, value in held.items()
            ),
            why="",
            next_step="",
            explains=() if pd.isna(row["explains"]) else tuple(row["explains"].split(",")),
        )

    def html(self, *, is_open: bool = True) -> Html:
        """All that it tells, as a line that unfolds."""
        mark, tone = markup.SEVERITIES[self.severity]
        about = f"job {self.job_id}: " if self.job_id is not None else ""
        since = "" if self.since is None else f" since {instant(self.since)}"
        head = Html(
            f"{state(self.severity, mark, tone)} {safe(about + self.title)} "
            f'<span class="ami-dim"><code>{safe(self.code)}</code>{since}</span>'
        )
        told = {
            "": self.why,
            "Next: ": self.next_step,
            "In doubt: ": self.doubt,
            "Wrong if: ": self.disproved_by,
            "Explains: ": ", ".join(self.explains),
        }
        parts = [paragraph(f"{name}{text}") for name, text in told.items() if text]
        body = joined([*parts, _evidence(self.evidence)])
        return folded(head, body, tone=tone, is_open=is_open)

    def _repr_html_(self) -> str:
        return card(f"Finding as of {instant(self.as_of)}", self.html())

    def as_json(self) -> dict[str, Any]:
        """A JSON object: instants as ISO 8601 in UTC, unknown as ``None``."""
        return {
            "code": self.code,
            "severity": self.severity,
            "outcome": self.outcome,
            "job_id": self.job_id,
            "subject": self.subject,
            "title": self.title,
            "since": plain(self.since),
            "as_of": plain(self.as_of),
            "evidence": {each.name: plain(each.value) for each in self.evidence},
            "evidence_read": {
                each.name: {"source": each.source, "observed_at": plain(each.observed_at)}
                for each in self.evidence
            },
            "why": self.why,
            "next_step": self.next_step,
            "doubt": self.doubt,
            "disproved_by": self.disproved_by,
            "explains": list(self.explains),
        }


def _evidence(evidence: Sequence[Evidence]) -> Html:
    rows = [
        {
            "it rests on": each.name,
            "value": plain(each.value),
            "told by": each.source,
            "read at": instant(each.observed_at),
        }
        for each in evidence
    ]
    return table(rows)


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Findings before what can't be told, the worst first.

    Of equals those of sources before those of jobs, which they may have caused, then the older.
    """
    latest = pd.Timestamp.max.tz_localize("UTC")
    return sorted(
        findings,
        key=lambda f: (
            f.outcome != "finding",
            SEVERITIES.index(f.severity),
            f.job_id is not None,
            f.since if f.since is not None else latest,
            f.job_id or 0,
            f.code,
        ),
    )


def plain(value: Any) -> Any:
    """A value that JSON has: times as ISO 8601 in UTC, NA as ``None``."""
    if isinstance(value, Mapping | list | tuple):
        return value
    if value is None or pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.tz_convert("UTC").isoformat().replace("+00:00", "Z")
    return value.item() if isinstance(value, np.generic) else value
