"""The live sources that the settings name."""

from ami_console.settings import Settings
from ami_console.sources.antenna import AntennaSource
from ami_console.sources.celery_queue import CeleryQueueSource
from ami_console.sources.counters import CountersSource
from ami_console.sources.jetstream import JetstreamSource
from ami_console.sources.job_logs import JobLogsSource
from ami_console.sources.log_files import LogFilesSource

StateSource = AntennaSource | JetstreamSource | CountersSource | CeleryQueueSource
LiveSource = StateSource | JobLogsSource | LogFilesSource


def state_sources(settings: Settings) -> list[StateSource]:
    """How things stand: Antenna, NATS and Redis, and Celery's queues if a broker is given.

    Nothing is opened before the first question.
    """
    sources: list[StateSource] = [
        AntennaSource(settings),
        JetstreamSource(settings),
        CountersSource(settings),
    ]
    if settings.celery_queues and (settings.rabbitmq_url or settings.celery_redis_url):
        sources.append(CeleryQueueSource(settings))
    return sources


def live_sources(settings: Settings) -> list[LiveSource]:
    """Everything to watch: how things stand, and what is logged meanwhile."""
    sources: list[LiveSource] = [*state_sources(settings)]
    if settings.job_logs_every_s:
        sources.append(JobLogsSource(settings))
    if settings.log_files:
        sources.append(LogFilesSource(settings))
    return sources
