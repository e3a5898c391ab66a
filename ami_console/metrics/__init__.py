"""Frames in, frames out: throughput, redelivery, latency, ages. No clock, no file, no socket."""

from ami_console.metrics.ages import source_ages
from ami_console.metrics.fleet import fleet
from ami_console.metrics.latency import ack_latency, estimated_latency
from ami_console.metrics.timeline import timeline

__all__ = [
    "ack_latency",
    "estimated_latency",
    "fleet",
    "source_ages",
    "timeline",
]
