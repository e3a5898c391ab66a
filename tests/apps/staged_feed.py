"""A feed whose looks are staged: several jobs in different moods, with no server behind them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.batch import Batch
from ami_console.diagnosis import Rules, diagnose
from ami_console.history import History
from ami_console.instants import NS_PER_S
from ami_console.live_diagnosis import Judged
from ami_console.reading import Reading, Row

START_NS = pd.Timestamp("2026-11-23T15:00:00Z").value
HOSTILE = "<img src=x onerror=alert(1)>"


@dataclass
class Staged:
    """How one job behaves."""

    job_id: int
    name: str
    total: int = 320
    per_min: float = 40.0
    status: str = "STARTED"
    begun_s: float = 0.0
    in_flight: int = 16
    failed_share: float = 0.0
    redelivered_every_s: float | None = None
    stops_s: float | None = None  # the worker dies here
    ends: str = "SUCCESS"

    def settled(self, at_s: float) -> int:
        until = at_s if self.stops_s is None else min(at_s, self.stops_s)
        return min(self.total, max(0, int((until - self.begun_s) * self.per_min / 60)))

    def rows(self, at_s: float, observed_at: int) -> dict[str, list[Row]]:
        settled = self.settled(at_s)
        done = settled >= self.total
        status = self.ends if done else self.status
        failed = int(settled * self.failed_share)
        delivered = min(self.total, settled + (0 if done else self.in_flight))
        again = (
            int((at_s - self.begun_s) / self.redelivered_every_s) if self.redelivered_every_s else 0
        )
        base: dict[str, Any] = {"observed_at": observed_at, "job_id": self.job_id}
        began_ns = START_NS + int(self.begun_s * NS_PER_S)
        ended_ns = (
            began_ns + int(self.total / self.per_min * 60 * NS_PER_S) if self.per_min else None
        )
        job = base | {
            "name": self.name,
            "project": "Panama moths",
            "pipeline": "Quebec & Vermont moths",
            "dispatch_mode": "async_api",
            "status": status,
            "progress_ratio": settled / self.total,
            "created_at": began_ns,
            "started_at": began_ns,
            "finished_at": ended_ns if done else None,
        }
        stages = [
            base
            | {
                "stage": "collect",
                "status": "SUCCESS",
                "progress_ratio": 1.0,
                "total": self.total,
            },
            base
            | {
                "stage": "process",
                "status": "SUCCESS" if done else "STARTED",
                "progress_ratio": settled / self.total,
                "processed": settled,
                "remaining": self.total - settled,
                "failed": failed,
            },
            base
            | {
                "stage": "results",
                "status": "SUCCESS" if done else "STARTED",
                "progress_ratio": settled / self.total,
                "captures": settled,
                "detections": settled * 4,
                "classifications": settled * 3,
            },
        ]
        consumer = base | {
            "stream_exists": not done,
            "consumer_exists": not done,
        }
        if not done:
            consumer |= {
                "messages": self.total,
                "first_seq": 1,
                "last_seq": self.total,
                "num_pending": self.total - delivered,
                "num_ack_pending": delivered - settled,
                "num_redelivered": min(again, delivered - settled) if again else 0,
                "num_waiting": 2,
                "delivered_consumer_seq": delivered + again,
                "delivered_stream_seq": delivered,
                "ack_floor_consumer_seq": settled,
                "ack_floor_stream_seq": settled,
                "delivered_last_active": observed_at - NS_PER_S,
                "ack_floor_last_active": observed_at - 2 * NS_PER_S,
                "ack_wait_s": 300.0,
                "max_deliver": 2,
                "max_ack_pending": 1000,
                "stream_created_at": began_ns,
                "consumer_created_at": began_ns,
                "server_at": observed_at,
            }
        counters = base
        if not done:
            counters = base | {
                "total": self.total,
                "pending_process": self.total - settled - min(4, self.total - settled),
                "pending_results": self.total - settled,
                "failed": failed,
                "ttl_s": 600_000,
            }
        return {"jobs": [job], "stages": stages, "consumers": [consumer], "counters": [counters]}

    def acks(self, after_s: float, until_s: float) -> list[Row]:
        """What the tap hears between two looks; every 25th task of some jobs came back once."""
        rows = []
        for seq in range(self.settled(after_s) + 1, self.settled(until_s) + 1):
            at = START_NS + int((self.begun_s + seq * 60 / self.per_min) * NS_PER_S)
            rows.append(
                {
                    "observed_at": at,
                    "job_id": self.job_id,
                    "acked_at": at,
                    "stream_seq": seq,
                    "consumer_seq": seq,
                    "delivery": 2 if self.redelivered_every_s and seq % 25 == 0 else 1,
                    "stored_at": START_NS + int(self.begun_s * NS_PER_S) + seq,
                    "num_pending_then": self.total - seq,
                    "kind": "+ACK",
                    "image_id": str(1000 + seq),
                }
            )
        return rows


MOODS = (
    Staged(3, "Night of 2026-11-22, station Barro Colorado", total=4200, per_min=96.0),
    Staged(
        4, "Reprocess with new moth classifier", total=900, per_min=21.4, redelivered_every_s=95
    ),
    Staged(5, "No worker is running", total=320, per_min=0.0, in_flight=0),
    Staged(6, HOSTILE, total=640, per_min=33.0, failed_share=0.62),
    Staged(7, "Worker died half way", total=1500, per_min=45.0, stops_s=900.0, in_flight=32),
    Staged(8, "Just started", total=12_000, per_min=60.0, begun_s=1780.0),
    Staged(2, "Calibration set", total=320, per_min=64.0),
)


class StagedFeed:
    """Implements the ``Feed`` protocol on a real :class:`History`."""

    is_live = True
    label = "live · http://staged:8000"
    environment = ("staging", "#73418f")
    antenna_ui = "https://antenna.example"
    job_logs_every_s = 15.0
    recorded: str | None = None
    recording_error: str | None = None

    def __init__(self, jobs: tuple[Staged, ...] = MOODS, *, every_s: float = 2.0) -> None:
        self.jobs = jobs
        self.every_s = every_s
        self.zone = ZoneInfo("America/New_York")
        self.rules = Rules()
        self.paused_at: pd.Timestamp | None = None
        self.told: Judged | None = None  # judged on demand when there is none
        self._judged: Judged | None = None
        self.history = History()
        self.now_s = 0.0
        self.down: dict[str, str] = {}
        self.has_tap = False
        self.queues: dict[str, tuple[int | None, int | None, int | None]] = {}
        self.listeners: list[Callable[[], None]] = []
        self.subscriptions = 0
        self.record_into: Callable[[Reading], object] | None = None

    def as_of(self) -> pd.Timestamp:
        return pd.Timestamp(START_NS + int(self.now_s * NS_PER_S), tz="UTC")

    def pause(self) -> None:
        self.paused_at = self.as_of()
        self._tell()

    def resume(self) -> None:
        self.paused_at = None
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self.listeners):
            listener()

    def frame(
        self,
        name: str,
        *,
        job_id: int | None = None,
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        return self.history.frame(name, job_id=job_id, since=since, until=until)

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        return self.history.latest(name, until=until)

    def job_ids(self) -> list[int]:
        return self.history.job_ids()

    def judged(self) -> Judged | None:
        """What was set, or of the last look."""
        if self.told is not None:
            return self.told
        newest = self.history.latest("reads")["observed_at"].max()
        if pd.isna(newest):
            return None
        if self._judged is None or self._judged.as_of != newest:
            found = diagnose(self.history, as_of=newest, rules=self.rules)
            self._judged = Judged(newest, found)
        return self._judged

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        self.subscriptions += 1
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def look(self, at_s: float) -> None:
        """All sources are looked at once, at this second of the play."""
        before_s, self.now_s = self.now_s, at_s
        observed_at = START_NS + int(at_s * NS_PER_S)
        if self.has_tap:
            self.take(self._heard(before_s, at_s, observed_at))
        if self.queues:
            self.take(self._queued(observed_at))
        parts = [job.rows(at_s, observed_at) for job in self.jobs if job.begun_s <= at_s]
        for source, names in (
            ("antenna", ("jobs", "stages")),
            ("nats", ("consumers",)),
            ("redis", ("counters",)),
        ):
            if source in self.down:
                reading = Reading(
                    source=source,
                    observed_at=observed_at,
                    ok=False,
                    error=self.down[source],
                    elapsed_s=2.0,
                    requests=1,
                )
            else:
                rows = {name: [row for part in parts for row in part[name]] for name in names}
                reading = Reading(
                    source=source,
                    observed_at=observed_at,
                    elapsed_s={"antenna": 0.21, "nats": 0.003, "redis": 0.0008}[source],
                    bytes={"antenna": 48_213, "nats": 9_121, "redis": 812}[source],
                    requests={"antenna": 6, "nats": 1, "redis": 1}[source],
                    rows=rows,
                )
            self.take(reading)
        self._tell()

    def take(self, reading: Reading) -> None:
        """One reading comes in, silently."""
        self.history.add(reading)
        if self.record_into is not None:
            self.record_into(reading)

    def _heard(self, before_s: float, at_s: float, observed_at: int) -> Reading:
        if "tap" in self.down:
            return Reading(source="tap", observed_at=observed_at, ok=False, error=self.down["tap"])
        rows = [row for job in self.jobs for row in job.acks(before_s, at_s)]
        return Reading(
            source="tap",
            observed_at=observed_at,
            elapsed_s=at_s - before_s,
            requests=0,
            rows={"acks": Batch.from_rows(rows)} if rows else {},
        )

    def _queued(self, observed_at: int) -> Reading:
        columns = ("ready", "unacknowledged", "consumers")
        rows: list[Row] = [
            {"observed_at": observed_at, "queue": queue} | dict(zip(columns, told, strict=True))
            for queue, told in self.queues.items()
        ]
        return Reading(source="celery", observed_at=observed_at, rows={"queues": rows})

    def play(self, until_s: float, *, begin_s: float = 0.0) -> None:
        """Look again and again, silently."""
        at_s = begin_s
        while at_s <= until_s:
            self.look(at_s)
            at_s += self.every_s
