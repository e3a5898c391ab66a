"""What a terminal shows: at no width is a line too long, and no text of others is a command."""

import io
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text
from watched import EVERY_S, Watched, at, moving

from ami_console.commands import printing
from ami_console.diagnosis import Rules
from ami_console.instants import NS_PER_S
from ami_console.live_diagnosis import Judged
from ami_console.metrics import fleet
from ami_console.terminal import words
from ami_console.terminal.ascii import Encoded, in_encoding
from ami_console.terminal.findings import findings_lines
from ami_console.terminal.fleet import fleet_lines
from ami_console.terminal.keys import View, keys, pressed
from ami_console.terminal.numbers import Looked, Numbers
from ami_console.terminal.page import Page
from ami_console.terminal.sparkline import bar, buckets, sparkline

HOSTILE = "\x1b[2J[red]Chepu[/red]\r\n日本の蛾 \u202e"
WIDTHS = (20, 40, 80, 120, 200)
END_S = 400


def staged() -> Watched:
    """A healthy job, one that nobody works on, one that has just ended, and a draft."""
    well = dict(moving(END_S, total=2_000))
    well[0] = {**well[0], "name": "Lac Supérieur July nights, the whole of the lower canopy"}
    idle = {0: {"name": HOSTILE, "pipeline": "Thermal Camera Trial", "started_at": 0}}
    over = {
        0: {"name": "Amrum light trap"},
        300: {
            "status": "SUCCESS",
            "finished_at": 300,
            "stream": False,
            "counted": False,
            "rest_processed": 100,
        },
    }
    draft = {0: {"status": "CREATED", "started_at": None, "stream": False, "counted": False}}
    return Watched(END_S, {105: well, 107: idle, 103: over, 110: draft})


@pytest.fixture(scope="module")
def watch() -> Watched:
    return staged()


def looked_at(watch: Watched, second: float = END_S + 0.1, job: int | None = None) -> Looked:
    judged = Judged(at(second), watch.diagnosed(second - 0.1))
    return Numbers(watch.history, rules=Rules()).of(at(second), judged=judged, open_job=job)


@pytest.fixture(scope="module")
def looked(watch: Watched) -> Looked:
    return looked_at(watch, job=107)


def page(looked: Looked | None, view: View | None = None, **more: object) -> Page:
    seen = {"now": at(END_S + 1.0), "every_s": 2.0, **more}
    return Page(looked=looked, view=view or View(), **seen)  # type: ignore[arg-type]


def text(lines: list[Text]) -> str:
    return "\n".join(line.plain for line in lines)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("height", [3, 12, 24, 60, None])
@pytest.mark.parametrize("job", [None, 105, 107, 103, 999])
def test_no_line_is_longer_than_the_screen(
    looked: Looked, width: int, height: int | None, job: int | None
) -> None:
    """A phone over ssh, a split pane, a wall."""
    for scroll in (0, 7, 1_000):
        view = View(open_job=job, chosen=107, scroll=scroll)
        lines = page(looked, view, environment="prod").lines(width, height)
        assert max(line.cell_len for line in lines) <= width
        assert height is None or len(lines) == height
        shown = text(lines)
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "\r" not in shown


def test_names_are_text_and_no_markup(looked: Looked) -> None:
    """Whoever may name a job could paint a green "all is well" on the screen of the operator."""
    console = Console(width=120, record=True, color_system=None, file=io.StringIO())
    console.print(Encoded(page(looked, View(open_job=107), fills_screen=False), "utf-8"))
    shown = console.export_text()
    assert "�[2J[red]Chepu[/red]" in shown
    assert "\x1b" not in shown


def test_eighty_columns_have_what_matters(looked: Looked) -> None:
    lines = page(looked, View(chosen=107)).lines(80, 24)
    shown = text(lines)
    assert "critical job 107" in shown
    assert "100 images are queued and no worker fetches them" in shown
    row = next(line.plain for line in lines if line.plain.startswith(" 105"))
    assert "▶ started" in row
    assert "796/2,000" in row
    assert "120" in row  # settled a minute
    assert "✓ well" in row
    chosen = next(line.plain for line in lines if "▸" in line.plain)
    assert chosen.startswith("▸107")
    assert "✕ no_worker" in chosen
    wide = text(page(looked).lines(200, 24))
    for head in ("name", "10 min", "left", "in flight", "oldest", "attempts", "lost", "failed"):
        assert head in wide


def test_what_ended_is_dimmed_and_goes_after_a_while(looked: Looked) -> None:
    def over(now_s: float) -> list[Text]:
        lines = fleet_lines(looked, as_of=at(now_s), width=80, most=20)
        return [line for line in lines if line.plain.startswith(" 103")]

    (row,) = over(END_S + 1)
    assert "✓ success" in row.plain
    assert any(span.style == "dim" for span in row.spans)
    assert not over(300 + 3_601)


def test_a_screen_too_low_keeps_the_chosen_job_in_sight(looked: Looked) -> None:
    for chosen in (105, 107, 110, 103):
        lines = fleet_lines(looked, as_of=at(END_S + 1), width=80, most=3, chosen=chosen)
        assert len(lines) == 3
        assert any(line.plain.startswith(f"▸{chosen}") for line in lines)
        assert re.search(r"\d more (above|below)", lines[-1].plain)


def test_a_source_that_is_down_is_named_and_its_numbers_go() -> None:
    """The broker goes away for ten minutes: a rate of then says nothing of now."""
    away = Watched(600, {7: {**moving(300, total=2_000), 302: {"nats": False}}})
    shown = looked_at(away, 600.1)
    lines = page(shown, now=at(601)).lines(120, None)
    told = text(lines)
    assert "✕ NATS can't be read 5 min 00 s" in told
    assert "✕ NATS, last answer 5 min 00 s ago: connection refused" in told
    assert "● Redis ok 0 s" in told
    row = next(line.plain for line in lines if line.plain.startswith(" 7"))
    assert re.search(r"596/2,000 +– +▇+ +– +– ", row)  # per minute, left, in flight


def test_a_screen_that_stands_still_shows_its_age(looked: Looked) -> None:
    """The thread that works out the numbers hangs: the clock goes on, and so do the ages."""
    assert "old" not in text(page(looked).lines(80, 24))
    later = text(page(looked, now=at(END_S + 61)).lines(80, 24))
    assert "▲ what is shown is 1 min 01 s old" in later
    assert "▲ Antenna late 1 min 01 s" in later
    beats = {page(looked, beat=beat).lines(80, 24)[0].plain for beat in range(3)}
    assert len(beats) == 3
    paused = page(looked, now=at(END_S + 61), paused_at=at(END_S + 1)).lines(80, 24)
    assert "‖ paused for 1 min 00 s" in text(paused)
    assert "p go on" in paused[-1].plain


def test_nothing_was_seen_yet() -> None:
    lines = page(None).lines(80, 24)
    assert "looking at every source for the first time" in text(lines)
    empty = Watched(0, {7: {0: {"antenna": False, "nats": False, "redis": False}}})
    told = text(page(looked_at(empty, 0.5), now=at(1)).lines(80, 24))
    assert "what runs is not known" in told
    assert "no source has answered yet" in told
    assert "✓" not in told


def test_the_page_of_a_job(looked: Looked) -> None:
    lines = page(looked, View(open_job=107)).lines(100, None)
    told = text(lines)
    for part in ("✕ critical · no_worker", "why", "evidence", "  do ", "settled /min", "Redis"):
        assert part in told
    assert "ack wait 60 s · max deliver 2" in told
    assert "no line of its log is known" in told
    low = page(looked, View(open_job=107)).lines(100, 20)
    assert "more lines below" in low[-2].plain
    end = page(looked, View(open_job=107, scroll=500)).lines(100, 20)
    assert end[-2].plain.strip() == "the end"
    assert "no line of its log is known" in end[-3].plain
    unknown = text(page(looked, View(open_job=999)).lines(80, 24))
    assert "no source knows anything of job 999" in unknown


def test_findings_share_the_lines_that_there_are(watch: Watched) -> None:
    (one,) = watch.findings()
    many = [replace(one, job_id=job) for job in range(1, 10)]
    for most in range(1, 12):
        lines = findings_lines(many, as_of=at(END_S), width=80, most=most)
        assert len(lines) == min(most, 9)
        shown = sum("critical" in line.plain for line in lines)
        left = 0 if most >= 9 else int(lines[-1].plain.split()[1])
        assert shown + left == 9
    long = [replace(one, title="word " * 60), one]
    lines = findings_lines(long, as_of=at(END_S), width=40, most=6)
    assert lines[1].plain.endswith("…")


def test_rates_are_kept_up_look_by_look_as_if_computed_at_once(watch: Watched) -> None:
    """Only what is new is gone through at each tick; the line drawn must not differ for that."""
    numbers = Numbers(watch.history, rules=Rules())
    for second in range(100, END_S, 25 * EVERY_S):
        last = numbers.of(at(second + 0.1), judged=None)
    whole = looked_at(watch, second + 0.1)
    pd.testing.assert_frame_equal(last.rates, whole.rates)
    pd.testing.assert_frame_equal(last.details, whole.details)
    pd.testing.assert_frame_equal(last.fleet, fleet(watch.history, as_of=at(second + 0.1)))


def test_a_sparkline_has_gaps_and_no_zeros_for_them() -> None:
    line = sparkline([0.0, math.nan, 0.1, 50.0, 100.0])
    assert line == "▁ ▂▄▇"
    assert sparkline([]) == ""
    assert sparkline([math.nan]) == " "
    assert sparkline([0.0, 0.0]) == "▁▁"
    at_ns = np.array([0, 5, 95, 100], dtype="int64") * NS_PER_S
    row = buckets(
        at_ns, np.array([1.0, 2.0, math.nan, 4.0]), begin_ns=0, end_ns=100 * NS_PER_S, number=4
    )
    np.testing.assert_array_equal(row, [2.0, math.nan, math.nan, 4.0])


def test_a_bar_is_full_only_when_all_is_done() -> None:
    assert bar(0.999, 8) == ("━━━━━━━", "─")
    assert bar(1.0, 8) == ("━━━━━━━━", "")
    assert bar(0.0, 3) == ("", "───")
    assert bar(None, 3) == bar(math.nan, 3) == ("", "┄┄┄")


def test_keys() -> None:
    assert list(keys(b"jk\x1b[A\x1bOBq")) == ["down", "up", "up", "down", "quit"]
    assert list(keys(b"\x1b")) == ["back"]
    assert list(keys(b"\x1b[1;5C\x1b[15~xj")) == ["down"]
    assert list(keys("ä\r".encode())) == ["enter"]
    jobs = [110, 107, 105]
    view = pressed("down", View(), jobs)
    assert view.chosen == 110
    assert pressed("up", view, jobs).chosen == 110
    view = pressed("down", pressed("down", pressed("down", view, jobs), jobs), jobs)
    assert view.chosen == 105
    opened = pressed("enter", view, jobs)
    assert opened.open_job == 105
    assert pressed("down", opened, jobs).scroll == 1
    assert pressed("up", opened, jobs).scroll == 0
    assert pressed("back", opened, jobs) == View(chosen=105)
    alone = View(open_job=3, is_alone=True)
    assert pressed("back", alone, jobs) == alone
    assert pressed("enter", View(), []) == View()
    # The chosen job ended and left the table meanwhile.
    assert pressed("down", View(chosen=1), jobs).chosen == 110


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_other_encodings_get_other_characters_of_the_same_width(
    looked: Looked, encoding: str
) -> None:
    for line in page(looked, View(open_job=107)).lines(80, None):
        shown = in_encoding(line.plain, encoding)
        shown.encode(encoding)
        assert cell_len(shown) == line.cell_len
    assert in_encoding("é–日▁", "latin-1") == "é-??_"
    assert in_encoding("é–日▁", "utf-8") == "é–日▁"


@pytest.mark.parametrize("width", [12, 40, 80])
def test_wrapped_text_loses_no_word(width: int) -> None:
    said = "Look at the images with redis-cli, 日本の蛾 and what the workers wrote"
    lines = words.wrapped(said, width, head="  do ")
    assert max(map(cell_len, lines)) <= width
    assert " ".join(" ".join(lines).split()).replace(" ", "") == f"do{said}".replace(" ", "")
    path = "/var/lib/ami-console/recordings/of/a/long/name/2026-11-24/part-0001.parquet"
    whole = words.wrapped(f"recorded in {path} today", width, breaks_words=False)
    assert any(path in line for line in whole)


def test_words() -> None:
    assert words.short_range(300, 420) == "5–7 min"
    assert words.short_range(300, 301) == "5 min"
    assert words.short_range(30, 420) == "30 s–7 min"
    assert words.short_range(300, None) == "5 min–?"
    assert words.short_range(pd.NA, 300) == "–"
    assert words.whole_range(2, 5) == "2–5"
    assert words.whole_range(7, 7) == "7"
    assert words.whole_range(pd.NA, 7) == "–"
    assert words.duration(3_725) == "1 h 02 min"
    assert words.cut("日本の蛾", 5) == "日本…"
    assert words.size(1_234_000) == "1.2 MB"


@pytest.mark.parametrize(("columns", "heads"), [("80", "job name done failed"), ("30", "job done")])
def test_a_printed_table_drops_what_matters_least(
    columns: str, heads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    rows = [
        {"job": "105", "name": "Lac Supérieur 日本", "done": "44,000/44,000", "failed": "0"},
        {"job": "7", "name": "x" * 60, "done": "0/1", "failed": "–"},
    ]
    told = printing.table(
        rows, left=frozenset({"name"}), shrinks={"name": 12}, drops=("failed", "name")
    )
    assert told.split("\n")[0].split() == heads.split()
    assert max(map(cell_len, told.split("\n"))) <= int(columns)
    assert "44,000/44,000" in told
    ends = {cell_len(line) for line in told.split("\n")}
    assert len(ends) == 1
