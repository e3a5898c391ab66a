"""The page of trends: throughput, backlog, redelivery and latency of all jobs, a line each."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from ami_console.apps import cards, formats, style
from ami_console.apps.as_python import absolute, of_trend, python_lines
from ami_console.apps.axis_note import axis_note, known_since
from ami_console.apps.chart_export import ChartMenu
from ami_console.apps.formats import escape
from ami_console.apps.lines import KEEP_S
from ami_console.apps.stage import Stage
from ami_console.apps.told import Told
from ami_console.apps.trend_charts import TrendCharts, look_of
from ami_console.apps.trend_rows import trend_rows
from ami_console.charts import MOST_TRENDS, TRENDS, WallClock, bucket_width_s

TITLES = {
    "acked_per_min": ("Throughput", "images settled per minute, last minute"),
    "num_pending": ("Backlog", "images not yet delivered"),
    "num_ack_pending": ("In flight", "images delivered, not yet acknowledged"),
    "redeliveries_total": ("Redeliveries", "deliveries beyond the first, so far"),
    "latency_p50_s": ("Latency, median", "from published to acknowledged"),
    "latency_p95_s": ("Latency, 95th percentile", "from published to acknowledged"),
}
SOON = 1
"""Charts sent with the page; the others follow, so that the first is seen early."""

POINTS = 1_600
"""Twice the points of a line: a bucket is as wide as 800 of them need."""


class TrendsTab:
    """Built when it is first looked at."""

    def __init__(self, stage: Stage, *, choose: Callable[[int], None]) -> None:
        """Nothing is drawn yet.

        Args:
            stage: What the page shows.
            choose: Called with the job whose name was pressed.
        """
        self._stage = stage
        self._legend = cards.pane(choose=choose, stylesheets=[style.sheet("trends")])
        self._note = cards.pane()
        self._grid = cards.row()
        self.pane = cards.column(cards.card(self._legend), self._note, self._grid)
        self._charts: TrendCharts | None = None
        self._is_whole = False
        self._drawn: object = None
        self._until = pd.Timestamp(0, tz="UTC")
        self._most = POINTS

    def show(self, chosen: int | None, as_of: pd.Timestamp) -> None:
        """Bring it up to date: a row for what came in, or all anew for other jobs."""
        stage = self._stage
        fleet, span = stage.board.fleet(), stage.view.span
        begins_at, ends_at = self._bounds(as_of)
        drawn_jobs = stage.board.once(
            ("trends", begins_at.floor("s")), lambda: self._jobs(fleet, begins_at)
        )
        shown_s = (ends_at - begins_at).total_seconds()
        width_s = bucket_width_s(shown_s, stage.feed.every_s, max_points=POINTS)
        clock = WallClock.of(stage.zone, as_of)
        drawn = (id(stage.board), drawn_jobs, span.key, width_s, clock.zone.key)
        lines = stage.board.lines()
        charts = self._charts
        if charts is not None and drawn == self._drawn and self._until <= ends_at:
            rows = trend_rows(lines, drawn_jobs, since=self._until, until=ends_at, width_s=width_s)
            charts.add(rows, most=self._most)
        else:
            rows = trend_rows(lines, drawn_jobs, since=begins_at, until=ends_at, width_s=width_s)
            self._most = max(2, int(shown_s / (width_s or stage.feed.every_s)))
            if charts is None or charts.job_ids != drawn_jobs:
                charts = TrendCharts(drawn_jobs)
                charts.draw(rows, clock)  # before a browser hears of it
                self._show_charts(charts)
            else:
                charts.draw(rows, clock)
            self._drawn, self._until = drawn, begins_at
        if len(rows.at_ns):
            self._until = pd.Timestamp(int(rows.at_ns[-1]), tz="UTC")
        self._legend.show(legend(fleet, drawn_jobs, stage.board.judgements.worst()))
        buckets = f"whole buckets of {formats.duration(width_s)}" if width_s else ""
        since = known_since(stage.board, span, as_of) if stage.is_live else None
        self._note.show(axis_note(clock, buckets, since=since, as_of=as_of))

    def _menu(self, column: str, charts: TrendCharts) -> ChartMenu:
        return ChartMenu(
            charts.figure(column),
            name=f"trend-{column}",
            title=TITLES[column][0],
            legend=[(f"job {job}", *look_of(n)) for n, job in enumerate(charts.job_ids)],
            python=lambda: self._python(column, charts.job_ids),
        )

    def _python(self, column: str, job_ids: tuple[int, ...]) -> str:
        """Lines of a notebook that draw the same."""
        stage = self._stage
        as_of = stage.as_of()
        begins_at, ends_at = self._bounds(as_of)
        shown_s = (ends_at - begins_at).total_seconds()
        drawing = of_trend(
            column,
            job_ids,
            since=begins_at,
            until=ends_at,
            width_s=bucket_width_s(shown_s, stage.feed.every_s, max_points=POINTS),
            as_of=as_of,
            zone=stage.zone,
        )
        recorded = stage.feed.recorded
        return python_lines(drawing, recording=None if recorded is None else absolute(recorded))

    def _show_charts(self, charts: TrendCharts) -> None:
        self._charts = charts
        self._grid.objects = [self._sheet(column, charts) for column in self._shown()]

    def _shown(self) -> tuple[str, ...]:
        return TRENDS if self._is_whole else TRENDS[:SOON]

    def _sheet(self, column: str, charts: TrendCharts) -> Any:
        head = cards.pane()
        title, what = TITLES[column]
        head.show(Told(f'<div class="head"><h3>{title}<span class="dim">{what}</span></h3></div>'))
        inner = cards.column(head, charts.pane(column), gap_px=0)
        if self._is_whole:
            inner.append(self._menu(column, charts))
        return cards.card(inner, flex="1 1 420px", min_width="0")

    def complete(self) -> None:
        """The browser has the first charts: send the rest."""
        charts = self._charts
        if not self._is_whole and charts is not None:
            self._is_whole = True
            for column, sheet in zip(TRENDS, self._grid.objects, strict=False):
                sheet[0].append(self._menu(column, charts))
            self._grid.extend([self._sheet(column, charts) for column in TRENDS[SOON:]])

    def _bounds(self, as_of: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
        span, replay = self._stage.view.span, self._stage.replay
        if span.begins_at is not None and span.ends_at is not None:
            return span.begins_at, min(span.ends_at, as_of)
        if span.span_s is None and replay is not None:
            return replay.first_at, as_of
        return as_of - pd.Timedelta(seconds=span.span_s or KEEP_S), as_of

    def _jobs(self, fleet: pd.DataFrame, begins_at: pd.Timestamp) -> tuple[int, ...]:
        """Active jobs, then those that were seen in the window; the lowest number first."""
        active = ~fleet["is_final"].fillna(False).astype(bool)
        recent = (fleet["last_seen_at"] >= begins_at).fillna(False).astype(bool)
        wanted = pd.concat([fleet[active & recent], fleet[~active & recent]])["job_id"]
        return tuple(sorted(int(job_id) for job_id in wanted.head(MOST_TRENDS)))


def legend(fleet: pd.DataFrame, chosen: tuple[int, ...], worst: Any) -> Told:
    """Whose line is which, and what is found of each.

    Args:
        fleet: :func:`ami_console.metrics.fleet`.
        chosen: The jobs that are drawn.
        worst: The worst that is found of each job; ``None``: nothing was judged.
    """
    names = dict(zip(fleet["job_id"], fleet["name"], strict=True))
    items = []
    for number, job_id in enumerate(chosen):
        colour, dash = look_of(number)
        name = names.get(job_id)
        told = "not named" if formats.absent(name) or not name else escape(name)
        found = (worst or {}).get(job_id)
        says = (
            f" <code>{escape(found.code)}</code>" if found is not None and found.rank >= 1 else ""
        )
        items.append(
            f'<li><button type="button" data-job="{job_id}" data-focus="t:{job_id}">'
            f'<svg width="26" height="8" aria-hidden="true"><line x1="0" x2="26" y1="4" y2="4" '
            f'stroke="{colour}" stroke-width="3" stroke-dasharray="{_DASHES[dash]}"/></svg>'
            f"<b>{job_id}</b> {told}{says}</button></li>"
        )
    left = len(fleet) - len(chosen)
    more = (
        f'<p class="note">{left} more jobs are not drawn: choose one in the table.</p>'
        if left
        else ""
    )
    if not items:
        return Told('<p class="note">No job was seen in this time.</p>')
    return Told(f'<ul class="jobs" aria-label="Jobs">{"".join(items)}</ul>{more}')


_DASHES = {"solid": "none", "dashed": "7 4", "dotted": "2 3"}
