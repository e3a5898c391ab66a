"""Poll logs: raw looks and tapped messages as JSON lines, read through the live parsers."""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson

from ami_console.errors import ImportLogError, SourceMalformed
from ami_console.instants import NS_PER_S, from_rfc3339
from ami_console.reading import Reading, Row
from ami_console.sources.consumer_rows import consumer_row, jsz_rows
from ami_console.sources.counter_rows import counter_row
from ami_console.sources.job_rows import job_rows
from ami_console.sources.queue_rows import recorded_rows
from ami_console.sources.tap_rows import ack_row, advisory_row, image_of_task
from ami_console.sources.values import mapping, text

Kind = Literal["looks", "messages"]

BROKER_KEYS = frozenset({"nats_stream", "nats_consumer", "jsz"})
LOOK_KEYS = BROKER_KEYS | {"rest", "redis", "rabbitmq"}

LONGEST_REASON = 240
"""Characters of an error text that are kept."""

_MEMORY_ADDRESS = re.compile(r" object at 0x[0-9a-f]+")


@dataclass
class Notes:
    """What an import has to explain, by kind: how often, and the first place.

    Attributes:
        damaged: Whether a file was not whole.
    """

    counted: dict[str, tuple[int, str]] = field(default_factory=dict)
    damaged: bool = False

    def add(self, what: str, where: str) -> None:
        """Count one more of a kind."""
        times, first = self.counted.get(what, (0, where))
        self.counted[what] = (times + 1, first)

    def lines(self) -> list[str]:
        """One line per kind."""
        return [
            f"{what} ({times} times, first at {first})" if times > 1 else f"{what} (at {first})"
            for what, (times, first) in self.counted.items()
        ]


def kind_of(path: Path) -> Kind | None:
    """Whether a file holds looks (``series``) or messages (``events``), by its first line.

    Raises:
        ImportLogError: The file can't be opened or unpacked at all.
    """
    try:
        with _opened(path) as lines:
            first = mapping(_parsed(next(iter(lines), b"")))
    except (OSError, EOFError, zlib.error) as error:
        raise ImportLogError(
            f"{path} can't be read ({_reason(error)}); copy it again from where it was made"
        ) from None
    if "subject" in first or "_note" in first:
        return "messages"
    return "looks" if "t" in first and LOOK_KEYS & first.keys() else None


def readings(path: Path, *, zone: ZoneInfo, notes: Notes) -> Iterator[Reading]:
    """The readings of one file of a poll log, in its order.

    A file that ends early or has damaged lines gives what it has; ``notes`` says what is amiss.

    Args:
        path: ``series.jsonl[.gz]`` or ``events.jsonl[.gz]``, or a file of another name like them.
        zone: Zone of Antenna's naive times.
        notes: Takes what needs an explanation.

    Raises:
        ImportLogError: This is no poll log.
    """
    kind = kind_of(path)
    if kind is None:
        raise ImportLogError(
            f"{path} is no poll log: its first line is neither a look (t, rest, redis, …) nor a "
            "tapped message (t, subject, …)"
        )
    rows = _rows(path, notes)
    yield from _looks(rows, zone, notes) if kind == "looks" else _messages(rows, notes)


def _opened(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _parsed(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _rows(path: Path, notes: Notes) -> Iterator[tuple[str, Any]]:
    """Place and object of every line that is one."""
    number = 0
    try:
        with _opened(path) as lines:
            for number, line in enumerate(lines, 1):
                place = f"{path.name}:{number}"
                row = _parsed(line)
                if isinstance(row, dict):
                    yield place, row
                elif line.strip():
                    notes.damaged = True
                    notes.add("a line is no JSON object and was left out", place)
    except (OSError, EOFError, zlib.error) as error:
        notes.damaged = True
        notes.add(
            f"{path.name} ends early or is damaged ({_reason(error)}); what came before was read, "
            "copy the file again for the rest",
            f"line {number}",
        )


def _looks(rows: Iterator[tuple[str, Any]], zone: ZoneInfo, notes: Notes) -> Iterator[Reading]:
    job_id: int | None = None
    for place, row in rows:
        end = from_rfc3339(row.get("t"))
        if end is None:
            notes.add("a look has no time t and was left out", place)
            continue
        rest, jsz = mapping(row.get("rest")), mapping(row.get("jsz"))
        slowest_ns = max(_elapsed_ns(rest), _elapsed_ns(jsz))
        begin = from_rfc3339(row.get("t0")) or end - slowest_ns
        job_id = _job_of(row) or job_id  # with REST and stream gone a look does not tell any more
        parts = (
            _antenna(rest, begin, zone) if "rest" in row else None,
            _nats(row, job_id, begin) if BROKER_KEYS & row.keys() else None,
            _redis(row, job_id, begin) if "redis" in row else None,
            _celery(row, begin) if "rabbitmq" in row else None,
        )
        for reading in parts:
            if reading is None:
                continue
            if not reading.ok:
                notes.add(
                    f"{reading.source} could not be read, kept as a gap: {reading.error}", place
                )
            yield reading


def _antenna(rest: Any, begin: int, zone: ZoneInfo) -> Reading:
    at, elapsed_s = begin + _elapsed_ns(rest), _elapsed_s(rest)
    if "error" in rest or rest.get("http") != 200:
        reason = _shortened(rest.get("error")) or f"HTTP status {rest.get('http')}"
        return Reading(
            source="antenna", observed_at=at, ok=False, error=reason, elapsed_s=elapsed_s
        )
    try:
        job, stages = job_rows(rest.get("body"), observed_at=at, zone=zone)
    except SourceMalformed as error:
        return Reading(
            source="antenna", observed_at=at, ok=False, error=str(error), elapsed_s=elapsed_s
        )
    return Reading(
        source="antenna",
        observed_at=at,
        elapsed_s=elapsed_s,
        rows={"jobs": [job], "stages": stages},
    )


def _nats(row: Any, job_id: int | None, begin: int) -> Reading:
    """The job's own replies; of other jobs what ``jsz`` shows, and all from there if need be."""
    stream, consumer, jsz = (mapping(row.get(k)) for k in ("nats_stream", "nats_consumer", "jsz"))
    found: dict[int, Row] = {}
    at = begin + _elapsed_ns(jsz)
    if "body" in jsz:
        found = jsz_rows(jsz["body"], observed_at=at)
    replied = (stream or consumer) and "_client_error" not in {*stream, *consumer}
    if replied and job_id is not None:
        found[job_id] = consumer_row(job_id, stream, consumer, observed_at=at)
    if not replied and not found:
        reason = next(
            (e for part in (consumer, stream) if (e := _shortened(part.get("_client_error")))),
            _shortened(jsz.get("error")) or "no reply was kept",
        )
        return Reading(source="nats", observed_at=at, ok=False, error=reason)
    return Reading(
        source="nats",
        observed_at=at,
        elapsed_s=_elapsed_s(jsz),
        rows={"consumers": list(found.values())},
    )


def _redis(row: Any, job_id: int | None, begin: int) -> Reading:
    keys = mapping(row.get("redis"))
    if "error" in keys or job_id is None:
        reason = _shortened(keys.get("error")) or "the look does not tell which job it is of"
        return Reading(source="redis", observed_at=begin, ok=False, error=reason)
    counters = counter_row(
        job_id,
        observed_at=begin,
        total=keys.get("get_total"),
        pending_process=keys.get("scard_process"),
        pending_results=keys.get("scard_results"),
        failed=keys.get("scard_failed"),
        ttl_s=keys.get("ttl_total"),
    )
    return Reading(source="redis", observed_at=begin, rows={"counters": [counters]})


def _celery(row: Any, begin: int) -> Reading:
    """The queues' numbers, which were up to 5 s old by then."""
    told = mapping(row.get("rabbitmq"))
    if "error" in told or not told:
        reason = _shortened(told.get("error")) or "no queue was kept"
        return Reading(source="celery", observed_at=begin, ok=False, error=reason)
    return Reading(
        source="celery",
        observed_at=begin,
        rows={"queues": recorded_rows(told, observed_at=begin)},
    )


def _messages(rows: Iterator[tuple[str, Any]], notes: Notes) -> Iterator[Reading]:
    """Acknowledgements and advisories, one reading for each second in which there were any."""
    published: dict[str, list[str | None]] = {}
    held: dict[str, list[Row]] = {"acks": [], "advisories": []}
    second, at = -1, 0
    for place, row in rows:
        received = from_rfc3339(row.get("t"))
        if received is None:
            notes.add("a message has no time t and was left out", place)
            continue
        if received // NS_PER_S != second:
            yield from _tapped(held, at)
            held, second = {"acks": [], "advisories": []}, received // NS_PER_S
        at = received
        if "_note" in row:
            reason = _shortened(row["_note"]) or "the subscription was cut off"
            notes.add(f"tap: {reason}", place)
            yield Reading(source="tap", observed_at=at, ok=False, error=reason)
            continue
        subject, payload = text(row.get("subject")) or "", text(row.get("payload"))
        _remember_image(published, subject, payload)
        if ack := ack_row(subject, payload, observed_at=at):
            images = published.get(f"job.{ack['job_id']}.tasks", [])
            if ack["stream_seq"] <= len(images):
                ack["image_id"] = images[ack["stream_seq"] - 1]
            held["acks"].append(ack)
        elif advisory := advisory_row(subject, payload, observed_at=at):
            held["advisories"].append(advisory)
    yield from _tapped(held, at)


def _remember_image(
    published: dict[str, list[str | None]], subject: str, payload: str | None
) -> None:
    """Image ids in the order of publishing, which is the stream's, if seen from its start."""
    tokens = subject.split(".")
    if subject.startswith("$JS.EVENT.ADVISORY.STREAM.CREATED.job_"):
        published[f"job.{tokens[5].removeprefix('job_')}.tasks"] = []
    elif subject in published:
        published[subject].append(image_of_task(payload))


def _tapped(held: dict[str, list[Row]], at: int) -> Iterator[Reading]:
    rows = {name: rows for name, rows in held.items() if rows}
    if rows:
        yield Reading(source="tap", observed_at=at, rows=rows)


def _job_of(row: Any) -> int | None:
    """The job a look is of: told by REST, or by the names in the broker's replies."""
    body = mapping(mapping(row.get("rest")).get("body"))
    name = mapping(row.get("nats_consumer")).get("stream_name")
    config_name = mapping(mapping(row.get("nats_stream")).get("config")).get("name")
    for told in (body.get("id"), name, config_name):
        if isinstance(told, int) and not isinstance(told, bool):
            return told
        if isinstance(told, str) and told.removeprefix("job_").isdecimal():
            return int(told.removeprefix("job_"))
    return None


def _elapsed_s(part: Any) -> float | None:
    value = part.get("ms")
    return value / 1e3 if isinstance(value, int | float) and 0 <= value < 1e9 else None


def _elapsed_ns(part: Any) -> int:
    return int((_elapsed_s(part) or 0.0) * NS_PER_S)


def _shortened(value: object) -> str | None:
    """An error text without memory addresses (else no two are alike) and with its two ends."""
    shown = text(value)
    if shown is None:
        return None
    shown = _MEMORY_ADDRESS.sub("", shown)
    half = LONGEST_REASON // 2
    return shown if len(shown) <= LONGEST_REASON else f"{shown[:half]} … {shown[-half:]}"


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
