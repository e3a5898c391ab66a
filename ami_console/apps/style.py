"""Colours and style sheets of the pages, for light and dark."""

from functools import cache
from pathlib import Path
from typing import Any

from ami_console.charts import GREEN, SERIES

ASSETS = Path(__file__).parent / "assets"

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
    # On a phone the header takes three lines: what lies under it has to begin lower.
    "& main .MuiToolbar-root": {"@media (max-width: 640px)": {"minHeight": "90px"}},
}


@cache
def sheet(*names: str) -> str:
    """Style sheets of this package in one, with the swatches of the chart lines.

    Args:
        names: Files in ``assets``, without ``.css``.
    """
    swatches = [
        f".s-{line.column} {{ border-top: 3px {line.dash} {line.colour}; }}" for line in SERIES
    ]
    swatches.append(f".line i.dot {{ background: {GREEN}; }}")
    return "\n".join([(ASSETS / f"{name}.css").read_text("utf-8") for name in names] + swatches)
