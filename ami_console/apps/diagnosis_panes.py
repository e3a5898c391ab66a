"""The panes of what was judged: findings, what comes next, do the sources agree, verdicts."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import panel as pn

from ami_console.apps import formats, style
from ami_console.apps.board import Board, Job
from ami_console.apps.consistency_card import consistency_card
from ami_console.apps.findings_card import Scene, findings_card
from ami_console.apps.outlook_card import outlook_card
from ami_console.apps.told import ToldPane
from ami_console.apps.verdicts_card import verdicts_card


class DiagnosisPanes:
    """Built once per page, then brought up to date from the board.

    Attributes:
        findings: The card at the top of the page.
        about_job: The cards about the chosen job, side by side where there is room.
    """

    def __init__(
        self, board: Board, *, card: Callable[[Any], Any], choose: Callable[[int], None]
    ) -> None:
        """Nothing is shown yet.

        Args:
            board: Holds what was judged.
            card: Makes a card of a pane.
            choose: Called with the job whose button was pressed.
        """
        self._board = board
        self._found = self._pane(choose=choose)
        self.findings = card(self._found)
        self._panes = {name: self._pane() for name in ("outlook", "agree", "verdicts")}
        self._cards = {name: card(pane) for name, pane in self._panes.items()}
        grows = {"outlook": "1 1 280px", "agree": "1 1 360px", "verdicts": "2 1 360px"}
        for name, flex in grows.items():
            self._cards[name].styles = {"flex": flex, "min-width": "0", "height": "auto"}
        self.about_job = pn.FlexBox(
            *self._cards.values(),
            gap="12px",
            align_items="stretch",
            sizing_mode="stretch_width",
            margin=(12, 0, 0, 0),
        )
        self._coming: pd.DataFrame | None = None

    def _pane(self, **params: Any) -> ToldPane:
        return ToldPane(
            stylesheets=[style.sheet("diagnosis")],
            sizing_mode="stretch_width",
            margin=0,
            **params,
        )

    def show_job(self, job: Job, as_of: pd.Timestamp) -> None:
        """Bring the cards about the chosen job up to date."""
        zone, judgements = self._board.feed.zone, self._board.judgements
        job_id = int(job.row["job_id"])
        self._coming = judgements.outlook(job_id)
        lines = judgements.consistency(job_id)
        self._panes["agree"].show(
            self._board.once(
                ("agree", job_id),
                lambda: consistency_card(
                    lines, as_of=as_of, zone=zone, looked_s=judgements.looked_s
                ),
            )
        )
        self._panes["verdicts"].show(
            self._board.once(
                ("verdicts", job_id),
                lambda: verdicts_card(
                    judgements.verdicts(job_id),
                    job,
                    as_of=as_of,
                    zone=zone,
                    is_live=self._board.feed.is_live,
                ),
            )
        )
        self._cards["agree"].visible = bool(lines)

    def show_no_job(self) -> None:
        """No job is chosen."""
        self._coming = None

    def tick(self, chosen: int | None, as_of: pd.Timestamp) -> None:
        """A second has passed: what was found grows older, what is to come comes nearer."""
        board = self._board
        scene = Scene(
            as_of=as_of,
            zone=board.feed.zone,
            is_live=board.feed.is_live,
            every_s=board.feed.every_s,
            chosen=chosen,
            names=board.once("names", lambda: _names(board.fleet())),
            running=board.once("running", lambda: _running(board.fleet())),
            failure=_failure(board.sources()),
        )
        self._found.show(findings_card(board.judgements.judged(), scene))
        has_some = self._coming is not None and len(self._coming) > 0
        self._cards["outlook"].visible = has_some
        if self._coming is not None and has_some:
            told = outlook_card(self._coming, as_of=as_of, zone=board.feed.zone)
            self._panes["outlook"].show(told)


def _names(fleet: pd.DataFrame) -> dict[int, str]:
    named = zip(fleet["job_id"], fleet["name"], strict=True)
    return {int(job_id): str(name) for job_id, name in named if not formats.absent(name)}


def _running(fleet: pd.DataFrame) -> int:
    return int((~fleet["is_final"].fillna(False).astype(bool)).sum())


def _failure(sources: pd.DataFrame) -> str | None:
    """Why the last judgement failed; ``None``: it did not, or there was none."""
    mine = sources[sources["source"] == "diagnosis"].to_dict("records")
    if not mine or formats.absent(mine[0]["ok"]) or mine[0]["ok"]:
        return None
    return str(mine[0]["error"])
