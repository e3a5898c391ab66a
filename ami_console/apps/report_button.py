"""The button that gives the post-mortem of the job as one page; it is made when it is pressed."""

import gzip
import logging
from collections.abc import Callable
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd
import param
from panel.custom import JSComponent

from ami_console.apps import formats
from ami_console.apps.apart import apart
from ami_console.apps.feed import Feed
from ami_console.apps.style import sheet
from ami_console.errors import AmiConsoleError
from ami_console.frames import FrameSource
from ami_console.recording import open_recording

log = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """What a report is asked for.

    Attributes:
        feed: What the page shows.
        job_id: The job.
        zone: Zone of the wall time.
    """

    feed: Feed
    job_id: int
    zone: ZoneInfo


class Report(NamedTuple):
    """A report as a file.

    Attributes:
        name: What the browser calls it.
        content: The page.
    """

    name: str
    content: bytes


class ReportButton(JSComponent):
    """“Post-mortem as a file”, and what became of the last press.

    The page travels compressed over the connection of the dashboard: there is no address that
    anybody else could fetch it from, and it works behind every path.
    """

    what = param.String(default="", doc="Which job, for who hears the button only.")

    _esm = """
    export function render({model}) {
      const box = document.createElement("div")
      box.className = "export"
      const button = document.createElement("button")
      button.type = "button"
      button.textContent = "Post-mortem as a file"
      button.title = "One page that opens offline: what happened, charts, images by id"
      const said = document.createElement("span")
      said.className = "said"
      said.setAttribute("role", "status")
      const busy = (is) => button.setAttribute("aria-disabled", String(is))
      const label = () => {
        button.setAttribute("aria-label", `Post-mortem of ${model.what} as a file`)
      }
      label()
      busy(false)
      model.on("what", label)
      button.addEventListener("click", () => {
        if (button.getAttribute("aria-disabled") === "true") { return }
        busy(true)
        said.textContent = "the post-mortem is being made …"
        model.send_msg({make: "report"})
      })
      model.on("msg:custom", async ({says, name, content}) => {
        if (content != null) {
          const packed = new Blob([content]).stream()
          const page = packed.pipeThrough(new DecompressionStream("gzip"))
          const link = document.createElement("a")
          const held = new Blob([await new Response(page).arrayBuffer()], {type: "text/html"})
          link.href = URL.createObjectURL(held)
          link.download = name
          link.click()
          setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
        }
        busy(false)
        said.textContent = says
      })
      box.append(button, said)
      return box
    }
    """

    def __init__(self, wanted: Callable[[], Wanted | None], **params: Any) -> None:
        """Nothing is made yet.

        Args:
            wanted: What is asked for now, when the button is pressed; ``None``: no job is shown.
            params: As of every Panel component; style sheets are added to ours.
        """
        sheets = [sheet("tones", "pane", "data"), *params.pop("stylesheets", [])]
        super().__init__(stylesheets=sheets, **{"margin": 0} | params)
        self._wanted, self._is_busy = wanted, False

    def _handle_msg(self, data: Any) -> None:
        if not isinstance(data, dict) or data.get("make") != "report" or self._is_busy:
            return
        wanted = self._wanted()
        if wanted is None:
            self._send_msg({"says": "No job is shown, so there is nothing to tell."})
            return
        self._is_busy = True
        apart(lambda: _made(wanted), self._answer)

    def _answer(self, given: Report | str) -> None:
        self._is_busy = False
        if isinstance(given, str):
            self._send_msg({"says": given})
            return
        says = f"{given.name}, {formats.size(len(given.content))}"
        packed = gzip.compress(given.content, compresslevel=6)
        self._send_msg({"says": says, "name": given.name, "content": packed})


def made(wanted: Wanted) -> Report:
    """The report of a job, from the recording that is shown or written, else from what is held.

    Args:
        wanted: What is asked for.

    Raises:
        AmiConsoleError: Nothing is known of the job, or nothing can be read.
    """
    feed, job_id = wanted.feed, wanted.job_id
    as_of = None if feed.is_live else feed.as_of()
    recorded = _recording(feed, job_id)
    html = _html(feed if recorded is None else recorded, wanted, as_of)
    at = f"{feed.as_of().tz_convert('UTC'):%Y%m%dT%H%M%SZ}"
    return Report(f"ami-console_post-mortem_job-{job_id}_{at}.html", html.encode())


def _html(source: FrameSource, wanted: Wanted, as_of: pd.Timestamp | None) -> str:
    # HoloViews takes a second to import, which a page that is only looked at need not wait for.
    from ami_console.report import report_html  # noqa: PLC0415

    feed = wanted.feed
    return report_html(source, wanted.job_id, zone=wanted.zone, as_of=as_of, rules=feed.rules)


def _recording(feed: Feed, job_id: int) -> FrameSource | None:
    """The recording behind a feed, which reaches further back than what a page holds."""
    if feed.recorded is None:
        return None
    try:
        recording = open_recording(feed.recorded)
        return recording if job_id in recording.jobs() else None
    except AmiConsoleError as error:
        log.warning("the report is made of what is held: %s", error)
        return None


def _made(wanted: Wanted) -> Report | str:
    try:
        return made(wanted)
    except AmiConsoleError as error:
        return f"The post-mortem could not be made. {error}"
    except Exception as error:
        log.exception("a report could not be made")
        return f"The post-mortem could not be made. {type(error).__name__}: {error}"
