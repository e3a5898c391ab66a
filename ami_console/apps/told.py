"""HTML whose numbers change often: the frame is sent once, afterwards only the numbers."""

from typing import Any, NamedTuple

import param
from panel.custom import JSComponent

from ami_console.apps.style import sheet


class Told(NamedTuple):
    """HTML with numbered places, and the texts that belong there.

    Attributes:
        html: Trusted or escaped HTML; the places are made by :class:`Places`.
        texts: Plain text per place; the browser sets it as text, never as HTML.
    """

    html: str
    texts: tuple[str, ...] = ()

    @property
    def plain(self) -> str:
        """The HTML with its texts in place, for tests and for reading."""
        whole = self.html
        for number, text in enumerate(self.texts):
            whole = whole.replace(_place(number), f"{_place(number)}{text}", 1)
        return whole


class Places:
    """Gives out places for texts, in the order of the calls."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str) -> str:
        """HTML of a place that will hold this plain text."""
        self.texts.append(text)
        return f"{_place(len(self.texts) - 1)}</span>"

    def told(self, html: str) -> Told:
        """The HTML with all places given out so far."""
        return Told(html, tuple(self.texts))


def _place(number: int) -> str:
    return f'<span data-v="{number}">'


class ToldPane(JSComponent):
    """Shows a :class:`Told`; sends what changed of it.

    HTML and texts travel apart. Both carry the number of the frame, so that a text never stands
    in a place of another frame, under the wrong name, whichever of them comes first.
    """

    html = param.String(default="")
    texts = param.List(default=[], item_type=str)

    _esm = """
    export function render({model}) {
      const box = document.createElement("div")
      const fill = () => {
        const frame = /^<!--(\\d+)-->/.exec(model.html)
        if (frame !== null && model.texts.at(-1) !== frame[1]) { return }
        for (const node of box.querySelectorAll("[data-v]")) {
          const text = model.texts[Number(node.dataset.v)] ?? ""
          if (node.textContent !== text) { node.textContent = text }
        }
      }
      const draw = () => { box.innerHTML = model.html; fill() }
      model.on("html", draw)
      model.on("texts", fill)
      draw()
      return box
    }
    """

    def __init__(self, **params: Any) -> None:
        """Args: ``params`` as of every Panel component; style sheets are added to ours."""
        sheets = [sheet("tones", "pane"), *params.pop("stylesheets", [])]
        super().__init__(stylesheets=sheets, **params)
        self._told, self._frame = Told(self.html, tuple(self.texts)), 0

    @property
    def told(self) -> Told:
        """What it shows."""
        return self._told

    def show(self, told: Told) -> None:
        """Bring it up to date."""
        if told == self._told:
            return
        changed: dict[str, Any] = {}
        if told.html != self._told.html:
            self._frame += 1
            changed["html"] = f"<!--{self._frame}-->{told.html}"
        changed["texts"] = [*told.texts, str(self._frame)]
        self._told = told
        self.param.update(**changed)
