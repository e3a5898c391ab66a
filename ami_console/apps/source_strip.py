"""Per source: can it be read, how old is what it told, what does a look cost, what went wrong."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import State
from ami_console.apps.told import Places, Told

NAMES = {
    "antenna": "Antenna",
    "nats": "NATS",
    "redis": "Redis",
    "tap": "Tap",
    "job_logs": "Job logs",
    "log_files": "Log files",
    "celery": "Celery queues",
}
TELLS = {
    "antenna": "jobs and stages",
    "nats": "queues and deliveries",
    "redis": "counters",
    "tap": "every acknowledgement · listens only",
    "job_logs": "what Antenna logged of each job",
    "log_files": "what was written into them",
    "celery": "results waiting to be saved",
}
RARELY_READ = frozenset({"job_logs", "log_files"})
"""Sources with a pause of their own; whether the watch stands still the others tell."""

OK = State("ok", "●", "good")
LATE = State("late", "▲", "warn")
DOWN = State("can't be read", "✕", "bad")
REFUSED = State("no permission", "⊘", "bad")
"""It answers, but not to us: waiting or starting it anew is no help."""

PAUSED = State("paused", "❚", "warn")
"""Nobody is asked anything, because an operator wanted it so."""

NEVER = State("not read yet", "○", "muted")
GAP = State("gap", "✕", "bad")
"""The tap is not listening, or has lost some of what it heard."""

_REFUSALS = ("answered 401", "answered 403", "login was refused", "this login may not")
"""Words of :mod:`ami_console.sources` for errors of that kind; a recording has only the text."""

TAP_EFFECT = (
    "It listens only. Its one side effect: while it listens, a client that acks with confirmation "
    "to a deleted stream waits instead of being refused. Antenna acks without confirmation."
)


def state_of(
    source: Mapping[Any, Any], age_s: float | None, *, is_live: bool, every_s: float
) -> State:
    """What to call a source.

    Args:
        source: A row of :func:`ami_console.metrics.source_ages`.
        age_s: Age of its newest good answer, seconds; None without one.
        is_live: A recording's sources are not late.
        every_s: Pause between two looks, seconds.
    """
    if formats.absent(source["ok"]):
        return NEVER
    if not source["ok"]:
        error = source["error"]
        if not formats.absent(error) and any(words in error for words in _REFUSALS):
            return REFUSED
        return GAP if source["source"] == "tap" else DOWN
    if not is_live or age_s is None or source["source"] in RARELY_READ:
        return OK
    if age_s > max(10.0, 4 * every_s):
        return LATE
    return OK


def source_card(
    source: Mapping[Any, Any],
    *,
    as_of: pd.Timestamp,
    zone: ZoneInfo,
    is_live: bool,
    every_s: float,
    gaps: pd.DataFrame,
    is_paused: bool = False,
) -> Told:
    """One source: name, state, age of its newest answer, and what a look costs.

    Args:
        source: A row of :func:`ami_console.metrics.source_ages`.
        as_of: The instant that ages count to.
        zone: Zone of the wall time.
        is_live: Whether new looks come in.
        every_s: Pause between two looks, seconds.
        gaps: :func:`ami_console.metrics.tap_gaps`.
        is_paused: Whether an operator wanted that nobody is asked.
    """
    age_s = age_of(source, as_of)
    state = state_of(source, age_s, is_live=is_live, every_s=every_s)
    if is_paused:
        state = PAUSED
    age = formats.MISSING if age_s is None else formats.duration(age_s // 1)
    put = Places()
    is_tap = source["source"] == "tap"
    cost = _tap_cost(source, gaps, as_of, zone) if is_tap else _cost(source)
    why = f' title="{formats.escape(TAP_EFFECT)}"' if is_tap else ""
    return put.told(
        f'<div class="source {state.tone}"{why}><strong>{_name(source)}</strong>'
        f'<span><span class="state"><i class="mark">{state.mark}</i>{state.word}</span></span>'
        f'<span class="age" title="age of its newest answer">{put(age)}</span>'
        f'<span class="cost">{put(cost)}</span></div>'
    )


def troubles(
    sources: Sequence[Mapping[Any, Any]],
    *,
    as_of: pd.Timestamp,
    zone: ZoneInfo,
    is_live: bool,
    every_s: float,
) -> Told:
    """What is wrong with each source that is not well, in full; empty when all are.

    Args:
        sources: Rows of :func:`ami_console.metrics.source_ages`.
        as_of: The instant judged at.
        zone: Zone of the wall time.
        is_live: Whether new looks come in.
        every_s: Pause between two looks, seconds.
    """
    told = []
    for source in sources:
        state = state_of(source, age_of(source, as_of), is_live=is_live, every_s=every_s)
        if state in (DOWN, GAP, REFUSED):
            told.append((state, _failure(source, as_of, zone)))
        elif state is LATE:
            since = formats.clock(source["last_ok_at"], zone, as_of=as_of)
            told.append(
                (state, f"has not been looked at since {since}: the watch is late or stands still.")
            )
        else:
            continue
        told[-1] = (state, f"<strong>{_name(source)}</strong> {told[-1][1]}")
    return Told("".join(f'<div class="error {state.tone}">{text}</div>' for state, text in told))


def fault_html(fault: str) -> str:
    """A fault of the dashboard itself.

    Args:
        fault: What it was; escaped here.
    """
    return (
        '<div class="error bad"><strong>This page</strong> could not be brought up to date, and '
        f"what stands below is old. Please report it: {formats.escape(fault)}</div>"
    )


def not_recorded_html(error: str) -> str:
    """That what is seen is not kept.

    Args:
        error: Why; escaped here.
    """
    return (
        '<div class="error bad"><strong>Recording</strong> fails, and the page goes on: '
        f"{formats.escape(error)}</div>"
    )


def age_of(source: Mapping[Any, Any], as_of: pd.Timestamp) -> float | None:
    """Age of a source's newest good answer, seconds; None without one."""
    last_ok_at = source["last_ok_at"]
    return None if pd.isna(last_ok_at) else max(0.0, (as_of - last_ok_at).total_seconds())


def _name(source: Mapping[Any, Any]) -> str:
    return NAMES.get(source["source"], formats.escape(source["source"]))


def _cost(source: Mapping[Any, Any]) -> str:
    told = TELLS.get(source["source"], "")
    if formats.absent(source["ok"]):
        return told
    requests = source["requests"]
    parts = [told]
    if not formats.absent(source["elapsed_s"]):
        parts.append(formats.duration(source["elapsed_s"]))
    if not formats.absent(requests):
        parts.append(f"{formats.count(requests)} request{'' if requests == 1 else 's'}")
    if not formats.absent(source["bytes"]):
        parts.append(formats.size(source["bytes"]))
    return " · ".join(part for part in parts if part)


def _tap_cost(
    source: Mapping[Any, Any], gaps: pd.DataFrame, as_of: pd.Timestamp, zone: ZoneInfo
) -> str:
    """It asks nothing and so costs nothing; instead, when it last did not hear everything."""
    parts = [TELLS["tap"]]
    if len(gaps):
        last = gaps.iloc[-1]
        length_s = (last["ends_at"] - last["begins_at"]).total_seconds()
        at = formats.clock(last["begins_at"], zone, as_of=as_of)
        parts.append(f"last gap {formats.duration(length_s)} at {at}")
    if source["ok"] and not formats.absent(source["error"]):
        parts.append(str(source["error"]))  # a remark
    return " · ".join(parts)


def _failure(source: Mapping[Any, Any], as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    error = formats.escape(source["error"])
    if source["source"] == "tap" and not formats.absent(source["last_ok_at"]):
        since = formats.clock(source["last_ok_at"], zone, as_of=as_of)
        return f"has a gap since {since}: what was acknowledged since then is not known. {error}"
    if formats.absent(source["last_ok_at"]):
        return f"has never answered. {error}"
    since = formats.clock(source["last_ok_at"], zone, as_of=as_of)
    return f"has not answered since {since}; what is shown of it is from then. {error}"
