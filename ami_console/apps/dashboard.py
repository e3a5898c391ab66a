"""The dashboard: can it be trusted, what needs attention, which job and why, trends, data."""

import logging
from collections.abc import Callable, Hashable
from typing import Any

import pandas as pd
import panel as pn

from ami_console.apps import cards, formats, style
from ami_console.apps import head as heads
from ami_console.apps import view as views
from ami_console.apps.data_panel import DataPanel
from ami_console.apps.direct import update
from ami_console.apps.feed import Feed, current, offered
from ami_console.apps.findings_card import tab_title
from ami_console.apps.framed import framed
from ami_console.apps.head import TITLE, Head
from ami_console.apps.heartbeat import Heartbeat
from ami_console.apps.job_tab import JobTab
from ami_console.apps.jobs_tab import JobsTab
from ami_console.apps.keys import Keys
from ami_console.apps.login import user_here
from ami_console.apps.replay_bar import ReplayBar
from ami_console.apps.replay_feed import ReplayFeed
from ami_console.apps.session import run
from ami_console.apps.source_panes import SourcePanes
from ami_console.apps.stage import Stage
from ami_console.apps.told import Told, ToldPane
from ami_console.apps.trends_tab import TrendsTab
from ami_console.apps.view import WINDOWS
from ami_console.errors import AmiConsoleError

log = logging.getLogger(__name__)

META_TITLE = f"{TITLE} · ami-console"

PAGES: dict[str, Callable[..., Any]] = {
    "jobs": JobsTab,
    "job": JobTab,
    "trends": TrendsTab,
    "data": DataPanel,
}
"""Key of :data:`ami_console.apps.view.TABS` → what makes the page."""


class Dashboard:
    """One page: built once, then brought up to date; what did not change is not sent.

    A part is built when it is first looked at, and brought up to date while it is.

    Attributes:
        is_open: Whether a browser has it; before that only what is seen first is built.
        wrong: What of the address can't be shown.
        chosen: The job that the reader looks at.
        fault: What is wrong with the page itself; empty: nothing.
    """

    def __init__(self, stage: Stage) -> None:
        """Args: ``stage`` says what is shown."""
        self.stage = stage
        self.view = stage.view
        self.chosen: int | None = None
        self.fault = ""
        self.wrong: list[str] = []
        self.is_open = False
        is_served = pn.state.curdoc is not None and pn.state.curdoc.session_context is not None
        self.heartbeat = Heartbeat(serves=is_served, width=0, height=0, margin=0)
        self.keys = Keys(self._pressed, width=0, height=0, margin=0)
        self.top = ToldPane(
            stylesheets=[style.sheet("header")], sizing_mode="stretch_width", margin=(4, 10)
        )
        sheet = [style.sheet("head")]
        self.tabs = cards.pane(act=self._act, stylesheets=sheet)
        self.controls = cards.pane(act=self._act, stylesheets=sheet)
        self.said = cards.pane()
        self.sources = SourcePanes(stage)
        self.parts: dict[str, Any] = {}
        self.bar: ReplayBar | None = None
        self._barred: ReplayFeed | None = None
        self._fixed: Hashable = None
        self._user = user_here()
        self._bar_place = cards.column(position="sticky", top="0", z_index="30")
        self._place = cards.column()
        self.page = self._page()
        self.refresh()
        self.view.param.watch(lambda *_: self.refresh(), list(views.NAMES))

    def _page(self) -> Any:
        main = cards.column(
            self.sources.row,
            self.sources.troubles,
            self.said,
            self._bar_place,
            self.tabs,
            self.controls,
            self._place,
            self.heartbeat,
            self.keys,
            padding="10px 14px 14px",
        )
        return framed(
            title="", meta_title=META_TITLE, header=[self.top], main=[main], sx=style.PAGE_SX
        )

    def _show(self, part: Any) -> None:
        """It alone is seen; what is new is added when it is drawn: a browser must not hear of
        changes of what it does not have yet."""
        if part.pane not in self._place.objects:
            self._place.append(part.pane)
        for other in self.parts.values():
            other.pane.visible = other is part

    def choose(self, job_id: int) -> None:
        """Open the page of a job."""
        self.view.param.update(job=job_id, tab="job")

    def _act(self, asked: dict[str, str]) -> None:
        """What the reader asked for at the head; anything else is not understood."""
        act, to, value = asked["act"], asked.get("to", ""), asked.get("value", "")
        view = self.view
        if act == "tab" and to in views.TABS:
            view.tab = to
        elif act == "window" and any(w.key == to for w in WINDOWS):
            view.window = to
        elif act in ("from", "to"):
            self._set_range(act, value)
        elif act == "zone" and views.zone(value) is not None:
            view.zone = "" if value == self.stage.home.zone.key else value
        elif act == "every" and value.isdecimal() and 1 <= int(value) <= 3600:
            view.every = int(value)
        elif act == "recording":
            view.param.update(recording=value, at="")
        elif act == "pause":
            self.stage.feed.pause()
        elif act == "resume":
            self.stage.feed.resume()
        elif act == "replay":
            self._replay()
        elif act == "live":
            self._live()
        elif act == "keys":
            self.keys.show()

    def _replay(self) -> None:
        """Stop at this instant."""
        self.view.at = views.iso(self.stage.as_of().floor("s"))

    def _set_range(self, side: str, value: str) -> None:
        """One end of a fixed window, as wall time; the other end is where it is now."""
        try:
            at = pd.Timestamp(value).tz_localize(self.stage.zone, ambiguous=True).tz_convert("UTC")
        except (ValueError, TypeError):
            return
        if pd.isna(at):
            return
        span, as_of = self.view.span, self.stage.as_of()
        ends_at = span.ends_at or as_of.floor("s")
        begins_at = span.begins_at or ends_at - pd.Timedelta(seconds=span.span_s or 86_400)
        begins_at, ends_at = (at, ends_at) if side == "from" else (begins_at, at)
        key = f"{views.iso(begins_at)}/{views.iso(ends_at)}"
        if views.window(key).key != key:
            self.wrong = ["a window must end after it begins"]
            self.refresh()
            return
        self.wrong = []
        self.view.window = key

    def _pressed(self, key: str) -> None:
        """A key of :data:`ami_console.apps.keys.MOVES`."""
        if key in "1234":
            self.view.tab = list(views.TABS)[int(key) - 1]
        elif key == "/":
            self.view.tab = "jobs"
        elif key in "jk":
            self._step(1 if key == "j" else -1)
        elif key == "p" and self.stage.is_live:
            self._act({"act": "pause" if self.stage.feed.paused_at is None else "resume"})
        elif key == "r":
            self._act({"act": "replay" if self.stage.is_live else "live"})
        elif key in "[]":
            keys = [w.key for w in WINDOWS]
            place = keys.index(self.view.window) if self.view.window in keys else 1
            place += 1 if key == "]" else -1
            self.view.window = keys[min(max(place, 0), len(keys) - 1)]

    def _step(self, by: int) -> None:
        """Choose the next job, or the one before."""
        job_ids = [int(job_id) for job_id in self.stage.board.fleet()["job_id"]]
        if not job_ids:
            return
        place = job_ids.index(self.chosen) + by if self.chosen in job_ids else 0
        self.view.job = job_ids[min(max(place, 0), len(job_ids) - 1)]

    def refresh(self) -> None:
        """Bring everything up to date with the board; a fault of ours is shown, not hidden."""
        self.fault = ""
        self._guarded(self._refresh)
        self.tick()

    def _guarded(self, show: Callable[[], None]) -> None:
        try:
            show()
        except Exception as error:
            log.exception("the dashboard could not be brought up to date")
            self.fault = f"{type(error).__name__}: {error}"

    def _refresh(self) -> None:
        self.stage.arrange()
        as_of = self.stage.as_of()
        fleet = self.stage.board.fleet()
        if self.view.job is not None:
            self.chosen = self.view.job
        elif self.chosen is None and len(fleet):
            self.chosen = self._to_begin_with(fleet)  # and stays, whatever comes on top later
        self._show_replay()
        tab = self.view.tab
        part = self.parts.get(tab) or PAGES[tab](self.stage, choose=self.choose)
        self.parts[tab] = part
        part.show(self.chosen, as_of)
        if self.is_open:
            part.complete()
        self._show(part)

    def _show_replay(self) -> None:
        """The bar of a replay; another feed has another one."""
        replay = self.stage.replay
        if replay is not self._barred:
            self._barred, self.bar = replay, None
            if replay is not None:
                self.bar = ReplayBar(
                    replay,
                    moved=self._wind,
                    back_to_live=self._live if self.stage.home.is_live else None,
                )
            self._bar_place.objects = [] if self.bar is None else [self.bar.pane]
        if self.bar is not None:
            self.bar.show(self.stage.zone)
        self._bar_place.visible = self.bar is not None

    def _wind(self, at: pd.Timestamp) -> None:
        """Another instant of the replay."""
        self.view.at = views.iso(at)

    def _live(self) -> None:
        """End the replay."""
        self.view.param.update(recording="", at="")

    def _to_begin_with(self, fleet: pd.DataFrame) -> int:
        """The job that is in most need of somebody, else the first of the table."""
        judged = self.stage.board.judgements.judged()
        known = set(fleet["job_id"])
        for finding in judged.findings if judged is not None else ():
            job_id = finding.job_id
            if job_id is not None and job_id in known and finding.severity == "critical":
                return job_id
        return int(fleet["job_id"].iloc[0])

    def tick(self) -> None:
        """A second has passed: ages grow, whether or not there was news."""
        as_of = self.stage.as_of()
        if self.stage.is_live:
            as_of = as_of.floor("s")  # pages that tick in the same second share what it shows
        self._guarded(lambda: self._show_head(as_of))
        self._guarded(lambda: self._tick_part(as_of))
        self.sources.show(as_of, fault=self.fault)
        update(
            self.heartbeat, {"beat": self.heartbeat.beat + 1}
        )  # last: a page whose ages stand still must not seem alive

    def _tick_part(self, as_of: pd.Timestamp) -> None:
        for part in self.parts.values():
            if part.pane.visible and hasattr(part, "tick"):
                part.tick(self.chosen, as_of)

    def _show_head(self, as_of: pd.Timestamp) -> None:
        stage, feed = self.stage, self.stage.feed
        judged = stage.board.judgements.judged()
        head = Head(
            view=self.view,
            label=feed.label,
            environment=stage.home.environment,
            as_of=as_of,
            zone=stage.zone,
            zones=self._zones(),
            recordings=() if stage.recordings is None else stage.recordings.names,
            can_be_live=stage.home.is_live,
            is_live=stage.is_live,
            every_s=feed.every_s,
            paused_at=feed.paused_at,
            counts=self._counts(judged),
            user=self._user,
        )
        self.top.show(heads.top(head))
        if head.fixed != self._fixed:
            self._fixed = head.fixed
            self.tabs.show(heads.tabs(head))
            self.controls.show(heads.controls(head))
        wrong = [text for text in (stage.fault, *self.wrong) if text]
        self.said.visible = bool(wrong)
        self.said.show(
            Told("".join(f'<div class="error warn">{formats.escape(text)}</div>' for text in wrong))
        )
        self.heartbeat.tab = tab_title(judged, META_TITLE)
        self.heartbeat.frozen = heads.frozen(head)
        self.heartbeat.silent_s = 6.0 if stage.is_live else 15.0

    def _counts(self, judged: Any) -> dict[str, str]:
        found = () if judged is None else judged.findings
        critical = sum(each.needs_a_human for each in found)
        job = "" if self.chosen is None else str(self.chosen)
        return {"jobs": f"▲ {critical}" if critical else "", "job": job}

    def _zones(self) -> list[str]:
        ours = [self.stage.home.zone.key, "UTC", self.keys.zone, self.view.zone]
        return list(dict.fromkeys(key for key in ours if views.zone(key) is not None))


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
        stage = Stage(feed if feed is not None else current(), recordings=offered())
    except AmiConsoleError as error:
        return _cannot(str(error))
    return run(lambda: Dashboard(stage), stage)


def _cannot(reason: str) -> Any:
    why = formats.escape(reason)
    text = f'<div class="empty"><h2>The dashboard can\'t start</h2><p>{why}</p></div>'
    pane = ToldPane(html=text, margin=20, sizing_mode="stretch_width")
    return framed(title=TITLE, main=[pane])
