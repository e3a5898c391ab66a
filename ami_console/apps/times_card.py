"""The card of times: where the time of the job's tasks went."""

from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps.formats import count, short_duration, within
from ami_console.apps.job import Job
from ami_console.apps.sections import note, section
from ami_console.apps.told import Places, Told
from ami_console.metrics.percentiles import FEWEST, PERCENTILES

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
    is_split = times["service_time_s"]["n"] > 0
    shown = {
        name: times[column]
        for column, name in STRETCHES.items()
        if times[column]["n"] and not (column == "in_flight_s" and is_split)
    }
    settled = times["latency_s"]["n"]
    head = section("Times of the tasks", f"{put(count(settled))} settled", None, as_of, zone)
    if not shown:
        return put.told(f"{head}{note('No task is known to be settled.')}</div>")
    about = "≈ " if job.measured.by == "looks" else ""
    rows = "".join(_row(name, told, put, about=about) for name, told in shown.items())
    few = [told["p50"] is None for told in shown.values()]
    names = "" if all(few) else _HEAD
    notes = note(_FEW) if any(few) else ""
    if STRETCHES["in_flight_s"] in shown:
        notes += note(_NO_POSTS)
    return put.told(f'{head}<div class="times">{names}{rows}</div>{notes}</div>')


_HEAD = "".join(f'<span class="name">{name}</span>' for name in ("", "median", "95 %", "99 %"))
_FEW = f"Of fewer than {FEWEST} tasks: the shortest and the longest."
_NO_POSTS = "No log told when results were posted, so worker and saving are one."


def _row(name: str, told: dict[str, Any], put: Places, *, about: str) -> str:
    if told["p50"] is None:
        values = told["values"]
        ends = f"{short_duration(values[0])} – {short_duration(values[-1])}"
        return f'<span>{name}</span><b class="few">{put(about + ends)}</b>'
    error_s, unsure = told["error_s"], ""
    if error_s > UNSURE * told["p50"]:
        unsure = f' <span class="dim">{put(within(error_s))}</span>'
    cells = "".join(f"<b>{put(about + short_duration(told[p]))}</b>" for p in PERCENTILES)
    return f"<span>{name}{unsure}</span>{cells}"
