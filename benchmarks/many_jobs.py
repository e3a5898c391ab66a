"""Many jobs on a real nats-server and a real Redis, as Antenna leaves them; made in seconds.

Every job has its stream, its consumer and its keys under Antenna's names. Of each job a worker
reserved eight images and acknowledged three of them. Streams are in memory: it is the numbers
that are read, and they are the same.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

import nats
import redis
from nats.aio.client import Client

RESERVED, ACKNOWLEDGED = 8, 3
BIG_IMAGES, SMALL_IMAGES = 44_000, 20
_AT_ONCE = 100
_ANSWER_S = 30.0
_DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class JobPlan:
    """One job: its number, and how many images it has."""

    job_id: int
    images: int

    @property
    def pending(self) -> int:
        """Images that nobody reserved yet."""
        return self.images - RESERVED

    @property
    def unsaved(self) -> int:
        """Images that are not acknowledged yet."""
        return self.images - ACKNOWLEDGED


def plans(jobs: int, *, big: int = 0, first: int = 101) -> list[JobPlan]:
    """So many jobs, of which the first ``big`` have 44,000 images."""
    return [
        JobPlan(first + number, BIG_IMAGES if number < big else SMALL_IMAGES)
        for number in range(jobs)
    ]


async def fill_nats(url: str, jobs: Sequence[JobPlan]) -> None:
    """Make the streams and consumers, publish, reserve and acknowledge."""
    client = await nats.connect(url, pending_size=64 * 1024 * 1024)
    try:
        for start in range(0, len(jobs), _AT_ONCE):
            some = jobs[start : start + _AT_ONCE]
            await asyncio.gather(*(make_job(client, job) for job in some))
            await asyncio.gather(*(_work(client, job) for job in some))
        await client.flush()
    finally:
        await client.close()


async def make_job(client: Client, job: JobPlan) -> None:
    """Make a job's stream and consumer, and publish its images."""
    stream, consumer = f"job_{job.job_id}", f"job-{job.job_id}-consumer"
    subject = f"job.{job.job_id}.tasks"
    await _ask(
        client,
        f"STREAM.CREATE.{stream}",
        {
            "name": stream,
            "subjects": [subject],
            "retention": "limits",
            "storage": "memory",
            "max_age": _DAY_NS,
            "num_replicas": 1,
        },
    )
    await _ask(
        client,
        f"CONSUMER.DURABLE.CREATE.{stream}.{consumer}",
        {
            "stream_name": stream,
            "config": {
                "durable_name": consumer,
                "deliver_policy": "all",
                "ack_policy": "explicit",
                "ack_wait": 3_600 * 10**9,
                "max_deliver": 5,
                "filter_subject": subject,
                "max_ack_pending": 1000,
            },
        },
    )
    for image in range(job.images):
        await client.publish(subject, _message(job.job_id, image))
    await client.flush(timeout=60)


async def _work(client: Client, job: JobPlan) -> None:
    """A worker reserves some images, and acknowledges the first of them."""
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    where = f"$JS.API.CONSUMER.MSG.NEXT.job_{job.job_id}.job-{job.job_id}-consumer"
    await client.publish(where, json.dumps({"batch": RESERVED}).encode(), inbox)
    messages = [await subscription.next_msg(timeout=_ANSWER_S) for _ in range(RESERVED)]
    await subscription.unsubscribe()
    for message in messages[:ACKNOWLEDGED]:
        await client.publish(message.reply, b"+ACK")


async def _ask(client: Client, what: str, config: dict[str, object]) -> None:
    answer = await client.request(f"$JS.API.{what}", json.dumps(config).encode(), timeout=_ANSWER_S)
    body = json.loads(answer.data)
    if "error" in body:
        raise RuntimeError(f"{what}: {body['error']}")


def _message(job_id: int, image: int) -> bytes:
    task = {
        "id": f"{image}",
        "image_id": f"{image}",
        "image_url": f"https://images.example.org/{job_id}/{image}.jpg",
        "reply_subject": None,
    }
    return json.dumps(task).encode()


def fill_redis(url: str, jobs: Sequence[JobPlan], *, saved: int = ACKNOWLEDGED) -> None:
    """Write each job's keys: the sets of what is pending, and the total.

    Args:
        saved: So many images of each are not pending any more.
    """
    with redis.Redis.from_url(url) as client, client.pipeline(transaction=False) as pipe:
        for job in jobs:
            left = [str(image) for image in range(saved, job.images)]
            for stage in ("process", "results"):
                pipe.sadd(f"job:{job.job_id}:pending_images:{stage}", *left)
            pipe.set(f"job:{job.job_id}:pending_images_total", job.images, ex=7 * 86_400)
        pipe.execute()
