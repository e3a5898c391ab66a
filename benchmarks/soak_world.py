"""What is looked at in a soak: real servers with jobs that move, end and follow each other.

    python -m benchmarks.soak_world JOBS     says the settings that lead to it, ends with its input

It is a process of its own, so that what it takes is not counted. Each job has a worker that
reserves a few images five times a second, returns all but one of them at once, and the one the
next time. A job that is done takes its stream and its keys along, and another one begins.
"""

import asyncio
import contextlib
import itertools
import json
import sys
import threading
from dataclasses import dataclass, field

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from redis.asyncio import Redis

from ami_console.demo.servers import NatsServer, RedisServer
from benchmarks.many_jobs import JobPlan, fill_redis, make_job
from benchmarks.rest_stand_in import RestStandIn

FIRST_JOB = 101
IMAGES = 600
STEP_S, RESERVED = 0.2, 6
_ANSWER_S = 10.0


@dataclass(slots=True)
class _Running:
    plan: JobPlan
    saved: int = 0
    held: list[Msg] = field(default_factory=list)


class World:
    """Moves the jobs."""

    def __init__(self, client: Client, redis: Redis, redis_url: str, rest: RestStandIn) -> None:
        """Nothing runs yet."""
        self._client, self._redis, self._redis_url, self._rest = client, redis, redis_url, rest
        self._numbers = itertools.count(FIRST_JOB)

    async def one_after_another(self, *, first_images: int) -> None:
        """Jobs without end; the first is a short one, so that not all end at once."""
        images = first_images
        while True:
            plan = JobPlan(next(self._numbers), images)
            await make_job(self._client, plan)
            fill_redis(self._redis_url, [plan], saved=0)
            self._rest.tell(plan, saved=0)
            await self._work_off(_Running(plan))
            images = IMAGES

    async def _work_off(self, job: _Running) -> None:
        job_id = job.plan.job_id
        while job.saved < job.plan.images:
            await asyncio.sleep(STEP_S)
            came = await self._reserve(job_id)
            done, job.held = (job.held + came[:-1], came[-1:]) if came else (job.held, [])
            for message in done:
                await self._client.publish(message.reply, b"+ACK")
            ids = [json.loads(message.data)["image_id"] for message in done]
            for stage in ("process", "results"):
                if ids:
                    await self._redis.srem(f"job:{job_id}:pending_images:{stage}", *ids)  # type: ignore[misc]
            job.saved += len(done)
            self._rest.tell(job.plan, saved=job.saved)
        self._rest.tell(job.plan, saved=job.saved, status="SUCCESS")
        await self._client.request(f"$JS.API.STREAM.DELETE.job_{job_id}", timeout=_ANSWER_S)
        await self._redis.delete(f"job:{job_id}:pending_images_total")

    async def _reserve(self, job_id: int) -> list[Msg]:
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox)
        where = f"$JS.API.CONSUMER.MSG.NEXT.job_{job_id}.job-{job_id}-consumer"
        request = json.dumps({"batch": RESERVED, "no_wait": True}).encode()
        await self._client.publish(where, request, inbox)
        found: list[Msg] = []
        try:
            while len(found) < RESERVED:
                message = await subscription.next_msg(timeout=_ANSWER_S)
                if not message.data:  # there are no more
                    break
                found.append(message)
        finally:
            await subscription.unsubscribe()
        return found


async def _run(nats_url: str, redis_url: str, rest: RestStandIn, jobs: int) -> None:
    client = await nats.connect(nats_url)
    try:
        async with Redis.from_url(redis_url) as redis, asyncio.TaskGroup() as group:
            world = World(client, redis, redis_url, rest)
            for number in range(jobs):
                first = IMAGES * (number + 1) // jobs
                group.create_task(world.one_after_another(first_images=first))
    finally:
        await client.close()


def main() -> None:
    """Go on until the input ends."""
    jobs = int(sys.argv[1])
    with contextlib.ExitStack() as stack:
        nats_server, redis_server = NatsServer(), RedisServer()
        for server in (nats_server, redis_server):
            stack.callback(server.close)
            server.start()
        rest = stack.enter_context(RestStandIn([]))
        loop = asyncio.new_event_loop()
        moving = loop.create_task(_run(nats_server.url, redis_server.url, rest, jobs))

        def move() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(moving)

        thread = threading.Thread(target=move)
        thread.start()
        environment = {**nats_server.environment(), **redis_server.environment()}
        print(json.dumps({**environment, "AMI_CONSOLE_ANTENNA_URL": rest.url}), flush=True)
        sys.stdin.read()
        loop.call_soon_threadsafe(moving.cancel)
        thread.join()


if __name__ == "__main__":
    main()
