"""What stands above charts: whose time the axis shows, what a point is, how far back is known."""

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.board import Board
from ami_console.apps.told import Told
from ami_console.apps.view import Window
from ami_console.charts import WallClock


def axis_note(
    clock: WallClock, buckets: str, *, since: pd.Timestamp | None, as_of: pd.Timestamp
) -> Told:
    """One line.

    Args:
        clock: Of the axis.
        buckets: What a point is where it is not one look; empty: it is.
        since: :func:`known_since`.
        as_of: The instant that it is seen from.
    """
    parts = [formats.escape(clock.label)]
    if buckets:
        parts.append(f"points are {buckets}")
    if since is not None:
        at = formats.clock(since, clock.zone, as_of=as_of)
        parts.append(f"nothing is known here of before {at}: recordings may tell")
    return Told(f'<span class="dim">{" · ".join(parts)}</span>')


def known_since(board: Board, span: Window, as_of: pd.Timestamp) -> pd.Timestamp | None:
    """Since when there is anything, where a window reaches back further; ``None``: it does not.

    Args:
        board: Of what is shown.
        span: The window.
        as_of: Its end, where it is not fixed.
    """
    begins_at = span.begins_at
    if begins_at is None and span.span_s is not None:
        begins_at = as_of - pd.Timedelta(seconds=span.span_s)
    since = board.watched_since()
    if since is None or begins_at is None or begins_at >= since:
        return None
    return since
