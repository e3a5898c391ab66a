"""What all paths of the stand-in's REST API have in common: login, JSON, refusals."""

import json
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from tornado.web import HTTPError, RequestHandler

from ami_console.demo.background import Background
from ami_console.demo.bodies import Bodies
from ami_console.demo.jobs import Job, JobStore
from ami_console.demo.task_streams import TaskStreams

EMAIL = "operator@example.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What the handlers work with.

    Attributes:
        token: Login that may do everything.
        viewer_token: Login that may only look.
        is_old: Serve the older version, where tasks are fetched with GET.
        at_work: Handlers of the requests that are not answered yet.
    """

    store: JobStore
    streams: TaskStreams
    background: Background
    zone: ZoneInfo
    token: str
    viewer_token: str = ""
    is_old: bool = False
    at_work: set[RequestHandler] = field(default_factory=set)


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
        api.at_work.add(self)

    def on_finish(self) -> None:
        """The answer is on its way."""
        self.api.at_work.discard(self)

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
                raise unauthorized("Invalid token header. No credentials provided.")
            if " " in rest.strip():
                raise unauthorized("Invalid token header. Token string should not contain spaces.")
            if rest.strip() not in {self.api.token, self.api.viewer_token or self.api.token}:
                raise unauthorized("Invalid token.")
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
            raise unauthorized("Authentication credentials were not provided.")
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
        return f"user={EMAIL}, token_id={self.token[:8]}…"

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
        return checked_number(name, given, most=most)

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


def unauthorized(detail: str) -> Refusal:
    """A 401 with this text."""
    return Refusal(401, {"detail": detail})


def checked_number(name: str, given: object, *, most: int) -> int:
    """A number from 1 to ``most``, refused as a form field is."""
    try:
        value = int(str(given))
    except ValueError:
        raise Refusal(400, {name: ["A valid integer is required."]}) from None
    if value < 1:
        raise Refusal(400, {name: ["Ensure this value is greater than or equal to 1."]})
    if value > most:
        raise Refusal(400, {name: [f"Ensure this value is less than or equal to {most}."]})
    return value
