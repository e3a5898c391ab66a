"""The job is active, and its stream or its counters are not there."""

import numpy as np

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import called
from ami_console.diagnosis.sheet import Sheet
from ami_console.diagnosis.truth import Truth, all_of, any_of, no

DWELL_S = 30.0


def _expected(sheet: Sheet) -> Truth:
    """Whether they must be there: they were seen before, or Antenna has collected the images."""
    seen = (sheet["stream_exists"] == 1.0) | (sheet.counters_exist == 1.0)
    collected = sheet["rest_total"] > 0
    return np.maximum.accumulate((seen | collected).astype("float64"))


def holds(sheet: Sheet) -> Held:
    """Expected, and one of the two is missing."""
    gone = any_of(no(sheet["stream_exists"]), no(sheet.counters_exist))
    return Held(all_of(sheet.active, _expected(sheet), gone), None, DWELL_S)


def tell(sheet: Sheet, tick: int) -> Told:
    """Critical: nothing can be fetched or counted any more."""
    stream, counters = sheet["stream_exists"][tick], sheet.counters_exist[tick]
    evidence = sheet.evidence(tick, "stream_exists", "redis_total", "rest_total", "rest_processed")
    job_id = sheet.looks.job_id
    gone = []
    if stream == 0.0:
        gone.append(f"stream job_{job_id}")
    if counters == 0.0:
        gone.append(f"counters job:{job_id}:pending_images… in Redis")
    what = " and ".join(gone) or "state"
    short = " and ".join(
        name for name, there in (("stream", stream), ("counters", counters)) if there == 0.0
    )
    return Told(
        "critical",
        f"The job says {sheet.looks.status}, but its {short} "
        f"{'are' if 'counters' in short else 'is'} gone",
        evidence,
        f"{called(sheet).capitalize()} is {sheet.looks.status}, and its {what} is not there any "
        "more. Workers get nothing for it and results can't be counted: it can't end by itself. "
        "Somebody deleted it, the server lost its data, or a clean-up went ahead of the status.",
        "Retry the job in Antenna: it queues again what is not processed. Look whether NATS or "
        "Redis was restarted with an empty store (then other jobs show the same).",
    )


register(
    Check(
        code="state_gone",
        title="The job is active, but its stream or counters are gone",
        meaning="Antenna says that the job runs, but the broker has no stream of it or Redis no "
        "counters, though they were there or must have been made. Workers find nothing and the "
        "job can't end.",
        thresholds=(
            Threshold(
                "missing for",
                f"{DWELL_S:g} s",
                "a job that ends loses both 1 to 3 s before REST shows its end, and gets them some "
                "seconds after its start: ten times that",
            ),
        ),
        columns=(
            "consumers.stream_exists",
            "counters.total",
            "stages.total",
            "jobs.status",
            "jobs.dispatch_mode",
        ),
        needs=("antenna", "nats", "redis"),
        disproved_by="the job becoming final at the next looks",
        next_step="Retry the job; see whether NATS or Redis lost its data.",
        explains=("no_worker", "not_returning", "slow"),
        holds=holds,
        tell=tell,
    )
)
