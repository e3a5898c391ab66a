"""Acknowledgements in bulk: the same rows that are parsed one by one, whatever the subject."""

import gzip
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ami_console.batch import Row
from ami_console.sources.tap_columns import HEAD_BYTES, acks_batch
from ami_console.sources.tap_rows import ack_row

A_HEALTHY = Path(__file__).parents[1] / "data" / "antenna" / "a_healthy" / "events.jsonl.gz"
PLAIN = "$JS.ACK.job_9.job-9-consumer.1.5.6.1795449310256710216.7"
WITH_DOMAIN = "$JS.ACK.hub.ACCHASH.job_9.job-9-consumer.1.5.6.1795449310256710216.7"


def in_bulk(messages: list[tuple[str, bytes]]) -> list[Row]:
    subjects, heads = [s for s, _ in messages], [body[:HEAD_BYTES] for _, body in messages]
    return [
        {**row, "image_id": None}
        for row in acks_batch(subjects, heads, range(100, 100 + len(messages)))
    ]


def one_by_one(messages: list[tuple[str, bytes]]) -> list[Row]:
    rows = (
        ack_row(subject, body.decode("utf-8", "replace"), observed_at=at)
        for at, (subject, body) in enumerate(messages, 100)
    )
    return [row for row in rows if row is not None]


def test_a_recorded_job() -> None:
    """320 acknowledgements of a real job, between the other subjects of that recording."""
    events = [json.loads(line) for line in gzip.decompress(A_HEALTHY.read_bytes()).splitlines()]
    messages = [(e["subject"], e.get("payload", "").encode()) for e in events if "subject" in e]
    rows = in_bulk(messages)
    assert rows == one_by_one(messages)
    assert len({row["stream_seq"] for row in rows}) == 320
    assert {row["kind"] for row in rows} == {"+ACK"}


def test_both_forms_in_the_order_in_which_they_came() -> None:
    """A hub with a domain and one without; the newest servers put more tokens behind."""
    other = PLAIN.replace("job_9", "job_10")
    subjects = [PLAIN, WITH_DOMAIN, f"{WITH_DOMAIN}.rAnDoM", other, WITH_DOMAIN]
    rows = in_bulk([(subject, b"+ACK") for subject in subjects])
    assert [row["observed_at"] for row in rows] == [100, 101, 102, 103, 104]
    assert [row["job_id"] for row in rows] == [9, 9, 9, 10, 9]
    names = ("delivery", "stream_seq", "consumer_seq", "stored_at", "num_pending_then")
    assert {tuple(row[name] for name in names) for row in rows} == {
        (1, 5, 6, 1795449310256710216, 7)
    }


def test_what_is_none_of_ours_is_left_out() -> None:
    """Other streams, ten tokens, no numbers, numbers that fit no column."""
    strangers = [
        PLAIN.replace("job_9", "orders"),
        PLAIN.replace("job_9", "job_09"),
        f"{PLAIN}.1",
        PLAIN.removesuffix(".7"),
        PLAIN.replace(".5.", ".five."),
        PLAIN.replace(".5.", ".-5."),
        PLAIN.replace("1795449310256710216", "9" * 19),
        "$JS.API.INFO",
    ]
    assert in_bulk([(subject, b"") for subject in strangers]) == []
    assert [row["stream_seq"] for row in in_bulk([(s, b"") for s in (*strangers, PLAIN)])] == [5]
    assert in_bulk([]) == []


def test_bodies_of_every_kind() -> None:
    """``-NAK`` with a delay, ``+NXT`` with a request, nothing, and a body of a megabyte."""
    bodies = [b"", b"+ACK", b'-NAK {"delay": 5}', b"+WPI", b"+TERM why", b'+NXT {"batch":1}',
              b"+OK", b"\xff\xfe", b"+ACK" * 250_000]  # fmt: skip
    messages = [(PLAIN, body) for body in bodies]
    rows = in_bulk(messages)
    assert rows == one_by_one(messages)
    assert [row["kind"] for row in rows] == [
        "+ACK", "+ACK", "-NAK", "+WPI", "+TERM", "+NXT", None, None, None,
    ]  # fmt: skip


number = st.one_of(
    st.integers(0, 2**64).map(str),
    st.integers(2**63 - 2, 2**63 + 2).map(str),
    st.sampled_from(["", "-1", "+1", "007", "0" * 20, "٣", "1 ", "1\n", "9" * 19, "8" * 19, "x"]),
)
token = st.one_of(number, st.sampled_from(["job_9", "job_0", "job_", "$JS", "ACK", "é", "a\nb"]))
subject = st.one_of(
    st.lists(token, max_size=14).map(".".join),
    st.builds(
        lambda front, job, numbers, behind: ".".join(
            ["$JS.ACK", *front, f"job_{job}", "c", *numbers, *behind]
        ),
        st.sampled_from([[], ["hub", "HASH"], ["hub"]]),
        number,
        st.lists(number, min_size=5, max_size=5),
        st.lists(token, max_size=3),
    ),
)
body = st.one_of(st.binary(max_size=20), st.sampled_from([b"+ACK", b"-NAK {}", b"+WPI x"]))


@given(st.lists(st.tuples(subject, body), max_size=6))
def test_hostile_subjects_give_what_they_give_one_by_one(messages: list[tuple[str, bytes]]) -> None:
    """Anybody who may publish can send anything below ``$JS.ACK``."""
    assert in_bulk(messages) == one_by_one(messages)
