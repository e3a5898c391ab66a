"""Run, retry, cancel: what they would mean, what became of them, who asked; the rest is hands off.

Against real servers and the stand-in: ``tests/end_to_end/test_job_actions.py``.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from waiting import until

from ami_console import actions
from ami_console.actions import (
    Action,
    ActionRefused,
    Answer,
    Desk,
    Journal,
    Outcome,
    Performing,
    Who,
    consequences,
    journal_path,
    looks_since,
    newest_looks,
    outcome,
    perform,
    read_journal,
    why_not,
)
from ami_console.actions.posting import post
from ami_console.errors import RecordingError
from ami_console.history import History
from ami_console.reading import Reading
from ami_console.recorder import Recorder
from ami_console.recording import open_recording
from ami_console.settings import Settings

AT = pd.Timestamp("2026-11-23T15:24:00Z")
SECRET = "9c1f0a77e4b1d2c3a4f5e6d7c8b9a0f1e2d3c4b5"


def history(*looks: tuple[float, str, dict[str, Any]], job_id: int = 7) -> History:
    """What sources told, each so many seconds after ``AT``."""
    held = History()
    for at_s, source, values in looks:
        at = (AT + pd.Timedelta(seconds=at_s)).value
        frame = {"antenna": "jobs", "nats": "consumers", "redis": "counters"}[source]
        if "error" in values:
            held.add(Reading(source=source, observed_at=at, ok=False, error=values["error"]))  # type: ignore[arg-type]
        else:
            row = {"observed_at": at, "job_id": job_id} | values
            held.add(Reading(source=source, observed_at=at, rows={frame: [row]}))  # type: ignore[arg-type]
    return held


def job(status: str | None, started_s: float | None = -600.0) -> dict[str, Any]:
    """A row of ``jobs``."""
    started = None if started_s is None else (AT + pd.Timedelta(seconds=started_s)).value
    return {"status": status, "name": "Night of 2026-11-22", "started_at": started}


def stream(messages: int, pending: int | None = 300, in_flight: int | None = 16) -> dict[str, Any]:
    """A row of ``consumers`` of a job that has its stream."""
    return {
        "stream_exists": True,
        "consumer_exists": pending is not None,
        "messages": messages,
        "last_seq": messages,
        "num_pending": pending,
        "num_ack_pending": in_flight,
        "stream_created_at": (AT - pd.Timedelta(seconds=600)).value,
    }


NO_STREAM = {"stream_exists": False, "consumer_exists": False}


def keys(total: int = 320, process: int = 310, results: int = 312) -> dict[str, Any]:
    """A row of ``counters`` of a job that has them."""
    return {
        "total": total,
        "pending_process": process,
        "pending_results": results,
        "failed": 2,
    }


GONE: dict[str, Any] = {"total": None}

RUNNING = (
    (-2.0, "antenna", job("STARTED")),
    (-1.5, "nats", stream(320)),
    (-1.0, "redis", keys()),
)


# ---- what makes sense


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("CREATED", {"run", "cancel"}),
        ("PENDING", {"retry", "cancel"}),
        ("STARTED", {"retry", "cancel"}),
        ("CANCELING", {"cancel"}),
        ("SUCCESS", {"retry"}),
        ("REVOKED", {"retry"}),
        (None, set()),
    ],
)
def test_what_makes_sense_depends_on_the_state(status: str | None, offered: set[str]) -> None:
    """Nobody cancels a job that has ended, or runs one that already ran."""
    assert {action for action in actions.ACTIONS if why_not(action, status) is None} == offered


def test_only_three_words_are_actions() -> None:
    """A page sends whatever it likes."""
    assert [actions.action_of(word) for word in ("run", "delete", "")] == ["run", None, None]


# ---- consequences


def told(action: Action, held: History, as_of: pd.Timestamp = AT) -> list[str]:
    looks = newest_looks(held, 7, as_of=as_of)
    return [f"{kind}: {text}" for kind, text in consequences(action, looks, as_of=as_of)]


def test_a_cancel_says_in_numbers_what_it_deletes() -> None:
    """A job hangs, and somebody is about to throw away the only evidence."""
    assert told("cancel", history(*RUNNING)) == [
        "lost: Its stream is deleted: 320 messages, of them 300 not delivered yet.",
        "lost: 16 images in flight: the results that come for them are thrown away.",
        "lost: Its counters in Redis are deleted: of 320 images 310 not processed, 312 not saved, "
        "2 failed.",
        "lost: The evidence goes with them: afterwards only the recording tells what was wrong.",
        "note: Results that Antenna has saved stay.",
    ]


def test_what_is_not_known_is_not_nothing() -> None:
    """NATS is down: that no number is there does not mean that nothing is lost."""
    held = history(RUNNING[0], (-1.0, "nats", {"error": "NATS at nats://a: refused"}))
    said = told("cancel", held)
    assert (
        "unknown: How many messages are deleted, and how many are in flight is not known: "
        "NATS at nats://a: refused." in said
    )
    assert (
        "unknown: Which counters are deleted is not known: Redis told nothing of this job." in said
    )
    assert any("The evidence goes with them" in each for each in said)
    assert " 0 " not in "".join(said)
    nothing = told("cancel", history())
    assert sum(each.startswith("unknown") for each in nothing) == 2


def test_a_stream_without_a_consumer_leaves_its_numbers_unknown() -> None:
    """Somebody deleted the consumer."""
    said = told("cancel", history((-1.0, "nats", stream(320, None, None))))
    assert "of them an unknown number not delivered yet" in said[0]
    assert any(each.startswith("unknown: How many images are in flight") for each in said)


def test_old_numbers_carry_their_age() -> None:
    """The broker has been away for a minute and a half; its last numbers are still the best."""
    held = history(*RUNNING, (80.0, "nats", {"error": "no answer"}), (89.0, "redis", keys()))
    said = told("cancel", held, AT + pd.Timedelta(seconds=90))
    assert "not delivered yet (read 92 s ago; NATS can't be read since)." in said[0]
    assert "2 failed." in said[2]


def test_a_cancel_of_a_draft_loses_nothing() -> None:
    """It has never run."""
    held = history(
        (-1.0, "antenna", job("CREATED")), (-1.0, "nats", NO_STREAM), (-1.0, "redis", GONE)
    )
    said = told("cancel", held)
    assert not [each for each in said if not each.startswith("note")]


def test_a_retry_of_a_job_that_has_its_stream_does_work_twice() -> None:
    """The job stands at 199 of 200, and a retry would publish all 200 again."""
    said = told("retry", history(*RUNNING))
    assert (
        "twice: It still has its stream with 320 messages, 300 not delivered and 16 in flight. "
        "Antenna publishes up to 320 images into the same stream again, and it then holds up to "
        "640 messages for 320 images." in said
    )
    assert any("310 of 320 images are not processed and 2 failed is forgotten" in e for e in said)
    assert any("although it runs" in each for each in said)


def test_a_retry_of_an_ended_job_makes_a_new_stream() -> None:
    """As usual."""
    held = history(
        (-1.0, "antenna", job("FAILURE")), (-1.0, "nats", NO_STREAM), (-1.0, "redis", GONE)
    )
    held.add(
        Reading(
            source="antenna",
            observed_at=AT.value - 1,
            rows={
                "stages": [
                    {"observed_at": AT.value - 1, "job_id": 7, "stage": "collect", "total": 320}
                ]
            },
        )
    )
    said = told("retry", held)
    assert "note: It has no stream: a new one is made, and up to 320 images are published." in said
    assert not [each for each in said if each.startswith("twice")]
    unread = told("retry", history((-1.0, "antenna", job("FAILURE"))))
    assert any(each.startswith("unknown: Whether the job still has a stream") for each in unread)


def test_other_jobs_are_no_part_of_it() -> None:
    """Twenty jobs run."""
    held = history(*RUNNING, job_id=8)
    assert newest_looks(held, 7, as_of=AT).last("antenna") is None
    assert newest_looks(held, 8, as_of=AT).status == "STARTED"


# ---- outcome


def judged(
    action: Action,
    before: tuple[Any, ...],
    *after: tuple[float, str, dict[str, Any]],
    at_s: float = 10.0,
) -> Outcome:
    held = history(*before, *after)
    as_of = AT + pd.Timedelta(seconds=at_s)
    return outcome(
        action,
        newest_looks(held, 7, as_of=AT),
        looks_since(held, 7, since=AT, as_of=as_of),
        asked_at=AT,
        as_of=as_of,
    )


def states(found: Outcome) -> list[str]:
    return [each.state for each in found.sources]


def test_nothing_was_read_yet() -> None:
    """The request has just left."""
    found = judged("cancel", RUNNING, at_s=0.5)
    assert states(found) == ["waiting"] * 3
    assert found.result == "going"
    assert found.says == "Asked for 0 s ago; waiting for Antenna, NATS and Redis."


def test_a_cancel_is_done_when_all_three_say_so() -> None:
    """Stream and keys vanish seconds before Antenna says REVOKED."""
    early = (
        (2.0, "antenna", job("STARTED")),
        (2.0, "nats", NO_STREAM),
        (2.0, "redis", GONE),
    )
    half = judged("cancel", RUNNING, *early)
    assert states(half) == ["waiting", "seen", "seen"]
    assert half.says.endswith("waiting for Antenna.")
    whole = judged(
        "cancel",
        RUNNING,
        *early,
        (4.0, "antenna", job("REVOKED")),
        (6.0, "antenna", job("REVOKED")),
    )
    assert (whole.result, states(whole)) == ("done", ["seen"] * 3)
    assert whole.sources[0].since == AT + pd.Timedelta(seconds=4)
    assert whole.says == "Done: confirmed by Antenna, NATS and Redis."


def test_a_cancel_that_nobody_takes_up_is_not_confirmed() -> None:
    """Celery is frozen: the job is CANCELING for good."""
    after = [
        (118.0, "antenna", job("CANCELING")),
        (119.0, "nats", stream(320)),
        (119.0, "redis", keys()),
    ]
    found = judged("cancel", RUNNING, *after, at_s=121.0)
    assert found.result == "not confirmed"
    assert found.says == "Not confirmed by Antenna, NATS and Redis within 2 min: see the job."
    assert [each.says for each in found.sources] == [
        "The job is CANCELING.",
        "The stream is still there with 320 messages.",
        "The counters of 320 images are still there.",
    ]


def test_what_contradicts_is_said_at_once() -> None:
    """The job ended by itself while the cancel was on its way; a run published again after it."""
    ended = judged("cancel", RUNNING, (2.0, "antenna", job("SUCCESS")))
    assert ended.result == "not confirmed"
    assert ended.sources[0].says == "The job ended SUCCESS instead."
    back = judged("cancel", RUNNING, (2.0, "nats", NO_STREAM), (4.0, "nats", stream(320)))
    assert states(back)[1] == "contradicts"
    keys_back = judged("cancel", RUNNING, (2.0, "redis", GONE), (4.0, "redis", keys()))
    assert states(keys_back)[2] == "contradicts"


def test_a_source_that_can_t_be_read_can_t_tell() -> None:
    """NATS went away in this minute."""
    after = [(3.0, "nats", {"error": "NATS at nats://a: connection refused; is it running"})]
    found = judged(
        "cancel", RUNNING, (2.0, "antenna", job("REVOKED")), (2.0, "redis", GONE), *after
    )
    assert states(found) == ["seen", "cant_tell", "seen"]
    assert "connection refused" in found.sources[1].says
    assert found.result == "going"
    late = judged(
        "cancel",
        RUNNING,
        (2.0, "antenna", job("REVOKED")),
        (2.0, "redis", GONE),
        (1.0, "nats", stream(320)),
        *after,
        at_s=121.0,
    )
    assert (late.result, states(late)[1]) == ("not confirmed", "cant_tell")


DRAFT = (
    (-2.0, "antenna", job("CREATED", None)),
    (-2.0, "nats", NO_STREAM),
    (-2.0, "redis", GONE),
)


def test_a_run_is_done_when_the_images_are_queued() -> None:
    """Antenna, broker and counters show it one after another."""
    waiting = judged("run", DRAFT, (1.0, "antenna", job("PENDING", None)), (1.0, "nats", NO_STREAM))
    assert states(waiting) == ["seen", "waiting", "waiting"]
    found = judged(
        "run",
        DRAFT,
        (1.0, "antenna", job("PENDING", None)),
        (3.0, "antenna", job("STARTED", 2.0)),
        (3.0, "nats", stream(320)),
        (3.0, "redis", keys(process=320, results=320)),
    )
    assert (found.result, states(found)) == ("done", ["seen"] * 3)
    assert found.sources[1].says == "A new stream was made with 320 messages when first seen."


def test_a_run_of_a_tiny_job_ends_between_two_looks() -> None:
    """Three images, all done within a second: no stream was ever seen."""
    found = judged(
        "run",
        DRAFT,
        (2.0, "antenna", job("SUCCESS", 1.0)),
        (2.0, "nats", NO_STREAM),
        (2.0, "redis", GONE),
    )
    assert (found.result, states(found)) == ("done", ["seen", "cant_tell", "cant_tell"])


def test_a_run_that_fails_at_once_needs_somebody() -> None:
    """Its collection is empty."""
    found = judged("run", DRAFT, (2.0, "antenna", job("FAILURE", 1.0)))
    assert (found.result, states(found)[0]) == ("not confirmed", "contradicts")


def test_a_retry_of_a_running_job_is_told_from_its_running_on() -> None:
    """STARTED before, STARTED after: only the times and the sequences tell."""
    on = judged(
        "retry",
        RUNNING,
        (2.0, "antenna", job("STARTED")),
        (2.0, "nats", stream(320)),
        (2.0, "redis", keys(process=300)),
    )
    assert states(on) == ["waiting"] * 3
    anew = judged(
        "retry",
        RUNNING,
        (2.0, "antenna", job("STARTED", 1.0)),
        (2.0, "nats", stream(500)),
        (4.0, "nats", stream(640)),
        (2.0, "redis", keys(process=320)),
    )
    assert (anew.result, states(anew)) == ("done", ["seen"] * 3)
    assert anew.sources[1].says == "320 more messages were put into its stream."


def test_a_retry_before_anything_was_done_leaves_counters_as_they_were() -> None:
    """No worker ever fetched: 320 not processed, before and after."""
    before = (*RUNNING[:2], (-1.0, "redis", keys(process=320, results=320)))
    found = judged(
        "retry",
        before,
        (2.0, "antenna", job("RETRY")),
        (2.0, "nats", stream(640)),
        (2.0, "redis", keys(process=320, results=320)),
    )
    assert (found.result, states(found)) == ("done", ["seen", "seen", "cant_tell"])


def test_a_job_that_antenna_forgot() -> None:
    """Somebody deleted it meanwhile."""
    for action in ("cancel", "run"):
        found = judged(action, RUNNING, (2.0, "antenna", job(None)))  # type: ignore[arg-type]
        assert states(found)[0] == "contradicts"


# ---- the journal


def test_the_journal_lies_beside_the_recording_and_only_grows(tmp_path: Path) -> None:
    """Half a line was written when the power went."""
    path = journal_path(tmp_path / "recordings")
    assert path == tmp_path / "recordings.actions.jsonl"
    assert read_journal(path) == []
    journal = Journal(path)
    journal.write("asked", "a1", {"action": "run", "job_id": 7})
    journal.write("answered", "a1", {"status": 200})
    with path.open("ab") as file:
        file.write(b'{"event":"asked","id":"b2","act')
    journal.write("asked", "c3", {"action": "cancel", "job_id": 8})
    first, second = read_journal(path)
    assert (first.id, first.asked["action"], first.outcome) == ("a1", "run", None)
    assert first.answered == {"status": 200}
    assert (second.id, second.answered) == ("c3", None)
    assert len(path.read_bytes().splitlines()) == 4


def test_a_journal_that_can_t_be_written_is_told(tmp_path: Path) -> None:
    """The path is a directory."""
    (tmp_path / "j").mkdir()
    with pytest.raises(RecordingError, match="can't be written"):
        Journal(tmp_path / "j").write("asked", "a1", {})
    with pytest.raises(RecordingError, match="can't be read"):
        read_journal(tmp_path / "j")


# ---- the request


class Antenna:
    """Answers whatever it is told to, and counts."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 200, {"content-type": "text/html"}, b""
        self.posts: list[str] = []
        self.tokens: list[str | None] = []
        self.hangs = False
        self.breaks = False
        self.go_on = threading.Event()
        antenna = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                antenna.posts.append(self.path)
                antenna.tokens.append(self.headers["Authorization"])
                if antenna.hangs:
                    antenna.go_on.wait(20)
                if antenna.breaks:
                    return
                self.send_response(antenna.status)
                for name, value in antenna.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(antenna.body)))
                self.end_headers()
                self.wfile.write(antenna.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def says(self, body: dict[str, Any]) -> None:
        self.headers = {"content-type": "application/json"}
        self.body = json.dumps(body).encode()

    def settings(self, **more: str) -> Settings:
        told = {
            "ANTENNA_URL": f"http://127.0.0.1:{self.server.server_port}",
            "ANTENNA_TOKEN": SECRET,
            "ALLOW_ACTIONS": "true",
        } | more
        return Settings.from_environment(
            {f"AMI_CONSOLE_{name}": value for name, value in told.items()}, dotenv=None
        )

    def asked(self, **more: Any) -> Answer:
        return asyncio.run(post(self.settings(), 7, "cancel", **more))

    def close(self) -> None:
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def antenna() -> Iterator[Antenna]:
    running = Antenna()
    yield running
    running.close()


def test_antenna_says_yes(antenna: Antenna) -> None:
    """One POST with the token, to the usual path."""
    antenna.says({"id": 7, "status": "REVOKED"})
    answer = antenna.asked()
    assert (answer.kind, answer.status) == ("accepted", 200)
    assert antenna.posts == ["/api/v2/jobs/7/cancel/"]
    assert antenna.tokens == [f"Token {SECRET}"]


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (400, "refused", "Nothing was done: Antenna answered 400"),
        (401, "refused", "set AMI_CONSOLE_ANTENNA_TOKEN"),
        (403, "refused", "set AMI_CONSOLE_ANTENNA_TOKEN"),
        (404, "refused", "sees no such job"),
        (500, "not known", "Whether it was done is not known"),
        (502, "not known", "Whether it was done is not known"),
        (504, "not known", "Whether it was done is not known"),
    ],
)
def test_antenna_says_no_or_an_html_page(
    antenna: Antenna, status: int, kind: str, says: str
) -> None:
    """After an idle night ``run`` answers an HTML 500: it may have been done all the same."""
    antenna.status, antenna.body = status, b"<!doctype html><title>Server Error</title>"
    answer = antenna.asked()
    assert (answer.kind, answer.status) == (kind, status)
    assert says in answer.says
    assert "<" not in answer.says
    assert len(antenna.posts) == 1  # and never again


def test_a_redirect_is_not_followed(antenna: Antenna) -> None:
    """http leads to https, or to a login page of somebody else."""
    antenna.status, antenna.headers = 302, {"location": f"http://evil.example/?t={SECRET}"}
    answer = antenna.asked()
    assert answer.kind == "refused"
    assert "evil.example" in answer.says
    assert SECRET not in answer.says
    assert len(antenna.posts) == 1


def test_a_page_with_200_is_no_yes(antenna: Antenna) -> None:
    """A proxy shows its own login page; or another job comes back."""
    antenna.body = b"<html>please log in</html>"
    assert antenna.asked().kind == "not known"
    antenna.says({"id": 8, "status": "REVOKED"})
    assert antenna.asked().kind == "not known"


def test_no_answer_in_time_may_be_done(antenna: Antenna) -> None:
    """Antenna waits for a broker that is away."""
    antenna.hangs = True
    answer = antenna.asked(limit_s=0.3)
    assert answer.kind == "not known"
    assert "Whether it was done is not known" in answer.says
    assert answer.may_be_done
    assert len(antenna.posts) == 1


def test_a_connection_that_breaks_after_sending_may_be_done(antenna: Antenna) -> None:
    """Antenna is restarted in this moment."""
    antenna.breaks = True
    assert antenna.asked().kind == "not known"
    assert len(antenna.posts) == 1


def test_nobody_there_is_surely_not_done(free_port: int) -> None:
    """The address is wrong."""
    settings = Settings.from_environment(
        {"AMI_CONSOLE_ANTENNA_URL": f"http://127.0.0.1:{free_port}"}, dotenv=None
    )
    answer = asyncio.run(post(settings, 7, "run"))
    assert answer.kind == "not sent"
    assert answer.says.startswith("Nothing was sent")
    assert not answer.may_be_done


def test_certificates_that_can_t_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE points to nowhere: nothing leaves this machine."""
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file.pem")
    settings = Settings.from_environment(
        {"AMI_CONSOLE_ANTENNA_URL": "https://127.0.0.1:9"}, dotenv=None
    )
    assert asyncio.run(post(settings, 7, "run")).kind == "not sent"


def test_what_the_server_repeats_holds_no_secret(antenna: Antenna) -> None:
    """A debug page repeats the header, and a user's address."""
    antenna.status = 400
    antenna.says({"detail": f"bad Token {SECRET} of ann@example.org"})
    says = antenna.asked().says
    assert SECRET not in says
    assert "ann@example.org" not in says


# ---- all of it, with sources of our own


class Told:
    """A source that tells what it is given, in turn; the last stays."""

    def __init__(self, name: str, frame: str, *rows: dict[str, Any] | str) -> None:
        self.name, self._frame, self._rows = name, frame, list(rows)

    async def discover(self) -> Reading:
        raise AssertionError("nobody has to search for a job whose number is known")

    async def read(self, job_ids: Any) -> Reading:
        assert set(job_ids) == {7}
        row = self._rows.pop(0) if len(self._rows) > 1 else self._rows[0]
        at = pd.Timestamp.now("UTC").value
        if isinstance(row, str):
            return Reading(source=self.name, observed_at=at, ok=False, error=row)  # type: ignore[arg-type]
        rows = {self._frame: [{"observed_at": at, "job_id": 7} | row]}
        return Reading(source=self.name, observed_at=at, rows=rows)  # type: ignore[arg-type]

    async def aclose(self) -> None:
        pass


def cancelled(*jobs: dict[str, Any] | str) -> Callable[[Settings], list[Any]]:
    """Sources that show a job as it is cancelled."""
    return lambda _: [
        Told("antenna", "jobs", *(jobs or (job("STARTED"), job("REVOKED")))),
        Told("nats", "consumers", stream(320), NO_STREAM),
        Told("redis", "counters", keys(), GONE),
    ]


CLI = Who(through="cli")


@pytest.fixture
def settings(antenna: Antenna, tmp_path: Path) -> Settings:
    antenna.says({"id": 7, "status": "REVOKED"})
    return replace(antenna.settings(EVERY_S="0.2"), recording=tmp_path / "r")


def test_recorded_told_asked_followed_and_kept(antenna: Antenna, settings: Settings) -> None:
    """The whole way: the look before is on the disk before anything is sent."""
    doing, steps = Performing(action="cancel", job_id=7), []
    seen: list[int] = []

    def changed() -> None:
        steps.append(doing.step)
        if doing.step == "asking" and doing.recorded_in is not None:
            seen.append(len(open_recording(doing.recorded_in).frame("consumers")))
            assert not antenna.posts

    who = Who(through="dashboard", session_user="ann")
    perform(settings, doing, who, changed=changed, sources=cancelled())
    assert list(dict.fromkeys(steps)) == ["looking", "asking", "following", "ended"]
    assert seen == [1]
    assert doing.outcome is not None
    assert doing.outcome.result == "done"
    (entry,) = read_journal(journal_path(settings.recording))
    assert entry.asked["who"]["session_user"] == "ann"
    assert entry.asked["who"]["through"] == "dashboard"
    assert entry.asked["who"]["host"]
    assert (entry.asked["action"], entry.asked["job_id"]) == ("cancel", 7)
    assert entry.asked["name"] == "Night of 2026-11-22"
    assert entry.asked["consequences"][0].startswith("Its stream is deleted: 320 messages")
    assert entry.asked["recorded_in"] == str(doing.recorded_in)
    assert entry.answered is not None
    assert entry.answered["status"] == 200
    assert entry.outcome is not None
    assert entry.outcome["result"] == "done"
    assert SECRET not in journal_path(settings.recording).read_text()


def test_with_a_recorder_of_this_process_its_recording_is_used(settings: Settings) -> None:
    """The dashboard records anyhow."""
    recorder, doing = Recorder(settings.recording), Performing(action="cancel", job_id=7)
    try:
        perform(settings, doing, CLI, recorder=recorder, sources=cancelled())
    finally:
        recorder.close()
    assert doing.recorded_in == settings.recording
    assert len(open_recording(settings.recording).frame("jobs", job_id=7)) == 1
    assert not settings.recording.with_name("r.actions").exists()


def refused(settings: Settings, antenna: Antenna, **more: Any) -> ActionRefused:
    """The refusal; and nothing was sent."""
    doing = Performing(action=more.pop("action", "cancel"), job_id=7)
    with pytest.raises(ActionRefused) as caught:
        perform(settings, doing, CLI, **{"sources": cancelled()} | more)
    assert antenna.posts == []
    assert doing.step == "refused"
    assert doing.problem == str(caught.value)
    return caught.value


def test_off_means_off(settings: Settings, antenna: Antenna) -> None:
    """Nobody allowed it."""
    why = refused(replace(settings, allow_actions=False), antenna)
    assert "AMI_CONSOLE_ALLOW_ACTIONS=true" in str(why)


def test_what_can_t_be_recorded_is_not_done(settings: Settings, antenna: Antenna) -> None:
    """The disk is full: the evidence would be gone for good."""
    (settings.recording.parent / "r.actions").write_text("in the way")
    assert "evidence can't be kept" in str(refused(settings, antenna))

    class Full(Recorder):
        @property
        def error(self) -> str | None:
            return "No space left on device."

    recorder = Full(settings.recording)
    try:
        assert "No space left" in str(refused(settings, antenna, recorder=recorder))
    finally:
        recorder.close()


def test_what_can_t_be_written_down_is_not_done(settings: Settings, antenna: Antenna) -> None:
    """The journal belongs to somebody else."""
    journal_path(settings.recording).mkdir()
    assert "journal" in str(refused(settings, antenna))


def test_the_state_is_looked_at_once_more(settings: Settings, antenna: Antenna) -> None:
    """The job ended while the operator was reading."""
    assert "has ended (SUCCESS)" in str(
        refused(settings, antenna, sources=cancelled(job("SUCCESS")))
    )
    assert "does not know job 7" in str(refused(settings, antenna, sources=cancelled(job(None))))
    why = refused(settings, antenna, sources=cancelled("Antenna at http://a: no answer in time"))
    assert "no answer in time" in str(why)
    assert why.source_failed


def test_a_refusal_by_antenna_is_kept_and_not_followed(
    settings: Settings, antenna: Antenna
) -> None:
    """The token may only look."""
    antenna.status = 403
    antenna.says({"detail": "You do not have permission to perform this action."})
    doing = Performing(action="cancel", job_id=7)
    perform(settings, doing, CLI, sources=cancelled())
    assert doing.step == "ended"
    assert doing.answer is not None
    assert doing.answer.lacks_rights
    assert doing.outcome is None
    (entry,) = read_journal(journal_path(settings.recording))
    assert entry.answered is not None
    assert (entry.answered["status"], entry.outcome) == (403, None)


def test_an_answer_that_broke_off_is_followed(settings: Settings, antenna: Antenna) -> None:
    """Nobody answered, and the sources tell that it was done."""
    antenna.breaks = True
    doing = Performing(action="cancel", job_id=7)
    perform(settings, doing, CLI, sources=cancelled())
    assert doing.answer is not None
    assert doing.answer.kind == "not known"
    assert doing.outcome is not None
    assert doing.outcome.result == "done"


# ---- the desk


def test_one_at_a_time_per_job(settings: Settings, antenna: Antenna) -> None:
    """Two operators press cancel in the same second."""
    antenna.hangs = True
    desk = Desk(settings, sources=cancelled())
    first = desk.begin("cancel", 7, CLI)
    until(lambda: bool(antenna.posts))
    with pytest.raises(ActionRefused, match="just being sent"):
        desk.begin("cancel", 7, CLI)
    antenna.go_on.set()
    until(lambda: first.is_over)
    desk.join(10)
    assert desk.of(7) is first
    assert desk.of(8) is None
    assert len(antenna.posts) == 1


def test_a_desk_that_is_shut(settings: Settings) -> None:
    """Actions are off, or the watch is paused: nobody is asked anything."""
    with pytest.raises(ActionRefused, match="AMI_CONSOLE_ALLOW_ACTIONS"):
        Desk(replace(settings, allow_actions=False)).begin("run", 7, CLI)
    with pytest.raises(ActionRefused, match="paused"):
        Desk(settings, may_look=lambda: False).begin("run", 7, CLI)


def test_a_fault_of_ours_is_told(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """A page must not show "looking" for ever."""

    def broken(_: Settings) -> list[Any]:
        raise ZeroDivisionError

    desk = Desk(settings, sources=broken)
    doing = desk.begin("cancel", 7, CLI)
    until(lambda: doing.is_over)
    desk.join(10)
    assert doing.problem.startswith("Nothing was sent: something unexpected")
    assert "ZeroDivisionError" in caplog.text


def test_the_desk_of_the_process() -> None:
    """Pages find it without being handed it."""
    assert actions.current() is None
    desk = Desk(Settings.from_environment({}, dotenv=None))
    actions.use(desk)
    assert actions.current() is desk
    actions.use(None)
