"""A recording of many weeks, small: three pipelines, a job of each every week."""

from collections.abc import Iterator
from pathlib import Path

from ami_console.instants import NS_PER_S
from ami_console.reading import Reading
from ami_console.recording import RecordingWriter

BEGIN = 1_780_272_000 * NS_PER_S  # 2026-06-01T00:00:00Z, a Monday
HOUR = 3600 * NS_PER_S
WEEK = 7 * 24 * HOUR

PIPELINES = ("Moths of Panama", "Butterflies", "O'Hara's <night> traps")
REDELIVERED_PER_LOOK = (0, 1, 7)
IMAGES_PER_LOOK = 50
LOOKS = 12
WRITERS = 3
"""The recording was written in so many goes, each of which left a part of every day."""


def job_of(week: int, pipeline: int) -> int:
    """The number of the job of a week and pipeline."""
    return 1000 + 10 * week + pipeline


def begins_at(week: int, pipeline: int) -> int:
    """When a job begins, ns: on Tuesday, Thursday, and Sunday evening (so it ends on Monday)."""
    return BEGIN + week * WEEK + (24, 72, 6 * 24 + 18)[pipeline] * HOUR


def looks(weeks: int) -> Iterator[Reading]:
    """An hourly look at each job while it runs."""
    for week in range(weeks):
        for pipeline in range(len(PIPELINES)):
            for number in range(1, LOOKS + 1):
                yield from _look(week, pipeline, number)


def record(path: Path, weeks: int) -> Path:
    """Record them."""
    of_all = list(looks(weeks))
    for begin in range(WRITERS):
        with RecordingWriter(path) as writer:
            writer.append_many(of_all[begin::WRITERS])
    return path


def _look(week: int, pipeline: int, number: int) -> Iterator[Reading]:
    begin = begins_at(week, pipeline)
    at = begin + number * HOUR
    job = {"observed_at": at, "job_id": job_of(week, pipeline)}
    delivered = number * IMAGES_PER_LOOK
    redeliveries = number * REDELIVERED_PER_LOOK[pipeline]
    yield Reading(
        source="nats",
        observed_at=at,
        elapsed_s=0.01,
        rows={
            "consumers": [
                {
                    **job,
                    "stream_exists": True,
                    "consumer_exists": True,
                    "messages": LOOKS * IMAGES_PER_LOOK - delivered,
                    "first_seq": delivered + 1,
                    "last_seq": LOOKS * IMAGES_PER_LOOK,
                    "num_pending": LOOKS * IMAGES_PER_LOOK - delivered,
                    "num_ack_pending": 0,
                    "num_redelivered": 0,
                    "num_waiting": 0,
                    "delivered_consumer_seq": delivered + redeliveries,
                    "delivered_stream_seq": delivered,
                    "ack_floor_consumer_seq": delivered + redeliveries,
                    "ack_floor_stream_seq": delivered,
                    "ack_wait_s": 60.0,
                    "max_deliver": 5,
                    "max_ack_pending": 1000,
                    "stream_created_at": begin,
                    "consumer_created_at": begin,
                    "server_at": at,
                }
            ]
        },
    )
    yield Reading(
        source="antenna",
        observed_at=at + NS_PER_S,
        elapsed_s=0.1,
        rows={
            "jobs": [
                {
                    **job,
                    "observed_at": at + NS_PER_S,
                    "name": f"Week {week}",
                    "pipeline": PIPELINES[pipeline],
                    "status": "SUCCESS" if number == LOOKS else "STARTED",
                    "progress_ratio": number / LOOKS,
                    "started_at": begin,
                }
            ]
        },
    )
