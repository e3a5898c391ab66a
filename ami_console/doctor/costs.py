"""What watching costs the sources: of the looks that were taken, at the beat of the settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ami_console.collector import DISCOVER_EVERY_S, pause_s
from ami_console.doctor.looks import Looks
from ami_console.reading import Reading, SourceName
from ami_console.settings import Settings

INFO_BYTES = 1_400
"""An advisory of one STREAM.INFO or CONSUMER.INFO, as measured."""

NAMES_BYTES, NAME_BYTES = 700, 16
"""An advisory of one page of STREAM.NAMES, and what each name in it adds: 16 kB of 1,000."""

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What looking at one source costs it. ``None``: not known, never nothing.

    Attributes:
        looks: How many looks it was measured on.
        every_s: From one look to the next, seconds; ``None``: it tells by itself.
        elapsed_s: What one takes, seconds.
        requests: What one sends.
        bytes: What one gets back.
        requests_per_hour: With the searches for active jobs.
        bytes_per_hour: The same.
        bytes_per_day: The same.
        stored_bytes_per_hour: What NATS stores of it as advisories, each for an hour.
        stored_by_api_bytes_per_hour: What it would store if the JetStream API were asked.
    """

    looks: int
    every_s: float | None
    elapsed_s: float | None
    requests: float | None
    bytes: float | None
    requests_per_hour: float | None
    bytes_per_hour: float | None
    bytes_per_day: float | None
    stored_bytes_per_hour: float | None = None
    stored_by_api_bytes_per_hour: float | None = None


def cost_of(source: SourceName, looks: Looks, settings: Settings, *, way: str | None) -> Cost:
    """The median look, repeated at the beat of the settings.

    Args:
        source: The source.
        looks: What was looked.
        settings: The beat.
        way: Of NATS: ``monitor`` or ``api``.
    """
    good = looks.good(source)
    if source == "tap":
        return _listening(good)
    # The first look at a log goes back far; those after it are the rule.
    usual = good[1:] if source in ("job_logs", "log_files") and len(good) > 1 else good
    every_s = pause_s(settings, source, asked=looks.job_ids)
    elapsed_s = _median([reading.elapsed_s for reading in usual])
    requests = _median([reading.requests for reading in usual])
    size = _median([reading.bytes for reading in usual])
    if source == "job_logs" and looks.logs_of:
        times = len(looks.job_ids) / looks.logs_of
        requests, size = _times(requests, times), _times(size, times)
    # A slow answer is waited for: there is never a second question before it.
    per_hour = _HOUR_S / max(every_s, elapsed_s or 0.0)
    search = looks.found.get(source)
    searches = _HOUR_S / DISCOVER_EVERY_S
    bytes_per_hour = _sum(_times(size, per_hour), search, "bytes", searches)
    stored = _stored(looks, per_hour, searches) if source == "nats" else None
    return Cost(
        looks=len(good),
        every_s=every_s,
        elapsed_s=elapsed_s,
        requests=requests,
        bytes=size,
        requests_per_hour=_sum(_times(requests, per_hour), search, "requests", searches),
        bytes_per_hour=bytes_per_hour,
        bytes_per_day=_times(bytes_per_hour, 24),
        stored_bytes_per_hour=0.0 if way == "monitor" else stored if way == "api" else None,
        stored_by_api_bytes_per_hour=stored,
    )


def _listening(heard: Sequence[Reading]) -> Cost:
    """What came by itself, at the rate at which it came."""
    heard_s = sum(reading.elapsed_s or 0.0 for reading in heard)
    size = sum(reading.bytes or 0 for reading in heard)
    per_hour = size / heard_s * _HOUR_S if heard_s else None
    return Cost(
        looks=len(heard),
        every_s=None,
        elapsed_s=None,
        requests=None,
        bytes=None,
        requests_per_hour=0.0,
        bytes_per_hour=per_hour,
        bytes_per_day=_times(per_hour, 24),
    )


def _stored(looks: Looks, per_hour: float, searches: float) -> float:
    """Advisories that questions to the JetStream API leave; the monitoring port leaves none."""
    jobs = len(looks.job_ids)
    names = NAMES_BYTES + jobs * NAME_BYTES
    return 2 * jobs * INFO_BYTES * per_hour + names * searches


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _sum(value: float | None, search: Reading | None, what: str, searches: float) -> float | None:
    """With the searches, where this source is searched."""
    if search is None or value is None or not search.ok:
        return value
    more: float | None = getattr(search, what)
    return None if more is None else value + more * searches
