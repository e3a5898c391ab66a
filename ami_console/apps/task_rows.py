"""The tasks of a job as rows: which ones, in which order, and where the time of each went."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ami_console.apps.formats import State
from ami_console.charts import BLUE, GREEN, GREY, ORANGE, PURPLE
from ami_console.metrics.arrays import NAT, Flags, Floats, flags, floats, instants

Order = Literal["repeated", "slowest", "newest", "first"]

ORDERS: dict[Order, str] = {
    "repeated": "repeated first",
    "slowest": "slowest first",
    "newest": "newest first",
    "first": "as in the stream",
}
"""How tasks can be ordered, and what the page calls it."""

MOST = 100
"""Tasks that are shown at once."""

STRETCHES = (
    ("queue wait", "stored_at", "first_delivered_at", BLUE),
    ("earlier attempts", "first_delivered_at", "delivered_at", PURPLE),
    ("worker", "delivered_at", "posted_at", ORANGE),
    ("saving", "posted_at", "acked_at", GREEN),
    ("worker and saving", "delivered_at", "acked_at", GREY),
)
"""Name, begin, end and colour of each stretch of a task's life, in their order; the last stands
for the two before it where nothing told when the result was posted."""

STATES: dict[str, State] = {
    "settled": State("settled", "✓", "good"),
    "late": State("settled, late", "✓", "warn"),
    "discarded": State("thrown away", "⊘", "muted"),
    "saving": State("being saved", "▶\ufe0e", "active"),
    "unsettled": State("posted, not settled", "?", "warn"),
    "given_up": State("given up", "✕", "bad"),
}
"""What became of a task; of one that is only in flight nothing is told before its result."""


@dataclass(frozen=True, kw_only=True)
class TaskRow:
    """One task.

    Attributes:
        stream_seq: Its number in the stream; ``None`` not known.
        image_id: Its image; ``None`` not known.
        attempts: The highest attempt seen; ``None`` not known.
        state: A key of ``STATES``.
        queue_wait_s, again_s, worker_s, saving_s, latency_s: Where its time went, seconds; NaN
            not known. ``again_s`` is that of the earlier attempts.
        settled_at: When it was acknowledged; NaT not known.
        parts: Number in ``STRETCHES``, begin and end since it was stored, seconds.
    """

    stream_seq: int | None
    image_id: str | None
    attempts: int | None
    state: str
    queue_wait_s: float
    again_s: float
    worker_s: float
    saving_s: float
    latency_s: float
    settled_at: pd.Timestamp
    parts: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, kw_only=True)
class TaskRows:
    """Some of a job's tasks.

    Attributes:
        rows: Those that are shown.
        matched: How many fit what was asked for.
        total: How many are known.
        repeated: How many of those known were delivered more than once.
        scale_s: The longest life among those shown, seconds; 0 where none is known.
        error_s: How far a stretch of those shown may be off, seconds; NaN not known.
    """

    rows: tuple[TaskRow, ...]
    matched: int
    total: int
    repeated: int
    scale_s: float
    error_s: float


def task_rows(
    tasks: pd.DataFrame,
    *,
    order: Order = "repeated",
    most: int = MOST,
    search: str = "",
    since: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
    given_up: Sequence[tuple[int | None, str | None]] = (),
    is_over: bool = False,
) -> TaskRows:
    """The tasks to show, and how many there are.

    Args:
        tasks: :func:`ami_console.metrics.task_times` of one job, or an estimate of it.
        order: A key of ``ORDERS``. Repeated: those delivered more than once, then the slowest.
        most: How many at most.
        search: Only the message of that number, and images whose id begins with it.
        since, until: Only tasks whose last sign (settled, else posted) lies between these.
        given_up: Number or image of tasks that the broker gave up: they come first.
        is_over: Whether the job is final: then nothing is being saved any more.
    """
    last_ns = instants(tasks, "acked_at")
    last_ns = np.where(last_ns == NAT, instants(tasks, "posted_at"), last_ns)
    wanted = np.ones(len(tasks), dtype=bool)
    if since is not None:
        wanted &= last_ns >= since.value
    if until is not None:
        wanted &= (last_ns <= until.value) & (last_ns != NAT)
    wanted &= _found(tasks, search)
    places = np.flatnonzero(wanted)
    repeated = floats(tasks, "max_delivery") > 1
    lost = _unseen(tasks, given_up)
    lost_shown = [each for each in lost if _fits(search, *each)] if since is until is None else []
    chosen = _ordered(tasks, places, repeated, last_ns, order)[: max(0, most - len(lost_shown))]
    shown = tasks.iloc[chosen]
    rows = [_lost(seq, image) for seq, image in lost_shown[:most]] + _rows(shown, is_over=is_over)
    ends = [end for row in rows for _, _, end in row.parts]
    errors = np.concatenate([floats(shown, f"{name}_error_s") for name in _WITH_ERROR])
    return TaskRows(
        rows=tuple(rows),
        matched=len(places) + len(lost_shown),
        total=len(tasks) + len(lost),
        repeated=int(repeated.sum()),
        scale_s=max(ends, default=0.0),
        error_s=float(np.nanmax(errors)) if not np.isnan(errors).all() else float("nan"),
    )


_WITH_ERROR = ("queue_wait", "service_time", "save_time", "in_flight", "latency")


def _found(tasks: pd.DataFrame, search: str) -> Flags:
    wanted = search.strip()
    if not wanted:
        return np.ones(len(tasks), dtype=bool)
    images = tasks["image_id"].str.startswith(wanted).to_numpy(dtype=bool, na_value=False)
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 16:
        images = images | (floats(tasks, "stream_seq") == int(wanted))
    return np.asarray(images, dtype=bool)


def _unseen(
    tasks: pd.DataFrame, given_up: Sequence[tuple[int | None, str | None]]
) -> list[tuple[int | None, str | None]]:
    """Those of which no result was seen: one that came late is settled all the same."""
    if not given_up:
        return []
    numbers = set(floats(tasks, "stream_seq").tolist())
    images = set(tasks["image_id"].dropna())
    return [(seq, image) for seq, image in given_up if seq not in numbers and image not in images]


def _fits(search: str, seq: int | None, image: str | None) -> bool:
    wanted = search.strip()
    return str(seq) == wanted or (image or "").startswith(wanted)


def _ordered(tasks: pd.DataFrame, places: Any, repeated: Flags, last_ns: Any, order: Order) -> Any:
    """Those places in the order asked for; what is not known comes last."""
    stream_seq = floats(tasks, "stream_seq")[places]
    if order == "first":
        return places[np.argsort(stream_seq, kind="stable")]
    if order == "newest":
        return places[np.lexsort((-stream_seq, -last_ns[places]))]
    took_s = np.nan_to_num(_took_s(tasks)[places], nan=-1.0)
    if order == "slowest":
        return places[np.lexsort((stream_seq, -took_s))]
    attempts = np.nan_to_num(floats(tasks, "max_delivery")[places])
    return places[np.lexsort((stream_seq, -took_s, -attempts, ~repeated[places]))]


def _took_s(tasks: pd.DataFrame) -> Floats:
    """Latency; of a task that is not settled its age when the last one was."""
    stored_ns, acked_ns = instants(tasks, "stored_at"), instants(tasks, "acked_at")
    newest_ns = acked_ns.max(initial=NAT)
    age_s = np.where((stored_ns == NAT) | (newest_ns == NAT), np.nan, (newest_ns - stored_ns) / 1e9)
    latency_s = floats(tasks, "latency_s")
    return np.where(np.isnan(latency_s), age_s, latency_s)


def _rows(shown: pd.DataFrame, *, is_over: bool) -> list[TaskRow]:
    stored_ns = instants(shown, "stored_at")
    held = {name: instants(shown, name) for _, begin, end, _ in STRETCHES for name in (begin, end)}
    since_s = {
        name: np.where((at == NAT) | (stored_ns == NAT), np.nan, (at - stored_ns) / 1e9)
        for name, at in held.items()
    }
    again_s = since_s["delivered_at"] - since_s["first_delivered_at"]
    again_s = np.where(again_s < 0, 0.0, again_s)
    states = _states(shown, is_over=is_over)
    numbers = {
        name: floats(shown, name) for name in ("stream_seq", "max_delivery", "queue_wait_s")
    } | {name: floats(shown, name) for name in ("service_time_s", "save_time_s", "latency_s")}
    images = shown["image_id"].to_list()
    settled = shown["acked_at"].to_list()
    return [
        TaskRow(
            stream_seq=_whole(numbers["stream_seq"][place]),
            image_id=None if pd.isna(images[place]) else str(images[place]),
            attempts=_whole(numbers["max_delivery"][place]),
            state=states[place],
            queue_wait_s=float(numbers["queue_wait_s"][place]),
            again_s=float(again_s[place]),
            worker_s=float(numbers["service_time_s"][place]),
            saving_s=float(numbers["save_time_s"][place]),
            latency_s=float(numbers["latency_s"][place]),
            settled_at=settled[place],
            parts=_parts({name: values[place] for name, values in since_s.items()}),
        )
        for place in range(len(shown))
    ]


_NAN = float("nan")


def _states(shown: pd.DataFrame, *, is_over: bool) -> list[str]:
    is_acked = shown["acked_at"].notna().to_numpy()
    not_acked = "unsettled" if is_over else "saving"
    chosen = np.where(flags(shown, "is_late"), "late", "settled")
    chosen = np.where(flags(shown, "is_discarded"), "discarded", chosen)
    found: list[str] = np.where(is_acked, chosen, not_acked).tolist()
    return found


def _parts(since_s: dict[str, Any]) -> tuple[tuple[int, float, float], ...]:
    """What is known of a task's life: each stretch whose begin and end are known."""
    parts = []
    posted = since_s["posted_at"]
    for number, (_, begin, end, _colour) in enumerate(STRETCHES):
        if number == len(STRETCHES) - 1 and not math.isnan(posted):
            continue
        from_s, to_s = float(since_s[begin]), float(since_s[end])
        if from_s < to_s and to_s > 0:  # false where one of them is not known
            parts.append((number, max(0.0, from_s), to_s))
    return tuple(parts)


def _lost(seq: int | None, image: str | None) -> TaskRow:
    return TaskRow(
        stream_seq=seq,
        image_id=image,
        attempts=None,
        state="given_up",
        queue_wait_s=_NAN,
        again_s=_NAN,
        worker_s=_NAN,
        saving_s=_NAN,
        latency_s=_NAN,
        settled_at=pd.NaT,
        parts=(),
    )


def _whole(value: Any) -> int | None:
    return None if math.isnan(value) else int(value)
