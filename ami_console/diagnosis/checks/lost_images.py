"""A job that is SUCCESS on paper, with failed or unaccounted images."""

import numpy as np

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import called, images
from ami_console.diagnosis.sheet import Sheet
from ami_console.diagnosis.truth import above, all_of, any_of

DWELL_S = 10.0


def holds(sheet: Sheet) -> Held:
    """SUCCESS, and the process stage has failed images, or fewer processed than there are."""
    bad = above(sheet["rest_failed"], 0)
    short = above(sheet["rest_total"] - sheet["rest_processed"], 0)
    # An older Antenna counts no failures: then only the other sign is left.
    bad = np.where(np.isnan(bad) & ~np.isnan(short), 0.0, bad)
    truth = all_of(sheet["is_success"], sheet["is_queued_by_nats"], any_of(bad, short))
    return Held(truth, None, DWELL_S)


def tell(sheet: Sheet, tick: int) -> Told:
    """Warning: nobody looks at a job that is green."""
    bad = np.nan_to_num(sheet["rest_failed"][tick])
    total, done = sheet["rest_total"][tick], sheet["rest_processed"][tick]
    short = np.nan_to_num(total - done)
    parts = [f"{bad:,.0f} failed"] if bad else []
    parts += [f"{short:,.0f} never accounted for"] if short > 0 else []
    told = " and ".join(parts)
    evidence = sheet.evidence(tick, "rest_failed", "rest_processed", "rest_total", "finished_at")
    return Told(
        "warning",
        f"SUCCESS, but of {images(total)} {told}",
        evidence,
        f"{called(sheet).capitalize()} ended as SUCCESS because at most half of its images failed; "
        f"{told}. They have no results.",
        "See in the job's log why (lines of jobs_health_check name images that were given up), and "
        "run a job over the missing images if they matter.",
    )


register(
    Check(
        code="lost_images",
        title="A SUCCESS with failed or unaccounted images",
        meaning="Antenna calls a job SUCCESS as long as no more than half of its images failed. "
        "This one has failed images, or processed fewer than it had. Judged for jobs that ended "
        "within a day, or that are asked for by number.",
        thresholds=(
            Threshold("failed or unaccounted images", "1", "a job that went well has none"),
            Threshold(
                "how long that must hold", f"{DWELL_S:g} s", "the last write may follow the status"
            ),
        ),
        columns=("stages.failed", "stages.processed", "stages.total", "jobs.status"),
        needs=(),
        disproved_by="the stage's numbers changing after the end",
        next_step="See in the job's log why, and run a job over the missing images.",
        explains=(),
        holds=holds,
        tell=tell,
    )
)
