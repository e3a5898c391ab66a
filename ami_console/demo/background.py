"""The stand-in's Celery: runs jobs, saves results, cancels.

Order and log lines are those of the recorded backend. Each job has its own savers here, where
Antenna has one queue for all, so that a job with slow saves leaves the others alone.
"""

import asyncio
import contextlib
import logging
import random
import time
import zlib
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nats.js.errors import NotFoundError

from ami_console.demo.cleanup import clean_up
from ami_console.demo.jobs import FINAL, Job, JobStore, new_progress
from ami_console.demo.patience import until_answered
from ami_console.demo.pending_images import Counts, PendingImages
from ami_console.demo.plans import pipeline
from ami_console.demo.task_streams import TaskStreams, consumer_name, stream_name
from ami_console.instants import NS_PER_S, now_ns

_FAILURE_RATIO = 0.5
_REVOKED_AFTER_CLEANUP_S = 1.0
_ALGORITHMS = "moth_detector, moth_filter, species_classifier"

_log = logging.getLogger("celery")
_job_log = logging.getLogger("celery.job")
_request_log = logging.getLogger("django")


@dataclass(slots=True)
class _Lane:
    waiting: deque[tuple[int, dict[str, Any]]] = field(default_factory=deque)
    running: int = 0


class Background:
    """Background tasks of all jobs; they wait for servers that are away.

    A task that is cancelled stays queued in the store, and is done by the next process.
    """

    def __init__(
        self,
        store: JobStore,
        streams: TaskStreams,
        pending: PendingImages,
    ) -> None:
        self._store, self._streams, self._pending = store, streams, pending
        self._lanes: dict[int, _Lane] = {}
        self._cancelling: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Take up what a killed predecessor left queued."""
        for number, kind, job_id, payload in self._store.queued():
            if kind == "run":
                self._spawn(self._run(number, job_id))
            else:
                self._into_lane(job_id, number, payload)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            _log.exception("a background task failed")

    def log(self, job_id: int, message: str, level: str = "INFO") -> None:
        """A line in the job's log and in Celery's."""
        self._store.log(job_id, level, message)
        _job_log.log(logging.getLevelNamesMapping()[level], "%s", message)

    def log_request(self, job_id: int, message: str) -> None:
        """A line in the job's log and in Django's."""
        self._store.log(job_id, "INFO", message)
        _request_log.info("%s", message)

    # ---- run

    def run(self, job: Job, *, status: str = "PENDING") -> None:
        """Queue a job's run; on a job that still has its stream, its images are queued twice."""
        job.status, job.finished_at, job.progress = status, None, new_progress()
        self._store.save(job)
        number = self._store.push("run", job.id, {})
        self._spawn(self._run(number, job.id))

    async def _run(self, number: int, job_id: int) -> None:
        job = self._job(job_id)
        log = partial(self.log, job_id)
        log(f'Running job #{job_id} "{job.plan.name}" ({job.status})')
        log(f"Changing status of job {job_id} from {job.status} to STARTED")
        total = job.plan.images
        job.status, job.started_at = "STARTED", now_ns()
        job.progress["summary"]["status"] = "STARTED"
        job.update_stage("collect", ratio=1.0, status="SUCCESS", params={"total_images": total})
        self._store.save(job)
        log(f"Filtering images that have already been processed by pipeline {_pipeline(job)}")
        log(f"Found {total} out of {total} images to process")
        log("Shuffling images")
        images = [(str(image_id), _image_url(job, image_id)) for image_id in job.image_ids()]
        random.shuffle(images)
        log(f"Queuing {total} images to NATS stream for job '{job_id}'")
        ids = [image_id for image_id, _ in images]
        await until_answered(lambda: self._pending.begin(job_id, ids), "Redis")
        log(f"Initialized task state tracking for {total} images")
        is_new = await until_answered(
            lambda: self._streams.publish(
                job_id,
                images,
                ack_wait_s=job.plan.ack_wait_s,
                max_deliver=job.plan.max_deliver,
                max_ack_pending=job.plan.max_ack_pending,
            ),
            "NATS",
        )
        if is_new:
            log(f"Created NATS stream {stream_name(job_id)}")
        log(
            f"Created NATS consumer {consumer_name(job_id)} (max_deliver={job.plan.max_deliver}, "
            f"ack_wait={job.plan.ack_wait_s:.1f}s, max_ack_pending={job.plan.max_ack_pending}, "
            "deliver_policy=all, ack_policy=explicit)"
        )
        log(f"Successfully queued {total}/{total} images to stream for job '{job_id}'")
        log(f"Waiting for workers to pick up tasks for pipeline '{job.plan.pipeline}'")
        self._store.done(number)
        if self._job(job_id).status in FINAL:  # cancelled meanwhile
            await self._clean_up(job_id)

    # ---- results

    def queue_result(self, job_id: int, reply_subject: str, result: dict[str, Any]) -> None:
        """Queue a posted result for saving."""
        payload = {"reply_subject": reply_subject, "result": result}
        self._into_lane(job_id, self._store.push("result", job_id, payload), payload)

    def _into_lane(self, job_id: int, number: int, payload: dict[str, Any]) -> None:
        self._lanes.setdefault(job_id, _Lane()).waiting.append((number, payload))
        self._pump(job_id)

    def _pump(self, job_id: int) -> None:
        lane = self._lanes[job_id]
        savers = self._job(job_id).plan.savers
        while lane.waiting and lane.running < savers:
            lane.running += 1
            self._spawn(self._work(job_id, *lane.waiting.popleft()))
        if not lane.running:
            del self._lanes[job_id]

    async def _work(self, job_id: int, number: int, payload: dict[str, Any]) -> None:
        try:
            await self._save_result(job_id, payload["reply_subject"], payload["result"])
        except Exception:
            _log.exception("Task process_nats_pipeline_result raised")
        self._store.done(number)
        self._lanes[job_id].running -= 1
        self._pump(job_id)

    async def _save_result(self, job_id: int, reply_subject: str, result: dict[str, Any]) -> None:
        log = partial(self.log, job_id)
        began = time.monotonic()
        error = result.get("error")
        image_id = str(result["image_id"] if error else result["source_images"][0]["id"])
        counts = await self._settle(job_id, "process", image_id, failed=bool(error))
        if counts is not None:
            job = self._show_stage(job_id, "process", counts)
            log(f"Processing pipeline result for job {job_id}, reply_subject: {reply_subject}")
            done, percent = counts.total - counts.pending, counts.done_ratio * 100
            log(
                f" Job {job_id} progress: {done}/{counts.total} images processed ({percent}%), "
                f"{counts.pending} remaining, {counts.failed} failed, 1 just processed"
            )
            found = {"captures": 0, "detections": 0, "classifications": 0}
            if error:
                log(f"Pipeline returned error for job {job_id}, image {image_id}: {error}", "ERROR")
            else:
                found = await self._save(job, image_id, len(result.get("detections") or ()), began)
            counts = await self._settle(job_id, "results", image_id)
            if counts is not None:
                await self._finish_if_complete(self._show_stage(job_id, "results", counts, **found))
        await until_answered(lambda: self._streams.acknowledge(reply_subject), "NATS")
        log(f"Successfully acknowledged task via NATS: {reply_subject}")

    async def _save(self, job: Job, image_id: str, detections: int, began: float) -> dict[str, int]:
        """Pretend to write to the database; what was found in the image."""
        log = partial(self.log, job.id)
        log(f"Saving results from pipeline {job.plan.pipeline}")
        log(f"Algorithms registered for pipeline: \n{_ALGORITHMS}")
        await asyncio.sleep(job.plan.save_s * random.uniform(0.7, 1.3))
        dice = zlib.crc32(image_id.encode())
        classifications = detections + dice % 3 if detections else 0
        log(
            f"Created {detections} new detections, updated 0 existing detections, "
            f"for {min(detections, 1)} source image(s)"
        )
        log(
            f"Created {classifications} new classifications, updated 0 existing classifications "
            f"for {detections} detections."
        )
        elapsed_s = time.monotonic() - began
        log(f"Saved results from pipeline {_pipeline(job)} in {elapsed_s:.2f} seconds")
        log(f"Successfully saved results for job {job.id}")
        # The real counter loses some: a finished job has fewer captures than images.
        return {
            "captures": int(dice % 11 != 0),
            "detections": detections,
            "classifications": classifications,
        }

    async def _settle(
        self, job_id: int, stage: str, *image_ids: str, failed: bool = False
    ) -> Counts | None:
        counts = await until_answered(
            lambda: self._pending.settle(job_id, stage, image_ids, failed=failed), "Redis"
        )
        job = self._job(job_id)
        if counts is None and job.status not in FINAL and job_id not in self._cancelling:
            age_s = (now_ns() - (job.started_at or job.created_at)) / NS_PER_S
            self.log(
                job_id,
                f"Job {job_id}: progress state missing while the job is still running "
                f"(status={job.status}, stage={stage}, age={age_s:.1f}s); marking it failed.",
                "WARNING",
            )
            self._close(job, "FAILURE")
            await self._clean_up(job_id)
        return counts

    def _show_stage(self, job_id: int, stage: str, counts: Counts, **found: int) -> Job:
        """Write a stage's counts into the job, as one step."""
        job = self._job(job_id)
        status = "STARTED"
        if not counts.pending:
            status = "FAILURE" if counts.failed > counts.total * _FAILURE_RATIO else "SUCCESS"
        if stage == "process":
            done = counts.total - counts.pending
            shown = {"processed": done, "remaining": counts.pending, "failed": counts.failed}
        else:
            shown = {key: job.param("results", key) + more for key, more in found.items()}
        # A write that is lost to a race is logged like any other: its writer never knows.
        is_lost = stage == "process" and counts.pending < job.plan.lost_writes
        # Two savers may come here in another order than Redis answered them.
        if counts.done_ratio >= job.stage(stage)["progress"] and not is_lost:
            job.update_stage(stage, ratio=counts.done_ratio, status=status, params=shown)
        elif stage == "results":
            job.update_stage(stage, params=shown)
        self._store.save(job)
        percent = counts.done_ratio * 100
        _log.info(
            "Pending images from Redis for job %d %s: %d/%d: %s%%",
            *(job_id, stage, counts.pending, counts.total, percent),
        )
        self.log(job_id, f"Updated job {job_id} progress in stage '{stage}' to {percent}%")
        processed = job.param("process", "processed")
        elapsed_s = max((now_ns() - (job.started_at or job.created_at)) / NS_PER_S, 0.1)
        rate = processed / elapsed_s * 60
        eta_s = (counts.total - processed) / rate * 60 if rate else 0.0
        self.log(
            job_id,
            f"Job {job_id} throughput: elapsed={_minutes(elapsed_s)}, "
            f"processed={processed}/{counts.total}, rate={rate:.1f} imgs/min, "
            f"ETA={_minutes(eta_s)}",
        )
        return job

    # ---- end

    async def _finish_if_complete(self, job: Job) -> None:
        stages = job.progress["stages"]
        if job.status in FINAL or any(stage["progress"] < 1 for stage in stages):
            return
        failed = any(stage["status"] == "FAILURE" for stage in stages)
        self._close(job, "FAILURE" if failed else "SUCCESS")
        shown = ", ".join(
            f"{stage['key']}={stage['progress'] * 100}% {stage['status']}" for stage in stages
        )
        self.log(
            job.id,
            "is_complete()=True after stage='results' update; firing cleanup. Stages: " + shown,
        )
        await self._clean_up(job.id)

    def _close(self, job: Job, status: str, *, summary: bool = True) -> None:
        job.status, job.finished_at = status, now_ns()
        if summary:
            job.progress["summary"]["status"] = status
        self._store.save(job)

    async def _clean_up(self, job_id: int, *, deadline_s: float | None = None) -> None:
        await clean_up(
            job_id,
            self._streams,
            self._pending,
            log=partial(self.log, job_id),
            deadline_s=deadline_s,
            nats_is_mute=self._job(job_id).plan.clean_up_fails,
        )

    async def cancel(self, job: Job) -> Job:
        """Cancel: what NATS and Redis hold goes first, the status follows a second later."""
        was_final = job.status in FINAL
        if job.plan.cancel_sticks and not was_final:
            job.status = "CANCELING"
            self._store.save(job)
            self.log(job.id, f"Cancelling job {job.id}")
            return job
        self._cancelling.add(job.id)
        try:
            await self._clean_up(job.id, deadline_s=5.0)
            if not was_final:
                await asyncio.sleep(_REVOKED_AFTER_CLEANUP_S)
            job = self._job(job.id)
            if job.status not in FINAL:
                # Results that are being saved write the old summary back: it stays STARTED then.
                self._close(job, "REVOKED", summary=job.id not in self._lanes)
        finally:
            self._cancelling.discard(job.id)
        return job

    async def revoke(self, job: Job) -> None:
        """End a job that has nothing left to do and was never closed."""
        await self._clean_up(job.id, deadline_s=5.0)
        self._close(self._job(job.id), "REVOKED")

    async def lose_state(self, job_id: int) -> None:
        """What somebody does to NATS and Redis behind Antenna's back: nothing is logged."""
        await until_answered(lambda: self._pending.forget(job_id), "Redis")
        with contextlib.suppress(NotFoundError):
            await until_answered(lambda: self._streams.delete_stream(job_id), "NATS")

    async def fail_images(self, job_id: int, image_ids: Sequence[str]) -> None:
        """Count images as failed in both stages, and end the job if that was all."""
        job = self._job(job_id)
        found = {"captures": 0, "detections": 0, "classifications": 0}
        for stage, more in (("process", {}), ("results", found)):
            counts = await self._settle(job_id, stage, *image_ids, failed=stage == "process")
            if counts is None:
                return
            job = self._show_stage(job_id, stage, counts, **more)
        await self._finish_if_complete(job)

    def _job(self, job_id: int) -> Job:
        job = self._store.get(job_id)
        if job is None:
            raise LookupError(f"job {job_id} is not in the store")
        return job


def _pipeline(job: Job) -> str:
    found = pipeline(job.plan.pipeline)
    return f'#{found.id} "{found.name}" ({found.slug}) v1'


def _image_url(job: Job, image_id: int) -> str:
    # A host that can't exist: nobody can fetch it by accident. Signed, as real ones often are.
    return (
        f"https://captures.invalid/{job.plan.project}/{image_id}-snapshot.jpg"
        f"?X-Amz-Signature={zlib.crc32(str(image_id).encode()):08x}"
    )


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}m {int(seconds) % 60:02d}s"
