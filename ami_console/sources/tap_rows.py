"""Rows of the ``acks`` and ``advisories`` frames, from the subjects and bodies of messages."""

import re
from typing import Any

import orjson

from ami_console import reply_subject
from ami_console.instants import from_rfc3339
from ami_console.reading import Row
from ami_console.sources.consumer_rows import job_of_stream
from ami_console.sources.values import count, mapping, text

ACK_KINDS = ("+ACK", "-NAK", "+WPI", "+TERM", "+NXT")
_KIND = re.compile(r"[A-Z_]{1,64}", re.ASCII)
_LONGEST_IMAGE = 200  # characters; Antenna's are numbers

ADVISORY_SUBJECTS = ("$JS.EVENT.ADVISORY.CONSUMER.", "$JS.EVENT.ADVISORY.STREAM.")


def ack_row(subject: str, payload: str | None, *, observed_at: int) -> Row | None:
    """One acknowledgement; ``None`` when the subject is not one of a ``job_N`` stream.

    Args:
        subject: ``$JS.ACK.`` and so on, see :func:`ami_console.reply_subject.parse`.
        payload: Body; empty means ``+ACK``. ``-NAK`` may carry a delay behind it.
        observed_at: When it was received, ns since the epoch.
    """
    parts = reply_subject.parse(subject)
    if parts is None:
        return None
    return {
        "observed_at": observed_at,
        "job_id": parts.job_id,
        "acked_at": observed_at,
        "stream_seq": parts.stream_seq,
        "consumer_seq": parts.consumer_seq,
        "delivery": parts.delivery,
        "stored_at": parts.stored_at,
        "num_pending_then": parts.num_pending,
        "kind": ack_kind(payload),
        "image_id": None,
    }


def ack_kind(payload: str | None) -> str | None:
    """The kind that the body of an acknowledgement begins with; ``None``: not one that is known."""
    kind = (payload or "+ACK").split(" ", 1)[0].split("{", 1)[0]
    return kind if kind in ACK_KINDS else None


def advisory_row(subject: str, payload: str | None, *, observed_at: int) -> Row | None:
    """One consumer or stream advisory of a ``job_N`` stream, else ``None``.

    ``kind`` is as in the subject: ``STREAM.CREATED``, ``CONSUMER.DELETED``,
    ``CONSUMER.MAX_DELIVERIES`` …; ``observed_at`` is the server's own timestamp where the body
    has one.
    """
    if not subject.startswith(ADVISORY_SUBJECTS):
        return None
    tokens = subject.split(".")
    if len(tokens) < 6 or (job_id := job_of_stream(tokens[5])) is None:
        return None
    if not _KIND.fullmatch(tokens[4]):
        return None
    body = _json(payload)
    return {
        "observed_at": from_rfc3339(body.get("timestamp")) or observed_at,
        "job_id": job_id,
        "kind": f"{tokens[3]}.{tokens[4]}",
        "stream_seq": count(body.get("stream_seq")),
        "consumer_seq": count(body.get("consumer_seq")),
        "deliveries": count(body.get("deliveries")),
    }


def image_of_task(payload: str | None) -> str | None:
    """The image id that a task message carries; ``None`` when it does not tell."""
    image = text(_json(payload).get("image_id"))
    return image if image is not None and len(image) <= _LONGEST_IMAGE else None


def _json(payload: str | None) -> Any:
    try:
        return mapping(orjson.loads(payload or ""))
    except orjson.JSONDecodeError:
        return {}
