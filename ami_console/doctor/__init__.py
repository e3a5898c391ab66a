"""Are the sources there, what may we do, are the clocks right, and what does watching cost."""

from ami_console.doctor.examination import Examination, SourceReport, TimeZone
from ami_console.doctor.examine import examine
from ami_console.doctor.problems import Problem

__all__ = ["Examination", "Problem", "SourceReport", "TimeZone", "examine"]
