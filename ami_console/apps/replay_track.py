"""The browser's side of the replay bar: a track with a slider, buttons, and a clock that plays."""

from collections.abc import Callable
from functools import partial
from typing import Any

import param
from panel.custom import JSComponent

from ami_console.apps.locked import locked

MOVES = ("move", "step", "jump", "live")
"""What a reader can ask for: an instant (ms since the epoch), a look, an event, the present."""

_MS_MAX = 8_640_000_000_000_000
"""The last instant that a browser knows."""


class ReplayTrack(JSComponent):
    """Sends where the reader wants to go; waits for the answer before it sends the next.

    While the answer is on its way only the newest wish is kept, so that a server that is slow is
    asked less often, and nothing waits in a line. Playing goes on in the browser's time, but for
    no more than a second per answer: it slows down rather than leaving things out.
    """

    at_ms = param.Integer(default=0, doc="The instant that is shown, ms since the epoch.")
    first_ms = param.Integer(default=0, doc="Begin of the track.")
    last_ms = param.Integer(default=0, doc="End of the track.")
    acked = param.Integer(default=0, doc="Number of the last wish that was fulfilled.")
    every_s = param.Number(default=2.0, doc="Usual pause between two looks, seconds.")
    zone = param.String(default="UTC", doc="Zone of the wall time.")
    marks = param.List(default=[], doc="Events: ms since the epoch, tone, title.")
    said = param.String(default="", doc="What happened last.")
    coming = param.String(default="", doc="The next event; empty: there is none.")
    gone = param.String(default="", doc="The event before; empty: there is none.")
    can_be_live = param.Boolean(default=False, doc="Whether there is a way back to the present.")

    _esm = """
    const SPEEDS = [1, 10, 60, 600]
    const SEND_MS = 200   // at most five wishes a second
    const LEAP_MS = 1000  // of real time between two pictures at most so much is played
    const SHAPES = {bad: "▲", warn: "◆", active: "●", good: "○", muted: "·"}

    const make = (tag, attributes = {}, text = "") => {
      const node = document.createElement(tag)
      for (const [name, value] of Object.entries(attributes)) { node.setAttribute(name, value) }
      node.textContent = text
      return node
    }

    function clock_of(zone) {
      const shape = {year: "numeric", month: "short", day: "2-digit", hour: "2-digit",
        minute: "2-digit", second: "2-digit", hourCycle: "h23"}
      let format
      try { format = new Intl.DateTimeFormat("en-US", {...shape, timeZone: zone}) }
      catch { zone = "UTC"; format = new Intl.DateTimeFormat("en-US", {...shape, timeZone: zone}) }
      return (ms) => {
        const part = Object.fromEntries(format.formatToParts(ms).map((p) => [p.type, p.value]))
        return {time: `${part.hour}:${part.minute}:${part.second}`,
                day: `${part.day} ${part.month} ${part.year}`, zone}
      }
    }

    export function render({model}) {
      const bar = make("div", {class: "replay", role: "group", "aria-label": "Replay"})

      const top = make("div", {class: "where"})
      const badge = make("strong", {class: "badge"}, "⟲ REPLAY")
      const time = make("b"), day = make("span")
      const stood = make("span", {class: "stood"})
      stood.append("as it stood at ", time, " ", day)
      const said = make("span", {class: "said", role: "status"})
      const live = make("button", {type: "button", class: "live"}, "● Back to live")
      top.append(badge, stood, said, live)

      const row = make("div", {class: "moves"})
      const button = (text, label) =>
        make("button", {type: "button", "aria-label": label, title: label}, text)
      const to_gone = button("⇤ event", "Event before")
      const back = button("− look", "One look back")
      const play = button("", "Play")
      play.className = "play"
      const on = button("+ look", "One look on")
      const to_coming = button("event ⇥", "Next event")
      const pace = make("label", {class: "pace"}, "")
      const speed = make("select", {"aria-label": "Speed"})
      for (const times of SPEEDS) { speed.append(make("option", {value: times}, `${times}×`)) }
      speed.value = "10"
      pace.append(speed)
      const track = make("div", {class: "track"})
      const lane = make("div", {class: "lane", "aria-hidden": "true"})
      const slider = make("input", {type: "range", min: 0, step: "any",
        "aria-label": "Instant that is shown"})
      const ends = make("div", {class: "ends"})
      const begin = make("span"), end = make("span")
      ends.append(begin, end)
      track.append(lane, slider, ends)
      row.append(to_gone, back, play, on, to_coming, pace, track)
      bar.append(top, row)

      let clock = clock_of(model.zone)
      let number = 0, waits = false, sent_at = -Infinity, wish = null, timer = null, sent = ""
      let playing = false, pos = model.at_ms, ticked = 0, held = false
      const inside = (ms) => Math.min(Math.max(ms, model.first_ms), model.last_ms)

      const tell = (ms) => {
        const told = clock(ms)
        time.textContent = told.time
        day.textContent = `${told.day}, ${told.zone}`
        slider.setAttribute("aria-valuetext", `${told.time}, ${told.day}, ${told.zone}`)
      }
      const put = (ms) => { slider.value = ms - model.first_ms; tell(ms) }
      const place = () => {
        slider.max = Math.max(model.last_ms - model.first_ms, 1)
        const [first, last] = [clock(model.first_ms), clock(model.last_ms)]
        begin.textContent = first.day === last.day ? first.time : `${first.time}, ${first.day}`
        end.textContent = first.day === last.day ? last.time : `${last.time}, ${last.day}`
        const span = Math.max(model.last_ms - model.first_ms, 1)
        lane.replaceChildren(...model.marks.map(([ms, tone, title]) => {
          const known = SHAPES[tone] ? tone : "muted"
          const mark = make("i", {class: known}, SHAPES[known])
          mark.title = `${clock(ms).time} ${title}`
          mark.style.left = `${100 * Math.min(Math.max((ms - model.first_ms) / span, 0), 1)}%`
          mark.addEventListener("click", () => { pause(); pos = ms; want({move: ms}) })
          return mark
        }))
      }

      // One wish is under way at a time; of those that come meanwhile the newest counts.
      const send = () => {
        if (waits || wish === null) { return }
        const rest = sent_at + SEND_MS - performance.now()
        if (rest > 0) {
          if (timer === null) { timer = setTimeout(() => { timer = null; send() }, rest) }
          return
        }
        const [what, value] = Object.entries(wish)[0]
        wish = null
        sent = what
        waits = true
        sent_at = performance.now()
        number += 1
        bar.classList.add("waits")
        model.send_msg({what, value: Math.round(value), number})
      }
      const want = (asked) => { wish = asked; send() }
      const acked = () => {
        if (!waits || model.acked !== number) { return }
        requestAnimationFrame(() => {  // what came with the answer is drawn first
          waits = false
          bar.classList.remove("waits")
          if (!held && wish === null) {
            put(model.at_ms)
            if (!playing || sent !== "move") { pos = model.at_ms }
          }
          send()
        })
      }

      const pause = () => {
        playing = false
        play.textContent = "▶\\ufe0e play"
        play.setAttribute("aria-label", "Play")
        play.title = "Play"
      }
      const start = () => {
        playing = true
        if (pos >= model.last_ms) { pos = model.first_ms }
        ticked = performance.now()
        play.textContent = "❚❚ pause"
        play.setAttribute("aria-label", "Pause")
        play.title = "Pause"
      }
      const toggle = () => { if (playing) { pause() } else { start() } }
      const beat = setInterval(() => {
        if (!playing || waits || held) { return }
        const now = performance.now()
        pos = Math.min(pos + Math.min(now - ticked, LEAP_MS) * Number(speed.value), model.last_ms)
        ticked = now
        // Between two looks there is nothing new to see.
        const piece = Math.max(1, Math.round(model.every_s)) * 1000
        const target = pos >= model.last_ms ? model.last_ms : Math.floor(pos / piece) * piece
        if (target > model.at_ms || target < model.at_ms - piece) {
          want({move: inside(target)})
        }
        if (pos >= model.last_ms) { pause() }
      }, 100)

      const step = (by) => { pause(); want({step: by}) }
      const jump = (by) => { pause(); want({jump: by}) }
      back.addEventListener("click", () => step(-1))
      on.addEventListener("click", () => step(1))
      to_gone.addEventListener("click", () => jump(-1))
      to_coming.addEventListener("click", () => jump(1))
      play.addEventListener("click", toggle)
      live.addEventListener("click", () => { pause(); want({live: 1}) })
      slider.addEventListener("input", () => {
        held = true
        pos = inside(model.first_ms + Number(slider.value))
        tell(pos)
        want({move: pos})
      })
      slider.addEventListener("change", () => {
        held = false
        ticked = performance.now()
      })
      bar.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.target === speed) { return }
        const side = {ArrowLeft: -1, ArrowRight: 1}[event.key]
        if (side !== undefined) {
          if (event.shiftKey) { jump(side) } else { step(side) }
        } else if (event.key === " " && event.target.tagName !== "BUTTON") { toggle() }
        else { return }
        event.preventDefault()
        event.stopPropagation()
      })

      const name_events = () => {
        for (const [node, title, none, name] of [
          [to_coming, model.coming, "No further event", "Next event"],
          [to_gone, model.gone, "No event before", "Event before"]]) {
          const label = title ? `${name}: ${title}` : none
          node.title = label
          node.setAttribute("aria-label", label)
          node.setAttribute("aria-disabled", title ? "false" : "true")
        }
        said.textContent = model.said
      }
      const show_at = () => {
        if (held || waits) { return }  // shown with the answer, unless the reader goes on
        put(model.at_ms)
        pos = model.at_ms
      }
      const all = () => {
        clock = clock_of(model.zone)
        place()
        if (!held) { put(wish?.move ?? model.at_ms) }
      }
      model.on("acked", acked)
      model.on("at_ms", show_at)
      for (const name of ["first_ms", "last_ms", "zone", "marks"]) { model.on(name, all) }
      for (const name of ["said", "coming", "gone"]) { model.on(name, name_events) }
      const offer = () => { live.hidden = !model.can_be_live }
      model.on("can_be_live", offer)
      model.on("remove", () => { clearInterval(beat); clearTimeout(timer) })
      offer()
      all()
      name_events()
      pause()
      return bar
    }
    """

    def __init__(self, asked: Callable[[str, int], None], **params: Any) -> None:
        """Args: ``asked`` is called with one of ``MOVES`` and its value; then it is answered."""
        super().__init__(**params)
        self._asked = asked

    def _handle_msg(self, data: Any) -> None:
        if not isinstance(data, dict):
            return
        what, value, number = data.get("what"), data.get("value"), data.get("number")
        if type(number) is not int or not 0 < number < 2**31:  # no bool
            return
        locked(partial(self._fulfil, what, value, number))

    def _fulfil(self, what: Any, value: Any, number: int) -> None:
        try:
            if what in MOVES and type(value) is int and abs(value) < _MS_MAX:
                self._asked(what, value)
        finally:
            self.acked = number  # whatever came of it: the browser waits for this
