"""The logs of a job in words: errors grouped, kinds with counts, how many lines are shown."""

from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import clock, count, escape
from ami_console.apps.log_lines import level_of
from ami_console.apps.log_rows import LEVELS, OTHER, LogQuery, LogRows, meaning
from ami_console.apps.log_sources import Why
from ami_console.apps.sections import note
from ami_console.apps.told import Places, Told
from ami_console.logs.kinds import KINDS

MOST_GROUPS = 30
"""Groups that are shown."""

TEXT_SIZE = 200
"""Characters of a search."""

SOURCES = {
    "job": "job log",
    "django": "Django",
    "celery": "Celery",
    "worker": "worker",
    "text": "other text",
}
"""Value of the column ``source`` → what the page calls it."""


def empty_card(why: Why) -> Told:
    """Why there is nothing to show."""
    tone = f' class="{why.tone}"' if why.tone != "muted" else ""
    return Told(
        f'<div class="empty"><h2{tone}>{escape(why.head)}</h2><p>{escape(why.text)}</p></div>'
    )


def remarks_html(remarks: list[Why]) -> str:
    """What is wrong with the logs."""
    return "".join(
        f'<div class="error {each.tone}"><strong>{escape(each.head)}</strong> {escape(each.text)}'
        "</div>"
        for each in remarks
    )


def groups_card(groups: pd.DataFrame, *, pattern: str, as_of: pd.Timestamp, zone: ZoneInfo) -> Told:
    """Lines of trouble, grouped; a button shows the lines of a group.

    Args:
        groups: :func:`ami_console.metrics.log_groups` of one job.
        pattern: The group whose lines are shown; empty: none.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
    """
    put = Places()
    title = '<div class="section"><h3>Errors and warnings, grouped'
    if groups.empty:
        return Told(f"{title}</h3>{note('No line that was read tells of trouble.')}</div>")
    number = len(groups)
    told = "one message" if number == 1 else f"{count(number)} messages, alike but for numbers"
    head = f'{title}<span class="dim">{put(told)}</span></h3>'
    rows = "".join(
        _group(row, put, pattern=pattern, as_of=as_of, zone=zone)
        for row in groups.head(MOST_GROUPS).to_dict("records")
    )
    left = len(groups) - MOST_GROUPS
    more = note(f"{put(count(left))} more groups are not shown.") if left > 0 else ""
    heads = "".join(
        f'<th scope="col" class="{kind}">{name}</th>'
        for name, kind in (
            ("Level", ""),
            ("Lines", "num"),
            ("What they say", "message"),
            ("First", "more"),
            ("Last", "more"),
            ("Told by", "more"),
            ('<span class="hidden">Filter</span>', ""),
        )
    )
    return put.told(
        f'{head}<div class="scroll groups" tabindex="0" role="region" aria-label="Groups">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{more}</div>"
    )


def _group(
    row: dict[Any, Any], put: Places, *, pattern: str, as_of: pd.Timestamp, zone: ZoneInfo
) -> str:
    level = level_of(None if formats.absent(row["level"]) else row["level"])
    said = escape(row["pattern"])
    is_on = row["pattern"] == pattern
    names = (SOURCES.get(each, each) for each in str(row["sources"]).split(","))
    key = escape(f"{level.word}:{row['pattern']}")
    return (
        f'<tr><td><span class="{level.tone} word"><i class="mark">{level.mark}</i>'
        f'{escape(level.word)}</span></td><td class="num">{put(count(row["lines"]))}</td>'
        f'<td class="message"><details data-key="{key}"><summary>{said}</summary>'
        f"<pre>{put(str(row['example'])[:2000])}</pre></details></td>"
        f'<td class="more">{put(clock(row["first_at"], zone, as_of=as_of))}</td>'
        f'<td class="more">{put(clock(row["last_at"], zone, as_of=as_of))}</td>'
        f'<td class="more">{escape(", ".join(names))}</td>'
        f'<td><button type="button" class="small" data-act="group" data-pattern="{said}" '
        f'data-focus="{key}" aria-pressed="{_yes(is_on)}">'
        f"{'all lines' if is_on else 'its lines'}</button></td></tr>"
    )


def filters(query: LogQuery, sources: tuple[str, ...]) -> Told:
    """Level, log and text that lines may be chosen by.

    Args:
        query: What is chosen.
        sources: The logs that lines are of.
    """
    levels = _options(LEVELS, query.level)
    named = {"": "all logs"} | {each: SOURCES.get(each, each) for each in sources}
    clear = ""
    if query != LogQuery(minute=query.minute):
        clear = '<button type="button" data-act="clear" data-focus="clear">show all lines</button>'
    return Told(
        '<div class="controls">'
        f'<label><span class="name">level</span> <select data-act="level" data-focus="level">'
        f"{levels}</select></label>"
        f'<label><span class="name">log</span> <select data-act="source" data-focus="source">'
        f"{_options(named, query.source)}</select></label>"
        '<label><span class="name">text</span> <input type="search" data-act="text" '
        f'data-focus="text" size="18" maxlength="{TEXT_SIZE}" '
        f'value="{escape(query.text) if query.text else ""}"></label>{clear}</div>'
    )


def _options(named: dict[str, str], chosen: str) -> str:
    return "".join(
        f'<option value="{escape(key) if key else ""}"{" selected" if key == chosen else ""}>'
        f"{escape(label)}</option>"
        for key, label in named.items()
    )


def kinds_card(found: LogRows, query: LogQuery) -> Told:
    """The kinds of lines as buttons with counts, in the order of a job's life.

    Args:
        found: What is shown.
        query: What is chosen.
    """
    put = Places()
    counts = found.kinds | {kind: 0 for kind in query.kinds if kind not in found.kinds}
    ordered = [kind for kind in KINDS if kind in counts]
    ordered += sorted(kind for kind in counts if kind not in KINDS and kind != OTHER)
    ordered += [OTHER] if OTHER in counts else []
    chips = "".join(
        f'<button type="button" class="chip" data-act="kind" data-kind="{escape(kind)}" '
        f'data-focus="kind:{escape(kind)}" aria-pressed="{_yes(kind in query.kinds)}" '
        f'title="{escape(meaning(kind))}">{escape(kind)} <b>{put(count(counts[kind]))}</b></button>'
        for kind in ordered
    )
    if not chips:
        return Told("")
    return put.told(
        '<details class="kinds" data-key="kinds" open><summary>Kinds of lines</summary>'
        f'<div class="chips" role="group" aria-label="Kinds of lines">{chips}</div></details>'
    )


def lines_head(
    found: LogRows, query: LogQuery, *, as_of: pd.Timestamp, zone: ZoneInfo, remarks: list[Why]
) -> Told:
    """How many of how many lines are shown, of which minute, and what is wrong with the logs.

    Args:
        found: What is shown.
        query: What is chosen.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
        remarks: What is wrong.
    """
    put = Places()
    title, buttons = "Log lines", []
    if query.minute_at is not None:
        title = f"Log lines of {escape(minute(query.minute_at, zone, as_of=as_of))}"
        buttons += [
            _step(found.before, "◂ {}", "the minute before", zone, as_of),
            _step(found.after, "{} ▸", "the minute after", zone, as_of),
            '<button type="button" data-act="minute" data-at="" data-focus="minute:all">'
            "all minutes</button>",
        ]
    elif found.lines:
        buttons.append(_step(found.lines[0].at, "only {}", "the newest minute", zone, as_of))
    nav = f'<span class="controls last">{"".join(buttons)}</span>' if buttons else ""
    only = ""
    if query.pattern:
        only = note(f"Only lines like <code>{escape(query.pattern)}</code>")
    told = put(_how_many(found, query, as_of=as_of, zone=zone))
    return put.told(
        f'{remarks_html(remarks)}<div class="linehead"><h3>{title}</h3>{nav}</div>{only}'
        f'<p class="note">{told}</p>'
    )


def minute(at: pd.Timestamp, zone: ZoneInfo, *, as_of: pd.Timestamp) -> str:
    """Wall time of a minute: ``15:32``, with its day where that is not today's."""
    local = at.tz_convert(zone)
    is_today = local.date() == as_of.tz_convert(zone).date()
    return f"{local:%H:%M}" if is_today else f"{local:%d %b %H:%M}"


def _step(
    at: pd.Timestamp | None, label: str, what: str, zone: ZoneInfo, as_of: pd.Timestamp
) -> str:
    if at is None:
        return (
            f'<button type="button" disabled title="no line there">'
            f"{escape(label.format('none').strip())}</button>"
        )
    told = escape(label.format(minute(at, zone, as_of=as_of)))
    return (
        f'<button type="button" data-act="minute" data-at="{at.floor("min").isoformat()}" '
        f'data-focus="{what}" title="{what} with lines">{told}</button>'
    )


def _how_many(found: LogRows, query: LogQuery, *, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    shown, matched, total = map(count, (len(found.lines), found.matched, found.total))
    span = (
        f"{clock(found.first_at, zone, as_of=as_of)} to {clock(found.last_at, zone, as_of=as_of)}"
    )
    known = f"{total} lines are known, {span}."
    if not found.lines:
        what = "was written in this minute" if query == LogQuery(minute=query.minute) else "fits"
        return f"No line {what}. {known}"
    newest = "the newest " if len(found.lines) < found.matched else ""
    if found.matched < found.total:
        return f"Shown: {newest}{shown} of {matched} that fit. {known}"
    return f"Shown: {newest}{shown}, the newest first. {known}"


def _yes(flag: bool) -> str:
    return "true" if flag else "false"
