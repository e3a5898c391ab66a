"""What the reader looks at: it lives in the page's address, and a copied link opens it again."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import param

TABS = {"jobs": "Jobs", "job": "Job", "trends": "Trends", "data": "Raw data"}

PARTS = {"now": "Charts", "tasks": "Tasks", "workers": "Workers", "logs": "Logs"}
"""Parts of the page about one job."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """How far back the charts reach, or from when to when.

    Attributes:
        key: What the address calls it.
        label: What the page calls it.
        span_s: How far back from the newest look, seconds; ``None``: everything.
        begins_at, ends_at: Fixed instants in place of that.
    """

    key: str
    label: str
    span_s: float | None = None
    begins_at: pd.Timestamp | None = None
    ends_at: pd.Timestamp | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether it stays where it is when new looks come in."""
        return self.begins_at is not None


WINDOWS = (
    Window(key="15m", label="15 min", span_s=900),
    Window(key="1h", label="1 h", span_s=3_600),
    Window(key="6h", label="6 h", span_s=21_600),
    Window(key="24h", label="24 h", span_s=86_400),
    Window(key="all", label="all"),
)
USUAL = WINDOWS[1]

EVERY_S = (1, 2, 5, 15, 60)
"""How often a page may be drawn, seconds."""


def window(key: str) -> Window:
    """The window of that name, ``<ISO>/<ISO>`` for fixed instants; 1 h for a name that is none."""
    named = next((w for w in WINDOWS if w.key == key), None)
    return named or _fixed(key) or USUAL


def _fixed(key: str) -> Window | None:
    begin, _, end = key.partition("/")
    begins_at, ends_at = instant(begin), instant(end)
    if begins_at is None or ends_at is None or not begins_at < ends_at:
        return None
    return Window(key=key, label="fixed", begins_at=begins_at, ends_at=ends_at)


def instant(text: str) -> pd.Timestamp | None:
    """An instant of an address, such as ``2026-11-23T15:20:00Z``; ``None`` for none."""
    try:
        at = pd.Timestamp(text)
    except (ValueError, OverflowError):
        return None
    if pd.isna(at):
        return None
    return at.tz_localize("UTC") if at.tzinfo is None else at.tz_convert("UTC")


def iso(at: pd.Timestamp) -> str:
    """An instant as an address has it: UTC, to the second where that is exact."""
    text = at.tz_convert("UTC").tz_localize(None).isoformat(timespec="milliseconds")
    return f"{text.removesuffix('.000')}Z"


def zone(key: str) -> ZoneInfo | None:
    """The time zone of that name; ``None`` for a name that is none."""
    try:
        return ZoneInfo(key) if key else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


class View(param.Parameterized):
    """What the reader looks at; each parameter is one of the address, if it is not as usual."""

    tab: Any = param.Selector(default="jobs", objects=list(TABS), doc="Page.")
    job = param.Integer(default=None, allow_None=True, bounds=(1, None), doc="The chosen job.")
    part: Any = param.Selector(default="now", objects=list(PARTS), doc="Part of the page of a job.")
    window = param.String(default=USUAL.key, doc="As of :func:`window`.")
    zone = param.String(default="", doc="Zone of the wall time; empty: Antenna's.")
    every = param.Integer(default=2, bounds=(1, 3600), doc="How often it is drawn, seconds.")
    recording = param.String(default="", doc="Name of a recording; empty: live.")
    at = param.String(default="", doc="Instant that is replayed; empty: the newest.")
    fleet = param.String(default="", doc="Search, filter and order of the table of jobs.")
    minute = param.String(default="", doc="Minute whose log lines are shown.")
    frame = param.String(default="", doc="Frame of the raw data.")

    @property
    def span(self) -> Window:
        """The window."""
        return window(self.window)


NAMES = tuple(name for name in View.param if name != "name")


def read(view: View, search: str) -> list[str]:
    """Take a view over from an address.

    Args:
        view: Changed to what the address says; what it does not say becomes as usual.
        search: The address from its ``?`` on.

    Returns:
        What of it can't be shown, in words for the reader.
    """
    given = dict(parse_qsl(search.removeprefix("?")))
    values: dict[str, Any] = {}
    wrong = []
    for name in NAMES:
        usual = view.param[name].default
        values[name] = usual
        if name not in given:
            continue
        try:
            values[name] = _checked(view, name, given[name])
        except ValueError:
            wrong.append(f"“{name}={given[name][:60]}” of this address is not understood")
    view.param.update(**values)
    return wrong


def _checked(view: View, name: str, text: str) -> Any:
    known = view.param[name]
    value: Any = int(text) if isinstance(known, param.Integer) else text
    if isinstance(known, param.Selector) and value not in known.objects:
        raise ValueError
    if name == "window" and window(text).key != text:
        raise ValueError
    if name == "zone" and zone(text) is None:
        raise ValueError
    if name in ("at", "minute") and instant(text) is None:
        raise ValueError
    if isinstance(known, param.Integer):
        low, high = known.bounds or (None, None)
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError
    return value


def written(view: View, search: str = "") -> str:
    """The address of a view, from its ``?`` on; empty where all is as usual.

    Args:
        view: The view.
        search: The address before: what in it is no part of a view is kept.
    """
    others = {k: v for k, v in parse_qsl(search.removeprefix("?")) if k not in NAMES}
    changed = {n: getattr(view, n) for n in NAMES if getattr(view, n) != view.param[n].default}
    query = urlencode({**changed, **others}, safe=":/,")
    return f"?{query}" if query else ""
