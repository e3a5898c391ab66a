"""Alerts by HTTP POST. The address of a chat's webhook is its password, path included."""

import logging
import threading
from urllib.parse import urlsplit

import httpx

from ami_console.alerts.channel import Undelivered
from ami_console.diagnosis.finding import Finding
from ami_console.errors import SourceError
from ami_console.instants import NS_PER_S, from_http_date, now_ns
from ami_console.settings import Address, Secret
from ami_console.sources.failures import Target
from ami_console.sources.rest import http_error
from ami_console.sources.tls import tls_context

SETTING = "ALERT_WEBHOOK"

_TRY_AGAIN = frozenset({408, 429})
_TELLS_WHEN = frozenset({429, 503})

_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)
_posting = threading.local()


class Webhook:
    """POSTs alerts to one address; a status of 2xx means taken.

    Args:
        address: Where to; only scheme, host and port of it are ever shown.
        timeout_s: The longest that a connect or a silence may last, seconds.
        tries: How often an alert is tried that may have arrived.
    """

    def __init__(self, address: Address, *, timeout_s: float = 10.0, tries: int = 20) -> None:
        self._url = Secret(address.reveal())
        self._target = Target("Alert webhook", _host_of(address), SETTING)
        self.what = f"alert webhook at {self._target.address.shown}"
        self.timeout_s = timeout_s
        self.tries = tries
        for name in _LOGGERS:  # they log URLs and headers
            logging.getLogger(name).addFilter(_others_only)

    def __repr__(self) -> str:
        return f"<Webhook {self._target.address.shown}>"

    def deliver(self, content: bytes, *, event: str, finding: Finding, timeout_s: float) -> None:
        """Post it once; redirects are not followed.

        Raises:
            Undelivered: Nobody answered, or with another status than 2xx.
        """
        del event, finding
        _posting.now = True
        try:
            status, retry_after = self._post(content, min(timeout_s, self.timeout_s))
        except SourceError as error:  # SSL_CERT_FILE
            raise Undelivered(str(error), again=True, arrived=False) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
            # Not chained: their texts repeat the URL.
            raise Undelivered(
                str(http_error(self._target, error)),
                again=isinstance(error, httpx.TransportError | OSError)
                and not isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError),
                arrived=not isinstance(
                    error,
                    httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError,
                ),
            ) from None
        finally:
            _posting.now = False
        if not 200 <= status < 300:
            raise self._refused(status, retry_after)

    def _post(self, content: bytes, timeout_s: float) -> tuple[int, str | None]:
        url = self._url.reveal()
        # A new client each time: alerts are rare, and certificates change meanwhile.
        is_tls = url.lower().startswith("https:")
        with (
            httpx.Client(
                verify=tls_context(self._target) if is_tls else False,
                timeout=timeout_s,
                follow_redirects=False,
            ) as client,
            # What it says beside the status is not read: it may be long, and repeat the URL.
            client.stream(
                "POST", url, content=content, headers={"Content-Type": "application/json"}
            ) as response,
        ):
            return response.status_code, response.headers.get("retry-after")

    def _refused(self, status: int, retry_after: str | None) -> Undelivered:
        came = f"it answered {status}"
        variable = self._target.variable
        if status >= 500 or status in _TRY_AGAIN:
            problem: SourceError = self._target.unreachable(came, "look into its own log")
        elif 300 <= status < 400:
            problem = self._target.malformed(
                f"{came}, a redirect", f"set {variable} to the address that answers itself"
            )
        elif status in (401, 403, 404, 410):
            problem = self._target.refused(came, f"check the token or path in {variable}")
        else:
            problem = self._target.refused(
                came, f"check that what {variable} leads to takes JSON of this form"
            )
        return Undelivered(
            str(problem),
            again=status >= 500 or status in _TRY_AGAIN,
            arrived=status not in _TELLS_WHEN,
            after_s=_wait_s(retry_after) if status in _TELLS_WHEN else None,
        )

    def abort(self) -> None:
        """Nothing: a post that is under way ends with its timeout, or with the process."""


def _host_of(address: Address) -> Address:
    parts = urlsplit(address.reveal())
    return Address(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")


def _wait_s(retry_after: str | None) -> float | None:
    """``Retry-After``: seconds, or a date."""
    said = (retry_after or "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    at = from_http_date(said)
    return None if at is None else max(0.0, (at - now_ns()) / NS_PER_S)


def _others_only(_: logging.LogRecord) -> bool:
    """Let pass what is logged while this thread posts no alert."""
    return not getattr(_posting, "now", False)
