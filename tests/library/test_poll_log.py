"""The real recordings, read through the live parsers."""

import gzip
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest

from ami_console.errors import ImportLogError
from ami_console.history import History
from ami_console.instants import from_rfc3339
from ami_console.reading import Reading
from ami_console.sources import poll_log
from ami_console.sources.poll_log import Notes

ANTENNA = Path(__file__).parents[1] / "data" / "antenna"
NEW_YORK = ZoneInfo("America/New_York")


def read(path: Path) -> tuple[list[Reading], Notes]:
    notes = Notes()
    return list(poll_log.readings(path, zone=NEW_YORK, notes=notes)), notes


def written(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_a_look_becomes_one_reading_of_each_source() -> None:
    readings, notes = read(ANTENNA / "c_worker_crash" / "series.jsonl")
    assert len(readings) == 4 * 42
    assert {r.source for r in readings} == {"antenna", "nats", "redis", "celery"}
    assert all(r.ok for r in readings)
    assert notes.lines() == []


def test_naive_times_of_the_server_are_new_york_time() -> None:
    readings, _ = read(ANTENNA / "c_worker_crash" / "series.jsonl")
    job = next(r for r in readings if r.source == "antenna").rows["jobs"][0]
    assert job["created_at"] == from_rfc3339("2026-11-23T15:16:10.708216Z")
    last = [r for r in readings if r.source == "antenna"][-1].rows["jobs"][0]
    assert last["finished_at"] == from_rfc3339("2026-11-23T15:16:43.826418Z")


def test_params_that_start_empty_are_missing_not_zero() -> None:
    readings, _ = read(ANTENNA / "c_worker_crash" / "series.jsonl")
    stages = next(r for r in readings if r.source == "antenna").rows["stages"]
    process = next(s for s in stages if s["stage"] == "process")
    assert process["processed"] is None
    assert process["failed"] is None


def test_no_stream_and_no_keys_are_data_not_failures() -> None:
    """Before the run and after the end there is neither stream nor key."""
    readings, _ = read(ANTENNA / "c_worker_crash" / "series.jsonl")
    consumers = [row for r in readings for row in r.rows.get("consumers", ())]
    assert [consumers[i]["stream_exists"] for i in (0, 20, -1)] == [False, True, False]
    assert consumers[0]["num_pending"] is None
    counters = [row for r in readings for row in r.rows.get("counters", ())]
    assert counters[0]["pending_process"] is None
    assert max(c["total"] or 0 for c in counters) == 40


def test_rest_that_refuses_connections_is_a_gap_with_its_reason() -> None:
    """The web process was stopped for a minute; broker and counters went on being read."""
    readings, notes = read(ANTENNA / "k_api_down" / "series.jsonl.gz")
    failed = [r for r in readings if not r.ok]
    assert len(failed) == 62
    assert {r.source for r in failed} == {"antenna"}
    assert all("Connection refused" in (r.error or "") for r in failed)
    assert all(not r.rows for r in failed)
    assert len([r for r in readings if r.source == "nats" and r.ok]) == 131
    explained = notes.lines()
    assert len(explained) == 1
    assert "kept as a gap" in explained[0]
    assert "62 times" in explained[0]


def test_jsz_shows_the_other_jobs_too_and_none_twice() -> None:
    readings, _ = read(ANTENNA / "k_api_down" / "series.jsonl.gz")
    nats = next(r for r in readings if r.source == "nats")
    assert sorted(row["job_id"] for row in nats.rows["consumers"]) == [111, 113, 114, 115]


def test_results_pile_up_in_their_queue_while_celery_is_frozen() -> None:
    """For 40 s nothing was saved: 125 results wait, 3 are held, and the consumer still counts."""
    readings, _ = read(ANTENNA / "n_results_lag" / "series.jsonl.gz")
    looks = [r for r in readings if r.source == "celery"]
    assert len(looks) == 88
    assert all(r.ok and r.rows.keys() == {"queues"} for r in looks)
    rows = [row for r in looks for row in r.rows["queues"]]
    assert [row["queue"] for row in rows[:3]] == ["antenna", "jobs", "ml_results"]
    assert {row["consumers"] for row in rows} == {1}
    results = [row for row in rows if row["queue"] == "ml_results"]
    fullest = max(results, key=lambda row: row["ready"])
    assert (fullest["ready"], fullest["unacknowledged"]) == (125, 3)
    assert fullest["observed_at"] == from_rfc3339("2026-11-23T16:50:12.635292Z")
    steps = [results[0]["ready"]]
    steps += [b["ready"] for a, b in pairwise(results) if b["ready"] != a["ready"]]
    assert steps[:10] == [0, 3, 0, 5, 29, 53, 77, 101, 125, 122]
    assert max(row["ready"] for row in rows if row["queue"] == "antenna") == 3
    assert max(row["ready"] for row in rows if row["queue"] == "jobs") == 0


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"error": "Connection refused"}, "Connection refused"),
        (None, "no queue was kept"),
        ({}, "no queue was kept"),
        ({"jobs": {"messages_ready": "many"}, "": {}}, {"jobs": None}),
        ({"jobs": None, "antenna": {"messages_ready": 2}}, {"jobs": None, "antenna": 2}),
    ],
)
def test_queues_that_could_not_be_read_are_no_zeros(
    tmp_path: Path, told: object, outcome: object
) -> None:
    """RabbitMQ was down, or told nothing of a queue."""
    look = {"t": "2026-11-23T15:13:09Z", "rabbitmq": told}
    ((reading,), _) = read(written(tmp_path / "series.jsonl", orjson.dumps(look)))
    assert reading.source == "celery"
    if isinstance(outcome, str):
        assert (reading.ok, reading.error, reading.rows) == (False, outcome, {})
    else:
        assert {row["queue"]: row["ready"] for row in reading.rows["queues"]} == outcome
        assert all(row["consumers"] is None for row in reading.rows["queues"])


def test_acknowledgements_carry_attempt_sequence_and_image() -> None:
    readings, notes = read(ANTENNA / "c_worker_crash" / "events.jsonl")
    acks = [row for r in readings for row in r.rows.get("acks", ())]
    assert len(acks) == 40
    assert sorted(a["delivery"] for a in acks) == [1] * 32 + [2] * 8
    assert len({a["image_id"] for a in acks} - {None}) == 40
    assert {row["kind"] for r in readings for row in r.rows.get("advisories", ())} == {
        "STREAM.CREATED",
        "STREAM.DELETED",
        "CONSUMER.CREATED",
        "CONSUMER.DELETED",
    }
    assert notes.lines() == []


def test_the_image_of_an_ack_is_the_one_published_at_its_sequence() -> None:
    path = ANTENNA / "c_worker_crash" / "events.jsonl"
    published = [
        orjson.loads(message["payload"])["image_id"]
        for message in map(orjson.loads, path.read_bytes().splitlines())
        if message.get("subject") == "job.6.tasks"
    ]
    acks = [row for r in read(path)[0] for row in r.rows.get("acks", ())]
    assert all(a["image_id"] == published[a["stream_seq"] - 1] for a in acks)


def test_without_the_start_of_the_stream_no_image_is_guessed() -> None:
    """Recording began after the images were published."""
    acks = [
        row
        for r in read(ANTENNA / "k_api_down" / "events.jsonl.gz")[0]
        for row in r.rows.get("acks", ())
    ]
    assert len(acks) == 200
    assert {a["image_id"] for a in acks} == {None}


def test_a_cut_subscription_is_recorded_as_such(tmp_path: Path) -> None:
    note = {"t": "2026-11-23T15:13:09.7Z", "_note": "subscription cut off"}
    readings, notes = read(written(tmp_path / "events.jsonl", orjson.dumps(note)))
    assert [(r.source, r.ok, r.error) for r in readings] == [("tap", False, "subscription cut off")]
    assert notes.lines()


@pytest.mark.parametrize("scenario", sorted(p.name for p in ANTENNA.iterdir()))
def test_every_recording_fits_the_frames(scenario: str) -> None:
    history = History(keep_s=1e6)
    for path in sorted((ANTENNA / scenario).glob("*.jsonl*")):
        readings, notes = read(path)
        assert not notes.damaged
        for reading in readings:
            history.add(reading)
    assert len(history.frame("consumers")) > 0
    assert history.frame("stages")["stage"].isin(["collect", "process", "results"]).all()


def test_a_gzip_that_was_cut_off_gives_what_it_has(tmp_path: Path) -> None:
    """The disk of the recording machine was full, or the copy broke off."""
    whole = (ANTENNA / "k_api_down" / "series.jsonl.gz").read_bytes()
    cut = tmp_path / "series.jsonl.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    readings, notes = read(cut)
    assert 0 < len(readings) < 4 * 131
    assert notes.damaged
    assert "ends early or is damaged" in notes.lines()[-1]


def test_a_damaged_line_is_left_out_and_named(tmp_path: Path) -> None:
    lines = (ANTENNA / "c_worker_crash" / "series.jsonl").read_bytes().splitlines()
    readings, notes = read(written(tmp_path / "series.jsonl", lines[0], lines[1][:500], lines[2]))
    assert len(readings) == 2 * 4
    assert notes.damaged
    assert notes.lines() == ["a line is no JSON object and was left out (at series.jsonl:2)"]


def test_a_look_without_its_parts_is_a_gap_in_each(tmp_path: Path) -> None:
    look = {"t": "2026-11-23T15:13:09Z", "poll": 0, "rest": {}, "redis": {"error": "gone"}}
    look |= {
        "nats_stream": {"_client_error": "timeout"},
        "nats_consumer": {"_client_error": "timeout"},
        "rabbitmq": {"error": "refused"},
    }
    readings, _ = read(written(tmp_path / "series.jsonl", orjson.dumps(look)))
    assert {r.source: (r.ok, r.error) for r in readings} == {
        "antenna": (False, "HTTP status None"),
        "nats": (False, "timeout"),
        "redis": (False, "gone"),
        "celery": (False, "refused"),
    }


@pytest.mark.parametrize(
    "content",
    [b"", b"hello\n", b"[1, 2]\n", b'{"a": 1}\n', gzip.compress(b"x", mtime=0), b"\x00\xff\n"],
)
def test_what_is_no_poll_log_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ImportLogError, match=r"notes\.txt is no poll log"):
        read(path)


def test_text_with_the_name_of_a_gzip_is_read_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "series.jsonl.gz"
    path.write_text("this was never packed")
    with pytest.raises(ImportLogError, match=r"series\.jsonl\.gz is no poll log"):
        read(path)
