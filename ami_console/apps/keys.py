"""The main moves by key, and the list of them."""

from collections.abc import Callable
from typing import Any

import param
from panel.custom import JSComponent

from ami_console.apps.locked import locked

MOVES = {
    "1": "jobs",
    "2": "the chosen job",
    "3": "trends",
    "4": "raw data",
    "/": "search the jobs",
    "j": "next job",
    "k": "the job before",
    "p": "pause, and go on",
    "r": "replay, and back to live",
    "[": "a shorter window",
    "]": "a longer window",
    "?": "this list",
}
"""Key → what it does."""


class Keys(JSComponent):
    """Listens to the whole page, but not while the reader types into a field."""

    moves = param.List(default=[], doc="Pairs of key and meaning.")
    zone = param.String(default="", doc="The browser's own time zone.")

    _esm = """
    const STYLE = `
      .ami-keys { border: 1px solid rgba(128,128,128,.5); border-radius: 10px; padding: 18px 24px;
        font: 14px/1.6 Roboto, system-ui, sans-serif; color: #15202b; background: #fff; }
      .ami-keys::backdrop { background: rgba(0,0,0,.45); }
      .ami-keys h2 { margin: 0 0 8px; font-size: 17px; }
      .ami-keys dl { display: grid; grid-template-columns: auto 1fr; gap: 4px 16px; margin: 0; }
      .ami-keys dd { margin: 0; }
      .ami-keys kbd { border: 1px solid #8a949e; border-radius: 4px; padding: 0 7px;
        font: 600 13px/1.5 ui-monospace, monospace; }
      .ami-keys button { margin-top: 14px; font: inherit; padding: 3px 14px; }`

    const typing = (event) => {
      const field = event.composedPath()[0]
      return field instanceof HTMLElement && (field.isContentEditable
        || field.matches("input, textarea, select, [role=slider], [role=textbox]"))
    }

    const find = (selector, root = document) => {
      for (const node of root.querySelectorAll("*")) {
        if (node.matches(selector) && node.getClientRects().length) { return node }
        const inner = node.shadowRoot && find(selector, node.shadowRoot)
        if (inner) { return inner }
      }
      return null
    }

    export function render({model}) {
      model.zone = Intl.DateTimeFormat().resolvedOptions().timeZone || ""
      const style = document.createElement("style")
      style.textContent = STYLE
      document.head.append(style)
      const dialog = document.createElement("dialog")
      dialog.className = "ami-keys"
      dialog.setAttribute("aria-label", "Keys")
      const list = document.createElement("dl")
      for (const [key, says] of model.moves) {
        const dt = document.createElement("dt"), dd = document.createElement("dd")
        const kbd = document.createElement("kbd")
        kbd.textContent = key
        dt.append(kbd)
        dd.textContent = says
        list.append(dt, dd)
      }
      const head = document.createElement("h2")
      head.textContent = "Keys"
      const close = document.createElement("button")
      close.textContent = "Close"
      close.addEventListener("click", () => dialog.close())
      dialog.append(head, list, close)
      document.body.append(dialog)

      const show = () => { if (!dialog.open) { dialog.showModal() } }
      const known = new Set(model.moves.map(([key]) => key))
      const press = (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || typing(event)) { return }
        if (!known.has(event.key) || document.querySelector("dialog[open]")) { return }
        event.preventDefault()
        if (event.key === "?") { show() }
        else if (event.key === "/") {
          const field = find("input[type=search]")
          if (field) { field.focus() } else { model.send_msg({key: "/"}) }
        } else { model.send_msg({key: event.key}) }
      }
      document.addEventListener("keydown", press)
      model.on("msg:custom", () => show())
      model.on("remove", () => {
        document.removeEventListener("keydown", press)
        dialog.remove()
        style.remove()
      })
    }
    """

    def __init__(self, pressed: Callable[[str], None], **params: Any) -> None:
        """Args: ``pressed`` is called with each key of ``MOVES`` that the browser can't act on."""
        super().__init__(moves=[list(pair) for pair in MOVES.items()], **params)
        self._pressed = pressed

    def show(self) -> None:
        """Open the list."""
        self._send_msg({"show": True})

    def _handle_msg(self, data: Any) -> None:
        key = data.get("key") if isinstance(data, dict) else None
        if isinstance(key, str) and key in MOVES:
            locked(lambda: self._pressed(key))
