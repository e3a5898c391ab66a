"""What a table of all jobs tells beside their counts: lost images, ETA as a range, ages."""

from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import Floats, flags, floats, seconds, typed
from ami_console.metrics.in_flight import OLDEST

SPANS_MIN = (5, 15)
"""Besides the last minute, rates of so many minutes tell how sure the time left is."""

FLEET_DETAILS: dict[str, str] = {
    "job_id": frames.COUNT,
    "lost_low": frames.COUNT,
    "lost_high": frames.COUNT,
    "eta_low_s": frames.MEASURE,
    "eta_high_s": frames.MEASURE,
    "oldest_in_flight_at": frames.TIME,
    "oldest_is_bound": frames.FLAG,
    "attempts_low": frames.COUNT,
    "attempts_high": frames.COUNT,
    "last_result_at": frames.TIME,
}


def fleet_details(
    fleet: pd.DataFrame,
    *,
    looks: pd.DataFrame,
    rates: pd.DataFrame,
    oldest: pd.DataFrame,
    given_up: pd.DataFrame,
    acks: pd.DataFrame,
) -> pd.DataFrame:
    """Lost images, time left, oldest image in flight, attempts and last result of each job.

    Args:
        fleet: :func:`~ami_console.metrics.fleet`.
        looks: The newest look at each consumer while it was there, a row per job: rows of the
            ``consumers`` frame.
        rates: :func:`~ami_console.metrics.minute_rates.minute_rates`.
        oldest: :func:`~ami_console.metrics.in_flight.oldest_in_flight`.
        given_up: :func:`~ami_console.metrics.given_up`.
        acks: The newest acknowledgement of each job, and how often its most often delivered
            message was: ``job_id``, ``acked_at``, ``delivery``.

    Returns:
        One row per job of the fleet, in its order: the columns of ``FLEET_DETAILS``.
        ``lost_low`` to ``lost_high`` images that the broker has given up; 0 where a look shows no
        sign of it, missing where nobody looked. ``eta_low_s`` to ``eta_high_s`` seconds until
        nothing is pending or in flight at the fastest and at the slowest of the rates of the
        last minute and the last 5 and 15 minutes; the high end is missing where the slowest is 0.
        ``attempts_low`` to ``attempts_high`` deliveries of the image that was delivered most
        often: the broker tells how many redeliveries there were in all, acknowledgements how
        often their own image was delivered. ``last_result_at`` the last acknowledgement.

    Source:
        JetStream ``CONSUMER.INFO``, ``$JS.ACK`` subjects, and those of the arguments.
    """
    job_ids = pd.Index(fleet["job_id"])
    looks, oldest, given_up, acks = (
        frame.drop_duplicates("job_id", keep="last").set_index("job_id").reindex(job_ids)
        for frame in (looks, oldest, given_up, acks)
    )
    was_seen = looks["consumer_exists"].notna().to_numpy()
    low, high = eta_range(fleet, rates)
    attempts_low, attempts_high = _attempts(looks, floats(acks, "delivery"))
    values: dict[str, Any] = {
        "job_id": floats(fleet, "job_id"),
        **{
            f"lost_{end}": np.where(was_seen, np.nan_to_num(tasks), tasks)
            for end in ("low", "high")
            for tasks in (floats(given_up, f"tasks_{end}"),)
        },
        "eta_low_s": low,
        "eta_high_s": high,
        **{name: oldest[name].array for name in OLDEST if name != "job_id"},
        "attempts_low": attempts_low,
        "attempts_high": attempts_high,
        "last_result_at": np.fmax(
            seconds(looks, "ack_floor_last_active"), seconds(acks, "acked_at")
        ),
    }
    return pd.DataFrame(
        {
            name: values[name]
            if name in OLDEST and name != "job_id"
            else typed(values[name], dtype)
            for name, dtype in FLEET_DETAILS.items()
        }
    )


def eta_range(fleet: pd.DataFrame, rates: pd.DataFrame) -> tuple[Floats, Floats]:
    """Seconds until nothing is left, at the fastest and at the slowest of the recent rates.

    Args:
        fleet: :func:`~ami_console.metrics.fleet`: ``acked_per_min`` is the rate of the last
            minute, without which there is no range.
        rates: :func:`~ami_console.metrics.minute_rates.minute_rates`.

    Returns:
        The low and the high ends, NaN missing. Where images were given up, and so ``eta_s`` is
        missing although there is a rate, both are.
    """
    now = floats(fleet, "acked_per_min")
    remaining = floats(fleet, "num_pending") + floats(fleet, "num_ack_pending")
    recent = rates.reindex(pd.Index(fleet["job_id"])).to_numpy("float64", na_value=np.nan)
    told = [now]
    for minutes in SPANS_MIN:
        # The minute that is not over yet has the rate of the last one: it would count twice.
        whole = recent[:, -minutes - 1 : -1]
        count = np.sum(~np.isnan(whole), axis=1)
        total = np.nansum(whole, axis=1)
        told.append(np.divide(total, count, out=np.full(len(now), np.nan), where=count > 0))
    fastest, slowest = np.fmax.reduce(told), np.fmin.reduce(told)
    none = np.full(len(now), np.nan)
    low = np.divide(remaining * 60.0, fastest, out=none.copy(), where=fastest > 0)
    high = np.divide(remaining * 60.0, slowest, out=none.copy(), where=slowest > 0)
    is_done = (remaining == 0) & ~np.isnan(floats(fleet, "eta_s"))
    unknown = np.isnan(now) | ((remaining == 0) & ~is_done)
    low, high = (np.where(is_done, 0.0, np.where(unknown, np.nan, end)) for end in (low, high))
    return low, high


def _attempts(looks: pd.DataFrame, seen: Floats) -> tuple[Floats, Floats]:
    """Fewest and most deliveries that the most often delivered image can have had."""
    deliveries = floats(looks, "delivered_consumer_seq")
    messages = floats(looks, "delivered_stream_seq")
    again = deliveries - messages
    again = np.where((again >= 0) & (messages > 0), again, np.nan)
    mean = np.divide(deliveries, messages, out=np.full(len(again), np.nan), where=messages > 0)
    low = np.where(again > 0, np.maximum(2.0, np.ceil(mean)), np.where(again == 0, 1.0, np.nan))
    low = np.fmax(low, seen)
    high = np.fmin(1.0 + again, floats(looks, "max_deliver"))
    # A restart may have begun the sequences anew: what was seen counts.
    return low, np.where(np.isnan(again), np.nan, np.fmax(high, low))


def may_have_lost(looks: pd.DataFrame, counters: pd.DataFrame) -> list[int]:
    """Jobs whose newest look may show images that the broker has given up.

    Only of these :func:`~ami_console.metrics.given_up` has to be asked.

    Args:
        looks: The newest look at each consumer while it was there, a row per job.
        counters: The newest row of the ``counters`` frame of each job.
    """
    left = counters.drop_duplicates("job_id", keep="last").set_index("job_id")
    left_n = floats(left.reindex(pd.Index(looks["job_id"])), "pending_results")
    in_flight, redelivered = floats(looks, "num_ack_pending"), floats(looks, "num_redelivered")
    server_s, observed_s = seconds(looks, "server_at"), seconds(looks, "observed_at")
    now_s = np.where(np.isnan(server_s), observed_s, server_s)
    idle_s = now_s - seconds(looks, "delivered_last_active")
    # Not every look tells the configuration: without ack wait, whoever was idle is asked.
    is_idle = ~(idle_s <= floats(looks, "ack_wait_s"))
    at_rest = (in_flight == 0) & ((redelivered > 0) | (left_n > 0))
    unclaimed = (in_flight > 0) & is_idle
    is_over = floats(looks, "num_pending") == 0
    asked = flags(looks, "consumer_exists") & is_over & (at_rest | unclaimed)
    return [int(job_id) for job_id in looks.loc[asked, "job_id"]]
