"""An HTTP server that sends what it is told, byte by byte: wrong lengths, endless bodies, lies."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

Body = Iterator[bytes] | list[bytes]
Answer = Callable[[str], tuple[bytes, Body]]
"""Path of a question → head of the answer, and the pieces of its body."""


def head(status: int, headers: Mapping[str, str | bytes]) -> bytes:
    """Status line and headers as they are sent, right or not."""
    lines = [f"HTTP/1.1 {status} Odd".encode()]
    for name, value in headers.items():
        lines.append(
            name.encode() + b": " + (value if isinstance(value, bytes) else value.encode())
        )
    return b"\r\n".join(lines) + b"\r\n\r\n"


def whole(body: bytes, status: int = 200, **headers: str | bytes) -> tuple[bytes, Body]:
    """An answer with a body of the right length; ``content_type`` names ``content-type``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return head(status, {"content-length": str(len(body)), **named}), [body]


class HostileServer:
    """Answers one question per connection, each on a thread of its own.

    Attributes:
        url: Its address.
        answer: What it says; may be changed between questions.
        sent: Bytes of bodies that were taken off it.
    """

    def __init__(self) -> None:
        self.answer: Answer = lambda path: whole(b"{}")
        self.sent = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, name="hostile-server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            asked = b""
            while b"\r\n\r\n" not in asked:
                more = connection.recv(65536)
                if not more:
                    return
                asked += more
            target = asked.split(b" ", 2)[1].decode("latin-1")
            start, pieces = self.answer(urlsplit(target).path)
            connection.sendall(start)
            for piece in pieces:
                connection.sendall(piece)
                self.sent += len(piece)


@contextmanager
def hostile_server() -> Iterator[HostileServer]:
    """One, until the end of the block."""
    server = HostileServer()
    try:
        yield server
    finally:
        server.close()
