"""The page's pulse: without it a page that lost its server would look like a quiet one."""

import param
from panel.custom import JSComponent


class Heartbeat(JSComponent):
    """Shows nothing while beats come in; says loudly when they stop, then reloads the page.

    The browser's own clock counts the silence, so that it works with no server at all. It also
    keeps the reader's choice of light or dark; without one, that of the system.
    """

    beat = param.Integer(default=0, doc="Changes with every sign of life.")
    silent_s = param.Number(default=6.0, doc="Silence after which the page is called stale.")
    tab = param.String(default="", doc="Title of the browser's tab; empty: as it is.")
    frozen = param.String(default="", doc="Said across a page that stands still on purpose.")
    serves = param.Boolean(default=True, doc="Whether a server of ours sent the page.")

    _esm = """
    const STYLE = `
      .ami-stale-veil { position: fixed; inset: 0; z-index: 99999; display: none;
        pointer-events: none; backdrop-filter: grayscale(1);
        background: rgba(128, 128, 128, .35); }
      .ami-stale-banner { position: fixed; inset: 0 0 auto 0; z-index: 100000; display: none;
        padding: 14px 20px; background: #b3161d; color: #fff; text-align: center;
        font: 600 16px/1.4 Roboto, system-ui, sans-serif; }
      .ami-stale > .ami-stale-banner, .ami-stale > .ami-stale-veil { display: block; }
      .ami-frozen > .ami-frozen-veil, .ami-frozen > .ami-frozen-banner { display: block; }
      .ami-frozen-veil { position: fixed; inset: 0; z-index: 99990; display: none;
        pointer-events: none; backdrop-filter: saturate(.25);
        border: 6px solid #d98200; }
      .ami-frozen-banner { position: fixed; inset: auto 0 0 0; z-index: 99991; display: none;
        padding: 11px 20px; color: #3d2300; text-align: center;
        background: repeating-linear-gradient(-45deg, #ffd9a8 0 18px, #ffc680 18px 36px);
        font: 600 15px/1.4 Roboto, system-ui, sans-serif; }`

    function keep_theme() {
      const models = [...Bokeh.documents[0].all_models]
      const page = models.find((other) => other.class_name === "Page")
      if (page == null) { return }
      const key = "ami-console-theme"
      const asked = new URLSearchParams(location.search).get("theme")
      const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "default"
      const dark = (asked || localStorage.getItem(key) || system) === "dark"
      if (page.data.dark_theme !== dark) { page.data.dark_theme = dark }
      page.data.properties.dark_theme.change.connect(() => {
        localStorage.setItem(key, page.data.dark_theme ? "dark" : "default")
      })
    }

    // The page's own busy line is never busy here, and has no name that could be read out.
    function hush(root) {
      for (const node of root.querySelectorAll("*")) {
        if (node.classList.contains("MuiLinearProgress-root")) {
          node.setAttribute("aria-hidden", "true")
          return true
        }
        if (node.shadowRoot && hush(node.shadowRoot)) { return true }
      }
      return false
    }

    export function render({model, el}) {
      if (model.serves) { keep_theme() }
      let hushed = false
      const style = document.createElement("style")
      style.textContent = STYLE
      const banner = document.createElement("div")
      banner.className = "ami-stale-banner"
      banner.setAttribute("role", "alert")
      document.head.append(style)
      const veil = document.createElement("div")
      veil.className = "ami-stale-veil"
      document.body.append(veil, banner)
      const ice = document.createElement("div"), said = document.createElement("div")
      ice.className = "ami-frozen-veil"
      said.className = "ami-frozen-banner"
      said.setAttribute("role", "status")
      document.body.append(ice, said)
      const freeze = () => {
        document.body.classList.toggle("ami-frozen", model.frozen !== "")
        said.textContent = model.frozen
      }
      model.on("frozen", freeze)
      freeze()

      const name = () => { if (model.serves && model.tab) { document.title = model.tab } }
      model.on("tab", name)
      name()

      let last = performance.now()
      let asking = false
      model.on("beat", () => { last = performance.now(); look() })

      const reload = async () => {
        const before = Number(sessionStorage.getItem("ami-console-reloaded") || 0)
        if (asking || !model.serves || Date.now() - before < 20000) { return }
        asking = true
        try {
          await fetch(new URL("liveness", location.href), {cache: "no-store"})
          sessionStorage.setItem("ami-console-reloaded", String(Date.now()))
          location.reload()
        } catch { /* no server yet */ }
        asking = false
      }
      const look = () => {
        hushed ||= hush(document)
        const silent_s = (performance.now() - last) / 1000
        const stale = silent_s > model.silent_s
        document.body.classList.toggle("ami-stale", stale)
        if (!stale) { return }
        banner.textContent = `Not updated for ${Math.floor(silent_s)} s: the connection to the ` +
          "dashboard's server is lost, and all below is old." +
          (model.serves ? " The page loads itself anew when the server answers." : "")
        // A server that is only busy comes back by itself, and a reload would keep it busy.
        if (silent_s > 3 * model.silent_s) { void reload() }
      }
      const timer = setInterval(look, 1000)
      model.on("remove", () => {
        clearInterval(timer)
        for (const part of [banner, veil, style, ice, said]) { part.remove() }
        document.body.classList.remove("ami-stale", "ami-frozen")
      })
    }
    """
