"""Pending and failed images of each job, from Antenna's Redis; one pipeline a look."""

import re
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import hiredis
from redis import exceptions
from redis.asyncio import Redis

from ami_console.errors import SourceError
from ami_console.instants import NS_PER_S, now_ns
from ami_console.reading import Reading, Row, SourceName
from ami_console.settings import Settings
from ami_console.sources.counter_rows import counter_row
from ami_console.sources.failures import Target, network_reason
from ami_console.sources.redis_client import ask_all, redis_client, secrets_of
from ami_console.sources.values import integer

__all__ = ["CountersSource", "counter_row"]

_TOTAL_KEYS = "job:*:pending_images_total"
_TOTAL_KEY = re.compile(rb"job:([1-9][0-9]{0,17}):pending_images_total")
_COMMANDS_PER_JOB = 5
_TIME = hiredis.pack_command(("TIME",))
_KEYS_PER_SCAN = 1000


class CountersSource:
    """Antenna's Redis. Opens nothing until the first question, then keeps one connection.

    Uses GET, SCARD, TTL, TIME and SCAN (and AUTH and SELECT where the address asks for them):
    a login that may do no more than that is enough, on keys ``job:*``.
    """

    name: ClassVar[SourceName] = "redis"

    def __init__(self, settings: Settings) -> None:
        address = settings.redis_url
        self.target = Target("Redis", address, "REDIS_URL", secrets_of(address))
        self._client: Redis | None = None
        self._kept = False
        self._packed: dict[int, bytes] = {}

    async def read(self, job_ids: Collection[int]) -> Reading:
        """Counters of these jobs now; without any, only whether Redis answers.

        ``bytes`` stays missing: the library does not tell.

        Raises:
            SourceError: Redis could not be read.
        """
        wanted = sorted(set(job_ids))
        return await self._fresh(lambda: self._look(wanted, began=time.monotonic()))

    async def discover(self) -> Reading:
        """All jobs that have a total key, and their counters. Walks all keys with SCAN.

        Raises:
            SourceError: Redis could not be read.
        """
        return await self._fresh(self._walk)

    async def aclose(self) -> None:
        """Close the connection; a later question opens a new one."""
        client, self._client, self._kept = self._client, None, False
        if client is not None:
            await client.aclose()

    async def _fresh(self, look: Callable[[], Awaitable[Reading]]) -> Reading:
        """Look; once more if it failed on a connection that was kept from an earlier look."""
        try:
            reading = await look()
        except (exceptions.RedisError, OSError) as error:
            if not self._kept or type(error) is not exceptions.ConnectionError:
                raise redis_error(self.target, error) from None
            self._kept = False
            return await self._fresh(look)
        self._kept = True
        return reading

    async def _walk(self) -> Reading:
        began = time.monotonic()
        client = self._connected()
        found: set[int] = set()
        cursor, rounds = 0, 0
        while rounds == 0 or cursor != 0:
            cursor, keys = await client.scan(cursor, match=_TOTAL_KEYS, count=_KEYS_PER_SCAN)
            rounds += 1
            for key in keys:
                match = _TOTAL_KEY.fullmatch(key if isinstance(key, bytes) else key.encode())
                if match:
                    found.add(int(match[1]))
        reading = await self._look(sorted(found), began=began)
        return replace(reading, requests=rounds + 1, job_ids=frozenset(found))

    async def _look(self, job_ids: Sequence[int], *, began: float) -> Reading:
        # The same commands look by look: packed once.
        known = self._packed
        packed = {job_id: known.get(job_id) or _commands(job_id) for job_id in job_ids}
        self._packed = packed
        asked = b"".join((_TIME, *packed.values()))
        sent_at = now_ns()
        replies = await ask_all(
            self._connected(), asked, replies=1 + _COMMANDS_PER_JOB * len(job_ids)
        )
        observed_at = now_ns()
        for reply in replies[1:]:
            if isinstance(reply, exceptions.RedisError) and not _is_wrong_type(reply):
                raise reply
        rows: list[Row] = []
        for index, job_id in enumerate(job_ids):
            start = 1 + index * _COMMANDS_PER_JOB
            total, process, results, failed, ttl_s = replies[start : start + _COMMANDS_PER_JOB]
            rows.append(
                counter_row(
                    job_id,
                    observed_at=observed_at,
                    total=total,
                    pending_process=process,
                    pending_results=results,
                    failed=failed,
                    ttl_s=ttl_s,
                )
            )
        return Reading(
            source=self.name,
            observed_at=observed_at,
            elapsed_s=time.monotonic() - began,
            requests=1,
            clock_offset_s=_offset_s(replies[0], (sent_at + observed_at) // 2),
            rows={"counters": rows},
        )

    def _connected(self) -> Redis:
        if self._client is None:
            self._client = redis_client(self.target)
        return self._client


def _commands(job_id: int) -> bytes:
    total = f"job:{job_id}:pending_images_total"
    commands: tuple[Any, ...] = (
        ("GET", total),
        ("SCARD", f"job:{job_id}:pending_images:process"),
        ("SCARD", f"job:{job_id}:pending_images:results"),
        ("SCARD", f"job:{job_id}:failed_images"),
        ("TTL", total),
    )
    return b"".join(map(hiredis.pack_command, commands))


def redis_error(target: Target, error: Exception) -> SourceError:
    """What an error of redis-py (or of the system below it) means for the operator."""
    said = target.quote(error)
    problem: SourceError
    match error:
        case exceptions.AuthenticationError() | exceptions.AuthenticationWrongNumberOfArgsError():
            problem = target.refused(
                f"the login was refused ({said})", f"put user and password into {target.variable}"
            )
        case exceptions.NoPermissionError() | exceptions.AuthorizationError():
            problem = target.refused(
                f"this login may not read ({said})", "allow it +get +scard +ttl +scan on ~job:*"
            )
        case exceptions.BusyLoadingError():
            problem = target.unreachable(f"not ready yet ({said})", "wait until it has loaded")
        case exceptions.MaxConnectionsError() | exceptions.ExternalAuthProviderError():
            problem = target.refused(f"no connection for us ({said})", "raise its maxclients")
        case exceptions.MasterDownError() | exceptions.ClusterDownError():
            problem = target.unreachable(f"not ready ({said})", "look into its own log")
        case exceptions.TimeoutError():
            problem = target.unreachable("no answer in time")
        case exceptions.ResponseError():
            problem = target.malformed(f"it answered with an error ({said})")
        case exceptions.InvalidResponse():
            problem = target.malformed("what answers is not Redis")
        case exceptions.ConnectionError() if "closed by server" in said:
            problem = target.unreachable("it closed the connection")
        case _:
            broke = f"the connection broke ({type(error).__name__})"
            problem = target.unreachable(network_reason(error) or broke)
    return problem


def _is_wrong_type(reply: exceptions.RedisError) -> bool:
    """One key that holds something else costs that value, not the look."""
    return str(reply).startswith("WRONGTYPE")


def _offset_s(reply: object, midpoint_at: int) -> float | None:
    """Redis's clock minus ours, seconds; missing where TIME is not allowed."""
    if not isinstance(reply, list | tuple) or len(reply) != 2:
        return None
    whole_s, rest_us = integer(reply[0]), integer(reply[1])
    if whole_s is None or rest_us is None:
        return None
    return (whole_s * NS_PER_S + rest_us * 1_000 - midpoint_at) / NS_PER_S
