"""Whatever poll log somebody sends: its looks, or why they can't be read."""

import gzip
from pathlib import Path

import orjson
import pytest

from ami_console.history import History
from ami_console.reading import Reading
from ami_console.sources import poll_log, text_files
from ami_console.sources.notes import MOST_KINDS
from ami_console.sources.poll_log import Notes
from tests.input.properties import PROPERTIES, Property
from tests.input.rest import ZONE

T = "2026-11-23T15:13:09Z"
STREAM = {"config": {"name": "job_7"}, "state": {"messages": 5}}
CREATED = {"t": T, "subject": "$JS.EVENT.ADVISORY.STREAM.CREATED.job_3"}
TASK = {"t": T, "subject": "job.3.tasks", "payload": '{"image_id": "90"}'}


@pytest.mark.parametrize("tried", PROPERTIES["poll_logs"], ids=lambda tried: tried.holds.__name__)
def test_any_log(tried: Property) -> None:
    """Damaged on the way, of an older recorder, or made up."""
    tried.try_few()


def read(path: Path, *lines: object, notes: Notes | None = None) -> list[Reading]:
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    return list(poll_log.readings(path, zone=ZONE, notes=notes or Notes()))


@pytest.mark.parametrize("packed", [True, False])
def test_packed_is_what_is_packed_whatever_its_name(tmp_path: Path, packed: bool) -> None:
    """A browser unpacked the download and kept its name; somebody packed it and did not say so."""
    line = orjson.dumps({"t": T, "redis": {"error": "gone"}}) + b"\n"
    path = tmp_path / ("series.jsonl" if packed else "series.jsonl.gz")
    path.write_bytes(gzip.compress(line) if packed else line)
    (reading,) = poll_log.readings(path, zone=ZONE, notes=Notes())
    assert reading.error == "gone"


def test_an_acknowledgement_of_message_zero_is_of_no_image(tmp_path: Path) -> None:
    """Sequences begin at 1: that of 0 was given the image of the last task, or ended the import."""
    zero = {"t": T, "subject": "$JS.ACK.job_3.c.1.0.1.1795448945276789934.0"}
    one = zero | {"subject": zero["subject"].replace("1.0.1.", "1.1.1.")}
    (reading,) = read(tmp_path / "events.jsonl", CREATED, zero, TASK, zero, one)
    assert [row["image_id"] for row in reading.rows["acks"]] == [None, None, "90"]


def test_a_jsz_that_is_none_is_a_gap(tmp_path: Path) -> None:
    """One look of the monitoring port was an error page: the import goes on behind it."""
    good = {"server_id": "x", "now": T}
    looks = [{"t": T, "jsz": {"body": body}} for body in (good, ["<html>"], good)]
    readings = read(tmp_path / "series.jsonl", *looks)
    assert [reading.ok for reading in readings] == [False, False, False]
    assert "a /jsz answer should be a JSON object" in (readings[1].error or "")
    (reading,) = read(tmp_path / "series.jsonl", looks[1] | {"nats_stream": STREAM})
    assert reading.ok
    assert [row["job_id"] for row in reading.rows["consumers"]] == [7]


@pytest.mark.parametrize(
    "name", ["job_" + "9" * 5000, "job_" + "9" * 19, "job_٣", "job_-3", "job_0"]
)
def test_a_job_of_an_impossible_number_is_none(tmp_path: Path, name: str) -> None:
    """A name with five thousand digits ended the import; one in Arabic digits became job 3."""
    stream = STREAM | {"config": {"name": name}}
    look = {"t": T, "nats_stream": stream, "redis": {"get_total": "5"}}
    readings = read(tmp_path / "series.jsonl", look)
    assert [(reading.source, reading.ok) for reading in readings] == [
        ("nats", False),
        ("redis", False),
    ]


@pytest.mark.parametrize("number", [2**63, -3, 0, True, 3.0])
def test_a_rest_id_that_is_none(tmp_path: Path, number: object) -> None:
    """An id beyond 64 bits came through and could not be held by any frame."""
    look = {"t": T, "rest": {"http": 200, "body": {"id": number}}, "redis": {"get_total": "5"}}
    readings = read(tmp_path / "series.jsonl", look)
    assert not any(reading.ok for reading in readings)
    history = History(keep_s=1e12)
    for reading in readings:
        history.add(reading)
    assert len(history.frame("reads")) == 2


def test_a_reply_is_of_the_job_that_it_names(tmp_path: Path) -> None:
    """REST told of one job and the broker of another: each number stays with its own."""
    rest = {"http": 200, "body": {"id": 3}}
    readings = read(tmp_path / "series.jsonl", {"t": T, "rest": rest, "nats_stream": STREAM})
    assert {
        r.source: [row["job_id"] for rows in r.rows.values() for row in rows] for r in readings
    } == {
        "antenna": [3],
        "nats": [7],
    }


def test_a_status_nested_too_deep_to_be_printed(tmp_path: Path) -> None:
    line = b'{"t": "%b", "rest": {"http": %b}}\n' % (T.encode(), b"[" * 1000 + b"]" * 1000)
    path = tmp_path / "series.jsonl"
    path.write_bytes(line)
    (reading,) = poll_log.readings(path, zone=ZONE, notes=Notes())
    assert reading.error is not None
    assert reading.error.startswith(
        ("HTTP status a list that is nested too deep", "HTTP status [[[")
    )
    assert len(reading.error) < 500


def test_an_error_of_its_own_in_every_line(tmp_path: Path) -> None:
    """Notes tell kinds; those of a log with a million different errors are not all kept."""
    notes = Notes()
    looks = [{"t": T, "redis": {"error": f"error {number}"}} for number in range(3 * MOST_KINDS)]
    assert len(read(tmp_path / "series.jsonl", *looks, notes=notes)) == 3 * MOST_KINDS
    assert len(notes.lines()) == MOST_KINDS + 1
    assert sum(times for times, _ in notes.counted.values()) == 3 * MOST_KINDS


def test_a_second_of_very_many_acknowledgements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log in which all happens at once is handed on in pieces; none is taken for another."""
    monkeypatch.setattr(poll_log, "MOST_HELD", 10)
    acks = [{"t": T, "subject": f"$JS.ACK.job_3.c.1.{n}.{n}.1.0"} for n in range(1, 36)]
    readings = read(tmp_path / "events.jsonl", *acks)
    assert [len(reading.rows["acks"]) for reading in readings] == [10, 10, 10, 5]
    assert len({reading.observed_at for reading in readings}) == 4


def test_more_tasks_than_can_be_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then images are not known; none is mistaken for another."""
    monkeypatch.setattr(poll_log, "MOST_IMAGES", 2)
    ack = {"t": T, "subject": "$JS.ACK.job_3.c.1.1.1.1.0"}
    notes = Notes()
    (reading,) = read(tmp_path / "e.jsonl", CREATED, TASK, ack, TASK, TASK, ack, notes=notes)
    assert [row["image_id"] for row in reading.rows["acks"]] == ["90", None]
    assert "images of acknowledgements are told no more" in notes.lines()[0]


def test_what_unpacks_to_more_than_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gzip that would not end today is read up to a size, and that is said."""
    monkeypatch.setattr(text_files, "MOST_UNPACKED_BYTES", 1 << 20)
    path = tmp_path / "series.jsonl"
    path.write_bytes(gzip.compress((orjson.dumps({"t": T, "redis": {}}) + b"\n") * 50_000))
    notes = Notes()
    readings = list(poll_log.readings(path, zone=ZONE, notes=notes))
    assert 0 < len(readings) < 50_000
    assert notes.damaged
    assert "unpacks to more than" in notes.lines()[-1]
