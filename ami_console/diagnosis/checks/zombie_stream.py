"""A stream whose job is final or unknown."""

import numpy as np

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import images, seconds
from ami_console.diagnosis.sheet import Sheet
from ami_console.diagnosis.truth import all_of, any_of, no

DWELL_S = 60.0
OVERDUE_RATIO = 1.25


def holds(sheet: Sheet) -> Held:
    """The stream is there, and the job has ended, or Antenna does not know it."""
    over = any_of(sheet["is_final"], no(sheet["is_known"]))
    truth = all_of(sheet["stream_exists"], over)
    # Of a job that Antenna does not know nobody tells when it ended.
    return Held(truth, np.where(sheet["is_final"] == 1.0, sheet["finished_at"], np.nan), DWELL_S)


def tell(sheet: Sheet, tick: int) -> Told:
    """Info; warning where the health check should have taken it away, or nobody knows the job."""
    job_id, status = sheet.looks.job_id, sheet.looks.status
    left = sheet["num_pending"][tick] + sheet["num_ack_pending"][tick]
    evidence = sheet.evidence(
        tick, "finished_at", "stream_exists", "num_pending", "num_ack_pending", "last_seq"
    )
    ended = sheet["finished_at"]
    is_known = sheet["is_known"][tick] == 1.0
    age_s = sheet.at_s[tick] - ended[tick]
    limit_s = OVERDUE_RATIO * sheet.rules.zombie_age_s
    overdue = not is_known or (not np.isnan(age_s) and age_s > limit_s)
    who = f"job {job_id}, which is {status}" if is_known else f"job {job_id}, unknown to Antenna"
    return Told(
        "warning" if overdue else "info",
        f"Stream job_{job_id} is still there, of a job that is "
        f"{status if is_known else 'not in Antenna'}",
        evidence,
        f"The broker keeps a stream of {who}: with {images(left)} not settled. Its clean-up "
        "failed, or somebody queued into it afterwards. Nobody will fetch from it.",
        (
            f"The health check should have deleted it; see its log, or delete it: "
            f"`nats stream rm job_{job_id}`."
            if overdue
            else "Nothing: the health check deletes it "
            f"{seconds(sheet.rules.zombie_age_s)} after the job's end."
        ),
    )


register(
    Check(
        code="zombie_stream",
        title="A stream whose job has ended or is unknown",
        meaning="The broker still has the stream of a job that is final, or that Antenna does not "
        "know. It costs memory and disk of the broker, and shows images as queued that nobody "
        "will fetch.",
        thresholds=(
            Threshold(
                "still there after the end for",
                f"{DWELL_S:g} s",
                "a job that ends takes its stream along within about a second",
            ),
            Threshold(
                "overdue after",
                f"{OVERDUE_RATIO:g} times the age at which the health check deletes it",
                "it deletes streams of jobs that ended an hour ago, every quarter of an hour",
            ),
        ),
        columns=(
            "consumers.stream_exists",
            "consumers.num_pending",
            "consumers.num_ack_pending",
            "consumers.last_seq",
            "jobs.status",
            "jobs.finished_at",
        ),
        needs=("nats", "antenna"),
        disproved_by="the stream vanishing, or the job running again",
        next_step="Wait for the health check; if it is overdue, delete the stream.",
        explains=(),
        holds=holds,
        tell=tell,
    )
)
