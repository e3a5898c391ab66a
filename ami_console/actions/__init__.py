"""Run, retry, cancel: the only package that can write to Antenna.

Off unless the settings allow it. Before, one look at all sources is recorded, and what will be
lost or done twice is said in numbers; the request is sent once, never again; afterwards all three
sources are asked what became of it. A local journal keeps who, when, what, and the answer.
"""

from ami_console.actions.action import ACTIONS, NOT_ALLOWED, Action, action_of, why_not
from ami_console.actions.answer import Answer
from ami_console.actions.consequences import Consequence, consequences
from ami_console.actions.desk import Desk, current, use
from ami_console.actions.job_looks import JobLooks, looks_since, newest_looks
from ami_console.actions.journal import Entry, Journal, journal_path, read_journal
from ami_console.actions.outcome import Outcome, SourceOutcome, outcome
from ami_console.actions.perform import ActionRefused, Performing, Who, perform

__all__ = [
    "ACTIONS",
    "NOT_ALLOWED",
    "Action",
    "ActionRefused",
    "Answer",
    "Consequence",
    "Desk",
    "Entry",
    "JobLooks",
    "Journal",
    "Outcome",
    "Performing",
    "SourceOutcome",
    "Who",
    "action_of",
    "consequences",
    "current",
    "journal_path",
    "looks_since",
    "newest_looks",
    "outcome",
    "perform",
    "read_journal",
    "use",
    "why_not",
]
