"""Images that the broker will never deliver again."""

import numpy as np

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import (
    MARGIN,
    called,
    consumer_command,
    images,
    margin_s,
    seconds,
)
from ami_console.diagnosis.checks.not_returning import quiet_since_s
from ami_console.diagnosis.finding import Evidence
from ami_console.diagnosis.sheet import Sheet
from ami_console.diagnosis.truth import Truth, above, all_of, any_of, same
from ami_console.metrics.arrays import Floats

SURE_DWELL_S = 10.0
COUNTED_DWELL_S = 20.0


def surely(sheet: Sheet) -> Floats:
    """How many the broker says it gave up: redelivered ones that are not in flight, or told of."""
    rested = np.maximum(0.0, sheet["num_redelivered"] - sheet["num_ack_pending"])
    told = np.searchsorted(sheet.looks.given_up_s, sheet.at_s, side="right").astype("float64")
    return np.fmax(rested, np.where(np.isnan(rested), np.nan, told))


def on_last_attempt(sheet: Sheet) -> Floats:
    """How many in flight may be on their last attempt.

    With one attempt all are, with two those delivered before. With more the broker does not tell
    single messages apart: all that were delivered before may be, if there were enough
    redeliveries.
    """
    limit, in_flight = sheet["max_deliver"], sheet["num_ack_pending"]
    again = np.minimum(in_flight, sheet["num_redelivered"])
    enough = np.where(sheet.redeliveries >= (limit - 1) * again, again, 0.0)
    told = np.where(limit == 1, in_flight, np.where(limit == 2, again, enough))
    known = ~np.isnan(limit + in_flight + again + sheet.redeliveries)
    return np.where(known, np.where(limit < 1, 0.0, told), np.nan)


def _drained(sheet: Sheet) -> Truth:
    return all_of(same(sheet["num_pending"], 0), same(sheet["num_waiting"], 0))


def unclaimed(sheet: Sheet) -> Truth:
    """Nothing pending, nobody pulling, and what is in flight is on its last attempt."""
    return all_of(_drained(sheet), above(on_last_attempt(sheet), 0))


def counted(sheet: Sheet) -> Truth:
    """The broker has nothing left, and Redis still waits for images."""
    return all_of(
        _drained(sheet),
        same(sheet["num_ack_pending"], 0),
        same(sheet["num_redelivered"], 0),
        above(sheet["last_seq"], 0),
        above(sheet["redis_pending_results"], 0),
    )


def holds(sheet: Sheet) -> Held:
    """One of the signs, each with its own patience."""
    given_up = above(surely(sheet), 0)
    old, left = unclaimed(sheet), counted(sheet)
    # Unknown counters of Redis must not hide what the broker alone tells.
    left = np.where(np.isnan(left), 0.0, left)
    truth = all_of(sheet.in_work, any_of(given_up, old, left))
    is_old = (old == 1.0) & (given_up != 1.0)
    since_s = np.where(is_old, quiet_since_s(sheet), np.nan)
    dwell_s = np.where(left == 1.0, COUNTED_DWELL_S, SURE_DWELL_S)
    dwell_s = np.where(is_old, sheet["ack_wait_s"] + margin_s(sheet), dwell_s)
    return Held(truth, since_s, dwell_s)


def tell(sheet: Sheet, tick: int) -> Told:
    """Critical: nobody will ever work on these images unless somebody acts."""
    sure = surely(sheet)[tick]
    evidence = sheet.evidence(
        tick,
        "num_pending",
        "num_ack_pending",
        "num_redelivered",
        "num_waiting",
        "max_deliver",
        "ack_wait_s",
    )
    told = int(np.searchsorted(sheet.looks.given_up_s, sheet.at_s[tick], side="right"))
    if told:
        evidence.append(Evidence(name="advisories_max_deliveries", value=told, source="tap"))
    evidence.append(sheet.instant_evidence(tick, "delivered_last_at", sheet.delivered_s))
    evidence += sheet.evidence(tick, "redis_pending_results", "redis_total")
    left = sheet["redis_pending_results"][tick]
    confirmed = _confirmed(left)
    steps = (
        f"Look at the images with `redis-cli SMEMBERS job:{sheet.looks.job_id}:pending_images:"
        "results` and at what the workers wrote about them, then retry the job in Antenna. "
        "Left alone, the health check marks them as failed."
    )
    if sure > 0:
        return Told(
            "critical",
            f"{images(sure)} will never be delivered again",
            evidence,
            f"The broker handed {images(sure)} of {called(sheet)} out "
            f"{sheet.whole('max_deliver', tick)} times (max_deliver), got nothing back, and has "
            f"given them up{confirmed}",
            steps,
        )
    if counted(sheet)[tick] == 1.0:
        return Told(
            "critical",
            f"{images(left)} are missing: the broker has nothing left, Redis still waits",
            evidence,
            f"Nothing of {called(sheet)} is pending or in flight, and Redis still waits for "
            f"{images(left)}. The broker gave them up and was restarted since (that clears its "
            "gauge), or they were never queued.",
            steps,
            "Whether they were given up or never queued, the broker does not tell any more.",
        )
    high = on_last_attempt(sheet)[tick]
    low = high if sheet["max_deliver"][tick] <= 2 else 0
    number = images(high) if low == high else f"up to {images(high)}"
    return Told(
        "critical",
        f"{number} are past their last attempt and nobody has returned them",
        evidence,
        f"Nothing of {called(sheet)} is pending, nobody pulls, and {images(high)} were handed out "
        f"for the last time more than ack wait ({seconds(sheet['ack_wait_s'][tick])}) ago"
        f"{confirmed}",
        f"{steps} `{consumer_command(sheet)}` shows what the broker knows.",
        "The broker gives a message up only when somebody next pulls: until then it shows it as "
        "in flight, and a late acknowledgement still counts."
        + ("" if low == high else " Which of them are on their last attempt it does not tell."),
    )


def _confirmed(left: float) -> str:
    if np.isnan(left):
        return ". Redis can't be asked whether it still waits for them."
    if left > 0:
        return f". Redis confirms: it still waits for {images(left)}."
    return ". Redis does not wait for any image: they may have been saved all the same."


register(
    Check(
        code="lost_at_max_deliver",
        title="Images that the broker will never deliver again",
        meaning="The broker hands a message out max_deliver times and then gives it up, in "
        "silence. It shows in two ways. Before somebody pulls again: nothing pending, in flight "
        "and old, nobody pulling. After that: nothing pending, nothing in flight, but messages "
        "that were delivered more than once. When its server was restarted only Redis still shows "
        "that images are missing.",
        thresholds=(
            Threshold("messages delivered before and not in flight", "1", "the broker's gauges"),
            Threshold(
                "how long that must hold",
                f"{SURE_DWELL_S:g} s",
                "some looks: a late acknowledgement still takes it back",
            ),
            Threshold(
                "in flight on the last attempt, nothing moving for",
                "ack wait, and a quarter of it (2 to 30 s)",
                "live ack wait and max_deliver of the consumer",
            ),
            Threshold(
                "broker empty while Redis waits for",
                f"{COUNTED_DWELL_S:g} s",
                "an image leaves Redis before it is acknowledged; several looks of both",
            ),
            MARGIN,
        ),
        columns=(
            "consumers.num_pending",
            "consumers.num_ack_pending",
            "consumers.num_redelivered",
            "consumers.num_waiting",
            "consumers.delivered_consumer_seq",
            "consumers.delivered_stream_seq",
            "consumers.delivered_last_active",
            "consumers.ack_floor_last_active",
            "consumers.last_seq",
            "consumers.ack_wait_s",
            "consumers.max_deliver",
            "counters.pending_results",
            "advisories.kind",
            "acks.stream_seq",
            "jobs.status",
        ),
        needs=("nats", "antenna"),
        disproved_by="a late acknowledgement, num_redelivered falling, or Redis letting go of the "
        "images",
        next_step="See which images they are and why nobody returns them, then retry the job.",
        explains=("not_returning", "redelivering", "starved", "slow", "at_capacity"),
        holds=holds,
        tell=tell,
    )
)
