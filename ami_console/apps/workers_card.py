"""The card of workers: who fetched and posted, which processes saved, as far as the logs tell."""

from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console import metrics
from ami_console.apps import cards, formats, log_sources, style
from ami_console.apps.formats import MISSING, clock, count, duration, escape, measure
from ami_console.apps.job import Job
from ami_console.apps.log_sources import Why
from ami_console.apps.sections import note
from ami_console.apps.told import Places, Told, ToldPane

SILENT_S = 60.0
"""A worker of an active job that gave no sign for longer stands out."""

_CLIENTS = (
    ("Client", ""),
    ("Fetched", "num"),
    ("Posted", "num"),
    ("Not posted", "num"),
    ("Results/min", "num"),
    ("First fetch", "more"),
    ("Last fetch", "more"),
    ("Last post", "more"),
    ("Last sign", ""),
)
_SAVERS = (
    ("Process", ""),
    ("Saved", "num"),
    ("Not saved", "num"),
    ("Median of a save", "num"),
    ("First", "more"),
    ("Last", ""),
)
_IS_A_CLIENT = (
    "A client is a user with a token, under a name of ours: workers that share a token are one "
    "client. Results/min counts from its first fetch to its last post."
)
_NOT_POSTED = "Not posted: fetched and not answered: in its hands, or lost with it."


def workers_card(
    clients: pd.DataFrame,
    savers: pd.DataFrame,
    job: Job,
    *,
    why: Why | None,
    as_of: pd.Timestamp,
    zone: ZoneInfo,
) -> Told:
    """Who fetched and posted, and which processes saved.

    Args:
        clients: :func:`ami_console.metrics.workers` of one job.
        savers: :func:`ami_console.metrics.savers` of it.
        job: What else is known of it.
        why: Why no log tells anything; ``None``: there are lines.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
    """
    put = Places()
    parts = [
        '<div class="section"><h3>Workers<span class="dim">as far as the logs tell</span></h3>',
        _waiting(job, put),
    ]
    if why is not None:
        parts.append(
            f'<p class="note"><b class="{why.tone} word">{escape(why.head)}.</b> '
            f"{escape(why.text)}</p>"
        )
    elif clients.empty:
        parts.append(note(f"No line tells of a fetch or a result. {log_sources.WITH_FILES}"))
    if len(clients):
        rows = [
            _client(row, put, is_over=job.is_over, as_of=as_of, zone=zone)
            for row in clients.to_dict("records")
        ]
        parts.append(_table("Fetched and posted", _CLIENTS, rows))
        parts.append(note(_IS_A_CLIENT))
        if (clients["unposted"] > 0).any():
            parts.append(note(_NOT_POSTED))
    if len(savers):
        rows = [_saver(row, put, as_of=as_of, zone=zone) for row in savers.to_dict("records")]
        parts.append(_table("Saved, by processes of Celery", _SAVERS, rows))
    elif why is None:
        parts.append(
            note(
                "Which process saved the results is not known: that stands in Celery's log, which "
                "AMI_CONSOLE_LOG_FILES can name."
            )
        )
    return put.told(f"{''.join(parts)}</div>")


def _waiting(job: Job, put: Places) -> str:
    """What the broker knows of workers: only that somebody waits."""
    waiting = job.consumer.get("num_waiting")
    if job.is_over or formats.absent(waiting):
        return ""
    return note(f"Requests waiting at the broker for work: {put(count(waiting))}.")


def _table(name: str, columns: tuple[tuple[str, str], ...], rows: list[list[str]]) -> str:
    heads = "".join(f'<th scope="col" class="{kind}">{title}</th>' for title, kind in columns)
    body = ""
    for first, *cells in rows:
        told = "".join(
            f'<td class="{kind}">{cell}</td>'
            for cell, (_, kind) in zip(cells, columns[1:], strict=True)
        )
        body += f'<tr><th scope="row">{first}</th>{told}</tr>'
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table class="fit">'
        f"<caption>{name}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
        "</div>"
    )


def _client(
    row: dict[Any, Any], put: Places, *, is_over: bool, as_of: pd.Timestamp, zone: ZoneInfo
) -> list[str]:
    failed, unposted = row["failed_posts"], row["unposted"]
    tone = ' class="warn word"' if not formats.absent(unposted) and unposted > 0 else ""
    said = ("first_fetched_at", "last_fetched_at", "last_posted_at")
    cells = [
        put(_fetched(row)),
        put(f"{count(row['results_posted'])}{_failed(failed)}"),
        f"<span{tone}>{put('not known' if formats.absent(unposted) else count(unposted))}</span>",
        put(measure(row["posted_per_min"])),
        *(put(clock(row[name], zone, as_of=as_of)) for name in said),
        _last_sign(row["last_sign_at"], put, is_over=is_over, as_of=as_of, zone=zone),
    ]
    return [_named(row), *cells]


def _named(row: dict[Any, Any]) -> str:
    if not formats.absent(row["client"]):
        return f"client {escape(row['client'])}"
    if row["sources"] == "worker":
        return "workers' own output"
    return "not named"


def _fetched(row: dict[Any, Any]) -> str:
    fetches, size = row["fetches"], row["batch_size"]
    told = f"{count(row['tasks_fetched'])} in {count(fetches)} fetch{'' if fetches == 1 else 'es'}"
    if not formats.absent(size):
        told += f" of up to {count(size)}"
    for column, what in (("empty_fetches", "empty"), ("refused_fetches", "after the end")):
        if not formats.absent(row[column]) and row[column] > 0:
            told += f", {count(row[column])} {what}"
    return told


def _failed(failed: Any) -> str:
    return "" if formats.absent(failed) or not failed else f", {count(failed)} posts failed"


def _last_sign(at: Any, put: Places, *, is_over: bool, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    if is_over or formats.absent(at):
        return put(clock(at, zone, as_of=as_of))
    silent_s = max(0.0, (as_of - at).total_seconds()) // 1
    tone = "warn" if silent_s > SILENT_S else "muted"
    mark = '<i class="mark">▲</i>silent for ' if silent_s > SILENT_S else ""
    ago = "" if mark else " ago"
    return f'<span class="{tone} word">{mark}{put(f"{duration(silent_s)}{ago}")}</span>'


def _saver(row: dict[Any, Any], put: Places, *, as_of: pd.Timestamp, zone: ZoneInfo) -> list[str]:
    times = (put(clock(row[n], zone, as_of=as_of)) for n in ("first_saved_at", "last_saved_at"))
    return [
        escape(row["process"]),
        put(count(row["results_saved"])),
        put(count(row["failed_saves"])),
        put(
            MISSING
            if formats.absent(row["saving_p50_s"])
            else formats.short_duration(row["saving_p50_s"])
        ),
        *times,
    ]


class WorkersCard:
    """The card; reads the lines again only where there are others."""

    def __init__(self, *, every_s: float | None = None) -> None:
        """Nothing is shown yet.

        Args:
            every_s: Pause between two looks at job logs, seconds; 0: they are not read;
                ``None``: not known.
        """
        self._every_s = every_s
        self._told_by: object = None
        self._clients = self._savers = pd.DataFrame()
        self.card: ToldPane = cards.pane(stylesheets=[style.sheet("panels")])
        self.pane: Any = cards.card(self.card)

    def show(
        self,
        job: Job,
        log_events: pd.DataFrame,
        *,
        sources: pd.DataFrame,
        is_live: bool,
        as_of: pd.Timestamp,
        zone: ZoneInfo,
    ) -> None:
        """Bring it up to date.

        Args:
            job: What is known of it.
            log_events: Its ``log_events``, nothing later than ``as_of``.
            sources: :func:`ami_console.metrics.source_ages`.
            is_live: Whether new looks come in.
            as_of: The instant that it is seen from.
            zone: Zone of the wall time.
        """
        told_by = (int(job.row["job_id"]), log_sources.state_of(log_events))
        if told_by != self._told_by:
            self._told_by = told_by
            self._clients = metrics.workers(log_events)
            self._savers = metrics.savers(log_events)
        why = None
        if log_events.empty:
            why = log_sources.why_none(
                sources, is_live=is_live, every_s=self._every_s, as_of=as_of, zone=zone
            )
        self.card.show(
            workers_card(self._clients, self._savers, job, why=why, as_of=as_of, zone=zone)
        )
