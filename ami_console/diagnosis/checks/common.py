"""What several checks say or reckon in the same way."""

import numpy as np

from ami_console.diagnosis.check import Threshold
from ami_console.diagnosis.sheet import Sheet
from ami_console.metrics.arrays import Floats

MARGIN_RATIO = 0.25
MARGIN_LEAST_S, MARGIN_MOST_S = 2.0, 30.0

MARGIN = Threshold(
    "how long it must hold",
    "a quarter of ack wait, 2 to 30 s",
    "live ack wait of the consumer; the bounds are one look and half a minute",
)


def margin_s(sheet: Sheet) -> Floats:
    """A quarter of the live ack wait within bounds, seconds; the upper bound where unknown."""
    quarter = MARGIN_RATIO * sheet["ack_wait_s"]
    quarter = np.where(np.isnan(quarter), MARGIN_MOST_S, quarter)
    return np.clip(quarter, MARGIN_LEAST_S, MARGIN_MOST_S)


def called(sheet: Sheet) -> str:
    """The job as a sentence names it."""
    return f"job {sheet.looks.job_id}"


def consumer_command(sheet: Sheet) -> str:
    """How to see the consumer with NATS's own tool."""
    job_id = sheet.looks.job_id
    return f"nats consumer info job_{job_id} job-{job_id}-consumer"


def workers(sheet: Sheet) -> str:
    """The workers of the job's pipeline, as a sentence names them."""
    pipeline = sheet.looks.pipeline
    return f"the workers that serve “{pipeline}”" if pipeline else "the workers of its pipeline"


def seconds(value: float) -> str:
    """Seconds for a sentence: ``45 s``, ``12 min``, ``3.5 h``."""
    if np.isnan(value):
        return "an unknown time"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def images(count: float | int | None) -> str:
    """A number of images for a sentence."""
    if count is None or np.isnan(count):
        return "an unknown number of images"
    return "1 image" if count == 1 else f"{count:,.0f} images"
