"""What all parts of the page are put on."""

from typing import Any

import panel as pn

from ami_console.apps import style
from ami_console.apps.told import ToldPane

_NO_BUTTON = ".scroll-button { display: none; }"
"""Of a column that scrolls; unseen it would take its room in the flow all the same."""


def card(content: Any, **styles: str) -> Any:
    """A sheet with a border around some content.

    Args:
        content: A Panel object.
        styles: CSS of the sheet, ``_`` for ``-``: how it grows beside others, for example.
    """
    return pn.Column(
        content,
        sizing_mode="stretch_width",
        margin=0,
        css_classes=["card"],
        stylesheets=[_NO_BUTTON, style.sheet("card")],
        styles={name.replace("_", "-"): value for name, value in styles.items()},
    )


def pane(**params: Any) -> ToldPane:
    """An empty pane of text as wide as there is room."""
    return ToldPane(sizing_mode="stretch_width", margin=0, **params)


def column(*content: Any, gap_px: int = 12, **styles: str) -> Any:
    """Parts below each other."""
    told = {name.replace("_", "-"): value for name, value in styles.items()}
    return pn.Column(
        *content,
        sizing_mode="stretch_width",
        styles={"gap": f"{gap_px}px", "min-width": "0"} | told,
        stylesheets=[_NO_BUTTON],
        margin=0,
    )


def row(*content: Any, gap_px: int = 12, align: str = "stretch") -> Any:
    """Parts side by side where there is room.

    A column that flows as a row: what is added to it later gets the page's colours, which a
    ``pn.FlexBox`` would not hand on.
    """
    flow = {"flex-flow": "row wrap", "align-items": align}
    return pn.Column(
        *content,
        sizing_mode="stretch_width",
        styles={"display": "flex", "gap": f"{gap_px}px", "min-width": "0"} | flow,
        stylesheets=[_NO_BUTTON],
        margin=0,
    )
