"""The stand-in for Antenna: ``python -m ami_console.demo.antenna``.

Addresses and logins come from the ``AMI_CONSOLE_`` variables, the very ones that the console is
given: it serves at ``ANTENNA_URL``, knows ``ANTENNA_TOKEN``, speaks in ``ANTENNA_TIMEZONE``.
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from ami_console.demo.background import Background
from ami_console.demo.director import Director
from ami_console.demo.front import Front
from ami_console.demo.health import HealthCheck
from ami_console.demo.jobs import JobStore
from ami_console.demo.pending_images import PendingImages
from ami_console.demo.plans import Scenario
from ami_console.demo.rest import application
from ami_console.demo.rest_handler import Api
from ami_console.demo.task_streams import TaskStreams
from ami_console.settings import Settings

_LOG_BYTES = 5_000_000


async def serve(
    settings: Settings,
    database: Path,
    scenario: Scenario,
    *,
    viewer_token: str = "",
    is_old: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT."""
    store = JobStore(database)
    streams, pending = TaskStreams(settings), PendingImages(settings)
    background = Background(store, streams, pending)
    health = HealthCheck(store, streams, pending, background, idle_s=scenario.idle_s)
    api = Api(
        store=store,
        streams=streams,
        background=background,
        zone=settings.antenna_timezone,
        token=settings.antenna_token.reveal(),
        viewer_token=viewer_token,
        is_old=is_old,
    )
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    port = urlsplit(settings.antenna_url.reveal()).port or 80
    front = Front(application(api), port, lambda: bool(api.at_work))
    front.open()
    background.start()
    forever = [
        asyncio.create_task(health.check_forever(scenario.health_check_every_s)),
        asyncio.create_task(Director(scenario, store, background).play()),
    ]
    if scenario.rest_away_s:
        away = front.be_away(scenario.rest_away_s, every_s=scenario.rest_away_every_s)
        forever.append(asyncio.create_task(away))
    for task in forever:
        task.add_done_callback(_report)
    await stopped.wait()
    await _end_other_tasks()  # connections to NATS, Redis and of REST close with the process
    store.close()


async def _end_other_tasks() -> None:
    """Cancel all tasks. One cancellation is not enough: client libraries may swallow it."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=0.1)


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()):
        logging.getLogger("django").error("director, health check or door stopped", exc_info=error)


class _LocalFormatter(logging.Formatter):
    """Times in the server's zone, as Antenna's own process logs have them."""

    def __init__(self, text: str, zone: ZoneInfo) -> None:
        super().__init__(text)
        self._zone = zone

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        moment = datetime.fromtimestamp(record.created, self._zone)
        return f"{moment:%Y-%m-%d %H:%M:%S},{int(record.msecs):03d}"


def _log_to_files(folder: Path, zone: ZoneInfo) -> None:
    """Write ``celery.log`` and ``django.log`` as the real processes do; trouble to stdout too."""
    formats = {
        "celery": "[%(asctime)s: %(levelname)s/ForkPoolWorker-1] %(message)s",
        "django": "%(levelname)s %(asctime)s %(module)s %(process)d %(thread)d %(message)s",
    }
    trouble = logging.StreamHandler(sys.stdout)
    trouble.setLevel(logging.WARNING)
    trouble.addFilter(lambda record: record.name != "celery.job")  # a job's troubles are its own
    for name, text in formats.items():
        handler = RotatingFileHandler(folder / f"{name}.log", maxBytes=_LOG_BYTES, backupCount=1)
        handler.setFormatter(_LocalFormatter(text, zone))
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    logging.getLogger().addHandler(trouble)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="ami_console.demo.antenna", description=__doc__)
    parser.add_argument("--database", type=Path, required=True, help="SQLite file to keep")
    parser.add_argument("--scenario", type=Path, required=True, help="JSON file of a scenario")
    parser.add_argument("--viewer-token", default="", help="a login that may only look")
    parser.add_argument("--old", action="store_true", help="serve the older version")
    given = parser.parse_args(arguments)
    settings = Settings.from_environment(dotenv=None)
    _log_to_files(given.database.parent, settings.antenna_timezone)
    asyncio.run(
        serve(
            settings,
            given.database,
            Scenario.read(given.scenario),
            viewer_token=given.viewer_token,
            is_old=given.old,
        )
    )


if __name__ == "__main__":
    main()
