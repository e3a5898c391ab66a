"""The panes of the sources: a chip for each, and what is wrong with those that are not well."""

from typing import Any

import pandas as pd

from ami_console.apps import cards, style
from ami_console.apps.source_strip import fault_html, source_card, troubles
from ami_console.apps.stage import Stage
from ami_console.apps.told import Told, ToldPane


class SourcePanes:
    """A chip is added when its source is first told of.

    Attributes:
        row: The chips, side by side.
        troubles: What is wrong, in full; hidden when nothing is.
        chips: Pane of each source, by its name.
    """

    def __init__(self, stage: Stage) -> None:
        """Nothing is shown yet."""
        self._stage = stage
        self.chips: dict[str, ToldPane] = {}
        self.row = cards.row(gap_px=8)
        self.troubles = cards.pane()

    def show(self, as_of: pd.Timestamp, *, fault: str) -> None:
        """Bring them up to date.

        Args:
            as_of: The instant that ages count to.
            fault: What is wrong with the page itself; empty: nothing.
        """
        board, feed, zone = self._stage.board, self._stage.feed, self._stage.zone
        is_live = feed.is_live and feed.paused_at is None
        told = board.once(
            ("sources", zone.key, as_of, feed.paused_at),
            lambda: self._chips(as_of, is_live=is_live),
        )
        for name, chip in self.chips.items():
            chip.visible = name in told
        for name, card in told.items():
            self._of(name).show(card)
        wrong = Told("")
        if feed.paused_at is None:
            wrong = board.once(
                ("troubles", zone.key, as_of),
                lambda: troubles(
                    self._sources(), as_of=as_of, zone=zone, is_live=is_live, every_s=feed.every_s
                ),
            )
        if fault:
            wrong = Told(fault_html(fault) + wrong.html)
        self.troubles.visible = bool(wrong.html)
        self.troubles.show(wrong)

    def _sources(self) -> list[dict[Any, Any]]:
        """All but the diagnosis, of which the findings tell."""
        board = self._stage.board
        return board.once(
            "sources but one",
            lambda: [s for s in board.sources().to_dict("records") if s["source"] != "diagnosis"],
        )

    def _chips(self, as_of: pd.Timestamp, *, is_live: bool) -> dict[str, Told]:
        board, feed, zone = self._stage.board, self._stage.feed, self._stage.zone
        return {
            source["source"]: source_card(
                source,
                as_of=as_of,
                zone=zone,
                is_live=is_live,
                every_s=feed.every_s,
                gaps=board.tap_gaps(),
                is_paused=feed.paused_at is not None,
            )
            for source in self._sources()
        }

    def _of(self, name: str) -> ToldPane:
        if name not in self.chips:
            self.chips[name] = ToldPane(margin=0, stylesheets=[style.sheet("sources")])
            self.row.append(self.chips[name])
        return self.chips[name]
