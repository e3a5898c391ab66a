"""The page of raw data: one frame, its newest rows, and the whole of it as a file."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from ami_console import frames
from ami_console.apps import cards, formats, style
from ami_console.apps.apart import apart
from ami_console.apps.board import Board
from ami_console.apps.export_buttons import ExportButtons
from ami_console.apps.frame_choices import CHOICES, EVERY_JOB, Wanted, wanted
from ami_console.apps.frame_files import About
from ami_console.apps.frame_view import Shown, card, controls, facts
from ami_console.apps.job import Job
from ami_console.apps.stage import Stage
from ami_console.apps.told import Told
from ami_console.apps.view import Window

log = logging.getLogger(__name__)

Bounds = tuple[pd.Timestamp | None, pd.Timestamp]


class DataPanel:
    """Built when it is first looked at.

    Of a live watch the rows stand still while they are read, and it is told how many have come in
    since; a replay moves them. A frame is read on a thread of its own.
    """

    def __init__(self, stage: Stage, *, choose: Callable[[int], None] | None = None) -> None:
        """Nothing is read yet.

        Args:
            stage: What the page shows; its view says which frame, of which job, in which window.
            choose: As of the other pages; there is no job to be chosen here.
        """
        self._stage = stage
        sheets = [style.sheet("head", "data")]
        self.controls = cards.pane(act=self._act, stylesheets=sheets)
        self.facts = cards.pane(act=self._act, stylesheets=sheets)
        self.rows = cards.pane(stylesheets=sheets)
        self.export = ExportButtons(self._given, what="these rows")
        self.pane: Any = cards.card(
            cards.column(self.controls, self.facts, self.export, self.rows, gap_px=8)
        )
        self._key: object = None
        self._reading = False
        self._shown: Shown | None = None
        self._bounds: Bounds | None = None
        self._chosen: int | None = None

    def complete(self) -> None:
        """There is nothing that would be sent later."""

    def show(self, chosen: int | None, as_of: pd.Timestamp) -> None:
        """Bring it up to date: read what is asked for, if it is not what is shown already."""
        stage = self._stage
        self._chosen = chosen
        asked = wanted(stage.view.frame, chosen)
        self.controls.show(controls(asked, chosen))
        moved = None if stage.is_live else as_of
        key = (id(stage.board), asked, stage.view.span.key, moved, stage.zone.key)
        if key != self._key:
            self._key = key
            self._read(asked, as_of)
        else:
            self.tick(chosen, as_of)

    def tick(self, chosen: int | None, as_of: pd.Timestamp) -> None:
        """A second has passed: what is shown is older, and more may have come in."""
        shown = self._shown
        if shown is None or self._reading:
            return
        stage = self._stage
        newer = self._newer(shown.wanted, as_of) if stage.is_live else None
        self.facts.show(
            facts(shown, newer=newer, is_live=stage.is_live, as_of=as_of, zone=stage.zone)
        )

    def _act(self, asked: dict[str, str]) -> None:
        view = self._stage.view
        name = wanted(view.frame, self._chosen).frame
        if asked["act"] == "frame" and asked.get("value") in CHOICES:
            of_all = EVERY_JOB if view.frame.endswith(EVERY_JOB) else ""
            view.frame = f"{asked['value']}{of_all}"
        elif asked["act"] == "scope":
            view.frame = f"{name}{EVERY_JOB}" if asked.get("to") == "all" else name
        elif asked["act"] == "again" and not self._reading:
            self._key = None
            self.show(self._chosen, self._stage.as_of())

    def _read(self, asked: Wanted, as_of: pd.Timestamp) -> None:
        """One at a time: what is asked for meanwhile is read next."""
        if self._reading:
            return
        self._reading = True
        key, board, span = self._key, self._stage.board, self._stage.view.span
        self._bounds = bounds(span, as_of)
        if self._shown is None or self._shown.wanted != asked:
            self._shown = None
            self.export.visible = False
            self.facts.show(Told(f'<div class="facts dim">“{asked.frame}” is being read …</div>'))
            self.rows.show(Told(""))
        limits = self._bounds
        apart(lambda: read(board, asked, limits), lambda shown: self._take(shown, key))

    def _take(self, shown: Shown, key: object) -> None:
        self._reading = False
        if shown.wanted == wanted(self._stage.view.frame, self._chosen):
            self._shown = shown
            self.export.what = f"“{shown.wanted.frame}”"
            self.export.visible = shown.frame is not None and len(shown.frame) > 0
            self.rows.show(card(shown, zone=self._stage.zone, sources=self._stage.board.sources()))
        if key != self._key:  # something else was asked for meanwhile
            self._key = None
            self.show(self._chosen, self._stage.as_of())
        else:
            self.tick(self._chosen, self._stage.as_of())

    def _newer(self, asked: Wanted, as_of: pd.Timestamp) -> int | None:
        """Rows that came in since; of what is computed it is not known."""
        shown = self._shown
        if shown is None or asked.choice.is_derived or self._stage.view.span.is_fixed:
            return None
        since = shown.as_of + pd.Timedelta(1, unit="ns")
        if since > as_of:
            return 0
        feed = self._stage.feed
        return len(feed.frame(asked.frame, job_id=asked.job_id, since=since, until=as_of))

    def _given(self) -> tuple[pd.DataFrame, About]:
        """What is shown, for a file."""
        shown = self._shown
        if shown is None or shown.frame is None:
            raise LookupError("no frame has been read")
        asked = shown.wanted
        about = About(
            frame=asked.frame,
            as_of=shown.as_of,
            job_id=asked.job_id,
            source=self._stage.feed.label,
        )
        return shown.frame, about


def bounds(span: Window, as_of: pd.Timestamp) -> Bounds:
    """From when to when the rows of a window are, as of an instant; from ``None``: the first."""
    if span.begins_at is not None and span.ends_at is not None:
        return span.begins_at, min(span.ends_at, as_of)
    back = None if span.span_s is None else as_of - pd.Timedelta(seconds=span.span_s)
    return back, as_of


def read(board: Board, asked: Wanted, limits: Bounds) -> Shown:
    """A frame of a window, on any thread; why it could not be read, where it could not.

    Args:
        board: The numbers of a feed.
        asked: Which frame.
        limits: From when to when.
    """
    since, until = limits
    shown = Shown(wanted=asked, frame=None, as_of=until)
    try:
        if asked.choice.is_derived:
            return replace(shown, frame=_computed(board, asked, since, until))
        frame = board.feed.frame(asked.frame, job_id=asked.job_id, since=since, until=until)
        newest_at = None if len(frame) else _newest_at(board, asked, until)
        return replace(shown, frame=frame.reset_index(drop=True), newest_at=newest_at)
    except Exception as error:
        log.exception("a frame could not be read")
        return replace(shown, fault=f"{type(error).__name__}: {error}")


def _newest_at(board: Board, asked: Wanted, until: pd.Timestamp) -> pd.Timestamp | None:
    """When the newest row was observed, of whatever age."""
    latest = frames.select(board.feed.latest(asked.frame, until=until), job_id=asked.job_id)
    newest = latest["observed_at"].max()
    return None if formats.absent(newest) else newest


def _computed(
    board: Board, asked: Wanted, since: pd.Timestamp | None, until: pd.Timestamp
) -> pd.DataFrame:
    if asked.frame == "fleet":
        return frames.select(board.fleet(), job_id=asked.job_id)
    job = None if asked.job_id is None else board.job(asked.job_id)
    return pd.DataFrame() if job is None else _of_job(board, job, asked.frame, since, until)


def _of_job(
    board: Board, job: Job, name: str, since: pd.Timestamp | None, until: pd.Timestamp
) -> pd.DataFrame:
    if name == "verdicts":
        return _verdicts(board, int(job.row["job_id"]), since)
    if name == "timeline":
        return frames.select(job.timeline, since=since, until=until)
    if name == "tasks":
        at = job.tasks["acked_at"].fillna(job.tasks["delivered_at"]).fillna(job.tasks["stored_at"])
        return job.tasks if since is None else job.tasks[at.ge(since).fillna(False)]
    told: pd.DataFrame = getattr(job.evidence.story, name)
    return told


def _verdicts(board: Board, job_id: int, since: pd.Timestamp | None) -> pd.DataFrame:
    """On a job and on the sources; without those that were withdrawn before the window."""
    told = board.judgements.verdicts(job_id)
    told = told[(told["job_id"] == job_id).fillna(True).astype(bool)]
    if since is None:
        return told
    return told[~(told["withdrawn_at"] < since)]
