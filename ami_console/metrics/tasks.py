"""The life of every task: stored, delivered, posted, acknowledged, and the times between."""

from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import Floats, instants, typed
from ami_console.metrics.deliveries import Bracket, fetches, lives, which_life
from ami_console.metrics.in_vain import after_delete, deletions, discarded, grouped, late
from ami_console.metrics.sightings import Sighted, sightings

TASKS: dict[str, str] = {
    "job_id": frames.COUNT,
    "stream_seq": frames.COUNT,
    "image_id": frames.TEXT,
    "stored_at": frames.TIME,
    "first_delivered_at": frames.TIME,
    "first_delivered_error_s": frames.MEASURE,
    "delivery": frames.COUNT,
    "delivered_at": frames.TIME,
    "delivered_error_s": frames.MEASURE,
    "posted_at": frames.TIME,
    "posted_error_s": frames.MEASURE,
    "acked_at": frames.TIME,
    "acked_error_s": frames.MEASURE,
    "queue_wait_s": frames.MEASURE,
    "queue_wait_error_s": frames.MEASURE,
    "service_time_s": frames.MEASURE,
    "service_time_error_s": frames.MEASURE,
    "save_time_s": frames.MEASURE,
    "save_time_error_s": frames.MEASURE,
    "in_flight_s": frames.MEASURE,
    "in_flight_error_s": frames.MEASURE,
    "latency_s": frames.MEASURE,
    "latency_error_s": frames.MEASURE,
    "max_delivery": frames.COUNT,
    "acks": frames.COUNT,
    "is_late": frames.FLAG,
    "is_after_delete": frames.FLAG,
    "is_discarded": frames.FLAG,
    "is_estimate": frames.FLAG,
}

TIMES = ("queue_wait_s", "service_time_s", "save_time_s", "in_flight_s", "latency_s")


def task_times(
    consumers: pd.DataFrame | None = None,
    *,
    acks: pd.DataFrame | None = None,
    log_events: pd.DataFrame | None = None,
    advisories: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """When each task was stored, delivered, posted and acknowledged, and how sure that is.

    A task is a message: of a stream that was made anew, another one. What was seen of it may be
    partial, and what was not seen is missing. Each time has an error beside it: the instant lies
    within ± that. Times between two instants add both errors.

    Args:
        consumers: The ``consumers`` frame; its looks bracket the deliveries.
        acks: The ``acks`` frame of the tap.
        log_events: The ``log_events`` frame.
        advisories: The ``advisories`` frame; tells when a stream was deleted.

    Returns:
        One row per task of which a post or an acknowledgement was seen, sorted by ``job_id``,
        ``acked_at``; the columns of ``TASKS``. ``delivery`` is the attempt that settled it (the
        first acknowledged), ``delivered_at`` and ``posted_at`` are of that attempt,
        ``max_delivery`` is the highest attempt seen. ``queue_wait_s`` stored → first delivered,
        ``service_time_s`` delivered → posted (the worker), ``save_time_s`` posted → acked
        (Celery), ``in_flight_s`` delivered → acked (what counts against ack wait), ``latency_s``
        stored → acked. ``acks`` counts acknowledgements, repeats included. ``is_late``: the ack
        wait of its attempt had passed, or a later attempt had been delivered before.
        ``is_after_delete``: acknowledged when the stream was gone. ``is_discarded``: that, and
        not all that was published is acknowledged: a job that ends by itself saves first and
        acknowledges last, of one that was cancelled the result is thrown away.

    Source:
        See :func:`~ami_console.metrics.sightings.sightings`,
        :func:`~ami_console.metrics.deliveries.lives` and
        :func:`~ami_console.metrics.deliveries.fetches`.
    """
    log_events = _needed(log_events)
    seen = sightings(acks, log_events)
    attempts = _delivered(seen, consumers, log_events)
    task = _task_numbers(seen)
    count = int(task[-1]) + 1 if len(task) else 0
    begins = np.flatnonzero(np.diff(task, prepend=-1))
    chosen = _settling(seen, task)
    first = _first_delivered(seen, attempts, begins, consumers, log_events)
    delivered = Bracket(attempts.after_s[chosen], attempts.by_s[chosen])
    at = {kind: seen.at_s[kind][chosen] for kind in ("posted", "acked")}
    error = {kind: seen.error_s[kind][chosen] for kind in ("posted", "acked")}
    stored_s = seen.stored_ns[begins] / 1e9
    nothing = np.zeros(count)
    job_ids = seen.job_id[begins]
    values: dict[str, Any] = {
        "job_id": job_ids,
        "stream_seq": seen.stream_seq[begins],
        "image_id": _images(seen, begins, acks, log_events),
        "stored_at": seen.stored_ns[begins],
        **_instant("first_delivered", first.at_s, first.error_s),
        "delivery": seen.delivery[chosen],
        **_instant("delivered", delivered.at_s, delivered.error_s),
        **_instant("posted", at["posted"], error["posted"]),
        **_instant("acked", at["acked"], error["acked"]),
        **_between("queue_wait", (stored_s, nothing), (first.at_s, first.error_s)),
        **_between("service_time", _pair(delivered), (at["posted"], error["posted"])),
        **_between("save_time", (at["posted"], error["posted"]), (at["acked"], error["acked"])),
        **_between("in_flight", _pair(delivered), (at["acked"], error["acked"])),
        # Not held to be 0 or more: below it the clocks of server and tap disagree, and it shows.
        "latency_s": at["acked"] - stored_s,
        "latency_error_s": error["acked"],
        "max_delivery": grouped(np.fmax, seen.delivery, begins),
        "acks": grouped(np.add, seen.acks, begins),
    }
    values["is_late"] = late(values, seen, attempts, chosen, begins, consumers, log_events)
    deleted = deletions(advisories, log_events)
    values["is_after_delete"] = after_delete(
        at["acked"], error["acked"], job_ids, stored_s, deleted
    )
    values["is_estimate"] = np.zeros(count)
    values["is_discarded"] = discarded(values, seen, begins, deleted)
    table = pd.DataFrame({name: typed(values[name], dtype) for name, dtype in TASKS.items()})
    return table.sort_values(["job_id", "acked_at"], kind="stable", ignore_index=True)


_LOG_COLUMNS = (
    "job_id",
    "kind",
    "logged_at",
    "resolution_s",
    "stream_seq",
    "consumer_seq",
    "delivery",
    "stored_at",
    "num_pending_then",
    "delivered",
    "ack_wait_s",
    "image_ids",
)


def _needed(log_events: pd.DataFrame | None) -> pd.DataFrame | None:
    """The lines of known kinds, without their text: moving that would be most of the work."""
    if log_events is None:
        return None
    frames.require(log_events, _LOG_COLUMNS, "task_times")
    return log_events[list(_LOG_COLUMNS)][log_events["kind"].notna()]


def _task_numbers(seen: Sighted) -> Any:
    """Number of the task of each attempt; attempts of one task stand together."""
    new = np.zeros(len(seen.job_id), dtype=bool)
    for key in (seen.job_id, seen.stored_ns, seen.stream_seq):
        new[1:] |= key[1:] != key[:-1]
    return np.cumsum(new)


def _settling(seen: Sighted, task: Any) -> Any:
    """Index of the attempt of each task that settled it: the first acknowledged, else posted."""
    far = np.inf
    acked_s = np.where(np.isnan(seen.at_s["acked"]), far, seen.at_s["acked"])
    posted_s = np.where(np.isnan(seen.at_s["posted"]), far, seen.at_s["posted"])
    order = np.lexsort((posted_s, acked_s, task))
    return order[np.flatnonzero(np.diff(task[order], prepend=-1))]


def _delivered(
    seen: Sighted, consumers: pd.DataFrame | None, log_events: pd.DataFrame | None
) -> Bracket:
    """When each attempt was delivered, by looks and by fetches, and not after it was posted."""
    known = _by_looks(
        seen.job_id, seen.stored_ns / 1e9, _first_seen(seen), seen.consumer_seq, consumers
    )
    logged = _by_fetches(seen.job_id, seen.consumer_seq, log_events)
    upper_s = _first_seen(seen)
    unknown = np.isnan(known.after_s)
    merged = Bracket(
        np.where(unknown, logged.after_s, known.after_s), np.where(unknown, logged.by_s, known.by_s)
    ).within(logged)
    by_s = np.fmin(merged.by_s, np.fmax(upper_s, merged.after_s))
    after_s = np.fmax(merged.after_s, seen.stored_ns / 1e9)
    return Bracket(np.fmin(after_s, by_s), np.where(np.isnan(merged.by_s), np.nan, by_s))


def _first_seen(seen: Sighted) -> Floats:
    """The latest instant by which an attempt must have been delivered: its first sign of life."""
    signs = [seen.at_s[kind] + seen.error_s[kind] for kind in seen.at_s]
    return np.fmin.reduce(signs)


def _by_looks(
    job_ids: Any,
    stored_s: Floats,
    seen_s: Floats,
    consumer_seq: Floats,
    consumers: pd.DataFrame | None,
    *,
    of_stream: bool = False,
) -> Bracket:
    found = Bracket.unknown(len(job_ids))
    if consumers is None or consumers.empty:
        return found
    for job_id, mine in lives(consumers).items():
        rows = np.flatnonzero(job_ids == job_id)
        which = which_life(mine, stored_s[rows], seen_s[rows])
        for number, life in enumerate(mine):
            held = rows[which == number]
            counter = life.stream_seq if of_stream else life.consumer_seq
            told = life.delivered(consumer_seq[held], counter)
            found.after_s[held], found.by_s[held] = told.after_s, told.by_s
    return found


def _by_fetches(job_ids: Any, consumer_seq: Floats, log_events: pd.DataFrame | None) -> Bracket:
    found = Bracket.unknown(len(job_ids))
    if log_events is None or log_events.empty:
        return found
    for job_id, mine in fetches(log_events).items():
        rows = np.flatnonzero(job_ids == job_id)
        told = mine.delivered(consumer_seq[rows])
        found.after_s[rows], found.by_s[rows] = told.after_s, told.by_s
    return found


def _first_delivered(
    seen: Sighted,
    attempts: Bracket,
    begins: Any,
    consumers: pd.DataFrame | None,
    log_events: pd.DataFrame | None,
) -> Bracket:
    """First delivery of each task: seen as attempt 1, else when the stream's counter passed it.

    Without redeliveries before it, message n is delivery n: so a fetch tells of it too.
    """
    is_first = seen.delivery[begins] == 1
    stored_s, stream_seq = seen.stored_ns[begins] / 1e9, seen.stream_seq[begins].astype("float64")
    seen_s = np.full(len(begins), np.inf)
    by_looks = _by_looks(
        seen.job_id[begins], stored_s, seen_s, stream_seq, consumers, of_stream=True
    )
    by_fetches = _by_fetches(seen.job_id[begins], stream_seq, log_events)
    unknown = np.isnan(by_looks.after_s)
    after_s = np.where(is_first, attempts.after_s[begins], by_looks.after_s)
    by_s = np.where(is_first, attempts.by_s[begins], by_looks.by_s)
    fetched = ~is_first & unknown & (_redelivered_before(seen, begins) == 0)
    return Bracket(
        np.where(fetched, by_fetches.after_s, after_s), np.where(fetched, by_fetches.by_s, by_s)
    )


def _redelivered_before(seen: Sighted, begins: Any) -> Floats:
    """Redeliveries seen among lower consumer sequences than the task's number; 0: message n was
    delivery n."""
    counts = np.zeros(len(begins))
    again = seen.delivery > 1
    for job_id in np.unique(seen.job_id[begins]):
        rows = np.flatnonzero(seen.job_id[begins] == job_id)
        sequences = np.sort(seen.consumer_seq[again & (seen.job_id == job_id)])
        sequences = sequences[~np.isnan(sequences)]
        counts[rows] = np.searchsorted(sequences, seen.stream_seq[begins][rows], side="left")
    return counts


def _images(
    seen: Sighted, begins: Any, acks: pd.DataFrame | None, log_events: pd.DataFrame | None
) -> list[str | None]:
    """The image of each task, where the message or a log line told."""
    told: dict[tuple[int, int, int], str] = {}
    for frame, column in ((log_events, "image_ids"), (acks, "image_id")):
        if frame is None or frame.empty:
            continue
        known = frame[frame[[column, "job_id", "stream_seq", "stored_at"]].notna().all(axis=1)]
        keys = zip(known["job_id"], instants(known, "stored_at"), known["stream_seq"], strict=True)
        told |= {
            (int(job), int(stored), int(seq)): str(image)
            for (job, stored, seq), image in zip(keys, known[column], strict=True)
        }
    if not told:
        return [None] * len(begins)
    keys_of_tasks = zip(
        seen.job_id[begins].tolist(),
        seen.stored_ns[begins].tolist(),
        seen.stream_seq[begins].tolist(),
        strict=True,
    )
    return [told.get(key) for key in keys_of_tasks]


def _pair(bracket: Bracket) -> tuple[Floats, Floats]:
    return bracket.at_s, bracket.error_s


def _instant(name: str, at_s: Floats, error_s: Floats) -> dict[str, Any]:
    return {f"{name}_at": at_s, f"{name}_error_s": error_s}


def _between(
    name: str, begin: tuple[Floats, Floats], end: tuple[Floats, Floats]
) -> dict[str, Floats]:
    """A time and its error; 0 where only the error makes it negative, missing where more does."""
    time_s, error_s = end[0] - begin[0], begin[1] + end[1]
    within_error = np.where(time_s >= -error_s, 0.0, np.nan)
    return {f"{name}_s": np.where(time_s < 0, within_error, time_s), f"{name}_error_s": error_s}


__all__ = ["TASKS", "TIMES", "task_times"]
