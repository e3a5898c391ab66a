"""Asks a served dashboard over plain HTTP, as a browser does and as one never would."""

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from ami_console.apps.login import Login
from ami_console.settings import Secret

USER, PASSWORD = "ann", "moth & light, 400 W"

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def a_login(**more: object) -> Login:
    """Asks for :data:`USER` and :data:`PASSWORD`."""
    return Login(USER, Secret(PASSWORD), **more)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @property
    def cookie(self) -> str:
        """Name and value of the cookie that is set; empty: none."""
        return self.headers.get("Set-Cookie", "").partition(";")[0]

    @property
    def token(self) -> str:
        """Of the page's websocket."""
        found = re.search(r'"token":"([^"]+)"', self.text)
        assert found
        return found[1]


class Asker:
    """Asks one server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self.host, self.port = parts.hostname, parts.port
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.prefix = parts.path.rpartition("/")[0]

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        cookie: str = "",
        body: str | None = None,
        headers: Mapping[str, str] = {},
    ) -> Told:
        """One request on a connection of its own; a websocket is left at once."""
        sent = dict(headers) | ({"Cookie": cookie} if cookie else {})
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            text = "" if answer.status == 101 else answer.read().decode("utf-8", "replace")
            return Told(answer.status, answer.headers, text)
        finally:
            connection.close()

    def log_in(
        self,
        password: str = PASSWORD,
        *,
        user: str = USER,
        query: str = "",
        origin: str | None = "",
        headers: Mapping[str, str] = {},
    ) -> Told:
        """Send the login's form; ``origin`` is the page that it is on, by default its own."""
        sent = {"Content-Type": "application/x-www-form-urlencoded"} | dict(headers)
        if origin is not None:
            sent["Origin"] = origin or self.origin
        return self.ask(
            f"{self.prefix}/login{query}",
            method="POST",
            body=urlencode({"user": user, "password": password}),
            headers=sent,
        )

    def websocket(self, *, cookie: str = "", origin: str = "", token: str = "") -> int:
        """Status of the handshake."""
        headers = HANDSHAKE | {
            "Origin": origin or self.origin,
            "Sec-WebSocket-Protocol": f"bokeh, {token or 'none'}",
        }
        return self.ask(f"{self.prefix}/dashboard/ws", cookie=cookie, headers=headers).status
