"""Measured figures, each beside its floor and its goal, as a table or JSON."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number.

    Attributes:
        what: What was measured.
        value: The number.
        unit: Its unit.
        floor: The same unit, of the least that could do the same work, measured in the same run;
            ``None``: there is none.
        floor_is: What the floor did.
        goal: What the number should keep.
        ratio_goal: What the ratio to the floor should keep.
        more_is_better: Goals are at least, and a floor is the most; otherwise at most.
    """

    what: str
    value: float
    unit: str
    floor: float | None = None
    floor_is: str = ""
    goal: float | None = None
    ratio_goal: float | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """The number in floors."""
        return self.value / self.floor if self.floor else None

    @property
    def holds(self) -> bool | None:
        """Whether every goal is kept; ``None``: there is no goal."""
        kept = [
            value >= goal if self.more_is_better else value <= goal
            for value, goal in ((self.value, self.goal), (self.ratio, self.ratio_goal))
            if value is not None and goal is not None
        ]
        return all(kept) if kept else None

    def as_json(self) -> dict[str, Any]:
        """All of it, with what follows from it."""
        return asdict(self) | {"ratio": self.ratio, "holds": self.holds}


def best_of(times: int, step: Callable[[], Any]) -> float:
    """Shortest time that a step took, seconds."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        step()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def show(figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print them."""
    if as_json:
        told = {"machine": machine(), "figures": [figure.as_json() for figure in figures]}
        json.dump(told, sys.stdout, indent=2)
        print()
    else:
        print(table(figures))


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
    }


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table."""
    head = ("what", "measured", "floor", "ratio", "goal", "")
    return aligned([head, *map(_row, figures)], markdown=True)


def aligned(lines: Sequence[Sequence[str]], *, markdown: bool) -> str:
    """Lines as columns of one width; the first is the head."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [[c.ljust(w) for c, w in zip(line, widths, strict=True)] for line in lines]
    if markdown:
        padded.insert(1, ["-" * width for width in widths])
        return "\n".join(f"| {' | '.join(line)} |" for line in padded)
    return "\n".join("  ".join(line).rstrip() for line in padded)


def _row(figure: Figure) -> tuple[str, ...]:
    sign = "≥" if figure.more_is_better else "≤"
    goals = []
    if figure.goal is not None:
        goals.append(f"{sign} {figure.goal:,g} {figure.unit}")
    if figure.ratio_goal is not None:
        goals.append(f"{sign} {figure.ratio_goal:g} ×")
    floor = "" if figure.floor is None else f"{_number(figure.floor)} {figure.unit}"
    if floor and figure.floor_is:
        floor += f": {figure.floor_is}"
    return (
        figure.what,
        f"{_number(figure.value)} {figure.unit}",
        floor,
        "" if figure.ratio is None else f"{figure.ratio:.2f} ×",
        ", ".join(goals),
        {True: "kept", False: "MISSED", None: ""}[figure.holds],
    )


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
