"""JetStream API replies and ``/jsz`` bodies become the same rows."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ami_console.errors import SourceMalformed
from ami_console.frames import FRAMES, from_rows
from ami_console.instants import from_rfc3339
from ami_console.sources.consumer_rows import job_of_stream
from ami_console.sources.jetstream import consumer_row, jsz_rows

SEEN_AT = 1_795_000_000_000_000_000
STREAM = "$JS.API.STREAM.INFO.job_{}"
CONSUMER = "$JS.API.CONSUMER.INFO.job_{}.{}"


def replies(recorded: Callable[[str], Any], job_id: int, consumer: str = "") -> tuple[Any, Any]:
    held = recorded("api_replies")
    name = consumer or f"job-{job_id}-consumer"
    return held.get(STREAM.format(job_id)), held[CONSUMER.format(job_id, name)]


def test_a_running_job(recorded: Callable[[str], Any]) -> None:
    """Job 105: 320 published, 5 reserved, 2 of those acknowledged."""
    row = consumer_row(105, *replies(recorded, 105), observed_at=SEEN_AT)
    assert row == {
        "observed_at": SEEN_AT,
        "job_id": 105,
        "stream_exists": True,
        "consumer_exists": True,
        "messages": 320,
        "first_seq": 1,
        "last_seq": 320,
        "num_pending": 315,
        "num_ack_pending": 3,
        "num_redelivered": 0,
        "num_waiting": 0,
        "delivered_consumer_seq": 5,
        "delivered_stream_seq": 5,
        "ack_floor_consumer_seq": 2,
        "ack_floor_stream_seq": 2,
        "delivered_last_active": from_rfc3339("2026-11-23T15:54:13.183475319Z"),
        "ack_floor_last_active": from_rfc3339("2026-11-23T15:54:13.390716049Z"),
        "ack_wait_s": 300.0,
        "max_deliver": 2,
        "max_ack_pending": 1000,
        "stream_created_at": from_rfc3339("2026-11-23T15:54:09.164535394Z"),
        "consumer_created_at": from_rfc3339("2026-11-23T15:54:09.168348649Z"),
        "server_at": from_rfc3339("2026-11-23T15:54:16.714986504Z"),
    }
    assert row.keys() == FRAMES["consumers"].keys()


def test_jsz_and_api_tell_the_same(recorded: Callable[[str], Any]) -> None:
    """The same broker, asked both ways within 20 ms: only the server's clock has moved on."""
    by_jsz = jsz_rows(recorded("jsz"), observed_at=SEEN_AT)
    by_api = consumer_row(105, *replies(recorded, 105), observed_at=SEEN_AT)
    assert list(by_jsz) == [105], "the advisories stream is no job"
    assert by_jsz[105]["server_at"] == from_rfc3339("2026-11-23T15:54:16.696610521Z")
    assert {**by_jsz[105], "server_at": 0} == {**by_api, "server_at": 0}


def test_several_jobs_after_a_restart(recorded: Callable[[str], Any]) -> None:
    """Job 113 had 8 redeliveries; after the server's restart nothing says when it was active."""
    rows = jsz_rows(recorded("jsz_several_jobs"), observed_at=SEEN_AT)
    assert sorted(rows) == [111, 113, 114, 118]
    assert (rows[113]["delivered_consumer_seq"], rows[113]["delivered_stream_seq"]) == (48, 40)
    assert rows[113]["delivered_last_active"] is None
    assert rows[113]["ack_wait_s"] == 10.0


def test_a_stream_that_is_gone(recorded: Callable[[str], Any]) -> None:
    """The job ended and Antenna deleted its stream: that is an answer, with no counts in it."""
    row = consumer_row(999999, *replies(recorded, 999999), observed_at=SEEN_AT)
    assert (row["stream_exists"], row["consumer_exists"]) == (False, False)
    counts = {"observed_at", "job_id", "stream_exists", "consumer_exists"}
    assert all(value is None for column, value in row.items() if column not in counts)


def test_a_consumer_that_is_gone(recorded: Callable[[str], Any]) -> None:
    """The stream is there, its consumer is not: nothing is known of deliveries."""
    stream, consumer = replies(recorded, 105, "nope")
    row = consumer_row(105, stream, consumer, observed_at=SEEN_AT)
    assert (row["stream_exists"], row["consumer_exists"]) == (True, False)
    assert (row["messages"], row["num_pending"]) == (320, None)


@pytest.mark.parametrize(
    "reply",
    [None, {}, {"_client_error": "nats: timeout"}, {"error": {"code": 503, "err_code": 10008}}],
)
def test_no_answer_is_not_no_stream(reply: Mapping[str, Any] | None) -> None:
    """A poll log holds a client error in place of a reply: whether there is a stream is unknown."""
    row = consumer_row(3, reply, reply, observed_at=SEEN_AT)
    assert (row["stream_exists"], row["consumer_exists"], row["messages"]) == (None, None, None)
    assert from_rows("consumers", [row])["stream_exists"].isna().all()


def test_one_answer_of_two(recorded: Callable[[str], Any]) -> None:
    """One of the two requests was lost: the other still proves what it can."""
    stream, consumer = replies(recorded, 105)
    by_consumer = consumer_row(105, None, consumer, observed_at=SEEN_AT)
    assert (by_consumer["stream_exists"], by_consumer["messages"]) == (True, None)
    by_stream = consumer_row(105, stream, None, observed_at=SEEN_AT)
    assert (by_stream["consumer_exists"], by_stream["num_pending"]) == (None, None)
    _, gone = replies(recorded, 999999)
    deleted = consumer_row(999999, None, gone, observed_at=SEEN_AT)
    assert (deleted["stream_exists"], deleted["consumer_exists"]) == (False, False)


def test_jsz_stream_without_its_consumer(recorded: Callable[[str], Any]) -> None:
    """Somebody else's consumer on the stream is not Antenna's."""
    body = recorded("jsz")
    stream = body["account_details"][0]["stream_detail"][1]
    stream["consumer_detail"][0]["name"] = "somebody-else"
    row = jsz_rows(body, observed_at=SEEN_AT)[105]
    assert (row["stream_exists"], row["consumer_exists"], row["num_pending"]) == (True, False, None)
    assert row["server_at"] == from_rfc3339(body["now"]), "the server's clock is known all the same"


def test_two_accounts_with_the_same_job(recorded: Callable[[str], Any]) -> None:
    """A test system's account on the same server: the newer stream is the one that moves."""
    body = recorded("jsz")
    old = copy.deepcopy(body["account_details"][0])
    old["stream_detail"][1]["created"] = "2026-11-20T00:00:00Z"
    old["stream_detail"][1]["state"]["messages"] = 7
    for accounts in ([old, *body["account_details"]], [*body["account_details"], old]):
        rows = jsz_rows({**body, "account_details": accounts}, observed_at=SEEN_AT)
        assert rows[105]["messages"] == 320


def test_jsz_without_streams(recorded: Callable[[str], Any]) -> None:
    """A server that holds no stream at all leaves the list out."""
    body = {key: value for key, value in recorded("jsz").items() if key != "account_details"}
    assert jsz_rows(body, observed_at=SEEN_AT) == {}


@pytest.mark.parametrize("body", [[], None, {}, {"status": "ok"}])
def test_something_else_is_no_jsz(body: Any) -> None:
    """Another server listens on 8222: it must not look like a broker without streams."""
    with pytest.raises(SourceMalformed, match="server_id"):
        jsz_rows(body, observed_at=SEEN_AT)


@pytest.mark.parametrize(
    ("name", "job_id"),
    [
        ("job_7", 7), ("job_118", 118), ("job_", None), ("job_0", None), ("job_07", None),
        ("job_7_old", None), ("xjob_7", None), ("advisories", None), ("job_" + "9" * 30, None),
        (7, None), ("job_٣", None),
    ],
)  # fmt: skip
def test_only_job_streams_are_jobs(name: object, job_id: int | None) -> None:
    """Other streams live on the same server."""
    assert job_of_stream(name) == job_id
