"""A connection to NATS that only looks, and what its errors mean."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from ami_console.errors import SourceError
from ami_console.settings import PREFIX, Secret, Settings
from ami_console.sources.failures import Target, network_reason
from ami_console.sources.tls import tls_context

INBOX_PREFIX = "_INBOX_ami"
"""Inboxes of our own: a login may be limited to them, and they show no other client's replies."""

_LOGIN_ADVICE = f"check {PREFIX}NATS_USER and NATS_PASSWORD, NATS_TOKEN or NATS_CREDS"
_REFUSALS = ("authorization violation", "authentication", "authorization failed", "credentials")
_CLOSE_WITHIN_S = 1.0

OnError = Callable[[Exception], Awaitable[None]]


class _Client(Client):
    """A client that goes on when somebody publishes a subject or headers that are no text.

    nats-server lets that pass, nats-py's reader dies of it and tells nobody.
    """

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)
        except (ValueError, IndexError):
            return None

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        try:
            return super()._build_message(sid, subject, reply, data, headers)
        except UnicodeDecodeError:
            return super()._build_message(sid, _text(subject), _text(reply), data, headers)


def _text(token: bytes) -> bytes:
    return token.decode("utf-8", "replace").encode()


def nats_target(settings: Settings) -> Target:
    """The NATS of the settings, for messages."""
    user, password = _url_login(settings)
    secrets = (settings.nats_password, settings.nats_token, Secret(user), Secret(password))
    kept = tuple(secret for secret in secrets if secret)
    return Target("NATS", settings.nats_url, "NATS_URL", kept)


async def connect(
    settings: Settings,
    target: Target,
    *,
    on_error: OnError,
    on_closed: Callable[[], Awaitable[None]],
    limit_s: float = 10.0,
) -> Client:
    """Connect once. It does not reconnect by itself: who needs it again connects again.

    Args:
        settings: Address and login.
        target: From :func:`nats_target`.
        on_error: Called with what the server complains of later; refused permissions come here.
        on_closed: Called when the connection is gone.
        limit_s: The longest that one step of connecting may take, seconds.

    Raises:
        SourceError: Nobody answered, or not to us.
    """
    url = urlsplit(settings.nats_url.reveal())
    bare = urlunsplit((url.scheme, url.netloc.rpartition("@")[2], "", "", ""))
    wants_tls = url.scheme == "tls"
    client = _Client()
    complaints: list[Exception] = []

    async def complained(error: Exception) -> None:
        complaints.append(error)
        if client.is_connected:
            await on_error(error)

    def guarded(secret: str) -> Callable[[], str]:
        def reveal() -> str:
            if wants_tls and not _encrypted(client):
                raise errors.SecureConnWantedError
            return secret

        return reveal

    login = _login(settings, target, guarded)
    tls = tls_context(target) if wants_tls else None
    try:
        await client.connect(
            servers=[bare],
            name="ami-console",
            inbox_prefix=INBOX_PREFIX,
            error_cb=complained,
            closed_cb=on_closed,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # 0 would mean for ever
            reconnect_time_wait=0,
            connect_timeout=limit_s,  # type: ignore[arg-type]  # it takes a float
            tls=tls,
            **login,
        )
    except (errors.Error, OSError, ImportError, ValueError) as error:
        await _drop(client)
        telling = next((each for each in reversed(complaints) if network_reason(each)), error)
        raise nats_error(target, telling) from None
    except BaseException:
        await _drop(client)
        raise
    if wants_tls and not _encrypted(client):
        await close(client)
        raise nats_error(target, errors.SecureConnWantedError())
    return client


async def close(client: Client) -> None:
    """Close, whatever state it is in."""
    with contextlib.suppress(errors.Error, OSError, AttributeError):
        await asyncio.wait_for(client.close(), _CLOSE_WITHIN_S)


async def _drop(client: Client) -> None:
    # A client that is not connected yet has no task, only a transport; and closing it the usual
    # way waits for ever when the TLS handshake failed.
    if client._transport:
        client._transport.close()  # type: ignore[no-untyped-call]
    await asyncio.sleep(0)


def nats_error(target: Target, error: Exception) -> SourceError:
    """What an error of nats-py (or of the system below it) means for the operator."""
    said = target.quote(str(error).removeprefix("nats: "))
    problem: SourceError
    match error:
        case errors.NoRespondersError():
            problem = target.refused(
                "JetStream does not answer this login",
                "check that JetStream is enabled there, and for this account",
            )
        case errors.SecureConnWantedError():
            problem = target.refused(
                "it does not offer TLS", f"give {target.variable} as nats:// if that is intended"
            )
        case errors.AuthorizationError() | errors.InvalidUserCredentialsError():
            problem = target.refused("the login was refused", _LOGIN_ADVICE)
        case ImportError():
            problem = target.refused(
                "a credentials file needs the Python package nkeys", "install nats-py[nkeys]"
            )
        case errors.UnexpectedEOF() | errors.ConnectionClosedError():
            problem = target.unreachable("it closed the connection")
        case errors.TimeoutError() | errors.StaleConnectionError():
            problem = target.unreachable("no answer in time")
        case errors.ProtocolError() | errors.JsonParseError():
            problem = target.malformed("what answers is not NATS, or breaks off")
        case errors.Error() if "permissions violation" in said.lower():
            problem = target.refused(
                f"this login may not ask ({said})", "allow it what the read-only login needs"
            )
        case errors.Error() if any(sign in said.lower() for sign in _REFUSALS):
            problem = target.refused(f"the login was refused ({said})", _LOGIN_ADVICE)
        case errors.Error() if "info message" in said.lower():
            problem = target.malformed("what answers is not NATS, or breaks off")
        case ValueError() if not isinstance(error, OSError):
            problem = target.unreachable("no usable address or login", f"check {target.variable}")
        case _:
            broke = f"the connection broke ({type(error).__name__})"
            problem = target.unreachable(network_reason(error) or broke)
    return problem


def _login(
    settings: Settings, target: Target, guarded: Callable[[str], Callable[[], str]]
) -> dict[str, Any]:
    """Credentials file, else user and password, else token, else what the URL holds."""
    if settings.nats_creds:
        return {"user_credentials": _checked_creds(settings.nats_creds, target)}
    user, password = _url_login(settings)
    if settings.nats_user:
        user, password = settings.nats_user, settings.nats_password.reveal()
        return {"user": guarded(user), "password": guarded(password)}
    if settings.nats_token:
        return {"token": guarded(settings.nats_token.reveal())}
    if user and password:
        return {"user": guarded(user), "password": guarded(password)}
    return {"token": guarded(user)} if user else {}


def _url_login(settings: Settings) -> tuple[str, str]:
    # nats-py takes them as they stand; a password with an @ has to be written as %40.
    parts = urlsplit(settings.nats_url.reveal())
    return unquote(parts.username or ""), unquote(parts.password or "")


def _checked_creds(path: str, target: Target) -> str:
    """The path, when the file is a credentials file: nats-py reads any other one for ever."""
    try:
        content = Path(path).expanduser().read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise target.refused(
            f"the credentials file {path} can't be read ({error.strerror})",
            f"check {PREFIX}NATS_CREDS",
        ) from None
    if "BEGIN NATS USER JWT" not in content or "BEGIN USER NKEY SEED" not in content:
        raise target.refused(
            f"{path} is no NATS credentials file (it lacks a user JWT or an nkey seed)",
            f"check {PREFIX}NATS_CREDS",
        )
    return str(Path(path).expanduser())


def _encrypted(client: Client) -> bool:
    # nats-py goes on in plain text when a tls:// server does not ask for TLS, and has no public
    # way to tell.
    return bool(client._server_info.get("tls_required"))
