"""One event of a job's story, before it becomes a row."""

from dataclasses import dataclass
from typing import Any

from ami_console.metrics.arrays import NAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: columns of :data:`~ami_console.metrics.happenings.HAPPENINGS`, instants in ns."""

    kind: str
    at_ns: int
    title: str
    until_ns: int = NAT
    is_open: bool = False
    error_s: float = 0.0
    subject: Any = None
    severity: Any = None
    reason: Any = None


def span_text(seconds: float) -> str:
    """Seconds for a sentence: ``45 s``, ``12 min``, ``3.5 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"
