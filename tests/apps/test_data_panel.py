"""Frames as they are: on the page, as CSV, as Parquet."""

import csv
import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import panel as pn
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, expect
from staged_feed import HOSTILE, Staged, StagedFeed

from ami_console import frames, metrics
from ami_console.apps.data_panel import DataPanel
from ami_console.apps.export_buttons import PART_BYTES, export_buttons
from ami_console.apps.frame_choices import CHOICES, wanted
from ami_console.apps.frame_files import (
    About,
    File,
    csv_bytes,
    csv_size,
    file_name,
    made,
    parquet_bytes,
    unit_of,
)
from ami_console.apps.frame_view import MOST_ROWS, Shown, card, controls, facts
from ami_console.apps.framed import framed
from ami_console.apps.stage import Stage
from ami_console.demo.processes import free_port

ZONE = ZoneInfo("America/New_York")
AT = pd.Timestamp("2026-11-25T08:15:00Z")
ABOUT = About(frame="acks", as_of=AT, job_id=7, source="live · http://antenna")


def acks(*image_ids: str | None) -> pd.DataFrame:
    """A literal frame, an acknowledgement a second."""
    return frames.from_rows(
        "acks",
        [
            {
                "observed_at": AT.value + number * 10**9,
                "job_id": 7,
                "acked_at": AT.value + number * 10**9 + 123_456_789,
                "stream_seq": number,
                "kind": "+ACK",
                "image_id": image_id,
            }
            for number, image_id in enumerate(image_ids)
        ],
    )


def rows_of(content: bytes) -> list[dict[str, str]]:
    """A CSV as a spreadsheet reads it."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_csv_says_instants_in_utc_and_leaves_missing_empty() -> None:
    """The numbers go into a spreadsheet: no zone is guessed there, and no gap becomes a zero."""
    (row,) = rows_of(csv_bytes(acks("img 1")))
    assert row["observed_at"] == "2026-11-25T08:15:00Z"
    assert row["acked_at"] == "2026-11-25T08:15:00.123456789Z"
    assert row["stream_seq"] == "0"
    assert row["delivery"] == row["stored_at"] == ""
    assert rows_of(csv_bytes(frames.empty("acks"))) == []
    assert csv_bytes(frames.empty("acks")).startswith(b"observed_at,job_id,")
    read = pd.read_csv(io.BytesIO(csv_bytes(acks("1", None))), parse_dates=["acked_at"])
    assert list(read["acked_at"]) == list(acks("1", None)["acked_at"])


@pytest.mark.parametrize("text", ["=cmd|'/C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_of_others_becomes_a_formula(text: str) -> None:
    """Somebody names an image after a formula, and a colleague opens the CSV in a spreadsheet."""
    frame = acks(text, "a=b")
    guarded, plain = rows_of(csv_bytes(frame))
    assert guarded["image_id"] == "'" + text.replace("\r", "")
    assert plain["image_id"] == "a=b"
    assert guarded["kind"] == "'+ACK"
    read = pd.read_parquet(io.BytesIO(parquet_bytes(frame, ABOUT)))
    assert read["image_id"][0] == text
    negative = pd.DataFrame({"clock_offset_s": pd.array([-0.5], "Float64")})
    assert rows_of(csv_bytes(negative)) == [{"clock_offset_s": "-0.5"}]


@pytest.mark.parametrize("name", frames.FRAMES)
def test_parquet_is_exact_and_says_what_it_is(name: str) -> None:
    """The file is opened half a year later: dtypes, units, source and instant are still known."""
    feed = StagedFeed(every_s=20.0)
    feed.has_tap = True
    feed.queues = {"antenna": (3, None, 1)}
    feed.play(120.0)
    frame = feed.frame(name)
    assert len(frame) > 3 or name in ("advisories", "log_events", "findings")
    content = parquet_bytes(frame, About(frame=name, as_of=AT, source="live · http://antenna"))
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(content)), frame)
    told = json.loads(pq.read_schema(io.BytesIO(content)).metadata[b"ami_console"])
    assert told["frame"] == name
    assert told["as_of"] == "2026-11-25T08:15:00+00:00"
    assert told["source"] == "live · http://antenna"
    assert told["units"]["observed_at"] == "UTC"


def test_computed_frames_can_be_saved_too() -> None:
    """The table of jobs goes into a report; columns of mixed values become text."""
    feed = StagedFeed(every_s=20.0)
    feed.play(120.0)
    fleet = metrics.fleet(feed, as_of=feed.as_of())
    assert len(pd.read_parquet(io.BytesIO(parquet_bytes(fleet, ABOUT)))) == len(fleet)
    assert [row["job_id"] for row in rows_of(csv_bytes(fleet))] == [str(j) for j in fleet["job_id"]]
    mixed = pd.DataFrame({"value": [1, "a", None, ["b"]]})
    read = pd.read_parquet(io.BytesIO(parquet_bytes(mixed, ABOUT)))
    assert read["value"].fillna("NA").tolist() == ["1", "a", "NA", '["b"]']


def test_units_are_told_by_the_names() -> None:
    """Nobody has to guess what a column counts."""
    assert [unit_of(name, "Float64") for name in ("age_s", "acked_per_min", "progress_ratio")] == [
        "s",
        "1/min",
        "0 to 1",
    ]
    assert unit_of("bytes", "Int64") == "B"
    assert unit_of("status", "string") == unit_of("messages", "Int64") == ""


def test_names_of_files_are_plain() -> None:
    """Whatever a frame is called, its file can be saved."""
    assert file_name(ABOUT, "csv") == "ami-console_acks_job-7_20261125T081500Z.csv"
    odd = About(frame="../../a b<c>", as_of=AT.tz_convert(ZONE))
    assert file_name(odd, "parquet") == "ami-console_a-b-c_20261125T081500Z.parquet"


def test_what_is_too_large_is_not_made() -> None:
    """A week of acknowledgements: the page says how large it would be, and what to do."""
    frame = acks(*map(str, range(5000)))
    size = len(csv_bytes(frame))
    assert abs(csv_size(frame) - size) < size / 50
    why = made(frame, "csv", ABOUT, most=200_000)
    assert isinstance(why, str)
    assert "at most 200.0 kB" in why
    assert "shorter window, download Parquet" in why
    assert 'open_recording("…").frame("acks", job_id=7)' in why
    assert isinstance(made(frame, "parquet", ABOUT, most=200_000), File)
    assert isinstance(made(frame, "parquet", ABOUT, most=1_000), str)


def shown(frame: pd.DataFrame | None, name: str = "acks", **more: Any) -> Shown:
    """As it was read at ``AT``, of job 7."""
    return Shown(wanted=wanted(name, 7), frame=frame, as_of=AT, **more)


def test_a_table_shows_the_newest_rows_with_their_missing_values() -> None:
    """What is not known is said, and is not an empty cell that could be anything."""
    told = card(shown(acks(*map(str, range(300)), "<script>")), zone=ZONE).html
    assert told.count("<tr>") == MOST_ROWS + 1
    assert "200 of 301 rows, newest first; a file has all of them" in told
    assert told.index("&lt;script&gt;") < told.index(">299<")
    assert ">99<" not in told
    assert "<script>" not in told
    assert '<td class="na">NA</td>' in told
    assert '<td title="2026-11-25T08:20:00.123456789Z">03:20:00.123</td>' in told
    assert '<th scope="col" class="num">stream_seq<span class="dim">Int64</span></th>' in told


def test_one_row_and_long_texts() -> None:
    """A trace of thirty lines in one cell: cut, and said that it is."""
    told = card(shown(acks("x" * 1000)), zone=ZONE).html
    assert "all rows, newest first." in told
    assert "… 600 more characters" in told
    assert "x" * 401 not in told
    yesterday = acks("1").assign(observed_at=AT - pd.Timedelta("1D"))
    assert ">2026-11-24 03:15:00.000<" in card(shown(yesterday), zone=ZONE).html


def test_nothing_to_show_says_why_and_what_to_do() -> None:
    """No tap, no job, another window, a broken file: four things to do."""
    nothing = frames.empty("acks")
    assert "ami-console serve --tap" in card(shown(nothing), zone=ZONE).html
    old = card(shown(nothing, newest_at=AT - pd.Timedelta("2h")), zone=ZONE).html
    assert "The newest is of 01:15:00, 2 h 00 min ago. Choose a longer window." in old
    broken = card(shown(None, fault="OSError: <gone>"), zone=ZONE).html
    assert "It could not be read" in broken
    assert "OSError: &lt;gone&gt;" in broken
    none = Shown(wanted=wanted("tasks", None), frame=pd.DataFrame(), as_of=AT)
    assert "No job is chosen" in card(none, zone=ZONE).html
    rows = frames.from_rows(
        "reads", [{"observed_at": AT.value, "source": "nats", "ok": False, "error": "refused"}]
    )
    sources = metrics.source_ages(rows, as_of=AT)
    silent = card(shown(frames.empty("consumers"), "consumers"), zone=ZONE, sources=sources).html
    assert "NATS can't be read.</strong> It never answered" in silent
    assert "can't be read" not in card(shown(nothing), zone=ZONE, sources=sources).html


def test_what_an_address_asks_for() -> None:
    """Of all jobs, of the chosen one, of none; nonsense is the usual frame."""
    assert (wanted("acks", 7).frame, wanted("acks", 7).job_id) == ("acks", 7)
    assert wanted("acks/all", 7).job_id is None
    assert wanted("reads", 7).job_id is None
    assert wanted("tasks/all", 7).job_id == 7
    assert wanted("../x", None).frame == wanted("", 3).frame == "jobs"
    assert set(frames.FRAMES) <= set(CHOICES)
    told = controls(wanted("acks", None), None).html
    assert "no job is chosen</button>" in told
    assert 'data-to="job" data-focus="scope:job" aria-pressed="false" disabled' in told


def test_facts_say_how_much_and_how_old() -> None:
    """Rows stand still while they are read: what came in since is counted."""
    told = facts(
        shown(acks("1")), newer=3, is_live=True, as_of=AT + pd.Timedelta("34s"), zone=ZONE
    ).plain
    assert "1</span></b> row ·" in told
    assert "3 newer" in told
    assert "34 s ago" in told
    still = facts(shown(acks("1", "2")), newer=None, is_live=False, as_of=AT, zone=ZONE).plain
    assert "rows" in still
    assert "newer" not in still
    assert "button" not in still
    empty = facts(shown(frames.empty("acks")), newer=None, is_live=True, as_of=AT, zone=ZONE).plain
    assert "0</span></b> rows · read at" in empty
    assert "read it again" in empty


@pytest.fixture
def stage(staged: StagedFeed) -> Stage:
    """What a page shows of the staged feed."""
    return Stage(staged)


def test_the_panel_reads_once_and_counts_what_is_newer(staged: StagedFeed, stage: Stage) -> None:
    """The page stays open on raw data: rows must not move under the reader's eyes."""
    asked: list[str] = []
    frame = staged.frame

    def watched(name: str, **more: Any) -> pd.DataFrame:
        if more.get("since") != more.get("until"):
            asked.append(name)
        return frame(name, **more)

    staged.frame = watched  # type: ignore[method-assign]
    panel = DataPanel(stage)
    stage.view.frame = "counters"
    panel.show(3, staged.as_of())
    assert asked == ["counters"]
    before = panel.rows.told
    assert "180 rows" not in before.html
    staged.look(staged.now_s + 10)
    panel.show(3, staged.as_of())
    panel.tick(3, staged.as_of())
    assert panel.rows.told == before
    assert "1 newer" in panel.facts.told.plain
    panel._act({"act": "again"})
    assert panel.rows.told != before
    assert "nothing newer" in panel.facts.told.plain
    given, about = panel._given()
    assert about.job_id == 3
    assert about.frame == "counters"
    assert given["job_id"].unique().tolist() == [3]
    assert given["observed_at"].max() == staged.as_of()


@pytest.mark.parametrize("name", CHOICES)
def test_every_frame_can_be_looked_at_and_saved(
    staged: StagedFeed, stage: Stage, name: str
) -> None:
    """Each of them once, of one job and of all."""
    panel = DataPanel(stage)
    for of in ("", "/all"):
        panel._act({"act": "frame", "value": name})
        stage.view.frame = f"{name}{of}"
        panel.show(3, staged.as_of())
        assert "could not be read" not in panel.rows.told.html
        frame, about = panel._given()
        for kind in ("csv", "parquet"):
            assert isinstance(made(frame, kind, about), File)
        expected = name in ("acks", "advisories", "log_events", "queues", "findings", "verdicts")
        assert panel.export.visible == (len(frame) > 0)
        assert expected or len(frame) > 0


def test_nonsense_from_a_browser_changes_nothing(staged: StagedFeed, stage: Stage) -> None:
    """What a page sends can't be trusted."""
    panel = DataPanel(stage)
    panel.show(3, staged.as_of())
    for odd in ({"act": "frame", "value": "../x"}, {"act": "frame"}, {"act": "drop"}):
        panel._act(odd)
    assert stage.view.frame == ""
    panel._act({"act": "scope", "to": "all"})
    assert stage.view.frame == "jobs/all"
    panel._act({"act": "frame", "value": "acks"})
    assert stage.view.frame == "acks/all"
    panel._act({"act": "scope", "to": "job"})
    assert stage.view.frame == "acks"


def test_an_unreadable_frame_is_said(staged: StagedFeed, stage: Stage) -> None:
    """The recording's disk is gone: the page says so, and goes on."""

    def gone(*_: Any, **__: Any) -> pd.DataFrame:
        raise OSError("disk <gone>")

    staged.frame = gone  # type: ignore[method-assign]
    panel = DataPanel(stage)
    panel.show(3, staged.as_of())
    assert "OSError: disk &lt;gone&gt;" in panel.rows.told.html
    assert not panel.export.visible


def test_a_file_that_can_not_be_made_is_said() -> None:
    """Something of ours is broken: the button does not stay pressed for ever."""

    def broken() -> pd.DataFrame:
        raise ValueError("odd")

    said: list[Any] = []
    buttons = export_buttons("fleet", broken, as_of=lambda: AT)
    buttons._send_msg = said.append
    for message in ({"make": "csv"}, {"make": "exe"}, {}, None, {"make": "parquet"}):
        buttons._handle_msg(message)
    assert [each["says"] for each in said] == ["The file could not be made. ValueError: odd"] * 2


def test_a_file_is_sent_in_parts_that_are_asked_for() -> None:
    """A slow line: the page must not seem dead while a large file is on its way."""
    frame = acks(*(f"{number:064x}" for number in range(9_000)))
    said: list[Any] = []
    buttons = export_buttons("acks", lambda: frame, as_of=lambda: AT)
    buttons._send_msg = said.append
    buttons._handle_msg({"part": 0})
    assert said == []
    buttons._handle_msg({"make": "csv"})
    size = said.pop()["size"]
    assert size > 2 * PART_BYTES
    for odd in (-1, size, True, "0", 10**30):
        buttons._handle_msg({"part": odd})
    assert said == []
    for part in range(-(-size // PART_BYTES)):
        buttons._handle_msg({"part": part})
    assert b"".join(each["content"] for each in said) == csv_bytes(frame)
    buttons._handle_msg({"part": 0})
    assert buttons._content == b""  # it is not held on to


class Gated(StagedFeed):
    """A feed that is slow to read, for as long as a test wants."""

    def __init__(self) -> None:
        super().__init__((Staged(7, HOSTILE, total=9000, per_min=1500.0),), every_s=10.0)
        self.gate = threading.Event()
        self.gate.set()

    def frame(self, name: str, **limits: Any) -> pd.DataFrame:
        """As of every feed."""
        assert self.gate.wait(30)
        return super().frame(name, **limits)


@pytest.fixture
def feed() -> Gated:
    """One job for five minutes."""
    feed = Gated()
    feed.has_tap = True
    feed.play(300.0)
    return feed


@pytest.fixture
def address(feed: Gated) -> Iterator[str]:
    """A page of raw data alone, behind a path."""

    def page() -> Any:
        stage = Stage(feed)
        panel = DataPanel(stage)
        stage.view.param.watch(lambda *_: panel.show(7, feed.as_of()), ["frame", "window"])
        panel.show(7, feed.as_of())
        return framed(main=[panel.pane])

    port = free_port()
    server = pn.serve(
        {"data": page}, port=port, threaded=True, show=False, address="127.0.0.1", prefix="/ami"
    )
    yield f"http://127.0.0.1:{port}/ami/data"
    server.stop()


@pytest.mark.browser
def test_rows_that_are_read_while_a_page_opens_are_not_lost(
    feed: Gated, address: str, browser: Browser
) -> None:
    """A link to raw data is opened on a slow line: the rows are ready before the browser is."""
    tab = browser.new_page()
    feed.gate.clear()
    tab.on("websocket", lambda _: feed.gate.set())  # from here on the browser takes the page over
    tab.goto(address)
    expect(tab.locator("tbody tr").first).to_contain_text(HOSTILE)


@pytest.mark.browser
def test_files_come_through_the_page_itself(
    address: str, visit: Callable[..., Any], tmp_path: Path
) -> None:
    """Behind a proxy's path, with nothing but the websocket: the file is whole."""
    page = visit(address, ready="table").page
    cells = page.locator("tbody tr").first.locator("td")
    expect(cells.nth(2)).to_have_text(HOSTILE)
    assert page.locator("img[src='x']").count() == 0
    page.get_by_label("frame").select_option("consumers")
    expect(page.get_by_role("columnheader", name="num_ack_pending")).to_be_visible()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="as Parquet").click()
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    assert path.name == "ami-console_consumers_job-7_20261123T150500Z.parquet"
    assert len(pd.read_parquet(path)) == 31
    expect(page.get_by_text(path.name)).to_be_visible()
    page.get_by_label("frame").select_option("acks")
    expect(page.get_by_role("columnheader", name="stored_at")).to_be_visible()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="as CSV").click()
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    assert path.stat().st_size > 2 * PART_BYTES
    rows = rows_of(path.read_bytes())
    assert [int(row["stream_seq"]) for row in rows] == list(range(1, 7501))
