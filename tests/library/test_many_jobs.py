"""More jobs than a look may ask for, columns of whole looks, and a table while a job comes in."""

from collections import Counter
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from recorded import JOBS, history_of

from ami_console import frames, metrics
from ami_console.active_jobs import Turns
from ami_console.apps.fleet_details import FleetDetails
from ami_console.apps.fleet_rows import rows_of
from ami_console.apps.lines import Lines
from ami_console.instants import from_rfc3339


def test_every_job_has_its_turn_before_one_has_a_second() -> None:
    """A hundred jobs, of which 40 are asked for at a look."""
    turns = Turns(40)
    looks = [turns.next(range(100)) for _ in range(5)]
    assert [len(look) for look in looks] == [40] * 5
    assert set(Counter(job_id for look in looks for job_id in look).values()) == {2}


def test_few_jobs_are_asked_for_at_every_look() -> None:
    """The usual case: nothing waits."""
    turns = Turns(40)
    assert [turns.next({3, 5, 8}) for _ in range(3)] == [frozenset({3, 5, 8})] * 3


def test_a_new_job_comes_next_and_an_ended_one_is_forgotten() -> None:
    """Somebody starts a job while others wait for their turn."""
    turns = Turns(2)
    assert turns.next([1, 2, 3, 4]) == {1, 2}
    assert turns.next([2, 3, 4, 9]) == {3, 4}
    assert turns.next([2, 3, 4, 9]) == {9, 2}


@pytest.mark.parametrize("column", ["num_pending", "ack_wait_s", "stream_exists"])
def test_a_missing_value_in_a_column_stays_missing(column: str) -> None:
    """A job without a consumer among others: its count is not known, and that is not 0."""
    value = {"num_pending": 7, "ack_wait_s": 300.0, "stream_exists": True}[column]
    frame = frames.from_rows("consumers", [{column: value}, {column: None}, {}])
    assert frame[column].tolist()[0] == value
    assert frame[column].isna().tolist() == [False, True, True]
    assert frame[column].dtype == frames.FRAMES["consumers"][column]
    assert (frame[column].dropna() == value).all()


def test_a_column_takes_no_number_for_another() -> None:
    """1.5 messages are no count: cut to 1 they would be a wrong number."""
    with pytest.raises((TypeError, ValueError)):
        frames.from_rows("consumers", [{"num_pending": 1.5}])


def test_what_is_no_number_among_measures_is_missing() -> None:
    """A source's own NaN is no value."""
    frame = frames.from_rows("consumers", [{"ack_wait_s": np.nan}, {"ack_wait_s": 30}])
    assert frame["ack_wait_s"].isna().tolist() == [True, False]
    assert frame["ack_wait_s"].tolist()[1] == 30.0


def test_a_frame_of_a_batch_is_not_changed_with_it() -> None:
    """Batches are shared by history and recorder; who writes into a frame changes neither."""
    frame = frames.from_rows("counters", [{"total": 5}, {"total": 6}])
    again = frame.copy()
    again.loc[0, "total"] = 99
    assert frame["total"].tolist() == [5, 6]


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2026-11-23T15:13:09.Z", 0),
        ("2026-11-23T15:13:09.5Z", 500_000_000),
        ("2026-11-23T15:13:09.1234567899Z", 123_456_789),
        ("2026-11-23T10:13:09.000000001-05:00", 1),
    ],
)
def test_decimals_of_a_time_are_read_to_the_nanosecond(text: str, ns: int) -> None:
    """However many decimals there are, and in whichever zone."""
    assert from_rfc3339(text) == 1795446789 * 10**9 + ns


def test_a_zone_without_end_is_no_time() -> None:
    """A hostile server may send a text of any length; it is not even remembered."""
    assert from_rfc3339("2026-11-23T15:13:09.5+" + "0" * 100_000) is None


def test_a_job_that_comes_in_between_does_not_keep_the_table_from_being_shown() -> None:
    """The fleet was read before the news of a new job, its details after it."""
    job_id = next(iter(JOBS))
    history = history_of(job_id)
    as_of = history.frame("consumers")["observed_at"].max()
    lines, details = Lines(history, is_live=True), FleetDetails(history)
    lines.update(as_of)
    fleet = metrics.fleet(history, as_of=as_of)
    before = rows_of(
        fleet,
        zone=ZoneInfo("UTC"),
        as_of=as_of,
        details=details.of(fleet, lines=lines, as_of=as_of),
    )
    newer = fleet.assign(job_id=fleet["job_id"] + 1000)
    both = pd.concat([newer, fleet], ignore_index=True)
    after = rows_of(
        fleet, zone=ZoneInfo("UTC"), as_of=as_of, details=details.of(both, lines=lines, as_of=as_of)
    )
    pd.testing.assert_frame_equal(after.frame, before.frame)
