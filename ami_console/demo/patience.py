"""Calls to NATS and Redis that wait for a server that is away, as Celery's retries do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats.errors
import nats.js.errors
import redis.exceptions

T = TypeVar("T")

AWAY = (
    nats.errors.Error,
    redis.exceptions.RedisError,
    OSError,
    TimeoutError,
    EOFError,
)
"""What NATS and Redis clients raise when a server is away (and when it refuses)."""

# These are answers: the stream or consumer is not there, and asking again changes nothing.
ANSWERS = (nats.js.errors.NotFoundError, nats.js.errors.BadRequestError)

_log = logging.getLogger("celery")


async def until_answered(
    call: Callable[[], Awaitable[T]], what: str, *, deadline_s: float | None = None
) -> T:
    """The result of a call, made again every half second while the server is away.

    Args:
        call: Makes the call anew; doing it twice must be harmless.
        what: What is tried, for the log.
        deadline_s: Give up after so many seconds; never when ``None``.

    Raises:
        TimeoutError: ``deadline_s`` is over.
    """
    async with asyncio.timeout(deadline_s):
        complained = False
        while True:
            try:
                return await call()
            except ANSWERS:
                raise
            except AWAY as error:
                if not complained:
                    _log.warning("%s: %s; trying again", what, type(error).__name__)
                complained = True
                await asyncio.sleep(0.5)
