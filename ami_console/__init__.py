"""ami-console: whether an Antenna job is stuck, why, with which evidence, and what to do.

For notebooks and scripts::

    import ami_console
    from ami_console import plots

    recording = ami_console.open_recording()  # or ami_console.connect().watch(for_s=30)
    job = ami_console.Job(recording, 3)
    job.findings()
    plots.throughput(job)
"""

__version__ = "0.1.0"

from importlib import import_module as _import_module
from typing import TYPE_CHECKING
from typing import Any as _Any

if TYPE_CHECKING:
    from ami_console import diagnosis, metrics, plots
    from ami_console.cell import Console, Findings, Job, connect, findings, local, open_recording

__all__ = [
    "Console",
    "Findings",
    "Job",
    "__version__",
    "connect",
    "diagnosis",
    "findings",
    "local",
    "metrics",
    "open_recording",
    "plots",
]

_PARTS = frozenset({"diagnosis", "metrics", "plots"})


def __dir__() -> list[str]:
    """What is for people; the modules behind it are not."""
    return __all__


if not TYPE_CHECKING:  # a type checker shall complain of names that are not there

    def __getattr__(name: str) -> _Any:
        """Import what is asked for only then: plots and sources take a while."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name in _PARTS:
            return _import_module(f"{__name__}.{name}")
        return getattr(_import_module(f"{__name__}.cell"), name)
