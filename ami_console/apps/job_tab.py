"""The page of one job: verdict and evidence, then charts, tasks, workers, logs."""

from collections.abc import Callable
from typing import Any, Protocol

import pandas as pd

from ami_console.apps import cards, job_view, style
from ami_console.apps import view as views
from ami_console.apps.actions_panel import ActionsPanel
from ami_console.apps.charts_part import FACTS, ChartsPart
from ami_console.apps.findings_pane import FindingsPane
from ami_console.apps.head import tab_list
from ami_console.apps.job import Job
from ami_console.apps.judged_panes import JudgedPanes
from ami_console.apps.logs_panel import LogsPanel
from ami_console.apps.report_button import ReportButton, Wanted
from ami_console.apps.stage import Stage
from ami_console.apps.tasks_panel import TasksPanel
from ami_console.apps.told import Told
from ami_console.apps.view import PARTS
from ami_console.apps.workers_card import WorkersCard


class Part(Protocol):
    """A part of the page of a job."""

    pane: Any

    def show(self, job: Job, as_of: pd.Timestamp) -> None: ...
    def complete(self) -> None: ...


class JobTab:
    """Built when it is first looked at, and so is each of its parts."""

    def __init__(self, stage: Stage, *, choose: Callable[[int], None]) -> None:
        """Nothing is shown yet.

        Args:
            stage: What the page shows.
            choose: Called with the job whose button was pressed.
        """
        self._stage = stage
        self.findings = FindingsPane(stage, choose=choose, of_job=True)
        self.actions = ActionsPanel(stage)
        self.judged = JudgedPanes(stage)
        self.panes = {name: cards.pane() for name in ("job", *FACTS, "empty")}
        self.parts: dict[str, Part] = {}
        self._chosen: int | None = None
        self.report = ReportButton(self._wanted)
        self._nav = cards.pane(act=self._act, stylesheets=[style.sheet("head")])
        self._place = cards.column()
        self._box = cards.column(
            cards.card(cards.column(self.panes["job"], self.report)),
            self.findings.pane,
            self.actions.pane,
            self.judged.pane,
            self._nav,
            self._place,
        )
        self._unknown = cards.card(self.panes["empty"])
        self.pane = cards.column(self._unknown, self._box)
        self._is_whole = False

    def part(self, name: str) -> Part:
        """A part, made when it is first wanted."""
        if name not in self.parts:
            self.parts[name] = self._made(name)
        return self.parts[name]

    def _show(self, part: Part) -> None:
        """It alone is seen; what is new is added when it is drawn."""
        if part.pane not in self._place.objects:
            self._place.append(part.pane)
        for other in self.parts.values():
            other.pane.visible = other is part

    def _made(self, name: str) -> Part:
        if name == "tasks":
            return _TasksPart(self._stage)
        if name == "workers":
            return _WorkersPart(self._stage)
        if name == "logs":
            return _LogsPart(self._stage)
        return ChartsPart(self._stage, self.panes, picked=self._pick)

    def _act(self, asked: dict[str, str]) -> None:
        if asked["act"] == "part" and asked.get("to") in PARTS:
            self._stage.view.part = asked["to"]

    def _pick(self, at: pd.Timestamp) -> None:
        """A chart was clicked: the log lines of that minute."""
        self._stage.view.param.update(part="logs", minute=views.iso(at.floor("min")))

    def _wanted(self) -> Wanted | None:
        """What the report is made of."""
        stage = self._stage
        return None if self._chosen is None else Wanted(stage.feed, self._chosen, stage.zone)

    def complete(self) -> None:
        """The browser has what is seen first: send the rest."""
        self._is_whole = True
        for part in self.parts.values():
            part.complete()

    def show(self, chosen: int | None, as_of: pd.Timestamp) -> None:
        """Bring it up to date; a job that nothing is known of is said to be unknown."""
        board, view = self._stage.board, self._stage.view
        job = board.job(chosen) if chosen is not None else None
        self._chosen = chosen if job is not None else None
        self.report.what = f"job {chosen}"
        self._box.visible = job is not None
        self._unknown.visible = job is None
        if job is None:
            self.panes["empty"].show(_unknown(chosen))
            return
        zone, ui = self._stage.zone, self._stage.home.antenna_ui
        told = board.once(
            ("told", chosen, zone.key),
            lambda: job_view.parts(job, as_of=as_of, zone=zone, antenna_ui=ui),
        )
        for name, part in told.items():
            self.panes[name].show(part)
        self.judged.show(job, as_of)
        self._nav.show(tab_list("part", PARTS, view.part, label="Parts"))
        shown = self.part(view.part)
        shown.show(job, as_of)
        if self._is_whole:
            shown.complete()
        self._show(shown)

    def tick(self, chosen: int | None, as_of: pd.Timestamp) -> None:
        """A second has passed."""
        self.findings.tick(chosen, as_of)
        if self._stage.home.is_live:
            self.actions.tick(chosen, as_of)
        else:
            self.actions.pane.visible = False
        if self._box.visible:
            self.judged.tick(as_of)


class _TasksPart:
    """Its tasks one by one, in the window."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self.panel = stage, TasksPanel()
        self.pane = self.panel.pane

    def show(self, job: Job, as_of: pd.Timestamp) -> None:
        span = self._stage.view.span
        self.panel.show(
            job,
            is_live=self._stage.is_live,
            as_of=as_of,
            zone=self._stage.zone,
            since=span.begins_at,
            until=span.ends_at,
        )

    def complete(self) -> None: ...


class _WorkersPart:
    """Who fetched, who posted, who saved."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.card = WorkersCard(every_s=stage.home.job_logs_every_s)
        self.pane = self.card.pane

    def show(self, job: Job, as_of: pd.Timestamp) -> None:
        self.card.show(
            job,
            job.evidence.log_events,
            sources=self._stage.board.sources(),
            is_live=self._stage.is_live,
            as_of=as_of,
            zone=self._stage.zone,
        )

    def complete(self) -> None: ...


class _LogsPart:
    """Its log lines; the minute is in the page's address."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.panel = LogsPanel(on_minute=self._keep, every_s=stage.home.job_logs_every_s)
        self.pane = self.panel.pane

    def _keep(self, at: pd.Timestamp | None) -> None:
        self._stage.view.minute = "" if at is None else views.iso(at)

    def show(self, job: Job, as_of: pd.Timestamp) -> None:
        minute = self._stage.view.minute
        self.panel.show(
            job,
            job.evidence.log_events,
            sources=self._stage.board.sources(),
            is_live=self._stage.is_live,
            as_of=as_of,
            zone=self._stage.zone,
        )
        self.panel.show_minute(views.instant(minute) if minute else None)

    def complete(self) -> None: ...


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
