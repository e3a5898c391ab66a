"""Why there are no log lines, or no new ones: off, not read yet, not readable, really none."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import clock, duration

NAMES = {"job_logs": "Antenna's log of the job", "log_files": "The log files"}

WITH_FILES = (
    "Logs of Django, Celery and workers tell more: name their files in AMI_CONSOLE_LOG_FILES."
)


class Why(NamedTuple):
    """Plain text about the logs: what is so, what to do, and how bad it is."""

    head: str
    text: str
    tone: str = "muted"


def why_none(
    sources: pd.DataFrame,
    *,
    is_live: bool,
    every_s: float | None = None,
    as_of: pd.Timestamp,
    zone: ZoneInfo,
) -> Why:
    """Why no line of a job is known, and what to do.

    Args:
        sources: :func:`ami_console.metrics.source_ages`.
        is_live: Whether new looks come in.
        every_s: Pause between two looks at job logs, seconds; 0: they are not read; ``None``:
            not known.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
    """
    if not is_live:
        return Why(
            "No log line was recorded",
            "Up to this instant the recording holds no line of this job. “ami-console import” "
            "takes job logs, log files and the output of “docker compose logs” in.",
        )
    read = _read(sources)
    for source, row in read.items():
        if not row["ok"]:
            return Why(
                f"{NAMES[source]} can't be read",
                f"{_error(row)} It is tried again and again. {WITH_FILES}",
                "bad",
            )
    if every_s == 0 and "log_files" not in read:
        return Why(
            "No log is read",
            "Antenna's job logs are switched off: AMI_CONSOLE_JOB_LOGS_EVERY_S is 0. 15 reads "
            f"them every 15 s. {WITH_FILES}",
        )
    if not read:
        pause = f"every {duration(every_s)}" if every_s else "every 15 s, if not set otherwise"
        return Why(
            "No log was read yet",
            f"Antenna's job logs are read {pause} (AMI_CONSOLE_JOB_LOGS_EVERY_S; 0 switches them "
            f"off). The first lines are on their way. {WITH_FILES}",
        )
    newest = max(row["last_ok_at"] for row in read.values())
    return Why(
        "The logs have no line of this job",
        f"They were read at {clock(newest, zone, as_of=as_of)}. Antenna's log is read of active "
        f"jobs, and of those that have just ended. {WITH_FILES}",
    )


def remarks(sources: pd.DataFrame, *, as_of: pd.Timestamp, zone: ZoneInfo) -> list[Why]:
    """What is wrong with the logs of which there are lines: what is shown may be old or not all.

    Args:
        sources: :func:`ami_console.metrics.source_ages`.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
    """
    told = []
    for source, row in _read(sources).items():
        if not row["ok"]:
            since = clock(row["last_ok_at"], zone, as_of=as_of)
            told.append(
                Why(
                    f"{NAMES[source]} can't be read.",
                    f"What stands here is of {since} or before. {_error(row)}",
                    "bad",
                )
            )
        elif not formats.absent(row["error"]):
            told.append(Why("Not all lines are here.", _error(row), "warn"))
    return told


def state_of(log_events: pd.DataFrame) -> tuple[Any, ...]:
    """Tells a frame from one with other lines: these come in at its end and go at its begin."""
    if log_events.empty:
        return ()
    held = [log_events[column] for column in ("observed_at", "logged_at", "message")]
    return (len(log_events), *(column.iloc[place] for column in held for place in (0, -1)))


def _read(sources: pd.DataFrame) -> dict[str, Mapping[Any, Any]]:
    """Those logs that were looked at."""
    rows = sources[sources["source"].isin(list(NAMES)) & sources["ok"].notna()]
    return {row["source"]: row for row in rows.to_dict("records")}


def _error(row: Mapping[Any, Any]) -> str:
    error = row["error"]
    if formats.absent(error):
        return "Why is not known."
    text = str(error)
    return text if text.endswith((".", "…")) else f"{text}."
