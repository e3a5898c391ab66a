"""What the servers really held, asked by plain means: to see whether anything is invented.

A number that was read must lie between what its server held just before that look and just after
it.
"""

import contextlib
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import redis

from ami_console.demo.stack import Stack
from ami_console.reading import Reading

EVERY_S = 0.25
LIMIT_S = 1.0
AROUND_S = 1.5
"""So long before and after a look what its server held is looked for, seconds, and the next time
before and after that; a server that was frozen told nobody anything for a while."""

Held = Mapping[int, Mapping[str, int]]
"""Job → column → value."""

CHECKED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "nats": ("consumers", ("delivered_stream_seq", "ack_floor_stream_seq", "last_seq")),
    "redis": ("counters", ("total", "pending_process", "pending_results", "failed")),
    "antenna": ("stages", ("processed",)),
}
"""Source → frame, and those of its columns that only rise or only fall as long as a job lives."""


@dataclass(frozen=True, slots=True)
class _Sample:
    begun_at: int
    ended_at: int
    held: Held


class Truth:
    """Asks all three servers four times a second, past every proxy; a context manager."""

    def __init__(self, stack: Stack) -> None:
        """Nothing is asked yet."""
        self._stack = stack
        self._samples: dict[str, list[_Sample]] = {source: [] for source in CHECKED}
        self._ended = threading.Event()
        asks: Mapping[str, Callable[[], Held]] = {
            "nats": self._nats,
            "redis": self._redis,
            "antenna": self._antenna,
        }
        self._threads = [
            threading.Thread(target=self._ask, args=(source, ask), name=f"truth {source}")
            for source, ask in asks.items()
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def knows(self, at: int) -> bool:
        """Whether every server was asked after an instant, ns since the epoch."""
        return all(samples and samples[-1].begun_at > at for samples in self._samples.values())

    def invented(self, reading: Reading) -> list[str]:
        """What a reading holds that its server did not say: one sentence each; empty: nothing."""
        if not reading.ok:
            return [f"a failed look brought {name}" for name, rows in reading.rows.items() if rows]
        if reading.source not in CHECKED:
            return []
        frame, columns = CHECKED[reading.source]
        rows = [
            row for row in reading.rows.get(frame, ()) if row.get("stage", "process") == "process"
        ]
        if not rows:
            return []
        around = self._around(reading)
        told = []
        for row in rows:
            for column in columns:
                value = row.get(column)
                if value is None:
                    continue
                held = [sample.held.get(row["job_id"], {}) for sample in around]
                known = [each.get(column, 0) for each in held]
                if held and not held[-1]:  # its stream went, most likely when it was done
                    known += [each.get("last_seq", 0) for each in held]
                if not known or not min(known) <= value <= max(known):
                    told.append(f"{column} {value} of job {row['job_id']}, held was {known}")
        return told

    def _around(self, reading: Reading) -> list[_Sample]:
        around_ns = int(AROUND_S * 1e9)
        begun_at = reading.observed_at - int((reading.elapsed_s or 0.0) * 1e9)
        first, last = begun_at - around_ns, reading.observed_at + around_ns
        samples = list(self._samples[reading.source])
        before = [sample for sample in samples if sample.ended_at < first]
        after = [sample for sample in samples if sample.begun_at > last]
        return [*before[-1:], *samples[len(before) : len(samples) - len(after)], *after[:1]]

    def _ask(self, source: str, ask: Callable[[], Held]) -> None:
        while not self._ended.wait(EVERY_S):
            begun_at = time.time_ns()
            with contextlib.suppress(OSError, ValueError, redis.RedisError):
                held = ask()
                self._samples[source].append(_Sample(begun_at, time.time_ns(), held))

    def _get(self, url: str, **headers: str) -> Any:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            request, timeout=LIMIT_S
        ) as answer:
            return json.load(answer)

    def _nats(self) -> Held:
        settings = self._stack.settings
        told = self._get(f"{settings.nats_monitor_url.reveal()}/jsz?consumers=true")
        held = {}
        for account in told.get("account_details", []):
            for stream in account.get("stream_detail", []):
                kind, _, number = stream["name"].partition("_")
                if kind != "job" or not number.isdecimal():
                    continue
                values = {"last_seq": stream["state"]["last_seq"]}
                for consumer in stream.get("consumer_detail", []):
                    values["delivered_stream_seq"] = consumer["delivered"]["stream_seq"]
                    values["ack_floor_stream_seq"] = consumer["ack_floor"]["stream_seq"]
                held[int(number)] = values
        return held

    def _redis(self) -> Held:
        url = self._stack.settings.redis_url.reveal()
        with redis.Redis.from_url(
            url, socket_timeout=LIMIT_S, socket_connect_timeout=LIMIT_S
        ) as client:
            keys: Sequence[bytes] = list(client.scan_iter("job:*:pending_images_total", count=1000))
            numbers = [int(key.split(b":")[1]) for key in keys]
            pipeline = client.pipeline(transaction=False)
            for number in numbers:
                pipeline.get(f"job:{number}:pending_images_total")
                pipeline.scard(f"job:{number}:pending_images:process")
                pipeline.scard(f"job:{number}:pending_images:results")
                pipeline.scard(f"job:{number}:failed_images")
            replies = pipeline.execute()
        columns = CHECKED["redis"][1]
        return {
            number: dict(
                zip(columns, (int(reply or 0) for reply in replies[4 * n : 4 * n + 4]), strict=True)
            )
            for n, number in enumerate(numbers)
        }

    def _antenna(self) -> Held:
        settings = self._stack.settings
        told = self._get(
            f"{settings.antenna_url.reveal()}/api/v2/jobs/?limit=100&ordering=-created_at",
            Authorization=f"Token {settings.antenna_token.reveal()}",
        )
        held = {}
        for job in told["results"]:
            for stage in job["progress"]["stages"]:
                if stage["key"] == "process":
                    params = {param["key"]: param["value"] for param in stage["params"]}
                    held[job["id"]] = {"processed": int(params.get("processed") or 0)}
        return held
