"""More messages than images."""

import numpy as np

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import called, images
from ami_console.diagnosis.sheet import Sheet
from ami_console.diagnosis.truth import above, all_of
from ami_console.metrics.arrays import Floats

DWELL_S = 10.0


def total(sheet: Sheet) -> Floats:
    """Images of the job: of Antenna and Redis the larger count, NaN where neither tells."""
    return np.fmax(sheet["redis_total"], sheet["rest_total"])


def holds(sheet: Sheet) -> Held:
    """The stream took more messages than the job has images."""
    return Held(all_of(sheet.in_work, above(sheet["last_seq"], total(sheet))), None, DWELL_S)


def tell(sheet: Sheet, tick: int) -> Told:
    """Warning: work is done twice, and messages are left over in the end."""
    count = total(sheet)[tick]
    extra = sheet["last_seq"][tick] - count
    return Told(
        "warning",
        f"{sheet.whole('last_seq', tick)} messages for {images(count)}: "
        f"{extra:,.0f} are queued twice",
        sheet.evidence(tick, "last_seq", "redis_total", "rest_total", "num_pending"),
        f"The stream of {called(sheet)} took {extra:,.0f} messages more than the job has images: "
        "it was run or retried while its stream was still there. These images are worked on twice, "
        "and the job ends with messages left over.",
        "Nothing is lost: let it end, or cancel it and run it anew if the extra work matters. "
        "Retry a job only when its stream is gone.",
    )


register(
    Check(
        code="duplicate_tasks",
        title="More messages than images",
        meaning="The job's stream took more messages than the job has images: run or retry on a "
        "job that still had its stream queued them again. Work is done twice.",
        thresholds=(
            Threshold("messages more than images", "1", "each image is queued once"),
            Threshold(
                "how long that must hold",
                f"{DWELL_S:g} s",
                "some looks of both: Antenna writes the total before it queues",
            ),
        ),
        columns=("consumers.last_seq", "counters.total", "stages.total", "jobs.status"),
        needs=("nats", "antenna"),
        disproved_by="the job's total growing to the number of messages",
        next_step="Let it end, or cancel it and run it anew.",
        explains=(),
        holds=holds,
        tell=tell,
    )
)
