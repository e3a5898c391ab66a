"""The stand-in's database: jobs, their logs, and the queue of background tasks, in one SQLite file.

A stand-in that was killed finds everything again when it is started anew.
"""

import copy
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ami_console.demo.plans import JobPlan
from ami_console.instants import now_ns

FINAL = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
STATUSES = (
    "CREATED",
    "PENDING",
    "STARTED",
    "SUCCESS",
    "FAILURE",
    "RETRY",
    "REVOKED",
    "RECEIVED",
    "CANCELING",
    "UNKNOWN",
)

MOST_LOG_LINES = 5_000
"""The most lines of a job that REST hands out."""

_FIRST_ID = 101
_TRIM_EVERY = 500
_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
    id INTEGER PRIMARY KEY, status TEXT, name TEXT, project TEXT, pipeline TEXT,
    created_at INTEGER, updated_at INTEGER, started_at INTEGER, finished_at INTEGER,
    progress TEXT, plan TEXT);
CREATE TABLE IF NOT EXISTS log (
    id INTEGER PRIMARY KEY, job_id INTEGER, at INTEGER, level TEXT, message TEXT);
CREATE INDEX IF NOT EXISTS log_of_job ON log (job_id, id);
CREATE TABLE IF NOT EXISTS task (
    id INTEGER PRIMARY KEY, kind TEXT, job_id INTEGER, payload TEXT);
CREATE TABLE IF NOT EXISTS memo (key TEXT PRIMARY KEY, value TEXT);
"""

# Params begin as "", which is not 0: nothing is known yet.
_NEW_PROGRESS: Mapping[str, Any] = {
    "summary": {"status": "CREATED", "progress": 0.0},
    "stages": [
        {
            "status": "CREATED",
            "progress": 0.0,
            "key": key,
            "name": key.capitalize(),
            "params": [
                {"name": name, "key": param, "category": "default", "value": ""}
                for param, name in params
            ],
        }
        for key, params in (
            ("collect", [("total_images", "Total Images")]),
            (
                "process",
                [("processed", "Processed"), ("remaining", "Remaining"), ("failed", "Failed")],
            ),
            (
                "results",
                [
                    ("captures", "Captures"),
                    ("detections", "Detections"),
                    ("classifications", "Classifications"),
                ],
            ),
        )
    ],
    "errors": [],
    "logs": [],
}


def new_progress() -> dict[str, Any]:
    """The progress of a job that has not begun."""
    return copy.deepcopy(dict(_NEW_PROGRESS))


@dataclass(slots=True, kw_only=True)
class Job:
    """A job as the database holds it; times are ns since the epoch.

    Attributes:
        progress: The REST body's ``progress``, as it is shown.
    """

    id: int
    plan: JobPlan
    status: str = "CREATED"
    created_at: int
    updated_at: int
    started_at: int | None = None
    finished_at: int | None = None
    progress: dict[str, Any] = field(default_factory=new_progress)

    def stage(self, key: str) -> dict[str, Any]:
        """The stage as the REST body shows it; what is changed in it is changed in the job."""
        found: dict[str, Any] = next(s for s in self.progress["stages"] if s["key"] == key)
        return found

    def update_stage(
        self,
        key: str,
        *,
        ratio: float | None = None,
        status: str | None = None,
        params: Mapping[str, int],
    ) -> None:
        """Set a stage's progress (0-1), status and params, and the summary that follows."""
        stage = self.stage(key)
        stage["progress"] = stage["progress"] if ratio is None else ratio
        stage["status"] = status or stage["status"]
        for param in stage["params"]:
            param["value"] = params.get(param["key"], param["value"])
        ratios = [stage["progress"] for stage in self.progress["stages"]]
        self.progress["summary"]["progress"] = sum(ratios) / len(ratios)

    def param(self, stage_key: str, key: str) -> int:
        """A param's value; 0 while it is still empty."""
        params = self.stage(stage_key)["params"]
        return int(next(param["value"] for param in params if param["key"] == key) or 0)

    def image_ids(self) -> range:
        """Ids of its images; no other job has them."""
        return range(self.id * 10_000, self.id * 10_000 + self.plan.images)


class JobStore:
    """Jobs, logs and queued tasks in an SQLite file. Every call is one short transaction."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        # What a killed process wrote stays written; a power cut is not played here.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def create(self, plan: JobPlan) -> Job:
        """A new job with the next free id, CREATED."""
        last = self._database.execute("SELECT max(id) FROM job").fetchone()[0]
        now = now_ns()
        job = Job(id=(last or _FIRST_ID - 1) + 1, plan=plan, created_at=now, updated_at=now)
        self.save(job, updated_at=now)
        return job

    def save(self, job: Job, *, updated_at: int | None = None) -> None:
        """Write a job; ``updated_at`` (ns) is now unless given."""
        job.updated_at = now_ns() if updated_at is None else updated_at
        self._database.execute(
            "INSERT OR REPLACE INTO job VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                job.id,
                job.status,
                job.plan.name,
                job.plan.project,
                job.plan.pipeline,
                job.created_at,
                job.updated_at,
                job.started_at,
                job.finished_at,
                json.dumps(job.progress),
                json.dumps(asdict(job.plan)),
            ),
        )

    def get(self, job_id: int) -> Job | None:
        """The job, or ``None``."""
        found = self._database.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone()
        return None if found is None else _job(found)

    def find(
        self,
        *,
        status: str | None = None,
        project: str | None = None,
        pipelines: Sequence[str] | None = None,
        search: str | None = None,
        unfinished: bool = False,
        order: Iterable[str] = ("-created_at",),
    ) -> list[Job]:
        """Jobs that fit everything given.

        Args:
            order: Columns to order by, ``-`` in front for falling; unknown ones are ignored.
        """
        where, values = ["1"], list[object]()

        def also(clause: str, *given: object) -> None:
            where.append(clause)
            values.extend(given)

        if status is not None:
            also("status = ?", status)
        if project is not None:
            also("project = ?", project)
        if pipelines is not None:
            also(f"pipeline IN ({', '.join('?' * len(pipelines))})", *pipelines)
        if search:
            also("instr(lower(name), lower(?))", search)
        if unfinished:
            also(f"status NOT IN ({', '.join('?' * len(FINAL))})", *FINAL)
        columns = {"id", "name", "status", "created_at", "updated_at", "started_at", "finished_at"}
        orders = [
            f"{key.removeprefix('-')} {'DESC' if key.startswith('-') else 'ASC'}"
            for key in order
            if key.removeprefix("-") in columns
        ]
        query = (
            f"SELECT * FROM job WHERE {' AND '.join(where)} "  # noqa: S608 - known columns only
            f"ORDER BY {', '.join([*orders, 'id DESC'])}"
        )
        return [_job(row) for row in self._database.execute(query, values)]

    def log(self, job_id: int, level: str, message: str) -> None:
        """Add a line to the job's log; of a long log only the newest lines are kept."""
        done = self._database.execute(
            "INSERT INTO log (job_id, at, level, message) VALUES (?, ?, ?, ?)",
            (job_id, now_ns(), level, message),
        )
        if done.lastrowid and done.lastrowid % _TRIM_EVERY == 0:
            self._database.execute(
                "DELETE FROM log WHERE job_id = ? AND id <= "
                "(SELECT id FROM log WHERE job_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (job_id, job_id, MOST_LOG_LINES),
            )

    def logs(self, job_id: int, limit: int) -> list[tuple[int, str, str]]:
        """The newest lines of the job, newest first: instant (ns), level, message."""
        rows = self._database.execute(
            "SELECT at, level, message FROM log WHERE job_id = ? ORDER BY id DESC LIMIT ?",
            (job_id, limit),
        )
        return [(row["at"], row["level"], row["message"]) for row in rows]

    def push(self, kind: str, job_id: int, payload: Mapping[str, Any]) -> int:
        """Queue a background task; its number."""
        done = self._database.execute(
            "INSERT INTO task (kind, job_id, payload) VALUES (?, ?, ?)",
            (kind, job_id, json.dumps(payload)),
        )
        assert done.lastrowid is not None  # noqa: S101 - it was an INSERT
        return done.lastrowid

    def done(self, task_id: int) -> None:
        """Take a background task out of the queue."""
        self._database.execute("DELETE FROM task WHERE id = ?", (task_id,))

    def queued(self) -> list[tuple[int, str, int, dict[str, Any]]]:
        """Tasks that are not done, oldest first: number, kind, job, payload."""
        rows = self._database.execute("SELECT * FROM task ORDER BY id")
        return [(row["id"], row["kind"], row["job_id"], json.loads(row["payload"])) for row in rows]

    def recall(self, key: str) -> str | None:
        """A remembered text."""
        found = self._database.execute("SELECT value FROM memo WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found["value"])

    def remember(self, key: str, value: str) -> None:
        """Remember a text over restarts."""
        self._database.execute("INSERT OR REPLACE INTO memo VALUES (?, ?)", (key, value))


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        plan=JobPlan(**json.loads(row["plan"])),
        status=row["status"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        progress=json.loads(row["progress"]),
    )
