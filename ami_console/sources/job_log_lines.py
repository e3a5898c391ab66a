"""Which lines of a job's log are new, when all that Antenna gives is the newest so many.

Lines are not unique: several are alike within one second, so the last look and this one are laid
side by side. Mostly the new lines simply stand before the known ones. But Antenna orders lines
by when they were written and shows them when their transaction ends, so that one can turn up
between known ones; and older versions, where processes overwrite each other's log, lose some.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from ami_console.reading import FINAL_STATUSES
from ami_console.sources.values import items, mapping

MOST = 5000
"""Lines that Antenna gives at most."""

LEAST = 100
"""Lines that are asked for when hardly any come: the overlap in which a late one is seen."""

KEPT = 1000
"""Newest lines of a look that are remembered for the next."""

SURE = 10
"""Lines that two looks must share: fewer may be alike by chance."""

_OLDER_LIMIT = 1000  # older versions keep so many lines of a job, whatever is asked for
_STAMP = re.compile(r"\[([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})\]")


@dataclass(frozen=True, slots=True)
class Followed:
    """How far the log of one job was read.

    Attributes:
        seen: Hashes of the newest lines, newest first. Not their text: it is longer, and not
            masked.
        newest: Time of the newest line as it stands there.
        limit: How many lines to ask for next.
        is_final: Whether the job had ended by then.
        is_done: Whether it had ended before that and nothing came since.
    """

    seen: tuple[int, ...] = ()
    newest: str | None = None
    limit: int = MOST
    is_final: bool = False
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Advance:
    """What one answer adds.

    Attributes:
        lines: The new lines, newest first.
        followed: How far the log is read now.
        gap: What could not be read, for people; ``None``: nothing is missing.
    """

    lines: list[str]
    followed: Followed
    gap: str | None


def log_lines(body: Mapping[str, Any]) -> list[str]:
    """The log in a job's body, newest line first; empty in versions that give none.

    Of more lines than Antenna gives, the newest so many: what lies behind is told as a gap.
    """
    told = items(mapping(body.get("logs")).get("stdout"))
    return [line for line in told[:MOST] if isinstance(line, str)]


def is_short(lines: Sequence[str], followed: Followed | None) -> bool:
    """Whether the answer does not reach back to the lines of the last look, but could."""
    if followed is None or followed.limit >= MOST or not _is_cut(lines, followed.limit):
        return False
    return unseen(lines, followed.seen) is None


def advance(
    followed: Followed | None, lines: Sequence[str], *, limit: int, status: str | None
) -> Advance:
    """What came since the last look, and how to look next.

    Args:
        followed: How far the log was read; ``None``: this is the first look at it.
        lines: The answer, newest line first.
        limit: How many lines were asked for.
        status: The job's status in the same answer.
    """
    new = None if followed is None else unseen(lines, followed.seen)
    gap = None
    if new is None:
        new = list(lines)
        if _is_cut(lines, limit):
            gap = _gap(followed, lines)
    before = followed or Followed()
    is_final = status in FINAL_STATUSES
    return Advance(
        lines=new,
        followed=Followed(
            seen=tuple(map(hash, lines[:KEPT])) or before.seen,
            newest=_stamp(lines[:1]) or before.newest,
            # Twice as many as came: the next look shall overlap with this one.
            limit=min(MOST, max(LEAST, 2 * len(new) + LEAST // 2)),
            is_final=is_final,
            is_done=is_final and before.is_final and not new,
        ),
        gap=gap,
    )


def unseen(lines: Sequence[str], seen: tuple[int, ...]) -> list[str] | None:
    """The lines that the last look did not have, newest first.

    Args:
        lines: What this look gave, newest first.
        seen: Hashes of the last look's newest lines, newest first.

    Returns:
        ``None`` when the two do not overlap for sure.
    """
    keys = tuple(map(hash, lines))
    sure = min(SURE, len(seen))
    if not sure:
        return None
    for shift in range(len(keys) - sure + 1):
        overlap = min(len(seen), len(keys) - shift)
        if keys[shift] == seen[0] and keys[shift : shift + overlap] == seen[:overlap]:
            return list(lines[:shift])
    blocks = SequenceMatcher(None, seen, keys, autojunk=False).get_matching_blocks()
    known = {place for block in blocks for place in range(block.b, block.b + block.size)}
    if len(known) < sure:
        return None
    return [line for place, line in enumerate(lines[: max(known)]) if place not in known]


def _is_cut(lines: Sequence[str], limit: int) -> bool:
    """Whether there may be more lines than the answer has."""
    return len(lines) >= limit or len(lines) == _OLDER_LIMIT


def _gap(followed: Followed | None, lines: Sequence[str]) -> str:
    first = _stamp(lines[-1:]) or "the first that came"
    if followed is None:
        return f"lines before {first} were not read (Antenna gives the newest {len(lines)})"
    since = followed.newest or "the last look"
    return (
        f"lines between {since} and {first} were not read "
        f"(more than {len(lines)} came since the last look)"
    )


def _stamp(line: Sequence[str]) -> str | None:
    """Time of a line, as it stands there: nothing else of a line may be told."""
    found = _STAMP.match(line[0]) if line else None
    return found[1] if found else None
