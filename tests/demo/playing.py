"""Looks at a running demo from outside: REST, /jsz and Redis."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import httpx
import redis

from ami_console.demo.plans import JobPlan, Scenario, WorkerPlan
from ami_console.demo.processes import wait_until
from ami_console.demo.scenarios import scenario as named
from ami_console.demo.stack import Stack

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "data" / "antenna_http"

PIPELINE = "eastern_canada_moths_2026"
FIRST_JOB = 101


def plan(images: int = 40, **options: Any) -> JobPlan:
    """A job of a few images that is saved fast."""
    fast = {"name": "Lac test", "project": "laurentian", "pipeline": PIPELINE, "save_s": 0.01}
    return JobPlan(images=images, **{**fast, **options})


def worker(name: str = "gpu-01", **options: Any) -> WorkerPlan:
    """A worker that needs next to no time."""
    return WorkerPlan(name=name, pipelines=(PIPELINE,), **{"image_s": 0.002, **options})


def scenario(*jobs: JobPlan, workers: tuple[WorkerPlan, ...] = (), **options: Any) -> Scenario:
    """A scenario of these jobs and workers."""
    return Scenario(name="test", says="a test", jobs=jobs, workers=workers, **options)


def faster(name: str, by: float, **options: Any) -> Scenario:
    """A scenario of the demo, all of its times so many times as short; each job comes once.

    Args:
        options: Fields of the scenario that are to be something else.
    """
    found = named(name)
    jobs = tuple(replace(_shorter(job, by), again_every_s=None) for job in found.jobs)
    workers = tuple(_shorter(worker, by) for worker in found.workers)
    return replace(_shorter(found, by), jobs=jobs, workers=workers, history=(), **options)


def _shorter(plan: Any, by: float) -> Any:
    """A plan with its times divided; they are the fields that end in ``_s``."""
    times = {
        each.name: value / by
        for each in fields(plan)
        if each.name.endswith("_s") and (value := getattr(plan, each.name)) is not None
    }
    return replace(plan, **times)


@dataclass
class Look:
    """Asks the parts of a demo what they know."""

    stack: Stack
    antenna: httpx.Client = field(init=False)
    redis: "redis.Redis" = field(init=False)

    def __post_init__(self) -> None:
        settings = self.stack.settings
        self.antenna = httpx.Client(
            base_url=settings.antenna_url.reveal() + "/api/v2/",
            headers={"Authorization": f"Token {settings.antenna_token.reveal()}"},
            trust_env=False,
            timeout=30,
        )
        self.redis = redis.Redis.from_url(settings.redis_url.reveal(), decode_responses=True)

    def __enter__(self) -> "Look":
        return self

    def __exit__(self, *_: object) -> None:
        self.antenna.close()
        self.redis.close()

    def job(self, job_id: int = FIRST_JOB) -> dict[str, Any]:
        """The detail body."""
        answer = self.antenna.get(f"jobs/{job_id}/")
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    def status(self, job_id: int = FIRST_JOB) -> str:
        """The job's status; empty while there is no such job."""
        answer = self.antenna.get(f"jobs/{job_id}/", params={"logs_limit": 1})
        return str(answer.json()["status"]) if answer.status_code == 200 else ""

    def param(self, stage: str, key: str, job_id: int = FIRST_JOB) -> Any:
        """A param of a stage."""
        stages = {found["key"]: found for found in self.job(job_id)["progress"]["stages"]}
        return {param["key"]: param["value"] for param in stages[stage]["params"]}[key]

    def consumer(self, job_id: int = FIRST_JOB) -> dict[str, Any] | None:
        """The job's consumer in ``/jsz``."""
        stream = self.streams().get(f"job_{job_id}")
        details = (stream or {}).get("consumer_detail") or []
        return details[0] if details else None

    def streams(self) -> dict[str, Any]:
        """All streams in ``/jsz``."""
        url = self.stack.settings.nats_monitor_url.reveal() + "/jsz?consumers=true&config=true"
        accounts = httpx.get(url, trust_env=False).json().get("account_details") or []
        return {stream["name"]: stream for found in accounts for stream in found["stream_detail"]}

    def keys(self) -> list[str]:
        """Redis keys of jobs."""
        return sorted(self.redis.keys("job:*"))

    def until(self, condition: Callable[[], Any], *, deadline_s: float = 20.0) -> None:
        """Wait for a condition; a failure shows what the stand-in said last."""

        def complaint() -> AssertionError:
            member = self.stack.members["antenna"]
            log = member.log.read_text() + (member.data / "celery.log").read_text()
            return AssertionError(f"not within {deadline_s:g} s; the stand-in said:\n{log[-3000:]}")

        wait_until(
            lambda: bool(condition()), deadline_s=deadline_s, complaint=complaint, every_s=0.03
        )


_KINDS = {
    "naive time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?",
    "log line": r"(?s)\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] [A-Z]+ .+",
    "number as text": r"\d+(\.\d+)?",
    "address": r"https?://.*",
    "reply subject": r"\$JS\.ACK(\.[^.]+){7}",
    "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "nothing": "",
}


def shape(value: Any) -> Any:
    """What a body is made of: keys, types and kinds of text, without the values.

    Lists are as the first of their items; an empty list is like any list.
    """
    if isinstance(value, dict):
        return {key: shape(found) for key, found in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, str):
        return next((kind for kind, text in _KINDS.items() if re.fullmatch(text, value)), "text")
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number"
