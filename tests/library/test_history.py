"""Live history: the same frames as a recording, in memory, and not for ever."""

import threading

import pandas as pd
import pytest

from ami_console import frames
from ami_console.errors import FrameError
from ami_console.history import History
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading

START = 1_795_446_000 * NS_PER_S


def nats(second: float, *job_ids: int, ok: bool = True) -> Reading:
    at = START + int(second * NS_PER_S)
    rows = [{"observed_at": at, "job_id": j, "num_pending": int(second)} for j in job_ids]
    return Reading(source="nats", observed_at=at, ok=ok, rows={"consumers": rows} if ok else {})


def stamp(second: float) -> pd.Timestamp:
    return pd.Timestamp(START + int(second * NS_PER_S), tz="UTC")


def test_nothing_is_an_empty_frame_with_its_columns() -> None:
    history = History()
    for name, columns in frames.FRAMES.items():
        frame = history.frame(name)
        assert frame.empty
        assert {c: str(t) for c, t in frame.dtypes.items()} == dict(columns)
        assert history.latest(name).empty


def test_bounds_and_jobs() -> None:
    history = History()
    for second in range(10):
        history.add(nats(second, 1, 2))
    one = history.frame("consumers", job_id=1, since=stamp(3), until=stamp(5))
    assert one["num_pending"].tolist() == [3, 4, 5]
    assert len(history.frame("consumers")) == 20
    assert history.frame("consumers", job_id=99).empty
    assert len(history.frame("reads", since=stamp(8))) == 2


def test_a_late_answer_finds_its_place() -> None:
    history = History()
    for second in (1, 5, 3):
        history.add(nats(second, 1))
    assert history.frame("consumers")["num_pending"].tolist() == [1, 3, 5]
    assert history.latest("consumers")["num_pending"].tolist() == [5]


def test_the_last_good_and_the_last_failed_read_are_both_known() -> None:
    history = History()
    for second, ok in ((1, True), (2, False), (3, False)):
        history.add(nats(second, 1, ok=ok))
    latest = history.latest("reads")
    assert latest["ok"].tolist() == [True, False]
    assert latest["observed_at"].tolist() == [stamp(1), stamp(3)]


def test_the_last_numbers_outlive_the_stream() -> None:
    history = History()
    for second, exists in ((1, True), (2, False)):
        at = START + second * NS_PER_S
        row = {"observed_at": at, "job_id": 1, "consumer_exists": exists}
        history.add(Reading(source="nats", observed_at=at, rows={"consumers": [row]}))
    assert history.latest("consumers")["consumer_exists"].tolist() == [True, False]
    assert history.job_ids() == [1]


def test_latest_of_an_earlier_instant() -> None:
    history = History()
    for second in range(5):
        history.add(nats(second, 1))
    assert history.latest("consumers", until=stamp(2))["num_pending"].tolist() == [2]


def test_old_rows_are_dropped_and_the_rest_stays() -> None:
    history = History(keep_s=100)
    for second in range(0, 1000, 2):
        history.add(nats(second, 1))
    kept = history.frame("consumers")["num_pending"]
    assert kept.max() == 998
    assert 998 - 110 - 2 <= kept.min() <= 998 - 100


def test_a_job_that_is_not_seen_any_more_is_forgotten() -> None:
    history = History(keep_s=100)
    history.add(nats(0, 1))
    for second in range(0, 400, 2):
        history.add(nats(second, 2))
    assert history.frame("consumers", job_id=1).empty
    assert history.latest("consumers")["job_id"].tolist() == [1, 2]
    history.add(nats(90_000, 2))
    assert history.latest("consumers")["job_id"].tolist() == [2]


def test_an_unknown_frame_is_named() -> None:
    with pytest.raises(FrameError, match="'jbos'"):
        History().frame("jbos")


def test_a_dashboard_that_is_started_again_has_what_was_recorded() -> None:
    before, after = History(keep_s=100), History(keep_s=100)
    for second in range(0, 300, 2):
        before.add(nats(second, 1))
    looks = after.load(before, until=stamp(298))
    after.add(nats(300, 1))
    kept = after.frame("consumers")
    assert looks == len(kept) - 1 == 51
    assert kept["num_pending"].tolist() == list(range(198, 302, 2))
    expected = before.frame("consumers", since=stamp(198))
    pd.testing.assert_frame_equal(kept.iloc[:-1], expected, check_like=False)
    assert after.latest("consumers")["num_pending"].tolist() == [300]


def test_it_is_read_while_it_is_written() -> None:
    """The collector writes, a page reads: a frame never holds half a look."""
    history, done = History(), threading.Event()
    uneven: list[int] = []

    def read() -> None:
        while not done.is_set():
            sizes = history.frame("consumers").groupby("observed_at").size()
            uneven.extend(sizes[sizes != 3].tolist())

    reader = threading.Thread(target=read)
    reader.start()
    for second in range(400):
        history.add(nats(second, 1, 2, 3))
    done.set()
    reader.join()
    assert uneven == []
