"""Every image is accounted for, and the job is not final."""

import numpy as np

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import called, images
from ami_console.diagnosis.sheet import Sheet
from ami_console.diagnosis.truth import Truth, above, all_of, any_of, no, same
from ami_console.metrics.arrays import Floats

DWELL_S = 60.0


def by_counters(sheet: Sheet) -> Truth:
    """Redis waits for nothing, and the broker has nothing left, or no stream any more."""
    empty = all_of(
        same(sheet["num_pending"], 0),
        same(sheet["num_ack_pending"], 0),
        same(sheet["num_redelivered"], 0),
    )
    return all_of(
        sheet.counters_exist,
        above(sheet["redis_total"], 0),
        same(sheet["redis_pending_process"], 0),
        same(sheet["redis_pending_results"], 0),
        any_of(empty, no(sheet["stream_exists"])),
    )


def by_antenna(sheet: Sheet) -> Truth:
    """Antenna itself shows every image processed and saved."""
    return all_of(
        above(sheet["rest_total"], 0),
        same(sheet["rest_processed"], sheet["rest_total"]),
        same(sheet["rest_results_ratio"], 1.0),
    )


def done_s(sheet: Sheet) -> Floats:
    """When the last image was acknowledged, or seen to leave Redis; NaN unknown."""
    return np.where(np.isnan(sheet.settled_s), sheet.saved_s, sheet.settled_s)


def holds(sheet: Sheet) -> Held:
    """Done, and still running by its status."""
    # One way of knowing is enough: what the other lacks must not make it unknown.
    counters, antenna = by_counters(sheet), by_antenna(sheet)
    done = np.where(antenna == 1.0, 1.0, counters)
    truth = all_of(sheet.active, done)
    return Held(truth, done_s(sheet), DWELL_S)


def tell(sheet: Sheet, tick: int) -> Told:
    """Warning: the work is done, what is wrong is the label."""
    evidence = sheet.evidence(
        tick,
        "redis_total",
        "redis_pending_process",
        "redis_pending_results",
        "num_pending",
        "num_ack_pending",
        "rest_total",
        "rest_processed",
        "rest_remaining",
        "updated_at",
    )
    total = sheet["redis_total"][tick]
    total = sheet["rest_total"][tick] if np.isnan(total) else total
    done, shown = sheet["rest_processed"][tick], sheet["rest_total"][tick]
    counted = f" Antenna's own count stands at {done:,.0f} of {shown:,.0f}." if done < shown else ""
    return Told(
        "warning",
        f"All {images(total)} are done, but the job still says {sheet.looks.status}",
        evidence,
        f"Redis waits for none of the {images(total)} of {called(sheet)} and the broker has none "
        f"left, yet the job was not closed: the last write of its progress was lost.{counted} "
        "The results are saved.",
        "Nothing has to be worked on again. The health check will set the job to REVOKED although "
        "its work is done: note that on the job, or close it in Antenna's admin.",
    )


register(
    Check(
        code="done_not_closed",
        title="Every image is accounted for, but the job is not closed",
        meaning="Redis waits for no image and the broker has none left, or Antenna itself shows "
        "everything processed, but the job's status is not final. The write that would have closed "
        "it was lost. The health check will REVOKE it although all work is done.",
        thresholds=(
            Threshold(
                "done and not closed for",
                f"{DWELL_S:g} s",
                "a job is closed about a second after its last image, and answers of REST took up "
                "to 4 s: ten times that",
            ),
        ),
        columns=(
            "counters.total",
            "counters.pending_process",
            "counters.pending_results",
            "consumers.num_pending",
            "consumers.num_ack_pending",
            "consumers.num_redelivered",
            "consumers.stream_exists",
            "stages.total",
            "stages.processed",
            "stages.progress_ratio",
            "jobs.status",
        ),
        needs=("antenna", "redis", "nats"),
        disproved_by="the job becoming final, or pending_images growing again",
        next_step="Note that the job's work is done; the health check will call it REVOKED.",
        explains=("state_gone", "slow"),
        holds=holds,
        tell=tell,
    )
)
