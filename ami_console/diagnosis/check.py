"""What a check is, and the register of all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ami_console import frames
from ami_console.diagnosis.finding import Evidence, Severity
from ami_console.diagnosis.truth import Truth
from ami_console.metrics.arrays import Floats
from ami_console.reading import SourceName


class Threshold(NamedTuple):
    """A number that a check goes by.

    Attributes:
        name: What it bounds.
        value: The number with its unit, or the live setting that it is taken from.
        origin: Where it comes from; never one recording.
    """

    name: str
    value: str
    origin: str


class Held(NamedTuple):
    """Where a check's condition holds.

    Attributes:
        truth: At each tick: 1, 0, NaN unknown.
        since_s: Since when, s since the epoch, where the data tell; ``None``: since it was seen.
        dwell_s: How long it must hold before it speaks, seconds.
    """

    truth: Truth
    since_s: Floats | None
    dwell_s: Floats | float


class Told(NamedTuple):
    """What a check says at one tick; see :class:`~ami_console.diagnosis.finding.Finding`."""

    severity: Severity
    title: str
    evidence: Sequence[Evidence]
    why: str
    next_step: str
    doubt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: what it looks at, when it speaks, and what it says.

    Attributes:
        code: As in the verdict table.
        title: What it says, in one line.
        meaning: What is going on when it speaks.
        about: Whether it judges each job or each source.
        thresholds: Every number that it goes by.
        columns: ``frame.column`` of everything that it reads.
        needs: Sources without which it can't tell; of a job that is over, none.
        disproved_by: What one would see if it were wrong.
        next_step: What to do, in general; the finding fills in names.
        explains: Codes of weaker checks that it makes superfluous.
        clear_s: How long the state must be over before it is withdrawn, seconds.
        holds: Where the condition holds; takes a sheet.
        tell: What to say at a tick; takes a sheet and the tick.
    """

    code: str
    title: str
    meaning: str
    about: Literal["job", "source"] = "job"
    thresholds: Sequence[Threshold]
    columns: Sequence[str]
    needs: Sequence[SourceName] = ()
    disproved_by: str
    next_step: str
    explains: Sequence[str] = field(default=())
    clear_s: float = 10.0
    holds: Callable[[Any], Held]
    tell: Callable[[Any, int], Told]


_REGISTER: dict[str, Check] = {}

CHECKS: Mapping[str, Check] = _REGISTER
"""All checks by code, in the order of registration."""


def register(check: Check) -> Check:
    """Take a check into the register.

    Raises:
        ValueError: Its code is taken, it says too little of itself, or it reads a column that no
            frame has.
    """
    if check.code in _REGISTER:
        raise ValueError(f"there are two checks {check.code!r}")
    texts = ("title", "meaning", "disproved_by", "next_step")
    lacking = [name for name in texts if not getattr(check, name).strip()]
    lacking += [name for name in ("thresholds", "columns") if not getattr(check, name)]
    lacking += [
        f"origin of {each.name}" for each in check.thresholds if not (each.value and each.origin)
    ]
    if lacking:
        raise ValueError(f"check {check.code!r} does not tell its {', '.join(lacking)}")
    for column in check.columns:
        frame, _, name = column.partition(".")
        if name not in frames.FRAMES.get(frame, {}):
            raise ValueError(f"check {check.code!r} reads {column}, which no frame has")
    _REGISTER[check.code] = check
    return check
