"""The stand-in's health check: what happens to jobs that nobody moves any more."""

import asyncio
import logging
import time

from nats.js.errors import NotFoundError

from ami_console.demo.background import Background
from ami_console.demo.jobs import FINAL, Job, JobStore
from ami_console.demo.patience import AWAY
from ami_console.demo.pending_images import PendingImages
from ami_console.demo.task_streams import TaskStreams
from ami_console.instants import NS_PER_S, now_ns

_ZOMBIE_AGE_S = 3_600
_IDS_SHOWN = 10

_log = logging.getLogger("celery")


class HealthCheck:
    """Fails the images of idle jobs or revokes them, and deletes streams of jobs long over.

    Args:
        idle_s: A job that has not moved for so many seconds is idle.
    """

    def __init__(
        self,
        store: JobStore,
        streams: TaskStreams,
        pending: PendingImages,
        background: Background,
        *,
        idle_s: float,
    ) -> None:
        self._store, self._streams, self._pending = store, streams, pending
        self._background, self._idle_s = background, idle_s

    async def check_forever(self, every_s: float) -> None:
        """Check on every full period of the clock, as cron does."""
        while True:
            await asyncio.sleep(every_s - time.time() % every_s)
            try:
                async with asyncio.timeout(30):
                    await self.check()
            except AWAY as error:
                _log.warning("jobs_health_check failed: %s", type(error).__name__)

    async def check(self) -> None:
        """Check all jobs once."""
        oldest = now_ns() - int(self._idle_s * NS_PER_S)
        unfinished = self._store.find(unfinished=True)
        handled = [job for job in unfinished if job.status not in {"CREATED", "CANCELING"}]
        idle = [job for job in handled if job.updated_at < oldest]
        fixed = 0
        for job in idle:
            left = await self._pending.left(job.id)
            if left:
                await self._give_up(job, left)
                fixed += 1
            else:
                await self._background.revoke(job)
        _log.info(
            "lost_images check: %d candidate(s), %d marked failed, 0 error(s)", len(idle), fixed
        )
        await self._drain_zombies()

    async def _drain_zombies(self) -> None:
        oldest = now_ns() - _ZOMBIE_AGE_S * NS_PER_S
        job_ids, drained = await self._streams.job_ids(), 0
        for job_id in job_ids:
            job = self._store.get(job_id)
            if job is None or (job.status in FINAL and (job.finished_at or 0) < oldest):
                await self._streams.delete_stream(job_id)
                drained += 1
        _log.info(
            "zombie_streams check: %d stream(s) inspected, %d drained, 0 error(s)",
            len(job_ids),
            drained,
        )

    async def _give_up(self, job: Job, left: list[str]) -> None:
        try:
            text = f"NATS consumer {await self._streams.consumer_text(job.id)}"
        except NotFoundError:
            text = "NATS consumer not found"
        more = len(left) - _IDS_SHOWN
        message = (
            f"jobs_health_check: marked {len(left)} image(s) as failed (job idle past cutoff; "
            f"{text}). IDs: {left[:_IDS_SHOWN]}" + (f" ... and {more} more" if more > 0 else "")
        )
        job.progress["errors"].append(message)
        self._store.save(job, updated_at=job.updated_at)
        await self._background.fail_images(job.id, left)
        self._background.log(job.id, f"{message} (full IDs: {left})", "WARNING")
