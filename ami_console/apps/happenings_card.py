"""The card of what happened to a job: every event with its instant, the newest first."""

from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import clock, count, duration
from ami_console.apps.sections import note, section
from ami_console.apps.told import Places, Told
from ami_console.lanes import MARKS, mark_of

MOST = 60
SURE_S = 1.5
"""Instants that are known to this need no remark, seconds."""

SIGNS = {"good": "✓", "active": "▸", "warn": "!", "bad": "✕", "muted": "·"}
_GAP = ("no answer", "warn")
_PAUSE = ("not watched", "muted")


def happenings_card(happenings: pd.DataFrame, *, as_of: pd.Timestamp, zone: ZoneInfo) -> Told:
    """What happened to a job; the button of each event asks for its minute.

    Args:
        happenings: :func:`ami_console.metrics.happenings`.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
    """
    put = Places()
    head = section("What happened", "to this job and to its sources", None, as_of, zone)
    rows = happenings.iloc[::-1].to_dict("records")
    if not rows:
        return put.told(f"{head}{note('No source has told of anything yet.')}</div>")
    items = "".join(_item(row, put, as_of=as_of, zone=zone) for row in rows[:MOST])
    more = len(rows) - MOST
    rest = note(f"{put(count(more))} older ones are left out.") if more > 0 else ""
    return put.told(f'{head}<ol class="happenings">{items}</ol>{rest}</div>')


def _item(row: dict[Any, Any], put: Places, *, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    if row["kind"] in MARKS:
        mark = mark_of(row["kind"], row["subject"], row["severity"], row["title"])
        word, tone = mark.word, mark.tone
    else:
        word, tone = _PAUSE if row["kind"] == "paused" else _GAP
    at = clock(row["at"], zone, as_of=as_of)
    ns = row["at"].value
    title = formats.in_zone(str(row["title"]), zone, as_of=as_of)
    about = "; ".join(_about(row))
    more = f'<span class="dim">{put(about)}</span>' if about else ""
    return (
        f'<li class="{tone}"><i class="mark" aria-hidden="true">{SIGNS[tone]}</i>'
        f'<button type="button" data-act="minute" data-at="{ns}" data-focus="at:{ns}" '
        f'title="Show this minute">{at}</button>'
        f'<span><span class="word">{formats.escape(word)}</span> {put(title)}{more}</span></li>'
    )


def _about(row: dict[Any, Any]) -> list[str]:
    """How long it lasted, how sure its instant is, and why."""
    about = []
    if not formats.absent(row["until_at"]):
        lasted = duration((row["until_at"] - row["at"]).total_seconds())
        about.append(f"goes on, {lasted} so far" if row["is_open"] else f"lasted {lasted}")
    error_s = row["at_error_s"]
    if not formats.absent(error_s) and error_s > SURE_S:
        about.append(f"or up to {duration(error_s)} before")
    if not formats.absent(row["reason"]):
        about.append(str(row["reason"])[:160])
    return about
