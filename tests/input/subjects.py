"""Subjects of acknowledgements and advisories: anybody who may publish there can send anything."""

import gzip
import json
from pathlib import Path

from hypothesis import strategies as st

from ami_console import reply_subject
from ami_console.reading import Reading
from ami_console.sources.tap_columns import HEAD_BYTES, acks_batch
from ami_console.sources.tap_rows import advisory_row
from tests.input.kept import assert_kept
from tests.input.mutated import INT64_MAX, damaged, exactly, may_be, mutated
from tests.input.rest import AT

EVENTS = Path(__file__).parents[1] / "data" / "antenna" / "a_healthy" / "events.jsonl.gz"
MESSAGES = [
    (message["subject"], message.get("payload") or "")
    for message in map(json.loads, gzip.decompress(EVENTS.read_bytes()).splitlines())
    if "subject" in message
]
ACKS = [subject for subject, _ in MESSAGES if subject.startswith("$JS.ACK.")][:20]
ADVISORIES = [each for each in MESSAGES if each[0].startswith("$JS.EVENT.ADVISORY.")]
BODIES = [payload.encode() for _, payload in ADVISORIES]

tokens = st.one_of(
    st.sampled_from(
        ["", "0", "00", "-1", "+1", "1_0", "٣", "¹", "1e3", "7.5", "job_3", "job_0", "job_-3",
         "job_٣", "job_" + "9" * 30, "$JS", "ACK", "EVENT", "ADVISORY", "STREAM", "CREATED", "*",
         ">", " ", "\n", "\x00", "\ud800", "x" * 3000, str(INT64_MAX), str(INT64_MAX + 1),
         "9" * 5000]
    ),
    st.integers(0, 2**65).map(str),
)  # fmt: skip


@st.composite
def _changed(draw: st.DrawFn, recorded: tuple[str, ...]) -> str:
    parts = draw(st.sampled_from(recorded)).split(".")
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(parts)))
        parts[at : at + draw(st.integers(0, 1))] = draw(st.lists(tokens, max_size=2))
    return ".".join(parts)


acks = st.lists(_changed(tuple(ACKS)), max_size=8)
advisories = st.tuples(
    _changed(tuple(subject for subject, _ in ADVISORIES)),
    mutated(BODIES) | damaged(mutated(BODIES)),
)


def acks_of_any_subjects(subjects: list[str]) -> None:
    """Every number is the token at its place; what is none of a job's is left out."""
    told = [(subject, found) for subject in subjects if (found := reply_subject.parse(subject))]
    for subject, found in told:
        parts = subject.split(".")
        at = 2 if len(parts) == 9 else 4
        assert [found.job_id, *found[1:]] == [
            int(parts[at].removeprefix("job_")),
            *map(int, parts[at + 2 : at + 7]),
        ]
        assert all(0 <= number <= INT64_MAX for number in found)
    received = [subject.encode("utf-8", "replace").decode() for subject in subjects]
    batch = acks_batch(received, [b"+ACK"[:HEAD_BYTES]] * len(subjects), [AT] * len(subjects))
    assert len(batch) == len(told)
    assert_kept(Reading(source="tap", observed_at=AT, rows={"acks": batch}))


def row_of_any_advisory(message: tuple[str, bytes]) -> None:
    """The numbers of an advisory are those of its body, and its kind is one word."""
    subject, body = message
    row = advisory_row(subject, body.decode("utf-8", "replace"), observed_at=AT)
    if row is None:
        return
    assert row["kind"].replace(".", "").replace("_", "").isalpha()
    assert_kept(Reading(source="tap", observed_at=AT, rows={"advisories": [row]}))
    try:
        held = exactly(body.decode("utf-8", "replace").encode())
    except (ValueError, RecursionError):
        held = None
    told = held if isinstance(held, dict) else {}
    for column in ("stream_seq", "consumer_seq", "deliveries"):
        assert row[column] is None or may_be(told.get(column), row[column])
