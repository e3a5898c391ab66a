"""What a page computes for all its cards must not remember what it saw later."""

import pandas as pd
from pandas.testing import assert_frame_equal
from replayed import replay

from ami_console.apps.board import Board


def test_a_board_that_was_wound_shows_what_a_new_one_shows() -> None:
    """Somebody drags the slider to and fro, and another opens the link of where he stopped."""
    feed = replay("c_worker_crash")
    wound = Board(feed)
    end = wound.subscribe(lambda: None)
    span_s = (feed.last_at - feed.first_at).total_seconds()
    for part in (0.95, 0.4, 0.5, 0.2, 0.0, 0.6):
        feed.move_to(feed.first_at + pd.Timedelta(seconds=round(part * span_s, 3)))
        other = replay("c_worker_crash")
        other.move_to(feed.as_of())
        new = Board(other)
        assert_frame_equal(wound.fleet(), new.fleet())
        assert_frame_equal(wound.gap_reads(), new.gap_reads())
        mine, fresh = wound.job(6), new.job(6)
        assert (mine is None) == (fresh is None)
        if mine is not None and fresh is not None:
            assert_frame_equal(mine.timeline, fresh.timeline)
    end()
