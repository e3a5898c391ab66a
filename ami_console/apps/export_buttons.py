"""Buttons that give a frame as a file; it is made when one is pressed, never before."""

import logging
from collections.abc import Callable
from typing import Any

import pandas as pd
import param
from panel.custom import JSComponent

from ami_console.apps import formats
from ami_console.apps.apart import apart
from ami_console.apps.frame_files import KINDS, About, File, made
from ami_console.apps.style import sheet

log = logging.getLogger(__name__)

PART_BYTES = 262_144
"""What is sent at once."""

Give = Callable[[], tuple[pd.DataFrame, About]]


class ExportButtons(JSComponent):
    """“CSV” and “Parquet”, and what became of the last press.

    The file travels as bytes over the page's own connection: there is no address that anybody
    else could fetch it from, and it works behind every path. It goes in parts that the browser
    asks for one after another: between them the page goes on, on a slow line too.
    """

    what = param.String(default="", doc="What is saved, for who can't see the table beside it.")
    says = param.Boolean(default=True, doc="Whether what became of it is written beside.")

    _esm = """
    export function render({model}) {
      const box = document.createElement("div")
      box.className = "export"
      box.setAttribute("role", "group")
      const name = document.createElement("span")
      name.className = "name"
      name.textContent = "save"
      const said = document.createElement("span")
      said.className = model.says ? "said" : "hidden"
      said.setAttribute("role", "status")
      const buttons = []
      const busy = (is) => {
        for (const button of buttons) { button.setAttribute("aria-disabled", String(is)) }
      }
      for (const [kind, label] of [["csv", "CSV"], ["parquet", "Parquet"]]) {
        const button = document.createElement("button")
        button.type = "button"
        button.textContent = label
        button.addEventListener("click", () => {
          if (button.getAttribute("aria-disabled") === "true") { return }
          busy(true)
          said.textContent = `the ${label} file is being made …`
          model.send_msg({make: kind})
        })
        buttons.push(button)
      }
      const label = () => {
        box.setAttribute("aria-label", `Save ${model.what}`)
        for (const button of buttons) {
          button.setAttribute("aria-label", `Save ${model.what} as ${button.textContent}`)
        }
      }
      label()
      busy(false)
      model.on("what", label)
      let file = null
      let parts = []
      let had = 0
      const size = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`
      const finish = () => {
        const link = document.createElement("a")
        link.href = URL.createObjectURL(new Blob(parts, {type: file.media}))
        link.download = file.name
        link.click()
        setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
        parts = []
        busy(false)
        said.textContent = file.says
      }
      model.on("msg:custom", (answer) => {
        if (answer.name != null) {
          file = answer
          parts = []
          had = 0
        } else if (answer.content != null) {
          parts.push(answer.content)
          had += answer.content.byteLength
        } else {
          busy(false)
          said.textContent = answer.says
          return
        }
        if (had >= file.size) { finish(); return }
        if (parts.length % 8 === 7) { said.textContent = `${size(had)} of ${size(file.size)} …` }
        model.send_msg({part: parts.length})
      })
      box.append(name, ...buttons, said)
      return box
    }
    """

    def __init__(self, give: Give, **params: Any) -> None:
        """Nothing is made yet.

        Args:
            give: The frame and what it is, asked for when a button is pressed, on any thread.
            params: As of every Panel component; style sheets are added to ours.
        """
        sheets = [sheet("tones", "pane", "data"), *params.pop("stylesheets", [])]
        super().__init__(stylesheets=sheets, **{"margin": 0} | params)
        self._give, self._is_busy = give, False
        self._content = b""

    def _handle_msg(self, data: Any) -> None:
        if not isinstance(data, dict):
            return
        kind, part = data.get("make"), data.get("part")
        if kind in KINDS and not self._is_busy:
            self._is_busy = True
            apart(lambda: self._made(kind), self._answer)
        elif type(part) is int and 0 <= part * PART_BYTES < len(self._content):
            begin, end = part * PART_BYTES, (part + 1) * PART_BYTES
            content = self._content[begin:end]
            if end >= len(self._content):
                self._content = b""
            self._send_msg({"content": content})

    def _made(self, kind: Any) -> File | str:
        try:
            frame, about = self._give()
            return made(frame, kind, about)
        except Exception as error:
            log.exception("a file could not be made")
            return f"The file could not be made. {type(error).__name__}: {error}"

    def _answer(self, given: File | str) -> None:
        self._is_busy = False
        if isinstance(given, str):
            self._send_msg({"says": given})
            return
        self._content = given.content
        size = len(given.content)
        says = f"{given.name}, {formats.size(size)}"
        self._send_msg({"says": says, "name": given.name, "media": given.media, "size": size})


def export_buttons(
    frame_name: str,
    get_frame: Callable[[], pd.DataFrame],
    *,
    as_of: Callable[[], pd.Timestamp],
    job_id: Callable[[], int | None] = lambda: None,
    source: Callable[[], str] = lambda: "",
    **params: Any,
) -> ExportButtons:
    """Buttons that save the frame of a table.

    Args:
        frame_name: What the file is called after.
        get_frame: The frame, asked for when a button is pressed, on any thread.
        as_of: The instant that it is of.
        job_id: The one job that it is of.
        source: Where its numbers come from: the label of the feed.
        params: As of every Panel component.
    """

    def give() -> tuple[pd.DataFrame, About]:
        about = About(frame=frame_name, as_of=as_of(), job_id=job_id(), source=source())
        return get_frame(), about

    return ExportButtons(give, what=frame_name.replace("_", " "), **params)
