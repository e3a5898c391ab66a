"""Lost images, time left, oldest in flight, attempts: what a table of all jobs tells besides."""

from typing import Any

import pandas as pd
import pytest
from recorded import JOBS, history_of

from ami_console import frames
from ami_console.instants import NS_PER_S
from ami_console.metrics import given_up
from ami_console.metrics.fleet import FLEET
from ami_console.metrics.fleet_details import (
    FLEET_DETAILS,
    eta_range,
    fleet_details,
    may_have_lost,
)
from ami_console.metrics.in_flight import OLDEST, Deliveries, oldest_in_flight
from ami_console.metrics.minute_rates import minute_rates
from ami_console.metrics.redelivery import GIVEN_UP
from ami_console.metrics.timeline import TIMELINE

START = pd.Timestamp("2026-11-23T15:00:00Z")


def stamp(second: float) -> pd.Timestamp:
    return START + pd.Timedelta(seconds=second)


def ns(second: float) -> int:
    return START.value + int(second * NS_PER_S)


def look(second: float, delivered: int, floor: int, **other: Any) -> dict[str, Any]:
    return {
        "observed_at": ns(second),
        "server_at": ns(second),
        "job_id": 1,
        "stream_exists": True,
        "consumer_exists": True,
        "num_pending": 100 - delivered,
        "num_ack_pending": delivered - floor,
        "num_redelivered": 0,
        "delivered_consumer_seq": delivered,
        "delivered_stream_seq": delivered,
        "ack_floor_stream_seq": floor,
        "stream_created_at": ns(0),
        "max_deliver": 5,
        "ack_wait_s": 300.0,
        **other,
    }


def consumers(*looks: dict[str, Any]) -> pd.DataFrame:
    return frames.from_rows("consumers", looks)


def oldest(*looks: dict[str, Any]) -> Any:
    return oldest_in_flight(consumers(*looks)).iloc[0]


def line(job_id: int, second: float, rate: float | None) -> dict[str, Any]:
    return {"job_id": job_id, "observed_at": stamp(second), "acked_per_min": rate}


def job(**numbers: Any) -> dict[str, Any]:
    return {"job_id": 1, "num_pending": 90, "num_ack_pending": 10, "eta_s": 1.0, **numbers}


def details(fleet: pd.DataFrame, **known: pd.DataFrame) -> pd.DataFrame:
    none = {
        "looks": frames.empty("consumers"),
        "rates": minute_rates(frames.table([], TIMELINE), as_of=stamp(0)),
        "oldest": frames.table([], OLDEST),
        "given_up": frames.table([], GIVEN_UP),
        "acks": frames.empty("acks"),
    }
    return fleet_details(fleet, **(none | known))


def test_nothing_in_flight_is_no_age() -> None:
    """Between two fetches: not an age of 0."""
    assert oldest_in_flight(frames.empty("consumers")).dtypes.astype(str).to_dict() == OLDEST
    row = oldest(look(2, 16, 16))
    assert row[["oldest_in_flight_at", "oldest_is_bound"]].isna().all()


def test_the_oldest_in_flight_is_the_one_after_the_floor() -> None:
    """A worker took 16 images, then 16 more; it is the first of the second lot that is left."""
    row = oldest(look(2, 16, 0), look(4, 16, 0), look(6, 32, 10), look(8, 32, 16))
    assert row["oldest_in_flight_at"] == stamp(6)
    assert not row["oldest_is_bound"]
    assert oldest(look(2, 16, 0), look(60, 32, 3))["oldest_in_flight_at"] == stamp(2)


def test_the_broker_tells_the_instant_of_the_last_delivery() -> None:
    """To the nanosecond, where it lies between the two looks."""
    row = oldest(look(2, 16, 0), look(9, 32, 16, delivered_last_active=ns(7)))
    assert row["oldest_in_flight_at"] == stamp(7)


def test_what_was_delivered_before_anybody_looked_is_older_by_an_unknown_time() -> None:
    """The console is started in the middle of a job: at least since then."""
    row = oldest(look(900, 64, 40), look(902, 64, 41))
    assert row["oldest_in_flight_at"] == stamp(900)
    assert row["oldest_is_bound"]


def test_deliveries_grow_look_by_look_and_begin_anew_with_the_stream() -> None:
    """The same looks come twice; then somebody retries the job."""
    deliveries = Deliveries()
    deliveries.take(consumers(look(2, 16, 0)))
    deliveries.take(consumers(look(2, 16, 0), look(4, 32, 16)))
    assert deliveries.oldest()["oldest_in_flight_at"].tolist() == [stamp(4)]
    anew = look(10, 8, 0, stream_created_at=ns(9))
    deliveries.take(consumers(anew))
    assert deliveries.oldest()["oldest_in_flight_at"].tolist() == [stamp(10)]
    deliveries.take(consumers({**anew, "observed_at": ns(12), "consumer_exists": False}))
    assert deliveries.oldest().empty


def test_rates_of_minutes_leave_gaps_open() -> None:
    """The broker could not be read for a minute: that is not a minute without work."""
    lines = [line(1, 10, 8.0), line(1, 50, 12.0), line(1, 70, None), line(1, 130, 30.0)]
    rates = minute_rates(
        frames.table([*lines, line(1, 150, 99.0)], TIMELINE), as_of=stamp(140), minutes=4
    )
    assert rates.columns.tolist() == [stamp(60 * minute) for minute in (-1, 0, 1, 2)]
    assert rates.loc[1].tolist() == [pd.NA, 12.0, pd.NA, 30.0]
    assert minute_rates(frames.table([], TIMELINE), as_of=stamp(0)).shape == (0, 30)


def test_time_left_is_a_range_of_the_recent_rates() -> None:
    """Slower and slower: by the last minute it takes much longer than by the last quarter."""
    lines = [line(1, 60 * minute + 30, 60.0 if minute < 10 else 30.0) for minute in range(15)]
    rates = minute_rates(frames.table(lines, TIMELINE), as_of=stamp(905))
    fleet = frames.table([job(acked_per_min=20.0)], FLEET)
    low, high = eta_range(fleet, rates)
    assert low.tolist() == [pytest.approx(100 / 50 * 60)]  # the mean of all 15 minutes
    assert high.tolist() == [pytest.approx(100 / 20 * 60)]


def test_time_left_has_no_end_when_nothing_moves() -> None:
    """It moved until a minute ago: at least so long, and nobody knows how long."""
    rates = minute_rates(frames.table([line(1, 30, 50.0)], TIMELINE), as_of=stamp(90))
    low, high = eta_range(frames.table([job(acked_per_min=0.0)], FLEET), rates)
    assert low.tolist() == [pytest.approx(120.0)]
    assert pd.isna(high[0])


@pytest.mark.parametrize(
    ("numbers", "low"),
    [
        ({"acked_per_min": None}, None),  # nobody looked lately
        ({"acked_per_min": 5.0, "num_pending": None}, None),
        ({"acked_per_min": 5.0, "num_pending": 0, "num_ack_pending": 0, "eta_s": 0.0}, 0.0),
        # nothing is left to deliver, and yet not all is settled: it will never be
        ({"acked_per_min": 5.0, "num_pending": 0, "num_ack_pending": 0, "eta_s": None}, None),
    ],
)
def test_time_left_that_nobody_can_tell(numbers: dict[str, Any], low: float | None) -> None:
    rates = minute_rates(frames.table([], TIMELINE), as_of=stamp(0))
    found, high = eta_range(frames.table([job(**numbers)], FLEET), rates)
    assert (None if pd.isna(found[0]) else found[0]) == low
    assert (None if pd.isna(high[0]) else high[0]) == low


def test_details_of_no_jobs_and_of_a_job_that_nobody_looked_at() -> None:
    """REST alone knows it: everything else is missing, never 0."""
    empty = details(frames.table([], FLEET))
    assert empty.dtypes.astype(str).to_dict() == FLEET_DETAILS
    row = details(frames.table([{"job_id": 4}], FLEET)).iloc[0]
    assert row["job_id"] == 4
    assert row.drop("job_id").isna().all()


def test_a_look_without_a_sign_of_loss_is_no_loss() -> None:
    fleet = frames.table([job()], FLEET)
    row = details(fleet, looks=consumers(look(2, 16, 0))).iloc[0]
    assert (row["lost_low"], row["lost_high"]) == (0, 0)
    lost = frames.table([{"job_id": 1, "tasks_low": 3, "tasks_high": 5}], GIVEN_UP)
    row = details(fleet, given_up=lost).iloc[0]  # told by an advisory, after the stream was gone
    assert (row["lost_low"], row["lost_high"]) == (3, 5)


@pytest.mark.parametrize(
    ("consumer_seq", "limit", "seen", "attempts"),
    [
        (16, 5, None, (1, 1)),
        (17, 5, None, (2, 2)),  # one redelivery: that image had two
        (26, 5, None, (2, 5)),
        (26, 2, None, (2, 2)),
        (60, 5, None, (4, 5)),  # nearly four each
        (26, 5, 3, (3, 5)),  # the tap saw a third attempt
        (26, None, None, (2, 11)),
        (None, 5, 2, (2, None)),
    ],
)
def test_attempts_are_bounded_by_what_the_broker_counts(
    consumer_seq: int | None, limit: int | None, seen: int | None, attempts: tuple[Any, Any]
) -> None:
    """It tells how many redeliveries there were, not of which images."""
    seqs = {"delivered_consumer_seq": consumer_seq, "max_deliver": limit}
    acks = [] if seen is None else [{"job_id": 1, "acked_at": ns(5), "delivery": seen}]
    row = details(
        frames.table([job()], FLEET),
        looks=consumers(look(6, 16, 0, **seqs)),
        acks=frames.from_rows("acks", acks),
    ).iloc[0]
    low, high = (None if pd.isna(row[f"attempts_{end}"]) else row[f"attempts_{end}"] for end in
                 ("low", "high"))  # fmt: skip
    assert (low, high) == attempts


def test_the_last_result_is_the_last_acknowledgement_that_anybody_tells() -> None:
    """A restart of the broker loses its instant; the tap has one all the same."""
    fleet = frames.table([job()], FLEET)
    acks = frames.from_rows("acks", [{"job_id": 1, "acked_at": ns(5), "delivery": 1}])
    told = look(9, 16, 8, ack_floor_last_active=ns(8))
    assert details(fleet, looks=consumers(told), acks=acks)["last_result_at"][0] == stamp(8)
    assert details(fleet, looks=consumers(look(9, 16, 8)), acks=acks)["last_result_at"][0] == stamp(
        5
    )


@pytest.mark.parametrize("scenario", sorted(JOBS))
def test_whoever_lost_images_is_asked(scenario: str) -> None:
    """The quick look must not miss a job of which the broker has given images up."""
    history = history_of(scenario, "looks")
    looks = history.latest("consumers")
    looks = looks[looks["consumer_exists"].fillna(False)]
    counters = history.latest("counters")
    lost = given_up(
        history.frame("consumers"),
        as_of=history.latest("reads")["observed_at"].max(),
        counters=history.frame("counters"),
    )
    assert set(lost["job_id"]) <= set(may_have_lost(looks, counters))
