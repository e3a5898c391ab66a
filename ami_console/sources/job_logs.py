"""What Antenna logged of each job, over its REST API; only reading, and only what is new."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ami_console.batch import Batch
from ami_console.errors import SourceError
from ami_console.instants import now_ns
from ami_console.logs import parse_job_log
from ami_console.reading import Reading, SourceName
from ami_console.settings import Settings
from ami_console.sources.antenna_client import antenna_client
from ami_console.sources.job_log_lines import MOST, Advance, Followed, advance, is_short, log_lines
from ami_console.sources.rest import Answer, date_offset_s
from ami_console.sources.values import text

# A body with 5000 lines keeps one of Antenna's few web workers busy for a while.
_AT_ONCE = 2
# Within the deadline of a look, so that a slow Antenna costs the rest of it and not all of it.
_BEGIN_WITHIN_S = 10.0
_LIMIT_S = 8.0
# A job that is done is looked at every so many looks: somebody may have started it again.
_LOOKS_LEFT_OUT = 4
_MOST_REMARKS = 3


@dataclass(slots=True)
class _Look:
    """What came of one job.

    Attributes:
        job_id: The job.
        requests: How many questions were asked.
        answers: Antenna's answers, those that were of no use included.
        advance: What is new; ``None``: Antenna does not know the job, or see below.
        failure: Why it could not be read.
        is_left: Whether there was no time for it; it comes first next time.
    """

    job_id: int
    requests: int = 0
    answers: list[Answer] = field(default_factory=list)
    advance: Advance | None = None
    failure: SourceError | None = None
    is_left: bool = False


class JobLogsSource:
    """The logs of jobs, followed from look to look. Opens nothing until the first question.

    The first look at a job takes the newest 5000 lines, which is all that Antenna gives; each
    later one so many that it overlaps with the one before. What was read is remembered as long
    as the job is asked for. A job that has ended is read until a look brings nothing new, then
    only now and then.

    A reading is ok when the log of one job could be read. Then ``error`` may still hold a
    remark: how many could not, and between which times lines were not read.
    """

    name: ClassVar[SourceName] = "job_logs"

    def __init__(self, settings: Settings) -> None:
        self._zone = settings.antenna_timezone
        self.target, self._client = antenna_client(settings, limit_s=_LIMIT_S)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._followed: dict[int, Followed] = {}
        self._begun: dict[int, float] = {}
        self._left_out: dict[int, int] = {}

    async def read(self, job_ids: Collection[int]) -> Reading:
        """New lines of these jobs' logs; without any, only whether Antenna answers.

        Returns:
            Rows of ``log_events`` only, oldest first within a job, and none without new lines.

        Raises:
            SourceError: No job's log could be read.
        """
        began = time.monotonic()
        due = self._due(set(job_ids))
        if not due:
            return await self._greet(began)
        looks = await asyncio.gather(*(self._look(job_id, began) for job_id in due))
        failures = [look.failure for look in looks if look.failure is not None]
        if failures and not any(look.failure is None and not look.is_left for look in looks):
            raise failures[0]
        reading = self._reading(looks, began=began)
        for look in looks:  # not before: of a look that was given up nothing is known
            if look.advance is not None:
                self._followed[look.job_id] = look.advance.followed
        return reading

    async def discover(self) -> Reading:
        """Only whether Antenna answers: which jobs there are is not asked for here.

        Raises:
            SourceError: It does not.
        """
        return await self._greet(time.monotonic())

    async def aclose(self) -> None:
        """Close the connections; a later question opens new ones."""
        await self._client.aclose()

    def _due(self, wanted: Collection[int]) -> list[int]:
        """The jobs to look at now, those first that wait the longest; forgets all others."""
        for held in (self._followed, self._begun, self._left_out):
            for job_id in held.keys() - wanted:
                del held[job_id]
        due = []
        for job_id in wanted:
            followed = self._followed.get(job_id)
            is_done = followed is not None and followed.is_done
            left_out = self._left_out.get(job_id, 0)
            if is_done and left_out < _LOOKS_LEFT_OUT:
                self._left_out[job_id] = left_out + 1
            else:
                self._left_out.pop(job_id, None)
                due.append(job_id)
        return sorted(due, key=lambda job_id: (self._begun.get(job_id, -1.0), job_id))

    async def _look(self, job_id: int, began: float) -> _Look:
        look = _Look(job_id)
        async with self._slots:
            if time.monotonic() - began > _BEGIN_WITHIN_S:
                look.is_left = True
                return look
            self._begun[job_id] = time.monotonic()
            try:
                await self._follow(look)
            except SourceError as error:
                look.failure = error
        return look

    async def _follow(self, look: _Look) -> None:
        followed = self._followed.get(look.job_id)
        limit = MOST if followed is None else followed.limit
        body = await self._ask(look, limit)
        if is_short(log_lines(body), followed):
            limit = MOST
            body = await self._ask(look, limit)
        if body:
            look.advance = advance(
                followed, log_lines(body), limit=limit, status=text(body.get("status"))
            )

    async def _ask(self, look: _Look, limit: int) -> Mapping[str, Any]:
        """The job's body; empty when Antenna does not know the job."""
        look.requests += 1
        answer = await self._client.get(
            f"jobs/{look.job_id}/", {"logs_limit": limit}, accept=frozenset({200, 404})
        )
        look.answers.append(answer)
        if answer.status == 404:
            return {}
        if answer.body.get("id") != look.job_id:
            came = self.target.quote(answer.body.get("id"))
            raise self.target.malformed(f"asked for job {look.job_id}, got one with id {came}")
        return answer.body

    async def _greet(self, began: float) -> Reading:
        answer = await self._client.get("")
        return Reading(
            source=self.name,
            observed_at=now_ns(),
            elapsed_s=time.monotonic() - began,
            bytes=answer.size_bytes,
            requests=1,
            clock_offset_s=date_offset_s([answer]),
        )

    def _reading(self, looks: Sequence[_Look], *, began: float) -> Reading:
        observed_at = now_ns()
        answers = [answer for look in looks for answer in look.answers]
        batches = [
            parse_job_log(
                look.advance.lines, job_id=look.job_id, zone=self._zone, observed_at=observed_at
            )
            for look in looks
            if look.advance is not None and look.advance.lines
        ]
        return Reading(
            source=self.name,
            observed_at=observed_at,
            error=_remark(looks),
            elapsed_s=time.monotonic() - began,
            bytes=sum(answer.size_bytes for answer in answers),
            requests=sum(look.requests for look in looks),
            clock_offset_s=date_offset_s(answers),
            rows={"log_events": Batch.joined(batches)} if batches else {},
        )


def _remark(looks: Sequence[_Look]) -> str | None:
    remarks = [
        f"job {look.job_id}: {look.advance.gap}"
        for look in looks
        if look.advance is not None and look.advance.gap
    ]
    if len(remarks) > _MOST_REMARKS:
        remarks[_MOST_REMARKS:] = [f"the same of {len(remarks) - _MOST_REMARKS} other jobs"]
    failures = [look.failure for look in looks if look.failure is not None]
    if failures:
        remarks.append(f"{len(failures)} of {len(looks)} logs could not be read: {failures[0]}")
    if left := sum(look.is_left for look in looks):
        remarks.append(f"{left} of {len(looks)} logs are left for the next look, Antenna is slow")
    return "; ".join(remarks) or None
