"""What must hold whatever comes in, by input: tests try a slice, ``benchmarks.fuzz`` more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.input import jsz, lines, poll_logs, recordings, rest, subjects


@dataclass(frozen=True, slots=True)
class Property:
    """One property, and what it is tried with.

    Attributes:
        holds: Raises when it does not hold.
        cases: What to try.
        few: How many cases the regular suite tries.
    """

    holds: Callable[[Any], None]
    cases: st.SearchStrategy[Any]
    few: int = 60

    def try_few(self) -> None:
        """The slice of the regular suite: the same cases each time."""
        tried = settings(
            max_examples=self.few,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        tried(given(self.cases)(self.holds))()


PROPERTIES: Mapping[str, tuple[Property, ...]] = {
    "rest": (
        Property(rest.job_of_any_body, rest.bodies, 100),
        Property(rest.look_at_any_body, rest.looks),
        Property(rest.log_of_any_body, rest.logs, 30),
    ),
    "jsz": (
        Property(jsz.rows_of_any_jsz, jsz.bodies, 100),
        Property(jsz.row_of_any_reply, jsz.replies, 100),
        Property(jsz.look_at_any_jsz, jsz.looks, 30),
    ),
    "subjects": (
        Property(subjects.acks_of_any_subjects, subjects.acks, 100),
        Property(subjects.row_of_any_advisory, subjects.advisories, 100),
    ),
    "log_lines": (
        Property(lines.events_of_any_lines, lines.lines),
        Property(lines.events_of_any_job_log, lines.lines),
    ),
    "poll_logs": (
        Property(poll_logs.readings_of_any_log, poll_logs.logs, 100),
        Property(poll_logs.readings_of_any_log, poll_logs.packed_badly, 30),
        Property(poll_logs.recording_of_any_log, poll_logs.logs, 10),
    ),
    "recordings": (
        Property(recordings.frames_of_any_recording, recordings.changes, 50),
        Property(recordings.packing_of_any_recording, recordings.packed, 12),
    ),
}
"""Input → its properties."""
