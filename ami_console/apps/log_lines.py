"""The list of log lines in the browser: what is new is put on top, the rest stays where it is."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from panel.custom import JSComponent

from ami_console.apps.formats import MISSING, State, clock
from ami_console.apps.log_rows import MOST, LogLine
from ami_console.apps.style import sheet

LEVELS = {
    "CRITICAL": State("critical", "✕", "bad"),
    "ERROR": State("error", "✕", "bad"),
    "WARNING": State("warning", "▲", "warn"),
    "INFO": State("info", "·", "muted"),
    "DEBUG": State("debug", "·", "muted"),
}

Row = tuple[str, str, str, str, str, str, str]
"""Time, tone, mark and word of the level, log, kind, message."""


def level_of(level: str | None) -> State:
    """How a level is shown; one that is new to us keeps its own word."""
    if not level:
        return State("no level", "·", "muted")
    return LEVELS.get(level, State(level.lower(), "?", "warn"))


def rows_of(lines: Sequence[LogLine], *, zone: ZoneInfo, as_of: pd.Timestamp) -> list[Row]:
    """What the list is given: plain text only.

    Args:
        lines: The newest first.
        zone: Zone of the wall time.
        as_of: The instant that it is seen from.
    """
    rows: list[Row] = []
    for line in lines:
        level = level_of(line.level)
        log = " ".join(part for part in (line.source, line.process) if part)
        at = clock(line.at, zone, as_of=as_of)
        head = (at, level.tone, level.mark, level.word)
        rows.append((*head, log or MISSING, line.kind or MISSING, line.message))
    return rows


def added(before: Sequence[Row], rows: Sequence[Row]) -> list[Row] | None:
    """What was put on top of the rows before; ``None``: there is more to it than that."""
    if not before or before[0] not in rows:
        return None
    number = rows.index(before[0])
    kept = rows[number:]
    return list(rows[:number]) if list(before[: len(kept)]) == list(kept) else None


class LogLines(JSComponent):
    """Shows rows of text; sends those that are new.

    A list in the browser begins empty and asks for its rows, so that nothing is lost that was
    sent before it was there.
    """

    _esm = """
    const make = (tag, name, text) => {
      const node = document.createElement(tag)
      if (name) { node.className = name }
      if (text != null) { node.textContent = text }
      return node
    }

    const told = (message) => {
      const cell = make("td", "message")
      const [first, ...rest] = message.split("\\n")
      if (rest.length === 0) { cell.textContent = message; return cell }
      const more = make("details")
      more.append(make("summary", "", first), make("pre", "", rest.join("\\n")))
      cell.append(more)
      return cell
    }

    const line = ([time, tone, mark, word, log, kind, message]) => {
      const row = make("tr", tone)
      const level = make("td", "word")
      level.append(make("i", "mark", mark), word)
      row.append(make("td", "time", time), level, make("td", "more", log),
                 make("td", "more", kind), told(message))
      return row
    }

    export function render({model}) {
      const box = make("div", "scroll")
      box.tabIndex = 0
      box.setAttribute("role", "region")
      box.setAttribute("aria-label", "Log lines")
      const table = make("table", "lines"), head = make("tr"), body = make("tbody")
      for (const [name, kind] of [["Time", ""], ["Level", ""], ["Log", "more"], ["Kind", "more"],
                                  ["Message", ""]]) {
        const cell = make("th", kind, name)
        cell.scope = "col"
        head.append(cell)
      }
      const top = make("thead")
      top.append(head)
      table.append(top, body)
      box.append(table)
      model.on("msg:custom", ({rows, add, most}) => {
        if (rows != null) { body.replaceChildren(...rows.map(line)) }
        if (add != null) {
          body.prepend(...add.map(line))
          while (body.children.length > most) { body.lastElementChild.remove() }
        }
        box.hidden = body.children.length === 0
      })
      box.hidden = true
      model.send_msg({ready: true})
      return box
    }
    """

    def __init__(self, *, most: int = MOST, **params: Any) -> None:
        """Empty.

        Args:
            most: Rows that are kept at most.
            params: As of every Panel component.
        """
        super().__init__(stylesheets=[sheet("tones", "pane", "panels")], **params)
        self._most = most
        self._is_ready = False
        self.rows: list[Row] = []

    def show(self, rows: Sequence[Row]) -> None:
        """Bring it up to date; sends nothing when nothing changed.

        Args:
            rows: Of :func:`rows_of`.
        """
        new = list(rows[: self._most])
        before, self.rows = self.rows, new
        if new == before or not self._is_ready:
            return
        more = added(before, new)
        if more is not None and len(before) + len(more) >= len(new):
            self._send_msg({"add": [list(row) for row in more], "most": len(new)})
        else:
            self._send_all()

    def _send_all(self) -> None:
        self._send_msg({"rows": [list(row) for row in self.rows]})

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, dict) and data.get("ready") is True:
            self._is_ready = True
            self._send_all()
