"""A frame as it is: an accessible table of its newest rows, and how much there is of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import count, escape, size
from ami_console.apps.frame_choices import CHOICES, Wanted
from ami_console.apps.frame_files import unit_of
from ami_console.apps.source_strip import NAMES as SOURCES
from ami_console.apps.told import Places, Told

MOST_ROWS = 200
"""Rows that are shown; a file has all."""

MOST_TEXT = 400
"""Characters of a text that are shown; a file has all."""

LONG = 44
"""Longer texts take several lines."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A frame that was read.

    Attributes:
        wanted: What it is.
        frame: Its rows; ``None`` where it could not be read.
        as_of: The instant that it was read at.
        fault: Why it could not be read.
        newest_at: Of its newest row before the window, where the window has none.
    """

    wanted: Wanted
    frame: pd.DataFrame | None
    as_of: pd.Timestamp
    fault: str = ""
    newest_at: pd.Timestamp | None = None

    @cached_property
    def size_bytes(self) -> int:
        """What the rows take in memory, bytes."""
        return 0 if self.frame is None else int(self.frame.memory_usage(deep=True).sum())

    @cached_property
    def ends(self) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """When the first and the last row were observed; ``None``: the rows do not say."""
        if self.frame is None or self.frame.empty or "observed_at" not in self.frame:
            return None
        at = self.frame["observed_at"].dropna()
        return (at.min(), at.max()) if len(at) else None


def controls(asked: Wanted, chosen: int | None) -> Told:
    """What to look at: a frame, of the chosen job or of all.

    Args:
        asked: What is looked at.
        chosen: The chosen job.
    """
    groups = "".join(
        f'<optgroup label="{label}">{_options(asked.frame, is_derived=is_derived)}</optgroup>'
        for label, is_derived in (("as it was told", False), ("computed from it", True))
    )
    scope = asked.choice.scope
    of = ""
    if scope == "jobs":
        job = "no job is chosen" if chosen is None else f"job {chosen}"
        one, every = asked.job_id is not None, asked.job_id is None
        of = (
            '<span class="group" role="group" aria-label="Of which job">'
            f"{_button('job', job, is_on=one, is_off=chosen is None)}"
            f"{_button('all', 'all jobs', is_on=every)}</span>"
        )
    elif scope == "job" and chosen is not None:
        of = f'<span class="name">of job {chosen}</span>'
    return Told(
        f'<div class="controls"><label><span class="name">frame</span> '
        f'<select data-act="frame" data-focus="frame">{groups}</select></label>{of}'
        f'<span class="name">one row per {escape(asked.choice.says)}</span></div>'
    )


def _options(chosen: str, *, is_derived: bool) -> str:
    return "".join(
        f'<option value="{name}"{" selected" if name == chosen else ""}>{name}</option>'
        for name, choice in CHOICES.items()
        if choice.is_derived == is_derived
    )


def _button(to: str, label: str, *, is_on: bool, is_off: bool = False) -> str:
    return (
        f'<button type="button" data-act="scope" data-to="{to}" data-focus="scope:{to}" '
        f'aria-pressed="{"true" if is_on else "false"}"{" disabled" if is_off else ""}>{label}'
        "</button>"
    )


def facts(
    shown: Shown, *, newer: int | None, is_live: bool, as_of: pd.Timestamp, zone: ZoneInfo
) -> Told:
    """How much there is, how old it is, and whether more has come in since.

    Args:
        shown: What was read.
        newer: Rows that came in since; ``None``: it is not known.
        is_live: Whether anything can come in.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
    """
    put = Places()
    frame = shown.frame
    if frame is None:
        return Told("")
    told = [f"<b>{put(count(len(frame)))}</b> {'row' if len(frame) == 1 else 'rows'}"]
    if len(frame):
        told.append(f"{put(size(shown.size_bytes))} in memory")
    if shown.ends is not None:
        first, last = (formats.clock(at, zone, as_of=as_of) for at in shown.ends)
        told.append(f"{put(first)} to {put(last)}")
    read_at = formats.clock(shown.as_of, zone, as_of=as_of)
    told.append(f"read at {put(read_at)}, {put(formats.ago(shown.as_of, as_of))}")
    more = ""
    if newer is not None:
        says = "nothing newer" if newer == 0 else f"{count(newer)} newer"
        more = f'<span class="newer">{put(says)}</span> '
    if is_live:
        more += '<button type="button" data-act="again" data-focus="again">read it again</button>'
    return put.told(f'<div class="facts">{" · ".join(told)} {more}</div>')


def card(shown: Shown, *, zone: ZoneInfo, sources: pd.DataFrame | None = None) -> Told:
    """The newest rows; or why there are none, and what to do.

    Args:
        shown: What was read.
        zone: Zone of the wall time.
        sources: :func:`ami_console.metrics.source_ages`: a source that can't be read is named.
    """
    silent = _silent(shown, sources, zone)
    asked = shown.wanted
    if shown.frame is None:
        return Told(_empty("It could not be read", shown.fault, tone="bad"))
    if asked.choice.scope == "job" and asked.job_id is None:
        return Told(_empty("No job is chosen", "Choose one in the table of jobs."))
    if shown.frame.empty:
        return Told(silent + _nothing(shown, zone))
    return Told(silent + table(shown.frame, asked, zone=zone, as_of=shown.as_of))


def _nothing(shown: Shown, zone: ZoneInfo) -> str:
    asked = shown.wanted
    whose = "" if asked.job_id is None else f" of job {asked.job_id}"
    if shown.newest_at is not None:
        at = formats.clock(shown.newest_at, zone, as_of=shown.as_of)
        return _empty(
            f"No row of “{asked.frame}”{whose} in this window",
            f"The newest is of {at}, {formats.ago(shown.newest_at, shown.as_of)}. "
            "Choose a longer window.",
        )
    if asked.job_id is not None and asked.choice.scope == "jobs":
        hint = f"{asked.choice.nothing} “all jobs” shows whether there is any of other jobs."
    else:
        hint = asked.choice.nothing
    return _empty(f"There is no row of “{asked.frame}”{whose}", hint)


def _empty(head: str, text: str, *, tone: str = "") -> str:
    mark = f' class="{tone}"' if tone else ""
    return f'<div class="empty"><h2{mark}>{escape(head)}</h2><p>{escape(text)}</p></div>'


def _silent(shown: Shown, sources: pd.DataFrame | None, zone: ZoneInfo) -> str:
    """That the source of a frame can't be read just now: newer rows are missing here."""
    source = shown.wanted.choice.source
    if sources is None or not source:
        return ""
    mine = sources[(sources["source"] == source).fillna(False)]
    if mine.empty or formats.absent(mine["ok"].iloc[0]) or bool(mine["ok"].iloc[0]):
        return ""
    name = SOURCES.get(source, source)
    last = mine["last_ok_at"].iloc[0]
    since = "It never answered"
    if not formats.absent(last):
        since = f"Its last answer is of {formats.clock(last, zone, as_of=shown.as_of)}"
    return (
        f'<div class="error warn"><strong>{escape(name)} can\'t be read.</strong> {since}: what '
        "it would have told since is missing here.</div>"
    )


def table(frame: pd.DataFrame, asked: Wanted, *, zone: ZoneInfo, as_of: pd.Timestamp) -> str:
    """HTML of the newest rows, newest first; all text of others is escaped.

    Args:
        frame: At least one row.
        asked: What it is.
        zone: Zone of the wall time; each cell's title has the instant in UTC.
        as_of: Its day goes without saying.
    """
    some = frame.head(MOST_ROWS) if asked.choice.begins_newest else frame.tail(MOST_ROWS).iloc[::-1]
    heads, columns = [], []
    for name in some.columns:
        dtype = some[name].dtype
        unit = "" if isinstance(dtype, pd.DatetimeTZDtype) else unit_of(str(name), dtype)
        of = f"{dtype_name(dtype)}{f', {unit}' if unit else ''}"
        heads.append(
            f'<th scope="col"{_kind(dtype)}>{escape(str(name))}<span class="dim">{escape(of)}'
            "</span></th>"
        )
        columns.append(_cells(some[name], zone, as_of))
    rows = "".join(f"<tr>{''.join(cells)}</tr>" for cells in zip(*columns, strict=True))
    order = "" if asked.choice.begins_newest else ", newest first"
    left = len(frame) - len(some)
    which = f"{count(len(some))} of {count(len(frame))} rows" if left else "all rows"
    more = "; a file has all of them" if left else ""
    return (
        f'<p class="note">{which}{order}{more}. Times are wall time of {escape(zone.key)}.</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="Rows of {asked.frame}">'
        f"<table><thead><tr>{''.join(heads)}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def dtype_name(dtype: Any) -> str:
    """A dtype in short: ``Int64``, ``string``, ``time``."""
    return "time" if isinstance(dtype, pd.DatetimeTZDtype) else str(dtype)


def _kind(dtype: Any) -> str:
    return ' class="num"' if _is_number(dtype) else ""


def _is_number(dtype: Any) -> bool:
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)


NA = '<td class="na">NA</td>'
NO_NUMBER = '<td class="na num">NA</td>'


def _cells(column: "pd.Series[Any]", zone: ZoneInfo, as_of: pd.Timestamp) -> list[str]:
    missing = column.isna().to_numpy()
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        told = [
            NA if gone else _time(at, zone, as_of) for at, gone in zip(column, missing, strict=True)
        ]
    elif _is_number(column.dtype):
        told = [
            NO_NUMBER if gone else f'<td class="num">{_number(value)}</td>'
            for value, gone in zip(column, missing, strict=True)
        ]
    else:
        told = [
            NA if gone else _text(str(value)) for value, gone in zip(column, missing, strict=True)
        ]
    return told


def _number(value: Any) -> str:
    return f"{float(value):.10g}" if isinstance(value, float) else str(int(value))


def _time(at: pd.Timestamp, zone: ZoneInfo, as_of: pd.Timestamp) -> str:
    local = at.tz_convert(zone)
    day = "" if local.date() == as_of.tz_convert(zone).date() else f"{local:%Y-%m-%d} "
    utc = at.tz_convert("UTC").tz_localize(None).isoformat()
    return f'<td title="{utc}Z">{day}{local:%H:%M:%S}.{local.microsecond // 1000:03d}</td>'


def _text(text: str) -> str:
    if not text:
        return '<td class="na">empty</td>'
    kind = ' class="long"' if len(text) > LONG or "\n" in text else ""
    left = len(text) - MOST_TEXT
    more = f'<span class="dim"> … {count(left)} more characters</span>' if left > 0 else ""
    return f"<td{kind}>{escape(text[:MOST_TEXT])}{more}</td>"
