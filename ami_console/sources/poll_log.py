"""Poll logs: raw looks and tapped messages as JSON lines, read through the live parsers."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson

from ami_console.errors import ImportLogError, SourceMalformed
from ami_console.instants import NS_PER_S, from_rfc3339
from ami_console.reading import Reading, Row
from ami_console.sources.consumer_rows import consumer_row, job_of_stream, jsz_rows
from ami_console.sources.counter_rows import counter_row
from ami_console.sources.job_rows import job_rows
from ami_console.sources.notes import Notes
from ami_console.sources.queue_rows import recorded_rows
from ami_console.sources.tap_rows import ack_row, advisory_row, image_of_task
from ami_console.sources.text_files import LONGEST_LINE_BYTES, UNREADABLE, byte_lines, reason
from ami_console.sources.values import identifier, mapping, shown, text

__all__ = ["Notes", "kind_of", "readings"]

Kind = Literal["looks", "messages"]

BROKER_KEYS = frozenset({"nats_stream", "nats_consumer", "jsz"})
LOOK_KEYS = BROKER_KEYS | {"rest", "redis", "rabbitmq"}

LONGEST_REASON = 240
"""Characters of an error text that are kept."""

MOST_HELD = 100_000
"""Tapped messages that are held before they are handed on, however many a second has."""

MOST_IMAGES = 1_000_000
"""Tasks whose images are remembered, to tell of which image an acknowledgement is."""

_NO_JOB = "the look does not tell which job it is of"
_MEMORY_ADDRESS = re.compile(r" object at 0x[0-9a-f]+")


def kind_of(path: Path) -> Kind | None:
    """Whether a file holds looks (``series``) or messages (``events``), by its first line.

    Raises:
        ImportLogError: The file can't be opened or unpacked at all.
    """
    try:
        line = next(byte_lines(path), b"")
    except UNREADABLE as error:
        raise ImportLogError(
            f"{path} can't be read ({reason(error)}); copy it again from where it was made"
        ) from None
    first = mapping(_parsed(line))
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


def _parsed(line: bytes | None) -> Any:
    try:
        return orjson.loads(line or b"")
    except orjson.JSONDecodeError:
        return None


def _rows(path: Path, notes: Notes) -> Iterator[tuple[str, Any]]:
    """Place and object of every line that is one."""
    number = 0
    try:
        for number, line in enumerate(byte_lines(path), 1):
            place = f"{path.name}:{number}"
            row = _parsed(line)
            if isinstance(row, dict):
                yield place, row
            elif line is None:
                notes.damaged = True
                notes.add(
                    f"a line is longer than {LONGEST_LINE_BYTES >> 20} MB and was left out", place
                )
            elif line.strip():
                notes.damaged = True
                notes.add("a line is no JSON object and was left out", place)
    except UNREADABLE as error:
        notes.damaged = True
        notes.add(
            f"{path.name} ends early or is damaged ({reason(error)}); what came before was read, "
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
        why = _shortened(rest.get("error")) or _shortened(f"HTTP status {shown(rest.get('http'))}")
        return Reading(source="antenna", observed_at=at, ok=False, error=why, elapsed_s=elapsed_s)
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
    problem = _shortened(jsz.get("error"))
    at = begin + _elapsed_ns(jsz)
    if "body" in jsz:
        try:
            found = jsz_rows(jsz["body"], observed_at=at)
        except SourceMalformed as error:
            problem = str(error)
    replied = (stream or consumer) and "_client_error" not in {*stream, *consumer}
    job_id = _job_of_names(stream, consumer) or job_id
    if replied and job_id is not None:
        found[job_id] = consumer_row(job_id, stream, consumer, observed_at=at)
    if not found:
        nothing = _NO_JOB if replied else "no reply was kept"
        why = next(
            (e for part in (consumer, stream) if (e := _shortened(part.get("_client_error")))),
            problem or nothing,
        )
        return Reading(source="nats", observed_at=at, ok=False, error=why)
    return Reading(
        source="nats",
        observed_at=at,
        error=problem,
        elapsed_s=_elapsed_s(jsz),
        rows={"consumers": list(found.values())},
    )


def _redis(row: Any, job_id: int | None, begin: int) -> Reading:
    keys = mapping(row.get("redis"))
    if "error" in keys or job_id is None:
        why = _shortened(keys.get("error")) or _NO_JOB
        return Reading(source="redis", observed_at=begin, ok=False, error=why)
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
        why = _shortened(told.get("error")) or "no queue was kept"
        return Reading(source="celery", observed_at=begin, ok=False, error=why)
    return Reading(
        source="celery",
        observed_at=begin,
        rows={"queues": recorded_rows(told, observed_at=begin)},
    )


def _messages(rows: Iterator[tuple[str, Any]], notes: Notes) -> Iterator[Reading]:
    """Acknowledgements and advisories, one reading for each second in which there were any.

    Of a second with very many, several.
    """
    published = _Published(notes)
    held: dict[str, list[Row]] = {"acks": [], "advisories": []}
    second, at, handed_on_at = -1, 0, -1
    for place, row in rows:
        received = from_rfc3339(row.get("t"))
        if received is None:
            notes.add("a message has no time t and was left out", place)
            continue
        is_same = received // NS_PER_S == second
        if not is_same or sum(map(len, held.values())) >= MOST_HELD:
            yield from _tapped(held, at)
            held, second = {"acks": [], "advisories": []}, received // NS_PER_S
            handed_on_at = at if is_same else -1
        # A reading is known by its instant: the next of one second is at least a moment later.
        at = max(received, handed_on_at + 1)
        if "_note" in row:
            why = _shortened(row["_note"]) or "the subscription was cut off"
            notes.add(f"tap: {why}", place)
            yield Reading(source="tap", observed_at=at, ok=False, error=why)
            continue
        subject, payload = text(row.get("subject")) or "", text(row.get("payload"))
        published.take(subject, payload, place)
        if ack := ack_row(subject, payload, observed_at=at):
            ack["image_id"] = published.image(ack["job_id"], ack["stream_seq"])
            held["acks"].append(ack)
        elif advisory := advisory_row(subject, payload, observed_at=at):
            held["advisories"].append(advisory)
    yield from _tapped(held, at)


class _Published:
    """Image ids in the order of publishing, which is the stream's, if seen from its start."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._images: dict[str, list[str | None]] = {}
        self._total = 0

    def take(self, subject: str, payload: str | None, place: str) -> None:
        """Take in a message; it may be the creation of a stream, or a task."""
        if subject.startswith("$JS.EVENT.ADVISORY.STREAM.CREATED."):
            if (job_id := job_of_stream(subject.split(".")[5])) is not None:
                self._images[f"job.{job_id}.tasks"] = []
        elif (images := self._images.get(subject)) is not None:
            images.append(image_of_task(payload))
            self._total += 1
            if self._total > MOST_IMAGES:
                self._notes.add(
                    f"more than {MOST_IMAGES} tasks were published; images of acknowledgements "
                    "are told no more",
                    place,
                )
                self._images, self._total = {}, 0

    def image(self, job_id: int, stream_seq: int) -> str | None:
        """Which image the message of a stream is of; ``None``: not known."""
        images = self._images.get(f"job.{job_id}.tasks", [])
        return images[stream_seq - 1] if 0 < stream_seq <= len(images) else None


def _tapped(held: dict[str, list[Row]], at: int) -> Iterator[Reading]:
    rows = {name: rows for name, rows in held.items() if rows}
    if rows:
        yield Reading(source="tap", observed_at=at, rows=rows)


def _job_of(row: Any) -> int | None:
    """The job a look is of: told by REST, or by the names in the broker's replies."""
    told = identifier(mapping(mapping(row.get("rest")).get("body")).get("id"))
    return told or _job_of_names(mapping(row.get("nats_stream")), mapping(row.get("nats_consumer")))


def _job_of_names(stream: Mapping[str, Any], consumer: Mapping[str, Any]) -> int | None:
    """The job that the broker's replies are of."""
    config_name = mapping(stream.get("config")).get("name")
    return job_of_stream(consumer.get("stream_name")) or job_of_stream(config_name)


def _elapsed_s(part: Any) -> float | None:
    value = part.get("ms")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value / 1e3 if 0 <= value < 1e9 else None


def _elapsed_ns(part: Any) -> int:
    return int((_elapsed_s(part) or 0.0) * NS_PER_S)


def _shortened(value: object) -> str | None:
    """An error text without memory addresses (else no two are alike) and with its two ends."""
    said = text(value)
    if said is None:
        return None
    said = _MEMORY_ADDRESS.sub("", said)
    half = LONGEST_REASON // 2
    return said if len(said) <= LONGEST_REASON else f"{said[:half]} … {said[-half:]}"
