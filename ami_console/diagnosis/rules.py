"""What the platform does by itself, which no source tells: taken from the settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Antenna's health check and how a job ends.

    Attributes:
        health_check_every_s: It runs at every full multiple of this past the hour, seconds.
        health_check_idle_s: A job that was not updated for longer is idle to it, seconds.
        failure_ratio: A job with a larger share of failed images than this ends as FAILURE, 0-1.
        zombie_age_s: Streams of jobs that ended longer ago are deleted by it, seconds.
    """

    health_check_every_s: float = 900.0
    health_check_idle_s: float = 600.0
    failure_ratio: float = 0.5
    zombie_age_s: float = 3600.0
