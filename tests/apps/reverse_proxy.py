"""A web server in front of the dashboard: hands everything on, with the headers of a proxy."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

READER = "192.0.2.7"
"""Where the proxy says that every request comes from (nobody's address)."""


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A port for the proxy; the dashboard is told of it before it starts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def hand_on(listener: socket.socket, port: int) -> None:
    """Hand every connection on to a port of this machine, with the headers that a proxy sets."""
    threading.Thread(target=_accept, args=(listener, port), daemon=True).start()


def _accept(listener: socket.socket, port: int) -> None:
    while True:
        try:
            browser, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(browser, port), daemon=True).start()


def _serve(browser: socket.socket, port: int) -> None:
    with browser, socket.create_connection(("127.0.0.1", port)) as ours:
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (data := browser.recv(65536)):
                    return
                head += data
            ours.sendall(_rewritten(head, port))
            back = threading.Thread(target=_pump, args=(ours, browser), daemon=True)
            back.start()
            _pump(browser, ours)
            back.join()
        except OSError:
            return  # one of the two has closed


def _rewritten(data: bytes, port: int) -> bytes:
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    is_upgrade = any(line.lower().startswith(b"upgrade:") for line in lines)
    ours = (b"host:", b"x-real-ip:") if is_upgrade else (b"host:", b"x-real-ip:", b"connection:")
    kept = [line for line in lines[1:] if not line.lower().startswith(ours)]
    added = [f"Host: 127.0.0.1:{port}".encode(), f"X-Real-IP: {READER}".encode()]
    if not is_upgrade:  # each request gets its head rewritten
        added.append(b"Connection: close")
    return b"\r\n".join([lines[0], *added, *kept]) + b"\r\n\r\n" + body


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of the two has closed
