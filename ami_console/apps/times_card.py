"""The card of times: where the time of the job's tasks went."""

from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps.board import Job
from ami_console.apps.formats import count, duration
from ami_console.apps.sections import note, section
from ami_console.apps.told import Places, Told

STRETCHES = {
    "queue_wait_s": "queue wait",
    "service_time_s": "worker",
    "save_time_s": "saving",
    "in_flight_s": "worker and saving",
    "latency_s": "latency, in all",
}
"""Column of the tasks → what it is, in the order of a task's life."""

UNSURE = 0.1
"""An error below this share of the median is not worth a word."""


def times_card(job: Job, *, as_of: pd.Timestamp, zone: ZoneInfo) -> Told:
    """Median and percentiles of each stretch of a task's life, over the whole job so far.

    Args:
        job: What is known of it.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
    """
    put, times = Places(), job.measured.times
    rows = []
    for column, name in STRETCHES.items():
        told = times[column]
        if not told["n"] or (column == "in_flight_s" and times["service_time_s"]["n"]):
            continue  # the two parts of it are told
        rows.append(_row(name, told, put, about=job.measured.by == "looks"))
    settled = times["latency_s"]["n"]
    head = section("Times of the tasks", f"{put(count(settled))} settled", None, as_of, zone)
    if not rows:
        return put.told(f"{head}{note('No task is known to be settled.')}</div>")
    names = "".join(f"<span>{name}</span>" for name in ("", "median", "95 %", "99 %"))
    unseen = "" if times["service_time_s"]["n"] else note(_NO_POSTS)
    return put.told(f'{head}<div class="times">{names}{"".join(rows)}</div>{unseen}</div>')


_NO_POSTS = "No log told when results were posted, so worker and saving are one."


def _row(name: str, told: dict[str, Any], put: Places, *, about: bool) -> str:
    mark = "≈ " if about else ""
    error_s = told["error_s"]
    if told["p50"] is None:
        values = told["values"]
        ends = f"{duration(values[0])} – {duration(values[-1])}"
        return f'<span>{name}</span><b class="few">{put(mark + ends)}</b>'
    unsure = ""
    if error_s > UNSURE * told["p50"]:
        unsure = f' <span class="dim">± {put(duration(error_s))}</span>'
    cells = "".join(f"<b>{put(mark + duration(told[p]))}</b>" for p in ("p50", "p95", "p99"))
    return f"<span>{name}{unsure}</span>{cells}"
