"""Head of the chart of states: what each lane shows now, in words."""

from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import clock
from ami_console.apps.told import Places, Told
from ami_console.lanes import LANE_NAMES

OVER_S = 10.0
"""A lane that ended longer before the others tells of the past: there is nothing to fetch in a
stream that is gone."""


def states_head(spans: pd.DataFrame, *, as_of: pd.Timestamp, zone: ZoneInfo) -> Told:
    """Title of the chart, with the last stretch of each lane and since when it lasts.

    Args:
        spans: :func:`ami_console.metrics.spans` of one job.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
    """
    put = Places()
    title = '<h3>Story<span class="dim">what was so, and what happened</span></h3>'
    last = spans.drop_duplicates("lane", keep="last").to_dict("records")
    if not last:
        nothing = '<span class="nothing">No source has told of this job yet.</span>'
        return put.told(f'<div class="head">{title}{nothing}</div>')
    newest = spans["ends_at"].max()
    lines = "".join(
        f'<span class="line">{LANE_NAMES[row["lane"]]} <b>{formats.escape(row["value"])}</b> '
        f"{put(_when(row, newest, as_of, zone))}</span>"
        for row in last
    )
    return put.told(f'<div class="head">{title}{lines}</div>')


def _when(row: dict[Any, Any], newest: pd.Timestamp, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    if (newest - row["ends_at"]).total_seconds() > OVER_S:
        return f"until {clock(row['ends_at'], zone, as_of=as_of)}"
    return f"since {clock(row['begins_at'], zone, as_of=as_of)}"
