"""The head of the page: what is watched, is it live, from when, in whose time."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import escape
from ami_console.apps.told import Places, Told
from ami_console.apps.view import EVERY_S, TABS, WINDOWS, View, Window, written

TITLE = "Antenna jobs"

_NONE: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Head:
    """What the head tells.

    Attributes:
        view: What the reader looks at.
        label: What the feed is called.
        environment: Name and colour of what is watched; an empty name: none was given.
        as_of: The instant that the page shows.
        zone: Zone of its wall time.
        zones: Keys of zones to choose from, Antenna's first.
        recordings: Names to choose from.
        can_be_live: Whether there is anything live.
        is_live: Whether it is shown.
        every_s: Pause between two looks, seconds.
        paused_at: Since when nobody is asked anything.
        counts: Behind the name of a tab.
        user: Who is logged in; ``None``: nobody has to.
    """

    view: View
    label: str
    environment: tuple[str, str]
    as_of: pd.Timestamp
    zone: ZoneInfo
    zones: Sequence[str]
    recordings: Sequence[str] = ()
    can_be_live: bool = True
    is_live: bool = True
    every_s: float = 2.0
    paused_at: pd.Timestamp | None = None
    counts: dict[str, str] = field(default_factory=dict)
    user: str | None = None

    @property
    def mode(self) -> str:
        """``live``, ``paused`` or ``replay``."""
        return "replay" if not self.is_live else "live" if self.paused_at is None else "paused"

    @property
    def fixed(self) -> Hashable:
        """All that tabs and controls are made of: what does not change with the clock."""
        return (
            written(self.view, ""),
            self.zone.key,
            *self.zones,
            *self.recordings,
            self.can_be_live,
            self.mode,
            self.every_s,
            *self.counts.items(),
        )


_MODES = {"live": ("●", "live"), "paused": ("❚❚", "paused"), "replay": ("⟲", "replay")}


def top(head: Head) -> Told:
    """The bar at the top: environment, mode, clock."""
    put = Places()
    mark, word = _MODES[head.mode]
    name, colour = head.environment
    badge = ""
    if name:
        badge = f'<span class="env" style="--env:{escape(colour)}">{escape(name)}</span>'
    login = ""
    if head.user is not None:
        login = f'<span class="label">{escape(head.user)} · <a href="logout">Log out</a></span>'
    local = head.as_of.tz_convert(head.zone)
    what = "now" if head.is_live else "as it stood at"
    return put.told(
        f'<div class="top"><h1>{TITLE}</h1>{badge}'
        f'<span class="mode {head.mode}"><i class="mark">{mark}</i>{word}</span>'
        f'<span class="label">{escape(head.label)}</span>{login}'
        f'<span class="clock">{what} <b>{put(f"{local:%H:%M:%S}")}</b> '
        f"{put(f'{local:%d %b %Y}')}, {escape(head.zone.key)}</span></div>"
    )


def frozen(head: Head) -> str:
    """What is said across a page that stands still; empty: it does not."""
    if head.mode != "paused" or head.paused_at is None:
        return ""
    since = formats.clock(head.paused_at, head.zone, as_of=head.as_of)
    return f"Paused since {since}: nobody is asked anything, and what you see grows old."


def tabs(head: Head) -> Told:
    """The pages, of which one is shown."""
    return tab_list("tab", TABS, head.view.tab, label="Pages", counts=head.counts)


def tab_list(
    act: str, names: Mapping[str, str], shown: str, *, label: str, counts: Mapping[str, str] = _NONE
) -> Told:
    """Buttons of which one is where the reader is.

    Args:
        act: What a press asks for.
        names: Key → name.
        shown: Key of the one that is shown.
        label: What a screen reader calls the whole.
        counts: Key → what stands behind the name.
    """
    put = Places()
    buttons = []
    for key, name in names.items():
        here = ' aria-current="page"' if key == shown else ""
        count = counts.get(key, "")
        badge = f'<span class="count">{put(count)}</span>' if count else ""
        buttons.append(
            f'<button type="button" data-act="{act}" data-to="{key}" '
            f'data-focus="{act}:{key}"{here}>{name}{badge}</button>'
        )
    return put.told(f'<nav aria-label="{label}">{"".join(buttons)}</nav>')


def controls(head: Head) -> Told:
    """What the reader can set: pause, pace, window, zone, recording; and the link to all that."""
    parts = [_mode_button(head), _every(head), _windows(head), _zones(head), _recordings(head)]
    parts.append(
        '<span class="last">'
        '<button type="button" class="link" data-focus="link">Copy link</button>'
        '<button type="button" data-act="keys" data-focus="keys" aria-label="Keys">?</button>'
        "</span>"
    )
    return Told(f'<div class="controls" role="group" aria-label="View">{"".join(parts)}</div>')


def _mode_button(head: Head) -> str:
    if not head.is_live:
        if not head.can_be_live:
            return ""
        return _button("live", "● Back to live")
    if head.paused_at is not None:
        return _button("resume", "▶ Resume") + _button("replay", "⟲ Replay")
    return _button("pause", "❚❚ Pause") + _button("replay", "⟲ Replay")


def _button(act: str, text: str) -> str:
    return f'<button type="button" data-act="{act}" data-focus="{act}">{text}</button>'


def _every(head: Head) -> str:
    if not head.is_live:
        return ""
    paces = sorted({*EVERY_S, head.view.every})
    options = [(str(s), f"every {formats.duration(s)}") for s in paces]
    looked = formats.duration(head.every_s)
    return _select("every", "drawn", options, str(head.view.every), f"sources: every {looked}")


def _windows(head: Head) -> str:
    span = head.view.span
    buttons = "".join(
        f'<button type="button" data-act="window" data-to="{w.key}" data-focus="w:{w.key}" '
        f'aria-pressed="{"true" if w.key == span.key else "false"}">{w.label}</button>'
        for w in WINDOWS
    )
    return (
        f'<span class="group" role="group" aria-label="How far the charts reach back">'
        f'<span class="name">last</span>{buttons}</span>{_range(head, span)}'
    )


def _range(head: Head, span: Window) -> str:
    """From when to when, as wall time of the page's zone."""
    fields = []
    for side, at, name in (("from", span.begins_at, "from"), ("to", span.ends_at, "to")):
        value = "" if at is None else f"{at.tz_convert(head.zone):%Y-%m-%dT%H:%M:%S}"
        fields.append(
            f'<label>{name} <input type="datetime-local" step="1" data-act="{side}" '
            f'data-focus="{side}" value="{value}"></label>'
        )
    told = "fixed" if span.is_fixed else "from … to"
    pressed = ' class="pressed"' if span.is_fixed else ""
    return (
        f'<details class="range" data-key="range"><summary data-focus="range"{pressed}>{told}'
        f'</summary><span class="fields">{"".join(fields)}</span></details>'
    )


def _zones(head: Head) -> str:
    return _select("zone", "time of", [(z, z) for z in head.zones], head.zone.key)


def _recordings(head: Head) -> str:
    if not head.recordings:
        return ""
    first = [("", "live")] if head.can_be_live else []
    options = first + [(name, name) for name in head.recordings]
    return _select("recording", "show", options, head.view.recording)


def _select(
    act: str, name: str, options: Sequence[tuple[str, str]], chosen: str, title: str = ""
) -> str:
    told = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>'
        f"{escape(text)}</option>"
        for value, text in options
    )
    hint = f' title="{escape(title)}"' if title else ""
    return (
        f'<label{hint}><span class="name">{name}</span> '
        f'<select data-act="{act}" data-focus="{act}">{told}</select></label>'
    )
