"""What a client said, from the bytes that it sent: HTTP requests, NATS and Redis commands.

Each reader takes bytes as they come and gives one line of text per request. What it can't read is
a line too, which begins with ``unreadable``: nothing that was sent is left out.
"""

from collections.abc import Iterator
from typing import Protocol

import orjson

UNREADABLE = "unreadable:"


class Reader(Protocol):
    """Reads one connection."""

    def feed(self, data: bytes) -> Iterator[str]:
        """The requests that these bytes complete."""
        ...

    def rest(self) -> Iterator[str]:
        """What is left at the end of the connection: half a request."""
        ...


class _Buffered:
    """Bytes that are no whole request yet; after something unreadable nothing is read."""

    def __init__(self) -> None:
        self._held = b""
        self._is_lost = False

    def feed(self, data: bytes) -> Iterator[str]:
        """The requests that these bytes complete."""
        self._held += data
        while self._held and not self._is_lost:
            try:
                taken = self._next()
            except (ValueError, IndexError):
                yield f"{UNREADABLE} {_shown(self._held[:200])}"
                self._is_lost = True
                return
            if taken is None:
                return
            said, size = taken
            self._held = self._held[size:]
            yield said

    def rest(self) -> Iterator[str]:
        """What is left at the end of the connection: half a request."""
        if self._held and not self._is_lost:
            yield f"{UNREADABLE} {_shown(self._held[:200])}"

    def _next(self) -> tuple[str, int] | None:
        """The first request and its size in bytes; ``None``: it is not complete."""
        raise NotImplementedError


class Http(_Buffered):
    """``GET /jsz?consumers=true``; a body's size is told behind it."""

    def _next(self) -> tuple[str, int] | None:
        head, end, _ = self._held.partition(b"\r\n\r\n")
        if not end:
            return None
        first, *lines = head.split(b"\r\n")
        method, target, version = first.decode().split(" ")
        if version != "HTTP/1.1":
            raise ValueError(version)
        headers = {name.strip().lower(): value.strip() for name, value in map(_header, lines)}
        if b"transfer-encoding" in headers:
            raise ValueError("a body of unknown size")
        size = int(headers.get(b"content-length", b"0"))
        if len(self._held) < len(head) + 4 + size:
            return None
        body = f" ({size} bytes)" if size else ""
        return f"{method} {target}{body}", len(head) + 4 + size


class Nats(_Buffered):
    """``PUB subject reply {payload}``; of CONNECT only who says it, never its login."""

    def _next(self) -> tuple[str, int] | None:
        line, end, _ = self._held.partition(b"\r\n")
        if not end:
            return None
        word, *words = line.decode().split(" ")
        verb, size = word.upper(), len(line) + 2
        if verb in ("PUB", "HPUB"):
            length = int(words[-1])
            if len(self._held) < size + length + 2:
                return None
            payload = self._held[size : size + length]
            subjects = words[: -2 if verb == "HPUB" else -1]
            told = " ".join([verb, *subjects, *([_shown(payload)] if payload else [])])
            return told, size + length + 2
        return _told(verb, words), size


class Redis(_Buffered):
    """``SCARD job:7:failed_images``; of AUTH only that it was said."""

    def _next(self) -> tuple[str, int] | None:
        words: list[bytes] = []
        at = 0
        count: int | None = None
        while count is None or len(words) < count:
            end = self._held.find(b"\r\n", at)
            if end < 0:
                return None
            mark, number = self._held[at : at + 1], int(self._held[at + 1 : end])
            if mark != (b"*" if count is None else b"$"):
                raise ValueError("no command")
            at = end + 2
            if count is None:
                count = number
                continue
            if len(self._held) < at + number + 2:
                return None
            words.append(self._held[at : at + number])
            at += number + 2
        name = words[0].decode().upper()
        shown = [name] if name == "AUTH" else [name, *map(_shown, words[1:])]
        return " ".join(shown), at


def _told(verb: str, words: list[str]) -> str:
    """A line of the NATS protocol that has no payload."""
    match verb:
        case "CONNECT":
            return f"CONNECT as {orjson.loads(' '.join(words)).get('name')}"
        case "SUB":  # the last word is a number of the client's own
            return " ".join([verb, *words[:-1]])
        case "UNSUB":
            return verb
        case "PING" | "PONG" if not words:
            return verb
    raise ValueError(verb)


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name, value


def _shown(raw: bytes) -> str:
    """As printable text."""
    return raw.decode("utf-8", "backslashreplace").encode("unicode_escape").decode("ascii")
