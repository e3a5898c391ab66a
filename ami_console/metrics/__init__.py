"""Frames in, frames out: throughput, redelivery, latency, ages. No clock, no file, no socket."""

from ami_console.metrics.ages import source_ages
from ami_console.metrics.clocks import clock_offsets, zone_evidence, zone_offset
from ami_console.metrics.coverage import coverage, tap_gaps
from ami_console.metrics.estimates import estimated_tasks
from ami_console.metrics.fleet import fleet
from ami_console.metrics.job_log import job_log
from ami_console.metrics.latency import single_latencies
from ami_console.metrics.over_time import few_values, heatmap, over_time
from ami_console.metrics.redelivery import attempts, given_up, last_attempts
from ami_console.metrics.tasks import task_times
from ami_console.metrics.timeline import timeline

__all__ = [
    "attempts",
    "clock_offsets",
    "coverage",
    "estimated_tasks",
    "few_values",
    "fleet",
    "given_up",
    "heatmap",
    "job_log",
    "last_attempts",
    "over_time",
    "single_latencies",
    "source_ages",
    "tap_gaps",
    "task_times",
    "timeline",
    "zone_evidence",
    "zone_offset",
]
