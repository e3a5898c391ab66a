"""A worker on "another machine": ``python -m ami_console.demo.worker``.

It speaks the protocol of the AMI Data Companion over HTTP and runs no model. It asks for the jobs
of its pipelines, reserves a batch, needs some time for it, posts the results. Address and login
come from ``AMI_CONSOLE_ANTENNA_URL`` and ``AMI_CONSOLE_ANTENNA_TOKEN``. A signal ends it at once.
"""

import argparse
import asyncio
import json
import sys
import time
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from ami_console.demo.plans import WorkerPlan
from ami_console.settings import Settings

_PAUSE_S = 1.0
_JOBS_AT_ONCE = 20


class Crash(Exception):
    """The worker dies as its plan says."""


class Worker:
    """Works as its plan says, over an HTTP client that knows address and login."""

    def __init__(self, plan: WorkerPlan, client: httpx.AsyncClient, *, is_old: bool) -> None:
        self._plan, self._client, self._is_old = plan, client, is_old
        self._batches = 0
        self._began: dict[int, float] = {}

    async def work(self) -> None:
        """Work until cancelled, or until the plan says to crash; a server that is away is met
        with patience.
        """
        while True:
            try:
                if not await self._work_once():
                    await asyncio.sleep(_PAUSE_S)
            except httpx.HTTPError as error:
                _say(f"{type(error).__name__}, trying again")
                await asyncio.sleep(_PAUSE_S)

    async def _work_once(self) -> bool:
        """One batch of each job; whether there was anything to do."""
        held: list[tuple[int, list[dict[str, Any]]]] = []
        found = False
        for job_id in await self._job_ids():
            tasks = await self._reserve(job_id)
            if not tasks:
                continue
            found = True
            if self._plan.hoards:
                held.append((job_id, tasks))
            else:
                await self._infer_and_post(job_id, tasks)
        for job_id, tasks in held:
            await self._infer_and_post(job_id, tasks)
        return found

    async def _job_ids(self) -> list[int]:
        query = {
            "pipeline__slug__in": ",".join(self._plan.pipelines),
            "ids_only": "1",
            "incomplete_only": "1",
            "dispatch_mode": "async_api",
            "limit": str(_JOBS_AT_ONCE),
            "ordering": "id",
        }
        body = await self._call("GET", "jobs/", params=query)
        return [job["id"] for job in body["results"]]

    async def _reserve(self, job_id: int) -> list[dict[str, Any]]:
        path, batch = f"jobs/{job_id}/tasks/", self._plan.batch
        if self._is_old:
            body = await self._call("GET", path, params={"batch": str(batch)})
        else:
            body = await self._call("POST", path, json={"batch_size": batch})
        tasks: list[dict[str, Any]] = body["tasks"]
        if tasks:
            deliveries = sorted({int(task["reply_subject"].split(".")[-5]) for task in tasks})
            _say(f"job {job_id} reserved {len(tasks)} (delivery counts {deliveries})")
            if self._plan.crash_after is not None and self._batches >= self._plan.crash_after:
                _say(f"CRASH with {len(tasks)} reserved, unposted")
                raise Crash
        return tasks

    async def _infer_and_post(self, job_id: int, tasks: list[dict[str, Any]]) -> None:
        await asyncio.sleep(self._image_s(job_id) * len(tasks))
        results = [
            {"reply_subject": task["reply_subject"], "result": self._result(task)}
            for task in tasks
            if not _chosen(task["image_id"], "silent", self._plan.silent_ratio)
        ]
        self._batches += 1
        while True:  # a batch was computed at some cost: it is posted again until it arrives
            try:
                await self._call("POST", f"jobs/{job_id}/result/", json={"results": results})
                break
            except httpx.HTTPError as error:
                _say(f"job {job_id} posting failed with {type(error).__name__}, trying again")
                await asyncio.sleep(_PAUSE_S)
        _say(f"job {job_id} posted {len(results)} -> 200")

    def _image_s(self, job_id: int) -> float:
        """How long an image of a job takes now, seconds."""
        plan, now = self._plan, time.monotonic()
        worked_s = now - self._began.setdefault(job_id, now)
        is_slow = plan.slows_after_s is not None and worked_s >= plan.slows_after_s
        return plan.image_s * plan.slowdown if is_slow else plan.image_s

    def _result(self, task: dict[str, Any]) -> dict[str, Any]:
        image_id = task["image_id"]
        if _chosen(image_id, "error", self._plan.error_ratio):
            return {"error": "failed to load image: 403 Forbidden", "image_id": image_id}
        detections = [
            {"source_image_id": image_id, "bbox": [10 * n, 10, 10 * n + 40, 60]}
            for n in range(zlib.crc32(image_id.encode()) % 4)
        ]
        return {
            "pipeline": self._plan.pipelines[0],
            "algorithms": {},
            "total_time": self._plan.image_s,
            "source_images": [{"id": image_id, "url": task["image_url"]}],
            "detections": detections,
            "errors": None,
        }

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        answer = await self._client.request(method, f"api/v2/{path}", **options)
        answer.raise_for_status()
        return answer.json()


def _chosen(image_id: str, what: str, ratio: float) -> bool:
    """Whether an image is among that share of all; the same ones whenever it is asked."""
    return zlib.crc32(f"{what} {image_id}".encode()) / 2**32 < ratio


def _say(what: str) -> None:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    print(f"{now} {what}", flush=True)


async def _run(plan: WorkerPlan, settings: Settings, *, is_old: bool) -> int:
    headers = {"Authorization": f"Token {settings.antenna_token.reveal()}"}
    async with httpx.AsyncClient(
        base_url=settings.antenna_url.reveal(), headers=headers, timeout=90.0, trust_env=False
    ) as client:
        try:
            await Worker(plan, client, is_old=is_old).work()
        except Crash:
            return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and work; 1 after a crash that was planned."""
    parser = argparse.ArgumentParser(prog="ami_console.demo.worker", description=__doc__)
    parser.add_argument("--plan", required=True, help="fields of WorkerPlan, as JSON")
    parser.add_argument("--old", action="store_true", help="speak the older version")
    given = parser.parse_args(arguments)
    fields = json.loads(given.plan)
    plan = WorkerPlan(**{**fields, "pipelines": tuple(fields["pipelines"])})
    return asyncio.run(_run(plan, Settings.from_environment(dotenv=None), is_old=given.old))


if __name__ == "__main__":
    sys.exit(main())
