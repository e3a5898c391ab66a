"""Run, retry and cancel on the page: offered or not, confirmed, followed, refused."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import panel as pn
import pytest
from found import text
from playwright.sync_api import expect
from staged_feed import HOSTILE, StagedFeed
from waiting import until

from ami_console import actions
from ami_console.actions import ActionRefused, Answer, Desk, Performing, Who, newest_looks
from ami_console.actions.outcome import Outcome, SourceOutcome
from ami_console.apps import board, cards
from ami_console.apps.action_rows import Mode, Offer, actions_card, dialog_told
from ami_console.apps.actions_panel import ActionsPanel
from ami_console.apps.feed import LiveFeed
from ami_console.apps.framed import framed
from ami_console.apps.stage import Stage
from ami_console.collector import Collector
from ami_console.demo.plans import JobPlan, Scenario, WorkerPlan
from ami_console.demo.stack import Stack
from ami_console.recorder import Recorder
from ami_console.settings import Secret, Settings

AT = pd.Timestamp("2026-11-23T15:24:00Z")
PIPELINE = "eastern_canada_moths_2026"


def card(mode: Mode = "live", status: str | None = "STARTED", **more: Any) -> Any:
    offer = Offer(job_id=7, status=status, mode=mode, **more)
    return actions_card(offer, as_of=AT, zone=StagedFeed().zone)


# ---- what the card says


@pytest.mark.parametrize(
    ("mode", "says"),
    [("off", "--allow-actions"), ("replay", "the past"), ("paused", "when the watch goes on")],
)
def test_where_nothing_is_offered_there_is_one_line(mode: Mode, says: str) -> None:
    """Somebody looks for the button."""
    told = card(mode)
    assert says in text(told)
    assert "<button" not in told.html


def test_what_makes_no_sense_says_why() -> None:
    """A running job is not run, and its button can't be pressed."""
    told = card()
    assert told.html.count("disabled") == 1
    assert "Run: the job is STARTED, and only one that never ran is run" in text(told)
    assert card(status=None).html.count("disabled") == 3


def doing(**more: Any) -> Performing:
    return Performing(action="cancel", job_id=7, **more)


def test_each_step_is_told() -> None:
    """From the look to the answer; meanwhile nothing else is offered."""
    looking = card(doing=doing())
    assert "looking One look at all sources is being recorded." in text(looking)
    assert looking.html.count("disabled") == 3
    assert "Dismiss" not in text(looking)
    asking = doing(step="asking", recorded_in=Path("/r"), asked_at=AT)
    assert "recorded One look at all sources is in /r" in text(card(doing=asking))
    assert "Asked at 10:24:00; Antenna has not answered yet." in text(card(doing=asking))
    refusal = doing(step="refused", problem=f"Nothing was sent: {HOSTILE}")
    told = card(doing=refusal)
    assert "Nothing was sent" in text(told)
    assert "<img" not in told.html
    assert "Dismiss" in text(told)


def test_the_outcome_has_a_line_per_source() -> None:
    """Two have seen it, one can't tell; marks and words, not colours alone."""
    found = Outcome(
        result="going",
        says="Asked for 4 s ago; waiting for Antenna.",
        sources=(
            SourceOutcome(source="antenna", state="waiting", says="The job is STARTED."),
            SourceOutcome(source="nats", state="seen", says="The stream is gone.", since=AT),
            SourceOutcome(source="redis", state="cant_tell", says=HOSTILE),
        ),
    )
    answer = Answer(kind="accepted", says="Antenna answered 200.", status=200)
    told = card(doing=doing(step="following", asked_at=AT, answer=answer, outcome=found))
    assert "Antenna ◔ waiting The job is STARTED." in text(told)
    assert "NATS ✓ seen The stream is gone. 10:24:00" in text(told)
    assert "Redis ? can't tell" in text(told)
    assert "◔ still going Asked for 4 s ago; waiting for Antenna." in text(told)
    assert "<img" not in told.html


def test_no_permission_says_what_to_do() -> None:
    """The token may only look."""
    answer = Answer(kind="refused", says="Nothing was done: Antenna answered 403.", status=403)
    told = text(card(doing=doing(step="ended", asked_at=AT, answer=answer)))
    assert "No permission." in told
    assert "AMI_CONSOLE_ANTENNA_TOKEN" in told


def test_the_dialog_tells_numbers_with_their_age(staged: StagedFeed) -> None:
    """And for a job that nobody told of, that nothing is known."""
    looks = newest_looks(staged, 5, as_of=staged.as_of())
    told = dialog_told("cancel", looks, as_of=staged.as_of() + pd.Timedelta(seconds=4))
    assert told["title"] == "Cancel job 5?"
    assert told["age"] == "What it means as the job stands now, read 4 s ago:"
    assert told["told"][0] == [
        "lost",
        "✕",
        "lost",
        "Its stream is deleted: 320 messages, of them 320 not delivered yet.",
    ]
    nobody = dialog_told("cancel", newest_looks(staged, 999, as_of=AT), as_of=AT)
    assert "nothing was read of it" in nobody["age"]


# ---- the panel without a browser


class CountingDesk(Desk):
    """Keeps what it is asked for, and does nothing."""

    def __init__(self, *, allowed: bool = True) -> None:
        environment = {"AMI_CONSOLE_ALLOW_ACTIONS": "true" if allowed else "false"}
        super().__init__(Settings.from_environment(environment, dotenv=None))
        self.begun: list[tuple[str, int, Who]] = []
        self.refuses = ""

    def begin(self, action: actions.Action, job_id: int, who: Who) -> Performing:
        if self.refuses:
            raise ActionRefused(self.refuses)
        self.begun.append((action, job_id, who))
        made = Performing(action=action, job_id=job_id)
        self._newest[job_id] = made
        return made


def panel_of(staged: StagedFeed, desk: Desk | None, job_id: int = 5) -> ActionsPanel:
    stage = Stage(staged)
    stage.board.subscribe(lambda: None)
    panel = ActionsPanel(stage, desk=desk)
    panel.tick(job_id, stage.as_of())
    return panel


def press(panel: ActionsPanel, action: str, job_id: int = 5) -> None:
    panel.card._handle_msg({"act": "ask", "action": action, "of": str(job_id)})


def confirm(panel: ActionsPanel, typed: str, action: str = "cancel", job: object = 5) -> None:
    panel.dialog._handle_msg({"confirm": typed, "action": action, "job": job})


def test_asked_typed_begun(staged: StagedFeed) -> None:
    """The usual way, with the number typed."""
    desk = CountingDesk()
    panel = panel_of(staged, desk)
    assert panel.dialog.asked == {}
    press(panel, "cancel")
    assert panel.dialog.asked["title"] == "Cancel job 5?"
    confirm(panel, "5")
    assert [(action, job_id) for action, job_id, _ in desk.begun] == [("cancel", 5)]
    assert desk.begun[0][2].through == "dashboard"
    assert panel.dialog.asked == {}
    assert "One look at all sources is being recorded" in text(panel.card)


def test_what_a_browser_makes_up_is_not_done(staged: StagedFeed) -> None:
    """A wrong number, another job, another action, no dialog at all, another word."""
    desk = CountingDesk()
    panel = panel_of(staged, desk)
    confirm(panel, "5")
    press(panel, "delete")
    press(panel, "cancel", job_id=6)
    assert panel.dialog.asked == {}
    press(panel, "cancel")
    confirm(panel, "6")
    assert "'6' is not the number of this job" in panel.dialog.asked["problem"]
    confirm(panel, "5", action="run")
    confirm(panel, "6", job=6)
    panel.dialog._handle_msg("odd")
    assert desk.begun == []
    assert panel.dialog.asked["title"] == "Cancel job 5?"
    panel.dialog._handle_msg({"closed": 1})
    assert panel.dialog.asked == {}
    confirm(panel, "5")
    assert desk.begun == []


def test_a_late_close_leaves_the_next_dialog_open(staged: StagedFeed) -> None:
    """Closed and opened again faster than the messages travel."""
    panel = panel_of(staged, CountingDesk())
    press(panel, "cancel")
    panel.dialog._handle_msg({"closed": 1})
    press(panel, "retry")
    panel.dialog._handle_msg({"closed": 1})
    assert panel.dialog.asked["title"] == "Retry job 5?"


def test_a_refusal_is_told_in_the_dialog(staged: StagedFeed) -> None:
    """A colleague was faster."""
    desk = CountingDesk()
    panel = panel_of(staged, desk)
    press(panel, "cancel")
    desk.refuses = "Cancel is just being sent: wait for it."
    confirm(panel, "5")
    assert panel.dialog.asked["problem"] == desk.refuses


def test_a_paused_or_past_page_offers_nothing(staged: StagedFeed) -> None:
    """The dialog was open when a colleague paused the watch."""
    desk = CountingDesk()
    panel = panel_of(staged, desk)
    press(panel, "cancel")
    staged.pause()
    confirm(panel, "5")
    assert desk.begun == []
    panel.tick(5, staged.as_of())
    assert panel.dialog.asked == {}
    assert "Paused" in text(panel.card)
    press(panel, "cancel")
    assert panel.dialog.asked == {}
    staged.resume()
    panel._stage.view.at = "2026-11-23T15:10:00Z"
    panel._stage.arrange()
    panel.tick(5, panel._stage.as_of())
    assert "the past" in text(panel.card)
    assert "<button" not in panel.card.told.html


def test_another_job_closes_the_dialog(staged: StagedFeed) -> None:
    """The reader went back in the browser's history: the dialog was about the job before."""
    panel = panel_of(staged, CountingDesk())
    press(panel, "cancel")
    panel.tick(3, staged.as_of())
    assert panel.dialog.asked == {}
    panel.tick(999, staged.as_of())
    assert not panel.pane.visible


@pytest.mark.parametrize("desk", [None, CountingDesk(allowed=False)])
def test_off_is_off(staged: StagedFeed, desk: Desk | None) -> None:
    """No desk, or one that is not allowed anything."""
    panel = panel_of(staged, desk)
    assert "--allow-actions" in text(panel.card)
    press(panel, "cancel")
    assert panel.dialog.asked == {}


def test_what_was_done_stays_until_it_is_dismissed(staged: StagedFeed) -> None:
    """Also on a page that is opened later."""
    desk = CountingDesk()
    desk.begin("cancel", 5, Who(through="dashboard")).step = "ended"
    panel, other = panel_of(staged, desk), panel_of(staged, desk)
    assert "Cancel of job 5" in text(panel.card)
    panel.card._handle_msg({"act": "dismiss", "of": "5"})
    assert "Cancel of job 5" not in text(panel.card)
    other.tick(5, staged.as_of())
    assert "Cancel of job 5" in text(other.card)


# ---- in a real browser, against real servers


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    worker = WorkerPlan(name="gpu-01", pipelines=(PIPELINE,), image_s=0.3)
    fast: dict[str, Any] = {"project": "laurentian", "pipeline": PIPELINE, "save_s": 0.01}
    jobs = (
        JobPlan(name="Wrong year", images=400, **fast),
        JobPlan(name=HOSTILE, images=20, runs=False, **fast),
    )
    play = Scenario(name="test", says="a test", jobs=jobs, workers=(worker,))
    with Stack(play, restart_after_s=None) as running:
        yield running


@pytest.fixture
def page_of(stack: Stack, tmp_path: Path, free_port: int) -> Iterator[Callable[..., str]]:
    """``page_of(job_id, token)``: address of a page with the panel, on a live watch."""
    settings = replace(stack.settings, recording=tmp_path / "r", allow_actions=True)
    collector, recorder = Collector(settings), Recorder(settings.recording)
    collector.add_sink(recorder)
    collector.start()
    feed = LiveFeed(collector)
    origin = f"127.0.0.1:{free_port}"

    def address(job_id: int, token: str) -> str:
        until(lambda: job_id in feed.job_ids())
        desk = Desk(replace(settings, antenna_token=Secret(token)), recorder=recorder)
        pn.serve(
            {"page": lambda: _page(feed, desk, job_id)},
            port=free_port,
            address="127.0.0.1",
            websocket_origin=[origin],
            threaded=True,
            show=False,
        )
        return f"http://{origin}/page"

    yield address
    pn.state.kill_all_servers()
    collector.stop()
    recorder.close()
    board.forget()


def _page(feed: LiveFeed, desk: Desk, job_id: int) -> Any:
    stage, document = Stage(feed), pn.state.curdoc
    panel = ActionsPanel(stage, desk=desk)
    end = stage.board.subscribe(lambda: None)
    document.on_session_destroyed(lambda _: end())
    panel.tick(job_id, stage.as_of())

    def tick() -> None:
        panel.tick(job_id, stage.as_of())

    pn.state.onload(lambda: document.add_periodic_callback(tick, 200))
    return framed(main=[cards.column(panel.pane)])


FOCUS = """() => {
  let node = document.activeElement
  while (node?.shadowRoot?.activeElement) { node = node.shadowRoot.activeElement }
  return node?.dataset.focus ?? node?.id ?? ""
}"""


@pytest.mark.browser
@pytest.mark.servers
def test_a_cancel_from_the_keyboard(
    stack: Stack, page_of: Callable[..., str], visit: Callable[..., Any]
) -> None:
    """Read, thought better of it, read again, typed, done; confirmed by all three."""
    token = stack.settings.antenna_token.reveal()
    page = visit(page_of(101, token), ready="text=Cancel …").page
    page.get_by_role("button", name="Cancel …").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Cancel job 101?")
    expect(dialog).to_contain_text("Its stream is deleted: 400 messages")
    expect(dialog.get_by_role("button", name="Cancel job 101")).to_be_disabled()
    assert page.evaluate(FOCUS) == "action-typed"
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert page.evaluate(FOCUS) == "action:cancel"
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    page.keyboard.type("10")
    expect(dialog.get_by_role("button", name="Cancel job 101")).to_be_disabled()
    page.keyboard.type("1")
    expect(dialog.get_by_role("button", name="Cancel job 101")).to_be_enabled()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    total = page.locator(".total")
    expect(total).to_contain_text("Done: confirmed by Antenna, NATS and Redis.", timeout=30_000)
    assert page.evaluate(FOCUS) == "action:progress"
    page.get_by_role("button", name="Dismiss").click()
    expect(total).to_be_hidden()


@pytest.mark.browser
@pytest.mark.servers
def test_a_token_that_may_only_look(
    stack: Stack, page_of: Callable[..., str], visit: Callable[..., Any]
) -> None:
    """A viewer runs a draft whose name is an exploit: refused, and what to do is said."""
    page = visit(page_of(102, stack.viewer_token), ready="text=Run …").page
    page.get_by_role("button", name="Run …").click()
    dialog = page.get_by_role("dialog", name="Run job 102?")
    expect(dialog.locator(".name")).to_have_text(HOSTILE)
    dialog.get_by_label("Type the job's number").fill("102")
    dialog.get_by_role("button", name="Run job 102").click()
    expect(page.locator(".progress .error")).to_contain_text("No permission.", timeout=20_000)
    expect(page.locator(".progress")).to_contain_text("Antenna answered 403")
