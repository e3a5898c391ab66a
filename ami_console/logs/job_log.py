"""Lines of a job's log: ``[2026-11-23 10:14:20] INFO message``. There is most of these."""

from collections.abc import Sequence
from typing import NamedTuple

from ami_console.logs.heads import JOB_LINE
from ami_console.logs.wall_time import WallTime

_TIME = slice(22)
_USUAL = " INFO "
_LEVEL, _MESSAGE = slice(21, 27), slice(27, None)


class JobLines(NamedTuple):
    """Entries as columns.

    Attributes:
        levels: Level of each.
        messages: The rest of each; the whole of one that tells no time.
    """

    levels: list[str | None]
    messages: list[str]


def instants_of(lines: Sequence[str], wall: WallTime) -> list[int | None]:
    """When each line was written; ``None`` of one that does not begin with a time in brackets."""
    return [wall[line[_TIME]] for line in lines]


def job_lines(entries: Sequence[str], instants: Sequence[int | None]) -> JobLines:
    """The entries taken apart; each may have several lines."""
    levels: list[str | None] = ["INFO"] * len(entries)
    messages = [entry[_MESSAGE] for entry in entries]
    unusual = [place for place, entry in enumerate(entries) if entry[_LEVEL] != _USUAL]
    if None in instants:
        unusual += [place for place, instant in enumerate(instants) if instant is None]
    for place in unusual:
        found = JOB_LINE.match(entries[place]) if instants[place] is not None else None
        levels[place] = found[2] if found else None
        messages[place] = found[3] if found else entries[place]
    return JobLines(levels, messages)
