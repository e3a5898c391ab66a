"""``/jsz`` and replies of the JetStream API, when they are not what they were."""

import json
from pathlib import Path
from typing import Any

import orjson
from hypothesis import strategies as st

from ami_console.errors import SourceMalformed
from ami_console.reading import Reading, Row
from ami_console.sources.consumer_rows import consumer_row, jsz_rows
from ami_console.sources.jetstream import JetstreamSource
from tests.input.hostile_server import hostile_server, whole
from tests.input.kept import assert_kept, assert_short
from tests.input.mutated import INT64_MAX, damaged, exactly, may_be, mutated
from tests.input.rest import AT, asked, settings

SOURCES = Path(__file__).parents[1] / "data" / "sources"
JSZ = [(SOURCES / name).read_bytes() for name in ("jsz.json", "jsz_several_jobs.json")]
REPLIES = [
    json.dumps(reply).encode()
    for reply in json.loads((SOURCES / "api_replies.json").read_text()).values()
]

bodies = mutated(JSZ, most=8) | damaged(mutated(JSZ))
looks = st.tuples(bodies, st.sampled_from([False] * 9 + [True]))
replies = st.tuples(mutated(REPLIES), mutated(REPLIES))

OF_STREAM = ("messages", "first_seq", "last_seq")
OF_CONSUMER = ("num_pending", "num_ack_pending", "num_redelivered", "num_waiting")
SEQUENCES = {
    "delivered_consumer_seq": ("delivered", "consumer_seq"),
    "delivered_stream_seq": ("delivered", "stream_seq"),
    "ack_floor_consumer_seq": ("ack_floor", "consumer_seq"),
    "ack_floor_stream_seq": ("ack_floor", "stream_seq"),
}
OF_CONFIG = ("max_deliver", "max_ack_pending")


def rows_of_any_jsz(body: bytes) -> None:
    """Every number of a row is one that the body has for that job, at that place."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    try:
        rows = jsz_rows(parsed, observed_at=AT)
    except SourceMalformed as error:
        assert_short(error)
        return
    assert_kept(Reading(source="nats", observed_at=AT, rows={"consumers": list(rows.values())}))
    held = exactly(body)
    for job_id, row in rows.items():
        assert 0 < job_id <= INT64_MAX
        streams = [s for s in _streams(held) if s.get("name") == f"job_{job_id}"]
        assert any(
            _is_of(row, stream, each) for stream in streams for each in _consumers(stream, job_id)
        )


def row_of_any_reply(texts: tuple[bytes, bytes]) -> None:
    """The same of the replies to ``STREAM.INFO`` and ``CONSUMER.INFO``."""
    try:
        stream, consumer = (orjson.loads(text) for text in texts)
    except orjson.JSONDecodeError:
        return
    row = consumer_row(7, stream, consumer, observed_at=AT)
    assert_kept(Reading(source="nats", observed_at=AT, rows={"consumers": [row]}))
    assert _is_of(row, _object(exactly(texts[0])), _object(exactly(texts[1])))


def look_at_any_jsz(case: tuple[bytes, bool]) -> None:
    """A look over HTTP gives rows or a reason, and they can be held, recorded and judged."""
    body, judged = case
    with hostile_server() as server:
        server.answer = lambda path: whole(body)
        reading = asked(JetstreamSource(settings(server)), 7)
    assert_kept(reading, judged=judged)


def _is_of(row: Row, stream: dict[str, Any], consumer: dict[str, Any]) -> bool:
    state, config = _object(stream.get("state")), _object(consumer.get("config"))
    return (
        all(may_be(state.get(name), row[name]) for name in OF_STREAM)
        and all(may_be(consumer.get(name), row[name]) for name in OF_CONSUMER)
        and all(
            may_be(_object(consumer.get(part)).get(key), row[name])
            for name, (part, key) in SEQUENCES.items()
        )
        and all(may_be(config.get(name), row[name], least=-INT64_MAX - 1) for name in OF_CONFIG)
    )


def _streams(held: Any) -> list[dict[str, Any]]:
    accounts = map(_object, _list(_object(held).get("account_details")))
    return [
        _object(stream) for account in accounts for stream in _list(account.get("stream_detail"))
    ]


def _consumers(stream: dict[str, Any], job_id: int) -> list[dict[str, Any]]:
    details = map(_object, _list(stream.get("consumer_detail")))
    return [each for each in details if each.get("name") == f"job-{job_id}-consumer"] or [{}]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
