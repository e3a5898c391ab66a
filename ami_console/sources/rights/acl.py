"""What a Redis login may do: ``ACL DRYRUN``, or its rules."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from redis import exceptions
from redis.asyncio import Redis

from ami_console.errors import SourceError
from ami_console.settings import Address
from ami_console.sources.counters import redis_error
from ami_console.sources.failures import Target
from ami_console.sources.redis_client import redis_client, secrets_of
from ami_console.sources.rights.facts import LIMIT_S, Command, RedisFacts
from ami_console.sources.values import mapping, text


async def ask_redis(address: Address, setting: str, commands: Iterable[Command]) -> RedisFacts:
    """``INFO server``, ``ACL WHOAMI``, then ``ACL DRYRUN`` of each command, or ``ACL GETUSER``.

    DRYRUN (Redis 7) says whether a user may run a command and does not run it. Before that the
    user's rules are asked for. A login without rights on ``ACL`` can do neither.

    Args:
        address: The server.
        setting: Name of the address's setting.
        commands: What to ask about, each with arguments.
    """
    target = Target("Redis", address, setting, secrets_of(address))
    try:
        client = redis_client(target)
    except SourceError as error:
        return RedisFacts(error=str(error))
    try:
        async with asyncio.timeout(LIMIT_S):
            return await _ask_redis(client, target, list(commands))
    except TimeoutError:
        return RedisFacts(error=str(target.unreachable("no answer in time")))
    except (exceptions.RedisError, OSError) as error:
        return RedisFacts(error=str(redis_error(target, error)))
    finally:
        await client.aclose()


async def _ask_redis(client: Redis, target: Target, commands: list[Command]) -> RedisFacts:
    version = None
    with contextlib.suppress(exceptions.NoPermissionError):
        version = _version(await _ask(client, "INFO", "server"))
    try:
        user: bytes = await _ask(client, "ACL", "WHOAMI")
    except exceptions.NoPermissionError:
        return RedisFacts(version=version, why_not="it may not ask ACL WHOAMI, so it has limits")
    except exceptions.ResponseError as error:
        if "unknown command" in str(error).lower():  # before Redis 6 a login may do everything
            return RedisFacts(version=version, rules="+@all", keys=("*",))
        raise
    known = RedisFacts(version=version, is_default=user == b"default")
    try:
        allowed = await _dry_run(client, user, commands)
        if allowed is not None:
            return replace(known, allowed=allowed)
        reply: list[Any] = await _ask(client, "ACL", "GETUSER", user)
        found = dict(zip(reply[::2], reply[1::2], strict=True))
        rules = found[b"commands"].decode()
        keys = found[b"keys"]
        return replace(
            known,
            rules=rules,
            keys=tuple(key.decode() for key in keys) if isinstance(keys, list) else ("*",),
            categories=await _categories(client, rules),
        )
    except exceptions.NoPermissionError:
        return replace(known, why_not="it may not ask for its own rights (ACL), so it has limits")
    except (KeyError, TypeError, ValueError, AttributeError):
        return replace(known, why_not="ACL GETUSER answered with something else")


async def _ask(client: Redis, *words: str | bytes) -> Any:
    """One command; in parts, for redis-py's own reading of ACL rules loses their order."""
    return await client.execute_command(*words)  # type: ignore[no-untyped-call]


async def _dry_run(
    client: Redis, user: bytes, commands: list[Command]
) -> dict[Command, bool] | None:
    """What the server says; ``None``: it is too old to be asked that."""
    allowed: dict[Command, bool] = {}
    for command in commands:
        try:
            reply = await _ask(client, "ACL", "DRYRUN", user, *command)
        except exceptions.NoPermissionError:
            raise
        except exceptions.ResponseError as error:
            if "unknown" in str(error).lower() and not allowed:
                return None
            continue  # this one it does not know
        allowed[command] = reply == b"OK"
    return allowed


async def _categories(client: Redis, rules: str) -> dict[str, frozenset[str]]:
    """The commands of each category that the rules name."""
    names = {rule[2:] for rule in rules.split() if rule[1:2] == "@"} - {"all"}
    return {
        name: frozenset(command.decode() for command in await _ask(client, "ACL", "CAT", name))
        for name in sorted(names)
    }


def _version(about: object) -> str | None:
    found = mapping(about)
    name = text(found.get("server_name"))
    if name and text(found.get(f"{name}_version")):
        return f"{found[f'{name}_version']} ({name})"
    return text(str(found.get("redis_version") or ""))
