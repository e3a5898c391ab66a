"""A table that drops what matters least until it fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

GAP = 2


@dataclass(frozen=True)
class Column:
    """One form of a column.

    Attributes:
        head: Its heading.
        cells: One per row.
        is_left: Text is set to the left, numbers to the right.
        most: Columns of the screen that it takes at most; more is cut.
    """

    head: str
    cells: Sequence[Text]
    is_left: bool = False
    most: int = 200

    @property
    def width(self) -> int:
        """What it takes."""
        widest = max((cell.cell_len for cell in self.cells), default=0)
        return min(self.most, max(len(self.head), widest))

    def set(self, cell: Text) -> Text:
        """A cell in its width."""
        whole = cell.copy()
        whole.truncate(self.width, overflow="ellipsis")
        room = self.width - whole.cell_len
        if self.is_left:
            whole.pad_right(room)
        else:
            whole.pad_left(room)
        return whole


def fitting(
    steps: Sequence[tuple[str, Column]], order: Sequence[str], width: int
) -> Mapping[str, Column]:
    """The columns for which there is room.

    Args:
        steps: Columns, what matters most first. A name that comes again is a wider form of the
            same column. What does not fit is left out, and the next is tried.
        order: Names from left to right.
        width: Columns of the screen.
    """
    taken: dict[str, Column] = {}
    for name, column in steps:
        tried = {**taken, name: column}
        if sum(each.width for each in tried.values()) + GAP * (len(tried) - 1) <= width:
            taken = tried
    return {name: taken[name] for name in order if name in taken}


def table(columns: Mapping[str, Column], *, styles: Sequence[str]) -> list[Text]:
    """Lines of a table: the headings, and a line per row.

    Args:
        columns: From left to right.
        styles: Of each row.
    """
    gap = Text(" " * GAP)
    lines = [
        gap.join(each.set(Text(each.head, style="dim")) for each in columns.values()),
        *(
            gap.join(each.set(each.cells[row]) for each in columns.values())
            for row in range(len(styles))
        ),
    ]
    for line, style in zip(lines[1:], styles, strict=True):
        line.stylize_before(style)
    for line in lines:
        line.rstrip()
    return lines
