"""Logs of Antenna and of its workers: text in, rows of the frame ``log_events`` out.

Nothing here reads a clock, a file or a socket.
"""

from ami_console.logs.kinds import KINDS
from ami_console.logs.parser import LogParser, parse_job_log

__all__ = ["KINDS", "LogParser", "parse_job_log"]
