"""What an import has to explain."""

from dataclasses import dataclass, field

MOST_KINDS = 200
"""Kinds of notes that are kept apart: texts of errors may be as many as there are lines."""

_OTHERS = "other notes, of more kinds than are told here"


@dataclass
class Notes:
    """What an import has to explain, by kind: how often, and the first place.

    Attributes:
        damaged: Whether a file was not whole.
    """

    counted: dict[str, tuple[int, str]] = field(default_factory=dict)
    damaged: bool = False

    def add(self, what: str, where: str) -> None:
        """Count one more of a kind."""
        if what not in self.counted and len(self.counted) >= MOST_KINDS:
            what = _OTHERS
        times, first = self.counted.get(what, (0, where))
        self.counted[what] = (times + 1, first)

    def lines(self) -> list[str]:
        """One line per kind."""
        return [
            f"{what} ({times} times, first at {first})" if times > 1 else f"{what} (at {first})"
            for what, (times, first) in self.counted.items()
        ]
