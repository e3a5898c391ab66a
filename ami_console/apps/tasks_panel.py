"""The tasks of a job one by one: the repeated and the slowest first, and where their time went."""

import math
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import cards, formats, style
from ami_console.apps.formats import MISSING, clock, count, escape, short_duration, within
from ami_console.apps.job import Job
from ami_console.apps.sections import note
from ami_console.apps.task_rows import (
    MOST,
    ORDERS,
    STATES,
    STRETCHES,
    Order,
    TaskRow,
    TaskRows,
    task_rows,
)
from ami_console.apps.told import Places, Told, ToldPane

EVERY_S = 10.0
"""A table of a live job is not put in another order more often: it is there to be read."""

SEARCH_SIZE = 40

_COLOURS = "\n".join(
    f".p{number} {{ background: {colour}; }}" for number, (_, _, _, colour) in enumerate(STRETCHES)
)

_TOLD_BY = {
    "tap": "told by the tap",
    "logs": "told by a log",
    "looks": "estimated from looks",
}
_WHY_ESTIMATE = (
    "Nothing told of single tasks: the n-th that was settled is taken for the n-th that was "
    "stored. How the times are spread is right, a single row is not, and attempts and images are "
    "not known. The tap (AMI_CONSOLE_TAP=true) or the job's log tells of each."
)
_COLUMNS = (
    "Message",
    "Image",
    "Attempts",
    "State",
    "Queue wait",
    "Earlier attempts",
    "Worker",
    "Saving",
    "Latency",
    "Settled at",
)


def tasks_controls(*, order: Order, search: str) -> Told:
    """How to order the tasks, and which ones: a field and buttons.

    Args:
        order: The order that is on.
        search: What was searched for.
    """
    buttons = "".join(
        f'<button type="button" data-act="order" data-order="{key}" data-focus="order:{key}" '
        f'aria-pressed="{"true" if key == order else "false"}">{escape(label)}</button>'
        for key, label in ORDERS.items()
    )
    clear = (
        '<button type="button" data-act="search" data-value="" data-focus="clear">show all</button>'
        if search
        else ""
    )
    value = escape(search) if search else ""
    return Told(
        f'<div class="controls"><span class="group" role="group" aria-label="Order of the tasks">'
        f'<span class="name">order</span>{buttons}</span>'
        f'<label><span class="name">image or message</span> <input type="search" '
        f'data-act="search" data-focus="search" inputmode="numeric" size="12" '
        f'maxlength="{SEARCH_SIZE}" value="{value}"></label>{clear}</div>'
    )


def tasks_head(found: TaskRows, job: Job, *, search: str = "") -> Told:
    """How many of how many tasks are shown, who told, and how sure it is.

    Args:
        found: What is shown.
        job: Of which job.
        search: What was searched for.
    """
    put = Places()
    by = job.measured.by
    sure = "" if math.isnan(found.error_s) or not found.error_s else within(found.error_s)
    told = f"{_TOLD_BY[by]}{put(f', {sure} at most' if sure else '')}"
    estimate = note(_WHY_ESTIMATE) if by == "looks" and found.total else ""
    return put.told(
        f'<div class="section"><h3>Tasks, one by one<span class="dim">{told}</span></h3>'
        f'<p class="note">{put(_how_many(found, search))}{put(_unseen(job))}'
        f"{put(_still_out(job))}</p>{estimate}</div>"
    )


def tasks_table(
    found: TaskRows, job: Job, *, as_of: pd.Timestamp, zone: ZoneInfo, search: str = ""
) -> Told:
    """The tasks as a table with a bar for the life of each, all on one scale.

    Args:
        found: What to show.
        job: Of which job.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
        search: What was searched for.
    """
    if not found.rows:
        return Told(note(_why_none(found, job, search)))
    about = "≈ " if job.measured.by == "looks" else ""
    rows = "".join(_row(row, found.scale_s, about, as_of, zone) for row in found.rows)
    heads = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    scale = f"life, 0 – {short_duration(found.scale_s)}" if found.scale_s else "life"
    unknown = note(f"{MISSING} is not known. {_why_unknown(job)}".strip())
    return Told(
        f'{_legend(found)}<div class="scroll" tabindex="0" role="region" aria-label="Tasks">'
        f'<table class="tasks"><thead><tr>{heads}<th scope="col">{scale}</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>{unknown if MISSING in rows else ''}"
    )


def _how_many(found: TaskRows, search: str) -> str:
    shown, matched, total = map(count, (len(found.rows), found.matched, found.total))
    if search:
        which = f"{shown} of {matched} that fit “{search}”, of {total} in all."
    elif found.matched < found.total:
        which = f"{shown} of {matched} in this time, of {total} in all."
    else:
        which = f"{shown} of {total} tasks."
    again = count(found.repeated) if found.repeated else "None"
    is_are = "is" if found.repeated < 2 else "are"
    return f"{which} {again} {is_are} known to be delivered more than once."


def _unseen(job: Job) -> str:
    """Those that the broker calls settled, and that nothing told of."""
    missing, settled = job.measured.coverage.get("missing"), job.measured.coverage.get("settled")
    if job.measured.by != "tap" or formats.absent(missing) or not missing:
        return ""
    return f" Of {count(settled)} that are settled the tap did not see {count(missing)}."


def _still_out(job: Job) -> str:
    """Those of which nothing can be told yet: the broker counts them, and does not say which."""
    if job.is_over or not job.consumer:
        return ""
    out, waiting = job.consumer.get("num_ack_pending"), job.consumer.get("num_pending")
    if formats.absent(out) or formats.absent(waiting):
        return " How many are in flight is not known."
    return (
        f" In flight: {count(out)}, not yet delivered: {count(waiting)}; "
        "which ones these are shows when their results come."
    )


def _why_none(found: TaskRows, job: Job, search: str) -> str:
    if search and found.total:
        return "No image begins with this, and no message has this number."
    if found.total:
        return "No task was settled in this time."
    if job.is_over:
        return "Nothing was read that tells of a task of this job: it may have ended before."
    return "No result has come yet. Tasks appear here with their first result."


def _why_unknown(job: Job) -> str:
    if job.measured.by == "tap":
        return "The tap tells of acknowledgements; when results were posted, a log tells."
    return ""


def _legend(found: TaskRows) -> str:
    used = sorted({number for row in found.rows for number, _, _ in row.parts})
    items = "".join(f'<li><i class="p{number}"></i>{STRETCHES[number][0]}</li>' for number in used)
    return f'<ul class="legend" aria-label="Parts of the bars">{items}</ul>' if items else ""


def _row(row: TaskRow, scale_s: float, about: str, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    """Short, as there are a hundred of them: columns are told apart by their place."""
    state = STATES[row.state]
    times = (row.queue_wait_s, row.again_s, row.worker_s, row.saving_s, row.latency_s)
    told = [_time(value, about) for value in times]
    if row.attempts == 1:
        told[1] = "none"
    cells = [
        MISSING if row.stream_seq is None else str(row.stream_seq),
        escape(row.image_id),
        MISSING if row.attempts is None else str(row.attempts),
        f'<span class="{state.tone}"><i class="mark">{state.mark}</i>{state.word}</span>',
        *told,
        clock(row.settled_at, zone, as_of=as_of),
        _bar(row, scale_s),
    ]
    tone = ' class="again"' if row.attempts is not None and row.attempts > 1 else ""
    return f"<tr{tone}><td>{'<td>'.join(cells)}"


def _time(seconds: float, about: str) -> str:
    return MISSING if math.isnan(seconds) else f"{about}{short_duration(seconds)}"


def _bar(row: TaskRow, scale_s: float) -> str:
    """Its stretches on the common scale; the columns tell the same in numbers."""
    return "".join(
        f'<i class="p{number}" style="left:{100 * begin / scale_s:.1f}%;'
        f'width:{100 * (end - begin) / scale_s:.1f}%"></i>'
        for number, begin, end in row.parts
    )


class TasksPanel:
    """The table with its order and its search; sends nothing where nothing changed."""

    def __init__(self, *, most: int = MOST) -> None:
        """Nothing is shown yet.

        Args:
            most: Tasks that are shown at once.
        """
        self._most = most
        self._order: Order = "repeated"
        self._search = ""
        self._again: Callable[[], None] = lambda: None
        self._shown: tuple[Any, ...] = ()
        self._shown_at: pd.Timestamp | None = None
        self._found: TaskRows | None = None
        self._job_id: int | None = None
        sheets = [style.sheet("head", "panels"), _COLOURS]
        self.head: ToldPane = cards.pane()
        self.controls: ToldPane = cards.pane(act=self._act, stylesheets=sheets)
        self.table: ToldPane = cards.pane(stylesheets=sheets)
        self.pane: Any = cards.card(cards.column(self.head, self.controls, self.table, gap_px=6))
        self.controls.show(tasks_controls(order=self._order, search=""))

    def show(
        self,
        job: Job,
        *,
        is_live: bool,
        as_of: pd.Timestamp,
        zone: ZoneInfo,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> None:
        """Bring it up to date.

        Args:
            job: What is known of it.
            is_live: Whether new looks come in.
            as_of: The instant that it is seen from.
            zone: Zone of the wall time.
            since, until: Only tasks whose last sign lies between these.
        """
        job_id = int(job.row["job_id"])
        if job_id != self._job_id:
            self._job_id = job_id
            self._set(search="")
        self._again = lambda: self.show(
            job, is_live=is_live, as_of=as_of, zone=zone, since=since, until=until
        )
        asked = (job_id, self._order, self._search, since, until, zone.key, job.is_over)
        if self._found is None or not self._is_shown(job.tasks, asked, as_of, is_live=is_live):
            self._shown, self._shown_at = (job.tasks, asked), as_of
            self._found = task_rows(
                job.tasks,
                order=self._order,
                most=self._most,
                search=self._search,
                since=since,
                until=until,
                given_up=_given_up(job),
                is_over=job.is_over,
            )
            self.table.show(
                tasks_table(self._found, job, as_of=as_of, zone=zone, search=self._search)
            )
        self.head.show(tasks_head(self._found, job, search=self._search))

    def _is_shown(
        self, tasks: pd.DataFrame, asked: tuple[Any, ...], as_of: pd.Timestamp, *, is_live: bool
    ) -> bool:
        """Whether it is the same, or was another only a moment ago.

        Tables are compared by identity: the board makes a new one where there is news.
        """
        if self._shown[1:] != (asked,) or self._shown_at is None:
            return False
        age_s = (as_of - self._shown_at).total_seconds()
        return self._shown[0] is tasks or (is_live and 0 <= age_s < EVERY_S)

    def _set(self, *, order: Order | None = None, search: str | None = None) -> None:
        if order is not None:
            self._order = order
        if search is not None:
            self._search = search
        self.controls.show(tasks_controls(order=self._order, search=self._search))

    def _act(self, asked: dict[str, str]) -> None:
        if asked["act"] == "order":
            order = next((key for key in ORDERS if key == asked.get("order")), None)
            self._set(order=order)
        elif asked["act"] == "search":
            self._set(search=asked.get("value", "").strip()[:SEARCH_SIZE])
        self._again()


def _given_up(job: Job) -> list[tuple[int | None, str | None]]:
    """Number or image of each task that the broker is known to have given up."""
    row = job.measured.given_up
    seqs, images = row.get("stream_seqs"), row.get("image_ids")
    if not formats.absent(seqs):
        return [(int(seq), None) for seq in str(seqs).split(",")]
    return [] if formats.absent(images) else [(None, image) for image in str(images).split(",")]
