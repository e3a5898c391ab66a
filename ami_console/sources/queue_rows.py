"""Rows of the ``queues`` frame from what RabbitMQ tells, now or in a poll log, and from Redis."""

from collections.abc import Mapping, Sequence
from typing import Any

from ami_console.errors import SourceMalformed
from ami_console.reading import Row
from ami_console.sources.values import count, items, mapping, text

MANAGEMENT_COLUMNS = ("name", "messages_ready", "messages_unacknowledged", "consumers")

_PRIORITY_STEPS = (0, 3, 6, 9)
_PRIORITY_MARK = "\x06\x16"


def queue_row(queue: str, told: object, *, observed_at: int) -> Row:
    """The row of one queue; numbers that RabbitMQ does not tell are missing.

    Args:
        queue: Its name.
        told: RabbitMQ's object of it, or anything else when there is none.
        observed_at: When this was so, ns since the epoch.

    Source:
        RabbitMQ's management API, ``messages_ready``, ``messages_unacknowledged`` and
        ``consumers`` of a queue. They are refreshed every 5 s: up to so old are they.
    """
    numbers = mapping(told)
    return {
        "observed_at": observed_at,
        "queue": queue,
        "ready": count(numbers.get("messages_ready")),
        "unacknowledged": count(numbers.get("messages_unacknowledged")),
        "consumers": count(numbers.get("consumers")),
    }


def management_rows(
    body: Mapping[str, Any], queues: Sequence[str], *, observed_at: int
) -> tuple[list[Row], list[str]]:
    """One row per queue asked for, of a page of ``/api/queues/{vhost}``.

    Args:
        body: The page as JSON gives it.
        queues: Their names; the page may hold others.
        observed_at: When the answer was in, ns since the epoch.

    Returns:
        The rows, and the names of queues that are not there: their rows have no numbers. A queue
        that was just made is there and has no numbers yet.

    Raises:
        SourceMalformed: This is no page of queues.
    """
    if not isinstance(body.get("items"), list):
        raise SourceMalformed("this is no list of queues")
    told = {text(each.get("name")): each for each in map(mapping, items(body["items"]))}
    rows = [queue_row(queue, told.get(queue), observed_at=observed_at) for queue in queues]
    return rows, [queue for queue in queues if queue not in told]


def recorded_rows(told: Mapping[str, Any], *, observed_at: int) -> list[Row]:
    """One row per queue of a poll log's look, which holds RabbitMQ's numbers by name."""
    named = {text(name): numbers for name, numbers in told.items()}
    return [
        queue_row(name, numbers, observed_at=observed_at) for name, numbers in named.items() if name
    ]


def lists_of(queue: str) -> list[str]:
    """The Redis lists in which Celery keeps one queue: one for each step of priority.

    Source:
        kombu's Redis transport, with its usual ``priority_steps`` and ``sep``.
    """
    return [queue, *(f"{queue}{_PRIORITY_MARK}{step}" for step in _PRIORITY_STEPS[1:])]


def list_row(queue: str, lengths: Sequence[object], *, observed_at: int) -> Row:
    """The row of one queue by the lengths of its lists.

    What workers hold unacknowledged lies in one hash for all queues, and Redis knows no
    consumers: both are missing.

    Args:
        queue: Its name.
        lengths: One reply per list; with one that is no length, ``ready`` is missing. An empty
            list is a missing key in Redis, so 0 is what an empty queue has.
        observed_at: When the replies were in, ns since the epoch.
    """
    counted = [count(length) for length in lengths]
    known = [length for length in counted if length is not None]
    ready = sum(known) if len(known) == len(counted) else None
    return {"observed_at": observed_at, "queue": queue, "ready": ready}
