"""A chart as the lines of a notebook that make the same plot from a recording."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console import charts
from ami_console.apps.board import Board
from ami_console.apps.view import Window, iso

HEAT, STATES = "heat", "states"

_OF_COLUMN = {line.column: chart.key for chart in charts.CHARTS for line in chart.series}


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What a chart draws.

    Attributes:
        chart: A key of ``charts.CHARTS``, ``heat``, ``states``, or of several jobs side by side
            a column of ``charts.TRENDS``.
        job_ids: The jobs.
        as_of: Nothing later was known.
        since: The first instant that is drawn; ``None``: from the beginning.
        until: The last.
        width_s: Width of the buckets, seconds; 0: every look is drawn.
        zone: Zone of the wall time.
        is_estimate: Whether the tasks of the heatmap come from looks.
    """

    chart: str
    job_ids: Sequence[int]
    as_of: pd.Timestamp
    since: pd.Timestamp | None
    until: pd.Timestamp
    width_s: int
    zone: ZoneInfo
    is_estimate: bool = False


def python_lines(drawing: Drawing, *, recording: str | None) -> str:
    """Notebook lines that make the same plot.

    Args:
        drawing: What is drawn.
        recording: Path or URI of the recording that is shown, or that is being written while the
            watch goes on; ``None``: there is none, and the lines say so.

    Returns:
        Lines of Python, without ``def`` and ``class``; the last one is the plot.

    Raises:
        LookupError: There is no such chart.
    """
    makes = {HEAT: _heat, STATES: _states}
    body = makes.get(drawing.chart, _over_time)(drawing)
    return "\n".join([*_head(drawing, recording, body), *body, ""])


def _head(drawing: Drawing, recording: str | None, body: list[str]) -> list[str]:
    used = ("charts", "diagnosis", "metrics", "plots")
    drawn = ["plots.extension()", *body]
    parts = [name for name in used if any(f"{name}." in line for line in drawn)]
    holoviews = ["import holoviews as hv"] if any("hv." in line for line in body) else []
    noted = [] if recording is not None else ["# Nothing is recorded here: name a recording."]
    return [
        "from zoneinfo import ZoneInfo",
        "",
        *holoviews,
        "import pandas as pd",
        "",
        f"from ami_console import {', '.join(parts)}",
        "from ami_console.recording import open_recording",
        "",
        "plots.extension()",
        *noted,
        f"recording = open_recording({_quoted(recording or 'recording')})",
        f"zone = ZoneInfo({_quoted(drawing.zone.key)})",
        f"as_of = {_instant(drawing.as_of)}",
    ]


def _quoted(text: str) -> str:
    """A string of Python, whatever is in the text."""
    plain = text.isprintable() and not {'"', "\\"} & set(text)
    return f'"{text}"' if plain else ascii(text)


def _instant(at: pd.Timestamp) -> str:
    """To the nanosecond where that is needed."""
    utc = at.tz_convert("UTC")
    exact = utc.tz_localize(None).isoformat() + "Z"
    short = iso(utc)
    return f'pd.Timestamp("{short if pd.Timestamp(short) == utc else exact}")'


def _frame(name: str, job_ids: Sequence[int], *, of_jobs: bool = True) -> str:
    job = f", job_id={int(job_ids[0])}" if of_jobs and len(job_ids) == 1 else ""
    return f'recording.frame("{name}"{job}, until=as_of)'


def _over_time(drawing: Drawing) -> list[str]:
    """A line per column; of several jobs a line each, and only the column that is drawn."""
    job_ids = [int(job_id) for job_id in drawing.job_ids]
    is_trend = drawing.chart in charts.TRENDS
    key = _OF_COLUMN[drawing.chart] if is_trend else _known(drawing.chart)
    begin, bound = [], '(timeline["observed_at"] <= until)'
    if drawing.since is not None:
        begin = [f"since = {_instant(drawing.since)}"]
        bound = f'(timeline["observed_at"] >= since) & {bound}'
    several = len(job_ids) > 1
    lines = [
        *begin,
        f"until = {_instant(drawing.until)}",
        "",
        "timeline = metrics.timeline(",
        f"    {_frame('consumers', job_ids)},",
        f"    counters={_frame('counters', job_ids)},",
        "    tasks=metrics.task_times(",
        f"        acks={_frame('acks', job_ids)},",
        f"        log_events={_frame('log_events', job_ids)},",
        "    ),",
        f"    reads={_frame('reads', job_ids, of_jobs=False)},",
        ")",
        f"timeline = timeline[{bound}]",
    ]
    if several:
        lines.append(f'timeline = timeline[timeline["job_id"].isin({job_ids})]')
    if drawing.width_s:
        lines += _bucketed(drawing.width_s, several=several)
    shown = "drawn" if drawing.width_s else "timeline"
    if not is_trend:
        return [*lines, f"plots.{key}({shown}, zone=zone)"]
    column = f'curve.vdims[0].name == "{drawing.chart}"'
    return [
        *lines,
        f"plot = plots.{key}({shown}, zone=zone)",
        f"plot.clone([curve for curve in plot if {column}])",
    ]


def _known(key: str) -> str:
    """The key of a chart: what stands in the lines is no text of a reader."""
    if key not in {chart.key for chart in charts.CHARTS}:
        raise LookupError(f"there is no chart {key!r}")
    return key


def _bucketed(width_s: int, *, several: bool) -> list[str]:
    told = 'latency_is_estimate=rows["latency_is_estimate"].any()'
    if several:
        return [
            "drawn = pd.concat(",
            f"    charts.bucketed(rows, {width_s}).assign(job_id=job_id, {told})",
            '    for job_id, rows in timeline.groupby("job_id")',
            ")",
        ]
    told = told.replace("rows", "timeline")
    return [
        f"drawn = charts.bucketed(timeline, {width_s}).assign(",
        f'    job_id=timeline["job_id"].iloc[0], {told}',
        ")",
    ]


def _heat(drawing: Drawing) -> list[str]:
    job_ids = drawing.job_ids
    begin, bound = [], 'tasks["acked_at"] <= until'
    if drawing.since is not None:
        begin = [f"since = {_instant(drawing.since)}"]
        bound = f'(tasks["acked_at"] >= since) & ({bound})'
    tasks = [
        "tasks = metrics.task_times(",
        f"    {_frame('consumers', job_ids)},",
        f"    acks={_frame('acks', job_ids)},",
        f"    log_events={_frame('log_events', job_ids)},",
        f"    advisories={_frame('advisories', job_ids)},",
        ")",
    ]
    if drawing.is_estimate:
        tasks = [
            "tasks = metrics.estimated_tasks(",
            f"    {_frame('consumers', job_ids)},",
            f"    counters={_frame('counters', job_ids)},",
            ")",
        ]
    return [
        *begin,
        f"until = {_instant(drawing.until)}",
        "",
        *tasks,
        f"tasks = tasks[{bound}]",
        f"cells = metrics.heatmap(tasks, as_of=until, width_s={drawing.width_s})",
        'cells["ends_at"] = cells["ends_at"].clip(upper=until)',
        "plots.latency_heatmap(cells, zone=zone)",
    ]


def _states(drawing: Drawing) -> list[str]:
    """All that happened to a job, whatever the window."""
    job_ids = drawing.job_ids
    job_id = int(job_ids[0])
    return [
        "",
        "story = metrics.story(",
        f"    {job_id},",
        "    as_of=as_of,",
        f"    jobs={_frame('jobs', job_ids)},",
        f"    consumers={_frame('consumers', job_ids)},",
        f"    counters={_frame('counters', job_ids)},",
        f"    reads={_frame('reads', job_ids, of_jobs=False)},",
        f"    log_events={_frame('log_events', job_ids)},",
        f"    verdicts=diagnosis.verdicts(recording, as_of=as_of, job_ids=[{job_id}]),",
        ")",
        "plots.states(story.spans, story.happenings, zone=zone)",
    ]


def of_job(board: Board, chart: str, job_id: int, span: Window, *, zone: ZoneInfo) -> Drawing:
    """What a chart of the page about one job draws.

    Args:
        board: The page's numbers.
        chart: A key of ``charts.CHARTS``, ``heat`` or ``states``.
        job_id: The job.
        span: The window.
        zone: Zone of the wall time.

    Raises:
        LookupError: Nothing of the job is drawn.
    """
    job, drawn = board.job(job_id), board.drawn(job_id, span)
    if job is None or drawn.rows.empty:
        raise LookupError(f"nothing of job {job_id} is drawn in this window")
    last_at = drawn.rows["observed_at"].iloc[-1]
    first_at = job.timeline["observed_at"].iloc[0]  # live, a recording may reach further back
    since = first_at
    if span.begins_at is not None:
        since = max(first_at, span.begins_at)
    elif span.span_s is not None:
        since = max(first_at, last_at - pd.Timedelta(seconds=span.span_s))
    as_of, until, width_s = board.feed.as_of(), last_at, drawn.width_s
    if chart == HEAT:
        marks = board.marks(job_id, span)
        as_of, width_s = job.evidence.as_of, marks.width_s
        since = drawn.rows["observed_at"].iloc[0]
        if job.is_over and not span.is_fixed:
            until = max(until, job.tasks["acked_at"].max())
    return Drawing(
        chart=chart,
        job_ids=(job_id,),
        as_of=as_of,
        since=since,
        until=until,
        width_s=width_s,
        zone=zone,
        is_estimate=bool(job.tasks["is_estimate"].fillna(False).any()),
    )


def of_trend(
    column: str,
    job_ids: Sequence[int],
    *,
    since: pd.Timestamp,
    until: pd.Timestamp,
    width_s: int,
    as_of: pd.Timestamp,
    zone: ZoneInfo,
) -> Drawing:
    """What a chart of several jobs side by side draws: of buckets only whole ones.

    Args:
        column: One of ``charts.TRENDS``.
        job_ids: The jobs, in the order of their lines.
        since: Only what is later than this is drawn.
        until: And no later than this.
        width_s: Width of the buckets, seconds; 0: every look is drawn.
        as_of: Nothing later was known.
        zone: Zone of the wall time.
    """
    step, after = f"{width_s}s", pd.Timedelta(1, unit="ns")
    return Drawing(
        chart=column,
        job_ids=tuple(job_ids),
        as_of=as_of,
        since=since.floor(step) if width_s else since + after,
        until=until.floor(step) - after if width_s else until,
        width_s=width_s,
        zone=zone,
    )


def absolute(recording: str) -> str:
    """A recording's path as a notebook in another folder can open it; a URI as it is."""
    return recording if "://" in recording else str(Path(recording).absolute())
