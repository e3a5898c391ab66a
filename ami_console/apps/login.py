"""Who may see the page: one user and password, and what a browser shows for having given them."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import panel as pn
from tornado.web import create_signed_value, decode_signed_value

from ami_console.apps.attempts import Attempts
from ami_console.errors import SettingsError
from ami_console.settings import PREFIX, Secret, Settings

LASTS_S = 12 * 3600.0
"""How long a login lasts, seconds: a shift."""

_SIGNED_AS = "ami_console_login"

_OF_REQUEST = "ami_console_visitor"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is logged in.

    Attributes:
        user: As they called themselves.
        login_id: Tells this login from every other.
        until_s: When it ends, seconds since 1970.
    """

    user: str
    login_id: str
    until_s: float


class Login:
    """Asks for a user and a password, and knows its logins again.

    Attributes:
        ends_with_process: Whether a restart ends all logins, because nothing was given to sign
            them with.
        attempts: Those that failed of late.
    """

    def __init__(
        self,
        user: str,
        password: Secret,
        *,
        secret: Secret | None = None,
        attempts: Attempts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Nobody is logged in, but those whom an earlier process with the same secrets let in.

        Args:
            user: Who is let in.
            password: With which password.
            secret: Signs the cookies; without one they are good for this process only.
            attempts: Counts those that fail.
            clock: Seconds since 1970.
        """
        self.attempts = attempts or Attempts()
        self.ends_with_process = not secret
        signs = secret.reveal() if secret else secrets.token_hex(32)
        # Another user or password ends the logins of the one before.
        known = f"{user}\0{password.reveal()}".encode()
        self._key = hmac.new(signs.encode(), known, hashlib.sha256).hexdigest()
        self._user, self._password = _digest(user), _digest(password.reveal())
        self._clock = clock
        self._ended: dict[str, float] = {}

    def accepts(self, user: str, password: str) -> bool:
        """Whether they may come in; takes as long for a wrong letter as for a wrong word."""
        is_user = hmac.compare_digest(_digest(user), self._user)
        is_password = hmac.compare_digest(_digest(password), self._password)
        return is_user & is_password

    def cookie(self, user: str) -> str:
        """What the browser of somebody who came in shows from now on."""
        value = f"{self._clock() + LASTS_S:.0f} {secrets.token_hex(16)} {user}"
        return create_signed_value(self._key, _SIGNED_AS, value).decode()

    def visitor(self, cookie: str | None) -> Visitor | None:
        """Who shows this cookie; ``None``: nobody that we let in, or no longer."""
        value = decode_signed_value(self._key, _SIGNED_AS, cookie, min_version=2)
        if value is None:
            return None
        until, login_id, user = value.decode().split(" ", 2)
        visitor = Visitor(user, login_id, float(until))
        return visitor if self.holds(visitor) else None

    def holds(self, visitor: Visitor) -> bool:
        """Whether somebody who was let in still is: not too long ago, and not logged out."""
        return self._clock() < visitor.until_s and visitor.login_id not in self._ended

    def end(self, visitor: Visitor) -> None:
        """Log out; a copy of the cookie is good for nothing either."""
        now_s = self._clock()
        self._ended = {key: until_s for key, until_s in self._ended.items() if until_s > now_s}
        self._ended[visitor.login_id] = visitor.until_s


def login_of(settings: Settings) -> Login | None:
    """The login that the settings ask for; ``None``: none.

    Raises:
        SettingsError: A user without a password, or the other way round.
    """
    if not settings.login_user and not settings.login_password:
        return None
    if not (settings.login_user and settings.login_password):
        lacks = "PASSWORD" if settings.login_user else "USER"
        raise SettingsError(
            f"{PREFIX}LOGIN_{lacks} is missing: a login needs {PREFIX}LOGIN_USER and "
            f"{PREFIX}LOGIN_PASSWORD"
        )
    return Login(settings.login_user, settings.login_password, secret=settings.cookie_secret)


def admit(request: Any, visitor: Visitor) -> None:
    """Note who asks, on the request itself: pages that come of it can tell."""
    setattr(request, _OF_REQUEST, visitor)


def visitor_of(request: Any) -> Visitor | None:
    """Who was noted on a request, or on what stands for it on a page."""
    visitor = getattr(request, _OF_REQUEST, None)
    return visitor if isinstance(visitor, Visitor) else None


def user_here() -> str | None:
    """Who is logged in at the page whose code is running; ``None``: nobody, or it is not served.

    Somebody who came in through a login of Panel's own, too: ``panel serve --basic-auth``.
    """
    document = pn.state.curdoc
    context = None if document is None else document.session_context
    visitor = visitor_of(None if context is None else context.request)
    return pn.state.user if visitor is None else visitor.user


def _digest(text: str) -> bytes:
    """Of one length, whatever the text: comparing it tells nothing of that either."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
