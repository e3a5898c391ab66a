"""Registered checks: frames and an instant in, findings out. No clock, no file, no socket."""

from ami_console.diagnosis.check import CHECKS
from ami_console.diagnosis.consistency import Line, consistency
from ami_console.diagnosis.finding import Evidence, Finding, worst_first
from ami_console.diagnosis.judge import diagnose, verdicts
from ami_console.diagnosis.outlook import outlook
from ami_console.diagnosis.rules import Rules

__all__ = [
    "CHECKS",
    "Evidence",
    "Finding",
    "Line",
    "Rules",
    "consistency",
    "diagnose",
    "outlook",
    "verdicts",
    "worst_first",
]
