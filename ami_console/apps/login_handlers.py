"""The login over HTTP: who asks from where, how often, and with what they are sent on."""

import logging
import math
import re
from typing import Any
from urllib.parse import urlencode

from tornado.routing import PathMatches
from tornado.web import RequestHandler

from ami_console.apps import login_page, style
from ami_console.apps.front import Front
from ami_console.apps.headers import FORM_POLICY, POLICY
from ami_console.apps.login import LASTS_S, Login

log = logging.getLogger(__name__)


def login_rules(front: Front) -> list[Any]:
    """The addresses of the login; none when nobody has to log in."""
    if front.login is None:
        return []
    ours = {"front": front, "login": front.login}
    pages = {"login": LoginHandler, "logout": LogoutHandler, "login.css": LoginSheetHandler}
    return [
        (PathMatches(f"{re.escape(front.path(name))}$"), handler, ours)
        for name, handler in pages.items()
    ]


class _Form(RequestHandler):
    """A form and what is sent with it."""

    def initialize(self, front: Front, login: Login) -> None:
        """Args: ``front`` is the front door, ``login`` the one that is asked for."""
        self.front, self.login = front, login

    def prepare(self) -> None:
        """No browser keeps it, and nothing on it runs."""
        self.set_header(POLICY, FORM_POLICY)
        self.set_header("Cache-Control", "no-store")

    def refuse_foreign(self) -> bool:
        """Whether the form was sent by somebody else's page; answers so."""
        origin = self.request.headers.get("Origin")
        if self.front.origins.allow(origin):
            return False
        self.set_status(403)
        self.write(
            login_page.refused_page(
                f"This was sent from {(origin or 'no page at all')[:200]}, which is not known as a "
                "name of this dashboard, so nothing was done. If it is one, start the server with "
                "--origin and that name."
            )
        )
        return True

    def send_on(self, path: str) -> None:
        """To another page, with GET."""
        self.redirect(path, status=303)


class LoginHandler(_Form):
    """Asks for user and password."""

    def get(self) -> None:
        """The form; whoever is logged in is sent on."""
        wanted = self.get_query_argument("next", "")
        if self.front.visitor(self.request) is not None:
            self.send_on(self.front.page_with(wanted))
            return
        self.write(login_page.login_page(action=self._action(wanted)))

    def post(self) -> None:
        """Looks at what was typed, unless too much was wrong of late."""
        if self.refuse_foreign():
            return
        wanted = self.get_query_argument("next", "")
        user = self.get_body_argument("user", "", strip=False)
        address = self.request.remote_ip or ""
        wait_s = math.ceil(self.login.attempts.wait_s(address))
        if wait_s > 0:
            self.set_header("Retry-After", str(wait_s))
            self._again(429, f"Too many logins failed. Try again in {wait_s} s.", user, wanted)
        elif self.login.accepts(user, self.get_body_argument("password", "", strip=False)):
            self._welcome(user)
            self.send_on(self.front.page_with(wanted))
        else:
            count = self.login.attempts.failed(address)
            # Not the user: many a password was typed into that field.
            log.warning("a login from %s failed, the %d. within a minute", address, count)
            self._again(403, "This user and password do not belong together.", user, wanted)

    def _action(self, wanted: str) -> str:
        return "login" + (f"?{urlencode({'next': wanted})}" if wanted else "")

    def _again(self, status: int, trouble: str, user: str, wanted: str) -> None:
        self.set_status(status)
        self.write(
            login_page.login_page(trouble=trouble, user=user[:200], action=self._action(wanted))
        )

    def _welcome(self, user: str) -> None:
        # Whether there is TLS in front of us, the browser knows and can't be made to lie.
        is_https = self.request.headers.get("Origin", "").startswith("https://")
        self.set_cookie(
            self.front.cookie_name,
            self.login.cookie(user),
            path=self.front.cookie_path,
            max_age=int(LASTS_S),
            httponly=True,
            samesite="Lax",  # Strict would ask those again who follow a link in an alert
            secure=is_https,
        )


class LogoutHandler(_Form):
    """Ends a login."""

    def get(self) -> None:
        """Asks once more."""
        visitor = self.front.visitor(self.request)
        if visitor is None:
            self.send_on(self.front.path("login"))
            return
        self.write(login_page.logout_page(visitor.user))

    def post(self) -> None:
        """The cookie is no good any more, and pages that were opened with it are closed."""
        if self.refuse_foreign():
            return
        visitor = self.front.visitor(self.request)
        if visitor is not None:
            self.login.end(visitor)
        self.clear_cookie(self.front.cookie_name, path=self.front.cookie_path)
        self.send_on(self.front.path("login"))


class LoginSheetHandler(_Form):
    """The style sheet of these pages, which is there for those who are not logged in."""

    def get(self) -> None:
        """Nothing secret."""
        self.set_header("Content-Type", "text/css; charset=utf-8")
        self.write((style.ASSETS / "login.css").read_text("utf-8"))
