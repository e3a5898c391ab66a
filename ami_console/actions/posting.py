"""The one request that changes something: sent once, and never again by itself."""

import asyncio
import time
from urllib.parse import urlsplit

import httpx
import orjson

from ami_console.actions.action import Action
from ami_console.actions.answer import Answer, Kind
from ami_console.errors import SourceError
from ami_console.logs.masking import masked
from ami_console.settings import Settings
from ami_console.sources.antenna_client import antenna_client
from ami_console.sources.bounded_body import BodyTooLarge, bounded_body
from ami_console.sources.failures import Target
from ami_console.sources.rest import JsonClient, http_error

LIMIT_S = 60.0
"""How long an answer is waited for, seconds. A cancel was seen to take six: Antenna waits for the
broker meanwhile."""

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    ValueError,  # no usable address or header
)

MOST_BYTES = 16 << 20
"""What an answer may have: a job with its newest log lines has some MB."""

NOT_KNOWN = "Whether it was done is not known"

_RIGHTS = "set AMI_CONSOLE_ANTENNA_TOKEN to the token of a user who may change jobs of this project"


class _Writer(JsonClient):
    """A client that can ask for an action too."""

    async def post(self, path: str) -> tuple[httpx.Response, bytes]:
        """Send a POST without a body, once; a redirect is not followed.

        Returns:
            The answer and its body, which is empty when it is larger than a job ever is.
        """
        async with self._connected().stream("POST", path) as response:
            try:
                return response, await bounded_body(response, most_bytes=MOST_BYTES)
            except BodyTooLarge:
                return response, b""


async def post(
    settings: Settings, job_id: int, action: Action, *, limit_s: float = LIMIT_S
) -> Answer:
    """Ask Antenna for an action on a job, once.

    Args:
        settings: Where Antenna is, and the token.
        job_id: The job.
        action: What to do.
        limit_s: How long an answer is waited for, seconds.
    """
    target, client = _writer(settings, limit_s)
    began = time.monotonic()
    status = None
    try:
        async with asyncio.timeout(limit_s):
            response, content = await client.post(f"jobs/{job_id}/{action}/")
        status = response.status_code
        kind, says = _told(target, response, content, job_id)
    except TimeoutError:
        kind, says = "not known", f"{NOT_KNOWN}: no answer within {limit_s:g} s."
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
        kind, says = _failed(target, error)
    except SourceError as error:  # the address or the certificates can't be used
        kind, says = "not sent", f"Nothing was sent: {error}"
    finally:
        await client.aclose()
    elapsed_s = time.monotonic() - began
    return Answer(kind=kind, says=masked([says])[0], status=status, elapsed_s=elapsed_s)


def _writer(settings: Settings, limit_s: float) -> tuple[Target, _Writer]:
    target, _ = antenna_client(settings)
    token = settings.antenna_token
    has_base = urlsplit(settings.antenna_url.reveal()).path.rstrip("/").endswith("/api/v2")
    writer = _Writer(
        target,
        base="/" if has_base else "/api/v2/",
        headers={"Authorization": f"Token {token.reveal()}"} if token else {},
        limit_s=limit_s,
    )
    return target, writer


def _failed(target: Target, error: Exception) -> tuple[Kind, str]:
    why = str(http_error(target, error))
    if isinstance(error, _NEVER_SENT):
        return "not sent", f"Nothing was sent: {why}"
    return "not known", f"{NOT_KNOWN}: {why}"


def _told(
    target: Target, response: httpx.Response, content: bytes, job_id: int
) -> tuple[Kind, str]:
    status = response.status_code
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = None
    detail = body.get("detail") if isinstance(body, dict) else None
    said = f"Antenna answered {status}" + (f" ({target.quote(detail)})" if detail else "")
    if 200 <= status < 300:
        if isinstance(body, dict) and body.get("id") == job_id:
            return "accepted", f"{said}: the job is {target.quote(body.get('status'))}."
        return "not known", f"{NOT_KNOWN}: {said} with something that is not this job."
    if status >= 500 or status == 408:
        return "not known", f"{NOT_KNOWN}: {said}; look into Antenna's own log."
    return "refused", f"Nothing was done: {said}{_advice(target, response)}."


def _advice(target: Target, response: httpx.Response) -> str:
    status = response.status_code
    if 300 <= status < 400:
        try:
            to = urlsplit(response.headers.get("location", "")).hostname or "another path"
        except ValueError:
            to = "no address"
        return (
            f", a redirect to {target.quote(to)}, which is not followed; "
            f"set {target.variable} to the address that answers itself"
        )
    if status in (401, 403):
        return f"; {_RIGHTS}"
    return "; this token sees no such job" if status == 404 else ""
