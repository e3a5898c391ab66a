"""Charts inside a page: BokehJS and the data as text, so that nothing is fetched from anywhere."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from bokeh.resources import Resources
from bokeh.themes import Theme

ASSETS = Path(__file__).parent / "assets"

DATA_ID = "ami-charts"
"""Of the element that holds the charts' data."""


@cache
def scripts() -> tuple[str, ...]:
    """What the page runs, in this order: BokehJS without extras, and our own."""
    bokeh, *_ = Resources(mode="inline", components=["bokeh"]).js_raw
    return bokeh, (ASSETS / "report.js").read_text("utf-8")


@cache
def style() -> str:
    """The style sheet of the page."""
    return (ASSETS / "report.css").read_text("utf-8")


def policy(*scripts: str) -> str:
    """What the page may do: run exactly these scripts, and ask nobody for anything.

    Args:
        scripts: Text of the scripts. Any other, and any in an attribute, the browser refuses:
            a second wall should a text of others ever get into the page unescaped.
    """
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def charts_data(figures: Sequence[Any]) -> str:
    """The figures as JSON for :data:`DATA_ID`; no text in it can end the element that holds it.

    Args:
        figures: Figures of Bokeh, each with its name, which is the id of its place.
    """
    document = Document(theme=Theme(json={}))
    with document.models.freeze():  # else all models are gone through again for each figure
        for figure in figures:
            document.add_root(figure)
    whole = document.to_json(deferred=False)
    # What other parts of this process made of Bokeh's models, the dashboard for one: not ours.
    held = {name: value for name, value in whole.items() if name != "defs"}
    told = {
        "document": held,
        "places": {figure.name: figure.id for figure in figures},
    }
    return serialize_json(told).replace("<", "\\u003c")
