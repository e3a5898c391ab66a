"""Parts that the cards about a job are built of."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import clock
from ami_console.apps.told import Places

OLD_S = 20.0
"""Values of a source that were read longer ago than this carry their time."""


def section(title: str, source: str, read_at: Any, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    """The head of a card, which is still to be closed: what it shows, who told, and when.

    Args:
        title: Trusted HTML.
        source: Trusted HTML.
        read_at: When it was read; missing: not told.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
    """
    is_old = not formats.absent(read_at) and (as_of - read_at).total_seconds() > OLD_S
    when = f", as of {clock(read_at, zone, as_of=as_of)}" if is_old else ""
    return f'<div class="section"><h3>{title}<span class="dim">{source}{when}</span></h3>'


def pairs(told: Iterable[tuple[str, str]], put: Places) -> str:
    """Names with their values; the names are trusted HTML, the values plain text."""
    rows = (f"<dt>{key}</dt><dd>{put(value)}</dd>" for key, value in told)
    return f"<dl>{''.join(rows)}</dl>"


def note(text: str) -> str:
    """A remark below; trusted HTML."""
    return f'<p class="note">{text}</p>'
