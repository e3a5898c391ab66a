"""How much waits in Celery's queues: RabbitMQ's management API, or the lists of a Redis broker."""

import re
import time
from collections.abc import Collection
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from redis import exceptions
from redis.asyncio import Redis

from ami_console.errors import SourceError, SourceMalformed
from ami_console.instants import now_ns
from ami_console.reading import Reading, SourceName
from ami_console.settings import Address, Settings
from ami_console.sources.counters import redis_error
from ami_console.sources.failures import Target
from ami_console.sources.queue_rows import MANAGEMENT_COLUMNS, list_row, lists_of, management_rows
from ami_console.sources.redis_client import redis_client, secrets_of
from ami_console.sources.rest import JsonClient, date_offset_s

_MOST_QUEUES = 500


class CeleryQueueSource:
    """Celery's queues. Opens nothing until the first question.

    RabbitMQ where ``rabbitmq_url`` is set, else the Redis of ``celery_redis_url``. The rows are
    of the queues in the settings; jobs have no part in it.
    """

    name: ClassVar[SourceName] = "celery"

    def __init__(self, settings: Settings) -> None:
        self._broker: _Rabbit | _Lists = (
            _Rabbit(settings) if settings.rabbitmq_url else _Lists(settings)
        )

    async def read(self, job_ids: Collection[int]) -> Reading:
        """The queues now; ``job_ids`` are of no account.

        RabbitMQ's numbers are up to 5 s old, and a queue without numbers has a row all the same:
        with a remark in ``error`` when RabbitMQ does not know the queue at all. In Redis a queue
        that nobody knows and an empty one are the same, so there it is 0.

        Raises:
            SourceError: The broker could not be read.
        """
        return await self._broker.look()

    async def discover(self) -> Reading:
        """The same: queues tell nothing of which jobs there are.

        Raises:
            SourceError: The broker could not be read.
        """
        return await self._broker.look()

    async def aclose(self) -> None:
        """Close the connections; a later question opens new ones."""
        await self._broker.aclose()


class _Rabbit:
    """RabbitMQ's management API: one request a look, for the queues asked for and no others."""

    def __init__(self, settings: Settings) -> None:
        self._queues = settings.celery_queues
        parts = urlsplit(settings.rabbitmq_url.reveal())
        self._vhost = unquote(parts.path.strip("/")) or "/"
        self.target = Target(
            "RabbitMQ",
            Address(urlunsplit((parts.scheme, parts.netloc, "", "", ""))),
            "RABBITMQ_URL",
            secrets_of(settings.rabbitmq_url),
        )
        self._client = JsonClient(self.target)

    async def look(self) -> Reading:
        began = time.monotonic()
        # A page, because a list that is not paged is no JSON object; the rest is left out there.
        answer = await self._client.get(
            f"api/queues/{quote(self._vhost, safe='')}",
            {
                "page": 1,
                "page_size": _MOST_QUEUES,
                "name": f"^({'|'.join(map(re.escape, self._queues))})$",
                "use_regex": "true",
                "columns": ",".join(MANAGEMENT_COLUMNS),
            },
            accept=frozenset({200, 401, 404}),
        )
        if answer.status != 200:
            raise self._refusal(answer.status, answer.body.get("reason"))
        try:
            rows, unknown = management_rows(
                answer.body, self._queues, observed_at=answer.received_at
            )
        except SourceMalformed as error:
            raise self.target.malformed(str(error)) from None
        return Reading(
            source=CeleryQueueSource.name,
            observed_at=answer.received_at,
            error=self._remark(unknown) if unknown else None,
            elapsed_s=time.monotonic() - began,
            bytes=answer.size_bytes,
            requests=1,
            clock_offset_s=date_offset_s([answer]),
            rows={"queues": rows},
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    def _refusal(self, status: int, reason: object) -> SourceError:
        variable, said = self.target.variable, self.target.quote(reason)
        if status == 401:
            return self.target.refused(
                f"the login was refused ({said})",
                f"put user and password into {variable}; that user needs the tag management and "
                f"access to virtual host {self._vhost}, no right to do anything there",
            )
        return self.target.malformed(
            f"there is no virtual host {self._vhost} ({said})",
            f"the path of {variable} names it, no path means /",
        )

    def _remark(self, unknown: list[str]) -> str:
        return (
            f"RabbitMQ has no queue {', '.join(unknown)} on virtual host {self._vhost}, "
            "is AMI_CONSOLE_CELERY_QUEUES right"
        )


class _Lists:
    """A Redis broker: one pipeline of LLEN a look; its login needs no more than that."""

    def __init__(self, settings: Settings) -> None:
        self._queues = settings.celery_queues
        address = settings.celery_redis_url
        self.target = Target("Celery's Redis", address, "CELERY_REDIS_URL", secrets_of(address))
        self._client: Redis | None = None
        self._kept = False

    async def look(self) -> Reading:
        """Look; once more if it failed on a connection that was kept from an earlier look."""
        try:
            reading = await self._ask()
        except (exceptions.RedisError, OSError) as error:
            if not self._kept or type(error) is not exceptions.ConnectionError:
                raise self._problem(error) from None
            self._kept = False
            return await self.look()
        self._kept = True
        return reading

    async def _ask(self) -> Reading:
        began = time.monotonic()
        if self._client is None:
            self._client = redis_client(self.target)
        pipeline = self._client.pipeline(transaction=False)
        names = {queue: lists_of(queue) for queue in self._queues}
        for name in (name for lists in names.values() for name in lists):
            pipeline.llen(name)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
        observed_at = now_ns()
        for reply in replies:
            if isinstance(reply, exceptions.RedisError) and not _is_wrong_type(reply):
                raise reply
        lengths = iter(replies)
        rows = [
            list_row(queue, [next(lengths) for _ in lists], observed_at=observed_at)
            for queue, lists in names.items()
        ]
        odd = [row["queue"] for row in rows if row["ready"] is None]
        return Reading(
            source=CeleryQueueSource.name,
            observed_at=observed_at,
            error=f"the key {', '.join(odd)} holds no list, is it Celery's Redis" if odd else None,
            elapsed_s=time.monotonic() - began,
            requests=1,
            rows={"queues": rows},
        )

    async def aclose(self) -> None:
        client, self._client, self._kept = self._client, None, False
        if client is not None:
            await client.aclose()

    def _problem(self, error: Exception) -> SourceError:
        if isinstance(error, exceptions.NoPermissionError):
            return self.target.refused(
                f"this login may not read ({self.target.quote(error)})",
                f"allow it +llen on {' '.join(f'~{queue}*' for queue in self._queues)}",
            )
        return redis_error(self.target, error)


def _is_wrong_type(reply: exceptions.RedisError) -> bool:
    """One key that holds something else costs that value, not the look."""
    return str(reply).startswith("WRONGTYPE")
