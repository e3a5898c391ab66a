"""Job database, broker and Redis side by side: where they should say the same, do they?"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ami_console.diagnosis.looks import seen
from ami_console.diagnosis.rules import Rules
from ami_console.diagnosis.sheet import Sheet, instant, number
from ami_console.diagnosis.truth import newest
from ami_console.frames import FrameSource
from ami_console.metrics.arrays import Flags, Floats

Verdict = Literal["pass", "fail", "cant_tell"]

ROUND = 3
"""Ticks of one look: each of the three sources is read once."""

OVERTAKEN = 8
MOVED_WITHIN_S = 60.0
"""Results are saved side by side, and the progress that Antenna shows is what the last of them
wrote: it may stand some images behind until the next one comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One quantity as each of the three tells it, images.

    Attributes:
        quantity: ``total``, ``processed``, ``in_flight``, ``remaining`` or ``failed``.
        antenna: By the job database; ``None`` unknown, or it does not tell.
        nats: By the broker; ``None`` unknown, or it does not tell.
        redis: By Redis; ``None`` unknown, or it does not tell.
        tellers: Those of the three that can tell it at all.
        verdict: Whether those that tell agree; ``cant_tell``: fewer than two do.
        why: What disagrees, or why it can't be told; empty for ``pass``.
        since: Since when they disagree.
    """

    quantity: str
    antenna: int | float | None
    nats: int | float | None
    redis: int | float | None
    tellers: tuple[str, ...]
    verdict: Verdict
    why: str = ""
    since: pd.Timestamp | None = None


def consistency(
    source: FrameSource,
    job_id: int,
    *,
    as_of: pd.Timestamp,
    since: pd.Timestamp | None = None,
) -> list[Line]:
    """Compare what job database, broker and Redis say of one job.

    They are read some milliseconds to a second apart, and a job moves meanwhile: two values agree
    when each was passed by the other between the looks around it. Only when that fails at two
    looks in a row is it called a disagreement.

    Args:
        source: Live history or a recording.
        job_id: The job.
        as_of: The instant judged at; nothing later is used.
        since: Do not look further back.

    Returns:
        One line per quantity; empty when nothing is known of the job.

    Source:
        REST stages ``collect`` and ``process``; JetStream sequences and gauges; Redis sets.
    """
    known = seen(source, as_of=as_of, since=since, job_ids=[job_id])
    looks = known.jobs.get(job_id)
    if looks is None:
        return []
    sheet = Sheet(looks, known.sources, as_of=as_of, rules=Rules())
    pending = sheet["num_pending"]
    saved = sheet["redis_total"] - sheet["redis_pending_results"]
    told: dict[str, dict[str, Floats]] = {
        "total": {
            "antenna": sheet["rest_total"],
            "nats": sheet["last_seq"],
            "redis": sheet["redis_total"],
        },
        "processed": {
            "antenna": sheet["rest_processed"],
            "nats": sheet.settled,
            "redis": saved,
        },
        "in_flight": {
            "nats": sheet["num_ack_pending"] + _given_up(sheet),
            "redis": sheet["redis_pending_results"] - pending,
        },
        "remaining": {
            "antenna": sheet["rest_remaining"],
            "nats": pending + sheet["num_ack_pending"] + _given_up(sheet),
            "redis": sheet["redis_pending_results"],
        },
        "failed": {"antenna": sheet["rest_failed"], "redis": sheet["redis_failed"]},
    }
    is_over = bool(sheet.is_over[-1])
    return [_line(sheet, quantity, values, is_over) for quantity, values in told.items()]


def _given_up(sheet: Sheet) -> Floats:
    """Messages that the broker gave up: neither in flight nor done."""
    return np.maximum(0.0, sheet["num_redelivered"] - sheet["num_ack_pending"])


def _line(sheet: Sheet, quantity: str, values: dict[str, Floats], is_over: bool) -> Line:
    verdict: Verdict
    names = [name for name in values if not np.isnan(values[name][-1])]
    shown = {name: number(values[name][-1]) for name in values}
    row = {name: shown.get(name) for name in ("antenna", "nats", "redis")}
    if len(names) < 2:
        silent = [name for name in values if name not in names]
        why = (
            "the job is over: broker and Redis have forgotten it"
            if is_over
            else f"not known from {' and '.join(silent)}"
        )
        return Line(quantity=quantity, tellers=tuple(values), verdict="cant_tell", why=why, **row)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    wrong = {(a, b): _disagree(values[a], values[b]) for a, b in pairs}
    if quantity in ("processed", "remaining"):
        behind = _overtaken(sheet)
        wrong = {
            (a, b): off & ~(behind & (np.abs(values[a] - values[b]) <= OVERTAKEN))
            if "antenna" in (a, b)
            else off
            for (a, b), off in wrong.items()
        }
    failing = {pair: off for pair, off in wrong.items() if off[-1]}
    verdict = "fail" if failing else "pass"
    why, since = "", None
    if failing:
        a, b = next(iter(failing))
        why = f"{a} says {_told(shown[a])}, {b} says {_told(shown[b])}"
        equal = np.flatnonzero(_equal(values[a], values[b]))
        since = instant(sheet.at_s[equal[-1] + 1 if equal.size else 0])
    return Line(
        quantity=quantity, tellers=tuple(values), verdict=verdict, why=why, since=since, **row
    )


def _overtaken(sheet: Sheet) -> Flags:
    """Where Antenna may show less than was saved: the job moves, the next write corrects it."""
    moved_s = newest(sheet.saved_s, sheet.settled_s)
    return np.asarray(sheet.at_s - moved_s <= MOVED_WITHIN_S)


def _disagree(left: Floats, right: Floats) -> Flags:
    """Where two counts disagreed at several looks in a row.

    Each tick is one look of one source. A full round of looks is three ticks, so that the value
    of the other before and after it lies within that distance.
    """
    off = np.ones(len(left), dtype=bool)
    for shift in range(-ROUND, ROUND + 1):
        off &= ~_equal(left, _shifted(right, shift))
        off &= ~_equal(_shifted(left, shift), right)
    off &= ~_between(left, right) & ~_between(right, left)
    unknown = np.isnan(left) | np.isnan(right)
    off &= ~unknown
    # The look before forgives the first one; the second must disagree all around.
    need = ROUND
    count = np.cumsum(off)
    last_good = np.maximum.accumulate(np.where(off, 0, count))
    return (count - last_good) >= need


def _shifted(values: Floats, by: int) -> Floats:
    index = np.clip(np.arange(len(values)) + by, 0, len(values) - 1)
    return values[index]


def _equal(left: Floats, right: Floats) -> Flags:
    return np.asarray(left == right)


def _between(value: Floats, other: Floats) -> Flags:
    """Whether the other passed the value between the round before and the round after."""
    around = np.stack([_shifted(other, shift) for shift in range(-ROUND, ROUND + 1)])
    with np.errstate(invalid="ignore"):
        return (np.nanmin(np.where(np.isnan(around), np.inf, around), axis=0) <= value) & (
            value <= np.nanmax(np.where(np.isnan(around), -np.inf, around), axis=0)
        )


def _told(value: int | float | None) -> str:
    return "nothing" if value is None else f"{value:,}"
