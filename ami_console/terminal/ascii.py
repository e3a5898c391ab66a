"""What is drawn, for terminals that can't show it: every character by one of their own."""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

_STAND_INS = str.maketrans(
    {
        **dict(zip("▁▂▃▄▅▆▇", "_.-=+*#", strict=True)),
        **dict(zip("━─┄", "#-.", strict=True)),
        **dict(zip("✕✓▲●○◔▶↻◌⊘‖▸", "x+!*o.>r.o|>", strict=True)),
        **dict(zip("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\|/-\\|/", strict=True)),
        **dict(zip("–—…·×“”‘’→±", "--.-x\"\"''>~", strict=True)),
    }
)


def is_unicode(encoding: str) -> bool:
    """Whether an encoding has all characters."""
    return encoding.lower().replace("_", "-").startswith(("utf-", "utf8", "utf16"))


def in_encoding(text: str, encoding: str) -> str:
    """Text that can be written in an encoding, as wide as it was."""
    if is_unicode(encoding):
        return text
    shown = []
    for character in text:
        known = character.encode(encoding, "ignore").decode(encoding)
        plain = known or character.translate(_STAND_INS)
        is_known = bool(plain.encode(encoding, "ignore"))
        shown.append(plain if is_known else "?" * cell_len(character))
    return "".join(shown)


class Encoded:
    """Another renderable, in characters that an encoding has."""

    def __init__(self, page: RenderableType, encoding: str) -> None:
        """Args: ``page`` is shown, in ``encoding``."""
        self._page, self._encoding = page, encoding

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """The same segments with other characters."""
        for text, style, control in console.render(self._page, options):
            yield Segment(text if control else in_encoding(text, self._encoding), style, control)
