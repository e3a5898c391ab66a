"""The dashboard: can the sources be trusted, how are the jobs, and how is the chosen one."""

import logging
from collections.abc import Callable
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui
import param

from ami_console.apps import formats, job_view, style
from ami_console.apps.board import WINDOWS, Board, Drawn, Job, board_of, window
from ami_console.apps.chart_heads import chart_heads
from ami_console.apps.diagnosis_panes import DiagnosisPanes
from ami_console.apps.feed import Feed, current
from ami_console.apps.findings_card import tab_title
from ami_console.apps.fleet_table import FleetTable, rows_of
from ami_console.apps.heartbeat import Heartbeat
from ami_console.apps.job_charts import JobCharts
from ami_console.apps.queues_card import queues_card
from ami_console.apps.session import run
from ami_console.apps.source_panes import SourcePanes
from ami_console.apps.told import Places, Told, ToldPane
from ami_console.charts import WallClock
from ami_console.errors import AmiConsoleError

log = logging.getLogger(__name__)

TITLE = "Antenna jobs"
META_TITLE = f"{TITLE} · ami-console"


class View(param.Parameterized):
    """What the reader looks at; kept in the page's address."""

    job = param.Integer(default=None, allow_None=True, doc="The chosen job.")
    window = param.String(default="1h", doc="How far back the charts reach: a key of ``WINDOWS``.")


class Dashboard:
    """One page: built once, then brought up to date; what did not change is not sent."""

    def __init__(self, board: Board) -> None:
        """Args: ``board`` holds the numbers, for all pages together."""
        self.board = board
        self.feed: Feed = board.feed
        self.view = View()  # type: ignore[no-untyped-call]
        self.heartbeat = Heartbeat(
            silent_s=6.0 if self.feed.is_live else 15.0,
            serves=pn.state.curdoc is not None and pn.state.curdoc.session_context is not None,
            width=0,
            height=0,
            margin=0,
        )
        self._top = ToldPane(
            stylesheets=[style.sheet("header")], sizing_mode="stretch_width", margin=(4, 10)
        )
        self._chosen: int | None = None
        self._fault = ""
        self._strip = SourcePanes(board, card=self._card)
        self._sources, self._troubles = self._strip.cards, self._strip.troubles
        self._judged = DiagnosisPanes(board, card=self._card, choose=self._choose)
        self.table = FleetTable(self._choose)
        self._no_fleet = self._pane()
        self._panes = {
            name: self._pane()
            for name in ("job", "stages", "tasks", "times", "queue", "queues", "counters", "empty")
        }
        self._queues_box = self._card(self._panes["queues"])
        self._charts = JobCharts()
        self._heads = {key: self._pane() for key in self._charts.panes}
        self._windows = pmui.RadioButtonGroup(
            options={w.label: w.key for w in WINDOWS},
            value=self.view.window,
            size="small",
            margin=0,
            width=300,
        )
        self._windows.link(self.view, value="window")
        self._span = ToldPane(html='<h2 class="over">Last</h2>', margin=0)
        self._zone = ToldPane(margin=0)
        self._chart_row = pn.FlexBox(
            *(self._chart_card(self._heads[key], pane) for key, pane in self._charts.panes.items()),
            gap="12px",
            sizing_mode="stretch_width",
            margin=0,
        )
        self._job_box = pn.Column(sizing_mode="stretch_width", margin=0)
        self._unknown_box = self._card(self._panes["empty"])
        self.page = self._page()
        self.refresh()
        self.view.param.watch(lambda *_: self.refresh(), ["job", "window"])

    def _pane(self) -> ToldPane:
        return ToldPane(sizing_mode="stretch_width", margin=0)

    def _page(self) -> Any:
        facts = pn.Column(
            self._card(self._panes["stages"]),
            self._card(self._panes["tasks"]),
            self._card(self._panes["times"]),
            self._card(self._panes["queue"]),
            self._queues_box,
            self._card(self._panes["counters"]),
            styles={"flex": "1 1 270px", "max-width": "420px", "gap": "12px"},
            margin=0,
        )
        charts = pn.Column(
            pn.FlexBox(
                self._span,
                self._windows,
                self._zone,
                align_items="center",
                gap="4px 12px",
                sizing_mode="stretch_width",
                margin=0,
            ),
            self._chart_row,
            styles={"flex": "100 1 340px", "min-width": "0", "gap": "8px"},
            margin=0,
        )
        self._job_box.objects = [
            self._card(self._panes["job"]),
            self._judged.about_job,
            pn.FlexBox(
                facts, charts, gap="12px", sizing_mode="stretch_width", margin=(12, 0, 0, 0)
            ),
        ]
        table = pn.Column(
            self._no_fleet,
            self.table.widget,
            sizing_mode="stretch_width",
            styles={"overflow-x": "auto"},
            margin=0,
        )
        main = pn.Column(
            self._judged.findings,
            self._strip.row,
            self._troubles,
            self._card(table),
            self._unknown_box,
            self._job_box,
            self.heartbeat,
            sizing_mode="stretch_width",
            styles={"gap": "12px", "padding": "2px 14px 14px"},
            margin=0,
        )
        page = pmui.Page(
            title="",
            meta_title=META_TITLE,
            header=[self._top],
            main=[main],
            theme_config=style.THEME,
            busy_indicator=None,
            sx=style.PAGE_SX,
        )
        return page

    def _card(self, content: Any) -> Any:
        return pmui.Paper(
            content,
            elevation=0,
            variant="outlined",
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[".paper { height: 100%; }"],
            sx={"padding": "12px 14px", "height": "100%"},
        )

    def _choose(self, job_id: int) -> None:
        self.view.job = job_id

    def refresh(self) -> None:
        """Bring everything up to date with the board; a fault of ours is shown, not hidden."""
        self._fault = ""
        self._guarded(self._refresh)
        self.tick()

    def _guarded(self, show: Callable[[], None]) -> None:
        try:
            show()
        except Exception as error:
            log.exception("the dashboard could not be brought up to date")
            self._fault = f"{type(error).__name__}: {error}"

    def _refresh(self) -> None:
        as_of = self.feed.as_of()
        fleet = self.board.fleet()
        if self.view.job is not None:
            self._chosen = self.view.job
        elif self._chosen is None and len(fleet):
            self._chosen = self._to_begin_with(fleet)  # and stays, whatever comes on top later
        self._windows.value = window(self.view.window).key
        self._show_fleet(fleet, self._chosen, as_of)
        job = self.board.job(self._chosen) if self._chosen is not None else None
        self._show_job(self._chosen, job, as_of)

    def _to_begin_with(self, fleet: pd.DataFrame) -> int:
        """The job that is in most need of somebody, else the first of the table."""
        judged = self.board.judgements.judged()
        known = set(fleet["job_id"])
        for finding in judged.findings if judged is not None else ():
            job_id = finding.job_id
            if job_id is not None and job_id in known and finding.severity == "critical":
                return job_id
        return int(fleet["job_id"].iloc[0])

    def tick(self) -> None:
        """A second has passed: ages grow, whether or not there was news."""
        as_of = self.feed.as_of()
        self._top.show(self._head(as_of))
        self._guarded(lambda: self._show_judged(as_of))
        self._strip.show(as_of, fault=self._fault)
        self.heartbeat.beat += 1  # last: a page whose ages stand still must not seem alive

    def _show_judged(self, as_of: pd.Timestamp) -> None:
        self._judged.tick(self._chosen, as_of)
        self.heartbeat.tab = tab_title(self.board.judgements.judged(), META_TITLE)

    def _head(self, as_of: pd.Timestamp) -> Told:
        what = "now" if self.feed.is_live else "as it stood at"
        put = Places()
        now = put(f"{as_of.tz_convert(self.feed.zone):%d %b %H:%M:%S}")
        return put.told(
            f'<div class="top"><h1>{TITLE}</h1>'
            f'<span class="label">{formats.escape(self.feed.label)}</span>'
            f'<span class="clock">{what} {now}, {self.feed.zone.key}</span></div>'
        )

    def _show_fleet(self, fleet: pd.DataFrame, chosen: int | None, as_of: pd.Timestamp) -> None:
        rows = self.board.once(
            "rows",
            lambda: rows_of(
                fleet, zone=self.feed.zone, as_of=as_of, worst=self.board.judgements.worst()
            ),
        )
        self.table.show(rows, chosen=chosen)
        has_rows = len(fleet) > 0
        self.table.widget.visible = has_rows
        self._no_fleet.visible = not has_rows
        if not has_rows:
            self._no_fleet.show(self._no_jobs())

    def _no_jobs(self) -> Told:
        sources = self.board.sources()
        answered = sources["ok"].fillna(False).astype(bool)
        if not self.feed.is_live:
            head, text = "No job was recorded", "Nothing in this recording tells of a job."
        elif not answered.any() and sources["ok"].notna().any():
            head = "No job is known"
            text = (
                "None of the sources can be read, so this is not an empty Antenna: it is one that "
                "can't be seen. What went wrong stands above."
            )
        elif not answered.any():
            head, text = "Looking for jobs", "The first answers are on their way."
        else:
            head = "No active job"
            text = (
                "The sources answer and none of them knows an active job. One that is started in "
                "Antenna appears here by itself within half a minute."
            )
        return Told(f'<div class="empty"><h2>{head}</h2><p>{text}</p></div>')

    def _show_job(self, chosen: int | None, job: Job | None, as_of: pd.Timestamp) -> None:
        self._job_box.visible = job is not None
        unknown = chosen is not None and job is None
        self._unknown_box.visible = unknown
        if unknown:
            self._panes["empty"].show(
                Told(
                    f'<div class="empty"><h2>Job {chosen} is not known</h2><p>No source told of it '
                    "since the watch began. It may have ended before, or the number is wrong. "
                    "Choose a job in the table.</p></div>"
                )
            )
        if job is None:
            self._judged.show_no_job()
            return
        told = self.board.once(
            ("told", chosen), lambda: job_view.parts(job, as_of=as_of, zone=self.feed.zone)
        )
        for name, part in told.items():
            self._panes[name].show(part)
        self._judged.show_job(job, as_of)
        self._show_queues(as_of)
        self._show_charts(int(job.row["job_id"]), job, as_of)

    def _show_queues(self, as_of: pd.Timestamp) -> None:
        queues = self.board.queues()
        self._queues_box.visible = len(queues) > 0
        if len(queues):
            self._panes["queues"].show(
                self.board.once(
                    "queues card", lambda: queues_card(queues, as_of=as_of, zone=self.feed.zone)
                )
            )

    def _show_charts(self, job_id: int, job: Job, as_of: pd.Timestamp) -> None:
        span = window(self.view.window)
        drawn, marks = self.board.drawn(job_id, span), self.board.marks(job_id, span)
        clock = WallClock.of(self.feed.zone, as_of)
        self._charts.show(
            drawn.rows,
            drawn=(job_id, span.key, drawn.width_s),
            clock=clock,
            span_s=span.span_s,
            marks=marks,
        )
        self._charts.panes["heat"].visible = len(marks.cells) > 0
        self._zone.show(_axis_told(clock, drawn, is_over=job.is_over))
        heads = self.board.once(("heads", job_id, span.key), lambda: chart_heads(job, drawn, marks))
        for key, head in heads.items():
            self._heads[key].show(head)

    def _chart_card(self, head: Any, pane: Any) -> Any:
        card = self._card(pn.Column(head, pane, sizing_mode="stretch_width", margin=0))
        card.styles = {"flex": "1 1 400px", "min-width": "0"}
        return card


def _axis_told(clock: WallClock, drawn: Drawn, *, is_over: bool) -> Told:
    """Whose time the axes show, and what a point is where it is not one look."""
    told = formats.escape(clock.label)
    if drawn.width_s:
        last = "" if is_over else "; the last is still filling"
        told += f" · points are buckets of {formats.duration(drawn.width_s)}{last}"
    return Told(f'<span class="dim">{told}</span>')


def page(feed: Feed | None = None) -> Any:
    """The dashboard of a feed as a page, kept up to date for as long as it is open.

    Args:
        feed: What to show; that of this process (:func:`ami_console.apps.feed.current`) when
            not given: the live one, unless another was set.

    Returns:
        A ``panel_material_ui.Page``. Served, it follows its browser; in a notebook it follows
        the kernel, until the next page is made.
    """
    try:
        board = board_of(feed if feed is not None else current())
    except AmiConsoleError as error:
        return _cannot(str(error))
    return run(lambda: Dashboard(board), board)


def _cannot(reason: str) -> Any:
    why = formats.escape(reason)
    text = f'<div class="empty"><h2>The dashboard can\'t start</h2><p>{why}</p></div>'
    return pmui.Page(
        title=TITLE,
        main=[ToldPane(html=text, margin=20, sizing_mode="stretch_width")],
        theme_config=style.THEME,
        busy_indicator=None,
    )
