"""Colours and style sheets of the pages, for light and dark."""

from typing import Any

from ami_console.charts import SERIES

THEME: dict[str, Any] = {
    "light": {
        "palette": {
            "primary": {"main": "#1b5e92"},
            "background": {"default": "#f3f5f7", "paper": "#ffffff"},
            "text": {"primary": "#15202b", "secondary": "#52606d"},
            "success": {"main": "#0b7a55"},
            "info": {"main": "#1d6fb8"},
            "warning": {"main": "#a65a00"},
            "error": {"main": "#c0262d"},
        }
    },
    "dark": {
        "palette": {
            "primary": {"main": "#6cb6ef"},
            "background": {"default": "#0e1318", "paper": "#161d24"},
            "text": {"primary": "#e6ebf0", "secondary": "#9fb0bf"},
            "success": {"main": "#4cc79a"},
            "info": {"main": "#6cb6ef"},
            "warning": {"main": "#f0a54a"},
            "error": {"main": "#ff8080"},
        }
    },
    "shape": {"borderRadius": 8},
}

PAGE_SX: dict[str, Any] = {
    "& main": {"backgroundColor": "background.default"},
    "& .header": {
        "backgroundColor": "#17293a",
        "backgroundImage": "none",
        "boxShadow": "none",
        "color": "#ffffff",
    },
    "& .header .MuiToolbar-root": {"minHeight": "56px"},
}

_TONES = """
:host { --good: var(--mui-palette-success-main, #0b7a55); --active: var(--mui-palette-info-main, #1d6fb8);
  --warn: var(--mui-palette-warning-main, #a65a00); --bad: var(--mui-palette-error-main, #c0262d);
  --muted: var(--panel-on-secondary-color, #5b6875);
  --line: color-mix(in srgb, var(--muted) 28%, transparent); }
.good { --tone: var(--good) }
.active { --tone: var(--active) }
.warn { --tone: var(--warn) }
.bad { --tone: var(--bad) }
.muted { --tone: var(--muted) }
.state, .error, .bar, .tabulator-row { --tone-bg: color-mix(in srgb, var(--tone, var(--muted)) 14%, transparent);
  --muted-bg: color-mix(in srgb, var(--muted) 14%, transparent);
  --active-bg: color-mix(in srgb, var(--active) 13%, transparent); }
.state { color: var(--tone); background: var(--tone-bg); border-radius: 999px; padding: 2px 10px 2px 8px;
  font-weight: 600; font-size: 12.5px; line-height: 18px; white-space: nowrap; display: inline-block; }
.mark { display: inline-block; width: 1.15em; text-align: center; margin-right: 3px; font-style: normal; }
"""

_TEXT = """
:host, .bk-clearfix { font-variant-numeric: tabular-nums; font-size: 14px; line-height: 1.4;
  color: var(--panel-on-background-color); }
.dim { color: var(--panel-on-secondary-color); }
h1, h2, h3 { margin: 0; font-weight: 600; }
"""

_SWATCHES = "\n".join(
    f".s-{line.column} {{ border-top: 3px {line.dash} {line.colour}; }}" for line in SERIES
)

PANE = (
    _TEXT
    + _TONES
    + _SWATCHES
    + """
.head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 20px; }
.head h3 { font-size: 14px; flex: 1 0 100%; }
.head h3 .dim { font-weight: 400; font-size: 13px; margin-left: 4px; }
.head .state { font-size: 12px; padding: 0 8px; margin-left: 6px; }
.line { white-space: nowrap; font-size: 13px; color: var(--panel-on-secondary-color); }
.line b { color: var(--panel-on-background-color); font-size: 15px; font-weight: 600; margin-left: 4px; }
.line i { display: inline-block; width: 22px; vertical-align: middle; margin-right: 6px; }
.over { font-size: 15px; }
.nothing { font-size: 13px; color: var(--panel-on-secondary-color); flex-basis: 100%; }

.source { display: grid; grid-template-columns: auto 1fr auto; gap: 0 10px; align-items: baseline; }
.source strong { font-size: 14px; }
.source .age { font-size: 18px; font-weight: 600; text-align: right; white-space: nowrap; color: var(--tone); }
.source .cost { grid-column: 1 / -1; font-size: 12.5px; color: var(--panel-on-secondary-color); }
.error { padding: 9px 14px; border-radius: 6px; font-size: 14px; color: var(--panel-on-background-color);
  background: var(--tone-bg); border-left: 4px solid var(--tone); overflow-wrap: anywhere; }
.error + .error { margin-top: 8px; } .error strong { color: var(--tone); }

.job { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 14px; }
.job h2 { font-size: 19px; overflow-wrap: anywhere; }
.job h2 .dim { font-weight: 400; }
.facts { display: flex; flex-wrap: wrap; gap: 6px 26px; margin-left: auto; }
.fact { white-space: nowrap; } .fact > span { display: block; font-size: 12px; }
.fact b { font-size: 16px; font-weight: 600; } .fact .alarm { color: var(--bad); }
.bar { height: 6px; border-radius: 3px; background: var(--muted-bg); overflow: hidden; margin-top: 12px; }
.bar div { height: 100%; background: var(--active); }
.bar.good div { background: var(--good) } .bar.bad div { background: var(--bad) }

dl { display: grid; grid-template-columns: 1fr auto; gap: 4px 14px; margin: 6px 0 0; font-size: 13px; }
dt { color: var(--panel-on-secondary-color); } dd { margin: 0; text-align: right; white-space: nowrap; }
.section h3 { font-size: 13px; display: flex; justify-content: space-between; gap: 8px; }
.section h3 .dim { font-weight: 400; font-size: 12px; }
.note { font-size: 12.5px; margin: 6px 0 0; color: var(--panel-on-secondary-color); }
.stages { display: grid; grid-template-columns: 1fr auto; gap: 7px 10px; margin-top: 7px; font-size: 13px;
  align-items: center; }
.stages .detail { grid-column: 1 / -1; margin-top: -5px; font-size: 12.5px;
  color: var(--panel-on-secondary-color); }

.empty { padding: 22px 4px; } .empty h2 { font-size: 17px; margin-bottom: 4px; }
.empty p { margin: 0; max-width: 68ch; color: var(--panel-on-secondary-color); }
"""
)

HEADER = """
:host { color: #fff; font-variant-numeric: tabular-nums; flex: 1 1 auto; }
.top { display: flex; flex-wrap: wrap; align-items: center; gap: 2px 16px; color: #fff; }
h1 { font-size: 20px; font-weight: 600; margin: 0; white-space: nowrap; }
.label { font-size: 13px; border: 1px solid rgba(255,255,255,.4); border-radius: 999px; padding: 2px 10px;
  overflow-wrap: anywhere; }
.clock { font-size: 13px; color: rgba(255,255,255,.85); margin-left: auto; white-space: nowrap; }
"""

TABLE = (
    _TONES
    + """
.tabulator { font-size: 13.5px; font-variant-numeric: tabular-nums; border: 0 !important;
  background: transparent !important; }
.tabulator .tabulator-header, .tabulator .tabulator-header .tabulator-col {
  background: transparent !important; border-color: var(--line) !important;
  color: var(--panel-on-secondary-color) !important; font-weight: 600; font-size: 12.5px; }
.tabulator .tabulator-row { background: transparent !important; min-height: 42px !important; cursor: pointer;
  border-bottom: 1px solid var(--line) !important; color: var(--panel-on-background-color) !important; }
.tabulator .tabulator-row:hover { background: var(--muted-bg) !important; }
.tabulator .tabulator-row.tabulator-selected { background: var(--active-bg) !important;
  box-shadow: inset 4px 0 0 var(--active); }
.tabulator .tabulator-row .tabulator-cell { border: 0 !important; padding: 3px 10px !important;
  height: 42px !important; line-height: 36px; font-size: 14px; background: transparent !important; color: inherit !important; }
.tabulator .tabulator-header .tabulator-col .tabulator-col-content { padding: 4px 10px !important; }
.tabulator .tabulator-header .tabulator-col .tabulator-col-title { padding-right: 0 !important; }
.tabulator .tabulator-col-sorter { display: none !important; }
.tabulator .tabulator-col[aria-sort="ascending"] .tabulator-col-title::after { content: " ↑"; }
.tabulator .tabulator-col[aria-sort="descending"] .tabulator-col-title::after { content: " ↓"; }
.tabulator-cell .state { line-height: 20px; vertical-align: middle; }
.tabulator-cell .two, .tabulator-cell .progress { line-height: 18px; }
.tabulator-cell .two { overflow: hidden; width: 100%; }
.tabulator-cell .two div { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.tabulator-cell .two .name { font-weight: 600; }
.tabulator-cell .dim, .tabulator-cell .unit { color: var(--panel-on-secondary-color); font-size: 12px; }
.tabulator-cell .progress { width: 100%; }
.tabulator-cell .progress .bar { height: 5px; border-radius: 3px; background: var(--muted-bg); margin-top: 3px;
  overflow: hidden; }
.tabulator-cell .progress .bar div { height: 100%; background: var(--tone); }
.tabulator-cell .alarm { color: var(--bad); font-weight: 600; }
.tabulator-tableholder { background: transparent !important; }
"""
)
