"""Look at everything, ask what may be done there, and put it together."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ami_console.doctor.costs import cost_of
from ami_console.doctor.examination import Examination, SourceReport, TimeZone
from ami_console.doctor.looks import PAUSE_S, ROUNDS, Looks, Tell, take_looks
from ami_console.doctor.problems import problems_of
from ami_console.doctor.rights import (
    COUNTER_COMMANDS,
    UNNEEDED_COMMANDS,
    Rights,
    antenna_rights,
    nats_rights,
    rabbit_rights,
    redis_rights,
    tap_rights,
)
from ami_console.instants import now_ns
from ami_console.metrics import clock_offsets, zone_evidence, zone_offset
from ami_console.reading import SourceName
from ami_console.settings import Settings
from ami_console.sources.rights import (
    AntennaFacts,
    Command,
    MonitorFacts,
    NatsFacts,
    RabbitFacts,
    RedisFacts,
    ask_antenna,
    ask_monitor,
    ask_nats,
    ask_rabbit,
    ask_redis,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    antenna: AntennaFacts
    nats: NatsFacts
    redis: RedisFacts
    monitor: MonitorFacts | None
    celery: RabbitFacts | RedisFacts | None


async def examine(
    settings: Settings,
    *,
    rounds: int = ROUNDS,
    pause_s: float = PAUSE_S,
    tell: Tell = lambda _: None,
) -> Examination:
    """Examine every source that the settings name. Nothing is changed anywhere.

    Args:
        settings: Where the sources are.
        rounds: How many looks to take at each source.
        pause_s: From one look to the next, seconds.
        tell: Called with what is being done.
    """
    taken = take_looks(settings, rounds=rounds, pause_s=pause_s, tell=tell)
    facts, looks = await asyncio.gather(_ask(settings), taken)
    as_of = pd.Timestamp(now_ns(), tz="UTC")
    reports = [_report(source, settings, facts, looks, as_of) for source in _sources(settings)]
    clock_s = next(report.clock_offset_s for report in reports if report.source == "antenna")
    zone = _time_zone(settings, looks, as_of, clock_offset_s=clock_s or 0.0)
    return Examination(
        as_of=as_of,
        jobs=len(looks.job_ids),
        sources=reports,
        time_zone=zone,
        problems=problems_of(reports, zone, searches=looks.found),
    )


def _sources(settings: Settings) -> list[SourceName]:
    """What the settings name, in the order of the report."""
    optional: dict[SourceName, bool] = {
        "tap": settings.tap,
        "job_logs": bool(settings.job_logs_every_s),
        "log_files": bool(settings.log_files),
        "celery": _has_queues(settings),
    }
    return ["antenna", "nats", "redis", *(name for name, is_set in optional.items() if is_set)]


def _has_queues(settings: Settings) -> bool:
    return bool(settings.celery_queues and (settings.rabbitmq_url or settings.celery_redis_url))


async def _ask(settings: Settings) -> _Facts:
    async def nothing() -> None:
        return None

    async def celery() -> RabbitFacts | RedisFacts | None:
        if not _has_queues(settings):
            return None
        if settings.rabbitmq_url:
            return await ask_rabbit(settings)
        commands = [*_queue_commands(settings), *UNNEEDED_COMMANDS]
        return await ask_redis(settings.celery_redis_url, "CELERY_REDIS_URL", commands)

    commands = [*COUNTER_COMMANDS, *UNNEEDED_COMMANDS]
    antenna, nats, redis, monitor, queues = await asyncio.gather(
        ask_antenna(settings),
        ask_nats(settings),
        ask_redis(settings.redis_url, "REDIS_URL", commands),
        ask_monitor(settings) if settings.nats_monitor_url else nothing(),
        celery(),
    )
    return _Facts(antenna=antenna, nats=nats, redis=redis, monitor=monitor, celery=queues)


def _queue_commands(settings: Settings) -> Mapping[Command, str]:
    return {("LLEN", queue): f"what waits in {queue}" for queue in settings.celery_queues}


def _report(
    source: SourceName, settings: Settings, facts: _Facts, looks: Looks, as_of: pd.Timestamp
) -> SourceReport:
    last = looks.last(source)
    way, because = _way(settings, looks) if source == "nats" else (None, None)
    clocks = clock_offsets(looks.history.frame("reads"), as_of=as_of).set_index("source")
    told = clocks.loc[source] if source in clocks.index and clocks.loc[source, "n"] else None
    antenna = facts.antenna
    return SourceReport(
        source=source,
        address=_address(source, settings),
        ok=last is not None and last.ok,
        error=last.error if last is not None else "it told nothing while we looked",
        version=_version(source, facts),
        server=antenna.server if source in ("antenna", "job_logs") else None,
        way=way,
        way_because=because,
        rights=_rights(source, settings, facts, looks, way),
        clock_offset_s=None if told is None else float(told["offset_s"]),
        clock_error_s=None if told is None else float(told["error_s"]),
        cost=cost_of(source, looks, settings, way=way),
    )


def _way(settings: Settings, looks: Looks) -> tuple[str | None, str | None]:
    """How NATS was read, and why so."""
    good = looks.good("nats")
    if not good:
        return None, None
    # Only the port tells of every job at each look.
    if good[-1].job_ids is not None:
        return "monitor", "the monitoring port answers, and asking it costs the broker nothing"
    if not settings.nats_monitor_url:
        return "api", "AMI_CONSOLE_NATS_MONITOR_URL is empty"
    return "api", "the monitoring port can't be used, or shows only a part of a cluster"


def _version(source: SourceName, facts: _Facts) -> str | None:
    if source in ("nats", "tap"):
        by_port = facts.monitor.version if facts.monitor is not None else None
        return facts.nats.version or by_port
    if source == "redis":
        return facts.redis.version
    return facts.celery.version if source == "celery" and facts.celery is not None else None


def _rights(
    source: SourceName, settings: Settings, facts: _Facts, looks: Looks, way: str | None
) -> Rights:
    good, search = looks.good(source), looks.found.get(source)
    saw_jobs, searched = bool(good and looks.job_ids), search is not None and search.ok
    rights = Rights(have=["read it"] if good else [])
    match source:
        case "antenna":
            rights = antenna_rights(facts.antenna, allow_actions=settings.allow_actions)
        case "nats":
            proven = way == "api" and saw_jobs and searched
            rights = nats_rights(facts.nats, facts.monitor, way=way, proven=proven)
        case "tap":
            rights = tap_rights(facts.nats, heard=bool(good))
        case "redis":
            ran = {"GET": saw_jobs, "SCARD": saw_jobs, "TTL": saw_jobs, "SCAN": searched}
            ran["TIME"] = any(reading.clock_offset_s is not None for reading in good)
            proven_commands = [name for name, did in ran.items() if did]
            rights = redis_rights(facts.redis, COUNTER_COMMANDS, proven=proven_commands)
        case "celery" if isinstance(facts.celery, RabbitFacts):
            rights = rabbit_rights(facts.celery)
        case "celery" if isinstance(facts.celery, RedisFacts):
            commands = ["LLEN"] if good else []
            rights = redis_rights(facts.celery, _queue_commands(settings), proven=commands)
    return rights


def _address(source: SourceName, settings: Settings) -> str:
    match source:
        case "antenna" | "job_logs":
            return settings.antenna_url.shown
        case "nats":
            monitor = settings.nats_monitor_url
            return settings.nats_url.shown + (f", {monitor.shown}" if monitor else "")
        case "tap":
            return settings.nats_url.shown
        case "redis":
            return settings.redis_url.shown
        case "log_files":
            return ", ".join(map(str, settings.log_files))
        case _:
            return (settings.rabbitmq_url or settings.celery_redis_url).shown


def _time_zone(
    settings: Settings, looks: Looks, as_of: pd.Timestamp, *, clock_offset_s: float
) -> TimeZone:
    history, zone = looks.history, settings.antenna_timezone
    evidence = zone_evidence(
        history.frame("jobs"),
        consumers=history.frame("consumers"),
        reads=history.frame("reads"),
        zone=zone,
        as_of=as_of,
    )
    found = zone_offset(evidence, clock_offset_s=clock_offset_s)
    ahead = as_of.tz_convert(zone).utcoffset().total_seconds()
    if found.verdict == "cant_tell" or (found.looks_like == "zone" and found.error_s is None):
        shows = None
    else:
        is_zone = found.looks_like == "zone" and found.offset_s is not None
        shows = ahead + (found.offset_s or 0.0) if is_zone else ahead
    return TimeZone(
        setting=zone,
        found=found,
        kinds={str(kind): int(n) for kind, n in evidence["kind"].value_counts().items()},
        utc_offset_s=shows,
    )
