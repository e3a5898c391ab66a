"""JSON over HTTP for Antenna and for the NATS monitoring port, every failure mapped."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx
import orjson

from ami_console.errors import SourceError
from ami_console.instants import NS_PER_S, from_http_date, now_ns
from ami_console.sources.bounded_body import ACCEPTED, BodyTooLarge, bounded_body
from ami_console.sources.failures import Target, network_reason
from ami_console.sources.tls import tls_context

_LOGS_HEADERS = ("httpcore.http11", "httpcore.http2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A JSON answer.

    Attributes:
        status: HTTP status.
        body: The JSON object.
        size_bytes: Bytes that came over the wire.
        sent_at: When the question left, ns since the epoch.
        received_at: When the answer was in, ns since the epoch.
        date_at: The server's ``Date``, cut to the second, ns since the epoch.
    """

    status: int
    body: Mapping[str, Any]
    size_bytes: int
    sent_at: int
    received_at: int
    date_at: int | None

    @property
    def midpoint_at(self) -> int:
        """The instant at which the server most likely answered, ns since the epoch."""
        return (self.sent_at + self.received_at) // 2


class JsonClient:
    """GETs JSON objects below one address. Connects at the first question.

    Args:
        target: Whom we ask, for messages and TLS.
        base: Path below the address, with slashes at both ends.
        headers: Sent with every question.
        limit_s: The longest that a connect or a silence may last, seconds. Deadlines come from
            outside; this is for callers that have none.
    """

    def __init__(
        self,
        target: Target,
        *,
        base: str = "/",
        headers: Mapping[str, str] | None = None,
        limit_s: float = 30.0,
    ) -> None:
        self._target = target
        self._base = base
        self._headers = {"Accept-Encoding": ACCEPTED, **(headers or {})}
        self._limit_s = limit_s
        self._client: httpx.AsyncClient | None = None

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            for name in _LOGS_HEADERS:
                logging.getLogger(name).addFilter(_without_headers)
            parts = urlsplit(self._target.address.reveal())
            # httpx logs every URL it asks, so the password leaves the URL before httpx sees it.
            login, _, host = parts.netloc.rpartition("@")
            user, _, password = login.partition(":")
            try:
                self._client = httpx.AsyncClient(
                    base_url=urlunsplit(
                        (parts.scheme, host, parts.path.rstrip("/") + self._base, "", "")
                    ),
                    # A token of ours goes before a login in the URL: there is one header for both.
                    auth=(unquote(user), unquote(password))
                    if login and "Authorization" not in self._headers
                    else None,
                    headers=self._headers,
                    timeout=self._limit_s,
                    verify=tls_context(self._target) if parts.scheme == "https" else False,
                    follow_redirects=False,
                )
            except (httpx.InvalidURL, ValueError) as error:
                # Not chained, here and below: their texts repeat headers and URLs.
                raise http_error(self._target, error) from None
        return self._client

    async def get(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        accept: frozenset[int] = frozenset({200}),
    ) -> Answer:
        """Ask once.

        Args:
            path: Below the base, without a leading slash.
            params: Query.
            accept: Statuses whose JSON body is an answer; every other status raises.

        Raises:
            SourceError: Nobody answered, the server refused, or this is no JSON object, or one
                larger than ``bounded_body.MOST_BYTES``.
        """
        client = self._connected()
        sent_at = now_ns()
        try:
            async with client.stream("GET", path, params=params) as response:
                content = await bounded_body(response)
        except BodyTooLarge as error:
            asked = f"GET {response.request.url.path} answered {response.status_code}"
            raise self._target.malformed(
                f"{asked} with {error}, which was not read to its end"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
            raise http_error(self._target, error) from None
        received_at = now_ns()
        try:
            body = orjson.loads(content)
        except orjson.JSONDecodeError:
            body = None
        if response.status_code not in accept or not isinstance(body, dict):
            raise status_error(self._target, response, content, body)
        return Answer(
            status=response.status_code,
            body=body,
            size_bytes=response.num_bytes_downloaded,
            sent_at=sent_at,
            received_at=received_at,
            date_at=from_http_date(response.headers.get("date")),
        )

    async def aclose(self) -> None:
        """Close; the next question connects anew."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _without_headers(record: logging.LogRecord) -> bool:
    """Of a step with headers only its name: httpcore logs answers with their cookies."""
    said = str(record.msg)
    if "headers" in said:
        record.msg, record.args = said.partition(" ")[0], ()
    return True


def http_error(target: Target, error: Exception) -> SourceError:
    """What an error of httpx (or of the system below it) means for the operator."""
    problem: SourceError
    match error:
        case httpx.TimeoutException():
            problem = target.unreachable("no answer in time")
        case httpx.DecodingError():
            problem = target.malformed("its answer can't be decompressed")
        case httpx.LocalProtocolError() | UnicodeError():
            problem = target.refused(
                "the question can't be sent", "check the token for odd characters and line breaks"
            )
        case httpx.RemoteProtocolError():
            problem = target.malformed("its answer breaks off, or is not HTTP")
        case httpx.InvalidURL() | httpx.UnsupportedProtocol() | ValueError():
            problem = target.unreachable("no usable address", f"check {target.variable}")
        case httpx.ProxyError():
            problem = target.unreachable(
                "the proxy does not let us through", "check HTTP_PROXY and NO_PROXY"
            )
        case _:
            broke = f"the connection broke ({type(error).__name__})"
            problem = target.unreachable(network_reason(error) or broke)
    return problem


def status_error(
    target: Target, response: httpx.Response, content: bytes, body: object
) -> SourceError:
    """What an answer with the wrong status, or without a JSON object, means for the operator."""
    status, kind = response.status_code, _kind(response, content, body)
    came = f"GET {response.request.url.path} answered {status} with {kind}"
    detail = body.get("detail") if isinstance(body, dict) else None
    if detail:
        came += f" ({target.quote(detail)})"
    if 300 <= status < 400:
        elsewhere = _without_path(response.headers.get("location", ""))
        return target.malformed(
            f"GET {response.request.url.path} is redirected to {target.quote(elsewhere)}",
            f"set {target.variable} to the address that answers itself",
        )
    if status == 401:
        return target.refused(came, "check the token or password")
    if status in (403, 407, 429):
        return target.refused(came, "check what this login may read")
    if status in (502, 503, 504):
        return target.unreachable(came, "the gateway answers, the server behind it does not")
    if status >= 500:
        return target.malformed(came, "look into the server's own log")
    return target.malformed(came)


def _without_path(location: str) -> str:
    """Scheme and host of an address, which may hold a secret elsewhere; or its path alone."""
    try:
        to = urlsplit(location)
    except ValueError:
        return "an address that is none"
    return f"{to.scheme}://{to.hostname or ''}" if to.netloc else to.path


def _kind(response: httpx.Response, content: bytes, body: object) -> str:
    if isinstance(body, dict):
        return "JSON"
    says_html = "html" in response.headers.get("content-type", "")
    if says_html or content[:64].lstrip().startswith(b"<"):
        return "an HTML page instead of JSON"
    if not content:
        return "an empty body"
    if body is None:
        return "text that is no JSON, or breaks off"
    return f"a JSON {type(body).__name__} instead of an object"


def date_offset_s(answers: list[Answer]) -> float | None:
    """The server's clock minus ours, from ``Date`` headers, seconds.

    ``Date`` is cut to the second, so one answer leaves an uncertainty of a second; several
    narrow it down. Offsets below a second mean nothing.
    """
    dated = [(answer, answer.date_at) for answer in answers if answer.date_at is not None]
    if not dated:
        return None
    least_ns = max(date_at - answer.received_at for answer, date_at in dated)
    most_ns = min(date_at + NS_PER_S - answer.sent_at for answer, date_at in dated)
    return (least_ns + most_ns) / 2 / NS_PER_S
