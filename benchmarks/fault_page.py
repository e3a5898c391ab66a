"""What a page says of each source: as it is drawn here, or as it stands in a real Chromium."""

import html
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import pandas as pd
from playwright.sync_api import Error

from ami_console import frames
from ami_console.apps.feed import Feed
from ami_console.apps.source_strip import NAMES, source_card, troubles
from ami_console.metrics import source_ages

_TAG = re.compile(r"<[^>]+>")

OF_A_PAGE = """() => {
  const found = {chips: [], troubles: []}
  const walk = (root) => {
    for (const chip of root.querySelectorAll(".source")) {
      const told = (part) => chip.querySelector(part)?.textContent ?? ""
      found.chips.push([told("strong"), told(".state"), told(".age")])
    }
    for (const trouble of root.querySelectorAll(".error")) {
      if (trouble.checkVisibility()) { found.troubles.push(trouble.textContent) }
    }
    for (const el of root.querySelectorAll("*")) { if (el.shadowRoot) { walk(el.shadowRoot) } }
  }
  walk(document)
  return found
}"""
"""Chips (name, state, age) and full sentences of a page, wherever they are in it."""


class Said(NamedTuple):
    """What a page says of one source.

    Attributes:
        state: Mark and word of its chip.
        trouble: What is wrong with it, in full; empty: nothing.
    """

    state: str
    trouble: str

    @property
    def is_well(self) -> bool:
        """Whether it is called ok, and nothing else."""
        return self.state == "●ok" and not self.trouble


class Page(Protocol):
    """Something that can be read."""

    def read(self) -> Mapping[str, Said]:
        """Source → what is said of it now; a source that is not told of is left out."""
        ...


class Drawn:
    """The strip of a feed as every page of it draws it, without a browser."""

    def __init__(self, feed: Feed) -> None:
        """Nothing is read yet."""
        self._feed = feed

    def read(self) -> Mapping[str, Said]:
        """See :class:`Page`."""
        as_of = pd.Timestamp.now("UTC")
        how: dict[str, Any] = {
            "as_of": as_of,
            "zone": self._feed.zone,
            "is_live": True,
            "every_s": self._feed.every_s,
        }
        found = {}
        ages = source_ages(self._feed.latest("reads", until=as_of), as_of=as_of)
        for source in ages.to_dict("records"):
            if source["source"] not in NAMES:
                continue
            card = source_card(source, gaps=frames.empty("reads"), **how).html
            state = re.search(r'class="state">(.*?)</span>', card)
            assert state is not None, card  # noqa: S101
            trouble = _text(troubles([source], **how).html)
            found[source["source"]] = Said(_text(state[1]), trouble)
        return found


class Tab:
    """A page of the dashboard in a browser."""

    def __init__(self, page: Any) -> None:
        """Nothing is read yet.

        Args:
            page: Of Playwright's sync API, at the dashboard.
        """
        self._page = page

    def read(self) -> Mapping[str, Said]:
        """See :class:`Page`."""
        try:
            told = self._page.evaluate(OF_A_PAGE)
        except Error:  # it loads itself anew, as after its server was too busy to send anything
            return {}
        by_name = {name: source for source, name in NAMES.items()}
        found = {}
        for name, state, _ in told["chips"]:
            mine = [text for text in told["troubles"] if text.strip().startswith(f"{name} ")]
            if name in by_name:
                found[by_name[name]] = Said(state.strip(), "; ".join(mine).strip())
        return found


def _text(markup: str) -> str:
    return html.unescape(_TAG.sub("", markup)).strip()
