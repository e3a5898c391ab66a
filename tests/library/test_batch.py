"""Batches: the same rows by column, however they are cut, moved and kept."""

import numpy as np
import pandas as pd
import pytest

from ami_console import frames
from ami_console.batch import Batch
from ami_console.history import History
from ami_console.history_batches import KEEP_OTHER_LINES
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading

START = 1_795_446_000 * NS_PER_S


def acks(first: int, count: int, *, job_id: int = 3, second: int = 0) -> Batch:
    """Acknowledgements as the tap gives them: arrays, and a kind that all have."""
    at = np.full(count, START + second * NS_PER_S, dtype="int64")
    seqs = np.arange(first, first + count, dtype="int64")
    columns = {"observed_at": at, "acked_at": at, "stream_seq": seqs, "stored_at": at - NS_PER_S}
    return Batch.of(columns, job_id=job_id, kind="+ACK")


def reading(batch: Batch, second: int = 0) -> Reading:
    return Reading(source="tap", observed_at=START + second * NS_PER_S, rows={"acks": batch})


def test_a_batch_is_a_sequence_of_rows() -> None:
    """Who wants rows one by one, such as a test, need not know of columns."""
    batch = acks(1, 3)
    assert len(batch) == 3
    assert batch[1]["stream_seq"] == 2
    assert type(batch[1]["stream_seq"]) is int
    assert [row["stream_seq"] for row in batch] == [1, 2, 3]
    assert {row["kind"] for row in batch[1:]} == {"+ACK"}
    assert batch.column("image_id") == [None, None, None]


def test_rows_make_the_same_frame_as_their_batch() -> None:
    rows = [
        {"observed_at": START, "job_id": 3, "stream_seq": 1, "kind": "+ACK"},
        {"observed_at": START + 1, "job_id": 4, "stream_seq": None, "kind": None},
    ]
    as_batch = frames.from_batch("acks", Batch.from_rows(rows))
    pd.testing.assert_frame_equal(as_batch, frames.from_rows("acks", rows))


def test_batches_of_arrays_and_of_lists_can_be_joined() -> None:
    """The tap flushes arrays, a poll log brings rows, and both are of one job."""
    rows = [{"observed_at": START, "job_id": 3, "stream_seq": 9, "image_id": "12"}]
    whole = Batch.joined([acks(1, 2), Batch.from_rows(rows)])
    assert whole.column("stream_seq") == [1, 2, 9]
    assert whole.column("kind") == ["+ACK", "+ACK", None]
    assert whole.column("image_id") == [None, None, "12"]
    assert isinstance(Batch.joined([acks(1, 2), acks(3, 2)]).columns["stream_seq"], np.ndarray)


def test_a_batch_of_several_jobs_is_kept_by_job() -> None:
    mixed = Batch.joined([acks(1, 2, job_id=3), acks(7, 1, job_id=4), acks(3, 1, job_id=3)])
    assert {job: len(mine) for job, mine in mixed.by_job().items()} == {3: 3, 4: 1}
    assert mixed.of_jobs({4}).column("stream_seq") == [7]
    assert len(acks(1, 2).of_jobs({9})) == 0
    history = History()
    history.add(reading(mixed))
    assert history.frame("acks", job_id=3)["stream_seq"].tolist() == [1, 2, 3]
    assert history.frame("acks")["job_id"].tolist() == [3, 3, 3, 4]
    assert history.frame("acks", job_id=5).empty


def test_history_keeps_batches_in_order_and_not_for_ever() -> None:
    """The flush of a slow second comes after that of the next one."""
    history = History(keep_s=100)
    for first, second in ((1, 0), (11, 60), (6, 30), (16, 150), (21, 155)):
        history.add(reading(acks(first, 5, second=second), second))
        if second == 60:
            assert len(history.frame("acks")) == 10
    kept = history.frame("acks")
    assert kept["observed_at"].is_monotonic_increasing
    assert kept["stream_seq"].tolist() == [*range(11, 16), *range(16, 26)]
    since = pd.Timestamp(START + 150 * NS_PER_S, tz="UTC")
    assert len(history.frame("acks", since=since)) == 10
    assert history.latest("acks")["stream_seq"].tolist() == [25]


@pytest.mark.parametrize("known", [1, KEEP_OTHER_LINES])
def test_lines_that_tell_nothing_do_not_fill_the_memory(known: int) -> None:
    """A job writes sixteen lines an image, and four of them are of its tasks."""
    history = History()
    for turn in range(3):
        many = KEEP_OTHER_LINES
        at = START + turn * NS_PER_S
        kinds = ["acked"] * known + [None] * many
        batch = Batch.of({"kind": kinds}, observed_at=at, job_id=3, logged_at=at, source="job")
        history.add(Reading(source="job_logs", observed_at=at, rows={"log_events": batch}))
        history.frame("log_events")
    kept = history.frame("log_events")
    assert (kept["kind"] == "acked").sum() == 3 * known
    assert kept["kind"].isna().sum() <= 2 * KEEP_OTHER_LINES
    assert kept["observed_at"].iloc[-1].value == START + 2 * NS_PER_S
