"""What is deleted when a job ends: its Redis keys, its consumer, its stream."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import nats.errors

from ami_console.demo.patience import AWAY, until_answered
from ami_console.demo.pending_images import PendingImages
from ami_console.demo.task_streams import TaskStreams, consumer_name, stream_name


class Log(Protocol):
    """Writes a line of the job's log."""

    def __call__(self, message: str, level: str = "INFO") -> None: ...


async def clean_up(
    job_id: int,
    streams: TaskStreams,
    pending: PendingImages,
    *,
    log: Log,
    deadline_s: float | None = None,
    nats_is_mute: bool = False,
) -> None:
    """Delete all that a job has; what fails is logged and left behind, as Antenna does.

    Args:
        deadline_s: Patience per server that is away, seconds; endless when ``None``.
        nats_is_mute: Play a broker that does not answer, and give up on it at once.
    """
    try:
        await until_answered(lambda: pending.forget(job_id), "Redis", deadline_s=deadline_s)
        log(f"Cleaned up Redis state for job {job_id}")
    except AWAY as error:
        log(f"Failed to clean up Redis state for job {job_id}: {_shown(error)}", "ERROR")

    async def consumer() -> None:
        text = await streams.consumer_text(job_id)
        log(f"Finalizing NATS consumer {consumer_name(job_id)} before deletion ({text})")
        await streams.delete_consumer(job_id)

    steps: list[tuple[str, str, Callable[[], Awaitable[None]]]] = [
        ("consumer", consumer_name(job_id), consumer),
        ("stream", stream_name(job_id), lambda: streams.delete_stream(job_id)),
    ]
    failures = 0
    for kind, name, step in steps:
        try:
            if nats_is_mute:
                await _no_answer()
            await until_answered(step, "NATS", deadline_s=deadline_s)
            log(f"Deleted NATS {kind} {name} for job '{job_id}'")
        except AWAY as error:
            failures += 1
            log(f"Failed to delete NATS {kind} for job '{job_id}': {_shown(error)}", "ERROR")
    if failures:
        log(f"Failed to clean up NATS resources for job {job_id}", "WARNING")
    else:
        log(f"Cleaned up NATS resources for job {job_id}")


async def _no_answer() -> None:
    raise nats.errors.TimeoutError


def _shown(error: BaseException) -> str:
    return str(error) or type(error).__name__
