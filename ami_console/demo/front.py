"""The stand-in's door: it listens at REST's port, or nobody does."""

import asyncio
import logging
from collections.abc import Callable

from tornado.httpserver import HTTPServer
from tornado.web import Application

from ami_console.demo.processes import LOOPBACK

_REQUESTS_END_S = 3.0

_log = logging.getLogger("django")


class Front:
    """Serves an application at a port, and can be closed and opened again.

    Args:
        is_busy: Whether a request is not answered yet.
    """

    def __init__(self, application: Application, port: int, is_busy: Callable[[], bool]) -> None:
        self._application, self._port, self._is_busy = application, port, is_busy
        self._server: HTTPServer | None = None

    def open(self) -> None:
        """Listen."""
        server = HTTPServer(self._application)
        server.listen(self._port, address=LOOPBACK)
        self._server = server

    async def close(self) -> None:
        """Listen no more: connections are refused, and those that are open are closed.

        Who is being served gets an answer first. Images that were reserved in an answer that
        never arrived would be missing for a whole ack wait.
        """
        server, self._server = self._server, None
        if server is None:
            return
        server.stop()
        for _ in range(int(_REQUESTS_END_S / 0.01)):
            if not self._is_busy():
                break
            await asyncio.sleep(0.01)
        await server.close_all_connections()

    async def be_away(self, away_s: float, *, every_s: float) -> None:
        """Open for the first part of every period, closed for the last ``away_s`` seconds."""
        while True:
            await asyncio.sleep(every_s - away_s)
            await self.close()
            await asyncio.sleep(away_s)
            while self._server is None:
                try:
                    self.open()
                except OSError as error:  # somebody took the port
                    _log.warning("REST can't come back yet: %s", error.strerror)
                    await asyncio.sleep(0.5)
