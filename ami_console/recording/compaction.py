"""Joining small parts into larger ones, so that a day is a few files and not hundreds.

Log-structured: eight parts of one size class become one of the next, so every row is rewritten
about three times a day. A merge writes the wide part first and then deletes the narrow ones;
a reader, or whoever opens the recording after a crash in between, ignores a part that lies
inside another.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ami_console.recording import layout, parts
from ami_console.recording.layout import Span

FAN_IN = 8


class UnreadablePart(Exception):
    """A part to be merged can't be read; it stays where it is."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def size_class(span: Span) -> int:
    """0 for fewer than 8 segments, 1 for fewer than 64, and so on."""
    count, level = span.last - span.first + 1, 0
    while count >= FAN_IN:
        count //= FAN_IN
        level += 1
    return level


def ripe(spans: list[Span]) -> list[Span]:
    """The newest parts that are to be merged now; empty when there are too few of one class.

    Args:
        spans: All parts of a frame and day, in order, none inside another.
    """
    classes = [size_class(span) for span in spans]
    for level in range(max(classes, default=-1) + 1):
        run = 0
        while run < len(spans) and classes[-1 - run] <= level:
            run += 1
        if run >= FAN_IN:
            return spans[-run:]
    return []


def parts_in(directory: Path) -> dict[Span, Path]:
    """The parts in the directory of a frame and day, in order, none inside another."""
    if not directory.is_dir():
        return {}
    found = {span: f for f in sorted(directory.iterdir()) if (span := layout.part_span(f.name))}
    return {span: found[span] for span in layout.outermost(list(found))}


def merge(directory: Path, name: str, spans: list[Span]) -> None:
    """Make one part of several neighbours.

    Args:
        directory: Of the frame and day.
        name: The frame.
        spans: Two parts or more, in order, with no other part between them.

    Raises:
        UnreadablePart: One of them is damaged. Nothing was changed.
        OSError: The disk did not take it. Nothing was changed.
    """
    held = parts_in(directory)
    paths = [held[span] for span in spans]
    whole = Span(spans[0].first, spans[-1].last)
    parts.write(directory, name, whole, ordered(p for path in paths for p in _pieces(name, path)))
    for path in paths:
        path.unlink()


def remove_leftovers(directory: Path) -> None:
    """Remove what a writer that died left in a frame's day: unfinished files, merged parts."""
    kept = set(parts_in(directory).values())
    for file in directory.iterdir():
        unfinished = file.name.startswith(".part-") and file.name.endswith(".tmp")
        if unfinished or (layout.part_span(file.name) and file not in kept):
            file.unlink()


def ordered(pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Pieces of a frame as larger ones, each in the order in which rows lie in a part."""
    waiting: list[pa.Table] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(each.num_rows for each in waiting) >= parts.SORTED_ROWS:
            yield parts.in_order(pa.concat_tables(waiting))
            waiting = []
    if waiting:
        yield parts.in_order(pa.concat_tables(waiting))


def pieces_of(name: str, content: bytes, file_name: str) -> Iterator[pa.Table]:
    """Row groups of a part in the frame's schema; a damaged one can fail in any way."""
    checked = parts.verified(content, file_name)
    with pq.ParquetFile(checked, page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            yield parts.conform(file.read_row_group(group), name)


def rows_in(content: bytes, file_name: str) -> int:
    """How many rows a part holds; a damaged one can fail in any way."""
    with pq.ParquetFile(parts.verified(content, file_name)) as file:
        rows: int = file.metadata.num_rows
    return rows


def _pieces(name: str, path: Path) -> Iterator[pa.Table]:
    try:
        yield from pieces_of(name, path.read_bytes(), path.name)
    except Exception as error:  # a damaged file can fail in any way
        raise UnreadablePart(path, str(error) or type(error).__name__) from error
