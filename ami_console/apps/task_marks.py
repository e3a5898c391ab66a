"""What is drawn of single tasks in one window: the heatmap's cells, points, and the tap's gaps."""

from dataclasses import dataclass

import pandas as pd

from ami_console import frames, metrics
from ami_console.apps.measured import Measured

MOST_SINGLES = 1_000
"""Points that a chart holds of single tasks."""


@dataclass(frozen=True)
class TaskMarks:
    """What is drawn of single tasks in one window.

    Attributes:
        cells: :func:`ami_console.metrics.heatmap`; the last column ends where the window does.
        width_s: Width of its columns, seconds.
        singles: :func:`ami_console.metrics.single_latencies`, the newest of them.
        gaps: :func:`ami_console.metrics.tap_gaps`, cut to the window.
    """

    cells: pd.DataFrame
    width_s: int
    singles: pd.DataFrame
    gaps: pd.DataFrame

    @classmethod
    def none(cls) -> "TaskMarks":
        """Of a job of which no single task is known."""
        tasks = metrics.task_times()
        cells = metrics.heatmap(tasks, as_of=pd.Timestamp(0, tz="UTC"))
        gaps = metrics.tap_gaps(frames.empty("reads"))
        return cls(cells, 0, metrics.single_latencies(tasks), gaps)


def task_marks(
    tasks: pd.DataFrame,
    found: Measured,
    *,
    begins_at: pd.Timestamp,
    ends_at: pd.Timestamp,
    width_s: int,
) -> TaskMarks:
    """What is drawn of single tasks in a window.

    Args:
        tasks: All of the job, measured or estimated.
        found: What they tell.
        begins_at: Of the window.
        ends_at: Of what is drawn in it.
        width_s: Width of the heatmap's columns, seconds.
    """
    recent = tasks[(tasks["acked_at"] >= begins_at) & (tasks["acked_at"] <= ends_at)]
    cells = metrics.heatmap(recent, as_of=ends_at, width_s=width_s)
    cells["ends_at"] = cells["ends_at"].clip(upper=ends_at)
    singles = found.singles[found.singles["acked_at"] >= begins_at].tail(MOST_SINGLES)
    gaps = found.gaps[(found.gaps["ends_at"] > begins_at) & (found.gaps["begins_at"] < ends_at)]
    gaps = gaps.assign(
        begins_at=gaps["begins_at"].clip(lower=begins_at),
        ends_at=gaps["ends_at"].clip(upper=ends_at),
    )
    return TaskMarks(cells, width_s, singles, gaps)
