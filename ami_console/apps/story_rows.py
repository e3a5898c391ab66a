"""Rows of the charts' small sources about a job's story: marks of events, bars of lanes, gaps."""

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console.apps.sent import SentSource, Values
from ami_console.charts import WallClock
from ami_console.lanes import EVENTS, HATCH, LANE_NAMES, MARKS, NO_HATCH, TONES, Mark, mark_of

MARK_COLUMNS = ("time", "lane", "word", "title", "marker", "colour", "top")
BAR_COLUMNS = ("left", "right", "lane", "word", "colour", "hatch")
GAP_COLUMNS = ("begin", "end")
NUMBERS = frozenset({"time", "left", "right", "begin", "end", "top"})

SAME_MS = 2_000.0
"""Events that follow each other within this share one mark: side by side they would be one blot."""

BEFORE_MS = 10_000.0
"""A job is often made shortly before it is first looked at."""

MOST_MARKS = 80
"""Of more events the newest are marked."""


class DrawnWindow(NamedTuple):
    """What is drawn, on the axis.

    Attributes:
        begin_ms, end_ms: From where to where.
        rolls: Its begin moves on with every look.
    """

    begin_ms: float
    end_ms: float
    rolls: bool


def drawn_window(begin_ms: float, end_ms: float, span_s: float | None) -> DrawnWindow:
    """Where marks and bars are drawn, beside rows from and to here.

    Args:
        begin_ms: The first row, on the axis.
        end_ms: The last row. What follows soon after it is drawn too: a job's end comes after the
            last look at its queue.
        span_s: How far the axis reaches back, seconds; ``None``: to the first row.
    """
    pad_ms = max(BEFORE_MS, (end_ms - begin_ms) * 0.03)
    rolls = span_s is not None and end_ms - begin_ms > span_s * 900
    # Its begin has to stay where it is while rows are added.
    return DrawnWindow(begin_ms - (0.0 if rolls else BEFORE_MS), end_ms + pad_ms, rolls)


class TextSource:
    """A small source with texts: what is another row than before is sent anew, the rest is kept."""

    def __init__(self, columns: tuple[str, ...], *, key: tuple[str, ...], name: str) -> None:
        """Empty.

        Args:
            columns: Of the source.
            key: Those that stay as they are while a row is drawn, texts among them; the others
                are numbers and may change.
            name: Of the source.
        """
        numbers = tuple(column for column in key if column in ("time", "left"))
        self._key = key
        texts = set(columns) - NUMBERS
        self._sent = SentSource(columns, key=numbers, name=name, texts=texts)
        self.source = self._sent.source
        self._held: list[Hashable] = []

    def show(self, values: Values, *, anew: bool = False) -> None:
        """Bring it up to date; rows as of :class:`~ami_console.apps.sent.SentSource`."""
        rows: list[Hashable] = list(
            zip(*(values[name].tolist() for name in self._key), strict=True)
        )
        gone = self._held.index(rows[0]) if rows and rows[0] in self._held else 0
        kept = self._held[gone:]
        self._sent.show(values, anew=anew or rows[: len(kept)] != kept)
        self._held = rows


def mark_rows(
    happenings: pd.DataFrame, clock: WallClock, window: DrawnWindow
) -> dict[str, npt.NDArray[Any]]:
    """Marks of the events of a job in a window, the oldest first.

    Args:
        happenings: :func:`ami_console.metrics.happenings`.
        clock: Turns instants into the wall time of the axis.
        window: What is drawn.
    """
    at_ms = clock.milliseconds(happenings["at"])
    texts = {
        name: happenings[name].to_numpy(dtype=object)
        for name in ("kind", "subject", "severity", "title")
    }
    marked = np.array([kind in MARKS for kind in texts["kind"]], dtype=bool)
    shown = np.flatnonzero(marked & (at_ms >= window.begin_ms) & (at_ms <= window.end_ms))
    groups: list[list[int]] = []
    for row in shown:
        if groups and at_ms[row] - at_ms[groups[-1][0]] <= SAME_MS:
            groups[-1].append(int(row))
        else:
            groups.append([int(row)])
    marks = []
    for group in groups[-MOST_MARKS:]:
        each = [
            mark_of(*(texts[name][row] for name in ("kind", "subject", "severity", "title")))
            for row in group
        ]
        told = "; ".join(str(texts["title"][row]) for row in group)
        marks.append((at_ms[group[0]], min(each, key=lambda mark: mark.rank), told))
    return _mark_columns(marks)


def _mark_columns(marks: list[tuple[float, Mark, str]]) -> dict[str, npt.NDArray[Any]]:
    return {
        "time": np.array([at_ms for at_ms, _, _ in marks], dtype="float64"),
        "lane": _texts([LANE_NAMES[EVENTS]] * len(marks)),
        "word": _texts([mark.word for _, mark, _ in marks]),
        "title": _texts([title for _, _, title in marks]),
        "marker": _texts([mark.marker for _, mark, _ in marks]),
        "colour": _texts([TONES[mark.tone] for _, mark, _ in marks]),
        "top": np.full(len(marks), 0.96),
    }


def bar_rows(
    spans: pd.DataFrame, clock: WallClock, window: DrawnWindow
) -> dict[str, npt.NDArray[Any]]:
    """Bars of a job's lanes in a window, by the begin of each.

    Args:
        spans: :func:`ami_console.metrics.spans`.
        clock: Turns instants into the wall time of the axis.
        window: What is drawn. While it rolls, bars reach back beyond it as they are, so that they
            need not be sent again and again.
    """
    left, right = (clock.milliseconds(spans[side]) for side in ("begins_at", "ends_at"))
    shown = (right > window.begin_ms) & (left < window.end_ms)
    order = np.flatnonzero(shown)[np.argsort(left[shown], kind="stable")]
    first = left[order] if window.rolls else np.maximum(left[order], window.begin_ms)
    lanes, tones = (spans[name].to_numpy(dtype=object)[order] for name in ("lane", "tone"))
    return {
        "left": first,
        "right": np.minimum(right[order], window.end_ms),
        "lane": _texts([LANE_NAMES[lane] for lane in lanes]),
        "word": spans["value"].to_numpy(dtype=object)[order],
        "colour": _texts([TONES[tone] for tone in tones]),
        "hatch": _texts([HATCH if tone == "unknown" else NO_HATCH for tone in tones]),
    }


def gap_rows(
    happenings: pd.DataFrame, source: str, clock: WallClock, window: DrawnWindow
) -> dict[str, npt.NDArray[Any]]:
    """When a source gave nothing, or nobody looked, in a window.

    Args:
        happenings: :func:`ami_console.metrics.happenings`.
        source: Of ``reads``.
        clock: Turns instants into the wall time of the axis.
        window: What is drawn.
    """
    kinds, subjects = (happenings[name].to_numpy(dtype=object) for name in ("kind", "subject"))
    mine = [
        kind == "paused" or (kind == "source_gap" and subject == source)
        for kind, subject in zip(kinds, subjects, strict=True)
    ]
    gaps = happenings[np.array(mine, dtype=bool)]
    begin, end = (clock.milliseconds(gaps[side]) for side in ("at", "until_at"))
    shown = (end > window.begin_ms) & (begin < window.end_ms)
    return {
        "begin": begin[shown] if window.rolls else np.maximum(begin[shown], window.begin_ms),
        "end": np.minimum(end[shown], window.end_ms),
    }


def _texts(values: list[str]) -> npt.NDArray[Any]:
    held = np.empty(len(values), dtype=object)
    held[:] = values
    return held
