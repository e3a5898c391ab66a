"""Measure metrics and verdicts of a day: 100 jobs, 24 hours, a look every two seconds.

    python -m benchmarks.judging                     100 jobs, 24 hours: 4.3 million looks at jobs
    python -m benchmarks.judging --hours 2 --jobs 20 --json

The frames are made in memory, with numbers that move like those of ``benchmarks.recording``: a
worker per job fetches eight images every half minute or so. The floor of each is that pandas puts
the same rows in order of job and time and gives eight of their columns as plain numbers: whatever
tells something of them needs at least that.
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.diagnosis import diagnose, verdicts
from ami_console.instants import NS_PER_S
from ami_console.live_diagnosis import LOOK_BACK_S
from ami_console.metrics import fleet, over_time, task_times, timeline
from ami_console.post_mortem.held import Held
from benchmarks.figures import Figure, best_of, show
from benchmarks.recording import BEGIN_AT, EVERY_S, Job

LOOKED = (
    "observed_at",
    "server_at",
    "last_seq",
    "num_pending",
    "num_ack_pending",
    "num_redelivered",
    "delivered_consumer_seq",
    "ack_floor_stream_seq",
)
HEARD = (
    "observed_at",
    "acked_at",
    "stored_at",
    "stream_seq",
    "consumer_seq",
    "delivery",
    "num_pending_then",
    "job_id",
)


def day(jobs: Sequence[Job], span_s: float) -> Held:
    """The frames of so many looks at these jobs, and what the tap heard."""
    at = BEGIN_AT + np.arange(int(span_s / EVERY_S), dtype="int64") * EVERY_S * NS_PER_S
    pieces: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("jobs", "stages", "consumers", "counters", "acks")
    }
    for job in jobs:
        for name, columns in _looked(job, at).items():
            pieces[name].append(columns)
        pieces["acks"].append(_heard(job, at[-1]))
    held = {name: _frame(name, columns) for name, columns in pieces.items()}
    reads = [_reads(source, at) for source in ("antenna", "nats", "redis", "tap")]
    held["reads"] = _frame("reads", reads)
    return Held(held)


def _looked(job: Job, at: np.ndarray) -> dict[str, dict[str, Any]]:
    """Columns of the frames of one job."""
    delivered = 8 * np.searchsorted(job.reserved_at, at)
    acked = np.searchsorted(job.acked_at, at)
    told = {"observed_at": at, "job_id": job.number}
    left = job.total - acked
    return {
        "jobs": told
        | {
            "name": f"Job {job.number}",
            "dispatch_mode": "async_api",
            "status": "STARTED",
            "progress_ratio": acked / job.total,
            "started_at": BEGIN_AT,
            "created_at": BEGIN_AT,
            "updated_at": np.where(acked > 0, job.acked_at[acked - 1], BEGIN_AT),
        },
        "stages": told
        | {
            "stage": "process",
            "status": "STARTED",
            "progress_ratio": acked / job.total,
            "processed": acked,
            "remaining": left,
            "failed": 0,
        },
        "consumers": told
        | {
            "stream_exists": True,
            "consumer_exists": True,
            "messages": left,
            "first_seq": acked + 1,
            "last_seq": job.total,
            "num_pending": job.total - delivered,
            "num_ack_pending": delivered - acked,
            "num_redelivered": 0,
            "num_waiting": 0,
            "delivered_consumer_seq": delivered,
            "delivered_stream_seq": delivered,
            "ack_floor_consumer_seq": acked,
            "ack_floor_stream_seq": acked,
            "delivered_last_active": job.reserved_at[np.maximum(delivered // 8 - 1, 0)],
            "ack_floor_last_active": job.acked_at[np.maximum(acked - 1, 0)],
            "ack_wait_s": 300.0,
            "max_deliver": 5,
            "max_ack_pending": 1000,
            "stream_created_at": BEGIN_AT - 5 * NS_PER_S,
            "consumer_created_at": BEGIN_AT - 3 * NS_PER_S,
            "server_at": at - 1_500_000,
        },
        "counters": told
        | {
            "total": job.total,
            "pending_process": left,
            "pending_results": left,
            "failed": 0,
            "ttl_s": 604_800 - (at - BEGIN_AT) // NS_PER_S,
        },
    }


def _heard(job: Job, until: int) -> dict[str, Any]:
    acked_at = job.acked_at[job.acked_at <= until]
    seq = np.arange(1, len(acked_at) + 1)
    return {
        "observed_at": acked_at,
        "job_id": job.number,
        "acked_at": acked_at,
        "stream_seq": seq,
        "consumer_seq": seq,
        "delivery": 1,
        "stored_at": BEGIN_AT + seq,
        "num_pending_then": job.total - seq,
        "kind": "+ACK",
    }


def _reads(source: str, at: np.ndarray) -> dict[str, Any]:
    return {
        "observed_at": at,
        "source": source,
        "ok": True,
        "elapsed_s": 0.004,
        "requests": 1,
        "clock_offset_s": 0.0,
    }


def _frame(name: str, pieces: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One typed frame in order of time; what no piece has is missing."""
    whole = []
    for piece in pieces:
        rows = pd.DataFrame(piece)
        for column, dtype in frames.schema(name).items():
            if column in rows and dtype == frames.TIME:
                rows[column] = pd.to_datetime(rows[column], utc=True)
        whole.append(rows.reindex(columns=list(frames.schema(name))).astype(frames.schema(name)))
    frame = pd.concat(whole, ignore_index=True)
    return frame.sort_values("observed_at", kind="stable", ignore_index=True)


def measure(count: int, hours: float, times: int) -> list[Figure]:
    """What the metrics and the verdicts of a span cost."""
    span_s = hours * 3600
    rng = np.random.default_rng(1)
    source = day([Job(100 + number, span_s, rng) for number in range(count)], span_s)
    consumers, acks = source.frame("consumers"), source.frame("acks")
    as_of = consumers["observed_at"].max()
    tasks = task_times(consumers, acks=acks)

    recent = source.frame("consumers", since=as_of - pd.Timedelta(seconds=LOOK_BACK_S))
    looked = best_of(times, lambda: ordered(consumers, LOOKED))
    lately = best_of(times, lambda: ordered(recent, LOOKED))
    heard = best_of(times, lambda: ordered(acks, HEARD))

    def figure(what: str, step: Callable[[], Any], floor: float) -> Figure:
        return Figure(
            what=f"{what}, {count} jobs × {hours:g} h",
            value=best_of(times, step),
            unit="s",
            floor=floor,
            floor_is="rows in order, eight columns",
        )

    two_hours_ago = as_of - pd.Timedelta(seconds=LOOK_BACK_S)
    return [
        figure(f"timeline of {len(consumers):,} looks", lambda: timeline(consumers), looked),
        figure(f"times of {len(acks):,} tasks", lambda: task_times(consumers, acks=acks), heard),
        figure("tasks by minute", lambda: over_time(tasks, as_of=as_of), heard),
        figure("fleet", lambda: fleet(source, as_of=as_of), lately),
        figure(
            "diagnose, two hours back",
            lambda: diagnose(source, as_of=as_of, since=two_hours_ago),
            lately,
        ),
        figure("verdicts of all instants", lambda: verdicts(source, as_of=as_of), looked),
    ]


def ordered(frame: pd.DataFrame, columns: Sequence[str]) -> list[np.ndarray]:
    """The columns as plain numbers, in order of job and time."""
    rows = frame.sort_values(["job_id", "observed_at"])
    return [
        rows[column].to_numpy("int64")
        if rows[column].dtype == frames.TIME
        else rows[column].to_numpy("float64", na_value=np.nan)
        for column in columns
    ]


def figures(*, quick: bool) -> list[Figure]:
    """What ``python -m benchmarks`` shows of it."""
    return measure(20, 2, 2) if quick else measure(100, 24, 1)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judging")
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--times", type=int, default=3, help="how often each is repeated")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    show(measure(asked.jobs, asked.hours, asked.times), as_json=asked.json)


if __name__ == "__main__":
    main()
