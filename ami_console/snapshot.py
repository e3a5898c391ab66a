"""One look at everything: from each source a reading, or why there is none."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, Protocol

from ami_console.batch import Batch
from ami_console.errors import SourceError
from ami_console.instants import now_ns
from ami_console.reading import Reading, Row, SourceName
from ami_console.sources.failures import Target

log = logging.getLogger(__name__)

READ_DEADLINES_S: Mapping[SourceName, float] = {
    "antenna": 10.0,
    "nats": 5.0,
    "redis": 5.0,
    "celery": 5.0,
    "job_logs": 30.0,
    "log_files": 10.0,
}
"""Antenna was seen to take 4 s for one job under load; the brokers answer in milliseconds."""

DISCOVER_DEADLINE_S = 30.0

SEARCH = "search for jobs"
"""What :meth:`Source.discover` is called where it fails."""

DISCOVERERS: frozenset[SourceName] = frozenset({"antenna", "nats", "redis"})
"""Sources that can tell which jobs are active; the others are not asked for it."""


class Source(Protocol):
    """What the live sources have in common. ``read`` and ``discover`` may overlap."""

    name: ClassVar[SourceName]

    async def discover(self) -> Reading:
        """Find active jobs; costs more than a read."""
        ...

    async def read(self, job_ids: Collection[int]) -> Reading:
        """Read these jobs now."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


def target_of(source: Source) -> Target | None:
    """Whom a source asks, for messages; ``None``: nobody, as one that reads files."""
    target = getattr(source, "target", None)
    return target if isinstance(target, Target) else None


async def look(
    source: SourceName,
    question: Callable[[], Awaitable[Reading]],
    *,
    deadline_s: float,
    target: Target | None = None,
    what: str = "look",
) -> Reading:
    """Ask a source one question, and come back with a reading whatever happens.

    Args:
        source: Who is asked; names the reading when it fails.
        question: ``source.discover`` or a call of ``source.read``.
        deadline_s: After this the answer is not waited for any longer, seconds.
        target: Where it is, to be named when it does not answer.
        what: What is given up then.

    Returns:
        The reading, or one with ``ok`` False that says why there is none.
    """
    began = time.monotonic()
    try:
        async with asyncio.timeout(deadline_s):
            return await question()
    except TimeoutError:
        came = f"no answer within {deadline_s:g} s, the {what} was given up"
        reason = f"{source} gave {came}" if target is None else str(target.unreachable(came))
    except SourceError as error:
        reason = str(error)
    except Exception as error:  # a fault of ours must not end the watch over the others
        log.exception("reading %s failed in an unexpected way", source)
        reason = (
            f"reading {source} failed in an unexpected way ({type(error).__name__}); see the log"
        )
    return Reading(
        source=source,
        observed_at=now_ns(),
        ok=False,
        error=reason,
        elapsed_s=time.monotonic() - began,
    )


def only(reading: Reading, job_ids: Collection[int]) -> Reading:
    """The reading without the rows of other jobs; rows of no job at all stay."""
    wanted = {*job_ids, None}
    return replace(reading, rows={name: _of(rows, wanted) for name, rows in reading.rows.items()})


def _of(rows: Sequence[Row], job_ids: Collection[int | None]) -> Sequence[Row]:
    if isinstance(rows, Batch):
        return rows.of_jobs(job_ids)
    return [row for row in rows if row.get("job_id") in job_ids]


async def take(
    sources: Sequence[Source],
    job_ids: Collection[int] | None = None,
) -> list[Reading]:
    """One look at all sources at once; no source waits for another's deadline but its own.

    Args:
        sources: The live sources.
        job_ids: Jobs to look at; ``None``: every active job that any source knows of.

    Returns:
        The readings in the order in which the answers came, failed ones included.
    """
    readings: list[Reading] = []
    everything = job_ids is None
    if job_ids is None:
        found = [
            look(
                s.name,
                s.discover,
                deadline_s=DISCOVER_DEADLINE_S,
                target=target_of(s),
                what=SEARCH,
            )
            for s in sources
            if s.name in DISCOVERERS
        ]
        readings += await asyncio.gather(*found)
        job_ids = frozenset[int]().union(*(r.job_ids for r in readings if r.job_ids is not None))
    wanted = frozenset(job_ids)

    async def read(source: Source) -> Reading:
        reading = await look(
            source.name,
            partial(source.read, wanted),
            deadline_s=READ_DEADLINES_S[source.name],
            target=target_of(source),
        )
        return reading if everything else only(reading, wanted)

    readings += await asyncio.gather(*(read(source) for source in sources))
    return sorted(readings, key=lambda reading: reading.observed_at)
