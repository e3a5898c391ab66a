"""The page: all parts in their order, in one file that fetches nothing."""

import platform
import shlex
from collections.abc import Sequence
from importlib.metadata import version
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console import __version__
from ami_console.charts import HEAT
from ami_console.diagnosis import Rules
from ami_console.frames import FrameSource
from ami_console.report import charts, parts, tables
from ami_console.report.charts import Drawn, Line
from ami_console.report.embedded import DATA_ID, charts_data, policy, scripts, style
from ami_console.report.markup import note, pairs, section
from ami_console.report.material import Material, material
from ami_console.report.words import escape

LIBRARIES = ("pandas", "numpy", "pyarrow", "bokeh", "holoviews")

AXIS_WAYS = {
    "earlier": "earlier",
    "later": "later",
    "in": "zoom in",
    "out": "zoom out",
    "whole": "whole job",
}


def report_html(
    source: FrameSource,
    job_id: int,
    *,
    zone: ZoneInfo,
    as_of: pd.Timestamp | None = None,
    rules: Rules | None = None,
) -> str:
    """The post-mortem of a job as one HTML page that opens offline and fetches nothing.

    Args:
        source: Live history or a recording.
        job_id: The job.
        zone: Zone of the wall time.
        as_of: The instant seen from; when not given, soon after the job's end,
            or that of the last thing observed.
        rules: What the platform did by itself; as Antenna ships it when not given.

    Raises:
        UnknownJobError: Nothing is known of the job.
    """
    return page(material(source, job_id, zone=zone, as_of=as_of, rules=rules))


def page(told: Material) -> str:
    """The page of what was found.

    Args:
        told: What it tells.
    """
    states, *others, tried = drawn = charts.figures(told)
    body = "".join(
        (
            parts.title(told),
            parts.summary(told),
            parts.cause(told),
            parts.numbers(told),
            section("story", "Verdicts over time", _chart(states, told)
                    + tables.verdicts(told) + tables.events(told)),
            section("charts", "Charts", _axis() + "".join(_chart(each, told) for each in others),
                    about="one time axis; hatched: the source gave nothing; dotted: events"),
            section("attempts", "Attempts", _chart(tried, told) + tables.attempts(told)),
            tables.images(told),
            tables.setup(told),
            tables.what_if(told),
            tables.gaps(told),
            tables.not_known(told),
            tables.log(told),
            _made(told),
        )
    )  # fmt: skip
    return _document(told, body, [each.figure for each in drawn])


def _document(told: Material, body: str, figures: Sequence[object]) -> str:
    shown = [figure for figure in figures if figure is not None]
    data, code = charts_data(shown), scripts()
    name = escape(told.told.name)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy(*code)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f'<meta name="generator" content="ami-console {__version__}">\n'
        f"<title>Job {told.job_id} · {name} · post-mortem</title>\n"
        f"<style>\n{style()}</style>\n</head>\n<body>\n<main>{body}</main>\n"
        f'<script type="application/json" id="{DATA_ID}">{data}</script>\n'
        + "".join(f"<script>{script}</script>\n" for script in code)
        + "</body>\n</html>\n"
    )


def _chart(drawn: Drawn, told: Material) -> str:
    head = (
        f"<h3>{escape(drawn.title)} "
        f'<span class="dim">{escape(drawn.axis) if drawn.axis else ""}</span></h3>'
    )
    if drawn.figure is None:
        return f'<figure class="chart">{head}{note(drawn.note)}</figure>'
    swatches = "".join(map(_series, drawn.legend))
    if drawn.key == "heat":
        few, many = HEAT[0], HEAT[-1]
        stops = ", ".join(HEAT[place] for place in range(0, len(HEAT), len(HEAT) // 6))
        swatches = (
            f'<span class="series">few <i class="ramp" style="background:linear-gradient('
            f'90deg, {few}, {stops}, {many})"></i> many</span>'
        )
    legend = f'<figcaption class="legend">{swatches}</figcaption>' if swatches else ""
    label = f"Chart: {drawn.title} of job {told.job_id}"
    height = getattr(drawn.figure, "height", None) or charts.HEIGHT_PX
    return (
        f'<figure class="chart">{head}{legend}<div id="chart-{drawn.key}" class="plot" role="img" '
        f'aria-label="{escape(label)}" style="min-height:{int(height)}px"></div>'
        f"{note(drawn.note)}</figure>"
    )


def _series(line: Line) -> str:
    """A line as the legend has it: on paper and to who can't see it, with its highest value."""
    look = f"border-top:3px {line.dash} {line.colour}"
    if line.dash == "dot":
        look = f"width:7px;height:7px;border-radius:50%;background:{line.colour}"
    most = f", {line.most}" if line.most else ", not known" if line.dash != "dot" else ""
    return f'<span class="series"><i style="{look}"></i>{escape(line.label + most)}</span>'


def _axis() -> str:
    buttons = "".join(
        f'<button type="button" data-axis="{way}">{name}</button>'
        for way, name in AXIS_WAYS.items()
    )
    return (
        f'<div class="axis" role="group" aria-label="Time axis of all charts">{buttons}'
        '<span id="axis-says" role="status"></span></div>'
        "<noscript><p>The charts need JavaScript; all else on this page does not.</p></noscript>"
    )


def _made(told: Material) -> str:
    """Of what this report was made, and how to make it again."""
    where = f" --recording {shlex.quote(told.names[0])}" if len(told.names) == 1 else ""
    rows = [
        ("from", escape(", ".join(told.names) or "a running watch")),
        ("command", f"<code>ami-console report {told.job_id}{escape(where) if where else ''} "
         f"--out job-{told.job_id}.html</code>"),
        ("ami-console", escape(__version__)),
        ("Python", escape(platform.python_version())),
        *((name, escape(version(name))) for name in LIBRARIES),
    ]  # fmt: skip
    return section("made", "How this was made", pairs(rows))
