"""Which frames can be looked at as they are."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A frame that can be looked at.

    Attributes:
        says: A row is what, told by whom.
        source: The source that tells of it; empty: several, or it is computed.
        scope: Whether it is of ``jobs`` (of one or of all), of one ``job`` only, or of no job
            (``all``).
        nothing: What to do when there is none at all.
        is_derived: Computed from others.
        begins_newest: Its rows are in the order in which they are shown.
    """

    says: str
    source: str = ""
    scope: str = "jobs"
    nothing: str = "Nothing of this kind was told yet."
    is_derived: bool = False
    begins_newest: bool = False


_TAP = (
    "The tap hears them, while it listens: AMI_CONSOLE_TAP=1, or “ami-console serve --tap”. "
    "What was acknowledged before it began can't be heard any more."
)
_LOGS = (
    "Lines come from Antenna's job logs, and from the files named in AMI_CONSOLE_LOG_FILES; "
    "“ami-console import” takes them into a recording."
)

CHOICES: Mapping[str, Choice] = {
    "jobs": Choice(says="job and look: what Antenna's API tells", source="antenna"),
    "stages": Choice(says="job, stage and look: progress by Antenna's API", source="antenna"),
    "consumers": Choice(says="job and look: stream and consumer in JetStream", source="nats"),
    "counters": Choice(says="job and look: Antenna's counters in Redis", source="redis"),
    "reads": Choice(says="source and look: whether it answered, and what it cost", scope="all"),
    "acks": Choice(says="acknowledgement that the tap heard", source="tap", nothing=_TAP),
    "advisories": Choice(says="message of JetStream about a job", source="tap", nothing=_TAP),
    "log_events": Choice(says="line of a log", nothing=_LOGS),
    "queues": Choice(
        says="Celery queue and look",
        source="celery",
        scope="all",
        nothing="No Celery queue is read: AMI_CONSOLE_RABBITMQ_URL or AMI_CONSOLE_CELERY_REDIS_URL "
        "says where they are.",
    ),
    "findings": Choice(
        says="verdict and look: what was found of jobs and sources",
        nothing="Nothing was found, or nothing was judged yet.",
    ),
    "fleet": Choice(
        says="job: its newest numbers, as in the table of jobs",
        is_derived=True,
        begins_newest=True,
    ),
    "timeline": Choice(
        says="look at one job: throughput, backlog, redelivery, latency",
        scope="job",
        is_derived=True,
        nothing="The broker has not told of this job, and neither has a log.",
    ),
    "tasks": Choice(
        says="task of one job: when it was stored, delivered, acknowledged",
        scope="job",
        is_derived=True,
        nothing="No single task of this job is known.",
    ),
    "happenings": Choice(
        says="thing that happened to one job",
        scope="job",
        is_derived=True,
        nothing="Nothing is known to have happened to this job.",
    ),
    "spans": Choice(
        says="stretch of time in which something was so of one job",
        scope="job",
        is_derived=True,
        nothing="Nothing of the states of this job is known.",
    ),
    "verdicts": Choice(
        says="verdict on one job or a source, from its begin to its end",
        scope="job",
        is_derived=True,
        nothing="Nothing was found.",
    ),
}
"""Frame → what it is: recorded ones first, then those computed from them."""

USUAL = "jobs"
EVERY_JOB = "/all"
"""Behind the name of a frame in the address: of all jobs, not only of the chosen one."""


@dataclass(frozen=True)
class Wanted:
    """A frame, of one job or of all.

    Attributes:
        frame: A key of ``CHOICES``.
        job_id: The one job; ``None``: all, or none is chosen where one must be.
    """

    frame: str
    job_id: int | None

    @property
    def choice(self) -> Choice:
        """What it is."""
        return CHOICES[self.frame]


def wanted(text: str, chosen: int | None) -> Wanted:
    """What an address asks for; the usual frame for a name that is none.

    Args:
        text: Name of a frame, with ``EVERY_JOB`` for all jobs.
        chosen: The chosen job.
    """
    name = text.removesuffix(EVERY_JOB)
    name = name if name in CHOICES else USUAL
    of_all = text.endswith(EVERY_JOB) or CHOICES[name].scope == "all"
    return Wanted(name, None if of_all and CHOICES[name].scope != "job" else chosen)
