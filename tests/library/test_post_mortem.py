"""From a recording, a job's log or compose logs alone: the same cause, the same images."""

import functools
import gzip
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from recorded import JOBS

from ami_console import frames
from ami_console.errors import ImportLogError, UnknownJobError
from ami_console.frames import FrameSource
from ami_console.post_mortem import PostMortem, gathered, post_mortem
from ami_console.post_mortem.cause import COST_TIME, ENDED_IT, Cause, Suspect, heaviest_first
from ami_console.post_mortem.held import Held
from ami_console.post_mortem.images import IMAGES, named_among, no_images
from ami_console.post_mortem.instants import sequences

ANTENNA = Path(__file__).parents[1] / "data" / "antenna"
NEW_YORK = ZoneInfo("America/New_York")
SERVICES = {"django": "django-1", "celery": "celeryworker-1", "fake_worker": "worker-1"}

CRASH = "c_worker_crash"
EIGHT = list(range(17, 25))
IMAGES_OF_EIGHT = ["657", "677", "664", "661", "674", "653", "644", "668"]
SENTENCE = (
    "At 15:16:26 UTC a worker took 8 images (messages 17 to 24 of the stream) and never returned "
    "them. After the ack wait of 10 s they came back and were handed out again at 15:16:38 UTC "
    "(delivery 2), and all 8 were done."
)


def instant(clock: str) -> pd.Timestamp:
    """A time of the day of the recordings, UTC."""
    return pd.Timestamp(f"2026-11-23T{clock}Z")


def compose_log(scenario: str, into: Path) -> Path:
    """Logs of the services as ``docker compose logs`` shows them, one service after another."""
    lines = []
    for name, service in SERVICES.items():
        (path,) = (ANTENNA / scenario).glob(f"{name}.log*")
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
        lines += [f"{service:15} | {line}" for line in text.splitlines()]
    written = into / "compose.log"
    written.write_text("\n".join(lines) + "\n")
    return written


def files_of(scenario: str, way: str, into: Path) -> list[Path]:
    """What there is of a job in one of the ways in which one may have it."""
    folder = ANTENNA / scenario
    if way == "full":
        return [folder]
    if way == "compose":
        return [compose_log(scenario, into)]
    names = {"log": ["final_detail"], "looks": ["series"], "poll": ["series", "events"]}[way]
    return [path for name in names for path in folder.glob(f"{name}.json*")]


@functools.cache
def _gathered_in(scenario: str, way: str, into: Path) -> PostMortem:
    source = gathered(*files_of(scenario, way, into), zone=NEW_YORK)
    return post_mortem(source, JOBS[scenario])


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for logs that are written once."""
    return tmp_path_factory.mktemp("post_mortem")


@pytest.mark.parametrize("way", ["full", "log", "compose", "poll"])
def test_a_lost_worker_is_found_whatever_there_is(way: str, shelf: Path) -> None:
    """A worker died with 8 images; they came back after ack wait, and were done by another."""
    found = _gathered_in(CRASH, way, shelf)
    assert (found.cause.code, found.cause.sentence) == ("worker_lost", SENTENCE)
    images = found.cause.images
    assert images["stream_seq"].tolist() == EIGHT
    assert images["deliveries"].tolist() == [2] * 8
    assert images["outcome"].tolist() == ["done"] * 8
    known = images["image_id"].dropna()
    assert known.tolist() == [IMAGES_OF_EIGHT[place] for place in known.index]
    evidence = {each.name: each.value for each in found.cause.evidence}
    names = ("images_reserved", "ack_wait_s", "waited_s", "max_delivery", "done", "job_longer_by_s")
    assert [evidence[name] for name in names] == [8, 10.0, 12.0, 2, 8, 2.0]
    assert found.others == ()
    assert (found.status, found.total, found.processed, found.failed) == ("SUCCESS", 40, 40, 0)
    assert found.name == "Scenario C worker crash"
    assert (found.begun_at or pd.NaT).floor("s") == instant("15:16:14")
    assert (found.ended_at or pd.NaT).floor("s") == instant("15:16:43")


def test_the_frames_of_a_post_mortem_have_their_dtypes(shelf: Path) -> None:
    found = _gathered_in(CRASH, "full", shelf)
    assert {name: str(dtype) for name, dtype in found.images.dtypes.items()} == IMAGES
    assert {name: str(dtype) for name, dtype in no_images().dtypes.items()} == IMAGES
    assert found.verdicts["code"].tolist() == ["redelivering"]
    assert {"worker_lost", "redelivery", "finished"} <= set(found.happenings["kind"])


@pytest.mark.parametrize(
    ("way", "told_by", "named", "open_questions"),
    [
        ("full", ("looks", "tap", "job log", "service logs"), 8, []),
        ("log", ("saved job", "job log"), 0, ["whether the worker died", "which images", "queue"]),
        ("compose", ("service logs",), 7, ["which image message 21 was", "queue"]),
        ("poll", ("looks", "tap"), 8, ["whether the worker died", "who fetched"]),
    ],
)
def test_what_is_lacking_is_said_and_not_guessed(
    way: str, told_by: tuple[str, ...], named: int, open_questions: list[str], shelf: Path
) -> None:
    """Only Celery and the tap name images, only the worker says that it died."""
    found = _gathered_in(CRASH, way, shelf)
    assert found.told_by == told_by
    assert found.cause.images["image_id"].notna().sum() == named
    assert len(found.not_known) == len(open_questions)
    for question, told in zip(open_questions, found.not_known, strict=True):
        assert question in told
    last = found.in_words()[-1]
    assert all(told in last for told in found.not_known)
    says_so = "CRASH with 8 reserved" in found.cause.why
    assert says_so == (way in ("full", "compose"))


def test_the_job_s_log_names_images_only_where_they_are_surely_among_the_eight(
    shelf: Path,
) -> None:
    """Three processes write into one log: a line with an image may be of any of their messages."""
    log = gathered(*files_of(CRASH, "log", shelf), zone=NEW_YORK).frame("log_events", job_id=6)
    named = named_among(log, set(EIGHT))
    assert named == ["644", "653", "661", "664", "668"]
    assert set(named) < set(IMAGES_OF_EIGHT)
    # The line that another message was taken up is missing: nothing is sure any more.
    begun = (log["kind"] == "processing").fillna(False) & (log["stream_seq"] == 40).fillna(False)
    assert named_among(log[~begun], set(EIGHT)) == []


def test_looks_alone_tell_how_many_and_not_why(shelf: Path) -> None:
    """To the broker's counters a worker that died and one that is slow look alike."""
    found = _gathered_in(CRASH, "looks", shelf)
    assert found.cause.code == "redelivering"
    assert found.cause.sentence.startswith("8 images were not acknowledged within the ack wait of")
    assert found.images.empty
    assert any("whether a worker was lost" in told for told in found.not_known)
    assert any("which images" in told for told in found.not_known)


@pytest.mark.parametrize(
    ("scenario", "way", "code", "since", "until"),
    [
        ("a_healthy", "full", "none", None, None),
        ("a_healthy", "compose", "none", None, None),
        ("a_healthy", "looks", "none", None, None),
        ("b_no_worker", "full", "no_worker", "15:15:03", "15:30:00"),
        ("b_no_worker", "log", "no_worker", "15:15:03", "15:30:00"),
        ("b_no_worker", "looks", "no_worker", "15:15:03", "15:30:00"),
        ("e_cancelled", "full", "cancelled", "15:18:28", "15:18:28"),
        ("e_cancelled", "log", "cancelled", "15:18:28", "15:18:28"),
        ("e_cancelled", "compose", "cancelled", "15:18:28", "15:18:28"),
        ("e_cancelled", "looks", "cancelled", "15:18:28", "15:18:28"),
        ("k_api_down", "poll", "source_down", "16:40:15", "16:41:21"),
        ("k_api_down", "compose", "source_down", "16:40:16", "16:41:21"),
        ("m_slow_but_healthy", "poll", "none", None, None),
        ("n_results_lag", "poll", "results_backlog", "16:49:38", "16:50:22"),
        ("n_results_lag", "looks", "results_backlog", "16:49:38", "16:50:22"),
        ("n_results_lag", "compose", "results_backlog", "16:49:38", "16:50:18"),
    ],
)
def test_the_cause_and_its_period(
    scenario: str, way: str, code: str, since: str | None, until: str | None, shelf: Path
) -> None:
    """Celery frozen for 40 s, Antenna away for 66 s, no worker, a cancel; and nothing at all."""
    cause = _gathered_in(scenario, way, shelf).cause
    assert cause.code == code
    period = [at and at.floor("s") for at in (cause.since, cause.until)]
    assert period == [clock and instant(clock) for clock in (since, until)]


@pytest.mark.parametrize("way", ["full", "log"])
def test_images_that_nobody_fetched_are_known_by_the_health_check(way: str, shelf: Path) -> None:
    found = _gathered_in("b_no_worker", way, shelf)
    assert found.cause.sentence == (
        "No worker ever fetched an image: 320 images waited from 15:15:03 UTC until the job ended "
        "(FAILURE) at 15:30:00 UTC."
    )
    assert found.cause.images["image_id"].nunique() == 320
    assert set(found.cause.images["outcome"]) == {"failed"}
    assert found.cause.images["deliveries"].isna().all()


@pytest.mark.parametrize("way", ["full", "log", "compose", "looks"])
def test_what_a_cancel_threw_away(way: str, shelf: Path) -> None:
    """Workers held 96 images when somebody cancelled the job, and went on posting them."""
    found = _gathered_in("e_cancelled", way, shelf)
    assert found.cause.sentence == (
        "The job was cancelled at 15:18:28 UTC, with 32 of its 320 images saved. 96 images were "
        "with workers then; what came back of them was thrown away."
    )
    assert len(found.cause.images) == {"full": 96, "compose": 96, "log": 1, "looks": 0}[way]


@pytest.mark.parametrize("way", ["poll", "compose"])
def test_of_an_outage_it_is_said_that_nothing_was_lost(way: str, shelf: Path) -> None:
    """With the console's own looks, or by a worker that tried again and again to post."""
    found = _gathered_in("k_api_down", way, shelf)
    assert "nothing was lost, and no image was handed out twice" in found.cause.sentence
    assert "refused" in found.cause.why or "ConnectionError" in found.cause.why
    assert found.images.empty


def test_a_log_that_begins_too_late_is_no_proof_of_health(shelf: Path) -> None:
    """Antenna gave the newest 1,000 lines; what was before, nobody knows."""
    found = _gathered_in("a_healthy", "log", shelf)
    assert found.cause.code == "cant_tell"
    assert found.cause.sentence == (
        "All 320 images were done; none was handed out twice. Whether anything held it up can't be "
        "told: the log reaches back to 15:14:09 UTC only."
    )
    assert found.not_known[-1] == "what happened before 15:14:09 UTC: the log begins there"


def test_nothing_later_than_the_instant_is_used(shelf: Path) -> None:
    """As of 15:16:30 the eight images are in flight, and nobody could know more."""
    source = gathered(*files_of(CRASH, "full", shelf), zone=NEW_YORK)
    found = post_mortem(source, 6, as_of=instant("15:16:30"))
    assert (found.status, found.ended_at) == ("STARTED", None)
    assert found.cause.code == "none"
    assert found.images.empty
    assert found.happenings["at"].max() <= instant("15:16:30")
    later = post_mortem(source, 6, as_of=instant("15:16:42.3"))
    assert later.cause.code == "worker_lost"
    assert later.cause.sentence.endswith("and 5 of them were done so far.")
    assert "took at least 8 images" in later.cause.sentence
    assert later.cause.next_step.startswith("Nothing yet: the other 3 images are out again.")
    assert later.cause.images["outcome"].tolist() == ["done"] * 5 + ["unknown"] * 3


def test_in_words_are_paragraphs_with_named_times(shelf: Path) -> None:
    found = _gathered_in(CRASH, "log", shelf)
    words = found.in_words(NEW_YORK)
    assert 2 <= len(words) <= 5
    assert words[0] == (
        "Job 6 “Scenario C worker crash” ended as SUCCESS: 40 of 40 images were processed, 0 "
        "failed. It ran from 2026-11-23 15:16:14 UTC to 15:16:43 UTC (29 s); 10:16:14 to 10:16:43 "
        "in America/New_York."
    )
    assert words[1].startswith(SENTENCE)
    assert not [word for word in words if "<" in word or "nan" in word.split()]
    assert len(_gathered_in("a_healthy", "full", shelf).in_words()) == 3


def test_what_users_typed_is_escaped() -> None:
    """A job is called like a piece of HTML; as text it stays as it was typed."""
    at = instant("10:00:00").value
    row = {"observed_at": at, "job_id": 3, "name": "<img src=x onerror=alert(1)>"}
    source = Held({"jobs": frames.from_rows("jobs", [row])})
    found = post_mortem(source, 3)
    assert (found.status, found.total, found.begun_at) == (None, None, None)
    assert found.cause.code == "cant_tell"
    page = found._repr_html_()
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img src=x" in found.in_words()[0]
    assert "how many failed is not known" in found.in_words()[0]


def test_of_a_job_that_is_not_there_nothing_is_said() -> None:
    with pytest.raises(UnknownJobError, match="job 9"):
        post_mortem(Held({}), 9)


def test_a_job_that_waits_for_its_first_look_is_no_trouble() -> None:
    """One row of one source, no end, no start."""
    at = instant("10:00:00").value
    row = {"observed_at": at, "job_id": 3, "status": "CREATED", "created_at": at}
    found = post_mortem(Held({"jobs": frames.from_rows("jobs", [row])}), 3)
    assert (found.status, found.cause.code) == ("CREATED", "cant_tell")


def _failing(status: str, failed: int) -> PostMortem:
    """A job of 100 images as REST tells of it, and no more."""
    at = instant("10:00:00").value
    job = {"observed_at": at, "job_id": 3, "status": status, "started_at": at - 10**11}
    rows = [
        {"observed_at": at, "job_id": 3, "stage": stage, "total": 100, "processed": 100,
         "failed": failed}
        for stage in ("collect", "process")
    ]  # fmt: skip
    source = {
        "jobs": frames.from_rows("jobs", [job, {**job, "observed_at": at + 10**9}]),
        "stages": frames.from_rows("stages", rows),
    }
    return post_mortem(Held(source), 3)


def test_failed_images_are_the_cause_where_nothing_explains_them() -> None:
    """SUCCESS on paper with 12 failed images; a FAILURE with 60; one that still runs."""
    few, most = _failing("SUCCESS", 12), _failing("FAILURE", 60)
    assert (few.cause.code, most.cause.code) == ("lost_images", "mostly_failing")
    assert few.cause.sentence == "12 of 100 images failed, and the job ended as SUCCESS."
    assert any("which images failed" in told for told in few.not_known)
    assert _failing("SUCCESS", 0).cause.code == "none"
    running = _failing("STARTED", 12)
    assert running.cause.sentence == "12 of 100 images failed so far."


def _suspect(code: str, weight: int, cost_s: float = 0.0) -> Suspect:
    cause = Cause(code=code, title=code, sentence=code, why="", next_step="")
    return Suspect(weight, cause, (), cost_s)


def test_what_ended_the_job_comes_before_what_took_time() -> None:
    """A cancel ended it; of what only took time the longest counts; each code once."""
    found = heaviest_first(
        [
            _suspect("source_down", COST_TIME, 20.0),
            _suspect("results_backlog", COST_TIME, 300.0),
            _suspect("cancelled", ENDED_IT),
            _suspect("lost_at_max_deliver", ENDED_IT),
            _suspect("source_down", COST_TIME, 900.0),
        ]
    )
    codes = [suspect.cause.code for suspect in found]
    assert codes == ["lost_at_max_deliver", "cancelled", "results_backlog", "source_down"]


def test_runs_of_messages_are_drawn_together() -> None:
    assert sequences(EIGHT) == "17 to 24"
    assert sequences([3, 1, 2, 9, 9]) == "1 to 3, 9"
    assert sequences([]) == ""
    assert sequences(list(range(1, 20, 2)), most=2) == "1, 3, …"


def acked(stream_seq: list[int], delivery: list[int], second: list[float]) -> pd.DataFrame:
    """Acknowledgements of job 8, whose messages were stored at 10:00:00."""
    begin = instant("10:00:00").value
    count = len(stream_seq)
    at = [begin + round(each * 1e9) for each in second]
    return frames.from_columns(
        "acks",
        {
            "observed_at": at,
            "job_id": [8] * count,
            "acked_at": at,
            "stream_seq": stream_seq,
            "consumer_seq": list(range(1, count + 1)),
            "delivery": delivery,
            "stored_at": [begin] * count,
            "num_pending_then": [0] * count,
            "kind": ["+ACK"] * count,
            "image_id": [None] * count,
        },
    ).sort_values("observed_at", ignore_index=True)


def test_batches_that_outlive_ack_wait_are_no_lost_worker() -> None:
    """Both workers return the same images: one late, the other for nothing."""
    acks = acked([1, 2, 3, 4] * 2, [1] * 4 + [2] * 4, [70.0 + n for n in range(8)])
    found = post_mortem(Held({"acks": acks}), 8)
    assert found.cause.code == "redelivering"
    assert "still worked on them" in found.cause.sentence
    assert "4 were done more than once" in found.cause.sentence
    assert found.images["outcome"].tolist() == ["repeated"] * 4


def test_single_images_that_did_not_come_back_are_no_lost_worker() -> None:
    """A worker skips an image now and then; the others of its batches came back."""
    sequence = list(range(1, 33))
    delivery = [2 if each in (5, 14, 27) else 1 for each in sequence]
    found = post_mortem(Held({"acks": acked(sequence, delivery, [float(n) for n in sequence])}), 8)
    assert found.cause.code == "redelivering"
    assert "single images of batches" in found.cause.why
    assert found.cause.images["stream_seq"].tolist() == [5, 14, 27]


def test_with_a_gap_in_the_tap_nobody_can_say_that_nothing_came_back() -> None:
    """The subscription was cut off: the acknowledgements of the first delivery may be in there."""
    delivery = [2] * 8 + [1] * 8
    acks = acked(list(range(1, 17)), delivery, [float(n) for n in range(16)])
    begin = instant("10:00:00").value
    reads = frames.from_rows(
        "reads",
        [
            {"observed_at": begin + n * 10**9, "source": "tap", "ok": n != 5, "error": "cut off"}
            for n in range(15)
        ],
    )
    whole = reads.assign(ok=True)
    assert post_mortem(Held({"acks": acks, "reads": whole}), 8).cause.code == "worker_lost"
    found = post_mortem(Held({"acks": acks, "reads": reads}), 8)
    assert found.cause.code == "redelivering"
    assert "whether a worker was lost" in " ".join(found.not_known)


def test_several_lost_workers_are_told_in_one_sentence() -> None:
    """Two batches, minutes apart; the log tells when each was fetched."""
    sequence = list(range(1, 41))
    lost = {*range(1, 9), *range(25, 33)}
    delivery = [2 if each in lost else 1 for each in sequence]
    found = post_mortem(Held({"acks": acked(sequence, delivery, [float(n) for n in sequence])}), 8)
    assert found.cause.code == "worker_lost"
    assert "16 images" in found.cause.sentence
    assert "messages 1 to 8, 25 to 32" in found.cause.sentence
    assert "an unknown time" in found.cause.sentence
    assert any("how long ack wait was" in told for told in found.not_known)


def test_44_000_images_take_seconds() -> None:
    """The largest job of a season, with a lost batch in every hundred."""
    count, batch = 44_000, 16
    sequence = list(range(1, count + 1))
    lost = [(each - 1) // batch % 100 == 7 for each in sequence]
    second = [
        each * 0.6 + (60.0 if gone else 5.0) for each, gone in zip(sequence, lost, strict=True)
    ]
    source: FrameSource = Held({"acks": acked(sequence, [1 + gone for gone in lost], second)})
    began = time.process_time()
    found = post_mortem(source, 8)
    page = found._repr_html_()
    assert time.process_time() - began < 10.0
    assert found.cause.code == "worker_lost"
    assert len(found.cause.images) == sum(lost) == 448
    assert len(page) < 60_000


def test_gathering_says_what_was_taken_and_leaves_nothing_behind(shelf: Path) -> None:
    """A folder with poll logs, a saved job, logs; and what is none of these is named."""
    source = gathered(ANTENNA / CRASH, zone=NEW_YORK)
    assert source.jobs() == [5, 6]
    told = " ".join(source.taken)
    for name in ("series.jsonl", "final_detail.json", "django.log", "fake_worker.log"):
        assert name in told
    assert "America/New_York" in source.taken[-1]
    assert repr(source).count("\n") == len(source.taken)
    assert "<li>" in source._repr_html_()
    folder = Path(source.path)
    assert folder.is_dir()
    del source
    assert not folder.exists()


def test_recordings_and_files_are_gathered_together(shelf: Path) -> None:
    """The looks were recorded, and the log was saved by somebody else."""
    looks = gathered(*files_of(CRASH, "looks", shelf), zone=NEW_YORK)
    both = gathered(looks.path, *files_of(CRASH, "log", shelf), zone=NEW_YORK)
    found = post_mortem(both, 6)
    assert (found.cause.code, found.told_by) == ("worker_lost", ("looks", "job log"))


@pytest.mark.parametrize("what", ["nowhere.log", "text.bin"])
def test_what_cannot_be_gathered_is_refused(what: str, tmp_path: Path) -> None:
    (tmp_path / "text.bin").write_bytes(b"\x00\x01")
    with pytest.raises(ImportLogError, match=what):
        gathered(tmp_path / what, zone=NEW_YORK)
