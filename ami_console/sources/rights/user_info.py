"""What a NATS login may do, from the server's own mouth."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from nats import errors
from nats.aio.client import Client

from ami_console.errors import SourceError
from ami_console.settings import Settings
from ami_console.sources.broker import close, connect, nats_target
from ami_console.sources.failures import Target
from ami_console.sources.rights.facts import LIMIT_S, NatsFacts
from ami_console.sources.values import mapping, text

_USER_INFO = "$SYS.REQ.USER.INFO"
_ANSWER_S = 3.0


async def ask_nats(settings: Settings) -> NatsFacts:
    """One connection and one question, ``$SYS.REQ.USER.INFO``: it tells a login its own rights.

    A login that has limits may be limited not to ask; then all that is known is that it has some.
    """
    target = nats_target(settings)
    refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def on_error(error: Exception) -> None:
        if not refused.done():
            refused.set_result(target.quote(str(error).removeprefix("nats: ")))

    async def on_closed() -> None:
        pass

    try:
        async with asyncio.timeout(LIMIT_S):
            client = await connect(settings, target, on_error=on_error, on_closed=on_closed)
    except TimeoutError:
        return NatsFacts(error=str(target.unreachable("no answer in time")))
    except SourceError as error:
        return NatsFacts(error=str(error))
    try:
        told, why_not = await _user_info(client, target, refused)
    finally:
        await close(client)
    about = client._server_info
    return NatsFacts(
        version=text(about.get("version")),
        asks_for_login=bool(about.get("auth_required")),
        account=text(told.get("account")) if told is not None else None,
        told=told is not None,
        permissions=mapping(told.get("permissions")) if told is not None else {},
        why_not=why_not,
    )


async def _user_info(
    client: Client, target: Target, refused: "asyncio.Future[str]"
) -> tuple[Mapping[str, Any] | None, str | None]:
    """What the server says of our user, or why it does not."""
    asked = asyncio.ensure_future(client.request(_USER_INFO, b"", timeout=_ANSWER_S))
    either: set[asyncio.Future[Any]] = {asked, refused}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not asked.done():
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        return None, f"it may not ask {_USER_INFO}, so it has limits ({refused.result()})"
    try:
        data = mapping(mapping(orjson.loads(asked.result().data)).get("data"))
    except (errors.Error, OSError, ValueError) as error:
        return None, f"{_USER_INFO} was not answered ({type(error).__name__})"
    if not data.get("account"):
        return None, f"{_USER_INFO} answered with something else"
    return data, None
