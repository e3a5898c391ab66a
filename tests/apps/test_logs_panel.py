"""The logs of a job: filters, groups, minutes, and why there is nothing to see."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import panel as pn
import pytest
from playwright.sync_api import expect
from recorded_jobs import Known, known

from ami_console import frames, metrics
from ami_console.apps.log_lines import added, rows_of
from ami_console.apps.log_rows import MOST_CHARACTERS, OTHER, LogQuery, log_rows, shortened
from ami_console.apps.log_sources import remarks, why_none
from ami_console.apps.logs_panel import LogsPanel

UTC = ZoneInfo("UTC")
ZERO = pd.Timestamp("2026-11-23T15:00:00Z")
HOSTILE = "<img src=x onerror=alert(1)>"


def line(second: float, message: str, **more: Any) -> dict[str, Any]:
    """A line of the job's log."""
    at = ZERO.value + int(second * 1e9)
    usual = {"observed_at": at, "job_id": 3, "logged_at": at, "source": "job", "level": "INFO"}
    return usual | {"message": message} | more


def lines(*told: dict[str, Any]) -> pd.DataFrame:
    return frames.from_rows("log_events", told)


TOLD = lines(
    line(1, "Tasks fetched: requested=8", kind="fetched"),
    line(62, "GET http://minio/1.jpg failed", level="ERROR", source="celery", kind="crops_failed"),
    line(63, "GET http://minio/2.jpg failed", level="ERROR", source="celery", kind="crops_failed"),
    line(61, "Something else", process="ForkPoolWorker-1", source="celery"),
    line(200, "Slow Redis", level="WARNING"),
    line(200, "Saved", kind="saved"),
)


def messages(query: LogQuery, **more: Any) -> list[str]:
    return [each.message for each in log_rows(TOLD, query, **more).lines]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (LogQuery(level="error"), [2, 1]),
        (LogQuery(level="warning"), [4, 2, 1]),
        (LogQuery(source="celery"), [2, 1, 3]),
        (LogQuery(kinds=frozenset({"fetched", OTHER})), [4, 3, 0]),
        (LogQuery(text="MINIO/2"), [2]),
        (LogQuery(text="("), []),
        (LogQuery(pattern="GET {url} failed"), [2, 1]),
        (LogQuery(minute=ZERO + pd.Timedelta(seconds=95)), [2, 1, 3]),
        (LogQuery(minute=ZERO + pd.Timedelta(seconds=125)), []),
        (LogQuery(level="error", text="1.jpg", source="job"), []),
    ],
)
def test_lines_are_chosen(query: LogQuery, expected: list[int]) -> None:
    """The newest first; wishes are joined by and, kinds by or."""
    assert messages(query) == [TOLD["message"].iloc[place] for place in expected]


def test_lines_of_one_second_stand_as_they_were_read() -> None:
    """The newest first: of two lines of one second the one that came last."""
    assert messages(LogQuery(), most=3) == ["Saved", "Slow Redis", "GET http://minio/2.jpg failed"]
    found = log_rows(TOLD, LogQuery(), most=3)
    assert (found.matched, found.total) == (6, 6)


def test_counts_of_kinds_are_of_the_other_filters() -> None:
    """A kind that is not chosen still tells how many lines it would bring."""
    found = log_rows(TOLD, LogQuery(kinds=frozenset({"fetched"}), source="job"))
    assert found.kinds == {"fetched": 1, OTHER: 1, "saved": 1}
    assert found.matched == 1
    assert found.sources == ("celery", "job")


def test_the_next_minute_is_the_next_with_lines() -> None:
    """Nobody steps through two empty minutes."""
    found = log_rows(TOLD, LogQuery(minute=ZERO + pd.Timedelta(seconds=65)))
    assert (found.before, found.after) == (ZERO, ZERO + pd.Timedelta(minutes=3))
    found = log_rows(TOLD, LogQuery(minute=ZERO, level="error"))
    assert (found.before, found.after) == (None, ZERO + pd.Timedelta(minutes=1))


def test_no_lines_and_one_line() -> None:
    """Nothing was read; then one line without anything but a time."""
    assert log_rows(lines(), LogQuery(text="x")).lines == ()
    bare = {"job_id": 3, "logged_at": ZERO.value, "observed_at": ZERO.value}
    (row,) = rows_of(log_rows(lines(bare), LogQuery()).lines, zone=UTC, as_of=ZERO)
    assert row == ("15:00:00", "muted", "·", "no level", "–", "–", "")


def test_a_very_long_line_says_what_is_left_out() -> None:
    """A body of 16 kB in one line."""
    assert shortened("x" * MOST_CHARACTERS) == "x" * MOST_CHARACTERS
    assert shortened("x" * (MOST_CHARACTERS + 5)).endswith("x… 5 characters more")


def test_only_what_is_new_is_sent() -> None:
    """Two lines came on top, and two fell off at the end; else all is sent."""
    before: Any = [(str(n),) for n in (3, 2, 1)]
    after: Any = [(str(n),) for n in (5, 4, 3)]
    assert added(before, after) == after[:2]
    assert added(before, [*after[:2], ("1",)]) is None
    assert added([], after) is None
    late: Any = [(str(n),) for n in (3, 2.5, 2)]
    assert added(before, late) is None


# ---- why there is nothing to see


def reads(*told: dict[str, Any]) -> pd.DataFrame:
    rows = [{"observed_at": ZERO.value} | row for row in told]
    found = frames.from_rows("reads", rows)
    return metrics.source_ages(found, as_of=ZERO + pd.Timedelta(seconds=5))


@pytest.mark.parametrize(
    ("told", "every_s", "head", "text"),
    [
        ([], 15.0, "No log was read yet", "every 15 s"),
        ([], 0.0, "No log is read", "AMI_CONSOLE_JOB_LOGS_EVERY_S is 0"),
        ([], None, "No log was read yet", "if not set otherwise"),
        (
            [{"source": "job_logs", "ok": False, "error": "HTTP 403 <b>"}],
            15.0,
            "Antenna's log of the job can't be read",
            "HTTP 403 <b>.",
        ),
        ([{"source": "job_logs", "ok": True}], 15.0, "The logs have no line of this job", "15:00"),
    ],
)
def test_why_there_is_no_line(
    told: list[dict[str, Any]], every_s: float | None, head: str, text: str
) -> None:
    """Off, on its way, can't be read, and really none are four things."""
    as_of = ZERO + pd.Timedelta(seconds=5)
    why = why_none(reads(*told), is_live=True, every_s=every_s, as_of=as_of, zone=UTC)
    assert why.head == head
    assert text in why.text


def test_lines_that_are_old_say_so() -> None:
    """The log was read and then could not be: what stands there is of before."""
    good = {"source": "job_logs", "ok": True, "error": "job 3: lines before 14:00 were not read"}
    bad = {"source": "job_logs", "ok": False, "error": "no answer", "observed_at": ZERO.value + 1}
    (gap,) = remarks(reads(good), as_of=ZERO, zone=UTC)
    assert gap.text == "job 3: lines before 14:00 were not read."
    (old,) = remarks(reads(good, bad), as_of=ZERO, zone=UTC)
    assert "of 15:00:00 or before. no answer." in old.text
    assert remarks(reads({"source": "log_files", "ok": True}), as_of=ZERO, zone=UTC) == []


# ---- the panel


@pytest.fixture(scope="module")
def crash() -> Known:
    """The job whose worker died, by the logs of all processes."""
    return known("c_worker_crash", "looks", "job_log", "django", "celery")


def show(panel: LogsPanel, told: Known, events: pd.DataFrame | None = None, **more: Any) -> None:
    usual = {"sources": told.sources, "is_live": False, "as_of": told.as_of, "zone": UTC}
    panel.show(told.job, told.log_events if events is None else events, **usual | more)


def text(told: Any) -> str:
    """What a reader reads."""
    plain = re.sub(r"<[^>]+>", " ", told.plain).replace("\u202f", "")
    return re.sub(r"\s+", " ", plain).strip()


def test_a_click_in_a_plot_shows_the_lines_of_that_minute(crash: Known) -> None:
    """15:16 has most lines; the step back leads to another minute and tells the page."""
    chosen: list[pd.Timestamp | None] = []
    panel = LogsPanel(on_minute=chosen.append, most=50)
    minute = crash.log_events["logged_at"].min().floor("min")
    early = lines(line(0, "Before all", observed_at=0, logged_at=minute.value - 90_000_000_000))
    events = pd.concat([early, crash.log_events], ignore_index=True)
    show(panel, crash, events)
    panel.show_minute(minute + pd.Timedelta(seconds=30))
    assert chosen == []
    assert text(panel.panes["head"].told).startswith(f"Log lines of {minute:%H:%M}")
    before = minute - pd.Timedelta(minutes=2)
    panel.panes["head"]._handle_msg({"act": "minute", "at": before.isoformat()})
    assert chosen == [before]
    assert [row[-1] for row in panel.lines.rows] == ["Before all"]
    panel.panes["head"]._handle_msg({"act": "minute", "at": "no such"})
    assert chosen[-1] is None
    assert len(panel.lines.rows) == 50


def test_the_reader_chooses_and_clears(crash: Known) -> None:
    """Kinds are added one by one; a group shows its lines; another job starts anew."""
    panel = LogsPanel()
    show(panel, crash)

    def act(pane: str, **asked: str) -> str:
        panel.panes[pane]._handle_msg(asked)
        return text(panel.panes["head"].told)

    assert "Shown: 12 of 12 that fit." in act("kinds", act="kind", kind="fetched")
    assert "Shown: 13 of 13 that fit." in act("kinds", act="kind", kind="fetch_refused")
    assert {row[5] for row in panel.lines.rows} == {"fetched", "fetch_refused"}
    assert 'data-kind="fetched" data-focus="kind:fetched" aria-pressed="true"' in (
        panel.panes["kinds"].told.html
    )
    assert "No line fits." in act("filters", act="text", value="no such text")
    assert 'value="no such text"' in panel.panes["filters"].told.html
    act("filters", act="clear")
    pattern = panel._groups["pattern"].iloc[0]
    assert "Shown: 1 of 1 that fit." in act("groups", act="group", pattern=pattern)
    act("groups", act="group", pattern=pattern)
    assert LogQuery() == panel.query
    act("filters", act="level", value="no such level")
    assert LogQuery() == panel.query
    act("filters", act="level", value="warning")
    act("filters", act="source", value="django")
    assert {row[4].split()[0] for row in panel.lines.rows} == {"django"}
    other = replace(crash.job, row=crash.job.row | {"job_id": 7})
    show(panel, replace(crash, job=other))
    assert LogQuery() == panel.query


def test_nothing_new_sends_nothing(crash: Known) -> None:
    """Looks go on and the log stands still."""
    panel, sent = LogsPanel(), []
    show(panel, crash)
    for pane in panel.panes.values():
        pane.param.watch(lambda *events: sent.extend(events), ["html", "texts", "newer"])
    show(panel, crash, as_of=crash.as_of + pd.Timedelta(seconds=2))
    assert sent == []
    show(panel, crash, crash.log_events.iloc[:-1])
    assert sent != []


def test_no_line_hides_the_filters(crash: Known) -> None:
    """The first look has brought nothing; then lines come."""
    panel = LogsPanel(every_s=15.0)
    show(panel, crash, crash.log_events.head(0), is_live=True, sources=reads())
    assert [box.visible for box in panel.pane] == [True, False, False]
    assert "No log was read yet" in text(panel.empty.told)
    show(panel, crash)
    assert [box.visible for box in panel.pane] == [False, True, True]


@pytest.mark.browser
def test_lines_in_a_browser(crash: Known, visit: Callable[..., Any], free_port: int) -> None:
    """Markup in a line stays text, a new line comes on top, and the reader's clicks arrive."""
    shown: dict[str, Any] = {}
    trouble = line(0, f"{HOSTILE}\nTraceback of it", level="ERROR", logged_at=crash.as_of.value)
    events = pd.concat([crash.log_events, lines(trouble)], ignore_index=True)

    def page() -> Any:
        panel = LogsPanel(most=40)
        shown["panel"], shown["document"] = panel, pn.state.curdoc
        show(panel, crash, events)
        return panel.pane

    server = pn.serve(
        page, port=free_port, address="127.0.0.1", show=False, threaded=True, verbose=False
    )
    try:
        tab = visit(f"http://127.0.0.1:{free_port}/", ready="table.lines tbody tr")
        rows = tab.page.locator("table.lines tbody tr")
        expect(rows).to_have_count(40)
        expect(rows.first).to_contain_text(HOSTILE)
        rows.first.locator("summary").click()
        expect(rows.first.locator("pre")).to_have_text("Traceback of it")
        newer = line(0, "Newer than all", logged_at=crash.as_of.value + 1)
        grown = pd.concat([events, lines(newer)], ignore_index=True)
        shown["document"].add_next_tick_callback(lambda: show(shown["panel"], crash, grown))
        expect(rows.first).to_contain_text("Newer than all")
        expect(rows).to_have_count(40)
        expect(rows.nth(1).locator("details")).to_have_attribute("open", "")  # still the same row
        tab.page.locator(".chip", has_text="fetched").first.click()
        expect(rows).to_have_count(12)
        tab.page.get_by_role("searchbox", name="text").fill("nothing like it")
        tab.page.keyboard.press("Enter")
        expect(tab.page.get_by_text("No line fits.")).to_be_visible()
        expect(rows).to_have_count(0)
        tab.page.get_by_role("button", name="show all lines").click()
        expect(rows).to_have_count(40)
    finally:
        server.stop()
