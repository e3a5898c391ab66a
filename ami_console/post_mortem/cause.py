"""The cause of what went wrong in a job, and the suspects that it is chosen from."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from ami_console.diagnosis import Evidence
from ami_console.post_mortem.images import no_images

NONE, CANT_TELL = "none", "cant_tell"

CODES: dict[str, str] = {
    "worker_lost": "a worker took images and never returned them; they came back after ack wait",
    "cancelled": "somebody cancelled the job",
    "reaped": "the health check ended a job that stood still",
    NONE: "nothing went wrong",
    CANT_TELL: "what there is does not reach far enough to tell",
}
"""Codes besides those of the checks of :mod:`ami_console.diagnosis`."""

ENDED_IT, COST_TIME, WORTH_KNOWING = 3, 2, 1
"""Weights: images or the job were lost by it; it took longer by it; neither."""

_FIRST = (
    "lost_at_max_deliver",
    "state_gone",
    "no_worker",
    "not_returning",
    "done_not_closed",
    "stuck_canceling",
    "cancelled",
    "mostly_failing",
    "lost_images",
    "worker_lost",
    "results_backlog",
    "source_down",
    "starved",
    "redelivering",
    "duplicate_tasks",
    "reaped",
)
"""Of equal weight the one nearer to the root: what it brings about comes later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What went wrong, in words and numbers.

    All text is plain and may hold what Antenna's users typed: escape it where it is shown.

    Attributes:
        code: A code of the checks, or one of ``CODES``.
        title: What it is, in a few words.
        sentence: What happened, when, to how many images, and what became of them.
        why: What speaks for it.
        next_step: What to do now, and what would have avoided it.
        evidence: The numbers that it rests on, with who told them.
        images: The rows of :attr:`PostMortem.images` that it is about.
        since: When it began; ``None`` unknown.
        until: When it was over; ``None`` unknown, or not over.
    """

    code: str
    title: str
    sentence: str
    why: str
    next_step: str
    evidence: tuple[Evidence, ...] = ()
    images: pd.DataFrame = field(default_factory=no_images)
    since: pd.Timestamp | None = None
    until: pd.Timestamp | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """What may have been the cause.

    Attributes:
        weight: ``ENDED_IT``, ``COST_TIME`` or ``WORTH_KNOWING``.
        cause: What it would be.
        not_known: What the sources leave open about it.
        cost_s: How long the job took more because of it, at most; 0 unknown.
    """

    weight: int
    cause: Cause
    not_known: tuple[str, ...] = ()
    cost_s: float = 0.0


def heaviest_first(suspects: Iterable[Suspect]) -> list[Suspect]:
    """Suspects by weight, then by how near they are to the root, then by cost; a code once."""

    def rank(suspect: Suspect) -> tuple[int, int, float]:
        code = suspect.cause.code
        place = _FIRST.index(code) if code in _FIRST else len(_FIRST)
        # What only took time is compared by time; what ended the job by what brought it about.
        if suspect.weight == ENDED_IT:
            return -suspect.weight, place, -suspect.cost_s
        return -suspect.weight, 0, -suspect.cost_s - 1e-6 * (len(_FIRST) - place)

    chosen: dict[str, Suspect] = {}
    for suspect in suspects:
        chosen.setdefault(suspect.cause.code, suspect)
    return sorted(chosen.values(), key=rank)
