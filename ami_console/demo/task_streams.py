"""What Antenna does to NATS: one stream and consumer per job, a message per image."""

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import ConnectionClosedError
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from ami_console.settings import Settings

_DAY_S, _HOUR_S = 86_400, 3_600
_FETCH_S = 0.5
_ANSWER_S = 2.0
_PUBLISHED_AT_ONCE = 64

_log = logging.getLogger("django.nats_queue")


def stream_name(job_id: int) -> str:
    """Name of a job's stream."""
    return f"job_{job_id}"


def consumer_name(job_id: int) -> str:
    """Name of a job's consumer."""
    return f"job-{job_id}-consumer"


class TaskStreams:
    """Streams and consumers of jobs. Methods raise what nats-py raises when the broker is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None or self._client.is_closed:
                self._client = None
                self._client = await self._connect()
        if not self._client.is_connected:  # it reconnects by itself; what is sent now would pile up
            raise ConnectionClosedError
        return self._client

    async def _connect(self) -> Client:
        settings = self._settings
        login: dict[str, Any] = {}
        if settings.nats_user:
            login = {"user": settings.nats_user, "password": settings.nats_password.reveal()}
        elif settings.nats_token:
            login = {"token": settings.nats_token.reveal()}

        async def quiet(error: Exception) -> None:
            _log.debug("NATS: %s", type(error).__name__)

        return await nats.connect(
            settings.nats_url.reveal(),
            name="ami-console demo antenna",
            connect_timeout=2,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.3,
            error_cb=quiet,
            **login,
        )

    async def publish(
        self,
        job_id: int,
        images: Sequence[tuple[str, str]],
        *,
        ack_wait_s: float,
        max_deliver: int,
        max_ack_pending: int,
    ) -> bool:
        """Make stream and consumer of a job, and publish a message per image.

        An existing stream is published into again, as Antenna does on a retry.

        Args:
            images: Image id and URL.

        Returns:
            Whether the stream was new.
        """
        js = (await self._connected()).jetstream(timeout=_ANSWER_S)
        await js.add_stream(_config("advisories", "$JS.EVENT.ADVISORY.>", _HOUR_S))
        try:
            await js.stream_info(stream_name(job_id))
            is_new = False
        except NotFoundError:
            is_new = True
        await js.add_stream(_config(stream_name(job_id), f"job.{job_id}.tasks", _DAY_S))
        await js.add_consumer(
            stream_name(job_id),
            ConsumerConfig(
                durable_name=consumer_name(job_id),
                deliver_policy=DeliverPolicy.ALL,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ack_wait_s,
                max_deliver=max_deliver,
                filter_subject=f"job.{job_id}.tasks",
                max_ack_pending=max_ack_pending,
            ),
        )
        for start in range(0, len(images), _PUBLISHED_AT_ONCE):
            await asyncio.gather(
                *(
                    js.publish(f"job.{job_id}.tasks", _message(image_id, url))
                    for image_id, url in images[start : start + _PUBLISHED_AT_ONCE]
                )
            )
        return is_new

    async def fetch(self, job_id: int, batch: int) -> list[dict[str, Any]]:
        """Reserve up to ``batch`` images; empty when there is nothing, or no stream.

        Returns:
            The messages, each with the subject that an acknowledgement goes to.
        """
        client = await self._connected()
        js = client.jetstream(timeout=_ANSWER_S)
        try:
            text = await self.consumer_text(job_id)
        except NotFoundError:
            return []
        _log.info("Reusing NATS consumer %s (%s)", consumer_name(job_id), text)
        subscription = await js.pull_subscribe_bind(consumer_name(job_id), stream_name(job_id))
        try:
            messages = await subscription.fetch(batch, timeout=_FETCH_S)
        except TimeoutError:
            return []
        finally:
            await subscription.unsubscribe()
        _log.info("Reserved %d tasks from stream for job '%d'", len(messages), job_id)
        return [
            {**json.loads(message.data), "reply_subject": message.reply} for message in messages
        ]

    async def acknowledge(self, reply_subject: str) -> None:
        """Acknowledge by a plain publish: nothing comes back."""
        client = await self._connected()
        await client.publish(reply_subject, b"+ACK")
        await client.flush(timeout=2)

    async def consumer_text(self, job_id: int) -> str:
        """The consumer's numbers as Antenna logs them.

        Raises:
            NotFoundError: There is no such stream or consumer.
        """
        js = (await self._connected()).jetstream(timeout=_ANSWER_S)
        info = await js.consumer_info(stream_name(job_id), consumer_name(job_id))
        delivered = info.delivered.consumer_seq if info.delivered else 0
        floor = info.ack_floor.consumer_seq if info.ack_floor else 0
        return (
            f"delivered={delivered} ack_floor={floor} num_pending={info.num_pending} "
            f"num_ack_pending={info.num_ack_pending} num_redelivered={info.num_redelivered}"
        )

    async def delete_consumer(self, job_id: int) -> None:
        """Delete the job's consumer."""
        js = (await self._connected()).jetstream(timeout=_ANSWER_S)
        await js.delete_consumer(stream_name(job_id), consumer_name(job_id))

    async def delete_stream(self, job_id: int) -> None:
        """Delete the job's stream."""
        js = (await self._connected()).jetstream(timeout=_ANSWER_S)
        await js.delete_stream(stream_name(job_id))

    async def job_ids(self) -> list[int]:
        """Jobs that have a stream."""
        client = await self._connected()
        reply = await client.request("$JS.API.STREAM.NAMES", b"", timeout=_ANSWER_S)
        names = json.loads(reply.data).get("streams") or []
        return [int(name[4:]) for name in names if name.startswith("job_")]


def _config(name: str, subject: str, max_age_s: int) -> StreamConfig:
    return StreamConfig(
        name=name,
        subjects=[subject],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        max_age=max_age_s,
    )


def _message(image_id: str, url: str) -> bytes:
    task = {"id": image_id, "image_id": image_id, "image_url": url, "reply_subject": None}
    return json.dumps(task).encode()
