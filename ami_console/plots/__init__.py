"""Frame in, HoloViews element out: the charts of the dashboard and more, for notebooks.

Each takes the frame that it draws, or a recording, a watch or a job, and takes the frame out of
it: ``plots.throughput(recording, job=3)``.
"""

from ami_console.charts import CHARTS
from ami_console.plots.compare import compare_by_progress, compare_by_time
from ami_console.plots.offline import extension
from ami_console.plots.over_time import buckets, latency_heatmap, percentiles
from ami_console.plots.states import states
from ami_console.plots.tasks import attempts, task_timeline
from ami_console.plots.timeline import (
    backlog,
    is_estimate,
    label_of,
    latency,
    redelivery,
    throughput,
)

__all__ = [
    "CHARTS",
    "attempts",
    "backlog",
    "buckets",
    "compare_by_progress",
    "compare_by_time",
    "extension",
    "is_estimate",
    "label_of",
    "latency",
    "latency_heatmap",
    "percentiles",
    "redelivery",
    "states",
    "task_timeline",
    "throughput",
]


def __dir__() -> list[str]:
    """What is for people; the modules behind it are not."""
    return __all__
