"""Images are in flight for longer than the broker waits, and nothing comes back."""

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import (
    MARGIN,
    called,
    consumer_command,
    images,
    margin_s,
    seconds,
    workers,
)
from ami_console.diagnosis.sheet import Sheet
from ami_console.diagnosis.truth import above, all_of, newest
from ami_console.metrics.arrays import Floats


def quiet_since_s(sheet: Sheet) -> Floats:
    """When the broker last handed out or heard anything, or Redis let go of an image."""
    return newest(sheet.delivered_s, sheet.settled_s, sheet.saved_s)


def holds(sheet: Sheet) -> Held:
    """In flight, and no delivery, no acknowledgement, no image saved for longer than ack wait."""
    truth = all_of(sheet.in_work, above(sheet["num_ack_pending"], 0), above(sheet["ack_wait_s"], 0))
    return Held(truth, quiet_since_s(sheet), sheet["ack_wait_s"] + margin_s(sheet))


def tell(sheet: Sheet, tick: int) -> Told:
    """Critical: the worker that holds them died, or can't post."""
    quiet = quiet_since_s(sheet)
    evidence = sheet.evidence(
        tick, "num_ack_pending", "ack_wait_s", "num_redelivered", "max_deliver", "num_pending"
    )
    evidence += [
        sheet.instant_evidence(tick, "delivered_last_at", sheet.delivered_s),
        sheet.instant_evidence(tick, "settled_last_at", sheet.settled_s),
    ]
    evidence += sheet.evidence(tick, "redis_pending_results")
    evidence += sheet.queue_evidence(tick)
    held = images(sheet["num_ack_pending"][tick])
    return Told(
        "critical",
        f"{held} are in flight and nothing has come back for "
        f"{seconds(sheet.at_s[tick] - quiet[tick])}",
        evidence,
        f"{held} of {called(sheet)} were handed out and ack wait "
        f"({seconds(sheet['ack_wait_s'][tick])}) is over; nothing was fetched, acknowledged or "
        "saved since. Whoever holds them has died or can't post. The broker hands them out again "
        "when somebody next asks.",
        f"Look whether {workers(sheet)} are alive and what they last wrote. If they are gone, "
        f"start one: the images come back by themselves. `{consumer_command(sheet)}` shows them.",
        "The broker shows an expired reservation exactly like work in progress: a worker that "
        "needs longer than ack wait for a batch looks the same until it posts, and so do results "
        "that wait for Celery: its queue ml_results would be long then.",
    )


register(
    Check(
        code="not_returning",
        title="Images are in flight for longer than ack wait and nothing comes back",
        meaning="Workers took images and the time that the broker gives them is over, but nothing "
        "was acknowledged, saved or fetched since. The worker crashed, hangs, or can't post its "
        "results. Expired images are handed out again only when somebody asks for some.",
        thresholds=(
            Threshold(
                "nothing handed out, acknowledged or saved for",
                "ack wait, and what it must hold",
                "live ack wait of the consumer",
            ),
            MARGIN,
        ),
        columns=(
            "consumers.num_ack_pending",
            "consumers.num_redelivered",
            "consumers.num_pending",
            "consumers.delivered_consumer_seq",
            "consumers.delivered_stream_seq",
            "consumers.delivered_last_active",
            "consumers.ack_floor_last_active",
            "consumers.ack_wait_s",
            "consumers.max_deliver",
            "counters.pending_results",
            "queues.ready",
            "queues.unacknowledged",
            "jobs.status",
        ),
        needs=("nats", "antenna"),
        disproved_by="an acknowledgement, or delivered_consumer_seq rising at the next looks",
        next_step="See whether the worker that holds them is alive; start one if it is not.",
        explains=("redelivering", "slow", "at_capacity"),
        holds=holds,
        tell=tell,
    )
)
