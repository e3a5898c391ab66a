"""The card of what comes next by itself, with a countdown."""

from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import clock, in_zone
from ami_console.apps.sections import note, section
from ami_console.apps.told import Places, Told


def outlook_card(coming: pd.DataFrame, *, as_of: pd.Timestamp, zone: ZoneInfo) -> Told:
    """What will happen to a job if nothing else does, the next first; empty: nothing is known.

    Args:
        coming: :func:`ami_console.diagnosis.outlook` of the job.
        as_of: The instant that the countdowns count from.
        zone: Zone of the wall time.
    """
    rows = coming.to_dict("records")
    if not rows:
        return Told("")
    put = Places()
    told = "".join(_row(row, put, as_of=as_of, zone=zone) for row in rows)
    idle = [row["idle_since"] for row in rows if not formats.absent(row["idle_since"])]
    if idle:
        lasted_s = max(0.0, (as_of - idle[0]).total_seconds()) // 1
        since = clock(idle[0], zone, as_of=as_of)
        told += note(f"Idle since {put(f'{since}, {formats.duration(lasted_s)}')}.")
    return put.told(
        f"{section('What happens next', 'if nothing else does', None, as_of, zone)}{told}</div>"
    )


def _row(row: dict[Any, Any], put: Places, *, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    left_s = (row["at"] - as_of).total_seconds()
    left = f"in {formats.duration(left_s // 1)}" if left_s >= 1 else "now"
    assumes = in_zone(str(row["assumes"]), zone, as_of=as_of)
    return (
        f'<div class="coming"><b>{put(left)}</b> '
        f'<span class="dim">at {put(clock(row["at"], zone, as_of=as_of))}</span>'
        f"<p>{put(in_zone(str(row['says']), zone, as_of=as_of))}</p>"
        f'<p class="note">This assumes {put(assumes)}.</p></div>'
    )
