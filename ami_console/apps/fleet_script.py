"""What the browser does for the table of jobs: draws, filters, sorts, moves by key."""

ESM = """
const SVG = "http://www.w3.org/2000/svg"
const none = (v) => v == null
const count = (v) => Math.round(v).toString().replace(/\\B(?=(\\d{3})+$)/g, "\\u202f")
const measure = (v) => v !== 0 && v < 1 ? v.toFixed(2) : v < 100 ? v.toFixed(1) : count(v)
const two = (v) => String(v).padStart(2, "0")
const duration = (v) => {
  if (v > 0 && v < 1) { return `${Math.round(v * 1000)} ms` }
  const s = Math.round(v)
  if (s < 60) { return `${s} s` }
  if (s < 3600) { return `${Math.floor(s / 60)} min ${two(s % 60)} s` }
  if (s < 86400) { return `${Math.floor(s / 3600)} h ${two(Math.floor(s % 3600 / 60))} min` }
  return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`
}
const rough = (v) => {
  const s = Math.round(v)
  if (s < 100) { return `${s} s` }
  if (s < 6000) { return `${Math.round(s / 60)} min` }
  return s < 172800 ? `${(s / 3600).toFixed(s < 36000 ? 1 : 0)} h` : `${Math.round(s / 86400)} d`
}
const between = (low, high) => low === high ? low : `${low} – ${high}`
const span = (low, high) => {
  const [a, b] = [rough(low), rough(high)]
  if (a === b) { return a }
  const [x, unit] = a.split(" "), [y, other] = b.split(" ")
  return unit === other ? `${x} – ${y} ${unit}` : `${a} – ${b}`
}
const make = (tag, name, text) => {
  const node = document.createElement(tag)
  if (name) { node.className = name }
  if (text != null) { node.textContent = text }
  return node
}
// What a node was told last is kept beside it: asking the document is what costs.
const put = (node, text) => {
  if (node.said !== text) { node.said = text; node.textContent = text }
}
const attr = (node, name, text) => {
  const key = `said_${name}`
  if (node[key] !== text) { node[key] = text; node.setAttribute(name, text) }
}

// Each column: what its head says, how its cell is made, and how a row fills it. A fill touches
// what differs only. Text of others is only ever set as text.
function columns(words) {
  const MISSING = words.missing
  const plain = (show) => ({
    make: (cell) => cell,
    fill: (cell, row, page) => put(cell, show(row, page) ?? MISSING),
  })
  const number = (name, show) => plain((row) => none(row[name]) ? null : show(row[name], row))
  const chip = (cell, [word, mark, tone], name) => {
    if (cell.said === word + mark) { return }
    cell.said = word + mark
    const made = make("span", `${name} ${tone}`)
    const sign = make("i", "mark", mark)
    sign.setAttribute("aria-hidden", "true")
    made.append(sign, word)
    cell.replaceChildren(made)
  }
  const state = (status) => words.states[status]
    ?? (status === "" ? ["not known", "?", "muted"] : [status.toLowerCase(), "?", "warn"])
  const age = (name) => plain((row, page) => none(row[name]) ? null
    : (name === "oldest_s" && row.oldest_is_bound ? "≥ " : "")
      + (page.as_of - row[name] < 600 ? duration : rough)(
        Math.floor(Math.max(0, page.as_of - row[name]))))
  return {
    job_id: {...number("job_id", String), by: (row) => row.job_id, from: 1},
    name: {
      make: (cell) => {
        const button = make("button", "name"), where = make("span", "dim where")
        button.type = "button"
        cell.append(button, where)
        return {button, where}
      },
      fill: ({button, where}, row) => {
        put(button, row.name)
        put(where, [row.project, row.pipeline].filter(Boolean).join(" · ")
          || "project and pipeline not told")
        attr(button, "title", row.name)
        attr(where, "title", where.said)
      },
      by: (row) => row.name.toLowerCase(), from: 1,
    },
    status: {
      make: (cell) => cell,
      fill: (cell, row) => chip(cell, state(row.status), "state"),
      by: (row) => Object.keys(words.states).indexOf(row.status), from: 1,
    },
    finding: {
      make: (cell) => {
        const box = make("span", "worst"), code = make("span", "dim code")
        cell.append(box, code)
        return {box, code}
      },
      fill: ({box, code}, row) => {
        const rank = row.finding
        if (none(rank)) {
          chip(box, [MISSING, "", ""], "word")
          put(code, "")
          return attr(code, "title", "not judged yet")
        }
        chip(box, words.ranks[rank] ?? ["none", "", "muted none"], "word")
        const more = row.finding_more > 0 ? ` + ${row.finding_more}` : ""
        put(code, rank === 0 ? "" : rank === 0.5 ? "some checks" : row.finding_code + more)
        attr(code, "title", row.finding_code)
      },
      by: (row) => row.finding, from: -1,
    },
    progress: {
      make: (cell) => {
        const text = make("span"), rest = make("span", "dim"), bar = make("span", "bar")
        const part = make("span")
        bar.append(part)
        cell.append(text, rest, bar)
        return {text, rest, bar, part}
      },
      fill: ({text, rest, bar, part}, row) => {
        put(text, none(row.processed) ? MISSING : count(row.processed))
        const share = none(row.progress) ? "" : `, ${Math.floor(row.progress * 100 + 1e-3)} %`
        put(rest, ` of ${none(row.total) ? MISSING : count(row.total)}${share}`)
        attr(bar, "class", `bar ${{SUCCESS: "good", FAILURE: "bad", REVOKED: "muted"}[row.status]
          ?? "active"}`)
        const wide = `scaleX(${Math.min(1, row.progress ?? 0)})`
        if (part.said !== wide) { part.said = wide; part.style.transform = wide }
      },
      by: (row) => row.progress, from: 1,
    },
    lost: {
      make: (cell) => cell,
      fill: (cell, row) => {
        put(cell, none(row.lost_high) ? MISSING
          : String(between(count(row.lost_low ?? 0), count(row.lost_high))))
        cell.classList.toggle("alarm", row.lost_high > 0)
      },
      by: (row) => row.lost_high, from: -1,
    },
    failed: {
      make: (cell) => cell,
      fill: (cell, row) => {
        put(cell, none(row.failed) ? MISSING : count(row.failed))
        cell.classList.toggle("alarm", row.failed > 0)
      },
      by: (row) => row.failed, from: -1,
    },
    acked_per_min: {
      make: (cell) => {
        const svg = document.createElementNS(SVG, "svg")
        const line = document.createElementNS(SVG, "path"), number = make("span")
        svg.setAttribute("viewBox", "0 0 58 20")
        svg.setAttribute("class", "spark")
        svg.setAttribute("role", "img")
        svg.append(line)
        cell.append(svg, number)
        return {svg, line, number}
      },
      fill: ({svg, line, number}, row, page) => {
        put(number, none(row.acked_per_min) ? MISSING : measure(row.acked_per_min))
        if (row.drawn === page.minute && !row.moved) { return }
        row.drawn = page.minute
        row.moved = false
        const [path, says] = sparkline(row.rates, page.minute, words.minutes)
        attr(line, "d", path)
        attr(svg, "aria-label", says)
        svg.classList.toggle("nothing", path === "")
      },
      by: (row) => row.acked_per_min, from: -1,
    },
    eta: {
      ...plain((row) => none(row.eta_low_s) ? null : none(row.eta_high_s)
        ? `≥ ${rough(row.eta_low_s)}` : span(row.eta_low_s, row.eta_high_s)),
      by: (row) => row.eta_low_s, from: 1,
    },
    num_pending: {...number("num_pending", count), by: (row) => row.num_pending, from: -1},
    num_ack_pending: {
      ...number("num_ack_pending", count), by: (row) => row.num_ack_pending, from: -1,
    },
    oldest: {...age("oldest_s"), by: (row) => row.oldest_s, from: 1},
    attempts: {
      make: (cell) => {
        const most = make("span"), again = make("span", "dim")
        cell.append(most, again)
        return {most, again}
      },
      fill: ({most, again}, row) => {
        put(most, none(row.attempts_low) ? MISSING
          : none(row.attempts_high) ? `≥ ${row.attempts_low}`
          : String(between(row.attempts_low, row.attempts_high)))
        put(again, row.redeliveries_total > 0 ? `${count(row.redeliveries_total)} again` : "")
      },
      by: (row) => row.attempts_low, from: -1,
    },
    redeliveries_total: {by: (row) => row.redeliveries_total, from: -1},
    latency_p50_s: {
      ...number("latency_p50_s", (v, row) => (row.estimated ? "≈ " : "") + rough_or(v)),
      by: (row) => row.latency_p50_s, from: -1,
    },
    last: {...age("last_s"), by: (row) => row.last_s, from: -1},
    started: {
      ...number("started_s", (v) => {
        const at = new Date(v * 1000)
        const month = at.toLocaleString("en-GB", {month: "short", timeZone: "UTC"})
        return `${at.getUTCDate()} ${month} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`
      }),
      by: (row) => row.started_s, from: -1,
    },
    project: {by: (row) => row.project.toLowerCase() || null, from: 1},
    pipeline: {by: (row) => row.pipeline.toLowerCase() || null, from: 1},
  }
}

const rough_or = (v) => v < 100 ? duration(v) : rough(v)

function sparkline(rates, last, minutes) {
  const values = []
  for (let minute = last - minutes + 1; minute <= last; minute += 1) {
    values.push(rates.get(minute) ?? null)
  }
  const known = values.filter((v) => v !== null)
  if (known.length === 0) { return ["", "no rate is known of the last half hour"] }
  const most = Math.max(...known), least = Math.min(...known)
  const step = 56 / (minutes - 1)
  let path = "", open = false
  values.forEach((v, i) => {
    if (v === null) { open = false; return }
    const x = (1 + i * step).toFixed(1), y = (18 - (most > 0 ? v / most : 0) * 16).toFixed(1)
    // A minute alone between two gaps is a dot.
    path += open ? `L${x} ${y}` : `M${x} ${y}h.01`
    open = true
  })
  const gaps = known.length < minutes ? `, ${minutes - known.length} of them not known` : ""
  return [path, `images per minute in the last ${minutes} minutes: ${measure(least)} to `
    + `${measure(most)}${gaps}`]
}

export function render({model}) {
  const words = JSON.parse(model.words)
  const shows = columns(words), titles = words.titles, sent = words.sent
  const rows = new Map(), page = {as_of: 0, minute: 0}
  let order = [], shown = [], asked = {q: "", state: "", found: "", sort: ""}
  let isLate = false, touched = -1e9, writing = 0

  const box = make("div", "fleet"), tools = make("div", "tools"), scroll = make("div", "scroll")
  tools.setAttribute("role", "search")
  const field = (word, control, name) => {
    const label = make("label", name ?? "")
    label.append(make("span", "", word), control)
    tools.append(label)
    return control
  }
  const choice = (word, options, name) => {
    const select = make("select")
    for (const [value, says] of options) {
      const option = make("option", "", says)
      option.value = value
      select.append(option)
    }
    return field(word, select, name)
  }
  const search = make("input")
  search.type = "search"
  search.placeholder = "name, project, pipeline, number"
  search.autocomplete = "off"
  search.spellcheck = false
  field("Search", search, "find")
  const state = choice("State", [["", "all"], ["active", "active"], ["over", "over"],
    ...Object.entries(words.states).map(([status, [word]]) => [status, word])])
  const found = choice("Finding", [["", "any or none"], ["critical", "critical"],
    ["warning", "warning or worse"], ["info", "any finding"], ["unknown", "can't tell"],
    ["none", "nothing found"]])
  const sorts = Object.entries(titles).flatMap(([key, [title, , up, down]]) =>
    [[key, up], [`-${key}`, down]].map(([value, says]) => [value, `${title}: ${says}`]))
  const sorted = choice("Order", [["", "active, then newest"], ...sorts], "order")
  const clear = make("button", "clear", "Show all jobs"), said = make("output", "said dim")
  clear.type = "button"
  tools.append(clear, said)

  const table = make("table"), head = make("thead"), top = make("tr"), body = make("tbody")
  table.append(make("caption", "hidden", "Jobs"), head, body)
  const roles = [[table, "table"], [head, "rowgroup"], [body, "rowgroup"], [top, "row"]]
  for (const [node, role] of roles) { node.setAttribute("role", role) }
  head.append(top)
  const heads = {}
  for (const [key, [title, why]] of Object.entries(titles)) {
    if (!shows[key].fill) { continue }
    const cell = make("th", `c-${key}`), button = make("button", "", title)
    cell.scope = "col"
    cell.setAttribute("role", "columnheader")
    button.type = "button"
    button.title = why
    button.append(make("i", "arrow"))
    button.addEventListener("click", () => {
      const begin = shows[key].from < 0 ? `-${key}` : key
      const other = shows[key].from < 0 ? key : `-${key}`
      ask({sort: asked.sort === begin ? other : asked.sort === other ? "" : begin})
    })
    cell.append(button)
    top.append(cell)
    heads[key] = cell
  }
  const nothing = make("p", "nobody")
  const all = make("button", "clear", "Show all jobs")
  all.type = "button"
  nothing.append("No job matches. ", all)
  nothing.hidden = true
  scroll.append(table, nothing)
  box.append(tools, scroll)

  // --- one row ---------------------------------------------------------------------------------
  const born = (cells) => {
    const row = {parts: {}, tr: make("tr"), rates: new Map()}
    sent.forEach((name, i) => { row[name] = cells[i] })
    row.tr.setAttribute("role", "row")
    row.tr.dataset.job = row.job_id
    for (const key of Object.keys(heads)) {
      const cell = make(key === "name" ? "th" : "td", `c-${key}`)
      cell.setAttribute("role", key === "name" ? "rowheader" : "cell")
      if (key === "name") { cell.scope = "row" }
      cell.dataset.label = titles[key][0]
      row.parts[key] = shows[key].make(cell)
      row.tr.append(cell)
    }
    row.tr.addEventListener("contentvisibilityautostatechange", ({skipped}) => {
      row.isOut = skipped
      if (!skipped && later.delete(row)) { fill(row) }
    })
    cells.at(-1).forEach((value, i, whole) => {
      row.rates.set(page.minute - whole.length + 1 + i, value)
    })
    row.moved = true
    fill(row)
    return row
  }
  const fill = (row) => {
    for (const key of Object.keys(heads)) { shows[key].fill(row.parts[key], row, page) }
    row.hay = [row.job_id, row.name, row.project, row.pipeline].join("\\n").toLowerCase()
  }
  const older = (row) => {
    shows.oldest.fill(row.parts.oldest, row, page)
    shows.last.fill(row.parts.last, row, page)
  }
  // Rows in sight are brought up to date at once, the others when the browser has nothing to do.
  const later = new Set()
  const idle = globalThis.requestIdleCallback ?? ((call) => setTimeout(call, 50))
  let isWaiting = false
  const drain = (deadline) => {
    const until = performance.now() + Math.max(4, deadline?.timeRemaining() ?? 4)
    for (const row of later) {
      if (performance.now() >= until) { break }
      later.delete(row)
      fill(row)
    }
    isWaiting = later.size > 0
    if (isWaiting) { idle(drain, {timeout: 1000}) }
  }
  const refresh = (touched, isLater) => {
    for (const row of rows.values()) {
      if (!isLater && !touched.has(row)) { continue }
      if (row.isOut) { later.add(row) }
      else if (touched.has(row)) { fill(row) }
      else { older(row) }
    }
    if (later.size > 0 && !isWaiting) { isWaiting = true; idle(drain, {timeout: 1000}) }
  }

  // --- which rows, in which order --------------------------------------------------------------
  const matches = () => {
    const terms = asked.q.toLowerCase().split(/\\s+/).filter(Boolean)
    const over = new Set(words.final)
    const least = {critical: 3, warning: 2, info: 1}[asked.found]
    return (row) => terms.every((term) => row.hay.includes(term))
      && (asked.state === "" || (asked.state === "active" ? !over.has(row.status)
          : asked.state === "over" ? over.has(row.status) : row.status === asked.state))
      && (asked.found === "" || (least ? row.finding >= least
          : asked.found === "none" ? row.finding === 0 : row.finding === 0.5))
  }
  const ordered = (wanted) => {
    const key = asked.sort.replace(/^-/, ""), sign = asked.sort.startsWith("-") ? -1 : 1
    if (!shows[key]) { return wanted }
    const by = new Map(wanted.map((row) => [row, shows[key].by(row)]))
    return wanted.sort((a, b) => {
      const x = by.get(a), y = by.get(b)
      if (none(x) || none(y)) { return none(x) - none(y) }
      return x < y ? -sign : x > y ? sign : 0
    })
  }
  const place = (wanted) => {
    const held = box.getRootNode().activeElement, inside = held && body.contains(held)
    let next = body.firstChild
    for (const {tr} of wanted) {
      if (tr === next) { next = next.nextSibling } else { body.insertBefore(tr, next) }
    }
    while (next !== null) {
      const gone = next
      next = next.nextSibling
      gone.remove()
    }
    if (inside && held.isConnected) { held.focus({preventScroll: true}) }
  }
  const arrange = () => {
    isLate = false
    shown = ordered(order.map((id) => rows.get(id)).filter(matches()))
    place(shown)
    tell()
  }
  const tell = () => {
    const isCut = asked.q !== "" || asked.state !== "" || asked.found !== ""
    const jobs = order.length === 1 ? "job" : "jobs"
    put(said, isCut ? `${shown.length} of ${order.length} ${jobs}` : `${order.length} ${jobs}`)
    nothing.hidden = shown.length > 0 || order.length === 0
    table.hidden = shown.length === 0
    clear.hidden = !isCut
    all.hidden = !isCut
    for (const [key, cell] of Object.entries(heads)) {
      const is = asked.sort.replace(/^-/, "") === key
      const way = !is ? "none" : asked.sort.startsWith("-") ? "descending" : "ascending"
      attr(cell, "aria-sort", way)
      put(cell.querySelector(".arrow"), !is ? "" : way === "ascending" ? " ↑" : " ↓")
    }
  }
  // A row must not move away under a reader's pointer or cursor.
  const isHeld = () => performance.now() - touched < 5000
  const touch = () => { touched = performance.now() }
  const settle = () => { touched = -1e9; if (isLate) { arrange() } }
  for (const event of ["pointermove", "pointerdown", "keydown"]) {
    body.addEventListener(event, touch)
  }
  body.addEventListener("pointerleave", settle)

  // --- what is asked for -----------------------------------------------------------------------
  const written = () => {
    const told = new URLSearchParams()
    for (const [name, value] of Object.entries(asked)) { if (value) { told.set(name, value) } }
    return told.toString()
  }
  const read = (query) => {
    const told = new URLSearchParams(query)
    const known = (select, value) =>
      [...select.options].some((option) => option.value === value) ? value : ""
    asked = {
      q: told.get("q") ?? "",
      state: known(state, told.get("state") ?? ""),
      found: known(found, told.get("found") ?? ""),
      sort: known(sorted, told.get("sort") ?? ""),
    }
    if (search.value !== asked.q) { search.value = asked.q }
    state.value = asked.state
    found.value = asked.found
    sorted.value = asked.sort
  }
  const ask = (more, soon = 0) => {
    asked = {...asked, ...more}
    sorted.value = asked.sort
    arrange()
    clearTimeout(writing)
    writing = setTimeout(() => { model.query = written() }, soon)
  }
  search.addEventListener("input", () => ask({q: search.value.trim()}, 300))
  state.addEventListener("change", () => ask({state: state.value}))
  found.addEventListener("change", () => ask({found: found.value}))
  sorted.addEventListener("change", () => ask({sort: sorted.value}))
  for (const button of [clear, all]) {
    button.addEventListener("click", () => {
      search.value = state.value = found.value = ""
      ask({q: "", state: "", found: ""})
      search.focus()
    })
  }
  model.on("query", () => { if (model.query !== written()) { read(model.query); arrange() } })

  // --- which job -------------------------------------------------------------------------------
  const mark = () => {
    for (const row of rows.values()) {
      const is = row.job_id === model.chosen
      row.tr.classList.toggle("chosen", is)
      if (is) { row.parts.name.button.setAttribute("aria-current", "true") }
      else { row.parts.name.button.removeAttribute("aria-current") }
    }
  }
  model.on("chosen", mark)
  body.addEventListener("click", (event) => {
    const job = event.target.closest("tr")?.dataset.job
    const isMarking = getSelection()?.type === "Range" && !event.target.closest("button")
    if (job != null && !isMarking) { model.send_msg({job: Number(job)}) }
  })
  const move = (by) => {
    const at = shown.findIndex((row) => row.tr.contains(box.getRootNode().activeElement))
    const from = at >= 0 ? at : shown.findIndex((row) => row.job_id === model.chosen)
    const to = from < 0 ? 0 : at < 0 ? from : Math.min(Math.max(from + by, 0), shown.length - 1)
    shown[to]?.parts.name.button.focus()
    shown[to]?.tr.scrollIntoView({block: "nearest"})
  }
  const isTyping = (node) => node instanceof HTMLElement && (node.isContentEditable
    || node.matches("input, textarea, select, [role=slider], [role=textbox]"))
  const pressed = (event) => {
    const from = event.composedPath()[0]
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(from)) { return }
    if (!box.getClientRects().length || document.querySelector("dialog[open]")) { return }
    const isInside = body.contains(from)
    const by = {j: 1, k: -1}[event.key]
      ?? (isInside ? {ArrowDown: 1, ArrowUp: -1, Home: -1e9, End: 1e9}[event.key] : undefined)
    if (by === undefined || shown.length === 0) { return }
    event.preventDefault()
    event.stopPropagation()  // the page would step through the jobs in an order of its own
    touch()
    move(by)
  }
  addEventListener("keydown", pressed, true)
  model.on("remove", () => removeEventListener("keydown", pressed, true))

  // --- what the server says --------------------------------------------------------------------
  const take = (told) => {
    const isLater = told.as_of != null && told.as_of !== page.as_of
    page.as_of = told.as_of ?? page.as_of
    page.minute = told.minute ?? page.minute
    for (const cells of told.rows ?? []) { rows.set(cells[0], born(cells)) }
    const touchedRows = new Set()  // of rows that differ
    for (const [job, pairs] of Object.entries(told.cells ?? {})) {
      const row = rows.get(Number(job))
      if (row === undefined) { continue }
      for (let i = 0; i < pairs.length; i += 2) { row[sent[pairs[i]]] = pairs[i + 1] }
      touchedRows.add(row)
    }
    for (const [job, pairs] of Object.entries(told.rates ?? {})) {
      const row = rows.get(Number(job))
      if (row === undefined) { continue }
      for (let i = 0; i < pairs.length; i += 2) { row.rates.set(pairs[i], pairs[i + 1]) }
      for (const minute of row.rates.keys()) {
        if (minute <= page.minute - words.minutes) { row.rates.delete(minute) }
      }
      row.moved = true
      touchedRows.add(row)
    }
    refresh(touchedRows, isLater)
    if (told.order != null) {
      order = told.order
      const kept = new Set(order)
      for (const [id, row] of rows) {
        if (!kept.has(id)) { row.tr.remove(); rows.delete(id); later.delete(row) }
      }
    }
    if (told.rows != null) { mark() }
    if (told.order == null && touchedRows.size === 0) { return }
    if (!isHeld() || shown.length === 0) { arrange(); return }
    isLate = true
    const there = new Set(shown), fits = matches()
    shown = shown.filter((row) => rows.has(row.job_id))
    for (const id of order) {
      const row = rows.get(id)
      if (!there.has(row) && fits(row)) { shown.push(row); body.append(row.tr) }
    }
    tell()
  }
  const begin = () => { if (model.first) { take(JSON.parse(model.first)) } }
  model.on("first", begin)
  model.on("msg:custom", (told) => take(JSON.parse(told)))
  read(model.query)
  begin()
  tell()
  model.send_msg({ready: true})
  return box
}
"""
