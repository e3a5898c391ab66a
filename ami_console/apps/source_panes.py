"""The panes of the sources: a card for each, and what is wrong with those that are not well."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import panel as pn

from ami_console.apps.board import Board
from ami_console.apps.source_strip import fault_html, source_card, troubles
from ami_console.apps.told import Told, ToldPane


class SourcePanes:
    """A card is added when its source is first told of.

    Attributes:
        row: The cards, side by side.
        troubles: What is wrong, in full; hidden when nothing is.
        cards: Pane of each source, by its name.
    """

    def __init__(self, board: Board, *, card: Callable[[Any], Any]) -> None:
        """Nothing is shown yet.

        Args:
            board: Tells of the sources.
            card: Makes a card of a pane.
        """
        self._board, self._card = board, card
        self.cards: dict[str, ToldPane] = {}
        self.row = pn.FlexBox(
            gap="12px", align_items="stretch", sizing_mode="stretch_width", margin=0
        )
        self.troubles = ToldPane(sizing_mode="stretch_width", margin=0)

    def show(self, as_of: pd.Timestamp, *, fault: str) -> None:
        """Bring them up to date.

        Args:
            as_of: The instant that ages count to.
            fault: What is wrong with the page itself; empty: nothing.
        """
        feed = self._board.feed
        # Of the diagnosis the findings tell.
        sources = [
            source
            for source in self._board.sources().to_dict("records")
            if source["source"] != "diagnosis"
        ]
        for source in sources:
            self._of(source["source"]).show(
                source_card(
                    source,
                    as_of=as_of,
                    zone=feed.zone,
                    is_live=feed.is_live,
                    every_s=feed.every_s,
                    gaps=self._board.tap_gaps(),
                )
            )
        wrong = troubles(
            sources, as_of=as_of, zone=feed.zone, is_live=feed.is_live, every_s=feed.every_s
        )
        if fault:
            wrong = Told(fault_html(fault) + wrong.html)
        self.troubles.visible = bool(wrong.html)
        self.troubles.show(wrong)

    def _of(self, name: str) -> ToldPane:
        if name not in self.cards:
            self.cards[name] = ToldPane(sizing_mode="stretch_width", margin=0)
            card = self._card(self.cards[name])
            card.styles = {"flex": "1 1 240px", "max-width": "480px", "height": "auto"}
            self.row.append(card)
        return self.cards[name]
