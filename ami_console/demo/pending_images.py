"""What Antenna does to Redis: which images of a job each stage still waits for."""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ami_console.settings import Settings

STAGES = ("process", "results")
_TTL_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Counts:
    """A stage of a job: images in all, images it still waits for, images that failed."""

    total: int
    pending: int
    failed: int

    @property
    def done_ratio(self) -> float:
        """Share of images (0-1) that are through."""
        return (self.total - self.pending) / self.total if self.total else 1.0


class PendingImages:
    """The sets of every job. Methods raise what redis-py raises when Redis is away."""

    def __init__(self, settings: Settings) -> None:
        self._redis: Redis = Redis.from_url(
            settings.redis_url.reveal(),
            socket_timeout=2.0,
            retry=Retry(NoBackoff(), 0),  # the caller is patient
            decode_responses=True,
        )

    async def begin(self, job_id: int, image_ids: Sequence[str]) -> None:
        """All images wait in both stages; nothing has failed."""
        total, failed = _total(job_id), _failed(job_id)
        async with self._redis.pipeline() as pipe:
            pipe.delete(*(_pending(job_id, stage) for stage in STAGES), total, failed)
            for stage in STAGES:
                if image_ids:
                    pipe.sadd(_pending(job_id, stage), *image_ids)
                    pipe.expire(_pending(job_id, stage), _TTL_S)
            pipe.set(total, len(image_ids), ex=_TTL_S)
            await pipe.execute()

    async def settle(
        self, job_id: int, stage: str, image_ids: Sequence[str], *, failed: bool = False
    ) -> Counts | None:
        """Take images out of a stage.

        Args:
            failed: Whether they failed; they are kept in the set of failed images then.

        Returns:
            What is left, or ``None`` when the job's state is gone.
        """
        if await self._redis.get(_total(job_id)) is None:
            return None
        async with self._redis.pipeline() as pipe:
            if image_ids:
                pipe.srem(_pending(job_id, stage), *image_ids)
            if failed and image_ids:
                pipe.sadd(_failed(job_id), *image_ids)
                pipe.expire(_failed(job_id), _TTL_S)
            pipe.get(_total(job_id))
            pipe.scard(_pending(job_id, stage))
            pipe.scard(_failed(job_id))
            *_, total, pending, failures = await pipe.execute()
        return None if total is None else Counts(int(total), int(pending), int(failures))

    async def left(self, job_id: int) -> list[str]:
        """Ids of images that some stage still waits for."""
        members = await self._redis.sunion([_pending(job_id, stage) for stage in STAGES])
        return sorted(str(member) for member in members)

    async def forget(self, job_id: int) -> None:
        """Delete everything of the job."""
        await self._redis.delete(
            *(_pending(job_id, stage) for stage in STAGES), _total(job_id), _failed(job_id)
        )


def _pending(job_id: int, stage: str) -> str:
    return f"job:{job_id}:pending_images:{stage}"


def _total(job_id: int) -> str:
    return f"job:{job_id}:pending_images_total"


def _failed(job_id: int) -> str:
    return f"job:{job_id}:failed_images"
