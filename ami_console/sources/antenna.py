"""Jobs and stages over Antenna's REST API; only reading, and only what an observer may read."""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ami_console.errors import SourceError, SourceMalformed
from ami_console.instants import now_ns
from ami_console.reading import FINAL_STATUSES, Reading, Row, SourceName
from ami_console.settings import Settings
from ami_console.sources.antenna_client import antenna_client
from ami_console.sources.job_rows import job_rows
from ami_console.sources.rest import Answer, date_offset_s
from ami_console.sources.values import identifier, mapping, text

__all__ = ["AntennaSource", "job_rows"]

ACTIVE_STATUSES = ("PENDING", "STARTED", "RETRY", "RECEIVED", "UNKNOWN", "CANCELING")

_AT_ONCE = 8
_PAGE = 100
_MOST_PAGES = 10
_RECENT = 50


class AntennaSource:
    """Antenna's REST API. Opens nothing until the first question.

    A reading is ok when Antenna answered for at least one of the jobs asked for. Then ``error``
    may still hold a remark: how many jobs could not be read, or what was left out. A job that
    Antenna does not know (404) is no failure: it gives a row in which all but its number is
    missing.
    """

    name: ClassVar[SourceName] = "antenna"

    def __init__(self, settings: Settings) -> None:
        self._zone = settings.antenna_timezone
        self._project = settings.project
        self.target, self._client = antenna_client(settings)
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def read(self, job_ids: Collection[int]) -> Reading:
        """These jobs and their stages now; without any, only whether Antenna answers.

        Jobs of other projects are not left out here: who asks knows why.

        Raises:
            SourceError: No job could be read.
        """
        began = time.monotonic()
        wanted = sorted(set(job_ids))
        if not wanted:
            return self._reading([await self._client.get("")], [], began=began)
        results = await asyncio.gather(*map(self._job, wanted))
        answers = [result for result in results if isinstance(result, Answer)]
        failures = [result for result in results if isinstance(result, SourceError)]
        if failures and not answers:
            raise failures[0]
        remark = None
        if failures:
            remark = f"{len(failures)} of {len(wanted)} jobs could not be read: {failures[0]}"
        bodies = [answer.body for answer in answers if answer.status == 200]
        unknown = [
            job_id
            for job_id, result in zip(wanted, results, strict=True)
            if isinstance(result, Answer) and result.status == 404
        ]
        return self._reading(
            answers, bodies, began=began, remark=remark, asked=len(wanted), unknown=unknown
        )

    async def discover(self) -> Reading:
        """Active jobs by the lists, and the rows of all jobs on the way.

        One list per active status, the newest CREATED jobs, and the jobs changed last, which
        shows those that ended since. ``job_ids`` holds active jobs but not CREATED ones: these
        have neither stream nor counters yet. Only jobs that are worked over NATS count, and
        only those of the project in the settings.

        Raises:
            SourceError: A list could not be read.
        """
        began = time.monotonic()
        answers: list[Answer] = []
        remarks: list[str] = []
        bodies: list[Mapping[str, Any]] = []
        # One after another: a list of 100 jobs keeps one of Antenna's few web workers busy for
        # half a second.
        for status in ACTIVE_STATUSES:
            bodies += await self._list(answers, remarks, status=status)
        bodies += await self._list(
            answers, remarks, status="CREATED", ordering="-created_at", pages=1
        )
        bodies += await self._list(answers, remarks, ordering="-updated_at", limit=_RECENT, pages=1)
        ours = [body for body in bodies if self._in_project(body)]
        if bodies and not ours:
            remarks.append(f"no job of project {self._project}, is AMI_CONSOLE_PROJECT right")
        reading = self._reading(
            answers,
            filter(_is_worked_over_nats, ours),
            began=began,
            remark="; ".join(remarks) or None,
        )
        active = {
            job["job_id"]
            for job in reading.rows["jobs"]
            if job["status"] not in FINAL_STATUSES and job["status"] != "CREATED"
        }
        return replace(reading, job_ids=frozenset(active))

    async def aclose(self) -> None:
        """Close the connections; a later question opens new ones."""
        await self._client.aclose()

    async def _job(self, job_id: int) -> Answer | SourceError:
        async with self._slots:
            try:
                answer = await self._client.get(
                    f"jobs/{job_id}/", {"logs_limit": 1}, accept=frozenset({200, 404})
                )
            except SourceError as error:
                return error
        if answer.status == 200 and answer.body.get("id") != job_id:
            came = self.target.quote(answer.body.get("id"))
            return self.target.malformed(f"asked for job {job_id}, got one with id {came}")
        return answer

    async def _list(
        self,
        answers: list[Answer],
        remarks: list[str],
        *,
        status: str | None = None,
        ordering: str | None = None,
        limit: int = _PAGE,
        pages: int = _MOST_PAGES,
    ) -> list[Mapping[str, Any]]:
        """Jobs of one list, page by page; adds to ``answers`` and ``remarks``."""
        asked = {
            "dispatch_mode": "async_api",
            "status": status,
            "ordering": ordering,
            "project_id": self._project,
            "limit": limit,
        }
        params = {key: value for key, value in asked.items() if value is not None}
        found: list[Mapping[str, Any]] = []
        for page in range(1, pages + 1):
            answer = await self._client.get(
                "jobs/", {**params, "offset": len(found)}, accept=frozenset({200, 400})
            )
            answers.append(answer)
            if answer.status == 400 and status and "status" in answer.body:
                break  # an older Antenna does not know this status, so no job has it
            results = answer.body.get("results")
            if answer.status == 400 or not isinstance(results, list):
                said = self.target.quote(answer.body)
                raise self.target.malformed(f"GET jobs/ answered {answer.status}: {said}")
            found += results
            # Not the URL in ``next``: behind a proxy it names a host that only Antenna knows.
            if not answer.body.get("next") or not results:
                break
            if page == pages > 1:
                remarks.append(f"only the first {len(found)} jobs with status {status} were read")
        return found

    def _in_project(self, body: Mapping[str, Any]) -> bool:
        # Antenna silently ignores the filter when it does not know the project.
        if self._project is None:
            return True
        project = mapping(body).get("project")
        return self._project in (identifier(mapping(project).get("id")), identifier(project))

    def _reading(
        self,
        answers: list[Answer],
        bodies: Iterable[Mapping[str, Any]],
        *,
        began: float,
        remark: str | None = None,
        asked: int | None = None,
        unknown: Collection[int] = (),
    ) -> Reading:
        observed_at = now_ns()
        # A job may have moved from list to list meanwhile: the later look counts.
        latest: dict[int, tuple[Row, list[Row]]] = {}
        for body in bodies:
            try:
                job, stages = job_rows(body, observed_at=observed_at, zone=self._zone)
            except SourceMalformed as error:
                raise self.target.malformed(str(error)) from None
            latest[job["job_id"]] = job, stages
        return Reading(
            source=self.name,
            observed_at=observed_at,
            error=remark,
            elapsed_s=time.monotonic() - began,
            bytes=sum(answer.size_bytes for answer in answers),
            requests=asked or len(answers),
            clock_offset_s=date_offset_s(answers),
            rows={
                "jobs": [
                    *(job for job, _ in latest.values()),
                    *({"observed_at": observed_at, "job_id": job_id} for job_id in unknown),
                ],
                "stages": [stage for _, stages in latest.values() for stage in stages],
            },
        )


def _is_worked_over_nats(body: Mapping[str, Any]) -> bool:
    """Whether the job is ``async_api``; where a version does not say, whether it is an ML job."""
    mode = text(mapping(body).get("dispatch_mode"))
    if mode is not None:
        return mode == "async_api"
    return text(mapping(mapping(body).get("job_type")).get("key")) in (None, "ml")
