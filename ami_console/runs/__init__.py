"""Runs side by side: aligned by time and by progress, and what differs by more than noise."""

from ami_console.runs.comparison import Comparison, compare
from ami_console.runs.run import Run

__all__ = ["Comparison", "Run", "compare"]
