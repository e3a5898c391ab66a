"""The card of Celery's queues: results that wait to be saved, and the other tasks of Antenna."""

from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import ago, count, escape
from ami_console.apps.sections import note, pairs, section
from ami_console.apps.told import Places, Told

MEANINGS = {"ml_results": "results waiting"}
"""What lies in a queue, by its name in Antenna."""


def queues_card(queues: pd.DataFrame, *, as_of: pd.Timestamp, zone: ZoneInfo) -> Told:
    """What waits in each queue, and what is being worked on, as last read.

    Args:
        queues: Newest row of each queue.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
    """
    put = Places()
    rows = sorted(
        queues.to_dict("records"), key=lambda row: (row["queue"] not in MEANINGS, str(row["queue"]))
    )
    read = put(f"read {ago(queues['observed_at'].max(), as_of)}")
    head = section("Celery queues", read, None, as_of, zone)
    told = pairs([(_name(row), _waiting(row)) for row in rows], put)
    idle = [row for row in rows if row["consumers"] is not pd.NA and row["consumers"] == 0]
    names = ", ".join(escape(row["queue"]) for row in idle)
    warning = note(f"Nobody takes from {names}.") if idle else ""
    return put.told(f"{head}{told}{warning}</div>")


def _name(row: dict[Any, Any]) -> str:
    name = escape(row["queue"])
    meaning = MEANINGS.get(row["queue"])
    return f'{meaning} <span class="dim">({name})</span>' if meaning else name


def _waiting(row: dict[Any, Any]) -> str:
    if formats.absent(row["ready"]):
        return "not told"
    taken = row["unacknowledged"]
    more = "" if formats.absent(taken) else f", {count(taken)} being saved"
    if row["queue"] not in MEANINGS:
        more = more.replace("being saved", "taken")
    return f"{count(row['ready'])} ready{more}"
