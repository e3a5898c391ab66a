"""A connection to one of the Redis servers: what a read-only login needs, and no more."""

import asyncio
import math
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ami_console.settings import Address, Secret
from ami_console.sources.failures import Target
from ami_console.sources.tls import tls_context, trusted_authorities

_LIMIT_S = 30.0


def redis_client(target: Target) -> Redis:
    """A client that keeps one connection; it connects at its first command.

    Raises:
        SourceError: The address, or ``SSL_CERT_FILE``, can't be used.
    """
    url = target.address.reveal()
    options: dict[str, Any] = {
        "max_connections": 1,
        "timeout": _LIMIT_S,
        "socket_connect_timeout": _LIMIT_S,
        "socket_timeout": _LIMIT_S,
        "retry": Retry(NoBackoff(), 0),
        # RESP2 and no driver name: not one command (HELLO, CLIENT SETINFO) that a
        # read-only login may lack.
        "protocol": 2,
        "driver_info": None,
    }
    if urlsplit(url).scheme == "rediss":
        tls_context(target)  # says what is wrong with SSL_CERT_FILE, if anything
        options["ssl_ca_certs"] = trusted_authorities()
    try:
        pool = BlockingConnectionPool.from_url(url, **options)
        # Opens nothing, but stumbles over options that no connection has.
        pool.make_connection()  # type: ignore[no-untyped-call]
    except (TypeError, ValueError, exceptions.RedisError):
        # Not chained: the text may repeat parts of the URL.
        raise target.unreachable(
            "no usable address", f"check {target.variable} and its ?options"
        ) from None
    return Redis.from_pool(pool)


async def ask_all(client: Redis, packed: bytes, *, replies: int) -> list[Any]:
    """Send commands that are packed already, and give their raw replies in order.

    As a pipeline does it, without its work per command: with thousands of them that is most of
    the time.

    Args:
        client: From :func:`redis_client`.
        packed: The commands, each packed by ``hiredis.pack_command``.
        replies: How many they are.

    Returns:
        One reply per command; an error reply is an exception among them.
    """
    pool: Any = client.connection_pool
    connection = await pool.get_connection()
    try:
        await connection.send_packed_command(packed)
        found: list[Any] = []
        async with asyncio.timeout(_LIMIT_S):
            for _ in range(replies):
                try:
                    # One limit for all instead of a timer for each.
                    found.append(await connection.read_response(timeout=math.inf))
                except exceptions.ResponseError as error:
                    found.append(error)
    except TimeoutError:
        raise exceptions.TimeoutError from None
    finally:
        await pool.release(connection)
    return found


def secrets_of(address: Address) -> tuple[Secret, ...]:
    """The password in an address, as it stands there and as it is meant."""
    parts = urlsplit(address.reveal())
    found = [parts.password or "", *parse_qs(parts.query).get("password", [])]
    return tuple(Secret(form) for text in found if text for form in {text, unquote(text)})
