"""The logs of a job: errors grouped, lines by kind, level, text and minute."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console import frames, metrics
from ami_console.apps import cards, log_lines, log_sources, style
from ami_console.apps.job import Job
from ami_console.apps.log_lines import LogLines
from ami_console.apps.log_rows import LEVELS, MOST, LogQuery, log_rows
from ami_console.apps.logs_card import (
    TEXT_SIZE,
    empty_card,
    filters,
    groups_card,
    kinds_card,
    lines_head,
)
from ami_console.apps.told import ToldPane
from ami_console.apps.view import instant


class LogsPanel:
    """Groups, filters and lines; sends nothing where nothing changed.

    Attributes:
        query: What the reader wants to see.
    """

    def __init__(
        self,
        *,
        on_minute: Callable[[pd.Timestamp | None], None] | None = None,
        every_s: float | None = None,
        most: int = MOST,
    ) -> None:
        """Nothing is shown yet.

        Args:
            on_minute: Called with the minute that the reader chose; ``None``: all.
            every_s: Pause between two looks at job logs, seconds; 0: they are not read;
                ``None``: not known.
            most: Lines that are shown at once.
        """
        self._on_minute = on_minute
        self._every_s, self._most = every_s, most
        self.query = LogQuery()
        self._again: Callable[[], None] = lambda: None
        self._lines_of: object = None
        self._groups_of: object = None
        self._groups = metrics.log_groups(frames.empty("log_events"))
        self._job_id: int | None = None
        sheets = [style.sheet("head", "panels")]
        names = ("groups", "filters", "kinds", "head")
        self.panes: dict[str, ToldPane] = {
            name: cards.pane(act=self._act, stylesheets=sheets) for name in names
        }
        self.lines = LogLines(most=most, sizing_mode="stretch_width", margin=0)
        self._groups_box = cards.card(self.panes["groups"])
        parts = (self.panes[name] for name in ("head", "filters", "kinds"))
        self._lines_box = cards.card(cards.column(*parts, self.lines, gap_px=6))
        self.empty = cards.pane()
        self._empty_box = cards.card(self.empty)
        self.pane: Any = cards.column(self._empty_box, self._groups_box, self._lines_box)

    def show_minute(self, at: pd.Timestamp | None) -> None:
        """Show the lines of the minute of an instant; ``None``: of all minutes."""
        wanted = replace(self.query, minute=at).minute_at
        if wanted != self.query.minute_at:
            self.query = replace(self.query, minute=wanted)
            self._again()

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
        job_id = int(job.row["job_id"])
        if self._job_id not in (None, job_id):
            self.query = LogQuery(minute=self.query.minute)
        self._job_id = job_id
        self._again = lambda: self.show(
            job, log_events, sources=sources, is_live=is_live, as_of=as_of, zone=zone
        )
        has_lines = len(log_events) > 0
        self._empty_box.visible = not has_lines
        self._groups_box.visible = self._lines_box.visible = has_lines
        if not has_lines:
            self.empty.show(
                empty_card(
                    log_sources.why_none(
                        sources, is_live=is_live, every_s=self._every_s, as_of=as_of, zone=zone
                    )
                )
            )
            self._lines_of = self._groups_of = None
            return
        remarks = log_sources.remarks(sources, as_of=as_of, zone=zone) if is_live else []
        frame = (job_id, log_sources.state_of(log_events))
        shown = (frame, self.query, zone.key, as_of.tz_convert(zone).date(), tuple(remarks))
        if shown == self._lines_of:
            return
        self._lines_of = shown
        if frame != self._groups_of:
            self._groups_of = frame
            self._groups = metrics.log_groups(log_events)
        self.panes["groups"].show(
            groups_card(self._groups, pattern=self.query.pattern, as_of=as_of, zone=zone)
        )
        found = log_rows(log_events, self.query, most=self._most)
        self.panes["filters"].show(filters(self.query, found.sources))
        self.panes["kinds"].show(kinds_card(found, self.query))
        self.panes["head"].show(
            lines_head(found, self.query, as_of=as_of, zone=zone, remarks=remarks)
        )
        self.lines.show(log_lines.rows_of(found.lines, zone=zone, as_of=as_of))

    def _act(self, asked: dict[str, str]) -> None:
        """What the reader asked for; it comes from a browser."""
        query, value = self.query, asked.get("value", "")
        if asked["act"] == "minute":
            at = instant(asked.get("at", "")) if asked.get("at") else None
            self.show_minute(at)
            if self._on_minute is not None:
                self._on_minute(self.query.minute_at)
            return
        if asked["act"] == "kind":
            query = replace(query, kinds=query.kinds ^ {asked.get("kind", "")[:40]} - {""})
        elif asked["act"] == "level" and value in LEVELS:
            query = replace(query, level=value)
        elif asked["act"] == "source":
            query = replace(query, source=value[:40])
        elif asked["act"] == "text":
            query = replace(query, text=value.strip()[:TEXT_SIZE])
        elif asked["act"] == "group":
            pattern = asked.get("pattern", "")
            query = replace(query, pattern="" if pattern == query.pattern else pattern)
        elif asked["act"] == "clear":
            query = LogQuery(minute=query.minute)
        if query != self.query:
            self.query = query
            self._again()
