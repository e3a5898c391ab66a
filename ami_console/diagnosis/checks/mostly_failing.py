"""So many images fail that the job becomes a FAILURE."""

import numpy as np

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import called, images
from ami_console.diagnosis.sheet import Sheet
from ami_console.diagnosis.truth import above, all_of, any_of
from ami_console.metrics.arrays import Floats

LEAST_IMAGES = 20
CERTAIN_Z = 1.96
DWELL_S = 10.0


def failed(sheet: Sheet) -> Floats:
    """Failed images: of Redis, else of Antenna."""
    return np.where(np.isnan(sheet["redis_failed"]), sheet["rest_failed"], sheet["redis_failed"])


def processed(sheet: Sheet) -> Floats:
    """Images that came back, failed ones included."""
    done = sheet["redis_total"] - sheet["redis_pending_process"]
    return np.where(np.isnan(done), sheet["rest_processed"], done)


def total(sheet: Sheet) -> Floats:
    """Images of the job."""
    return np.where(np.isnan(sheet["redis_total"]), sheet["rest_total"], sheet["redis_total"])


def surely_above(share_of: Floats, count: Floats) -> Floats:
    """Least share that is compatible with so many of so many, 95 % sure (Wilson), 0-1."""
    z = CERTAIN_Z
    with np.errstate(divide="ignore", invalid="ignore"):
        share = share_of / count
        centre = share + z * z / (2 * count)
        spread = z * np.sqrt((share * (1 - share) + z * z / (4 * count)) / count)
        return np.where(count > 0, (centre - spread) / (1 + z * z / count), np.nan)


def holds(sheet: Sheet) -> Held:
    """More than the limit have failed, or so many of those that came back that they will."""
    limit = sheet.rules.failure_ratio
    bad, back = failed(sheet), processed(sheet)
    lost = above(bad, limit * total(sheet))
    # Beside a known share, too few images are no reason for doubt: they say nothing yet.
    enough = np.where(np.isnan(back), np.nan, back >= LEAST_IMAGES)
    share = surely_above(np.minimum(bad, back), back)
    heading = all_of(enough, np.where((back == 0) & ~np.isnan(bad), 0.0, above(share, limit)))
    return Held(all_of(sheet.active, any_of(lost, heading)), None, DWELL_S)


def tell(sheet: Sheet, tick: int) -> Told:
    """Critical: hours of work for a job that will be a FAILURE."""
    bad, back, whole = failed(sheet)[tick], processed(sheet)[tick], total(sheet)[tick]
    limit = sheet.rules.failure_ratio
    decided = bad > limit * whole
    share = bad / back if back else np.nan
    end = (
        "More than half of all images have failed: it ends as FAILURE whatever comes."
        if decided
        else f"If the rest fares alike, {images(round(share * whole))} fail in the end, and above "
        f"{limit:.0%} the job is a FAILURE."
    )
    return Told(
        "critical",
        f"{bad:,.0f} of {back:,.0f} images failed ({share:.0%}): the job "
        f"{'will be' if decided else 'is heading for'} FAILURE",
        sheet.evidence(
            tick,
            "redis_failed",
            "redis_total",
            "redis_pending_process",
            "rest_failed",
            "rest_processed",
            "rest_total",
        ),
        f"Workers return errors for most images of {called(sheet)}. {end}",
        "Read the ERROR lines of the job's log in Antenna and the output of the worker: often the "
        "image links have expired or the model can't be loaded. Cancel the job if the cause is "
        "common to all images.",
    )


register(
    Check(
        code="mostly_failing",
        title="So many images fail that the job becomes a FAILURE",
        meaning="Antenna calls a job a FAILURE when more than half of its images failed. That is "
        "so already, or the share among those that came back makes it all but certain.",
        thresholds=(
            Threshold(
                "failed images", "50 % of all", "Antenna's own limit between SUCCESS and FAILURE"
            ),
            Threshold(
                "or, of those that came back",
                f"surely more than 50 % (95 %, Wilson), of at least {LEAST_IMAGES} images",
                "statistics: a handful of failures at the start proves nothing",
            ),
            Threshold("how long that must hold", f"{DWELL_S:g} s", "some looks"),
        ),
        columns=(
            "counters.failed",
            "counters.total",
            "counters.pending_process",
            "stages.failed",
            "stages.processed",
            "stages.total",
            "jobs.status",
        ),
        needs=("antenna",),
        disproved_by="the share of failed images falling as more come back",
        next_step="Read the job's ERROR lines; cancel the job if the cause is common to all.",
        explains=(),
        holds=holds,
        tell=tell,
    )
)
