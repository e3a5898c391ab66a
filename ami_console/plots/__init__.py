"""Frame in, HoloViews element out: the charts of the dashboard and more, for notebooks."""

from ami_console.charts import CHARTS
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
