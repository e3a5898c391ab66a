"""The charts of the chosen job on one time axis, beside what each source tells of it."""

from collections.abc import Callable, Hashable
from typing import Any

import pandas as pd

from ami_console.apps import cards, formats, style
from ami_console.apps.as_python import absolute, of_job, python_lines
from ami_console.apps.axis_note import axis_note, known_since
from ami_console.apps.chart_export import ChartMenu, legend_of
from ami_console.apps.chart_heads import chart_heads
from ami_console.apps.happenings_card import happenings_card
from ami_console.apps.job import Job
from ami_console.apps.job_charts import KEYS, JobCharts
from ami_console.apps.queues_card import queues_card
from ami_console.apps.stage import Stage
from ami_console.apps.states_head import states_head
from ami_console.apps.told import ToldPane
from ami_console.charts import CHARTS, WallClock
from ami_console.metrics import Story

SOON = 1
"""Charts sent with the page; the others follow, so that the first is seen early."""

FACTS = ("stages", "tasks", "times", "queue", "queues", "counters")
OTHERS = {"states": "Story", "heat": "Latency of all tasks"}
WIDE = frozenset({"states", "heat"})


class ChartsPart:
    """Built once per page; another job brings other numbers, not other figures."""

    def __init__(
        self,
        stage: Stage,
        facts: dict[str, ToldPane],
        *,
        picked: Callable[[pd.Timestamp], None],
    ) -> None:
        """Nothing is drawn yet.

        Args:
            stage: What the page shows.
            facts: Panes of what stands beside the charts, by their names.
            picked: Called with the instant at which a chart was clicked.
        """
        self._stage, self._facts = stage, facts
        self.queues_box = cards.card(facts["queues"])
        self.charts = JobCharts(picked)
        self.heads = {key: cards.pane() for key in KEYS}
        self.axis = cards.pane()
        self.happened = cards.pane(act=self._act, stylesheets=[style.sheet("story")])
        self._picked = picked
        self._sheets = {key: self._sheet(key) for key in KEYS[:SOON]}
        self._menus: dict[str, ChartMenu] = {}
        self._job_id: int | None = None
        self._named: Hashable = None
        self._grid = cards.row(*self._sheets.values())
        self.pane = cards.row(cards.column(self.axis, self._grid, gap_px=8, flex="100 1 340px"))
        self._is_whole = self._has_heat = False

    def _sheet(self, key: str) -> Any:
        return cards.card(
            cards.column(self.heads[key], self.charts.pane(key), gap_px=0),
            flex="1 1 100%" if key in WIDE else "1 1 400px",
            min_width="0",
        )

    def complete(self) -> None:
        """The browser has the first charts: send the rest."""
        if self._is_whole:
            return
        self._is_whole = True
        self._sheets |= {key: self._sheet(key) for key in KEYS[SOON:]}
        self._sheets["heat"].visible = self._has_heat
        for key, sheet in self._sheets.items():
            self._menus[key] = self._menu(key)
            sheet[0].append(self._menus[key])
        self._grid.extend([self._sheets[key] for key in KEYS[SOON:]])
        boxes = [
            self.queues_box if name == "queues" else cards.card(self._facts[name]) for name in FACTS
        ]
        boxes.append(cards.card(self.happened))
        self.pane.insert(0, cards.column(*boxes, flex="1 1 270px", max_width="420px"))

    def _menu(self, key: str) -> ChartMenu:
        drawn = next((chart for chart in CHARTS if chart.key == key), None)
        return ChartMenu(
            self.charts.figure(key),
            name=key,
            title=drawn.title if drawn is not None else OTHERS[key],
            legend=() if drawn is None else legend_of(drawn),
            python=lambda: self._python(key),
        )

    def _python(self, key: str) -> str:
        """Lines of a notebook that draw the same."""
        stage = self._stage
        if self._job_id is None:
            raise LookupError("nothing is drawn yet")
        drawing = of_job(stage.board, key, self._job_id, stage.view.span, zone=stage.zone)
        recorded = stage.feed.recorded
        return python_lines(drawing, recording=None if recorded is None else absolute(recorded))

    def _name_menus(self, job_id: int, as_of: pd.Timestamp, clock: WallClock) -> None:
        """What files of the charts are called; the browser adds the instant of a live one."""
        at = "" if self._stage.is_live else f"_{as_of:%Y%m%dT%H%M%SZ}"
        if (job_id, at, clock.label, len(self._menus)) == self._named:
            return
        self._named = job_id, at, clock.label, len(self._menus)
        for key, menu in self._menus.items():
            menu.draws(f"{key}_job-{job_id}{at}", f"{menu.title} of job {job_id} · {clock.label}")

    def _act(self, asked: dict[str, str]) -> None:
        """The minute of an event; it comes from a browser."""
        at = asked.get("at", "")
        if asked["act"] == "minute" and at.isdecimal() and len(at) < 20:
            self._picked(pd.Timestamp(int(at), tz="UTC"))

    def show(self, job: Job, as_of: pd.Timestamp) -> None:
        """Bring it up to date."""
        self._show_queues(as_of)
        job_id = int(job.row["job_id"])
        board, span = self._stage.board, self._stage.view.span
        drawn, marks = board.drawn(job_id, span), board.marks(job_id, span)
        clock = WallClock.of(self._stage.zone, as_of)
        self.charts.show(
            drawn.rows,
            drawn=(id(board), job_id, span.key, drawn.width_s, clock.zone.key),
            clock=clock,
            span_s=None if span.is_fixed else span.span_s,
            marks=marks,
            story=job.evidence.story,
        )
        self._has_heat = len(marks.cells) > 0
        if self._is_whole:
            self._sheets["heat"].visible = self._has_heat
        buckets = ""
        if drawn.width_s:
            last = "" if job.is_over or span.is_fixed else "; the last is still filling"
            buckets = f"buckets of {formats.duration(drawn.width_s)}{last}"
        since = known_since(board, span, as_of) if board.feed.is_live else None
        self.axis.show(axis_note(clock, buckets, since=since, as_of=as_of))
        heads = board.once(("heads", job_id, span.key), lambda: chart_heads(job, drawn, marks))
        for key, head in heads.items():
            self.heads[key].show(head)
        self._job_id = job_id
        self._name_menus(job_id, as_of, clock)
        self._show_story(job.evidence.story, as_of)

    def _show_story(self, told: Story, as_of: pd.Timestamp) -> None:
        board, zone = self._stage.board, self._stage.zone
        head, card = board.once(
            ("story", self._job_id, zone.key),
            lambda: (
                states_head(told.spans, as_of=as_of, zone=zone),
                happenings_card(told.happenings, as_of=as_of, zone=zone),
            ),
        )
        self.heads["states"].show(head)
        self.happened.show(card)

    def _show_queues(self, as_of: pd.Timestamp) -> None:
        board, zone = self._stage.board, self._stage.zone
        queues = board.queues()
        self.queues_box.visible = len(queues) > 0
        if len(queues):
            card: Any = board.once(
                ("queues card", zone.key), lambda: queues_card(queues, as_of=as_of, zone=zone)
            )
            self._facts["queues"].show(card)
