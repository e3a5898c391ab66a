"""Tasks are delivered again while the job moves."""

import numpy as np

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
from ami_console.diagnosis.truth import Truth, above, all_of
from ami_console.metrics.arrays import Flags, Floats

FEW_RATIO = 0.01


def about(sheet: Sheet) -> Truth:
    """Whether messages in flight were delivered before."""
    return all_of(
        sheet.in_work, above(sheet["num_redelivered"], 0), above(sheet["num_ack_pending"], 0)
    )


def again_since_s(sheet: Sheet, truth: Truth) -> Floats:
    """Since when: the delivery that made the first of them one too many."""
    held = truth == 1.0
    known = ~np.isnan(truth)
    began = held & ~before(held, known)
    # The last delivery that the first such look tells of, where it came after the look before.
    after_s = np.append(-np.inf, sheet.at_s[:-1])
    told = np.where(sheet.delivered_s > after_s - 5.0, sheet.delivered_s, sheet.at_s)
    start = np.maximum.accumulate(np.where(began, np.arange(len(held)), -1))
    return np.where(held & (start >= 0), told[np.maximum(start, 0)], np.nan)


def before(held: Flags, known: Flags) -> Flags:
    """Whether it held at the last tick before at which it was known."""
    index = np.maximum.accumulate(np.where(known, np.arange(len(held)), -1))
    last = np.append(-1, index[:-1])
    return np.asarray((last >= 0) & held[np.maximum(last, 0)])


def holds(sheet: Sheet) -> Held:
    """Something in flight was delivered before."""
    truth = about(sheet)
    return Held(truth, again_since_s(sheet, truth), margin_s(sheet))


def tell(sheet: Sheet, tick: int) -> Told:
    """Warning; info where it is fewer than one in a hundred of all deliveries."""
    again, deliveries = sheet.redeliveries[tick], sheet["delivered_consumer_seq"][tick]
    evidence = sheet.evidence(
        tick,
        "num_redelivered",
        "num_ack_pending",
        "delivered_consumer_seq",
        "delivered_stream_seq",
        "ack_wait_s",
        "max_deliver",
    )
    few = again < FEW_RATIO * deliveries
    wait = seconds(sheet["ack_wait_s"][tick])
    return Told(
        "info" if few else "warning",
        f"{images(sheet['num_redelivered'][tick])} in flight were delivered before; "
        f"{again:,.0f} redeliveries so far",
        evidence,
        f"A worker took images of {called(sheet)} and did not return them within ack wait "
        f"({wait}), so that the broker handed them out again: a worker crashed, or a batch takes "
        "longer than ack wait and is worked on twice.",
        f"See whether one of {workers(sheet)} crashed. If none did, batches take too long: make "
        f"them smaller, or raise ack wait. `{consumer_command(sheet)}` shows both.",
        "Whether it was a crash or a batch that took too long, the broker does not tell; nor, "
        "while others are in flight, whether some of them were given up already.",
    )


register(
    Check(
        code="redelivering",
        title="Tasks are delivered again and again while the job moves",
        meaning="Images in flight were handed out before and not returned within ack wait. The job "
        "moves, but part of the work is done twice, and after max_deliver attempts an image is "
        "given up. A crashed worker does this once; batches that take longer than ack wait do it "
        "all the time.",
        thresholds=(
            Threshold("messages in flight that were delivered before", "1", "the broker's gauge"),
            MARGIN,
            Threshold(
                "few: share of redeliveries in all deliveries",
                "1 %",
                "a single crash in a large job; below it nobody has to act",
            ),
        ),
        columns=(
            "consumers.num_redelivered",
            "consumers.num_ack_pending",
            "consumers.delivered_consumer_seq",
            "consumers.delivered_stream_seq",
            "consumers.delivered_last_active",
            "consumers.ack_wait_s",
            "consumers.max_deliver",
            "jobs.status",
        ),
        needs=("nats", "antenna"),
        disproved_by="num_redelivered 0 while images are in flight",
        next_step="See whether a worker crashed; else make batches smaller or ack wait longer.",
        explains=("slow",),
        holds=holds,
        tell=tell,
    )
)
