"""Streams and consumers: by one ``/jsz`` request where it is reachable, else by the API."""

import asyncio
import time
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import ClassVar

from ami_console.errors import SourceError
from ami_console.instants import now_ns
from ami_console.reading import Reading, Row, SourceName
from ami_console.settings import Settings
from ami_console.sources.consumer_rows import (
    NO_CONSUMER,
    NO_STREAM,
    consumer_name,
    consumer_row,
    job_of_stream,
    jsz_rows,
    stream_name,
)
from ami_console.sources.jetstream_api import ApiReply, JetstreamApi, api_offset_s
from ami_console.sources.monitor import Monitor, MonitorLook

__all__ = ["JetstreamSource", "consumer_row", "jsz_rows"]

_MONITOR_AGAIN_S = 60.0
_JOB_SUBJECTS = "job.>"


class JetstreamSource:
    """Antenna's JetStream. Opens nothing until the first question.

    Where the monitoring port answers, one request gives every job and costs the broker nothing.
    Else the JetStream API is asked for the given jobs only, and the port is tried again about
    once a minute; the reading is ok then, and ``error`` says as a remark why it was the API.
    """

    name: ClassVar[SourceName] = "nats"

    def __init__(self, settings: Settings) -> None:
        self._api = JetstreamApi(settings)
        self.target = self._api.target
        self._monitor = Monitor(settings) if settings.nats_monitor_url else None
        self._monitor_again_at = 0.0
        self._monitor_failure: SourceError | None = None
        self._was_away = False

    async def read(self, job_ids: Collection[int]) -> Reading:
        """Streams and consumers of these jobs now; without any, at least whether NATS answers.

        By the monitoring port the rows hold every job that has a stream, asked for or not, and
        ``job_ids`` names those.

        Raises:
            SourceError: Neither way could be read.
        """
        return await self._look(sorted(set(job_ids)), discover=False)

    async def discover(self) -> Reading:
        """All jobs that have a stream. By the API there are no rows on the way.

        Raises:
            SourceError: Neither way could be read.
        """
        return await self._look([], discover=True)

    async def aclose(self) -> None:
        """Close the connections; a later question opens new ones."""
        if self._monitor is not None:
            await self._monitor.aclose()
        await self._api.aclose()

    async def _look(self, job_ids: list[int], *, discover: bool) -> Reading:
        began = time.monotonic()
        is_by_api_alone = time.monotonic() < self._monitor_again_at
        look = await self._by_monitor()
        try:
            if look is not None and look.is_complete:
                reading = self._from_monitor(look, job_ids)
            elif discover:
                reading = await self._names_by_api()
            else:
                reading = await self._by_api(job_ids, look)
        except SourceError as error:
            # NATS as a whole is away: the port is worth another try as soon as the next look.
            failure, self._monitor_again_at = self._monitor_failure, 0.0
            raise type(error)(f"{error} ({failure})" if failure else str(error)) from None
        except asyncio.CancelledError:
            # Most likely the deadline. Where the API had all of it, NATS as a whole is away.
            if is_by_api_alone:
                self._was_away, self._monitor_again_at = True, 0.0
            raise
        if self._was_away:
            # NATS is back, and so may be its port, which costs nothing.
            self._was_away, self._monitor_again_at = False, 0.0
        return replace(reading, elapsed_s=time.monotonic() - began)

    async def _by_monitor(self) -> MonitorLook | None:
        """A look at ``/jsz``; ``None`` when it can't be had now."""
        if self._monitor is None or time.monotonic() < self._monitor_again_at:
            return None
        try:
            look = await self._monitor.look()
        except SourceError as error:
            self._monitor_failure = error
            self._monitor_again_at = time.monotonic() + _MONITOR_AGAIN_S
            return None
        except asyncio.CancelledError:
            # Most likely the deadline: the next look must not wait for this port again.
            self._monitor_failure = self._monitor.target.unreachable("no answer in time")
            self._monitor_again_at = time.monotonic() + _MONITOR_AGAIN_S
            raise
        self._monitor_failure = None
        return look

    def _from_monitor(self, look: MonitorLook, job_ids: Iterable[int]) -> Reading:
        observed_at = now_ns()
        rows = _stamped(look.rows.values(), observed_at)
        for job_id in job_ids:
            if job_id not in look.rows:
                row = consumer_row(job_id, NO_STREAM, NO_CONSUMER, observed_at=observed_at)
                rows.append({**row, "server_at": look.server_at})
        return Reading(
            source=self.name,
            observed_at=observed_at,
            bytes=look.size_bytes,
            requests=look.requests,
            clock_offset_s=look.clock_offset_s,
            rows={"consumers": _in_order(rows)},
            job_ids=frozenset(look.rows),
        )

    async def _by_api(self, job_ids: Iterable[int], look: MonitorLook | None) -> Reading:
        """These jobs by the API; those that a cluster's ``/jsz`` told of come from there."""
        told = look.rows if look is not None else {}
        asked = [job_id for job_id in job_ids if job_id not in told]
        questions = []
        for job_id in asked:
            stream, consumer = stream_name(job_id), consumer_name(job_id)
            questions.append((f"STREAM.INFO.{stream}", b""))
            questions.append((f"CONSUMER.INFO.{stream}.{consumer}", b""))
        replies = await self._api.ask(questions)
        observed_at = now_ns()
        rows = _stamped(told.values(), observed_at)
        for job_id, stream_info, consumer_info in zip(
            asked, replies[::2], replies[1::2], strict=True
        ):
            rows.append(
                consumer_row(job_id, stream_info.body, consumer_info.body, observed_at=observed_at)
            )
        reading = self._api_reading(replies, observed_at)
        return replace(
            reading,
            rows={"consumers": _in_order(rows)},
            bytes=(reading.bytes or 0) + (look.size_bytes if look else 0),
            requests=len(replies) + (look.requests if look else 0),
        )

    async def _names_by_api(self) -> Reading:
        names, replies = await self._api.stream_names(_JOB_SUBJECTS)
        found = frozenset(job_id for name in names if (job_id := job_of_stream(name)))
        return replace(self._api_reading(replies, now_ns()), job_ids=found)

    def _api_reading(self, replies: list[ApiReply], observed_at: int) -> Reading:
        remark = None
        if self._monitor_failure is not None:
            remark = f"read by the JetStream API, which leaves advisories: {self._monitor_failure}"
        return Reading(
            source=self.name,
            observed_at=observed_at,
            error=remark,
            bytes=sum(reply.size_bytes for reply in replies),
            requests=len(replies),
            clock_offset_s=api_offset_s(replies),
        )


def _stamped(rows: Iterable[Row], observed_at: int) -> list[Row]:
    """The rows, which are of this look alone, with the instant of all of it."""
    stamped = list(rows)
    for row in stamped:
        row["observed_at"] = observed_at
    return stamped


def _in_order(rows: Iterable[Row]) -> list[Row]:
    """By job: ``/jsz`` lists streams in any order."""
    return sorted(rows, key=lambda row: int(row["job_id"]))
