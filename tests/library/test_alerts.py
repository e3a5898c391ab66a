"""Alerts: once per episode, to a real server and a real command, and never in the way."""

import json
import logging
import os
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from waiting import until

from ami_console.alerts import Alerts
from ami_console.alerts.outbox import Patience
from ami_console.alerts.webhook import Webhook
from ami_console.demo.servers import TlsFiles
from ami_console.diagnosis.finding import Evidence, Finding
from ami_console.errors import SettingsError
from ami_console.settings import Address

BEGAN = pd.Timestamp("2026-11-25T03:00:00Z")
PATH = "/services/T0SECRET/B0SECRET/XXXSECRET"
SOON = Patience(first_s=0.01, longest_s=0.02, give_up_after_s=60)
LATER = Patience(first_s=3600, longest_s=3600, give_up_after_s=7200)


def found(code: str = "no_worker", job_id: int | None = 12, **more: Any) -> Finding:
    """A critical finding, unless told otherwise."""
    return Finding(
        **{
            "code": code,
            "severity": "critical",
            "job_id": job_id,
            "title": "40 images wait and nobody fetches",
            "since": BEGAN,
            "as_of": BEGAN,
            "why": "No request waits at the consumer.",
            "next_step": "Start a worker",
            **more,
        }
    )


def cant_tell(code: str = "no_worker", job_id: int | None = 12, **more: Any) -> Finding:
    return found(code, job_id, outcome="cant_tell", severity="info", **more)


@dataclass
class Receiver:
    """A real HTTP server that keeps what is posted.

    Attributes:
        port: Where it listens, also after it was stopped.
        statuses: What to answer, first to last; then 200.
        headers: Sent with every answer.
        asked: Paths, in order, refused ones too.
        taken: Bodies that were answered with 200.
        open: Answers wait until this is set.
        waiting: Set while an answer waits.
    """

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> Address:
        return Address(f"http://127.0.0.1:{self.port}{PATH}?key=QUERYSECRET")

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(each["event"], each["key"]) for each in self.taken]

    @contextmanager
    def running(self) -> Iterator[None]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked.append(self.path)
                receiver.waiting.set()
                receiver.open.wait(30)
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                if status == 200:
                    receiver.taken.append(json.loads(content))
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                said = f"<html>no such thing as {self.path}</html>".encode()
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass  # we hang up before the end of a page that nobody reads

        server = Server(("127.0.0.1", self.port), Handler)
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            self.open.set()
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A running receiver that answers at once."""
    receiver = Receiver()
    receiver.open.set()
    with receiver.running():
        yield receiver


@pytest.fixture
def alerts_to() -> Iterator[Callable[..., Alerts]]:
    """``alerts_to(receiver, patience=…)``: alerts with short pauses, closed at the end."""
    made: list[Alerts] = []

    def make(receiver: Receiver | None = None, **more: Any) -> Alerts:
        usual = {"patience": SOON, "gone_for_s": 0, "webhook": receiver and receiver.url}
        alerts = Alerts(**{**usual, **more})
        made.append(alerts)
        return alerts

    yield make
    for alerts in made:
        alerts.close(timeout_s=0)


def at(seconds: float) -> pd.Timestamp:
    return BEGAN + pd.Timedelta(seconds=seconds)


def test_an_episode_rings_once_and_its_end_once(
    receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """The only worker is off for 50 looks, then somebody starts it."""
    alerts = alerts_to(receiver, console_url="http://console.example:5006")
    evidence = [Evidence(name="num_pending", value=40, source="nats")]
    for look in range(50):
        alerts.look([found(evidence=evidence), found("slow", severity="info")], as_of=at(2 * look))
    for look in range(50, 100):
        alerts.look([], as_of=at(2 * look))
    alerts.close(timeout_s=30)
    assert receiver.told == [("began", "no_worker/12"), ("ended", "no_worker/12")]
    began, ended = receiver.taken
    assert began["finding"]["evidence"] == {"num_pending": 40}
    assert began["finding"]["severity"] == "critical"
    assert began["console"] == "http://console.example:5006"
    assert pd.Timestamp(began["sent_at"]).tz is not None
    assert "ended_at" not in began
    assert began["text"] == (
        "CRITICAL: 40 images wait and nobody fetches (no_worker, job 12, "
        "since 2026-11-25 03:00Z) Next: Start a worker http://console.example:5006"
    )
    assert ended["ended_at"] == "2026-11-25T03:01:40Z"
    assert ended["text"].startswith("Over: 40 images wait")
    assert alerts.error is None


def test_what_comes_and_goes_is_one_episode(
    receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """A worker that restarts every ten seconds; one call at 3 a.m. is enough."""
    alerts = alerts_to(receiver, gone_for_s=30)
    for look in range(0, 100, 2):
        alerts.look([found()] if look % 20 < 10 else [], as_of=at(look))
    for look in range(100, 131, 2):
        alerts.look([], as_of=at(look))
    alerts.close(timeout_s=30)
    assert [each["event"] for each in receiver.taken] == ["began", "ended"]
    assert receiver.taken[1]["ended_at"] == "2026-11-25T03:01:30Z", "when it went, not when told"


@pytest.mark.parametrize(
    "then",
    [
        pytest.param([found(severity="warning")], id="it fell to a warning"),
        pytest.param([cant_tell()], id="its check can't tell"),
        pytest.param(
            [cant_tell(job_id=None, subject="nats")], id="its check can't tell of any job"
        ),
        pytest.param(
            [found("state_gone", severity="warning", explains=["no_worker"])],
            id="a more specific one explains it",
        ),
    ],
)
def test_unknown_and_explained_are_not_over(
    then: list[Finding], receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """NATS goes away in the middle of a stall: nobody may go back to bed for that."""
    alerts = alerts_to(receiver)
    alerts.look([found()], as_of=at(0))
    for look in range(1, 20):
        alerts.look(then, as_of=at(60 * look))
    alerts.look([found()], as_of=at(1200))
    until(lambda: len(receiver.taken) == 1)
    alerts.look([found("done_not_closed", 13)], as_of=at(1202))
    alerts.close(timeout_s=30)
    assert receiver.told[0] == ("began", "no_worker/12")
    assert sorted(receiver.told[1:]) == [
        ("began", "done_not_closed/13"),
        ("ended", "no_worker/12"),
    ]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([cant_tell(job_id=13)], id="can't tell of another job"),
        pytest.param([cant_tell("slow")], id="another check can't tell"),
        pytest.param([found("state_gone", 13, explains=["no_worker"])], id="explained elsewhere"),
    ],
)
def test_what_is_said_of_others_keeps_nothing_open(
    other: list[Finding], receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """One job recovers while another can't be read."""
    alerts = alerts_to(receiver)
    alerts.look([found()], as_of=at(0))
    alerts.look(other, as_of=at(2))
    alerts.close(timeout_s=30)
    assert ("ended", "no_worker/12") in receiver.told


def test_an_end_needs_a_look_that_was_judged(
    receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """Right after a restart nothing is known yet, and an empty list says nothing."""
    alerts = alerts_to(receiver, gone_for_s=30)
    alerts.look([found()], as_of=at(0))
    alerts.look([], as_of=at(10))
    alerts.look([], as_of=at(50), judged=False)
    alerts.look([], as_of=at(60))
    alerts.look([], as_of=at(89))
    until(lambda: len(receiver.taken) == 1)
    alerts.look([], as_of=at(90))
    alerts.close(timeout_s=30)
    assert [each.get("ended_at") for each in receiver.taken] == [None, "2026-11-25T03:01:00Z"]


def test_a_clock_that_was_set_back_delays_no_end(
    receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """The machine's clock was an hour ahead, and is put right during a stall."""
    alerts = alerts_to(receiver, gone_for_s=30)
    alerts.look([found()], as_of=at(3600))
    alerts.look([], as_of=at(3602))
    alerts.look([], as_of=at(4))
    alerts.look([], as_of=at(34))
    alerts.close(timeout_s=30)
    assert [each.get("ended_at") for each in receiver.taken] == [None, "2026-11-25T03:00:04Z"]


def test_a_warning_that_becomes_critical_begins_then(
    receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """Redeliveries were a nuisance for an hour; now images get lost."""
    alerts = alerts_to(receiver)
    alerts.look([found(severity="warning")], as_of=at(0))
    alerts.look([found(severity="critical", title="now 3 are lost")], as_of=at(60))
    alerts.look([found(severity="warning")], as_of=at(120))
    alerts.look([], as_of=at(180))
    alerts.close(timeout_s=30)
    assert [(each["event"], each["finding"]["title"]) for each in receiver.taken] == [
        ("began", "now 3 are lost"),
        ("ended", "now 3 are lost"),
    ]
    assert receiver.taken[1]["finding"]["severity"] == "critical"


def test_after_a_restart_only_the_end_is_told(
    receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """The console is updated while a job hangs; whoever is on call knows already."""
    alerts = alerts_to(receiver)
    alerts.resume([found(), found("slow", severity="warning"), cant_tell("starved")])
    alerts.look([found(), found("slow", severity="warning")], as_of=at(0))
    alerts.look([], as_of=at(2))
    alerts.close(timeout_s=30)
    assert receiver.told == [("ended", "no_worker/12")]


def test_a_server_that_is_down_gets_both_in_order_when_it_is_back(
    alerts_to: Callable[..., Alerts], free_port: int
) -> None:
    """The chat is updated just when a job hangs and recovers."""
    receiver = Receiver(port=free_port)
    receiver.open.set()
    alerts = alerts_to(receiver)
    alerts.look([found()], as_of=at(0))
    until(lambda: alerts.error is not None)
    assert alerts.error is not None
    assert alerts.error.startswith(f"Alert webhook at http://127.0.0.1:{free_port}: connection ref")
    assert "AMI_CONSOLE_ALERT_WEBHOOK" in alerts.error
    alerts.look([], as_of=at(2))
    with receiver.running():
        until(lambda: len(receiver.taken) == 2)
        until(lambda: alerts.error is None)
    assert [each["event"] for each in receiver.taken] == ["began", "ended"]


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_passing_failure_is_tried_again(
    status: int, receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """The chat's gateway hiccups twice."""
    receiver.statuses = [status, status]
    alerts_to(receiver).look([found()], as_of=at(0))
    until(lambda: len(receiver.taken) == 1)
    assert len(receiver.asked) == 3


@pytest.mark.parametrize(
    ("status", "advice"),
    [(400, "takes JSON"), (404, "check the token or path"), (302, "a redirect"), (410, "410")],
)
def test_a_refusal_is_said_and_not_tried_again(
    status: int,
    advice: str,
    receiver: Receiver,
    alerts_to: Callable[..., Alerts],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The webhook was revoked last week; its end is nothing to tell to nobody."""
    receiver.statuses = [status]
    receiver.headers = {"Location": f"http://127.0.0.1:{receiver.port}{PATH}/moved"}
    alerts = alerts_to(receiver)
    alerts.look([found()], as_of=at(0))
    until(lambda: alerts.error is not None)
    assert alerts.error is not None
    assert f"it answered {status}" in alerts.error
    assert advice in alerts.error
    alerts.look([], as_of=at(2))
    alerts.look([found("state_gone")], as_of=at(4))
    alerts.close(timeout_s=30)
    assert receiver.told == [("began", "state_gone/12")]
    assert len(receiver.asked) == 2
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_who_asks_to_be_left_alone_is(
    tmp_path: Path, receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """The chat's rate limit: nothing more for an hour, whatever it is; the pager goes on."""
    receiver.statuses = [429]
    receiver.headers = {"Retry-After": "3600"}
    patience = Patience(first_s=0.01, longest_s=0.02, give_up_after_s=7200)
    called = tmp_path / "called"
    line = f"sh -c 'echo $AMI_CONSOLE_CODE >> {called}'"
    alerts = alerts_to(receiver, command=line, patience=patience)
    alerts.look([found()], as_of=at(0))
    until(lambda: alerts.error is not None)
    alerts.look([found(), found("state_gone")], as_of=at(2))
    until(lambda: called.exists() and "state_gone" in called.read_text())
    assert "it answered 429" in str(alerts.error)
    assert receiver.taken == []
    alerts.close(timeout_s=30)  # the process ends: it is tried once more
    assert sorted(receiver.told) == [("began", "no_worker/12"), ("began", "state_gone/12")]
    assert len(receiver.asked) == 3


def test_what_may_have_arrived_is_not_told_for_ever(
    receiver: Receiver, alerts_to: Callable[..., Alerts], caplog: pytest.LogCaptureFixture
) -> None:
    """A receiver that takes the alert, rings, and then fails must not ring all night."""
    receiver.statuses = [500] * 100
    alerts = alerts_to(receiver, webhook_tries=4)
    alerts.look([found()], as_of=at(0))
    until(lambda: "given up after 4 attempts" in (alerts.error or ""))
    alerts.close(timeout_s=30)
    assert len(receiver.asked) == 4
    assert len(caplog.records) == 1


def test_nobody_there_is_given_up_when_the_episode_is_over(
    alerts_to: Callable[..., Alerts], free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The chat is gone for good; as long as images wait, it is worth another attempt."""
    patience = Patience(first_s=0.01, longest_s=0.02, give_up_after_s=0)
    receiver = Receiver(port=free_port)
    alerts = alerts_to(receiver, patience=patience)
    alerts.look([found()], as_of=at(0))
    until(lambda: "tried again, 1 to deliver" in (alerts.error or ""))
    alerts.look([], as_of=at(2))
    until(lambda: "given up after" in (alerts.error or ""))
    alerts.close(timeout_s=30)
    assert len(caplog.records) == 1


def test_a_slow_server_holds_up_nobody(alerts_to: Callable[..., Alerts]) -> None:
    """The chat takes the connection and thinks; the console goes on looking."""
    receiver = Receiver()  # answers nothing until told
    with receiver.running():
        alerts = alerts_to(receiver)
        alerts.look([found()], as_of=at(0))
        until(receiver.waiting.is_set)
        for look in range(1, 50):
            alerts.look([found(), found("state_gone", look)], as_of=at(2 * look))
        assert receiver.taken == []
        assert not receiver.open.is_set()
        receiver.open.set()
        until(lambda: len(receiver.taken) == 1 + 49 + 48)
    for look in range(1, 49):
        of_one = [event for event, key in receiver.told if key == f"state_gone/{look}"]
        assert of_one == ["began", "ended"]


def test_one_alert_that_fails_holds_up_no_other(
    receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """The chat chokes on one job's name."""
    receiver.statuses = [500]
    alerts = alerts_to(receiver, patience=LATER)
    alerts.look([found()], as_of=at(0))
    until(lambda: len(receiver.asked) == 1)
    alerts.look([found(), found("state_gone")], as_of=at(2))
    until(lambda: len(receiver.taken) == 1)
    assert receiver.told == [("began", "state_gone/12")]


def test_a_full_queue_is_said(alerts_to: Callable[..., Alerts], free_port: int) -> None:
    """Two hundred jobs lose their streams at once while the chat is down."""
    receiver = Receiver(port=free_port)
    receiver.open.set()
    patience = Patience(first_s=0.01, longest_s=0.02, give_up_after_s=60, queue_limit=3)
    alerts = alerts_to(receiver, patience=patience)
    lost = [found("state_gone", job_id) for job_id in range(1, 6)]
    alerts.look(lost, as_of=at(0))
    assert alerts.error is not None
    assert "3 alerts wait, 2 more were dropped" in alerts.error
    with receiver.running():
        until(lambda: len(receiver.taken) == 3 and alerts.error is None)
        alerts.look([], as_of=at(2))
        alerts.close(timeout_s=30)
    assert len([key for event, key in receiver.told if event == "ended"]) == 3


def test_the_end_of_the_process_delivers_what_waits(
    receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """Ctrl-C while the chat was just failing: no hour of pause is waited for."""
    receiver.statuses = [500]
    alerts = alerts_to(receiver, patience=LATER)
    alerts.look([found()], as_of=at(0))
    until(lambda: alerts.error is not None)
    alerts.close(timeout_s=30)
    assert receiver.told == [("began", "no_worker/12")]
    alerts.look([found("state_gone")], as_of=at(2))
    alerts.close(timeout_s=30)
    assert len(receiver.asked) == 2


def test_what_is_left_at_the_end_is_said(
    alerts_to: Callable[..., Alerts], free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Ctrl-C while nobody is there."""
    alerts = alerts_to(Receiver(port=free_port), patience=LATER)
    alerts.look([found()], as_of=at(0))
    alerts.close(timeout_s=5)
    assert alerts.error is not None
    assert "not delivered before the end: 1" in alerts.error
    assert len(caplog.records) == 1


def test_the_address_is_a_secret(
    receiver: Receiver,
    alerts_to: Callable[..., Alerts],
    free_port: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A chat's webhook has its token in the path; the log goes to people who must not have it."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").info("somebody else's request")
    receiver.statuses = [302] * 3
    receiver.headers = {"Location": f"http://127.0.0.1:{receiver.port}{PATH}/moved"}
    receiver_at = f"127.0.0.1:{receiver.port}"
    shown, errors = [], []
    for webhook in (
        receiver.url,
        Address(f"http://me:PASSSECRET@127.0.0.1:{free_port}{PATH}"),
        Address(f"https://{receiver_at}{PATH}"),
        Address(f"http://{receiver_at}{PATH}\x01"),
    ):
        channel = Webhook(webhook)
        alerts = alerts_to(webhook=webhook, patience=LATER)
        for job_id in range(3):
            alerts.look([found(job_id=each) for each in range(job_id + 1)], as_of=at(job_id))
        until(lambda alerts=alerts: alerts.error is not None)
        alerts.close(timeout_s=5)
        shown += [repr(alerts), str(alerts), repr(channel), repr(vars(channel))]
        errors.append(str(alerts.error))
    assert "it answered 302, a redirect" in errors[0]
    assert f"127.0.0.1:{free_port}: connection refused" in errors[1]
    assert f"https://{receiver_at}: TLS failed" in errors[2]
    assert "no usable address; check AMI_CONSOLE_ALERT_WEBHOOK" in errors[3]
    shown += errors
    said = "\n".join([*shown, caplog.text, *(repr(vars(record)) for record in caplog.records)])
    assert "SECRET" not in said
    assert "somebody else's request" in said
    assert receiver.asked
    assert set(receiver.asked) == {f"{PATH}?key=QUERYSECRET"}


def test_a_login_in_the_address_is_used(
    receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """A webhook behind basic authentication."""
    alerts = alerts_to(webhook=Address(f"http://me:hunter2@127.0.0.1:{receiver.port}/hook"))
    alerts.look([found()], as_of=at(0))
    alerts.close(timeout_s=30)
    assert receiver.asked == ["/hook"]
    assert len(receiver.taken) == 1


def test_a_certificate_is_checked(
    receiver: Receiver,
    alerts_to: Callable[..., Alerts],
    tls_front: Callable[[int], int],
    self_signed: TlsFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The institute's own chat, with a certificate of the institute's own authority."""
    alerts = alerts_to(webhook=Address(f"https://localhost:{tls_front(receiver.port)}{PATH}"))
    alerts.look([found()], as_of=at(0))
    until(lambda: alerts.error is not None)
    assert "its TLS certificate is not trusted" in str(alerts.error)
    assert receiver.asked == []
    monkeypatch.setenv("SSL_CERT_FILE", str(self_signed.ca))
    until(lambda: len(receiver.taken) == 1)


def test_what_users_typed_gives_the_chat_no_orders(
    receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """A job is named ``<!channel>``, with half an emoji, a line break and an infinite number."""
    named = "job <!channel> @here \ud83d\n\x1b[2J" + "x" * 400
    evidence = [
        Evidence(name="ratio", value=float("inf"), source="nats"),
        Evidence(name="stages", value={"last": pd.NaT, "seen": [BEGAN]}, source="antenna"),
    ]
    alerts = alerts_to(receiver)
    alerts.look([found(title=named, evidence=evidence)], as_of=at(0))
    alerts.close(timeout_s=30)
    (told,) = receiver.taken
    assert told["text"].startswith("CRITICAL: job ‹!channel› ＠here [2Jxxx")
    assert len(told["text"]) < 500
    assert told["finding"]["title"].startswith("job <!channel> @here ?\n")
    assert told["finding"]["evidence"] == {
        "ratio": None,
        "stages": {"last": None, "seen": ["2026-11-25T03:00:00Z"]},
    }


def test_without_anybody_to_call_nothing_happens() -> None:
    """Nobody set up alerts."""
    alerts = Alerts(webhook=Address(""), command="")
    alerts.look([found()], as_of=at(0))
    alerts.close(timeout_s=30)
    assert not alerts
    assert alerts.error is None


def script(folder: Path, text: str) -> str:
    """A command line that runs some Python."""
    path = folder / "call.py"
    path.write_text("import json, os, pathlib, sys, time\n" + text)
    return shlex.join([sys.executable, "-S", str(path)])


def test_a_command_gets_the_alert(
    tmp_path: Path, alerts_to: Callable[..., Alerts], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The institute's own pager script; the console's token is none of its business."""
    monkeypatch.setenv("AMI_CONSOLE_ANTENNA_TOKEN", "hunter2")
    into = tmp_path / "calls with space"
    into.mkdir()
    line = script(
        tmp_path,
        "said = json.load(sys.stdin)\n"
        "names = {n: v for n, v in os.environ.items() if n.startswith('AMI_CONSOLE_')}\n"
        "at = pathlib.Path(sys.argv[1], said['event'] + said['finding']['code'])\n"
        "at.write_text(json.dumps([said, names, 'PATH' in os.environ, sys.argv[2]]))\n"
        "print('x' * 1_000_000, flush=True)",
    )
    alerts = alerts_to(command=f"{line} {shlex.quote(str(into))} '$HOME; exit'")
    alerts.look([found()], as_of=at(0))
    alerts.look([found("source_down", None, subject="nats")], as_of=at(2))
    alerts.close(timeout_s=30)
    assert alerts.error is None
    calls = {path.name: json.loads(path.read_text()) for path in into.iterdir()}
    assert set(calls) == {"beganno_worker", "endedno_worker", "begansource_down"}
    said, names, has_path, argument = calls["beganno_worker"]
    assert (said["event"], said["finding"]["title"]) == ("began", found().title)
    assert names == {
        "AMI_CONSOLE_EVENT": "began",
        "AMI_CONSOLE_CODE": "no_worker",
        "AMI_CONSOLE_SEVERITY": "critical",
        "AMI_CONSOLE_JOB_ID": "12",
    }
    assert has_path
    assert argument == "$HOME; exit", "no shell reads it"
    assert calls["begansource_down"][1]["AMI_CONSOLE_JOB_ID"] == ""


def test_a_command_that_fails_says_why(
    tmp_path: Path, alerts_to: Callable[..., Alerts], caplog: pytest.LogCaptureFixture
) -> None:
    """The pager script has the wrong key; what it prints may hold that key, and colours."""
    line = script(
        tmp_path,
        "open(sys.argv[3], 'a').write('x')\n"
        "print('first line', file=sys.stderr)\n"
        "print(f'\\x1b[31mkey {sys.argv[1]} and {sys.argv[2][6:]}: no entr\\xe9e', "
        "file=sys.stderr)\n"
        "sys.exit(3)",
    )
    runs = tmp_path / "runs"
    alerts = alerts_to(command=f"{line} PAGERSECRET --key=OTHERSECRET {runs}", command_tries=3)
    alerts.look([found()], as_of=at(0))
    until(lambda: "given up after 3" in (alerts.error or ""))
    assert alerts.error == (
        "Alert command: it ended with exit code 3; it said: key ... and ...: no entr?e; "
        "given up after 3 attempts"
    )
    assert "SECRET" not in f"{alerts!r} {caplog.text}"
    assert runs.read_text() == "xxx"


def test_a_command_that_hangs_is_killed_with_what_it_started(
    tmp_path: Path, alerts_to: Callable[..., Alerts]
) -> None:
    """The pager script waits for a modem for ever."""
    pids = tmp_path / "pids"
    line = f"sh -c 'sleep 600 & echo $$ $! > {pids}; wait'"
    alerts = alerts_to(command=line, command_timeout_s=3, command_tries=1)
    alerts.look([found()], as_of=at(0))
    until(lambda: alerts.error is not None)
    assert "did not end within 3 s and was killed; it said nothing" in str(alerts.error)
    until(lambda: not any(is_running(int(pid)) for pid in pids.read_text().split()))


def test_the_end_of_the_process_waits_for_no_command(
    tmp_path: Path, alerts_to: Callable[..., Alerts]
) -> None:
    """Ctrl-C while the pager script hangs."""
    line = script(tmp_path, "open(sys.argv[1], 'w').write(f'{os.getpid()}')\ntime.sleep(600)")
    pid = tmp_path / "pid"
    alerts = alerts_to(command=f"{line} {pid}", command_timeout_s=500)
    alerts.look([found()], as_of=at(0))
    until(lambda: pid.exists() and pid.read_text() != "")
    alerts.close(timeout_s=0.2)
    until(lambda: not is_running(int(pid.read_text())))
    assert "not delivered before the end: 1" in str(alerts.error)


def test_a_command_that_hangs_holds_up_no_webhook(
    tmp_path: Path, receiver: Receiver, alerts_to: Callable[..., Alerts]
) -> None:
    """One way out is stuck, the other is not."""
    line = script(tmp_path, "open(sys.argv[1], 'w').close()\ntime.sleep(600)")
    alerts = alerts_to(receiver, command=f"{line} {tmp_path / 'runs'}", command_timeout_s=500)
    alerts.look([found()], as_of=at(0))
    until((tmp_path / "runs").exists)
    alerts.look([], as_of=at(2))
    until(lambda: len(receiver.taken) == 2)
    assert alerts.error is None


@pytest.mark.parametrize("line", ["no-such-program SECRET", "KEY=SECRET sh", "sh -c 'SECRET", " "])
def test_a_command_that_can_not_be_run_is_said_at_the_start(line: str) -> None:
    """A slip of the pen in the settings shows in the evening, not at 3 a.m."""
    with pytest.raises(SettingsError, match="AMI_CONSOLE_ALERT_COMMAND") as caught:
        Alerts(webhook=None, command=line)
    assert "SECRET" not in str(caught.value)


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie that nobody has reaped yet."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
