"""Frames in, frames out: throughput, redelivery, latency, ages. No clock, no file, no socket."""

from ami_console.metrics.ages import source_ages
from ami_console.metrics.batches import batches
from ami_console.metrics.clocks import clock_offsets, zone_evidence, zone_offset
from ami_console.metrics.coverage import coverage, tap_gaps
from ami_console.metrics.estimates import estimated_tasks
from ami_console.metrics.fleet import fleet
from ami_console.metrics.happenings import happenings
from ami_console.metrics.job_log import job_log
from ami_console.metrics.latency import single_latencies
from ami_console.metrics.log_groups import log_groups
from ami_console.metrics.over_time import few_values, heatmap, over_time
from ami_console.metrics.redelivery import attempts, given_up, last_attempts
from ami_console.metrics.spans import spans
from ami_console.metrics.story import Story, story
from ami_console.metrics.tasks import task_times
from ami_console.metrics.timeline import timeline
from ami_console.metrics.what_if import WhatIf, what_if
from ami_console.metrics.workers import savers, workers

__all__ = [
    "Story",
    "WhatIf",
    "attempts",
    "batches",
    "clock_offsets",
    "coverage",
    "estimated_tasks",
    "few_values",
    "fleet",
    "given_up",
    "happenings",
    "heatmap",
    "job_log",
    "last_attempts",
    "log_groups",
    "over_time",
    "savers",
    "single_latencies",
    "source_ages",
    "spans",
    "story",
    "tap_gaps",
    "task_times",
    "timeline",
    "what_if",
    "workers",
    "zone_evidence",
    "zone_offset",
]
