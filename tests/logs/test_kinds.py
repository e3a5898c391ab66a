"""The table of kinds: every wording in it is understood, and says what the table says."""

import pytest

from ami_console.frames import FRAMES
from ami_console.logs import KINDS
from ami_console.logs.fields import PLACE
from ami_console.logs.forms import HEAD_SIZE, forms_of
from ami_console.logs.kinds import PLAIN, TABLE
from ami_console.reply_subject import ReplySubject, parse
from tests.logs.log_text import parsed
from tests.logs.wordings import OTHERS, WORDINGS, filled

PREFIX = "INFO 2026-11-23 10:14:20,123 models 7 8 "

VALUES = {
    "ratio": 0.125,
    "ack_wait_s": 300.0,
    "rate_per_min": 269.4,
    "task_id": OTHERS["task_id"],
    "status": "STARTED",
    "job_id": 3,
}
SUBJECT_VALUES = {
    "delivery": 2,
    "stream_seq": 7,
    "consumer_seq": 9,
    "stored_at": 1795448945276789934,
    "num_pending_then": 5,
    "job_id": 3,
}
DURATIONS = {"duration_s": 0.5, "minutes": 90.0, "elapsed": 3723.0, "span": 60.0}


@pytest.mark.parametrize(("kind", "form"), WORDINGS)
def test_a_line_of_each_wording_is_understood(kind: str, form: str) -> None:
    """A version of Antenna that words a line like this is read as the others."""
    (row,) = parsed(f"{PREFIX}{filled(form)}\n")
    assert row["kind"] == kind
    fields = set(PLACE.findall(form))
    for name in fields & VALUES.keys():
        assert row[name] == VALUES[name]
    if "subject" in fields:
        assert SUBJECT_VALUES.items() <= row.items()
    if "client" in fields:
        assert row["client"] in row["message"]
    if "percent" in fields:
        assert row["ratio"] == 0.125
    if "image" in fields:
        assert row["image_ids"] == "1542"
    if "ids" in fields:
        assert row["image_ids"] == "1,2,3"
    if "task" in fields:
        assert row["stage"] == "run_job"
    for name in fields & DURATIONS.keys():
        assert row["duration_s"] == DURATIONS[name]
    counts = fields - OTHERS.keys() - {"n"}
    assert [row[name] for name in counts] == [7] * len(counts)
    assert (row["source"] == "worker") == kind.startswith("worker_")


@pytest.mark.parametrize("form", PLAIN)
def test_lines_of_no_evidence_are_of_no_kind(form: str) -> None:
    (row,) = parsed(f"{PREFIX}{filled(form)}\n")
    assert "kind" not in row
    assert row["message"] == filled(form)


def test_every_kind_names_columns_of_the_frame() -> None:
    """Who looks a kind up finds columns that are there."""
    assert list(KINDS) == [kind.name for kind in TABLE]
    for kind in TABLE:
        assert set(kind.columns) <= FRAMES["log_events"].keys(), kind.name
    assert "requested, delivered, client" in KINDS["fetched"]


@pytest.mark.parametrize(("kind", "form"), WORDINGS)
def test_a_message_is_compared_with_few_wordings(kind: str, form: str) -> None:
    """A million lines are read at once: each may cost a handful of comparisons, not a hundred."""
    candidates = forms_of(filled(form)[:HEAD_SIZE])
    assert kind in {each.kind for each in candidates}
    assert len(candidates) <= 6


@pytest.mark.parametrize("job_id", [7, 1234, 123456789012345])
def test_the_number_of_the_job_may_be_long(job_id: int) -> None:
    """The numbers of jobs grow; on the production server they have six digits."""
    line = filled(dict(WORDINGS)["throughput"], job_id=str(job_id))
    (row,) = parsed(f"{PREFIX}{line}\n")
    assert (row["kind"], row["job_id"]) == ("throughput", job_id)


@pytest.mark.parametrize(
    ("message", "job_id"),
    [
        ("Adding JobLogHandler to logger for job 6", 6),
        ("stream job_6 is there", 6),
        ("Job #6 is there", 6),
        ("for job '6'", 6),
        ("consumer job-6-consumer", 6),
        ("3 jobs, 6 of them", None),
        ("jobs 6", None),
        ("job 0 and job x", None),
    ],
)
def test_a_line_of_no_known_kind_still_names_its_job(message: str, job_id: int | None) -> None:
    (row,) = parsed(f"{PREFIX}{message}\n")
    assert row.get("job_id") == job_id


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (OTHERS["subject"], (3, 2, 7, 9, 1795448945276789934, 5)),
        ("$JS.ACK.hub.Ahash.job_3.job-3-consumer.1.7.9.11.5", (3, 1, 7, 9, 11, 5)),
        ("$JS.ACK.hub.Ahash.job_3.job-3-consumer.1.7.9.11.5.random", (3, 1, 7, 9, 11, 5)),
        ("$JS.ACK.hub.job_3.job-3-consumer.1.7.9.11.5", None),
        ("$JS.ACK.job_3.job-3-consumer.1.7.9.11", None),
        ("$JS.ACK.other.job-3-consumer.1.7.9.11.5", None),
        ("$JS.ACK.job_03.job-3-consumer.1.7.9.11.5", None),
        ("$JS.ACK.job_3.job-3-consumer.1.7.9..5", None),
        ("$JS.ACK.job_3.job-3-consumer.1.7.9.-1.5", None),
        ("$JS.ACK.job_3.job-3-consumer.1.7.9.9223372036854775807.5", (3, 1, 7, 9, 2**63 - 1, 5)),
        ("$JS.ACK.job_3.job-3-consumer.1.7.9.9223372036854775808.5", None),
        ("$JS.ACK.job_3.job-3-consumer.1.7.9.١.5", None),
        ("$JS.API.job_3.job-3-consumer.1.7.9.11.5", None),
        ("", None),
    ],
)
def test_reply_subjects(subject: str, expected: tuple[int, ...] | None) -> None:
    """The number of tokens decides where the stream stands; anything else is no subject."""
    assert parse(subject) == (expected and ReplySubject(*expected))
