"""Bodies of HTTP answers, read up to a size: who answers, or stands in for it, may never end."""

import httpx

MOST_BYTES = 64 << 20
"""What a body may have, unpacked. The largest that are known are ``/jsz`` with configuration (2 kB
a job: 2 MB of 1,000 jobs) and a job with its newest 5,000 log lines (some MB)."""

ACCEPTED = "gzip, deflate"
"""Packings that are asked for; others, and several at once, are not unpacked: a few kB could become
gigabytes in one step. Of these two, 64 kB become 66 MB at most."""

_UNPACKED = frozenset({"", "identity", "gzip", "deflate"})


class BodyTooLarge(Exception):
    """A body has more than it may have; the text says how much it is."""


async def bounded_body(response: httpx.Response, *, most_bytes: int = MOST_BYTES) -> bytes:
    """The body, unpacked, of an answer of which only the head was read.

    Args:
        response: As ``client.stream(…)`` gives it.
        most_bytes: What the body may have.

    Raises:
        BodyTooLarge: It has more; no more of it is read.
        httpx.DecodingError: It is packed in a way that was not asked for, or damaged.
        httpx.HTTPError: It broke off.
    """
    if response.headers.get("content-encoding", "").strip().lower() not in _UNPACKED:
        raise httpx.DecodingError("it is packed in a way that was not asked for")
    told = response.headers.get("content-length", "")
    if told.isascii() and told.isdecimal() and int(told[:19]) > most_bytes:
        raise BodyTooLarge(f"a body of {int(told[:19]) >> 20} MB")
    pieces: list[bytes] = []
    size = 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > most_bytes:
            raise BodyTooLarge(f"a body of more than {most_bytes >> 20} MB")
        pieces.append(piece)
    return b"".join(pieces)
