"""The wordings of the kinds, compiled: many messages are matched with one call."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ami_console.logs.fields import FIELDS, FREE, PLACE, Converter
from ami_console.logs.kinds import PLAIN, TABLE

HEAD_SIZE = 17
"""Characters of a message by which its kind is guessed; ``Created 12 new d…`` needs them all."""

_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """One wording.

    Attributes:
        kind: The kind that it is of; ``None``: of none, see :data:`~ami_console.logs.kinds.PLAIN`.
        head: What messages begin with, ``#`` for a number.
        groups: Column and converter of each group of the pattern.
        is_strict: Whether the line has no room for anything that must be masked.
    """

    kind: str | None
    head: str
    groups: tuple[tuple[str, Converter | None], ...]
    is_strict: bool
    _pattern: re.Pattern[str]

    def matched(self, lines: Sequence[str]) -> tuple[list[Sequence[str]], list[int]]:
        """What the groups hold in the lines that are of this form, and which lines are not.

        Args:
            lines: Messages, each one line.

        Returns:
            For each group its text in each line of this form, in their order; numbers of the
            other lines.
        """
        found = self._pattern.findall("\n".join(lines))
        misfits: list[int] = []
        if len(found) != len(lines):
            fitting = [self._pattern.fullmatch(line) is not None for line in lines]
            misfits = [number for number, fits in enumerate(fitting) if not fits]
            found = self._pattern.findall(
                "\n".join(line for line, fits in zip(lines, fitting, strict=True) if fits)
            )
        if not self.groups:
            return [], misfits
        if len(self.groups) == 1:
            return [found], misfits
        return list(zip(*found, strict=True)), misfits


def _compiled(kind: str | None, wording: str) -> Form:
    pattern, head, groups, at = "", "", [], 0
    names = PLACE.findall(wording)
    is_head = True
    for place in PLACE.finditer(wording):
        field = FIELDS[place[1]]
        literal = wording[at : place.start()]
        at = place.end()
        pattern += re.escape(literal) + field.pattern
        if is_head:
            head += literal
            is_head = field.pattern.strip("()").startswith("[0-9]")
            head += "#" if is_head else ""
        groups += [(field.column, field.convert)] * re.compile(field.pattern).groups
    pattern += re.escape(wording[at:])
    return Form(
        kind=kind,
        head=_DIGITS.sub("#", head + wording[at:] if is_head else head),
        groups=tuple(groups),
        is_strict=not FREE.intersection(names),
        _pattern=re.compile(rf"^{pattern}$", re.MULTILINE | re.ASCII),
    )


FORMS: tuple[Form, ...] = (
    *(_compiled(kind.name, wording) for kind in TABLE for wording in kind.forms),
    *(_compiled(None, wording) for wording in PLAIN),
)


@lru_cache(maxsize=50_000)
def forms_of(beginning: str) -> tuple[Form, ...]:
    """The forms that a message may have, by its first :data:`HEAD_SIZE` characters."""
    known = _DIGITS.sub("#", beginning)
    if not known:
        return ()
    return tuple(
        form
        for form in FORMS
        if (form.head.startswith(known) or (known.startswith(form.head) and form.head))
    )
