"""Makes, runs and cancels the jobs of a scenario at their times, also after a restart."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial

from ami_console.demo.background import Background
from ami_console.demo.jobs import Job, JobStore
from ami_console.demo.plans import JobPlan, PastJob, Scenario
from ami_console.instants import NS_PER_S, now_ns


class Director:
    """Plays a scenario. What was played is in the store: nothing is played twice."""

    def __init__(self, scenario: Scenario, store: JobStore, background: Background) -> None:
        self._scenario, self._store, self._background = scenario, store, background

    async def play(self) -> None:
        """Play until cancelled."""
        began_at = self._store.recall("began_at")
        if began_at is None:
            for past in sorted(self._scenario.history, key=lambda past: -past.ended_ago_s):
                self._remember_past(past)
            began_at = str(now_ns())
            self._store.remember("began_at", began_at)
        parts = [
            self._play_job(plan, n, int(began_at)) for n, plan in enumerate(self._scenario.jobs)
        ]
        await asyncio.gather(*parts)

    async def _play_job(self, plan: JobPlan, number: int, began_at: int) -> None:
        take, at_s = 0, plan.at_s
        while True:
            await _until(began_at, at_s)
            job_id = await self._once(f"{number}/{take}", partial(self._make, plan))
            for after_s, what, act in self._later(plan):
                await _until(began_at, at_s + after_s)
                await self._once(f"{number}/{take}/{what}", partial(act, job_id))
            if plan.again_every_s is None:
                return
            # Takes that were missed while we were down are not made up for.
            now_s = (now_ns() - began_at) / NS_PER_S
            missed = max(0, int((now_s - at_s) // plan.again_every_s))
            take, at_s = take + 1 + missed, at_s + plan.again_every_s * (1 + missed)

    def _later(self, plan: JobPlan) -> list[tuple[float, str, Callable[[int], Awaitable[int]]]]:
        """What happens to a job after it was made: seconds after that, its name, how to do it."""
        acts = (
            (plan.retry_after_s, "retry", self._retry),
            (plan.state_lost_after_s, "lose", self._lose_state),
            (plan.cancel_after_s, "cancel", self._cancel),
        )
        planned = [(after_s, what, act) for after_s, what, act in acts if after_s is not None]
        return sorted(planned, key=lambda act: act[0])

    async def _once(self, key: str, act: Callable[[], Awaitable[int]]) -> int:
        """Do it unless it was done; the job's id."""
        done = self._store.recall(key)
        if done is not None:
            return int(json.loads(done))
        job_id = await act()
        self._store.remember(key, json.dumps(job_id))
        return job_id

    async def _make(self, plan: JobPlan) -> int:
        job = self._store.create(plan)
        if plan.runs:
            self._background.run(job)
        return job.id

    async def _cancel(self, job_id: int) -> int:
        job = self._store.get(job_id)
        if job is not None:
            await self._background.cancel(job)
        return job_id

    async def _retry(self, job_id: int) -> int:
        job = self._store.get(job_id)
        if job is not None:
            self._background.run(job, status="RETRY")
        return job_id

    async def _lose_state(self, job_id: int) -> int:
        await self._background.lose_state(job_id)
        return job_id

    def _remember_past(self, past: PastJob) -> None:
        plan = JobPlan(
            name=past.name, project=past.project, pipeline=past.pipeline, images=past.images
        )
        job = self._store.create(plan)
        job.finished_at = now_ns() - int(past.ended_ago_s * NS_PER_S)
        job.started_at = job.finished_at - int(past.duration_s * NS_PER_S)
        job.created_at = job.started_at - 2 * NS_PER_S
        job.status = past.status
        _fill_progress(job, past)
        self._store.save(job, updated_at=job.finished_at)


def _fill_progress(job: Job, past: PastJob) -> None:
    job.progress["summary"]["status"] = past.status
    job.update_stage("collect", ratio=1.0, status="SUCCESS", params={"total_images": past.images})
    is_whole = past.status != "REVOKED"
    ratio = 1.0 if is_whole else 0.3
    status = past.status if is_whole else "STARTED"
    done = int(past.images * ratio)
    saved = done - past.failed
    job.update_stage(
        "process",
        ratio=ratio,
        status=status,
        params={"processed": done, "remaining": past.images - done, "failed": past.failed},
    )
    job.update_stage(
        "results",
        ratio=ratio,
        status=status,
        params={
            "captures": saved - saved // 11,
            "detections": saved * 3,
            "classifications": saved * 5,
        },
    )


async def _until(began_at: int, at_s: float) -> None:
    await asyncio.sleep(max(0.0, at_s - (now_ns() - began_at) / NS_PER_S))
