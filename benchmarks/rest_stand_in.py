"""Antenna's REST API for many jobs: lists and details, in the shapes that it has.

    python -m benchmarks.rest_stand_in JOBS     says its address, and ends with its input

It is there to be read by the thousand: bodies are made once, and it counts who asks for what.
"""

import asyncio
import re
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import orjson
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from ami_console.demo import plans as demo_plans
from ami_console.demo.bodies import Bodies
from ami_console.demo.jobs import Job
from ami_console.instants import NS_PER_S, now_ns
from ami_console.settings import Settings
from benchmarks.many_jobs import ACKNOWLEDGED, JobPlan, plans

_LOOPBACK = "127.0.0.1"
_NUMBER = re.compile(r"[0-9]+")


class RestStandIn:
    """The API on a free port, on a thread of its own, while it is entered.

    Attributes:
        asked: Path, with N for the number of a job → how often it was asked for.
        url: Where it is.
    """

    def __init__(self, jobs: Sequence[JobPlan]) -> None:
        """Bodies are made; nothing listens yet."""
        self.asked: Counter[str] = Counter()
        self.url = ""
        self._bodies = Bodies(
            base_url="http://antenna.example.org",
            zone=Settings.from_environment({}, dotenv=None).antenna_timezone,
            may_write=False,
        )
        self._details: dict[int, bytes] = {}
        self._entries: dict[int, tuple[str, bytes]] = {}
        for job in jobs:
            self.tell(job, saved=ACKNOWLEDGED)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rest-stand-in")

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._on_loop(self._serve())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._on_loop(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _on_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _serve(self) -> HTTPServer:
        given = {"stand_in": self}
        app = Application(
            [
                (r"/api/v2/", _Root, given),
                (r"/api/v2/jobs/", _List, given),
                (r"/api/v2/jobs/([0-9]+)/", _Detail, given),
            ],
            log_function=lambda _: None,
        )
        sockets = bind_sockets(0, _LOOPBACK)
        self.url = f"http://{_LOOPBACK}:{sockets[0].getsockname()[1]}"
        server = HTTPServer(app)
        server.add_sockets(sockets)
        return server

    async def _close(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()

    def tell(self, plan: JobPlan, *, saved: int, status: str = "STARTED") -> None:
        """From now on, answer this of a job.

        Args:
            saved: So many of its images are saved.
        """
        now = now_ns()
        made_at = now - 600 * NS_PER_S
        job = Job(
            id=plan.job_id,
            plan=demo_plans.JobPlan(
                name=f"Night {plan.job_id}",
                project=demo_plans.PROJECTS[0].slug,
                pipeline=demo_plans.PIPELINES[plan.job_id % len(demo_plans.PIPELINES)].slug,
                images=plan.images,
            ),
            status=status,
            created_at=made_at,
            updated_at=now,
            started_at=made_at + NS_PER_S,
            finished_at=None if status == "STARTED" else now,
        )
        ratio, images = saved / plan.images, {"total_images": plan.images}
        left = {"processed": saved, "remaining": plan.images - saved, "failed": 0}
        job.update_stage("collect", ratio=1.0, status="SUCCESS", params=images)
        job.update_stage("process", ratio=ratio, status=status, params=left)
        job.update_stage("results", ratio=ratio, status=status, params={"captures": saved})
        logs = [(made_at, "INFO", f"Running job {plan.job_id}")]
        self._details[plan.job_id] = orjson.dumps(self._bodies.job(job, logs=logs))
        self._entries[plan.job_id] = status, orjson.dumps(self._bodies.job(job))

    def page(self, offset: int, limit: int, status: str) -> bytes:
        """A page of the list of jobs."""
        found = [body for is_now, body in self._entries.values() if status in ("", is_now)]
        more = b'"more"' if offset + limit < len(found) else b"null"
        results = b",".join(found[offset : offset + limit])
        return b'{"count":%d,"next":%b,"previous":null,"results":[%b]}' % (
            len(found),
            more,
            results,
        )

    def detail(self, job_id: int) -> bytes | None:
        """A job."""
        return self._details.get(job_id)


class _Handler(RequestHandler):
    def initialize(self, stand_in: RestStandIn) -> None:
        self._stand_in = stand_in

    def prepare(self) -> None:
        self._stand_in.asked[_NUMBER.sub("N", self.request.path.removeprefix("/api/v2/"))] += 1
        self.set_header("Content-Type", "application/json")


class _Root(_Handler):
    def get(self) -> None:
        self.write(b"{}")


class _List(_Handler):
    def get(self) -> None:
        offset, limit = (int(self.get_query_argument(n, "0")) for n in ("offset", "limit"))
        self.write(self._stand_in.page(offset, limit, self.get_query_argument("status", "")))


class _Detail(_Handler):
    def get(self, job_id: str) -> None:
        body = self._stand_in.detail(int(job_id))
        if body is None:
            self.set_status(404)
        self.write(body or b'{"detail":"Not found."}')


def main() -> None:
    """Serve until the input ends."""
    with RestStandIn(plans(int(sys.argv[1]))) as stand_in:
        print(stand_in.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
