"""The table of all jobs: compared at a glance, one chosen with a click."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import panel as pn
from panel.io.model import JSCode

from ami_console.apps import formats
from ami_console.apps.findings_rows import SEVERITIES, UNKNOWN, Worst
from ami_console.apps.formats import STATES
from ami_console.apps.style import sheet
from ami_console.charts import WallClock

ROW_PX, HEADER_PX, MOST_ROWS = 43, 27, 8

NUMBERS = (
    "failed",
    "acked_per_min",
    "num_pending",
    "num_ack_pending",
    "redeliveries_total",
    "latency_p50_s",
    "eta_s",
)

TITLES = {
    "job_id": "Job",
    "name": "Name",
    "status": "State",
    "finding": "Finding",
    "progress": "Done",
    "failed": "Failed",
    "acked_per_min": "Images/min",
    "num_pending": "Backlog",
    "num_ack_pending": "In flight",
    "redeliveries_total": "Redelivered",
    "latency_p50_s": "Latency",
    "eta_s": "Time left",
    "started_ms": "Started",
}

WIDTHS = {
    "job_id": 52,
    "status": 112,
    "finding": 140,
    "progress": 148,
    "failed": 68,
    "acked_per_min": 96,
    "num_pending": 80,
    "num_ack_pending": 78,
    "redeliveries_total": 100,
    "latency_p50_s": 116,
    "eta_s": 100,
    "started_ms": 114,
}

# The cells are drawn in the browser from plain numbers, so that sorting works on numbers and a
# refresh stays small. Text is only ever set as text, never as HTML.
_HELPERS = """
  const none = (v) => v == null || Number.isNaN(v)
  const count = (v) => Math.round(v).toString().replace(/\\B(?=(\\d{3})+$)/g, "\\u202f")
  const measure = (v) => v !== 0 && v < 1 ? v.toFixed(2) : v < 100 ? v.toFixed(1) : count(v)
  const two = (v) => String(v).padStart(2, "0")
  const duration = (v) => {
    if (v > 0 && v < 1) { return `${Math.round(v * 1000)} ms` }
    const s = Math.round(v)
    if (s < 60) { return `${s} s` }
    if (s < 3600) { return `${Math.floor(s / 60)} min ${two(s % 60)} s` }
    if (s < 86400) { return `${Math.floor(s / 3600)} h ${two(Math.floor(s % 3600 / 60))} min` }
    return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`
  }
  const make = (tag, name, text) => {
    const node = document.createElement(tag)
    if (name) { node.className = name }
    if (text != null) { node.textContent = text }
    return node
  }
  const v = cell.getValue()
  const row = cell.getData()
"""

# A refresh redraws the rows: one between press and release would swallow the click, so the press
# already counts as one. The click that follows it chooses the same job again, which is nothing.
_PRESS = """(event, cell) => {
  if (event.button === 0 && !event.ctrlKey && !event.metaKey) { cell.getElement().click() }
}"""


def _cell(body: str) -> JSCode:
    return JSCode(f"(cell) => {{ {_HELPERS} {body} }}")


def _number(show: str) -> JSCode:
    return _cell(f'return none(v) ? "{formats.MISSING}" : {show}')


_RANKS = {3: SEVERITIES["critical"], 2: SEVERITIES["warning"], 1: SEVERITIES["info"], 0.5: UNKNOWN}
_FINDINGS = json.dumps({rank: [s.word, s.mark, s.tone] for rank, s in _RANKS.items()})
_STATES = json.dumps({status: [s.word, s.mark, s.tone] for status, s in STATES.items()})

FORMATTERS: dict[str, JSCode] = {
    "job_id": _number("String(v)"),
    "name": _cell(
        """const box = make("div", "two")
        box.append(make("div", "name", v), make("div", "dim", row.where))
        box.title = `${v}\\n${row.where}`
        return box"""
    ),
    "status": _cell(
        f"""const [word, mark, tone] = {_STATES}[v] ?? (v === "" ? ["not known", "?", "muted"]
          : [v.toLowerCase(), "?", "warn"])
        const chip = make("span", `state ${{tone}}`)
        chip.append(make("i", "mark", mark), word)
        return chip"""
    ),
    "finding": _cell(
        f"""if (none(v)) {{ return "{formats.MISSING}" }}
        if (v === 0) {{ return make("span", "dim", "none") }}
        const [word, mark, tone] = {_FINDINGS}[v]
        const box = make("div", `two ${{tone}}`), what = make("div", "worst")
        what.append(make("i", "mark", mark), word)
        const more = row.finding_more > 0 ? ` + ${{row.finding_more}}` : ""
        box.append(what, make("div", "dim", v === 0.5 ? "some checks" : row.finding_code + more))
        box.title = row.finding_code
        return box"""
    ),
    "progress": _cell(
        f"""const box = make("div", "progress " + (row.status === "SUCCESS" ? "good"
          : row.status === "FAILURE" ? "bad" : row.status === "REVOKED" ? "muted" : "active"))
        const known = !none(row.processed), whole = !none(row.total)
        const text = make("div", "", known ? count(row.processed) : "{formats.MISSING}")
        text.append(make("span", "dim", ` of ${{whole ? count(row.total) : "{formats.MISSING}"}}`))
        if (!none(v)) {{
          text.append(make("span", "dim", `, ${{Math.floor(v * 100 + 1e-3)}} %`))
        }}
        const bar = make("div", "bar"), part = make("div")
        part.style.width = none(v) ? "0" : `${{Math.min(100, v * 100)}}%`
        bar.append(part)
        box.append(text, bar)
        return box"""
    ),
    "failed": _cell(
        f'return none(v) ? "{formats.MISSING}" : v > 0 ? make("span", "alarm", count(v)) : count(v)'
    ),
    "acked_per_min": _number("measure(v)"),
    "num_pending": _number("count(v)"),
    "num_ack_pending": _number("count(v)"),
    "redeliveries_total": _number("count(v)"),
    "latency_p50_s": _number('(row.estimated ? "≈ " : "") + duration(v)'),
    "eta_s": _number("duration(v)"),
    "started_ms": _number(
        """(() => { const at = new Date(v)
          const month = at.toLocaleString("en-GB", {month: "short", timeZone: "UTC"})
          const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`
          return `${at.getUTCDate()} ${month} ${time}` })()"""
    ),
}


def rows_of(
    fleet: pd.DataFrame,
    *,
    zone: ZoneInfo,
    as_of: pd.Timestamp,
    worst: Mapping[int, Worst] | None = None,
) -> pd.DataFrame:
    """What the table is given: plain numbers (NaN missing) and text, one row per job.

    Args:
        fleet: :func:`ami_console.metrics.fleet`.
        zone: Zone of the wall time.
        as_of: Its instant.
        worst: The worst that is found of each job; ``None``: nothing was judged.
    """
    clock = WallClock.of(zone, as_of)
    started = fleet["started_at"]
    rows = pd.DataFrame({"job_id": fleet["job_id"].to_numpy("int64")})
    rows["name"] = [
        name if not formats.absent(name) and name else "not named" for name in fleet["name"]
    ]
    rows["status"] = fleet["status"].fillna("").astype(object)
    rows["finding"] = [_rank(job_id, worst) for job_id in rows["job_id"]]
    # Cut, not rounded: 19 999 of 20 000 is not all of them.
    rows["progress"] = _floats((progress_ratio(fleet) * 10_000 + 1e-6) // 1 / 10_000, 4)
    for column in (*NUMBERS, "processed", "total"):
        digits = 2 if column in ("acked_per_min", "latency_p50_s") else 0
        rows[column] = _floats(fleet[column], digits)
    rows["started_ms"] = pd.Series(clock.milliseconds(started)).where(started.notna().to_numpy())
    rows["where"] = [_where(p, q) for p, q in zip(fleet["project"], fleet["pipeline"], strict=True)]
    found = [(worst or {}).get(job_id) for job_id in rows["job_id"]]
    rows["finding_code"] = [each.code if each else "" for each in found]
    rows["finding_more"] = pd.Series([each.others if each else 0 for each in found], dtype="int32")
    rows["estimated"] = fleet["latency_is_estimate"].fillna(False).to_numpy("int8")
    return rows


def _floats(column: "pd.Series[Any]", digits: int) -> Any:
    """Half the size on the wire, and exact for counts up to 16 million."""
    return column.to_numpy("float64", na_value=float("nan")).round(digits).astype("float32")


def _rank(job_id: int, worst: Mapping[int, Worst] | None) -> float:
    """For sorting, 0 for a job of which nothing is found."""
    if worst is None:
        return float("nan")
    return worst[job_id].rank if job_id in worst else 0.0


def progress_ratio(fleet: pd.DataFrame) -> "pd.Series[Any]":
    """Processed of total, 0–1; missing unless both are known."""
    total = fleet["total"].astype("Float64")
    return (fleet["processed"] / total.where(total > 0)).astype("Float64")


def _where(project: Any, pipeline: Any) -> str:
    told = [str(text) for text in (project, pipeline) if not formats.absent(text) and text]
    return " · ".join(told) or "project and pipeline not told"


class _Unstyled(pn.widgets.Tabulator):
    """A Tabulator that sends no cell styles: it has none, and sending "none" with each refresh
    makes a page error where it arrives before the table is drawn."""

    def _update_style(self, recompute: bool = True) -> None:
        pass


class FleetTable:
    """The table; tells which job was clicked, and keeps the chosen one marked."""

    def __init__(self, choose: Callable[[int], None]) -> None:
        """Args: ``choose`` is called with the job that was clicked."""
        self._choose = choose
        self._shown: pd.DataFrame | None = None
        hidden = ["where", "processed", "total", "estimated", "finding_code", "finding_more"]
        right = dict.fromkeys((*NUMBERS, "job_id", "started_ms"), "right")
        self.widget = _Unstyled(
            rows_of(_nothing(), zone=ZoneInfo("UTC"), as_of=pd.Timestamp(0, tz="UTC")),
            show_index=False,
            disabled=True,
            selectable=1,
            hidden_columns=hidden,
            titles=TITLES,
            widths=WIDTHS,
            formatters=FORMATTERS,
            text_align=right,
            header_align=right,
            layout="fit_columns",
            configuration={
                "headerSortClickElement": "header",
                "placeholder": "No job is known.",
                "columnDefaults": {
                    "headerTooltip": False,
                    "resizable": False,
                    "cellMouseDown": JSCode(_PRESS),
                },
            },
            theme="simple",
            sizing_mode="stretch_width",
            margin=0,
            height=HEADER_PX + ROW_PX,
            stylesheets=[sheet("tones", "table")],
        )
        self.widget.on_click(self._clicked)

    def show(self, rows: pd.DataFrame, *, chosen: int | None) -> None:
        """Bring the table up to date; sends nothing when nothing changed.

        Args:
            rows: Of :func:`rows_of`.
            chosen: The job to mark.
        """
        if self._shown is None or not rows.equals(self._shown):
            self._shown = rows
            height = HEADER_PX + ROW_PX * min(MOST_ROWS, max(1, len(rows))) + 2
            self.widget.value = rows
            self.widget.height = height
        if self.widget.selection != (marked := self._selection(chosen)):
            self.widget.selection = marked

    def _selection(self, chosen: int | None) -> list[int]:
        if self._shown is None or chosen is None:
            return []
        return [int(i) for i in (self._shown["job_id"] == chosen).to_numpy().nonzero()[0]]

    def _clicked(self, event: Any) -> None:
        if self._shown is not None and 0 <= event.row < len(self._shown):
            self._choose(int(self._shown["job_id"].iloc[event.row]))


def _nothing() -> pd.DataFrame:
    from ami_console.metrics.fleet import FLEET  # noqa: PLC0415

    return pd.DataFrame({c: pd.Series(dtype=dtype) for c, dtype in FLEET.items()})
