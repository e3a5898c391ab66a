"""The standalone server of the dashboard."""

import asyncio
import os
import socket
import threading
import webbrowser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from panel.io.server import get_server
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.websocket import WebSocketClosedError

import ami_console
from ami_console.apps import feed as feeds
from ami_console.apps import session
from ami_console.apps.board import board_of
from ami_console.apps.exposed import refuse_open
from ami_console.apps.feed import Feed
from ami_console.apps.front import Front, rules
from ami_console.apps.headers import SafeHeaders
from ami_console.apps.login import Login
from ami_console.apps.login_handlers import login_rules
from ami_console.apps.origins import EVERYWHERE, Origins
from ami_console.apps.recordings import Recordings
from ami_console.errors import AmiConsoleError, SettingsError

PAGE = "dashboard"

KEEP_UP_MS = 60_000

LEFT_MS = 1_000
"""How long, at most, an open page hears more after its reader has logged out."""

MOST_BODY_BYTES = 64 * 1024
"""Of a request: the login's form is the largest that we take."""

REQUEST_S, IDLE_S = 20.0, 120.0
"""How long a body may take, and how long a connection may say nothing, seconds."""

STOP_S = 5.0
"""How long to wait for open pages to be let go, seconds."""


class DashboardServer:
    """A running dashboard: where it listens, and how to end it."""

    def __init__(
        self,
        address: str,
        port: int,
        origins: Iterable[str],
        *,
        prefix: str = "",
        login: Login | None = None,
        behind_proxy: bool = False,
    ) -> None:
        """Nothing is bound and served yet."""
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._loop: IOLoop | None = None
        self._server: Any = None
        self._address, self._asked_port, self._origins = address, port, tuple(origins)
        self._prefix = prefix.strip("/")
        self._login, self._behind_proxy = login, behind_proxy

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.port)

    @property
    def url(self) -> str:
        """Where the page is, for people on this machine."""
        host = "127.0.0.1" if self._address in EVERYWHERE else self._address
        place = f"{self._prefix}/{PAGE}" if self._prefix else PAGE
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/{place}"

    def start(self) -> None:
        """Serve on a thread of its own, until :meth:`stop`.

        Raises:
            SettingsError: The port or the address can't be listened on.
        """
        self._thread = threading.Thread(target=self._run, name=PAGE, daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def join(self) -> None:
        """Wait until it has ended."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """End it: the pages are let go, the port is free afterwards."""
        if self._loop is None or self._thread is None or not self._thread.is_alive():
            return
        self._loop.add_callback(self._close)
        self._thread.join(STOP_S)

    def _run(self) -> None:
        events = asyncio.new_event_loop()
        events.set_exception_handler(complain)
        asyncio.set_event_loop(events)
        self._loop = IOLoop.current()
        try:
            self._server = self._listen(self._loop)
            self._server.start()
        except BaseException as error:
            self._failure = error
            self._loop.close(all_fds=True)
            return
        finally:
            self._ready.set()
        PeriodicCallback(_keep_up, KEEP_UP_MS).start()
        if self._front.login is not None:
            PeriodicCallback(self._front.close_left, LEFT_MS).start()
        self._loop.start()
        self._loop.close(all_fds=True)

    def _listen(self, loop: IOLoop) -> Any:
        address, port = self._address, self._asked_port
        try:
            port = _bindable(address, port)
            self._front = front = Front(
                page=PAGE,
                prefix=f"/{self._prefix}" if self._prefix else "",
                origins=Origins(address, port, self._origins),
                login=self._login,
                cookie_name=f"ami_console_login_{port}",
            )
            server = get_server(
                {PAGE: str(notebook())},
                address=None if address in EVERYWHERE else address,
                port=port,
                prefix=self._prefix,
                loop=loop,
                show=False,
                start=False,
                verbose=False,
                transforms=[SafeHeaders],
                http_server_kwargs={
                    "xheaders": self._behind_proxy,
                    "max_body_size": MOST_BODY_BYTES,
                    "body_timeout": REQUEST_S,
                    "idle_connection_timeout": IDLE_S,
                },
                # The page's token is in its HTML: what the browser sent need not be.
                include_headers=[],
                include_cookies=[],
                # A closed page is let go soon; but through a slow tunnel a page takes its time
                # from its HTML to its websocket, and would be told that it is gone.
                check_unused_sessions_milliseconds=2_000,
                unused_session_lifetime_milliseconds=15_000,
            )
        except OSError as error:
            why = error.strerror or str(error)
            if error.errno is not None and not isinstance(error, socket.gaierror):
                why = os.strerror(error.errno)  # Python adds the address to it once more
            raise SettingsError(
                f"the dashboard can't listen on {address or 'all addresses'} port {port} "
                f"({why}): give another --port or --address, or end the program "
                "that has it"
            ) from error
        # Nothing is answered before the loop runs, which is after this.
        application = server._tornado
        context = application.applications[f"/{PAGE}"]
        application.add_handlers(".*", rules(front, context, login_rules(front)))
        return server

    def _close(self) -> None:
        assert self._loop is not None  # noqa: S101  (scheduled on it)
        session.let_go()
        self._server.stop(wait=False)
        self._loop.stop()


def _keep_up() -> None:
    """The timelines go on while nobody looks, so that whoever comes finds the last day."""
    feed = feeds.current()
    if feed.is_live:
        board_of(feed).lines()


def complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what nobody caught, but not that a browser closed while a message was on its way."""
    if not isinstance(context.get("exception"), WebSocketClosedError):
        loop.default_exception_handler(context)


def serve(
    feed: Feed,
    *,
    address: str = "127.0.0.1",
    port: int = 5006,
    show: bool = False,
    threaded: bool = False,
    origins: Iterable[str] = (),
    prefix: str = "",
    recordings: Recordings | None = None,
    login: Login | None = None,
    without_login: bool = False,
    behind_proxy: bool = False,
) -> DashboardServer:
    """Serve the dashboard of a feed at ``/dashboard``; the root leads there, ``/liveness`` answers.

    Args:
        feed: What every page of this process shows.
        address: Address to listen on; without another word only this machine can see the page.
        port: Port to listen on; 0 for a free one.
        show: Open the page in a browser.
        threaded: Return at once and serve on a thread; otherwise return when it has ended.
        origins: More ``host:port`` under which browsers may reach it, behind a proxy for example.
        prefix: First part of every path, where a proxy hands on only that.
        recordings: Those that may be chosen on the page.
        login: That is asked for.
        without_login: Let everybody in who reaches the address, others than this machine too.
        behind_proxy: Believe what ``X-Real-IP`` and ``X-Forwarded-For`` say of where a request
            comes from, so that failed logins are counted for whom they are of.

    Raises:
        SettingsError: The port or the address can't be listened on, or others would reach it
            without a login and nobody said that they may.
    """
    refuse_open(address, login, without_login=without_login)
    feeds.use(feed, recordings=recordings)
    server = DashboardServer(
        address, port, origins, prefix=prefix, login=login, behind_proxy=behind_proxy
    )
    server.start()
    if show:
        webbrowser.open(server.url)
    if not threaded:
        try:
            server.join()
        except KeyboardInterrupt:
            server.stop()
    return server


def notebook() -> Path:
    """The notebook that is served: of the installed package, or of the repository.

    Raises:
        AmiConsoleError: It came along with neither.
    """
    package = Path(ami_console.__file__).resolve().parent
    places = [package / "notebooks", package.parent / "notebooks"]
    for place in places:
        if (place / f"{PAGE}.ipynb").is_file():
            return place / f"{PAGE}.ipynb"
    raise AmiConsoleError(
        f"{PAGE}.ipynb is in none of {', '.join(map(str, places))}: install ami-console again"
    )


def _bindable(address: str, port: int) -> int:
    """The port, or a free one for 0; an error now, before anything is started.

    Browsers name host and port in their ``Origin``, so the port must be known beforehand.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    host = "" if address in EVERYWHERE else address
    with socket.create_server((host, port), family=family) as probe:
        return int(probe.getsockname()[1])
