"""What Antenna, the NATS monitoring port and RabbitMQ tell over HTTP; GET requests only."""

import asyncio
import contextlib
from urllib.parse import urlsplit, urlunsplit

import httpx

from ami_console.errors import SourceError
from ami_console.settings import Address, Settings
from ami_console.sources.antenna_client import antenna_client
from ami_console.sources.failures import Target
from ami_console.sources.redis_client import secrets_of
from ami_console.sources.rest import Answer, JsonClient
from ami_console.sources.rights.facts import LIMIT_S, AntennaFacts, MonitorFacts, RabbitFacts
from ami_console.sources.values import integer, items, mapping, text

_MONITOR_S = 3.0


async def ask_antenna(settings: Settings) -> AntennaFacts:
    """Two GETs: who is the token's user, and what may it do with the newest job.

    ``OPTIONS`` is of no use: Antenna lists every action there, also to who is not logged in.
    """
    target, client = antenna_client(settings, limit_s=LIMIT_S)
    has_token, servers = bool(settings.antenna_token), _servers_seen(target, client)
    try:
        async with asyncio.timeout(LIMIT_S):
            me = await client.get("users/me/", accept=frozenset({200, 401, 403, 404}))
            page = await client.get("jobs/", {"dispatch_mode": "async_api", "limit": 1})
    except TimeoutError:
        return AntennaFacts(error=str(target.unreachable("no answer in time")))
    except SourceError as error:
        return AntennaFacts(
            error=str(error), has_token=has_token, server=servers[0] if servers else None
        )
    finally:
        await client.aclose()
    jobs = items(page.body.get("results"))
    return AntennaFacts(
        server=servers[0] if servers else None,
        user_id=integer(me.body.get("id")) if me.status == 200 else None,
        has_token=has_token,
        why_no_user=None if me.status == 200 else _why(target, me),
        list_permissions=_names(page.body.get("user_permissions")),
        job_permissions=_names(mapping(jobs[0]).get("user_permissions")) if jobs else None,
    )


def _servers_seen(target: Target, client: JsonClient) -> list[str]:
    """A list that fills with the ``Server`` headers of the client's answers."""
    seen: list[str] = []

    async def note(response: httpx.Response) -> None:
        if name := response.headers.get("server"):
            seen.append(target.quote(name))

    with contextlib.suppress(SourceError):  # told by the first question
        client._connected().event_hooks["response"] = [note]
    return seen


def _why(target: Target, answer: Answer) -> str:
    said = target.quote(answer.body.get("detail") or "")
    return f"GET users/me/ answered {answer.status}" + (f" ({said})" if said else "")


def _names(value: object) -> tuple[str, ...] | None:
    """A list of names; ``None`` where there is no list."""
    if not isinstance(value, list):
        return None
    return tuple(name for each in value if (name := text(each)))


async def ask_monitor(settings: Settings) -> MonitorFacts:
    """Two GETs, which cost the broker nothing: ``/varz`` and the summary of ``/jsz``."""
    target = Target("NATS monitoring", settings.nats_monitor_url, "NATS_MONITOR_URL")
    client = JsonClient(target, limit_s=_MONITOR_S)
    try:
        async with asyncio.timeout(LIMIT_S):
            about = await client.get("varz")
            streams = await client.get("jsz")
    except TimeoutError:
        return MonitorFacts(error=str(target.unreachable("no answer in time")))
    except SourceError as error:
        return MonitorFacts(error=str(error))
    finally:
        await client.aclose()
    return MonitorFacts(
        version=text(about.body.get("version")), accounts=integer(streams.body.get("accounts"))
    )


async def ask_rabbit(settings: Settings) -> RabbitFacts:
    """Two GETs of RabbitMQ's management API: its version, and the tags of our user."""
    address = settings.rabbitmq_url
    parts = urlsplit(address.reveal())
    bare = Address(urlunsplit((parts.scheme, parts.netloc, "", "", "")))
    target = Target("RabbitMQ", bare, "RABBITMQ_URL", secrets_of(address))
    client = JsonClient(target, limit_s=LIMIT_S)
    try:
        async with asyncio.timeout(LIMIT_S):
            me = await client.get("api/whoami")
            about = await client.get("api/overview")
    except TimeoutError:
        return RabbitFacts(error=str(target.unreachable("no answer in time")))
    except SourceError as error:
        return RabbitFacts(error=str(error))
    finally:
        await client.aclose()
    tags = me.body.get("tags")
    told = tuple(tags.split(",")) if isinstance(tags, str) else _names(tags)  # text before 3.9
    return RabbitFacts(version=text(about.body.get("rabbitmq_version")), tags=told)
