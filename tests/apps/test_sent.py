"""What is sent to the browser: only what it does not have."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from bokeh.document import Document
from staged_feed import START_NS, Staged, StagedFeed

from ami_console import metrics
from ami_console.apps.reads import GapReads, condensed
from ami_console.apps.sent import SentSource
from ami_console.reading import Reading

WAYS = {
    "ColumnDataChangedEvent": "whole",
    "ModelChangedEvent": "whole",
    "ColumnsPatchedEvent": "patch",
    "ColumnsStreamedEvent": "stream",
}


class Watched:
    """A small source in a page, and how each change of it travels to the browser."""

    def __init__(self) -> None:
        self.sent = SentSource(("time", "value"), key=("time",), name="test")
        self.ways: list[str] = []
        self.page = Document()
        self.page.add_root(self.sent.source)
        self.page.on_change(self._changed)

    def _changed(self, event: Any) -> None:
        self.ways.append(WAYS[type(event).__name__])

    def show(self, times: list[float], values: list[float], **how: bool) -> list[str]:
        self.ways.clear()
        columns = {"time": np.array(times, dtype=float), "value": np.array(values, dtype=float)}
        for column in columns.values():
            column.setflags(write=False)  # as pandas gives them
        self.sent.show(columns, **how)
        return list(self.ways)

    @property
    def held(self) -> tuple[list[float], list[float]]:
        data = self.sent.source.data
        return np.asarray(data["time"]).tolist(), np.asarray(data["value"]).tolist()


@pytest.fixture
def watched() -> Watched:
    """With three rows in it."""
    made = Watched()
    assert made.show([1, 2, 3], [10, 20, 30]) == ["whole"]
    return made


def test_the_same_rows_are_not_sent_again(watched: Watched) -> None:
    """An idle job."""
    assert watched.show([1, 2, 3], [10, 20, 30]) == []


def test_new_rows_are_appended_and_changed_ones_mended(watched: Watched) -> None:
    """The column of the heatmap that is still filling, and the next one."""
    assert watched.show([1, 2, 3, 4], [10, 20, 33, 40]) == ["patch", "stream"]
    assert watched.held == ([1, 2, 3, 4], [10, 20, 33, 40])


def test_old_rows_roll_out(watched: Watched) -> None:
    """The window moves on."""
    assert watched.show([2, 3, 4], [20, 30, 40]) == ["stream"]
    assert watched.held == ([2, 3, 4], [20, 30, 40])


def test_what_only_rolls_out_waits_for_the_next_row(watched: Watched) -> None:
    """Rows before the window are not seen; they go when others come."""
    assert watched.show([2, 3], [20, 30]) == []
    assert watched.show([2, 3, 4], [20, 30, 40]) == ["stream"]
    assert watched.held == ([2, 3, 4], [20, 30, 40])


def test_unknown_stays_unknown_without_being_sent(watched: Watched) -> None:
    """NaN equals no NaN; it must not travel with each look."""
    nan = float("nan")
    assert watched.show([1, 2, 3], [10, nan, 30]) == ["patch"]
    assert watched.show([1, 2, 3], [10, nan, 30]) == []


@pytest.mark.parametrize(
    ("times", "values"),
    [([7, 8], [1, 2]), ([1, 2], [10, 20]), ([], [])],
    ids=["another job", "rows taken back", "nothing any more"],
)
def test_other_rows_replace_all(watched: Watched, times: list[float], values: list[float]) -> None:
    """No row of what was shown before may stay."""
    assert watched.show(times, values) == ["whole"]
    assert watched.held == (times, values)


def test_what_is_drawn_anew_is_sent_whole(watched: Watched) -> None:
    """Another job that happens to begin at the same instant."""
    assert watched.show([1, 2, 3], [10, 20, 31], anew=True) == ["whole"]


def test_an_empty_source_stays_empty_silently() -> None:
    """A job without tasks."""
    assert Watched().show([], []) == []


def test_condensed_reads_tell_the_same_gaps() -> None:
    """Half an hour with two gaps and a pause: the few that are kept tell of the same ones."""
    feed = StagedFeed((Staged(3, "one"),))
    for begin, until, reason in (
        (0, 400, None),
        (402, 420, "cut off"),
        (422, 900, None),
        (1000, 1200, None),  # the tap was off for 100 s, as its own words tell
        (1202, 1210, "cut off again"),
        (1212, 1800, None),
    ):
        feed.has_tap = begin != 1000
        feed.look(float(begin))
        feed.has_tap = True
        feed.down = {} if reason is None else {"tap": reason, "nats": reason}
        feed.play(float(until), begin_s=float(begin + 2))
    as_of, reads = feed.as_of(), feed.frame("reads")
    kept = condensed(reads)
    assert len(kept) < 60 < len(reads)
    for source, gaps in (("tap", 3), ("nats", 2)):
        # What is called a gap of the tap is one of any source, without the pauses of its own.
        mine = [frame[frame["source"] == source].assign(source="tap") for frame in (reads, kept)]
        if source != "tap":
            mine = [frame.assign(elapsed_s=pd.NA).astype(reads.dtypes) for frame in mine]
        whole, few = (metrics.tap_gaps(frame, as_of=as_of) for frame in mine)
        assert len(whole) == gaps
        pd.testing.assert_frame_equal(whole, few)


def test_reads_are_kept_up_with() -> None:
    """Read bit by bit while the job runs, also when an answer is handed on late."""
    feed = StagedFeed((Staged(3, "one"),))
    feed.has_tap = True
    reads = GapReads(feed)
    at_s = 0.0
    for number in range(60):
        feed.down = {"tap": "cut off"} if 20 <= number < 25 or number == 40 else {}
        feed.look(at_s)
        reads.until(feed.as_of())
        at_s += 2.0
    late = START_NS + int((at_s - 15.0) * 1e9)
    feed.take(Reading(source="tap", observed_at=late, ok=False, error="slow"))
    feed.look(at_s)
    as_of = feed.as_of()
    whole = metrics.tap_gaps(feed.frame("reads"), as_of=as_of)
    assert len(whole) == 3
    pd.testing.assert_frame_equal(metrics.tap_gaps(reads.until(as_of), as_of=as_of), whole)


def test_texts_of_no_row_are_no_numbers() -> None:
    """A browser refused the charts of a job of which nothing had happened: an invalid colour."""
    held = SentSource(("time", "colour"), key=("time",), name="marks", texts={"colour"})
    assert held.source.data["colour"].dtype == object
    assert held.source.data["time"].dtype == float
