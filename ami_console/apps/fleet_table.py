"""The table of all jobs: compared at a glance, one chosen with a click or a key."""

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import param
from panel.custom import JSComponent

from ami_console.apps import formats
from ami_console.apps.findings_rows import SEVERITIES, UNKNOWN
from ami_console.apps.fleet_rows import SENT, FleetRows, difference
from ami_console.apps.fleet_script import ESM
from ami_console.apps.formats import STATES, State
from ami_console.apps.locked import locked
from ami_console.apps.style import sheet
from ami_console.metrics.minute_rates import MINUTES
from ami_console.reading import FINAL_STATUSES

_FEW, _MANY = "fewest first", "most first"
_SHORT, _LONG = "shortest first", "longest first"
_A, _Z = "from a", "from z"

TITLES: dict[str, tuple[str, str, str, str]] = {
    "job_id": ("Job", "Number of the job in Antenna", "oldest first", "newest first"),
    "name": ("Name", "Name, project and pipeline", _A, _Z),
    "status": ("State", "As Antenna tells it", "created first", "ended first"),
    "finding": ("Finding", "The worst that is found of it", "harmless first", "worst first"),
    "progress": ("Done", "Images processed, of all", _FEW, _MANY),
    "lost": ("Lost", "Images that the broker has given up: nobody gets them again", _FEW, _MANY),
    "acked_per_min": (
        "Images/min",
        "Images settled in the last minute; the line: in each of the last 30 minutes",
        "slowest first",
        "fastest first",
    ),
    "eta": (
        "Time left",
        "At the fastest and at the slowest of the rates of the last 1, 5 and 15 minutes",
        _SHORT,
        _LONG,
    ),
    "num_ack_pending": ("In flight", "Images delivered, not yet acknowledged", _FEW, _MANY),
    "oldest": (
        "Oldest",
        "Since when the oldest image in flight was first delivered; ≥: nobody looked then",
        _LONG,
        _SHORT,
    ),
    "attempts": (
        "Attempts",
        "Deliveries of the image that was delivered most often; how many were not the first",
        _FEW,
        _MANY,
    ),
    "last": ("Last result", "Since the last acknowledgement", _LONG, _SHORT),
    "num_pending": ("Backlog", "Images not yet delivered", _FEW, _MANY),
    "failed": ("Failed", "Images that came back with an error", _FEW, _MANY),
    "latency_p50_s": ("Latency", "Median, from published to acknowledged", _SHORT, _LONG),
    "started": ("Started", "Wall time", "first first", "last first"),
    "redeliveries_total": ("Redelivered", "Deliveries beyond the first", _FEW, _MANY),
    "project": ("Project", "", _A, _Z),
    "pipeline": ("Pipeline", "", _A, _Z),
}
"""Column → its head, what it says, and its two orders. The last three are orders only."""

_RANKS = {3: SEVERITIES["critical"], 2: SEVERITIES["warning"], 1: SEVERITIES["info"], 0.5: UNKNOWN}


def _said(state: State) -> list[str]:
    return [state.word, state.mark, state.tone]


WORDS = {
    "missing": formats.MISSING,
    "states": {status: _said(state) for status, state in STATES.items()},
    "ranks": {str(rank): _said(state) for rank, state in _RANKS.items()},
    "final": sorted(FINAL_STATUSES),
    "titles": TITLES,
    "sent": SENT,
    "minutes": MINUTES,
}
"""What the browser has to know to draw rows."""


class TableWidget(JSComponent):
    """The browser's side: it filters and sorts by itself.

    The first rows come with the page. A table in the browser says when it has them, and from
    then on it is told what differs; so nothing is lost that was sent before it was there.
    """

    words = param.String(default="", doc="WORDS, as JSON.")
    first = param.String(default="", doc="The first rows, as JSON.")
    query = param.String(default="", doc="Search, filter and order: ``q``, ``state``, ….")
    chosen = param.Integer(default=None, allow_None=True, doc="The job that is marked.")

    _esm = ESM

    def __init__(self, said: Callable[[Any], None], **params: Any) -> None:
        """Args: ``said`` is called with what the browser says."""
        super().__init__(words=_json(WORDS), stylesheets=[sheet("tones", "table")], **params)
        self._said = said

    def _handle_msg(self, data: Any) -> None:
        locked(lambda: self._said(data))


class FleetTable:
    """The table; tells which job was chosen, and keeps the chosen one marked.

    Attributes:
        widget: The component. Its ``query`` is the search, filter and order as the part of an
            address, ``q=moth&state=active&sort=-acked_per_min``; both sides may change it.
        shown: What it shows.
    """

    def __init__(self, choose: Callable[[int], None]) -> None:
        """Nothing is shown yet.

        Args:
            choose: Called with the job that was clicked.
        """
        self._choose = choose
        self.widget = TableWidget(self._heard, sizing_mode="stretch_width", margin=0)
        self.shown: FleetRows | None = None
        self._first: FleetRows | None = None
        self._held: FleetRows | None = None
        self._as_of: pd.Timestamp | None = None
        self._is_ready = False

    def show(self, rows: FleetRows, *, chosen: int | None) -> None:
        """Bring the table up to date; sends nothing when nothing changed.

        Args:
            rows: Of :func:`ami_console.apps.fleet_rows.rows_of`.
            chosen: The job to mark.
        """
        self.shown = rows
        if self._first is None:
            self._first = self._held = rows
            self._as_of = rows.as_of
            self.widget.first = _json(_headed(difference(None, rows), rows))
        elif self._is_ready and rows is not self._held:
            self._send()
        if self.widget.chosen != chosen:
            self.widget.chosen = chosen

    def tick(self, as_of: pd.Timestamp) -> None:
        """A second has passed: ages grow, whether or not there was news.

        Args:
            as_of: The instant that ages count from.
        """
        if not self._is_ready or self._held is None or self._as_of == as_of:
            return
        self._as_of = as_of
        self.widget._send_msg(_json({"as_of": _second(as_of)}))

    def _send(self) -> None:
        rows = self.shown
        if rows is None:
            return
        told = difference(self._held, rows)
        is_news = bool(told) or self._held is None or self._held.minute != rows.minute
        self._held = rows
        if is_news:
            self._as_of = rows.as_of
            self.widget._send_msg(_json(_headed(told, rows)))

    def _heard(self, data: Any) -> None:
        """It comes from a browser: nothing of it can be trusted."""
        if not isinstance(data, dict):
            return
        if data.get("ready") is True:
            self._is_ready = True
            self._held = self._first  # what it was made with
            self._send()
        job = data.get("job")
        if type(job) is int and self.shown is not None and job in self.shown.cells:  # no bool
            self._choose(job)


def _headed(told: dict[str, Any], rows: FleetRows) -> dict[str, Any]:
    return told | {"as_of": _second(rows.as_of), "minute": rows.minute}


def _second(instant: pd.Timestamp) -> float:
    return round(instant.timestamp(), 1)


def _json(told: dict[str, Any]) -> str:
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False)
