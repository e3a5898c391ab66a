"""Whether what was asked for has happened, by what the three sources tell afterwards."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from ami_console.actions.action import Action
from ami_console.actions.job_looks import NAMES, JobLooks
from ami_console.actions.signs import CANCELLED, STARTED, Judge, State
from ami_console.diagnosis.checks.common import seconds
from ami_console.reading import SourceName

PATIENCE_S = 120.0
"""How long an action is followed before it counts as not confirmed, seconds: a cancel was seen to
take six, a run waits for its turn in Celery's queue."""

Result = Literal["done", "going", "not confirmed"]


@dataclass(frozen=True, kw_only=True)
class SourceOutcome:
    """What one source tells of it.

    Attributes:
        source: Who.
        state: ``waiting``: not yet; ``seen``: it has happened there; ``contradicts``: something
            else has; ``cant_tell``: it can't be read, or has no way to know.
        says: One sentence, plain text.
        since: When that was first seen; ``None``: nothing was.
        is_final: Whether nothing else can be expected of it.
    """

    source: SourceName
    state: State
    says: str
    since: pd.Timestamp | None = None
    is_final: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an action.

    Attributes:
        result: ``done``, ``going`` (it may still come) or ``not confirmed``.
        sources: What each source tells: Antenna, NATS, Redis.
        says: One sentence, plain text.
    """

    result: Result
    sources: tuple[SourceOutcome, ...]
    says: str


def outcome(
    action: Action,
    before: JobLooks,
    after: JobLooks,
    *,
    asked_at: pd.Timestamp,
    as_of: pd.Timestamp,
    patience_s: float = PATIENCE_S,
) -> Outcome:
    """Judge an action by what was seen before and after it.

    Args:
        action: What was asked for.
        before: The last looks before it.
        after: All looks since.
        asked_at: When it was asked for.
        as_of: The instant judged at.
        patience_s: After this what was not seen is called not confirmed, seconds.
    """
    judges = CANCELLED if action == "cancel" else STARTED
    sources = tuple(_of(source, judges[source], before, after) for source in NAMES)
    result, says = _total(sources, (as_of - asked_at).total_seconds(), patience_s)
    return Outcome(result=result, sources=sources, says=says)


def _total(
    sources: tuple[SourceOutcome, ...], age_s: float, patience_s: float
) -> tuple[Result, str]:
    against = [NAMES[each.source] for each in sources if each.state == "contradicts"]
    if against:
        return "not confirmed", f"Something else has happened, by {_and(against)}: see the job."
    seen = [NAMES[each.source] for each in sources if each.state == "seen"]
    missing = [NAMES[e.source] for e in sources if e.state != "seen" and not e.is_final]
    if not missing and sources[0].state == "seen":
        return "done", f"Done: confirmed by {_and(seen)}."
    if age_s < patience_s:
        return "going", f"Asked for {seconds(age_s)} ago; waiting for {_and(missing)}."
    return "not confirmed", f"Not confirmed by {_and(missing)} within {seconds(patience_s)}: " + (
        "see the job."
    )


def _of(source: SourceName, judge: Judge, before: JobLooks, after: JobLooks) -> SourceOutcome:
    rows, failed = after.of(source), after.errors.get(source)
    if not rows:
        if failed is None:
            return SourceOutcome(source=source, state="waiting", says="Not read since.")
        at, why = failed
        return SourceOutcome(source=source, state="cant_tell", says=_sentence(why), since=at)
    sign = judge(before, after, rows)
    if sign.state == "waiting" and failed is not None:
        at, why = failed
        says = f"{sign.says} {_sentence(why)}"
        return SourceOutcome(source=source, state="cant_tell", says=says, since=at)
    first = rows[-1] if sign.first is None else sign.first
    return SourceOutcome(
        source=source,
        state=sign.state,
        says=sign.says,
        since=first["observed_at"],
        is_final=sign.is_final,
    )


def _sentence(text: str) -> str:
    """Somebody's reason as a sentence of its own."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _and(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
