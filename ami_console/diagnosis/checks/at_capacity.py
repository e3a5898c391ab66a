"""In flight is all that the broker allows."""

import numpy as np

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import called, images
from ami_console.diagnosis.sheet import Sheet
from ami_console.diagnosis.truth import above, all_of, no

DWELL_S = 30.0


def holds(sheet: Sheet) -> Held:
    """Images are pending, and in flight is at the limit."""
    limit = np.where(sheet["max_ack_pending"] > 0, sheet["max_ack_pending"], np.inf)
    limit = np.where(np.isnan(sheet["max_ack_pending"]), np.nan, limit)
    full = no(above(limit, sheet["num_ack_pending"]))
    return Held(all_of(sheet.in_work, above(sheet["num_pending"], 0), full), None, DWELL_S)


def tell(sheet: Sheet, tick: int) -> Told:
    """Warning: workers go away empty although there is work."""
    limit = sheet.whole("max_ack_pending", tick)
    return Told(
        "warning",
        f"In flight is at the limit of {limit}: the broker hands out nothing more",
        sheet.evidence(tick, "num_ack_pending", "max_ack_pending", "num_pending", "num_waiting"),
        f"{images(sheet['num_ack_pending'][tick])} of {called(sheet)} are in flight, which is "
        f"max_ack_pending ({limit}). While {images(sheet['num_pending'][tick])} are queued, "
        "workers that ask get none until others are acknowledged.",
        "See whether so many workers are meant to work on it: if so, raise max_ack_pending in "
        "Antenna's settings. If results wait to be saved, look at Celery first.",
    )


register(
    Check(
        code="at_capacity",
        title="In flight is all that the broker allows",
        meaning="As many images are in flight as the consumer's max_ack_pending allows, and more "
        "are queued. Workers that ask go away empty; more workers do not make the job faster.",
        thresholds=(
            Threshold("in flight", "max_ack_pending", "live setting of the consumer"),
            Threshold(
                "how long that must hold",
                f"{DWELL_S:g} s",
                "touching the limit for a moment costs nothing",
            ),
        ),
        columns=(
            "consumers.num_ack_pending",
            "consumers.max_ack_pending",
            "consumers.num_pending",
            "jobs.status",
        ),
        needs=("nats", "antenna"),
        disproved_by="num_ack_pending below the limit",
        next_step="Raise max_ack_pending if so many workers are meant; else see what holds images.",
        explains=("slow",),
        holds=holds,
        tell=tell,
    )
)
