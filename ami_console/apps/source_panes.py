"""The panes of the sources: a chip for each, and what is wrong with those that are not well."""

import pandas as pd

from ami_console.apps import cards, style
from ami_console.apps.source_strip import fault_html, not_recorded_html, source_card, troubles
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
        # Both at once: with news in between, a chip would say ok beside a sentence that denies it.
        told, wrong = board.once(
            ("sources", zone.key, as_of, feed.paused_at), lambda: self._strip(as_of)
        )
        for name, chip in self.chips.items():
            chip.visible = name in told
        for name, card in told.items():
            self._of(name).show(card)
        if feed.recording_error:
            wrong = Told(not_recorded_html(feed.recording_error) + wrong.html, wrong.texts)
        if fault:
            wrong = Told(fault_html(fault) + wrong.html)
        self.troubles.visible = bool(wrong.html)
        self.troubles.show(wrong)

    def _strip(self, as_of: pd.Timestamp) -> tuple[dict[str, Told], Told]:
        """The chips, and what is wrong; the diagnosis has none, the findings tell of it."""
        board, feed, zone = self._stage.board, self._stage.feed, self._stage.zone
        is_paused = feed.paused_at is not None
        is_live = feed.is_live and not is_paused
        sources = [s for s in board.sources().to_dict("records") if s["source"] != "diagnosis"]
        chips = {
            source["source"]: source_card(
                source,
                as_of=as_of,
                zone=zone,
                is_live=is_live,
                every_s=feed.every_s,
                gaps=board.tap_gaps(),
                is_paused=is_paused,
            )
            for source in sources
        }
        if is_paused:
            return chips, Told("")
        wrong = troubles(sources, as_of=as_of, zone=zone, is_live=is_live, every_s=feed.every_s)
        return chips, wrong

    def _of(self, name: str) -> ToldPane:
        if name not in self.chips:
            self.chips[name] = ToldPane(margin=0, stylesheets=[style.sheet("sources")])
            self.row.append(self.chips[name])
        return self.chips[name]
