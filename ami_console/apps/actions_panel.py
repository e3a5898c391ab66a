"""Run, retry and cancel on the page of a job: offered, confirmed, followed."""

from typing import Any

import pandas as pd

from ami_console import actions
from ami_console.actions import Action, ActionRefused, Desk, Who, newest_looks
from ami_console.apps import cards, formats, style
from ami_console.apps.action_dialog import ActionDialog
from ami_console.apps.action_rows import Mode, Offer, actions_card, dialog_told
from ami_console.apps.login import user_here
from ami_console.apps.stage import Stage


class ActionsPanel:
    """A card with the buttons and what became of the last action, and the dialog before one.

    The work is done on a thread of the desk; the page tells of it with each tick.

    Attributes:
        card: The pane of the card.
        dialog: Asks before an action.
        pane: The whole.
    """

    def __init__(self, stage: Stage, *, desk: Desk | None = None) -> None:
        """Nothing is shown yet.

        Args:
            stage: What the page shows.
            desk: Where actions are asked for; that of the process when not given.
        """
        self._stage, self._given = stage, desk
        self._asking: tuple[Action, int] | None = None
        self._problem = ""
        self._dismissed: set[str] = set()
        self._chosen: int | None = None
        self.card = cards.pane(act=self._act, stylesheets=[style.sheet("actions")])
        self.dialog = ActionDialog(self._confirmed, self._close)
        self.pane: Any = cards.card(cards.column(self.card, self.dialog, gap_px=0))

    @property
    def _desk(self) -> Desk | None:
        return self._given if self._given is not None else actions.current()

    @property
    def mode(self) -> Mode:
        """Whether actions can be asked for, or why not."""
        if not self._stage.is_live:
            return "replay"
        if self._desk is None or not self._desk.is_allowed:
            return "off"
        return "live" if self._stage.feed.paused_at is None else "paused"

    def tick(self, chosen: int | None, as_of: pd.Timestamp) -> None:
        """Bring it up to date.

        Args:
            chosen: The job that the reader looks at.
            as_of: The instant that it is seen from.
        """
        job = None if chosen is None else self._stage.board.job(chosen)
        self.pane.visible = job is not None
        if chosen != self._chosen:
            self._chosen = chosen
            self._close()
        if chosen is None or job is None:
            return
        status = job.row["status"]
        offer = Offer(
            job_id=chosen,
            status=None if formats.absent(status) else str(status),
            mode=self.mode,
            doing=self._doing(chosen),
        )
        self.card.show(actions_card(offer, as_of=as_of, zone=self._stage.zone))
        if offer.mode != "live":
            self._close()
        self._show_dialog(as_of)

    def _doing(self, job_id: int) -> actions.Performing | None:
        desk = self._desk
        doing = None if desk is None or not self._stage.is_live else desk.of(job_id)
        return None if doing is None or doing.id in self._dismissed else doing

    def _show_dialog(self, as_of: pd.Timestamp) -> None:
        if self._asking is None:
            self.dialog.show({})
            return
        action, job_id = self._asking
        looks = newest_looks(self._stage.feed, job_id, as_of=as_of)
        self.dialog.show(dialog_told(action, looks, as_of=as_of, problem=self._problem))

    def _act(self, asked: dict[str, str]) -> None:
        """A button of the card was pressed; anything else is not understood."""
        if asked.get("of") != str(self._chosen) or self._chosen is None:
            return
        action = actions.action_of(asked.get("action", ""))
        if asked["act"] == "ask" and action is not None and self.mode == "live":
            self._asking, self._problem = (action, self._chosen), ""
        elif asked["act"] == "dismiss" and (doing := self._doing(self._chosen)) is not None:
            self._dismissed.add(doing.id)
        self.tick(self._chosen, self._stage.as_of())

    def _confirmed(self, action: str, job: str, typed: str) -> None:
        """The dialog was confirmed: all that it said is checked once more here."""
        desk = self._desk
        if self._asking is None or desk is None or (action, job) != tuple(map(str, self._asking)):
            return
        wanted, job_id = self._asking
        if self.mode != "live":
            self._problem = "Actions are not offered any more: nothing was sent."
        elif typed != str(job_id):
            self._problem = f"{typed[:20]!r} is not the number of this job: nothing was sent."
        else:
            try:
                desk.begin(wanted, job_id, Who(through="dashboard", session_user=user_here()))
            except ActionRefused as error:
                self._problem = str(error)
            else:
                self._asking = None  # the card shows it first, then the dialog closes
        self.tick(self._chosen, self._stage.as_of())

    def _close(self) -> None:
        self._asking, self._problem = None, ""
        self.dialog.show({})
