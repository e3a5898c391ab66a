"""HTML whose numbers change often: the frame is sent once, afterwards only the numbers."""

from collections.abc import Callable
from typing import Any, NamedTuple

import param
from panel.custom import JSComponent

from ami_console.apps.direct import update
from ami_console.apps.locked import locked
from ami_console.apps.style import sheet
from ami_console.plain_text import plain


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
        self.texts.append(plain(text))
        return f"{_place(len(self.texts) - 1)}</span>"

    def told(self, html: str) -> Told:
        """The HTML with all places given out so far."""
        return Told(html, tuple(self.texts))


def _place(number: int) -> str:
    return f'<span data-v="{number}">'


MANY = 24
"""Of more texts than this, those that changed are sent alone."""


class ToldPane(JSComponent):
    """Shows a :class:`Told`; sends what changed of it.

    HTML and texts travel apart. Both carry the number of the frame, so that a text never stands
    in a place of another frame, under the wrong name, whichever of them comes first. Of many
    texts only those are sent that differ from the last whole list, which carries a number too.

    What the reader unfolded (``<details data-key=…>``) stays so in the next frame, and so does
    the focus. ``<button data-job=…>`` chooses a job, ``<button class="copy">`` copies the text
    before it, ``<button class="link">`` the page's address. ``<button data-act=… data-…=…>`` and
    fields with ``data-act`` tell Python what the reader asked for.
    """

    html = param.String(default="")
    texts = param.List(default=[], item_type=str)
    newer = param.List(default=[], item_type=str)

    _esm = """
    async function copy(button, code) {
      const said = button.textContent
      try {
        await navigator.clipboard.writeText(code?.textContent ?? location.href)
        button.textContent = "copied"
      } catch {  // not on a secure address: at least it is marked
        if (code) { getSelection().selectAllChildren(code) }
        button.textContent = code ? "marked" : "copy it from the address bar"
      }
      setTimeout(() => { button.textContent = said }, 2000)
    }

    export function render({model}) {
      const box = document.createElement("div")
      const unfolded = new Map()
      const fill = () => {
        const frame = /^<!--(\\d+)-->/.exec(model.html)
        if (frame !== null && model.texts.at(-1) !== frame[1]) { return }
        const newer = new Map()
        if (model.newer[0] === model.texts.at(-2)) {
          for (let i = 1; i < model.newer.length; i += 2) {
            newer.set(model.newer[i], model.newer[i + 1])
          }
        }
        for (const node of box.querySelectorAll("[data-v]")) {
          const text = newer.get(node.dataset.v) ?? model.texts[Number(node.dataset.v)] ?? ""
          if (node.textContent !== text) { node.textContent = text }
        }
      }
      const draw = () => {
        const held = box.getRootNode().activeElement?.closest?.("[data-focus]")?.dataset.focus
        box.innerHTML = model.html
        for (const details of box.querySelectorAll("details[data-key]")) {
          details.open = unfolded.get(details.dataset.key) ?? details.open
        }
        fill()
        if (held != null) { box.querySelector(`[data-focus="${CSS.escape(held)}"]`)?.focus() }
      }
      box.addEventListener("click", (event) => {
        const button = event.target.closest("button")
        if (button?.dataset.act != null) {
          model.send_msg({...button.dataset})
        } else if (button?.dataset.job != null) {
          model.send_msg({job: Number(button.dataset.job)})
        } else if (button?.classList.contains("copy")) {
          void copy(button, button.previousElementSibling)
        } else if (button?.classList.contains("link")) {
          void copy(button, null)
        } else if (button === null) {
          const details = event.target.closest("summary")?.parentElement
          if (details?.dataset.key != null) { unfolded.set(details.dataset.key, !details.open) }
        }
      })
      box.addEventListener("change", (event) => {
        const field = event.target
        if (field.dataset?.act != null) {
          const value = field.type === "checkbox" ? String(field.checked) : field.value
          model.send_msg({...field.dataset, value})
        }
      })
      model.on("html", draw)
      model.on("texts", fill)
      model.on("newer", fill)
      draw()
      return box
    }
    """

    def __init__(
        self,
        *,
        choose: Callable[[int], None] | None = None,
        act: Callable[[dict[str, str]], None] | None = None,
        **params: Any,
    ) -> None:
        """Nothing is shown yet.

        Args:
            choose: Called with the job whose button was pressed.
            act: Called with the ``data-…`` of a button or field with ``data-act``; of a field
                its ``value`` too. It comes from a browser: nothing of it can be trusted.
            params: As of every Panel component; style sheets are added to ours.
        """
        sheets = [sheet("tones", "pane"), *params.pop("stylesheets", [])]
        super().__init__(stylesheets=sheets, **params)
        self._told, self._frame = Told(self.html, tuple(self.texts)), 0
        self._choose, self._act, self._lists = choose, act, 0
        self._whole: tuple[str, ...] = ()

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
        newer = None if changed else self._newer(told.texts)
        if newer is not None:
            changed["newer"] = newer
        else:
            self._lists += 1
            changed["texts"] = [*told.texts, str(self._lists), str(self._frame)]
            self._whole = told.texts
        self._told = told
        update(self, changed)

    def _newer(self, texts: tuple[str, ...]) -> list[str] | None:
        """What differs from the last whole list, with its number; None: not worth it."""
        if len(texts) < MANY or len(texts) != len(self._whole):
            return None
        pairs = enumerate(zip(texts, self._whole, strict=True))
        differing = [(str(i), new) for i, (new, old) in pairs if new != old]
        if len(differing) > len(texts) // 2:
            return None
        return [str(self._lists), *(part for pair in differing for part in pair)]

    def _handle_msg(self, data: Any) -> None:
        if not isinstance(data, dict):
            return
        act, choose, job = self._act, self._choose, data.get("job")
        if act is not None and isinstance(data.get("act"), str):
            told = {str(name): str(value) for name, value in data.items()}
            locked(lambda: act(told))
        elif choose is not None and type(job) is int:  # no bool
            locked(lambda: choose(job))
