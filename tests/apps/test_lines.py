"""The timelines that are kept up look by look are those that all looks together give."""

import pandas as pd
import pytest
from staged_feed import Staged, StagedFeed

from ami_console import metrics
from ami_console.apps.lines import COLUMNS, KEEP_S, RESUME_S, Lines

JOBS = (
    Staged(3, "steady", total=4200, per_min=96.0),
    Staged(4, "comes back", total=900, per_min=41.4, redelivered_every_s=95),
    Staged(7, "worker died", total=1500, per_min=45.0, stops_s=300.0, in_flight=32),
    Staged(8, "begins later", total=12_000, per_min=60.0, begun_s=200.0),
    Staged(2, "ends soon", total=160, per_min=64.0),
)


def whole(feed: StagedFeed, job_id: int) -> pd.DataFrame:
    """What all of a job's frames give at once."""
    held = {n: feed.frame(n, job_id=job_id) for n in ("consumers", "counters", "acks")}
    tasks = metrics.task_times(acks=held["acks"])
    return metrics.timeline(
        held["consumers"], counters=held["counters"], tasks=tasks, reads=feed.frame("reads")
    )


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Equal, but for how many were acknowledged where for minutes nothing was: none or unknown."""
    none = {"latency_n": 0}
    pd.testing.assert_frame_equal(found.fillna(none), expected.fillna(none))


def kept(feed: StagedFeed, *, until_s: float) -> Lines:
    """Lines that were brought up to date after every look."""
    lines = Lines(feed, is_live=True)
    at_s = feed.now_s
    while at_s <= until_s:
        feed.look(at_s)
        lines.update(feed.as_of())
        at_s += feed.every_s
    return lines


@pytest.mark.parametrize("has_tap", [False, True])
def test_looks_one_by_one_give_the_line_of_all_looks_together(has_tap: bool) -> None:
    """Ten minutes are watched: every job's line is the one that a recording of them gives."""
    feed = StagedFeed(JOBS, every_s=4.0)
    feed.has_tap = has_tap
    lines = kept(feed, until_s=600.0)
    for job in JOBS:
        expected = whole(feed, job.job_id)
        same(lines.of(job.job_id, since=None, until=feed.as_of()), expected)
        assert expected["acked_per_min"].notna().sum() > 20


def test_a_broker_that_is_away_leaves_the_line_open() -> None:
    """NATS is down for longer than a rate looks back: the line has its gap, then goes on."""
    feed = StagedFeed(JOBS, every_s=4.0)
    lines = kept(feed, until_s=200.0)
    feed.down["nats"] = "no answer"
    for at_s in range(204, 444, 4):
        feed.look(float(at_s))
        lines.update(feed.as_of())
    while_away = lines.of(3, since=None, until=feed.as_of()).tail(55)
    assert while_away["num_pending"].isna().all()
    assert while_away["observed_at"].iloc[-1] == feed.as_of()
    feed.down.clear()
    for at_s in range(444, 600, 4):
        feed.look(float(at_s))
        lines.update(feed.as_of())
    found, expected = lines.of(3, since=None, until=feed.as_of()), whole(feed, 3)
    looks = expected["num_pending"].notna()
    same(
        found[found["num_pending"].notna()].reset_index(drop=True),
        expected[looks].reset_index(drop=True),
    )
    assert (~looks).sum() - found["num_pending"].isna().sum() in (0, 1)


def test_a_line_is_not_made_longer_than_was_asked_for() -> None:
    """A page shows the last minutes: what is older is computed when somebody looks back on it."""
    feed = StagedFeed(JOBS, every_s=4.0)
    feed.play(500.0)
    lines = Lines(feed, is_live=True)
    lines.update(feed.as_of())
    since = feed.as_of() - pd.Timedelta(seconds=120)
    recent = lines.of(3, since=since, until=feed.as_of())
    expected = whole(feed, 3)
    pd.testing.assert_frame_equal(
        recent, expected[expected["observed_at"] >= since].reset_index(drop=True)
    )
    pd.testing.assert_frame_equal(lines.of(3, since=None, until=feed.as_of()), expected)


def test_the_newest_row_of_each_job_tells_of_now() -> None:
    """The fleet's rates come from the same lines; of a job that is not looked at, none."""
    feed = StagedFeed(JOBS, every_s=4.0)
    lines = kept(feed, until_s=400.0)
    since = feed.as_of() - pd.Timedelta(seconds=30)
    newest = lines.newest(since=since, until=feed.as_of()).set_index("job_id")
    for job in JOBS:
        expected = whole(feed, job.job_id).iloc[-1]
        for column in COLUMNS:
            ours, theirs = newest.loc[job.job_id, column], expected[column]
            assert (pd.isna(ours) and pd.isna(theirs)) or ours == theirs
    assert lines.newest(since=feed.as_of() + pd.Timedelta(seconds=1), until=feed.as_of()).empty


def test_after_a_long_pause_the_lines_begin_anew_and_miss_nothing() -> None:
    """All pages were closed over lunch; the watch went on, and the line is asked for again."""
    feed = StagedFeed(JOBS, every_s=4.0)
    lines = kept(feed, until_s=100.0)
    feed.play(100.0 + RESUME_S + 100.0, begin_s=104.0)
    lines.update(feed.as_of())
    pd.testing.assert_frame_equal(lines.of(3, since=None, until=feed.as_of()), whole(feed, 3))


def test_an_earlier_instant_shows_nothing_of_later() -> None:
    """A recording is wound back: the line ends where it is looked at."""
    feed = StagedFeed(JOBS, every_s=4.0)
    lines = kept(feed, until_s=400.0)
    until = feed.as_of() - pd.Timedelta(seconds=200)
    lines.update(until)
    found = lines.of(3, since=None, until=until)
    assert found["observed_at"].iloc[-1] == until
    assert len(lines.of(3, since=None, until=feed.as_of())) > len(found)


def test_what_is_older_than_a_day_is_let_go_of() -> None:
    """A page stays open for weeks; its memory does not grow."""
    feed = StagedFeed(JOBS, every_s=4.0)
    lines = kept(feed, until_s=100.0)
    held = lines.of(3, since=None, until=feed.as_of())
    later = feed.as_of() + pd.Timedelta(seconds=RESUME_S - 1)
    steps = int(KEEP_S / (RESUME_S - 1)) + 1
    for _ in range(steps):
        lines.update(later)
        later += pd.Timedelta(seconds=RESUME_S - 1)
    assert len(held) > 20
    assert len(lines) == 0, "jobs of last week still have their room"
    assert lines.newest(since=held["observed_at"].iloc[0], until=later).empty


def test_a_job_nobody_told_of_has_an_empty_line() -> None:
    """A link to a job that is not known."""
    feed = StagedFeed(JOBS, every_s=4.0)
    lines = kept(feed, until_s=20.0)
    assert lines.of(999, since=None, until=feed.as_of()).empty
