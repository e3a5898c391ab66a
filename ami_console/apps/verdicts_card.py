"""The card of what was found of a job and of the sources so far: when it began, spoke and ended."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.findings_rows import SEVERITIES
from ami_console.apps.formats import State, clock, count, in_zone
from ami_console.apps.job import Job
from ami_console.apps.sections import note, section
from ami_console.apps.source_strip import NAMES
from ami_console.apps.told import Places, Told
from ami_console.diagnosis import CHECKS
from ami_console.metrics.arrays import flags

MOST = 50
HIDDEN = State("hidden", "·", "muted")


def verdicts_card(
    spoken: pd.DataFrame, job: Job, *, as_of: pd.Timestamp, zone: ZoneInfo, is_live: bool
) -> Told:
    """Verdicts on a job and on the sources, the newest first; those hidden by others folded.

    Args:
        spoken: :func:`ami_console.diagnosis.verdicts`, or what a live watch said so far.
        job: The job.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
        is_live: Whether the watch goes on.
    """
    put = Places()
    job_id = int(job.row["job_id"])
    mine = spoken[((spoken["job_id"] == job_id) | spoken["subject"].notna()).fillna(False)]
    rows = mine.sort_values("spoken_at", ascending=False, kind="stable").to_dict("records")
    shown = [row for row in rows if formats.absent(row["hidden_by"])]
    hidden = [row for row in rows if not formats.absent(row["hidden_by"])]
    head = section("Verdicts so far", "this job and the sources", None, as_of, zone)
    told = thrown_away(job, put, as_of=as_of, zone=zone)
    if shown:
        told += _list(shown, put, as_of=as_of, zone=zone)
    else:
        since = "since the watch began" if is_live else "in this recording"
        told += note(f"Nothing was found of it {since}.")
    if hidden:
        summary = f"{put(count(len(hidden)))} more, explained by others"
        told += (
            f'<details data-key="hidden"><summary data-focus="hidden">{summary}</summary>'
            f"{_list(hidden, put, as_of=as_of, zone=zone)}</details>"
        )
    return put.told(f"{head}{told}</div>")


def thrown_away(job: Job, put: Places, *, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    """Of a job that is over: results that came back when its stream was gone; else empty.

    Args:
        job: The job.
        put: Takes the texts.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
    """
    number = job.measured.discarded
    if not job.is_over or not number:
        return ""
    at = job.tasks.loc[flags(job.tasks, "is_discarded"), "acked_at"].dropna()
    when = ""
    if len(at):
        first, last = (clock(each, zone, as_of=as_of) for each in (at.min(), at.max()))
        when = f", at {first}" if first == last else f", from {first} to {last}"
    one = number == 1
    status = formats.state_of(job.row["status"]).word
    return (
        f'<p class="past"><b>{put(count(number))} result{" was" if one else "s were"} thrown away'
        f"</b>: {'it' if one else 'they'} came back when the job was over "
        f"({formats.escape(status)}) and its stream was gone{put(when)}. Antenna did not save "
        f"{'it' if one else 'them'}.</p>"
    )


def _list(
    rows: Sequence[dict[Any, Any]], put: Places, *, as_of: pd.Timestamp, zone: ZoneInfo
) -> str:
    items = "".join(_item(row, put, as_of=as_of, zone=zone) for row in rows[:MOST])
    more = len(rows) - MOST
    rest = note(f"{put(count(more))} older ones are left out.") if more > 0 else ""
    return f'<ol class="verdicts">{items}</ol>{rest}'


def _item(row: dict[Any, Any], put: Places, *, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    state = HIDDEN if formats.absent(row["severity"]) else SEVERITIES[row["severity"]]
    source = ""
    if not formats.absent(row["subject"]):
        name = NAMES.get(row["subject"]) or formats.escape(row["subject"])
        source = f" <b>{name}</b>"
    by = ""
    if not formats.absent(row["hidden_by"]):
        by = f" · explained by {formats.escape(row['hidden_by'])}"
    stands = " stands" if row["end"] == "stands" else ""
    return (
        f'<li class="{state.tone}{stands}"><i class="mark" title="{state.word}">{state.mark}</i>'
        f'<span><span class="word">{state.word}</span> '
        f"<code>{formats.escape(row['code'])}</code>{source} "
        f"{put(in_zone(_title(row), zone, as_of=as_of))}"
        f'<span class="dim">{put(_times(row, as_of=as_of, zone=zone))}{by}</span></span></li>'
    )


def _title(row: dict[Any, Any]) -> str:
    if not formats.absent(row["title"]):
        return str(row["title"])
    check = CHECKS.get(row["code"])
    return "" if check is None else check.title


def _times(row: dict[Any, Any], *, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    """Begun, spoken, over."""
    begun = row["since"] if not formats.absent(row["since"]) else row["spoken_at"]
    ended = row["ended_at"] if not formats.absent(row["ended_at"]) else row["withdrawn_at"]
    at = [clock(each, zone, as_of=as_of) for each in (begun, row["spoken_at"], ended)]
    if row["end"] == "stands":
        span = f"since {at[0]}, stands"
    elif row["end"] == "unknown":
        last = "" if formats.absent(ended) else f" since {at[2]}"
        span = f"from {at[0]}; not seen any more{last}"
    else:
        span = f"{at[0]} to {at[2]}, {formats.duration((ended - begun).total_seconds())}"
    return f"{span} · spoke {at[1]}"
