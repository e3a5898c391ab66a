"""What was judged of the chosen job: what comes next, do the sources agree, verdicts so far."""

import pandas as pd

from ami_console.apps import cards, style
from ami_console.apps.consistency_card import consistency_card
from ami_console.apps.job import Job
from ami_console.apps.outlook_card import outlook_card
from ami_console.apps.stage import Stage
from ami_console.apps.verdicts_card import verdicts_card

_GROWS = {"outlook": "1 1 280px", "agree": "1 1 360px", "verdicts": "2 1 360px"}


class JudgedPanes:
    """Cards side by side where there is room.

    Attributes:
        panes, cards: Text and whole of each, by its name.
        pane: All of them.
    """

    def __init__(self, stage: Stage) -> None:
        """Nothing is shown yet."""
        self._stage = stage
        self.panes = {name: cards.pane(stylesheets=[style.sheet("diagnosis")]) for name in _GROWS}
        self.cards = {
            name: cards.card(pane, flex=_GROWS[name], min_width="0", height="auto")
            for name, pane in self.panes.items()
        }
        self.pane = cards.row(*self.cards.values())
        self._coming: pd.DataFrame | None = None
        self._job_id: int | None = None

    def show(self, job: Job, as_of: pd.Timestamp) -> None:
        """Bring them up to date."""
        board, zone = self._stage.board, self._stage.zone
        judgements = board.judgements
        job_id = int(job.row["job_id"])
        self._job_id, self._coming = job_id, judgements.outlook(job_id)
        lines = judgements.consistency(job_id)
        self.panes["agree"].show(
            board.once(
                ("agree", job_id, zone.key),
                lambda: consistency_card(
                    lines, as_of=as_of, zone=zone, looked_s=judgements.looked_s
                ),
            )
        )
        self.panes["verdicts"].show(
            board.once(
                ("verdicts", job_id, zone.key),
                lambda: verdicts_card(
                    judgements.verdicts(job_id),
                    job,
                    as_of=as_of,
                    zone=zone,
                    is_live=board.feed.is_live,
                ),
            )
        )
        self.cards["agree"].visible = bool(lines)
        self.tick(as_of)

    def tick(self, as_of: pd.Timestamp) -> None:
        """A second has passed: what is to come comes nearer."""
        coming, zone = self._coming, self._stage.zone
        has_some = coming is not None and len(coming) > 0
        self.cards["outlook"].visible = has_some
        if coming is not None and has_some:
            card = self._stage.board.once(
                ("outlook card", self._job_id, zone.key, as_of),
                lambda: outlook_card(coming, as_of=as_of, zone=zone),
            )
            self.panes["outlook"].show(card)
