"""Which critical findings are open: when one begins, when it is over, and when that is unknown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

import pandas as pd

from ami_console.diagnosis.finding import Finding, Key

Event = Literal["began", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An episode that began or ended.

    Attributes:
        event: Which of the two.
        episode: Its number, the same in both; counted from the start of this process.
        finding: As it was when it began; of one that ended, as it was last critical.
        ended_at: The first look at which it was gone; ``None`` while it lasts.
    """

    event: Event
    episode: int
    finding: Finding
    ended_at: pd.Timestamp | None = None


@dataclass(slots=True)
class _Open:
    episode: int
    finding: Finding
    gone_at: pd.Timestamp | None = None


class Episodes:
    """The episodes that are open; no clock, the looks bring their time along.

    An episode begins when a finding is critical for the first time. It goes on while the finding
    is there in whatever severity, while a more specific one explains it, and while its check
    can't tell: unknown is not "all is well". It ends when the finding is gone, and stays gone for
    ``gone_for_s`` seconds: what comes and goes is one episode.
    """

    def __init__(self, *, gone_for_s: float) -> None:
        self._gone_for = pd.Timedelta(seconds=gone_for_s)
        self._open: dict[Key, _Open] = {}
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._open)

    def resume(self, findings: Sequence[Finding]) -> None:
        """Take critical findings as begun and told."""
        for finding in findings:
            if _is_critical(finding) and finding.key not in self._open:
                self._open[finding.key] = _Open(next(self._numbers), finding)

    def look(
        self, findings: Sequence[Finding], *, as_of: pd.Timestamp, judged: bool
    ) -> list[Change]:
        """What began and what ended with this look.

        Args:
            findings: All findings of the look.
            as_of: The instant judged at.
            judged: ``False`` when a finding may be missing because not everything was judged;
                then nothing ends.
        """
        return [*self._ended(findings, as_of, judged), *self._began(findings)]

    def _began(self, findings: Sequence[Finding]) -> Iterator[Change]:
        for finding in filter(_is_critical, findings):
            known = self._open.get(finding.key)
            if known is not None:
                known.finding = finding
                continue
            number = next(self._numbers)
            self._open[finding.key] = _Open(number, finding)
            yield Change(event="began", episode=number, finding=finding)

    def _ended(
        self, findings: Sequence[Finding], as_of: pd.Timestamp, judged: bool
    ) -> Iterator[Change]:
        for key, each in list(self._open.items()):
            if not judged or _may_go_on(key, findings):
                each.gone_at = None
                continue
            # A clock that was set back must not make it wait for the old time to come again.
            each.gone_at = as_of if each.gone_at is None else min(each.gone_at, as_of)
            if as_of - each.gone_at >= self._gone_for:
                del self._open[key]
                yield Change(
                    event="ended",
                    episode=each.episode,
                    finding=each.finding,
                    ended_at=each.gone_at,
                )


def _is_critical(finding: Finding) -> bool:
    return finding.outcome == "finding" and finding.severity == "critical"


def _may_go_on(key: Key, findings: Sequence[Finding]) -> bool:
    """Whether a finding is there, explained by another, or can't be told."""
    code, job_id, subject = key
    for each in findings:
        if each.key == key:
            return True
        if each.job_id == job_id and code in each.explains:
            return True
        if (
            each.outcome == "cant_tell"
            and each.code == code
            and each.job_id in (None, job_id)
            and (subject is None or each.subject in (None, subject))
        ):
            return True
    return False
