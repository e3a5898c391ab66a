"""The dialog before an action: what it will mean, and the job's number typed to confirm it."""

from collections.abc import Callable
from typing import Any

import param
from panel.custom import JSComponent

from ami_console.apps.locked import locked
from ami_console.apps.style import sheet


class ActionDialog(JSComponent):
    """A modal dialog; everything in it is set as text.

    Attributes:
        asked: As of :func:`ami_console.apps.action_rows.dialog_told`; empty: it is closed.
    """

    asked = param.Dict(default={}, doc="What is asked; empty: closed.")

    _esm = """
    const make = (name, attributes = {}, ...inner) => {
      const node = document.createElement(name)
      for (const [key, value] of Object.entries(attributes)) { node.setAttribute(key, value) }
      node.append(...inner)
      return node
    }

    const find = (selector, root = document) => {
      for (const node of root.querySelectorAll("*")) {
        if (node.matches(selector)) { return node }
        const inner = node.shadowRoot && find(selector, node.shadowRoot)
        if (inner) { return inner }
      }
      return null
    }

    export function render({model}) {
      const title = make("h2", {id: "action-title"})
      const name = make("p", {class: "name"})
      const told = make("ul")
      const age = make("p", {class: "age"})
      const problem = make("p", {class: "error bad", role: "alert"})
      const number = make("b")
      const field = make("input", {type: "text", inputmode: "numeric", autocomplete: "off",
                                   spellcheck: "false", id: "action-typed"})
      const label = make("label", {for: "action-typed"}, "Type the job's number, ", number,
                         ", to confirm")
      const back = make("button", {type: "button"}, "Back")
      const confirm = make("button", {type: "submit", class: "confirm"})
      const form = make("form", {method: "dialog"}, label, field,
                        make("div", {class: "choice"}, back, confirm))
      const dialog = make("dialog", {role: "dialog", "aria-modal": "true",
                                     "aria-labelledby": "action-title",
                                     "aria-describedby": "action-told"},
                          title, name, make("div", {id: "action-told"}, age, told), problem, form)
      let shown = ""
      let after = ""  // where the focus goes
      let closed = 0  // what was on its way when the reader closed it must not open it again

      const fits = () => field.value.trim() === String(model.asked.job)
      const draw = () => {
        const asked = model.asked
        if (asked.action == null || asked.opening === closed) {
          if (dialog.open) { dialog.close() }
          return
        }
        title.textContent = asked.title
        name.textContent = asked.name
        age.textContent = asked.age
        number.textContent = asked.job
        confirm.textContent = asked.confirm
        problem.textContent = asked.problem
        problem.hidden = asked.problem === ""
        if (asked.problem !== "") { after = `action:${asked.action}` }
        const list = JSON.stringify(asked.told)
        if (list !== shown) {
          shown = list
          told.replaceChildren(...asked.told.map(([kind, mark, word, text]) => make("li",
            {class: kind}, make("i", {class: "mark", "aria-hidden": "true"}, mark),
            make("span", {class: "kind"}, word), " ", make("span", {}, text))))
        }
        if (!dialog.open) {
          after = `action:${asked.action}`
          field.value = ""
          dialog.showModal()
          field.focus()
        }
        confirm.disabled = !fits()
      }
      field.addEventListener("input", () => { confirm.disabled = !fits() })
      back.addEventListener("click", () => dialog.close())
      form.addEventListener("submit", (event) => {
        event.preventDefault()  // Python closes it, when it has taken it
        if (fits()) {
          confirm.disabled = true
          after = "action:progress"
          model.send_msg({confirm: field.value.trim(), action: model.asked.action,
                          job: model.asked.job})
        }
      })
      dialog.addEventListener("close", () => {
        if (model.asked.action != null && model.asked.opening !== closed) {
          closed = model.asked.opening
          model.send_msg({closed})
        }
        find(`[data-focus="${after}"]`)?.focus()
      })
      dialog.addEventListener("keydown", (event) => event.stopPropagation())  // no moves meanwhile
      const leave = () => dialog.close()  // hidden, it would block the page that is gone to
      addEventListener("popstate", leave)
      model.on("asked", draw)
      model.on("remove", () => {
        removeEventListener("popstate", leave)
        dialog.remove()
      })
      draw()
      return dialog
    }
    """

    def __init__(
        self,
        confirmed: Callable[[str, str, str], None],
        closed: Callable[[], None],
        **params: Any,
    ) -> None:
        """Closed.

        Args:
            confirmed: Called with action, job and what was typed. They come from a browser:
                nothing of them can be trusted.
            closed: Called when the reader closed it.
            params: As of every Panel component.
        """
        super().__init__(
            stylesheets=[sheet("tones", "action_dialog")], width=0, height=0, margin=0, **params
        )
        self._confirmed, self._closed = confirmed, closed
        self._opening = 0

    def show(self, asked: dict[str, Any]) -> None:
        """Open it, or bring it up to date; empty: close it."""
        if asked and not self.asked:
            self._opening += 1
        told = {**asked, "opening": self._opening} if asked else {}
        if told != self.asked:
            self.asked = told

    def _handle_msg(self, data: Any) -> None:
        if not isinstance(data, dict):
            return
        if "closed" in data:
            if data["closed"] == self.asked.get("opening"):
                locked(self._closed)
        elif "confirm" in data:
            told = (data.get("action"), data.get("job"), data["confirm"])
            locked(lambda: self._confirmed(*map(str, told)))
