"""A job as it is watched: a look of every source each two seconds, told by what changes when."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ami_console.diagnosis import Finding, Rules, diagnose, verdicts
from ami_console.history import History
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading

BEGIN = pd.Timestamp("2026-11-24T09:02:00Z")
EVERY_S = 2

Values = Mapping[str, Any]
Changes = Mapping[int, Values]

# A job of 100 images that was queued at BEGIN, of which nothing is fetched yet.
NEW: dict[str, Any] = {
    "status": "STARTED",
    "pipeline": "Valdivian Moths 2025",
    "name": "Chepu river traps",
    "dispatch_mode": "async_api",
    "created_at": -5,
    "started_at": -2,
    "finished_at": None,
    "updated_at": 0,
    "stream": True,
    "last_seq": 100,
    "pending": 100,
    "in_flight": 0,
    "redelivered": 0,
    "waiting": 0,
    "deliveries": 0,
    "delivered_at": None,
    "acked_at": None,
    "ack_wait_s": 60.0,
    "max_deliver": 2,
    "max_ack_pending": 1000,
    "stream_created_at": 0,
    "counted": True,
    "total": 100,
    "process": 100,
    "results": 100,
    "failed": 0,
    "rest_total": 100,
    "rest_processed": 0,
    "rest_failed": 0,
    "rest_ratio": 0.0,
    "antenna": True,
    "nats": True,
    "redis": True,
    "offset_s": 0.0,
}


def at(second: float) -> pd.Timestamp:
    """An instant, seconds after the watch began."""
    return BEGIN + pd.Timedelta(seconds=second)


class Watched:
    """Jobs under watch; what is said of one changes at given seconds and then stays so."""

    def __init__(self, until_s: int, jobs: Mapping[int, Changes], *, begin_s: int = 0) -> None:
        """A look each two seconds.

        Args:
            until_s: Of the last look.
            jobs: Job → second → what changes then, in the words of ``NEW``. Times are seconds
                after the begin; ``delivered`` images of a moving job are given as ``pending``,
                ``in_flight`` and so on.
            begin_s: Of the first look.
        """
        self.until_s = until_s
        self.history = History(keep_s=1e6)
        for second in range(begin_s, until_s + 1, EVERY_S):
            for reading in self._look(second, jobs):
                self.history.add(reading)

    def _look(self, second: int, jobs: Mapping[int, Changes]) -> Iterator[Reading]:
        states = {job_id: _state(changes, second) for job_id, changes in jobs.items()}
        first = next(iter(states.values()))
        for place, source in enumerate(("antenna", "nats", "redis")):
            observed_at = at(second).value + place * 10_000_000
            if not first[source]:
                yield Reading(
                    source=source,  # type: ignore[arg-type]
                    observed_at=observed_at,
                    ok=False,
                    error="connection refused",
                    elapsed_s=0.01,
                )
                continue
            rows: dict[str, list[dict[str, Any]]] = {}
            for job_id, state in states.items():
                for name, found in _rows(source, job_id, state, observed_at).items():
                    rows.setdefault(name, []).extend(found)
            yield Reading(
                source=source,  # type: ignore[arg-type]
                observed_at=observed_at,
                elapsed_s=0.01,
                requests=1,
                bytes=100,
                clock_offset_s=first["offset_s"],
                rows=rows,
            )

    def findings(self, second: float | None = None, **options: Any) -> list[Finding]:
        """What is said then, at the end when not given; findings only."""
        told = self.diagnosed(second, **options)
        return [finding for finding in told if finding.outcome == "finding"]

    def diagnosed(self, second: float | None = None, **options: Any) -> list[Finding]:
        """The same, with what can't be told."""
        as_of = at(self.until_s + 0.1 if second is None else second + 0.1)
        return diagnose(self.history, as_of=as_of, **options)

    def codes(self, second: float | None = None) -> list[str]:
        """Codes of what is said then."""
        return [finding.code for finding in self.findings(second)]

    def one(self, second: float | None = None, **options: Any) -> Finding:
        """The only finding then."""
        (found,) = self.findings(second, **options)
        return found

    def spoken_s(self, code: str, job_id: int | None = 7) -> list[float]:
        """Seconds at which a verdict spoke."""
        return [_after(row["spoken_at"]) for row in self.episodes(code, job_id)]

    def episodes(self, code: str, job_id: int | None = 7) -> list[dict[str, Any]]:
        """Rows of the history of one verdict."""
        table = verdicts(self.history, as_of=at(self.until_s + 0.1), rules=Rules())
        mine = table["job_id"].isna() if job_id is None else table["job_id"] == job_id
        rows: list[dict[str, Any]] = table[mine & (table["code"] == code)].to_dict("records")
        return rows


def watched(until_s: int, changes: Changes | None = None, **begin: Any) -> Watched:
    """One job, number 7; ``begin`` changes what is so at the start."""
    mine = {0: {**begin, **dict((changes or {}).get(0, {}))}}
    return Watched(until_s, {7: {**(changes or {}), **mine}})


def moving(until_s: int, *, per_look: int = 4, in_flight: int = 8, total: int = 400) -> Changes:
    """A healthy job: at each look some images more are saved, as many fetched."""
    changes: dict[int, Values] = {0: queued(total)}
    for second in range(EVERY_S, until_s + 1, EVERY_S):
        saved = min(total, per_look * (second // EVERY_S - 1))
        handed = min(total, saved + in_flight)
        changes[second] = done(total, handed=handed, saved=saved, second=second)
    return changes


def frozen(until_s: int, *, thaw_s: int = 10_000) -> Watched:
    """A healthy job, and from second 40 on nothing is saved until ``thaw_s``; workers fetch on."""
    changes: dict[int, Values] = dict(moving(until_s))
    before = changes[40]
    for second in range(42, until_s + 1, 2):
        if second < thaw_s:
            handed = min(400, int(before["deliveries"]) + 4 * (second - 40) // 2)
            kept = ("acked_at", "process", "results", "rest_processed", "updated_at")
            changes[second] = {
                **changes[second],
                **{name: before[name] for name in kept},
                **{"pending": 400 - handed, "deliveries": handed},
                "in_flight": handed - (400 - int(before["results"])),
                "delivered_at": second - 0.5,
            }
    return watched(until_s, changes)


def queued(total: int) -> dict[str, Any]:
    """The numbers of a job of which nothing was handed out yet."""
    names = ("last_seq", "total", "rest_total", "pending", "process", "results")
    return dict.fromkeys(names, total)


def done(total: int, *, handed: int, saved: int, second: float) -> dict[str, Any]:
    """The numbers of a job of which so many were handed out and so many saved, at a second."""
    return {
        "pending": total - handed,
        "in_flight": handed - saved,
        "deliveries": handed,
        "delivered_at": second - 0.5,
        "acked_at": second - 0.3 if saved else None,
        "process": total - saved,
        "results": total - saved,
        "rest_processed": saved,
        "updated_at": second - 0.2,
    }


def _state(changes: Changes, second: int) -> dict[str, Any]:
    state = dict(NEW)
    for when in sorted(changes):
        if when <= second:
            state |= changes[when]
    return state


def _rows(
    source: str, job_id: int, state: Values, observed_at: int
) -> dict[str, list[dict[str, Any]]]:
    head = {"job_id": job_id, "observed_at": observed_at}
    if source == "nats":
        return {"consumers": [head | _consumer(state, observed_at)]}
    if source == "redis":
        counts = {
            "total": state["total"],
            "pending_process": state["process"],
            "pending_results": state["results"],
            "failed": state["failed"],
        }
        return {"counters": [head | (counts if state["counted"] else {})]}
    if state["status"] is None:
        return {}
    names = ("status", "name", "pipeline", "dispatch_mode")
    times = ("created_at", "started_at", "finished_at", "updated_at")
    job = {name: state[name] for name in names} | {name: _ns(state[name]) for name in times}
    stages = [
        {"stage": "collect", "total": state["rest_total"], "progress_ratio": 1.0},
        {
            "stage": "process",
            "processed": state["rest_processed"],
            "failed": state["rest_failed"],
            "remaining": state["rest_total"] - state["rest_processed"],
            "progress_ratio": state["rest_processed"] / state["rest_total"],
        },
        {"stage": "results", "progress_ratio": state["rest_ratio"]},
    ]
    return {"jobs": [head | job], "stages": [head | stage for stage in stages]}


def _consumer(state: Values, observed_at: int) -> dict[str, Any]:
    if not state["stream"]:
        return {"stream_exists": False, "consumer_exists": False}
    return {
        "stream_exists": True,
        "consumer_exists": True,
        "messages": state["last_seq"],
        "first_seq": 1,
        "last_seq": state["last_seq"],
        "num_pending": state["pending"],
        "num_ack_pending": state["in_flight"],
        "num_redelivered": state["redelivered"],
        "num_waiting": state["waiting"],
        "delivered_consumer_seq": state["deliveries"],
        "delivered_stream_seq": state["last_seq"] - state["pending"],
        "ack_floor_consumer_seq": 0,
        "ack_floor_stream_seq": 0,
        "delivered_last_active": _ns(state["delivered_at"]),
        "ack_floor_last_active": _ns(state["acked_at"]),
        "ack_wait_s": state["ack_wait_s"],
        "max_deliver": state["max_deliver"],
        "max_ack_pending": state["max_ack_pending"],
        "stream_created_at": _ns(state["stream_created_at"]),
        "server_at": observed_at,
    }


def _ns(second: float | None) -> int | None:
    return None if second is None else BEGIN.value + int(second * NS_PER_S)


def _after(instant: pd.Timestamp) -> float:
    return round((instant - BEGIN).total_seconds(), 1)


def evidence(finding: Finding) -> dict[str, object]:
    """Name → value of what a verdict rests on."""
    return {each.name: each.value for each in finding.evidence}
