"""The small sources that all charts of a job share: its events, and when the broker was silent."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ami_console.apps import sent
from ami_console.apps.sent import SentSource
from ami_console.apps.story_rows import (
    GAP_COLUMNS,
    MARK_COLUMNS,
    NUMBERS,
    DrawnWindow,
    TextSource,
    gap_rows,
    mark_rows,
)
from ami_console.charts import WallClock


class StoryMarks:
    """Events and gaps; what is drawn already is not sent again."""

    def __init__(self) -> None:
        """Empty."""
        self.marks = TextSource(MARK_COLUMNS, key=MARK_COLUMNS, name="marks")
        self.gaps = SentSource(GAP_COLUMNS, key=("begin",), name="broker gaps")

    def show(
        self, happenings: pd.DataFrame, clock: WallClock, window: DrawnWindow, *, anew: bool
    ) -> None:
        """Bring them up to date.

        Args:
            happenings: :func:`ami_console.metrics.happenings` of one job.
            clock: Turns instants into the wall time of the axis.
            window: What is drawn.
            anew: They are of another job or window than those before.
        """
        self.marks.show(mark_rows(happenings, clock, window), anew=anew)
        self.gaps.show(gap_rows(happenings, "nats", clock, window), anew=anew)

    def clear(self) -> None:
        """Nothing is known."""
        self.marks.show(nothing(MARK_COLUMNS), anew=True)
        self.gaps.show(nothing(GAP_COLUMNS), anew=True)


def nothing(columns: tuple[str, ...]) -> Mapping[str, Any]:
    """No row."""
    return sent.nothing(columns, set(columns) - NUMBERS)
