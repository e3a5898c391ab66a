"""The stand-in's REST API: paths, logins, paging and errors as Antenna has them."""

import json
import logging
import uuid
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from tornado.web import Application, HTTPError, RequestHandler

from ami_console.demo.background import Background
from ami_console.demo.bodies import Bodies
from ami_console.demo.jobs import (
    FINAL,
    MOST_LOG_LINES,
    STATUSES,
    Job,
    JobStore,
    new_progress,
)
from ami_console.demo.patience import until_answered
from ami_console.demo.plans import PROJECTS
from ami_console.demo.task_streams import TaskStreams

_DEFAULT_LIMIT, _DEFAULT_LOGS = 20, 1000
_FETCH_PATIENCE_S = 60.0
_EMAIL = "operator@example.org"

_log = logging.getLogger("django")


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What the handlers work with.

    Attributes:
        token: Login that may do everything.
        viewer_token: Login that may only look.
        is_old: Serve the older version, where tasks are fetched with GET.
    """

    store: JobStore
    streams: TaskStreams
    background: Background
    zone: ZoneInfo
    token: str
    viewer_token: str = ""
    is_old: bool = False

    def application(self) -> Application:
        """The web application."""
        job = r"/api/v2/jobs/(?P<job_id>\d+)"
        given = {"api": self}
        return Application(
            [
                (r"/api/v2/jobs/", JobsHandler, given),
                (rf"{job}/", JobHandler, given),
                (rf"{job}/tasks/", OldTasksHandler if self.is_old else TasksHandler, given),
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


class Refusal(HTTPError):
    """An answer other than 2xx, with the body that Antenna gives."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status)
        self.body = body


class ApiHandler(RequestHandler):
    """What all paths have in common: login, JSON, errors."""

    token = ""

    def initialize(self, api: Api) -> None:
        """Take what the handlers work with."""
        self.api = api

    def set_default_headers(self) -> None:
        """Headers of every answer; tornado adds ``Date``."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Server", "ami-console-demo")
        self.set_header("Vary", "Accept, Accept-Language, Cookie, origin")
        self.set_header("Allow", ", ".join(self._allowed()))

    def _allowed(self) -> list[str]:
        return [
            method
            for method in ("GET", "POST")
            if getattr(type(self), method.lower()) is not getattr(RequestHandler, method.lower())
        ]

    def prepare(self) -> None:
        """Find out who asks. A scheme other than ``Token`` is ignored, as Antenna ignores it."""
        scheme, _, rest = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "token":
            if not rest.strip():
                raise _unauthorized("Invalid token header. No credentials provided.")
            if " " in rest.strip():
                raise _unauthorized("Invalid token header. Token string should not contain spaces.")
            if rest.strip() not in {self.api.token, self.api.viewer_token or self.api.token}:
                raise _unauthorized("Invalid token.")
            self.token = rest.strip()
        if self.request.method not in {*self._allowed(), "OPTIONS"}:
            detail = f'Method "{self.request.method}" not allowed.'
            raise Refusal(405, {"detail": detail})
        if self.request.method == "POST":
            self.require_writer()

    @property
    def is_writer(self) -> bool:
        """Whether the one who asks may write."""
        return bool(self.token) and self.token == self.api.token

    def require_writer(self) -> None:
        """Refuse who may not write."""
        if not self.token:
            raise _unauthorized("Authentication credentials were not provided.")
        if not self.is_writer:
            raise Refusal(403, {"detail": "You do not have permission to perform this action."})

    @property
    def bodies(self) -> Bodies:
        """Bodies for the one who asks."""
        base_url = f"{self.request.protocol}://{self.request.host}"
        return Bodies(base_url, self.api.zone, self.is_writer)

    @property
    def who(self) -> str:
        """The one who asks, as logs name them."""
        return f"user={_EMAIL}, token_id={self.token[:8]}…"

    def job(self, job_id: str) -> Job:
        """The job of the path."""
        found = self.api.store.get(int(job_id))
        if found is None:
            raise Refusal(404, {"detail": "Not found."})
        return found

    def number(self, name: str, *, default: int, most: int) -> int:
        """A number of the query from 1 to ``most``, checked as a form field is."""
        given = self.get_query_argument(name, None)
        if given is None:
            return default
        return _number(name, given, most=most)

    def json_body(self) -> dict[str, Any]:
        """The request's JSON object."""
        try:
            body = json.loads(self.request.body or b"{}")
        except ValueError as error:
            raise Refusal(400, {"detail": f"JSON parse error - {error}"}) from None
        if not isinstance(body, dict):
            raise Refusal(400, {"non_field_errors": ["Invalid data. Expected a dictionary."]})
        return body

    def answer(self, body: dict[str, Any], status: int = 200) -> None:
        """Send a JSON body."""
        self.set_status(status)
        self.finish(json.dumps(body, ensure_ascii=False, separators=(",", ":")))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Refusals with their body; anything else as the HTML page that Django gives."""
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, Refusal):
            if status_code == 401:
                self.set_header("WWW-Authenticate", "Token")
            self.answer(error.body, status_code)
        else:
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(f"<!doctype html><title>Server Error ({status_code})</title>")


def _unauthorized(detail: str) -> Refusal:
    return Refusal(401, {"detail": detail})


def _number(name: str, given: object, *, most: int) -> int:
    try:
        value = int(str(given))
    except ValueError:
        raise Refusal(400, {name: ["A valid integer is required."]}) from None
    if value < 1:
        raise Refusal(400, {name: ["Ensure this value is greater than or equal to 1."]})
    if value > most:
        raise Refusal(400, {name: [f"Ensure this value is less than or equal to {most}."]})
    return value


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


class MeHandler(ApiHandler):
    """Who am I."""

    def get(self) -> None:
        """The user of the token."""
        if not self.token:
            raise _unauthorized("Authentication credentials were not provided.")
        user = 4 if self.is_writer else 5
        self.answer(
            {
                "id": user,
                "name": "Demo Operator" if self.is_writer else "Demo Viewer",
                "details": f"{self.bodies.base_url}/api/v2/users/{user}/",
                "image": None,
                "identifications": [],
                "email": _EMAIL,
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
        await self.reserve(job_id, _number("batch_size", body["batch_size"], most=1000))

    async def reserve(self, job_id: str, batch: int) -> None:
        """Reserve images; while the broker is away this hangs."""
        job, log = self.job(job_id), self.api.background.log_request
        tasks: list[dict[str, Any]] = []
        if job.status in FINAL:
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
