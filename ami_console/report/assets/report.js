"use strict";
{
  const held = document.getElementById("ami-charts");
  const told = JSON.parse(held.textContent);
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const coarse = matchMedia("(pointer: coarse)");
  const placeOf = (name) => document.getElementById(`chart-${name}`);

  const models = () => [...Bokeh.documents[0].all_models];
  const named = (name) => models().find((model) => model.name === name);

  // The colours of the style sheet, for what is drawn on canvas; paper is always light.
  const paint = (where = "screen") => {
    const of = where === "paper" ? "paper-" : "";
    const ticks = Math.max(2, Math.min(6, Math.floor(innerWidth / 130)));
    const colours = getComputedStyle(root);
    const ink = colours.getPropertyValue(`--${of}dim`).trim();
    const line = colours.getPropertyValue(`--${of}grid`).trim();
    for (const model of models()) {
      const {type} = model;
      if (type.endsWith("Axis")) {
        model.setv({
          major_label_text_color: ink, axis_label_text_color: ink, axis_line_color: line,
          major_tick_line_color: line, minor_tick_line_color: null,
        });
      } else if (type === "DatetimeTicker") {
        model.desired_num_ticks = ticks;
      } else if (type === "Grid" && model.grid_line_color !== null) {
        model.setv({grid_line_color: line});
      }
    }
  };

  const steer = () => {
    const axis = named("time");
    const says = document.getElementById("axis-says");
    if (axis == null || says == null) { return; }
    const [begin, end] = axis.bounds;
    const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
    const say = () => {
      const whole = axis.start <= begin && axis.end >= end;
      says.textContent = (whole ? "the whole job" : "a part of it") +
        `, ${clock(axis.start)} to ${clock(axis.end)}`;
    };
    const show = (start, width) => {
      const kept = Math.min(Math.max(width, axis.min_interval), end - begin);
      const from = Math.min(Math.max(start, begin), end - kept);
      axis.setv({start: from, end: from + kept});
    };
    const ways = {
      earlier: (width) => show(axis.start - width / 2, width),
      later: (width) => show(axis.start + width / 2, width),
      in: (width) => show(axis.start + width / 4, width / 2),
      out: (width) => show(axis.start - width / 2, width * 2),
      whole: () => show(begin, end - begin),
    };
    for (const button of document.querySelectorAll("button[data-axis]")) {
      button.addEventListener("click", () => ways[button.dataset.axis](axis.end - axis.start));
    }
    for (const name of ["start", "end"]) { axis.properties[name].change.connect(say); }
    say();
  };

  // On paper: pictures of the charts as they are now, which are scaled to its width.
  const views = [];
  const opened = [];
  const print = () => {
    for (const long of document.querySelectorAll("details[data-paper]:not([open])")) {
      long.open = true;
      opened.push(long);
    }
    paint("paper");
    for (const view of views) {
      const place = placeOf(view.model.name);
      const picture = document.createElement("img");
      picture.alt = place.getAttribute("aria-label");
      picture.className = "picture";
      view.paint();
      picture.src = view.export("png").canvas.toDataURL();
      place.parentNode.querySelector(".picture")?.remove();
      place.after(picture);
    }
  };
  const unprint = () => {
    for (const picture of document.querySelectorAll(".picture")) { picture.remove(); }
    for (const long of opened.splice(0)) { long.open = false; }
    paint();
  };

  const show = async () => {
    const roots = Object.fromEntries(
      Object.entries(told.places).map(([name, id]) => [id, `chart-${name}`]));
    const items = [{docid: "ami", roots, root_ids: Object.keys(roots)}];
    const managers = await Bokeh.embed.embed_items({ami: told.document}, items);
    for (const manager of managers) {
      views.push(...manager.roots.filter((view) => view.model.name in told.places));
    }
    paint();
    steer();
    if (!coarse.matches) {
      for (const view of views) {
        const zoom = view.model.toolbar.tools.find((tool) => tool.type === "BoxZoomTool");
        if (zoom != null) { zoom.active = true; }
      }
    }
    dark.addEventListener("change", () => paint());
    addEventListener("resize", () => paint());
    addEventListener("beforeprint", print);
    addEventListener("afterprint", unprint);
    root.dataset.charts = "shown";
  };
  if (Object.keys(told.places).length) { show(); }
}
