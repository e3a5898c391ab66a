"""What axe-core finds on a page in a real browser."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

GRAVE = frozenset({"serious", "critical"})

_RUN = """async (levels) => {
  const found = await axe.run(document, {resultTypes: ["violations"]})
  return found.violations.filter((rule) => levels.includes(rule.impact)).map((rule) => ({
    rule: rule.id, impact: rule.impact, help: rule.help,
    nodes: rule.nodes.map((node) => ({
      // A selector per shadow root on the way, from the outermost; per frame before that.
      target: node.target.flat(), html: node.html,
      why: [...node.any, ...node.all, ...node.none].map((check) => check.message).join("; "),
    })),
  }))
}"""


@dataclass(frozen=True, slots=True)
class Violation:
    """One element that breaks a rule.

    Attributes:
        rule: As axe-core calls it, such as ``color-contrast``.
        impact: ``minor``, ``moderate``, ``serious`` or ``critical``.
        target: A selector per shadow root on the way to the element, from the outermost.
        html: Its markup, the beginning of it.
        why: What axe-core says of it.
    """

    rule: str
    impact: str
    target: tuple[str, ...]
    html: str
    why: str

    def __str__(self) -> str:
        return f"{self.rule} ({self.impact}): {self.html[:160]}\n  {self.why[:240]}"


def violations(page: Page, *, levels: Collection[str] = GRAVE) -> list[Violation]:
    """Elements of a page that break a rule, those in open shadow roots included.

    Args:
        page: As it is now: what it hides is not looked at.
        levels: Impacts that count.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_axe())
    return list(_told(page.evaluate(_RUN, sorted(levels))))


def _told(rules: list[dict[str, Any]]) -> Iterator[Violation]:
    for rule in rules:
        for node in rule["nodes"]:
            yield Violation(
                rule["rule"], rule["impact"], tuple(node["target"]), node["html"], node["why"]
            )


def _axe() -> str:
    # Its Python side is not used: it flattens nothing and keeps no shadow root apart.
    import axe_playwright_python  # noqa: PLC0415  (not on conda-forge: the caller skips)

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
