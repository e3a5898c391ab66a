"""What a notebook uses: the live sources, recordings and jobs as objects that show themselves."""

from ami_console.cell.console import Console, connect
from ami_console.cell.console import open_recordings as open_recording
from ami_console.cell.found import Findings, findings
from ami_console.cell.job import Job
from ami_console.cell.seen import Look, Watched
from ami_console.cell.wall_time import local

__all__ = [
    "Console",
    "Findings",
    "Job",
    "Look",
    "Watched",
    "connect",
    "findings",
    "local",
    "open_recording",
]
