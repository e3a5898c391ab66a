"""Images are queued and nobody fetches them."""

import numpy as np

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import called, images, seconds, workers
from ami_console.diagnosis.sheet import Sheet
from ami_console.diagnosis.truth import above, all_of, newest, same
from ami_console.metrics.arrays import Floats

DWELL_S = 45.0
BUSY_ELSEWHERE_S = 60.0


def _last_move_s(sheet: Sheet) -> Floats:
    return newest(sheet.delivered_s, sheet.settled_s, sheet.published_s)


def holds(sheet: Sheet) -> Held:
    """Queued, none in flight, nobody waiting for some; not while Antenna itself is away."""
    truth = all_of(
        sheet.in_work,
        above(sheet["num_pending"], 0),
        same(sheet["num_ack_pending"], 0),
        same(sheet["num_waiting"], 0),
    )
    since_s = _last_move_s(sheet)
    away_s = sheet.failing_s("antenna")
    # Workers fetch through Antenna: while it is away, that they do not fetch tells nothing.
    truth = np.where((away_s <= since_s + DWELL_S) & (truth == 1.0), np.nan, truth)
    return Held(truth, since_s, DWELL_S)


def tell(sheet: Sheet, tick: int) -> Told:
    """Critical; info where workers of the same pipeline are busy with another job."""
    idle_s = sheet.at_s[tick] - _last_move_s(sheet)[tick]
    evidence = sheet.evidence(tick, "num_pending", "num_ack_pending", "num_waiting")
    evidence += sheet.evidence(tick, "delivered_consumer_seq", "redis_pending_process")
    never = np.isnan(sheet.delivered_s[tick])
    if not never:
        evidence.append(sheet.instant_evidence(tick, "delivered_last_at", sheet.delivered_s))
    queued = images(sheet["num_pending"][tick])
    busy = [
        mate.looks.job_id
        for mate in sheet.mates
        if sheet.at_s[tick] - sheet.at(mate, mate.delivered_s)[tick] < BUSY_ELSEWHERE_S
    ]
    span = seconds(idle_s)
    since = f"since they were queued, {span} ago" if never else f"for {span}"
    fetched = f"no worker has asked for any {since}"
    if busy:
        others = ", ".join(map(str, busy))
        return Told(
            "info",
            f"{queued} wait their turn: workers are busy with job {others}",
            evidence,
            f"Nothing of {called(sheet)} is in flight and {fetched}, but workers of the same "
            f"pipeline fetch images of job {others}. They come to this one later.",
            "Wait, or start another worker if it must not wait. Nothing is broken.",
        )
    return Told(
        "critical",
        f"{queued} are queued and no worker fetches them",
        evidence,
        f"{queued} of {called(sheet)} wait in the broker, none is in flight, and {fetched}. "
        "A worker that runs asks every few seconds.",
        f"Look whether {workers(sheet)} run and reach Antenna, and start one: on the GPU machine "
        "see its output, or start it with `ami worker`. The job goes on by itself.",
    )


register(
    Check(
        code="no_worker",
        title="Images are queued and no worker fetches them",
        meaning="The broker holds images that were never handed out, none is being worked on, and "
        "nobody asks for any: no worker that serves the job's pipeline is running, or none "
        "reaches Antenna. Where workers of the same pipeline are busy with another job this is "
        "only worth knowing: they come to this one later.",
        thresholds=(
            Threshold(
                "nothing fetched, saved or queued for",
                f"{DWELL_S:g} s",
                "a worker without work asks again every 5 s; nine times missed is no accident, and "
                "under a minute is soon enough",
            ),
            Threshold(
                "busy elsewhere: last fetch of another job of the pipeline",
                f"{BUSY_ELSEWHERE_S:g} s",
                "a batch of a slow model takes some ten seconds",
            ),
        ),
        columns=(
            "consumers.num_pending",
            "consumers.num_ack_pending",
            "consumers.num_waiting",
            "consumers.delivered_consumer_seq",
            "consumers.delivered_last_active",
            "consumers.ack_floor_last_active",
            "consumers.last_seq",
            "consumers.stream_created_at",
            "jobs.status",
            "jobs.pipeline",
        ),
        needs=("nats", "antenna"),
        disproved_by="num_ack_pending or num_waiting above 0, or delivered_consumer_seq rising at "
        "the next looks",
        next_step="Start a worker for the job's pipeline, or see why the one that runs does not "
        "reach Antenna.",
        explains=("slow",),
        holds=holds,
        tell=tell,
    )
)
