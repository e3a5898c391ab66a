"""The page of one job: verdict and evidence, then charts, tasks, workers, logs."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from ami_console.apps import cards, formats, job_view
from ami_console.apps.axis_note import axis_note, known_since
from ami_console.apps.chart_heads import chart_heads
from ami_console.apps.findings_pane import FindingsPane
from ami_console.apps.job import Job
from ami_console.apps.job_charts import JobCharts
from ami_console.apps.judged_panes import JudgedPanes
from ami_console.apps.queues_card import queues_card
from ami_console.apps.stage import Stage
from ami_console.apps.told import Told
from ami_console.charts import WallClock

SOON = 2
"""Charts that are sent with the page; the others follow, so that the first is seen early."""

FACTS = ("stages", "tasks", "times", "queue", "queues", "counters")


class JobTab:
    """Built when it is first looked at; another job brings other numbers, not other panes."""

    def __init__(self, stage: Stage, *, choose: Callable[[int], None]) -> None:
        """Nothing is shown yet.

        Args:
            stage: What the page shows.
            choose: Called with the job whose button was pressed.
        """
        self._stage = stage
        self.findings = FindingsPane(stage, choose=choose, of_job=True)
        self.judged = JudgedPanes(stage)
        self.panes = {name: cards.pane() for name in ("job", *FACTS, "empty")}
        self.queues_box = cards.card(self.panes["queues"])
        self.charts = JobCharts()
        self.heads = {key: cards.pane() for key in self.charts.panes}
        self.axis = cards.pane()
        self._below = cards.row(self._chart_column())
        self._box = cards.column(
            cards.card(self.panes["job"]), self.findings.pane, self.judged.pane, self._below
        )
        self._is_whole = False
        self._unknown = cards.card(self.panes["empty"])
        self.pane = cards.column(self._unknown, self._box)

    def _facts(self) -> Any:
        boxes = [
            self.queues_box if name == "queues" else cards.card(self.panes[name]) for name in FACTS
        ]
        return cards.column(*boxes, flex="1 1 270px", max_width="420px")

    def _chart_column(self) -> Any:
        sheets = [
            cards.card(
                cards.column(self.heads[key], pane, gap_px=0), flex="1 1 400px", min_width="0"
            )
            for key, pane in self.charts.panes.items()
        ]
        self._sheets = sheets
        self._grid = cards.row(*sheets[:SOON])
        return cards.column(self.axis, self._grid, gap_px=8, flex="100 1 340px")

    def complete(self) -> None:
        """The browser has the first charts: send the rest."""
        if not self._is_whole:
            self._is_whole = True
            self._grid.extend(self._sheets[SOON:])
            self._below.insert(0, self._facts())

    def show(self, chosen: int | None, as_of: pd.Timestamp) -> None:
        """Bring it up to date; a job that nothing is known of is said to be unknown."""
        board = self._stage.board
        job = board.job(chosen) if chosen is not None else None
        self._box.visible = job is not None
        self._unknown.visible = job is None
        if job is None:
            self.panes["empty"].show(_unknown(chosen))
            return
        zone = self._stage.zone
        told = board.once(
            ("told", chosen, zone.key), lambda: job_view.parts(job, as_of=as_of, zone=zone)
        )
        for name, part in told.items():
            self.panes[name].show(part)
        self.judged.show(job, as_of)
        self._show_queues(as_of)
        self._show_charts(int(job.row["job_id"]), job, as_of)

    def tick(self, chosen: int | None, as_of: pd.Timestamp) -> None:
        """A second has passed."""
        self.findings.tick(chosen, as_of)
        if self._box.visible:
            self.judged.tick(as_of)

    def _show_queues(self, as_of: pd.Timestamp) -> None:
        board, zone = self._stage.board, self._stage.zone
        queues = board.queues()
        self.queues_box.visible = len(queues) > 0
        if len(queues):
            self.panes["queues"].show(
                board.once(
                    ("queues card", zone.key), lambda: queues_card(queues, as_of=as_of, zone=zone)
                )
            )

    def _show_charts(self, job_id: int, job: Job, as_of: pd.Timestamp) -> None:
        board, span = self._stage.board, self._stage.view.span
        drawn, marks = board.drawn(job_id, span), board.marks(job_id, span)
        clock = WallClock.of(self._stage.zone, as_of)
        self.charts.show(
            drawn.rows,
            drawn=(id(board), job_id, span.key, drawn.width_s, clock.zone.key),
            clock=clock,
            span_s=None if span.is_fixed else span.span_s,
            marks=marks,
        )
        self.charts.panes["heat"].visible = len(marks.cells) > 0
        buckets = ""
        if drawn.width_s:
            last = "" if job.is_over or span.is_fixed else "; the last is still filling"
            buckets = f"buckets of {formats.duration(drawn.width_s)}{last}"
        since = known_since(board, span, as_of)
        self.axis.show(axis_note(clock, buckets, since=since, as_of=as_of))
        heads = board.once(("heads", job_id, span.key), lambda: chart_heads(job, drawn, marks))
        for key, head in heads.items():
            self.heads[key].show(head)


def _unknown(chosen: int | None) -> Told:
    if chosen is None:
        head, text = "No job is chosen", "Choose one in the table of jobs."
    else:
        head = f"Job {chosen} is not known"
        text = (
            "No source told of it since the watch began. It may have ended before, or the number "
            "is wrong. Choose a job in the table."
        )
    return Told(f'<div class="empty"><h2>{head}</h2><p>{text}</p></div>')
