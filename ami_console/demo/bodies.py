"""REST bodies in the shapes that Antenna answers with: naive local times, nested objects."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ami_console.demo.jobs import Job
from ami_console.demo.plans import pipeline, project
from ami_console.instants import NS_PER_S

_PIPELINE_MADE_AT = 1_767_369_600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Bodies:
    """Makes bodies for one reader.

    Attributes:
        base_url: Address that links begin with.
        zone: Time zone of the naive times.
        may_write: Whether the reader's permission lists are filled.
    """

    base_url: str
    zone: ZoneInfo
    may_write: bool

    def job(
        self, job: Job, *, logs: Iterable[tuple[int, str, str]] | None = None
    ) -> dict[str, Any]:
        """A job's body: that of the detail when log lines are given, else that of a list."""
        lines = [f"[{self._second(at)}] {level} {text}" for at, level, text in logs or ()]
        done = job.started_at is not None and job.finished_at is not None
        duration_us = (job.finished_at - job.started_at) // 1000 if done else None  # type: ignore[operator]
        body = {
            "id": job.id,
            "details": self._link(f"jobs/{job.id}"),
            "name": job.plan.name,
            "delay": 0,
            "limit": None,
            "shuffle": True,
            "project": self._project(job),
            "deployment": None,
            "source_image_collection": self._collection(job),
            "source_image_single": None,
            "pipeline": self._pipeline(job),
            "status": job.status,
            "created_at": self._time(job.created_at),
            "updated_at": self._time(job.updated_at),
            "started_at": self._time(job.started_at),
            "finished_at": self._time(job.finished_at),
            "duration": None if duration_us is None else str(duration_us / 1_000_000),
            "progress": job.progress,
            "logs": {"stdout": lines, "stderr": []},
            "job_type": {"name": "ML pipeline", "key": "ml"},
            "data_export": None,
            "dispatch_mode": "async_api",
        }
        if logs is not None:
            body["result"] = None
        body["user_permissions"] = self._may("delete", "update", "run_single_image", "run")
        return body

    def job_id_only(self, job: Job) -> dict[str, Any]:
        """The short body that workers ask for."""
        return {
            "id": job.id,
            "pipeline_slug": job.plan.pipeline,
            "user_permissions": self._may("delete", "update", "run_single_image", "run"),
        }

    def page(
        self,
        results: Sequence[dict[str, Any]],
        *,
        count: int,
        path: str,
        query: dict[str, str],
        limit: int,
        offset: int,
    ) -> dict[str, Any]:
        """One page of a list with links to its neighbours."""

        def link(to: int) -> str:
            rest = {key: value for key, value in query.items() if key not in {"limit", "offset"}}
            params = {**rest, "limit": str(limit)} | ({"offset": str(to)} if to > 0 else {})
            return f"{self.base_url}{path}?{urlencode(sorted(params.items()))}"

        return {
            "count": count,
            "next": link(offset + limit) if offset + limit < count else None,
            "previous": link(offset - limit) if offset > 0 else None,
            "results": list(results),
            "user_permissions": self._may("create"),
        }

    def _project(self, job: Job) -> dict[str, Any]:
        found = project(job.plan.project)
        return {
            "id": found.id,
            "name": found.name,
            "details": self._link(f"projects/{found.id}"),
            "user_permissions": self._may("delete", "update", "change", "add"),
        }

    def _collection(self, job: Job) -> dict[str, Any]:
        return {
            "id": job.id,
            "name": f"{job.plan.name} ({job.plan.images} captures)",
            "details": self._link(f"captures/collections/{job.id}"),
            "method": "full",
            "user_permissions": self._may("delete", "update", "populate"),
        }

    def _pipeline(self, job: Job) -> dict[str, Any]:
        found = pipeline(job.plan.pipeline)
        return {
            "id": found.id,
            "details": self._link(f"ml/pipelines/{found.id}"),
            "name": found.name,
            "slug": found.slug,
            "description": "demo pipeline",
            "version": 1,
            "version_name": "",
            "created_at": self._time(_PIPELINE_MADE_AT + found.id * 1_234_567_000),
            "updated_at": self._time(_PIPELINE_MADE_AT + found.id * 2_345_678_000),
            "user_permissions": self._may("delete", "update"),
        }

    def _may(self, *rights: str) -> list[str]:
        return list(rights) if self.may_write else []

    def _link(self, path: str) -> str:
        return f"{self.base_url}/api/v2/{path}/"

    def _local(self, instant_ns: int) -> datetime:
        whole_s, rest_ns = divmod(instant_ns, NS_PER_S)
        moment = datetime.fromtimestamp(whole_s, self.zone).replace(microsecond=rest_ns // 1000)
        return moment.replace(tzinfo=None)

    def _time(self, instant_ns: int | None) -> str | None:
        return None if instant_ns is None else self._local(instant_ns).isoformat()

    def _second(self, instant_ns: int) -> str:
        return self._local(instant_ns).strftime("%Y-%m-%d %H:%M:%S")
