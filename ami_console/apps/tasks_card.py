"""The card of single tasks: attempts, last attempts, what was given up, what came late or twice."""

from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import clock, count, escape
from ami_console.apps.job import Job
from ami_console.apps.measured import Measured
from ami_console.apps.sections import note, pairs, section
from ami_console.apps.told import Places, Told
from ami_console.metrics.redelivery import SIGNATURES

UNKNOWN = "not known"

MOST_NAMED = 8
"""Tasks that are named one by one."""

_SOURCES = {"tap": "by the tap", "logs": "by a log", "looks": "no single task was told"}


def tasks_card(job: Job, *, as_of: pd.Timestamp, zone: ZoneInfo) -> Told:
    """What single tasks, and the broker of them, tell of a job; unknown says unknown.

    Args:
        job: What is known of it.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
    """
    found, put = job.measured, Places()
    head = section("Tasks", _SOURCES[found.by], None, as_of, zone)
    told = [("redelivered tasks", _redelivered(job))]
    notes = []
    if not job.is_over:
        told.append(("on their last attempt", _on_last(job)))
        notes += _times_up(job, put, as_of=as_of, zone=zone)
    told.append(("given up", _given_up(job)))
    notes += _how_given_up(job, put)
    told += [
        (f"{name} acknowledgements", count(number))
        for name, number in (
            ("late", found.late),
            ("repeated", found.repeated),
            ("discarded", found.discarded),
        )
        if number
    ]
    if found.discarded:
        notes.append(note("Discarded: acknowledged when the stream was gone, and not saved."))
    return put.told(f"{head}{_attempts(found, put)}{pairs(told, put)}{''.join(notes)}</div>")


def _attempts(found: Measured, put: Places) -> str:
    """A bar for each number of attempts."""
    if found.attempts.empty:
        return note(_why_no_attempts(found))
    most = int(found.attempts["tasks"].max())
    rows = []
    for row in found.attempts.to_dict("records"):
        number, tasks = int(row["delivery"]), int(row["tasks"])
        name = f"{number} attempt{'' if number == 1 else 's'}"
        rows.append(
            f'<span class="dim">{name}</span><span class="part"><i style="width:'
            f'{max(1, round(100 * tasks / most))}%"></i></span><b>{put(count(tasks))}</b>'
        )
    return f'<div class="attempts">{"".join(rows)}</div>'


def _why_no_attempts(found: Measured) -> str:
    if found.coverage.get("settled") == 0:
        return "No task is settled yet."
    if found.by == "looks":
        return "Neither the tap nor a log told of single tasks: their attempts are not known."
    return "How often each task was tried was not told."


def _redelivered(job: Job) -> str:
    """Those that came back and are settled, and those that are still out."""
    found, out = job.measured, job.consumer.get("num_redelivered")
    if found.redelivered is None:
        return UNKNOWN
    if not found.redelivered and not found.redelivered_is_sure:
        return "none seen"
    least = "" if found.redelivered_is_sure else "at least "
    if job.is_over or out is None or formats.absent(out) or not out:
        return least + count(found.redelivered)
    return f"{least}{count(found.redelivered)}, and {count(out)} not settled"


def _on_last(job: Job) -> str:
    last, limit = job.consumer, job.config.get("max_deliver", pd.NA)
    if last and not _is_there(last):
        return "none"
    if not last or formats.absent(limit) or formats.absent(job.config.get("ack_wait_s")):
        return UNKNOWN
    if limit < 1:
        return "no limit"
    if formats.absent(last["num_ack_pending"]) or formats.absent(last["num_redelivered"]):
        return UNKNOWN
    rows = job.measured.last_attempts
    return _span(rows["tasks_low"].sum(), rows["tasks_high"].sum())


def _is_there(last: dict[str, Any]) -> bool:
    exists = last.get("consumer_exists")
    return not formats.absent(exists) and bool(exists)


def _times_up(job: Job, put: Places, *, as_of: pd.Timestamp, zone: ZoneInfo) -> list[str]:
    """When those on their last attempt are given up."""
    rows = job.measured.last_attempts
    rows = rows[(rows["tasks_high"] > 0) & rows["given_up_by"].notna()]
    if rows.empty or not _is_there(job.consumer):
        return []
    first, last = rows["given_up_by"].min(), rows["given_up_by"].max()
    if last < as_of:
        at = put(clock(last, zone, as_of=as_of))
        return [note(f"Their time was up at {at}: given up when somebody next pulls.")]
    by = put(clock(last, zone, as_of=as_of))
    if first == last:
        return [note(f"Given up by {by} if not acknowledged.")]
    begin = put(clock(first, zone, as_of=as_of))
    late = " The broker acts on it when somebody next pulls." if first < as_of else ""
    return [note(f"Given up if not acknowledged: the last by {by}, the first by {begin}.{late}")]


def _given_up(job: Job) -> str:
    row = job.measured.given_up
    if _all_saved(job):
        return "none"
    if row:
        return _span(row["tasks_low"], row["tasks_high"])
    return "none" if job.consumer else UNKNOWN


def _how_given_up(job: Job, put: Places) -> list[str]:
    row = job.measured.given_up
    if not row or _all_saved(job):
        return []
    text = escape(SIGNATURES.get(row["signature"], row["signature"]))
    named = [
        f"{what} {put(_some(row[column]))}"
        for what, column in (("messages", "stream_seqs"), ("images", "image_ids"))
        if not formats.absent(row[column])
    ]
    return [note(f"Given up: {text}{''.join(f'; {each}' for each in named)}.")]


def _all_saved(job: Job) -> bool:
    """Whether the job ended with every image processed and none failed."""
    total, processed, failed = (job.row[name] for name in ("total", "processed", "failed"))
    if not job.is_over or any(map(formats.absent, (total, processed))):
        return False
    return bool(processed == total and (formats.absent(failed) or failed == 0))


def _span(low: Any, high: Any) -> str:
    low, high = int(low), int(high)
    if high == 0:
        return "none"
    return count(high) if low == high else f"{count(low)}–{count(high)}"


def _some(listed: str) -> str:
    each = listed.split(",")
    more = f" and {len(each) - MOST_NAMED} more" if len(each) > MOST_NAMED else ""
    return ", ".join(each[:MOST_NAMED]) + more
