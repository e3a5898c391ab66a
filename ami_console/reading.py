"""What one look at one source gave: rows for the frames, or the reason why there are none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ami_console.batch import Row

SourceName = Literal[
    "antenna", "nats", "redis", "tap", "job_logs", "log_files", "celery", "diagnosis"
]
"""Who was read; ``diagnosis`` are our own verdicts, read so that it is seen when none was made."""

FINAL_STATUSES = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
"""A job of one of these has ended; Antenna takes its stream and counters away."""


__all__ = ["FINAL_STATUSES", "Reading", "Row", "SourceName"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One look at one source. A failed look is a Reading too: ``ok`` False, no rows.

    Attributes:
        source: Which source was read.
        observed_at: When the answer was in, or the failure was known; ns since the epoch.
        ok: Whether the source answered what was asked.
        error: Why not, for people, without secrets; of a look that is ok a remark, for example
            that some of the jobs could not be read.
        elapsed_s: From the question to the answer, seconds.
        bytes: Size of the answers, bytes.
        requests: Number of requests sent.
        clock_offset_s: Source's clock minus ours, seconds.
        rows: Frame name → rows: dicts of column → value (times as ``int`` ns since the epoch; a key
            that is absent or ``None`` is missing, never zero), or an
            :class:`ami_console.batch.Batch` of them. All rows carry ``observed_at`` and, where the
            frame has it, ``job_id``.
        job_ids: Active jobs that this look discovered; ``None`` when it did not look for them.
    """

    source: SourceName
    observed_at: int
    ok: bool = True
    error: str | None = None
    elapsed_s: float | None = None
    bytes: int | None = None
    requests: int | None = None
    clock_offset_s: float | None = None
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    job_ids: frozenset[int] | None = None

    def all_rows(self) -> dict[str, Sequence[Row]]:
        """The rows, with the ``reads`` row of this look itself."""
        reads: Row = {
            "observed_at": self.observed_at,
            "source": self.source,
            "ok": self.ok,
            "error": self.error,
            "elapsed_s": self.elapsed_s,
            "bytes": self.bytes,
            "requests": self.requests,
            "clock_offset_s": self.clock_offset_s,
        }
        return {**self.rows, "reads": [reads]}
