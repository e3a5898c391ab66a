"""Rows of the ``consumers`` frame, from JetStream API replies or from a ``/jsz`` body."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ami_console.errors import SourceMalformed
from ami_console.instants import from_rfc3339
from ami_console.reading import Row
from ami_console.sources.values import count, integer, items, mapping, seconds_from_ns, text

STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014

NO_STREAM: Mapping[str, Any] = {"error": {"code": 404, "err_code": STREAM_NOT_FOUND}}
NO_CONSUMER: Mapping[str, Any] = {"error": {"code": 404, "err_code": CONSUMER_NOT_FOUND}}

_JOB_STREAM = re.compile(r"job_([1-9][0-9]{0,17})")


def stream_name(job_id: int) -> str:
    """Name of the job's stream."""
    return f"job_{job_id}"


def consumer_name(job_id: int) -> str:
    """Name of the job's consumer."""
    return f"job-{job_id}-consumer"


def job_of_stream(name: object) -> int | None:
    """Job id of a ``job_N`` stream; ``None`` for every other stream."""
    found = _JOB_STREAM.fullmatch(name) if isinstance(name, str) else None
    return int(found[1]) if found else None


def consumer_row(
    job_id: int,
    stream: Mapping[str, Any] | None,
    consumer: Mapping[str, Any] | None,
    *,
    observed_at: int,
) -> Row:
    """What JetStream says of one job.

    Args:
        job_id: Number of the job.
        stream: Reply of ``STREAM.INFO`` or an entry of ``stream_detail``; an error reply counts
            (10059 says that there is no stream). ``None`` or anything else: not known.
        consumer: Reply of ``CONSUMER.INFO`` or an entry of ``consumer_detail``, as above.
        observed_at: When the answer was in, ns since the epoch.

    Returns:
        One row; counts are missing where there is nothing that has them. ``stream_exists`` and
        ``consumer_exists`` are ``None`` where the replies don't say.
    """
    stream, consumer = mapping(stream), mapping(consumer)
    state, delivered = mapping(stream.get("state")), mapping(consumer.get("delivered"))
    floor, config = mapping(consumer.get("ack_floor")), mapping(consumer.get("config"))
    stream_exists = _exists(stream, "state", STREAM_NOT_FOUND)
    consumer_exists = _exists(consumer, "delivered", CONSUMER_NOT_FOUND)
    no_stream_for_consumer = _error_code(consumer) == STREAM_NOT_FOUND
    if stream_exists is None and (consumer_exists or no_stream_for_consumer):
        stream_exists = bool(consumer_exists)
    if consumer_exists is None and (stream_exists is False or no_stream_for_consumer):
        consumer_exists = False
    return {
        "observed_at": observed_at,
        "job_id": job_id,
        "stream_exists": stream_exists,
        "consumer_exists": consumer_exists,
        "messages": count(state.get("messages")),
        "first_seq": count(state.get("first_seq")),
        "last_seq": count(state.get("last_seq")),
        "num_pending": count(consumer.get("num_pending")),
        "num_ack_pending": count(consumer.get("num_ack_pending")),
        "num_redelivered": count(consumer.get("num_redelivered")),
        "num_waiting": count(consumer.get("num_waiting")),
        "delivered_consumer_seq": count(delivered.get("consumer_seq")),
        "delivered_stream_seq": count(delivered.get("stream_seq")),
        "ack_floor_consumer_seq": count(floor.get("consumer_seq")),
        "ack_floor_stream_seq": count(floor.get("stream_seq")),
        "delivered_last_active": from_rfc3339(delivered.get("last_active")),
        "ack_floor_last_active": from_rfc3339(floor.get("last_active")),
        "ack_wait_s": seconds_from_ns(config.get("ack_wait")),
        "max_deliver": integer(config.get("max_deliver")),
        "max_ack_pending": integer(config.get("max_ack_pending")),
        "stream_created_at": from_rfc3339(stream.get("created")),
        "consumer_created_at": from_rfc3339(consumer.get("created")),
        "server_at": from_rfc3339(consumer.get("ts")) or from_rfc3339(stream.get("ts")),
    }


def jsz_rows(body: Mapping[str, Any], *, observed_at: int) -> dict[int, Row]:
    """Job id → row, of every ``job_N`` stream in a ``/jsz?consumers=true`` body.

    Where two accounts have a stream of the same job, the newer stream is kept.

    Raises:
        SourceMalformed: This is no ``/jsz`` body.
    """
    if not isinstance(body, Mapping) or not {"server_id", "now"} & body.keys():
        raise SourceMalformed(
            "a /jsz answer should be a JSON object with server_id and now, and this is none"
        )
    now = from_rfc3339(body.get("now"))
    rows: dict[int, Row] = {}
    for job_id, stream in job_streams(body):
        wanted = consumer_name(job_id)
        details = map(mapping, items(stream.get("consumer_detail")))
        consumer = next((each for each in details if each.get("name") == wanted), NO_CONSUMER)
        row = consumer_row(job_id, stream, consumer, observed_at=observed_at)
        row["server_at"] = row["server_at"] or now
        held = rows.get(job_id)
        if held is None or (row["stream_created_at"] or 0) > (held["stream_created_at"] or 0):
            rows[job_id] = row
    return rows


def job_streams(body: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Job id and ``stream_detail`` entry of every ``job_N`` stream in a ``/jsz`` body."""
    for account in map(mapping, items(body.get("account_details"))):
        for stream in map(mapping, items(account.get("stream_detail"))):
            job_id = job_of_stream(text(stream.get("name")))
            if job_id is not None:
                yield job_id, stream


def _exists(reply: Mapping[str, Any], telltale: str, not_found: int) -> bool | None:
    if telltale in reply:
        return True
    return False if _error_code(reply) == not_found else None


def _error_code(reply: Mapping[str, Any]) -> int | None:
    return count(mapping(reply.get("error")).get("err_code"))
