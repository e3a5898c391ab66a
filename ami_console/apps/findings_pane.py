"""What needs somebody: the findings of all jobs, or of the chosen one."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from ami_console.apps import cards, formats, style
from ami_console.apps.findings_card import Scene, findings_card
from ami_console.apps.stage import Stage
from ami_console.apps.told import Told
from ami_console.live_diagnosis import Judged


class FindingsPane:
    """A card that grows older every second, also when nothing is judged any more.

    Attributes:
        text: The pane of its text.
        pane: The whole card.
    """

    def __init__(self, stage: Stage, *, choose: Callable[[int], None], of_job: bool) -> None:
        """Nothing is shown yet.

        Args:
            stage: What the page shows.
            choose: Called with the job whose button was pressed.
            of_job: Only what is found of the chosen job, and of sources.
        """
        self._stage, self._of_job = stage, of_job
        self.text = cards.pane(choose=choose, stylesheets=[style.sheet("diagnosis")])
        self.pane: Any = cards.card(self.text)

    def tick(self, chosen: int | None, as_of: pd.Timestamp) -> None:
        """Bring it up to date.

        Args:
            chosen: The job that the reader looks at.
            as_of: The instant that it is seen from.
        """
        board, zone = self._stage.board, self._stage.zone
        key = ("findings", self._of_job, chosen, zone.key, as_of)
        self.text.show(board.once(key, lambda: self._card(chosen, as_of)))

    def _card(self, chosen: int | None, as_of: pd.Timestamp) -> Told:
        board = self._stage.board
        judged = board.judgements.judged()
        if self._of_job and judged is not None:
            mine = [each for each in judged.findings if each.job_id in (chosen, None)]
            judged = Judged(judged.as_of, mine)
        scene = Scene(
            as_of=as_of,
            zone=self._stage.zone,
            is_live=board.feed.is_live,
            every_s=board.feed.every_s,
            chosen=chosen,
            names=board.once("names", lambda: _names(board.fleet())),
            running=board.once("running", lambda: _running(board.fleet())),
            failure=_failure(board.sources()),
            of_job=self._of_job,
        )
        return findings_card(judged, scene)


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
