"""The first page: what needs attention, then all jobs."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from ami_console.apps import cards
from ami_console.apps.export_buttons import export_buttons
from ami_console.apps.findings_pane import FindingsPane
from ami_console.apps.fleet_rows import rows_of
from ami_console.apps.fleet_table import FleetTable
from ami_console.apps.stage import Stage
from ami_console.apps.told import Told


class JobsTab:
    """What is wrong, and the table of all jobs."""

    def __init__(self, stage: Stage, *, choose: Callable[[int], None]) -> None:
        """Nothing is shown yet.

        Args:
            stage: What the page shows.
            choose: Called with the job that was clicked.
        """
        self._stage = stage
        self.findings = FindingsPane(stage, choose=choose, of_job=False)
        self.table = FleetTable(choose)
        self.table.widget.param.watch(self._filtered, "query")
        self.nothing = cards.pane()
        self.export = export_buttons(
            "fleet",
            lambda: stage.board.fleet(),  # noqa: PLW0108  (the board may be another one then)
            as_of=stage.as_of,
            source=lambda: stage.feed.label,
        )
        self.pane = cards.column(
            self.findings.pane,
            cards.card(cards.column(self.nothing, self.table.widget, self.export, gap_px=6)),
        )

    def show(self, chosen: int | None, as_of: pd.Timestamp) -> None:
        """Bring the table up to date."""
        stage = self._stage
        self.table.widget.query = stage.view.fleet
        board, zone = stage.board, stage.zone
        fleet = board.fleet()
        rows = board.once(
            ("rows", zone.key),
            lambda: rows_of(
                fleet,
                zone=zone,
                as_of=as_of,
                worst=board.judgements.worst(),
                details=board.details(),
            ),
        )
        self.table.show(rows, chosen=chosen)
        has_rows = len(fleet) > 0
        self.table.widget.visible = has_rows
        self.nothing.visible = not has_rows
        if not has_rows:
            self.nothing.show(no_jobs(board.sources(), is_live=stage.is_live))

    def _filtered(self, event: Any) -> None:
        """The reader searched, filtered or sorted: it is kept in the page's address."""
        self._stage.view.fleet = event.new

    def complete(self) -> None:
        """All of it was sent with the page."""

    def tick(self, chosen: int | None, as_of: pd.Timestamp) -> None:
        """A second has passed."""
        self.findings.tick(chosen, as_of)
        self.table.tick(as_of)


def no_jobs(sources: pd.DataFrame, *, is_live: bool) -> Told:
    """Why there is no job, and what to do: not asked yet, not readable, or really none.

    Args:
        sources: :func:`ami_console.metrics.source_ages`.
        is_live: Whether new looks come in.
    """
    answered = sources["ok"].fillna(False).astype(bool)
    if not is_live:
        head = "No job was recorded"
        text = (
            "Nothing in this recording tells of a job up to this instant. Move the instant on, or "
            "choose another recording."
        )
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
