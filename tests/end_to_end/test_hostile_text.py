"""Somebody names a job after an escape sequence, a formula or a script: it stays a name."""

import ast
import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from hostile import END, NAMES, TEXTS, obeyed, recorded
from planted import Antenna, answering
from rich.console import Console

import ami_console
from ami_console import cli
from ami_console.alerts import message
from ami_console.alerts.episodes import Change
from ami_console.apps.as_python import Drawing, absolute, python_lines
from ami_console.apps.chart_export import stem
from ami_console.apps.dashboard import Dashboard
from ami_console.apps.feed import RecordedFeed
from ami_console.apps.frame_files import FORMULA, About, csv_bytes, file_name
from ami_console.apps.head import Head, controls, top
from ami_console.apps.stage import Stage
from ami_console.apps.view import TABS, View
from ami_console.commands import printing
from ami_console.diagnosis import Evidence, Finding, Rules
from ami_console.errors import AmiConsoleError
from ami_console.logs.masking import masked
from ami_console.plain_text import one_line, plain
from ami_console.recording import Recording, open_recording
from ami_console.report import report_html
from ami_console.sources.job_rows import job_rows
from ami_console.terminal.keys import View as Screen
from ami_console.terminal.numbers import Numbers
from ami_console.terminal.page import Page

ZONE = ZoneInfo("America/New_York")
ALL_AT_ONCE = len(NAMES)
COLOURS = "\x1b\\[[0-9;]*m"
FOLDER = "r\x1b[2J\u202e<img src=x>"
IDS = [re.sub(r"\W", "-", what) for what in TEXTS]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording from elsewhere in which every text is hostile, and its own name too."""
    return recorded(tmp_path_factory.mktemp("hostile") / FOLDER)


@pytest.fixture(scope="module")
def recording(shelf: Path) -> Recording:
    return open_recording(shelf)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run("summary", 3, AMI_CONSOLE_…=…)``: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def start(*words: object, **environment: str) -> tuple[int, str, str]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        code = cli.main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return start


# What is made of one text.


@pytest.mark.parametrize("text", TEXTS.values(), ids=IDS)
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    """On one line or several, in the cells of a table, in an error, and where it comes in."""
    assert obeyed(plain(text)) == []
    assert obeyed(masked([text])[0]) == []
    for shown in (one_line(text), printing.printable(text)):
        assert obeyed(shown) == []
        assert not set("\n\t") & set(shown)
    assert obeyed(str(AmiConsoleError(text))) == obeyed(f"{AmiConsoleError(text)}") == []
    row, stages = job_rows(
        {
            "id": 1,
            "name": text,
            "pipeline": {"name": text},
            "status": text,
            "progress": {"stages": [{"key": text, "status": text}]},
        },
        observed_at=0,
        zone=ZONE,
    )
    named = [row["name"], row["pipeline"], row["status"], *(stage["stage"] for stage in stages)]
    assert obeyed("".join(filter(None, named))) == []
    assert all(name is None or len(name) <= 1_000 for name in named)


def test_names_of_people_stay_as_they_are() -> None:
    """Accents, an emoji of several parts, Persian with its joiner: none of it is dangerous."""
    for name in (
        "Lac Supérieur",
        "Żółw 日本の蛾",
        "👩‍🔬 night",
        "می‌خواهم",
        "नमस्ते",
        "e\u0301t\u00e9",
    ):
        assert plain(name) == one_line(name) == masked([name])[0] == name


@pytest.mark.parametrize("text", TEXTS.values(), ids=IDS)
def test_a_name_of_a_file_is_plain_letters(text: str) -> None:
    """No way out of the folder, no option, no name that some system keeps to itself."""
    at = pd.Timestamp("2026-11-24T09:00Z")
    for name in (file_name(About(frame=text, as_of=at, job_id=3), "csv"), f"{stem(text)}.png"):
        assert re.fullmatch(r"ami-console_[A-Za-z0-9._-]{1,120}\.(csv|png)", name)


@pytest.mark.parametrize("text", TEXTS.values(), ids=IDS)
def test_lines_for_a_notebook_hold_it_as_a_text_only(text: str) -> None:
    """The recording's folder ends a string and goes on with code: it stays a string."""
    place = absolute(text)
    drawing = Drawing(
        chart="throughput",
        job_ids=[3],
        as_of=END,
        since=None,
        until=END,
        width_s=0,
        zone=ZONE,
    )
    lines = python_lines(drawing, recording=place)
    assert obeyed(lines) == []
    found = [node.value for node in ast.walk(ast.parse(lines)) if isinstance(node, ast.Constant)]
    assert place in found
    calls = [node for node in ast.walk(ast.parse(lines)) if isinstance(node, ast.Call)]
    assert {ast.unparse(each.func).split(".")[0] for each in calls} <= {
        "ZoneInfo", "metrics", "open_recording", "pd", "plots", "recording",
    }  # fmt: skip


@pytest.mark.parametrize("text", TEXTS.values(), ids=IDS)
def test_an_alert_is_one_line_and_calls_nobody(text: str) -> None:
    """A title with a name in it, sent to a chat; ``@here`` and ``<!channel>`` wake nobody."""
    finding = Finding(
        code="no_worker",
        job_id=3,
        severity="critical",
        title=f"{text} <!channel> @here",
        since=END,
        as_of=END,
        next_step=text,
        why=text,
        evidence=(Evidence(name=text, value=text, source=text),),
    )
    change = Change(event="began", episode=1, finding=finding)
    said = message.text(change, console_url=None)
    assert obeyed(said) == []
    assert not set("\n\t<>@") & set(said)
    body = message.body(change, sent_at=END, console_url=None)
    assert body.isascii()
    assert obeyed(body.decode()) == []
    assert json.loads(body)["finding"]["code"] == "no_worker"


# Files for spreadsheets.


def cells_of(content: bytes | str) -> list[list[str]]:
    """Cells of a CSV, as a spreadsheet reads it."""
    text = content.decode() if isinstance(content, bytes) else content
    return list(csv.reader(io.StringIO(text, newline="")))


def is_number(cell: str) -> bool:
    return re.fullmatch(r"-?[0-9.]+(e[+-]?[0-9]+)?", cell) is not None


@pytest.mark.parametrize("name", ["jobs", "stages", "reads", "log_events", "queues"])
def test_no_cell_of_a_csv_is_a_formula(recording: Recording, name: str) -> None:
    """Every frame that has texts; blanks before the sign and wide signs count too."""
    frame = recording.frame(name).head(400)
    content = csv_bytes(frame)
    head, *rows = cells_of(content)
    assert len(rows) == len(frame)  # no text began a row of its own
    assert all(len(row) == len(head) for row in rows)
    texts = [cell for row in rows for cell in row if cell]
    wrong = [cell for cell in texts if cell.lstrip().startswith(FORMULA) and not is_number(cell)]
    assert wrong == []
    assert obeyed(content.decode().replace("\r\n", "\n")) == []


def test_numbers_stay_numbers_in_a_csv() -> None:
    """Below zero, in a column of their own or among texts; missing stays empty."""
    frame = pd.DataFrame(
        {
            "offset_s": pd.array([-0.5, None, 3.0], "Float64"),
            "mixed": [-7, "-7+1", None],
            "=head": ["＝1", "  @x", "ok"],
        }
    )
    assert cells_of(csv_bytes(frame)) == [
        ["offset_s", "mixed", "'=head"],
        ["-0.5", "-7", "'＝1"],
        ["", "'-7+1", "'  @x"],
        ["3.0", "", "ok"],
    ]


# Commands.


def test_commands_on_a_recording_print_nothing_that_is_obeyed(run: Run, shelf: Path) -> None:
    """A colleague sent a recording, and it is looked at in a terminal."""
    on = ("--recording", shelf)
    report = ("report", 4, *on, "--out", "job.html", "--frames")
    for words in (
        ("diagnose", *on),
        ("diagnose", *on, "--format", "json"),
        ("diagnose", 999, *on),
        ("diagnose", *on, "--as-of", "\x1b[2J"),
        ("diagnose", "--recording", shelf.with_name("no\x1b[2J")),
        ("summary", 3, *on),
        ("summary", 12, *on, "--format", "json"),
        ("summary", 999, *on),
        report,
        ("recording", "compact", shelf),
        ("recording", "prune", shelf, "--older-than", "30d"),
        ("import", shelf.parent, "--into", "into\x1b[2J"),
    ):
        _, out, err = run(*words)
        assert obeyed(out) == [], words
        assert obeyed(err) == [], words
        assert out or err
        if "json" in words:
            json.loads(out)
    (frames_of_job,) = Path().glob("*.frames")
    names = sorted(path.name for path in frames_of_job.iterdir())
    assert all(re.fullmatch(r"[a-z_]+\.parquet", name) for name in names)


def test_a_damaged_file_is_named_without_its_escape_sequences(run: Run, tmp_path: Path) -> None:
    """The name of a file in a recording is a text of others like any."""
    place = recorded(tmp_path / "some", {1: "Lac"})
    run("recording", "compact", place)
    for path in place.rglob("*.parquet"):
        path.write_bytes(b"PAR1 \x1b[2J PAR1")
    _, out, err = run("summary", 1, "--recording", place)
    assert obeyed(out + err) == []
    assert "left out" in err


@pytest.fixture(scope="module")
def antenna() -> Iterator[Antenna]:
    """Antenna with jobs of these names; a name can't be longer there."""
    names = {job: name[:255] for job, name in NAMES.items() if "\ud83d" not in name}
    with answering(Antenna(names)) as running:
        yield running


@pytest.mark.parametrize("kind", ["table", "json", "csv"])
def test_a_look_at_live_sources_is_shown_unharmed(
    run: Run, antenna: Antenna, free_port: int, kind: str
) -> None:
    """``snapshot`` in a terminal, for a script, and for a spreadsheet."""
    nobody = f"127.0.0.1:{free_port}"
    code, out, err = run(
        "snapshot",
        "--format",
        kind,
        AMI_CONSOLE_ANTENNA_URL=f"http://{antenna.place}",
        AMI_CONSOLE_NATS_URL=f"nats://{nobody}",
        AMI_CONSOLE_NATS_MONITOR_URL="",
        AMI_CONSOLE_REDIS_URL=f"redis://{nobody}",
    )
    assert code == cli.SOURCE_FAILED
    assert obeyed(out) == obeyed(err) == []
    if kind == "table":
        lines = out.split("\n\n")[1].strip().split("\n")
        assert len(lines) == 1 + len(antenna.names)
        return
    if kind == "json":
        named = {job["job_id"]: job["name"] for job in json.loads(out)["jobs"]}
        assert named[11].startswith("Lac gnp.exe")
        return
    head, *rows = cells_of(out)
    assert len(rows) == len(antenna.names)
    name = head.index("name")
    assert not any(row[name].lstrip().startswith(FORMULA) for row in rows)
    assert "'=cmd|'/C calc'!A0" in [row[name] for row in rows]


def test_the_live_view_sends_colours_and_nothing_else(recording: Recording) -> None:
    """``watch``, wide and narrow, with all jobs and with each that drives a terminal."""
    for job_id in (None, 10, 13, ALL_AT_ONCE):
        looked = Numbers(recording, rules=Rules()).of(END, judged=None, open_job=job_id)
        for width in (40, 160):
            page = Page(
                looked=looked,
                view=Screen(open_job=job_id),
                now=END,
                every_s=2.0,
                environment=TEXTS["clear the screen"],
                trouble=TEXTS["turned"],
            )
            screen = io.StringIO()
            console = Console(
                file=screen, width=width, height=60, force_terminal=True, markup=False, emoji=False,
                highlight=False,
            )  # fmt: skip
            console.print(page)
            assert obeyed(screen.getvalue(), but=COLOURS) == []


def test_warnings_of_libraries_and_tracebacks_are_harmless(tmp_path: Path) -> None:
    """A library complains of a name, a thread dies of one, and so does the whole program."""
    secret = "Authorization: Token 0123456789abcdef"
    text = f"\x1b]0;x\x07{secret}\x9b2J\u202e"
    program = f"""if True:
        import logging, threading
        from ami_console.commands import stderr
        stderr.guard()
        logging.getLogger("some.library").warning("odd name %s", {text!r})
        try:
            raise ValueError({text!r})
        except ValueError:
            logging.getLogger("other").exception("failed")
        def die(): raise KeyError(ValueError({text!r}))
        thread = threading.Thread(target=die)
        thread.start(); thread.join()
        class Odd(Exception):
            def __str__(self): return {text!r}
        raise Odd
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert obeyed(done.stderr) == []
    assert "odd name Authorization: …" in done.stderr
    assert done.stderr.count("Traceback (most recent call last)") == 3
    assert done.stderr.count("Authorization") >= 4
    assert "0123456789abcdef" not in done.stderr.replace(repr(text), "")


# Pages.


class Parts(HTMLParser):
    """Names of all elements, their attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}


# What our own texts are written with beside letters; JSON has the others as escapes.
UNESCAPED = re.compile(
    r"\\u(00[01][0-9a-f]|007f|00[89][0-9a-f]|061c|200[bef]|202[89a-e]|206[0-9a-f]|feff|d8[0-9a-f]+)",
    re.IGNORECASE,
)


def sent(page: Dashboard) -> str:
    """All that a browser gets of a page, but for our own code."""
    told = json.loads(serialize_json(page.page.server_doc(Document()).to_json(deferred=False)))
    return json.dumps(without_code(told))


def without_code(node: Any) -> Any:
    """The same JSON without the code of components, which names such characters itself."""
    if isinstance(node, list):
        return [without_code(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {name: without_code(each) for name, each in node.items() if name not in CODE}


CODE = frozenset({"esm", "code", "bundle"})


def texts_of(node: Any) -> Iterator[str]:
    """Every text in JSON."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for each in node.values() if isinstance(node, dict) else node:
            yield from texts_of(each)


def test_a_report_holds_names_as_text(recording: Recording) -> None:
    """Heading, title, tables, log and the data of the charts, which are drawn from text too."""
    page = report_html(recording, ALL_AT_ONCE, zone=ZONE)
    assert obeyed(page) == []
    assert UNESCAPED.findall(re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)) == []
    parts = Parts(page)
    assert parts.tags.count("title") == 1
    assert parts.tags.count("script") == 3
    assert "img" not in parts.tags
    assert not [name for name in parts.attributes if name.startswith("on")]


def test_the_dashboard_sends_names_as_text(recording: Recording) -> None:
    """Each tab and part, as the browser gets it: no element, no turned text, no control code."""
    feed = RecordedFeed(recording, zone=ZONE)
    stage = Stage(feed)
    stage.board.subscribe(lambda: None)
    page = Dashboard(stage)
    page.is_open = True
    stage.view.param.update(job=ALL_AT_ONCE)
    for tab, part in [*((tab, "now") for tab in TABS), ("job", "logs")]:
        stage.view.param.update(tab=tab, part=part)
        page.refresh()
        assert page.fault == ""
    told = sent(page)
    assert UNESCAPED.findall(told) == []
    htmls = [text for text in texts_of(json.loads(told)) if text.startswith("<!--")]
    assert len(htmls) > 10
    assert any("&lt;img src=x" in each for each in htmls)
    for each in htmls:
        parts = Parts(each)
        assert not {"img", "script", "iframe"} & set(parts.tags)
        assert not [name for name in parts.attributes if name.startswith("on")]


def test_the_head_names_recordings_and_the_environment_as_text() -> None:
    """A folder's name, what the settings call the place, and an address that somebody sent."""
    for text in TEXTS.values():
        head = Head(
            view=View(recording=text, fleet=text),
            label=text,
            environment=(text, "red"),
            as_of=END,
            zone=ZONE,
            zones=["UTC"],
            recordings=[text],
        )
        for told in (top(head), controls(head)):
            assert obeyed(told.plain) == []
            assert not {"img", "script"} & set(Parts(told.plain).tags)
            assert not [n for n in Parts(told.plain).attributes if n.startswith("on")]


def test_a_notebook_shows_names_as_text(recording: Recording) -> None:
    """The recording, a job and its findings in a cell, and in a terminal's Python."""
    for job_id in (3, ALL_AT_ONCE):
        job = ami_console.Job(recording, job_id)
        for each in (recording, job, job.findings()):
            shown = each._repr_html_()
            assert obeyed(shown) == []
            assert not {"img", "script"} & set(Parts(shown).tags)
            assert obeyed(repr(each)) == []
