"""A chart as a picture or as the lines of a notebook: buttons in its head."""

import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

import param
from panel.custom import JSComponent

from ami_console.apps.style import sheet
from ami_console.charts import Chart

log = logging.getLogger(__name__)


class ChartMenu(JSComponent):
    """“PNG”, “SVG” and “Python”.

    The browser draws the picture itself, of what it shows just now: in its zoom, on the page's
    background, light or dark, with what the chart is and whose line is which above it. Nothing
    leaves the page. PNG has two points for each of the screen's, SVG real lines and text.
    """

    figure_id = param.String(default="", doc="The Bokeh figure.")
    title = param.String(default="", doc="What the chart is called.")
    caption = param.String(default="", doc="Written above the picture; empty: the title.")
    legend = param.List(default=[], doc="Label, colour and Bokeh dash of each line.")
    stem = param.String(default="", doc="Of the file's name; the browser adds the instant.")
    has_python = param.Boolean(default=True, doc="Whether lines of a notebook can be had.")

    _esm = """
    const find = (id) => {
      const seek = (view) => {
        if (view.model.id === id) { return view }
        for (const child of view.children?.() ?? []) {
          const found = seek(child)
          if (found) { return found }
        }
        return null
      }
      for (const root of Bokeh.index.roots) {
        const found = seek(root)
        if (found) { return found }
      }
      return null
    }

    const background = (node) => {
      while (node) {
        if (node instanceof Element) {
          const colour = getComputedStyle(node).backgroundColor
          if (!/^(transparent|rgba\\(.*, 0\\))$/.test(colour)) { return colour }
        }
        node = node.assignedSlot ?? node.parentNode ?? node.host
      }
      return "#ffffff"
    }

    const DASHES = {dashed: [6, 3], dotted: [2, 3]}
    const FONT = "13px Roboto, system-ui, sans-serif"
    const LINE = 20

    // What stands above the picture: texts and samples of lines, and how high that is.
    const above = (model, width) => {
      const pen = document.createElement("canvas").getContext("2d")
      pen.font = FONT
      const marks = []
      let x = 10
      let y = LINE
      let line = ""
      for (const word of (model.caption || model.title).split(" ")) {
        const longer = line ? `${line} ${word}` : word
        if (line && pen.measureText(longer).width > width - 20) {
          marks.push({x, y, text: line})
          y += LINE
          line = word
        } else {
          line = longer
        }
      }
      marks.push({x, y, text: line})
      y += model.legend.length ? LINE : 0
      for (const [label, colour, dash] of model.legend) {
        const wide = 30 + pen.measureText(label).width
        if (x > 10 && x + wide > width) { x = 10; y += LINE }
        marks.push({x, y: y - 4, colour, dash: DASHES[dash] ?? []}, {x: x + 30, y, text: label})
        x += wide + 18
      }
      return {marks, height: y + 8}
    }

    const svg = (kind, attributes) => {
      const node = document.createElementNS("http://www.w3.org/2000/svg", kind)
      for (const [name, value] of Object.entries(attributes)) { node.setAttribute(name, value) }
      return node
    }

    async function vectors(view, paper, ink, model) {
      const text = await (await view.export("svg", false).to_blob()).text()
      const drawing = new DOMParser().parseFromString(text, "image/svg+xml").documentElement
      const {width, height} = view.bbox
      const head = above(model, width)
      const whole = svg("svg", {width, height: height + head.height,
                                viewBox: `0 0 ${width} ${height + head.height}`})
      whole.append(svg("rect", {width, height: height + head.height, fill: paper}))
      for (const {x, y, text, colour, dash} of head.marks) {
        if (text == null) {
          whole.append(svg("path", {d: `M ${x} ${y} H ${x + 24}`, stroke: colour,
                                    "stroke-width": 2, "stroke-dasharray": dash.join(" ")}))
        } else {
          whole.append(svg("text", {x, y, fill: ink, style: `font: ${FONT}`}))
          whole.lastChild.textContent = text
        }
      }
      drawing.setAttribute("y", head.height)
      whole.append(drawing)
      return new Blob([new XMLSerializer().serializeToString(whole)], {type: "image/svg+xml"})
    }

    async function points(view, paper, ink, model) {
      const own = Object.getOwnPropertyDescriptor(window, "devicePixelRatio")
      const ratio = Math.max(2, window.devicePixelRatio)
      let drawn
      try {  // Bokeh draws as finely as the screen is said to be
        Object.defineProperty(window, "devicePixelRatio", {configurable: true, value: ratio})
        drawn = view.export("png", true).canvas
      } finally {
        Object.defineProperty(window, "devicePixelRatio", own)
      }
      const head = above(model, view.bbox.width)
      const whole = document.createElement("canvas")
      whole.width = drawn.width
      whole.height = drawn.height + head.height * ratio
      const pen = whole.getContext("2d")
      pen.fillStyle = paper
      pen.fillRect(0, 0, whole.width, whole.height)
      pen.drawImage(drawn, 0, head.height * ratio)
      pen.scale(ratio, ratio)
      pen.font = FONT
      pen.fillStyle = ink
      pen.lineWidth = 2
      for (const {x, y, text, colour, dash} of head.marks) {
        if (text != null) { pen.fillText(text, x, y); continue }
        pen.strokeStyle = colour
        pen.setLineDash(dash)
        pen.beginPath()
        pen.moveTo(x, y)
        pen.lineTo(x + 24, y)
        pen.stroke()
      }
      return new Promise((done) => { whole.toBlob(done, "image/png") })
    }

    export function render({model}) {
      const box = document.createElement("div")
      box.className = "chart-menu"
      box.setAttribute("role", "group")
      const said = document.createElement("span")
      said.className = "said"
      said.setAttribute("role", "status")
      let lines = null
      let turn = 0
      const say = (text) => {
        const mine = ++turn
        said.textContent = text
        setTimeout(() => { if (mine === turn) { said.textContent = "" } }, 6000)
      }
      const save = async (kind, draw) => {
        const view = find(model.figure_id)
        if (view === null || !(view.bbox.width > 0)) { say("the chart is not drawn yet"); return }
        try {
          const blob = await draw(view, background(view.el), getComputedStyle(box).color, model)
          const link = document.createElement("a")
          link.href = URL.createObjectURL(blob)
          const at = new Date().toISOString().replace(/[-:]|\\..*$/g, "")
          link.download = `${model.stem}_${at}Z.${kind}`
          link.click()
          setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
          say(`${link.download} is saved`)
        } catch (error) {
          console.error(error)
          say(`the picture could not be made: ${error.message}`)
        }
      }
      const buttons = new Map()
      const add = (text, does) => {
        const button = document.createElement("button")
        button.type = "button"
        button.textContent = text
        button.addEventListener("click", does)
        buttons.set(text, button)
      }
      add("PNG", () => save("png", points))
      add("SVG", () => save("svg", vectors))
      add("Python", () => {
        if (lines !== null) { fold(); return }
        say("…")
        model.send_msg({python: true})
      })
      const python = buttons.get("Python")
      const fold = () => {
        lines?.remove()
        lines = null
        python.setAttribute("aria-expanded", "false")
      }
      const unfold = (text) => {
        fold()
        lines = document.createElement("textarea")
        lines.readOnly = true
        lines.spellcheck = false
        lines.setAttribute("aria-label", `Python that makes this plot: ${model.title}`)
        lines.value = text
        lines.addEventListener("keydown", (event) => {
          if (event.key === "Escape") { fold(); python.focus() }
        })
        box.append(lines)
        python.setAttribute("aria-expanded", "true")
        lines.focus()
        lines.select()
      }
      const label = () => {
        box.setAttribute("aria-label", `Save the chart: ${model.title}`)
        buttons.get("PNG").setAttribute("aria-label", `Save as PNG: ${model.title}`)
        buttons.get("SVG").setAttribute("aria-label", `Save as SVG: ${model.title}`)
        python.setAttribute("aria-label", `Python that makes this plot: ${model.title}`)
        python.hidden = !model.has_python
      }
      label()
      fold()
      model.on(["title", "has_python"], label)
      model.on("msg:custom", async (answer) => {
        if (answer.lines == null) { say(answer.says); return }
        unfold(answer.lines)
        try {
          await navigator.clipboard.writeText(answer.lines)
          say("copied")
        } catch {  // not on a secure address: at least it is marked
          say("marked: copy it with the keyboard")
        }
      })
      box.append(...buttons.values(), said)
      return box
    }
    """

    def __init__(
        self,
        figure: Any,
        *,
        name: str,
        title: str = "",
        caption: str = "",
        legend: Sequence[tuple[str, str, str]] = (),
        python: Callable[[], str] | None = None,
        **params: Any,
    ) -> None:
        """Buttons for one figure.

        Args:
            figure: The Bokeh figure; it may be drawn anywhere on the same page.
            name: What its files are called after: :func:`stem`.
            title: What the chart is called, for who can't see it.
            caption: Written above a picture: what is drawn, of which job, in whose time.
            legend: Label, colour and Bokeh dash of each line, for the same place.
            python: The lines of a notebook that make the same plot, asked for when the button is
                pressed; a ``LookupError`` of it is shown as it says.
            params: As of every Panel component; style sheets are added to ours.
        """
        sheets = [sheet("tones", "pane", "data"), *params.pop("stylesheets", [])]
        super().__init__(
            figure_id=figure.id,
            stem=stem(name),
            title=title or name,
            caption=caption,
            legend=[list(line) for line in legend],
            has_python=python is not None,
            stylesheets=sheets,
            **{"margin": 0, "sizing_mode": "stretch_width"} | params,
        )
        self._python = python

    def draws(self, name: str, caption: str) -> None:
        """Another job is drawn: what files are called after, and what is written above them."""
        self.param.update(stem=stem(name), caption=caption)

    def _handle_msg(self, data: Any) -> None:
        if self._python is None or not isinstance(data, dict) or data.get("python") is not True:
            return
        try:
            self._send_msg({"lines": self._python()})
        except LookupError as error:
            self._send_msg({"says": str(error)})
        except Exception as error:
            log.exception("no lines of a notebook could be given")
            self._send_msg({"says": f"It could not be told. {type(error).__name__}: {error}"})


def legend_of(chart: Chart) -> list[tuple[str, str, str]]:
    """Label, colour and dash of each line of a chart about one job."""
    return [(line.label, line.colour, line.dash) for line in chart.series]


def stem(name: str) -> str:
    """Of a file's name, such as ``ami-console_latency_job-7``: plain letters, whatever is given."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-._")[:80]
    return f"ami-console_{plain or 'chart'}"
