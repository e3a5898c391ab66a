"""Raw Redis values become rows."""

import pytest

from ami_console.frames import FRAMES, from_rows
from ami_console.reading import Row
from ami_console.sources.counters import counter_row

SEEN_AT = 1_795_000_000_000_000_000


def row_of(**raw: object) -> Row:
    usual: dict[str, object] = {
        "total": b"200",
        "pending_process": 128,
        "pending_results": 130,
        "failed": 0,
        "ttl_s": 604759,
    }
    return counter_row(3, observed_at=SEEN_AT, **{**usual, **raw})


@pytest.mark.parametrize("total", [b"200", "200", 200])
def test_a_running_job(total: object) -> None:
    """Redis sends bytes, a poll log has text."""
    assert row_of(total=total) == {
        "observed_at": SEEN_AT,
        "job_id": 3,
        "total": 200,
        "pending_process": 128,
        "pending_results": 130,
        "failed": 0,
        "ttl_s": 604759,
    }
    assert row_of().keys() == FRAMES["counters"].keys()


def test_an_empty_set_is_a_missing_key_and_means_0() -> None:
    """The last image was processed, Redis removed the set, the total is still there."""
    row = row_of(pending_process=0, pending_results=0)
    assert (row["pending_process"], row["pending_results"], row["total"]) == (0, 0, 200)


@pytest.mark.parametrize("total", [None, "", b"many"])
def test_without_the_total_nothing_is_known(total: object) -> None:
    """Antenna deleted the job's keys: all sets count 0, and that is not "0 pending"."""
    row = row_of(total=total, pending_process=0, pending_results=0, failed=0, ttl_s=-2)
    frame = from_rows("counters", [row])
    assert frame.drop(columns=["observed_at", "job_id"]).isna().to_numpy().all()


def test_one_bad_value_costs_only_itself() -> None:
    """A key of another type answers with an error; a key that never expires has no TTL."""
    row = row_of(failed=ValueError("WRONGTYPE"), pending_process=None, ttl_s=-1)
    assert (row["failed"], row["pending_process"], row["ttl_s"]) == (None, None, None)
    assert row["pending_results"] == 130
