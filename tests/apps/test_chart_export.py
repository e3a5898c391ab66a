"""Pictures of charts, drawn by a real browser."""

import math
import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import panel as pn
import pytest
from bokeh.models import ColorBar
from bokeh.plotting import figure
from bokeh.transform import linear_cmap
from playwright.sync_api import Page, expect

from ami_console import charts
from ami_console.apps import cards
from ami_console.apps.chart_export import ChartMenu, legend_of, stem
from ami_console.apps.framed import framed
from ami_console.demo.processes import free_port

SVG = "{http://www.w3.org/2000/svg}"
LINES = 'plots.latency(timeline)  # "<b>"'


def line_chart() -> Any:
    """A curve, and hatched strips where nothing was seen."""
    plot = figure(height=200, sizing_mode="stretch_width", x_axis_type="datetime")
    times = [1_790_000_000_000 + 60_000 * minute for minute in range(30)]
    plot.line(times, [math.sin(each / 1e6) for each in times], line_width=2, line_dash="dashed")
    plot.vstrip([times[3]], [times[6]], hatch_pattern="right_diagonal_line", fill_alpha=0.2)
    plot.yaxis.axis_label = "images settled per minute"
    return plot


def heat_chart() -> Any:
    """Cells, with a bar that tells what their colours mean."""
    plot = figure(height=200, sizing_mode="stretch_width")
    colours = linear_cmap("tasks", "Viridis256", 0, 4)
    cells = {"x": [0, 1, 2, 3], "y": [1, 1, 2, 2], "tasks": [1, 2, 3, 4]}
    plot.rect("x", "y", 1, 1, source=cells, fill_color=colours)
    plot.add_layout(ColorBar(color_mapper=colours["transform"], title="tasks"), "right")
    return plot


def page(*, dark: bool = False) -> Any:
    """Two charts, each with its buttons."""
    sheets = []
    for key, chart in (("latency", line_chart()), ("heat", heat_chart())):
        python = (lambda: LINES) if key == "latency" else None
        menu = ChartMenu(
            chart,
            name=f"{key}_job-7",
            title=key,
            caption=f"{key} of job 7 <b>",
            legend=legend_of(charts.chart("latency")) if key == "latency" else (),
            python=python,
        )
        pane = pn.pane.Bokeh(chart, sizing_mode="stretch_width", margin=0)
        sheets.append(cards.card(cards.column(menu, pane)))
    return framed(
        main=[cards.column(*sheets)],
        dark_theme=dark,
    )


@pytest.fixture
def served() -> Iterator[str]:
    """Where a page with charts is, light and dark."""
    port = free_port()
    pages = {"light": page, "dark": lambda: page(dark=True)}
    server = pn.serve(pages, port=port, threaded=True, show=False, address="127.0.0.1")
    yield f"http://127.0.0.1:{port}"
    server.stop()


def saved(page: Page, button: str, to: Path) -> Path:
    """What a button gives."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    path = to / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


@pytest.mark.browser
def test_each_chart_is_saved_as_it_is_seen(
    served: str, visit: Callable[..., Any], tmp_path: Path
) -> None:
    """For the report of the night: sharp pictures, and vectors that can be edited; no server."""
    shown = visit(f"{served}/light", ready="text=PNG").page
    shown.wait_for_selector("canvas")
    for key, axis in (("latency", "images settled per minute"), ("heat", "tasks")):
        path = saved(shown, f"Save as SVG: {key}", tmp_path)
        assert re.fullmatch(rf"ami-console_{key}_job-7_\d{{8}}T\d{{6}}Z\.svg", path.name)
        drawing = ET.parse(path).getroot()
        assert len(list(drawing.iter(f"{SVG}path"))) > 5
        assert not list(drawing.iter(f"{SVG}script"))
        texts = [node.text or "" for node in drawing.iter(f"{SVG}text")]
        assert axis in texts
        assert texts[0] == f"{key} of job 7 <b>"
        assert ("95th percentile" in texts) == (key == "latency")
        paper = drawing.find(f"{SVG}rect")
        assert paper is not None
        assert paper.get("fill") == "rgb(255, 255, 255)"
    picture = saved(shown, "Save as PNG: latency", tmp_path).read_bytes()
    assert picture[:4] == b"\x89PNG"
    width, height = struct.unpack(">II", picture[16:24])
    box = shown.locator(".bk-Figure").first.bounding_box()
    assert abs(width - 2 * box["width"]) <= 2
    assert height == 2 * (box["height"] + 48)
    assert shown.evaluate("devicePixelRatio") == 1  # as it was


@pytest.mark.browser
def test_in_the_dark_it_is_saved_dark(
    served: str, visit: Callable[..., Any], tmp_path: Path
) -> None:
    """Bright letters of a dark page on white paper could not be read."""
    shown = visit(f"{served}/dark", ready="text=PNG").page
    shown.wait_for_selector("canvas")
    drawing = ET.parse(saved(shown, "Save as SVG: latency", tmp_path)).getroot()
    paper = drawing.find(f"{SVG}rect")
    assert paper is not None
    assert paper.get("fill") == "rgb(22, 29, 36)"
    inks = {node.get("fill") for node in drawing.findall(f"{SVG}text")}
    assert inks == {"rgb(230, 235, 240)"}


@pytest.mark.browser
def test_python_is_copied_or_can_be_marked(served: str, visit: Callable[..., Any]) -> None:
    """On plain http from another machine no page may write the clipboard: the lines are shown."""
    shown = visit(f"{served}/light", ready="text=PNG").page
    shown.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = shown.get_by_role("button", name="Python that makes this plot: latency")
    button.focus()
    shown.keyboard.press("Enter")
    lines = shown.get_by_role("textbox", name="Python that makes this plot: latency")
    expect(lines).to_have_value(LINES)
    expect(shown.get_by_text("copied")).to_be_visible()
    assert shown.evaluate("navigator.clipboard.readText()") == LINES
    expect(lines).to_be_focused()
    shown.keyboard.press("Escape")
    expect(lines).to_have_count(0)
    expect(button).to_be_focused()
    shown.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject() }")
    button.click()
    expect(shown.get_by_text("marked: copy it with the keyboard")).to_be_visible()
    expect(shown.get_by_role("button", name="Python that makes this plot: heat")).to_have_count(0)


def test_file_names_are_plain() -> None:
    """A job is named after a path."""
    assert stem("latency_job-7") == "ami-console_latency_job-7"
    assert stem("../../etc/passwd <x>") == "ami-console_etc-passwd-x"
    assert stem("…") == "ami-console_chart"


def test_what_can_not_be_told_is_said() -> None:
    """The job is not known any more; the next time something of ours is broken."""
    said: list[Any] = []

    def broken() -> str:
        raise faults.pop(0)

    faults: list[Exception] = [LookupError("nothing of job 7 is drawn"), ValueError("odd")]
    menu = ChartMenu(line_chart(), name="latency", python=broken)
    menu._send_msg = said.append
    menu._handle_msg({"python": True})
    menu._handle_msg({"python": True})
    menu._handle_msg({"python": "yes"})
    menu._handle_msg(None)
    assert said == [
        {"says": "nothing of job 7 is drawn"},
        {"says": "It could not be told. ValueError: odd"},
    ]
