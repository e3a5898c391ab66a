"""The stand-in's REST API: jobs, tasks, results and actions, with Antenna's paths and paging."""

import logging
import uuid
from typing import Any

from tornado.web import Application, RequestHandler

from ami_console.demo.jobs import FINAL, MOST_LOG_LINES, STATUSES, new_progress
from ami_console.demo.patience import until_answered
from ami_console.demo.plans import PROJECTS
from ami_console.demo.rest_handler import (
    EMAIL,
    Api,
    ApiHandler,
    Refusal,
    checked_number,
    unauthorized,
)

_CLOSED = FINAL | {"CANCELING"}
_DEFAULT_LIMIT, _DEFAULT_LOGS = 20, 1000
_FETCH_PATIENCE_S = 60.0

_log = logging.getLogger("django")


def application(api: Api) -> Application:
    """The web application."""
    job = r"/api/v2/jobs/(?P<job_id>\d+)"
    given = {"api": api}
    return Application(
        [
            (r"/api/v2/", RootHandler, given),
            (r"/api/v2/jobs/", JobsHandler, given),
            (rf"{job}/", JobHandler, given),
            (rf"{job}/tasks/", OldTasksHandler if api.is_old else TasksHandler, given),
            (rf"{job}/result/", ResultHandler, given),
            (rf"{job}/(?P<action>run|retry|cancel)/", ActionHandler, given),
            (r"/api/v2/users/me/", MeHandler, given),
            (r"(?P<path>/api/v2/.*[^/])", SlashHandler, given),
        ],
        default_handler_class=MissingHandler,
        default_handler_args=given,
        log_function=_log_request,
    )


def _log_request(handler: RequestHandler) -> None:
    request = handler.request
    _log.debug("%s %s %d", request.method, request.path, handler.get_status())


class SlashHandler(ApiHandler):
    """Paths are asked for with a slash at the end."""

    def get(self, path: str) -> None:
        """Send on."""
        self.redirect(f"{path}/", permanent=True)


class MissingHandler(ApiHandler):
    """Paths that are not there."""

    def prepare(self) -> None:
        """Say so, to everybody."""
        raise Refusal(404, {"detail": "Not found."})


class RootHandler(ApiHandler):
    """What there is to ask for."""

    def get(self) -> None:
        """The lists of the API that this stand-in has."""
        self.answer({name: f"{self.bodies.base_url}/api/v2/{name}/" for name in ("users", "jobs")})


class MeHandler(ApiHandler):
    """Who am I."""

    def get(self) -> None:
        """The user of the token."""
        if not self.token:
            raise unauthorized("Authentication credentials were not provided.")
        user = 4 if self.is_writer else 5
        self.answer(
            {
                "id": user,
                "name": "Demo Operator" if self.is_writer else "Demo Viewer",
                "details": f"{self.bodies.base_url}/api/v2/users/{user}/",
                "image": None,
                "identifications": [],
                "email": EMAIL,
                "user_permissions": [],
            }
        )


class JobsHandler(ApiHandler):
    """The list of jobs."""

    def get(self) -> None:
        """One page of the jobs that fit; the last of a repeated parameter counts."""
        query = {name: self.get_query_arguments(name)[-1] for name in self.request.query_arguments}
        for name, choices in (("status", STATUSES), ("dispatch_mode", _DISPATCH_MODES)):
            if (given := query.get(name)) and given not in choices:
                message = f"Select a valid choice. {given} is not one of the available choices."
                raise Refusal(400, {name: [message]})
        if "cutoff_hours" in query and not query["cutoff_hours"].isdigit():
            raise Refusal(400, {"cutoff_hours": ["A valid integer is required."]})
        projects = {str(found.id): found.slug for found in PROJECTS}
        pipelines = query.get("pipeline__slug__in") or query.get("pipeline__slug")
        jobs = self.api.store.find(
            status=query.get("status") or None,
            project=projects.get(query.get("project_id", "")),  # an unknown one is ignored
            pipelines=pipelines.split(",") if pipelines else None,
            search=query.get("search"),
            unfinished="incomplete_only" in query,
            order=query.get("ordering", "-created_at").split(","),
        )
        if query.get("dispatch_mode", "async_api") != "async_api":
            jobs = []
        ids_only = "ids_only" in query
        limit = _paging(query.get("limit"), 1 if ids_only else _DEFAULT_LIMIT) or _DEFAULT_LIMIT
        offset = _paging(query.get("offset"), 0)
        shape = self.bodies.job_id_only if ids_only else self.bodies.job
        self.answer(
            self.bodies.page(
                [shape(job) for job in jobs[offset : offset + limit]],
                count=len(jobs),
                path=self.request.path,
                query=query,
                limit=limit,
                offset=offset,
            )
        )


_DISPATCH_MODES = ("internal", "sync_api", "async_api")


def _paging(given: str | None, default: int) -> int:
    """What can't be a number of results is ignored."""
    return int(given) if given and given.isascii() and given.isdigit() else default


class JobHandler(ApiHandler):
    """One job."""

    def get(self, job_id: str) -> None:
        """The job with its newest log lines."""
        job = self.job(job_id)
        limit = self.number("logs_limit", default=_DEFAULT_LOGS, most=MOST_LOG_LINES)
        self.answer(self.bodies.job(job, logs=self.api.store.logs(job.id, limit)))


class ActionHandler(ApiHandler):
    """Run, retry, cancel."""

    async def post(self, job_id: str, action: str) -> None:
        """Do it, and answer with the job."""
        job = self.job(job_id)
        if action == "cancel":
            job = await self.api.background.cancel(job)
        else:
            job.progress = new_progress()
            self.api.background.run(job, status="PENDING" if action == "run" else "RETRY")
        self.answer(self.bodies.job(job, logs=self.api.store.logs(job.id, _DEFAULT_LOGS)))


class TasksHandler(ApiHandler):
    """Where workers fetch images."""

    async def post(self, job_id: str) -> None:
        """Reserve up to ``batch_size`` images."""
        body = self.json_body()
        if "batch_size" not in body:
            raise Refusal(400, {"batch_size": ["This field is required."]})
        await self.reserve(job_id, checked_number("batch_size", body["batch_size"], most=1000))

    async def reserve(self, job_id: str, batch: int) -> None:
        """Reserve images; while the broker is away this hangs."""
        job, log = self.job(job_id), self.api.background.log_request
        tasks: list[dict[str, Any]] = []
        if job.status in _CLOSED:
            log(
                job.id,
                f"Tasks requested for non-active job (status={job.status}); returning empty. "
                + self.who,
            )
        else:
            tasks = await until_answered(
                lambda: self.api.streams.fetch(job.id, batch),
                "NATS",
                deadline_s=_FETCH_PATIENCE_S,
            )
            if tasks:
                counts = f"requested={batch}, delivered={len(tasks)}"
                log(job.id, f"Tasks fetched: {counts}, {self.who}")
        self.answer({"tasks": tasks})


class OldTasksHandler(TasksHandler):
    """Where workers fetched images in older versions."""

    async def get(self, job_id: str) -> None:
        """Reserve up to ``batch`` images."""
        self.require_writer()
        await self.reserve(job_id, self.number("batch", default=1, most=1000))

    def _allowed(self) -> list[str]:
        return ["GET"]


class ResultHandler(ApiHandler):
    """Where workers post results."""

    def post(self, job_id: str) -> None:
        """Queue the results for saving."""
        job = self.job(job_id)
        results = self.json_body().get("results")
        if not isinstance(results, list):
            raise Refusal(400, {"results": ["This field is required."]})
        problems = [
            {
                "loc": ["__root__", str(index), key],
                "msg": "field required",
                "type": "value_error.missing",
            }
            for index, result in enumerate(results)
            for key in ("reply_subject", "result")
            if key not in result
        ]
        if problems:
            raise Refusal(400, {"results": problems})
        tasks = []
        for result in results:
            reply_subject, task_id = result["reply_subject"], str(uuid.uuid4())
            self.api.background.log_request(
                job.id,
                f"Queued pipeline result: task_id={task_id}, reply_subject={reply_subject}, "
                + self.who,
            )
            self.api.background.queue_result(job.id, reply_subject, result["result"])
            tasks.append({"reply_subject": reply_subject, "status": "queued", "task_id": task_id})
        self.answer(
            {
                "status": "accepted",
                "job_id": job.id,
                "results_queued": len(results),
                "tasks": tasks,
            }
        )
