"""The front door of the server: what is answered, to whom; everything else is not there.

Bokeh and Panel bring more addresses than the dashboard needs. One of them imports whatever module
it is asked for, one builds a page for whoever asks whether the server lives, one invites pages of
other sites to embed ours. So only what is named here is answered.
"""

import logging
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from panel.io.server import DocHandler, WSHandler
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, PathMatches
from tornado.web import HTTPError, RequestHandler

from ami_console.apps.headers import POLICY, page_policy
from ami_console.apps.login import Login, Visitor, admit, visitor_of
from ami_console.apps.origins import Origins

log = logging.getLogger(__name__)

LOGGED_OUT = 4401
"""Why a websocket was closed; codes from 4000 are an application's own."""


@dataclass(frozen=True, kw_only=True)
class Front:
    """What the front door knows.

    Attributes:
        page: Name of the page, such as ``dashboard``.
        origins: Whose pages may talk to us.
        prefix: First part of every path, ``/ami`` or empty.
        login: That is asked for; ``None``: everybody is let in.
        cookie_name: Of the cookie that shows a login; browsers do not keep ports apart.
        sockets: Open websockets.
    """

    page: str
    origins: Origins
    prefix: str = ""
    login: Login | None = None
    cookie_name: str = "ami_console_login"
    sockets: set[WSHandler] = field(default_factory=set)

    @property
    def cookie_path(self) -> str:
        """Where the cookie is sent: to us, and not to what else the proxy has."""
        return self.prefix or "/"

    def path(self, name: str) -> str:
        """The path of something of ours."""
        return f"{self.prefix}/{name}"

    def page_with(self, query: str) -> str:
        """The page's path with a query that somebody sent, written anew."""
        asked = urlencode(parse_qsl(query, keep_blank_values=True))
        return self.path(self.page) + (f"?{asked}" if asked else "")

    def visitor(self, request: HTTPServerRequest) -> Visitor | None:
        """Who sent a request, if they are logged in."""
        cookie = request.cookies.get(self.cookie_name)
        return None if self.login is None or cookie is None else self.login.visitor(cookie.value)

    def lets_in(self, request: HTTPServerRequest) -> bool:
        """Whether whoever sent it may still see the page, long after it was sent."""
        if self.login is None:
            return True
        visitor = visitor_of(request)
        return visitor is not None and self.login.holds(visitor)

    def close_left(self) -> None:
        """Close the pages of those who logged out, or whose login is over."""
        for socket in tuple(self.sockets):
            if not self.lets_in(socket.request):
                socket.close(LOGGED_OUT, "logged out")


def rules(front: Front, context: Any, login_rules: list[Any]) -> list[Any]:
    """What is looked at in this order before any route of Bokeh's.

    Args:
        front: What the front door knows.
        context: Bokeh's ``ApplicationContext`` of the page.
        login_rules: The pages of the login, which are open to all.
    """

    def at(name: str) -> PathMatches:
        return PathMatches(f"{re.escape(front.path(name))}$")

    ours = {"front": front}
    drawn = {
        "application_context": context,
        "bokeh_websocket_path": front.path(f"{front.page}/ws"),
    }
    root = PathMatches(f"{re.escape(front.prefix)}/?$")
    return [
        (at("liveness"), LivenessHandler),
        *login_rules,
        (_NotLoggedIn(front), NotLoggedInHandler, ours),
        (root, ToPageHandler, ours),
        (at(f"{front.page}/"), ToPageHandler, ours),
        (at(front.page), PageHandler, drawn),
        (at(f"{front.page}/ws"), socket_handler(front), drawn),
        (_NotOffered(front), NotOfferedHandler),
    ]


class _NotLoggedIn(Matcher):
    """Requests of those who have to log in first; notes on the others who they are."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        if self._front.login is None:
            return None
        visitor = self._front.visitor(request)
        if visitor is None:
            return {}
        admit(request, visitor)
        return None


class _NotOffered(Matcher):
    """Everything but the files that the page is drawn with."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        is_file = request.path.startswith(self._front.path("static/"))
        return None if is_file or request.path == "/favicon.ico" else {}


class LivenessHandler(RequestHandler):
    """Says that the server answers, to everybody, and nothing else."""

    def get(self) -> None:
        """No page is made for it: that would cost more than it tells."""
        self.set_header("Cache-Control", "no-store")
        self.write({self.request.path: True})


class ToPageHandler(RequestHandler):
    """Leads to the page."""

    def initialize(self, front: Front) -> None:
        """Args: ``front`` is the front door."""
        self.front = front

    def get(self) -> None:
        """With what was asked for."""
        self.redirect(self.front.page_with(self.request.query))


class NotLoggedInHandler(ToPageHandler):
    """Leads to the login whoever wants the page, and refuses everything else."""

    def prepare(self) -> None:
        """Before the method is looked at: it is the same for all."""
        front, request = self.front, self.request
        pages = (front.path(front.page), front.path(""), front.prefix, front.path("dashboard/"))
        if request.method != "GET" or request.path not in pages:
            raise HTTPError(403, reason="Log in first")
        query = urlencode({"next": request.query}) if request.query else ""
        self.set_header("Cache-Control", "no-store")
        self.redirect(front.path("login") + (f"?{query}" if query else ""))


class NotOfferedHandler(RequestHandler):
    """Bokeh and Panel have it, and we do not offer it."""

    def prepare(self) -> None:
        """Whatever is asked for."""
        raise HTTPError(404)


class PageHandler(DocHandler):
    """The page, with a nonce on each of its scripts: no other inline script runs on it."""

    async def prepare(self) -> None:
        """A session that somebody else chose is none: two readers would share one page."""
        chosen = {"bokeh-session-id", "bokeh-token"} & self.request.arguments.keys()
        if chosen or "Bokeh-Session-Id" in self.request.headers:
            raise HTTPError(400, reason="A page can not be asked for by its session")
        await super().prepare()

    def write(self, chunk: Any) -> None:
        """What Bokeh writes here is a frame without data: that comes through the websocket.

        So all scripts in it are Bokeh's and Panel's own.
        """
        if isinstance(chunk, str) and self.get_status() == 200:
            nonce = secrets.token_urlsafe(16)
            self.set_header(POLICY, page_policy(nonce))
            chunk = chunk.replace("<script", f'<script nonce="{nonce}"')
        super().write(chunk)


def socket_handler(front: Front) -> type[WSHandler]:
    """The page's websocket: open for as long as its reader is logged in."""

    class SocketHandler(WSHandler):
        def check_origin(self, origin: str) -> bool:
            if front.origins.allow(origin):
                return True
            log.warning(
                "a page of %r may not read along; if that is a name of this dashboard, start it "
                "with --origin",
                origin[:200],
            )
            return False

        def open(self, *args: Any, **kwargs: Any) -> None:
            front.sockets.add(self)
            super().open(*args, **kwargs)

        def on_close(self) -> None:
            front.sockets.discard(self)
            with suppress(AssertionError):  # Bokeh's ping saw first that it is gone, and cleared up
                super().on_close()

        async def on_message(self, fragment: Any) -> None:
            if front.lets_in(self.request):
                await super().on_message(fragment)

    return SocketHandler
