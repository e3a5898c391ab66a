"""CANCELING for longer than a cancel takes."""

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import called, seconds
from ami_console.diagnosis.sheet import Sheet

DWELL_S = 60.0


def holds(sheet: Sheet) -> Held:
    """The status is CANCELING, since it was last written."""
    return Held(sheet["is_canceling"], sheet["updated_at"], DWELL_S)


def tell(sheet: Sheet, tick: int) -> Told:
    """Warning: workers may still fetch its images."""
    evidence = sheet.evidence(tick, "updated_at", "stream_exists", "num_pending")
    idle = sheet.at_s[tick] - sheet["updated_at"][tick]
    there = sheet["stream_exists"][tick] == 1.0
    return Told(
        "warning",
        "The job is CANCELING and does not become REVOKED",
        evidence,
        f"{called(sheet).capitalize()} was cancelled, and Antenna has not written anything about "
        f"it for {seconds(idle)}. The task that ends it did not run or failed."
        + (" Its stream is still there: workers may still fetch images." if there else ""),
        "See whether Celery works (`docker compose logs --since 15m celeryworker`), and cancel the "
        "job again.",
    )


register(
    Check(
        code="stuck_canceling",
        title="CANCELING for longer than a cancel takes",
        meaning="Somebody cancelled the job, and the task that takes its stream away and makes it "
        "REVOKED has not done so.",
        thresholds=(
            Threshold(
                "CANCELING for",
                f"{DWELL_S:g} s",
                "a cancel took 6 s on a busy machine: ten times that",
            ),
        ),
        columns=("jobs.status", "jobs.updated_at", "consumers.stream_exists"),
        needs=("antenna",),
        disproved_by="the job becoming REVOKED",
        next_step="See whether Celery works, and cancel again.",
        explains=("no_worker", "not_returning", "redelivering", "state_gone", "slow"),
        holds=holds,
        tell=tell,
    )
)
