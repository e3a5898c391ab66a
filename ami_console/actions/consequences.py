"""What an action will destroy or do twice, in numbers; what is not known is said not to be."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import pandas as pd

from ami_console.actions.action import Action
from ami_console.actions.job_looks import NAMES, JobLooks, Row
from ami_console.diagnosis.checks.common import images, seconds
from ami_console.reading import FINAL_STATUSES, SourceName

OLD_S = 20.0
"""Numbers that were read longer ago than this are told with their age."""

Kind = Literal["lost", "twice", "unknown", "note"]


class Consequence(NamedTuple):
    """One sentence.

    Attributes:
        kind: ``lost``: gone for good; ``twice``: work that is done again; ``unknown``: could not be
            told; ``note``: worth knowing.
        text: The sentence, plain text.
    """

    kind: Kind
    text: str


def consequences(action: Action, looks: JobLooks, *, as_of: pd.Timestamp) -> list[Consequence]:
    """What an action does to a job as it stands.

    Args:
        action: What is wanted.
        looks: The last that the sources told of the job.
        as_of: The instant that it is seen from.

    Returns:
        Sentences, what is lost first.

    Source:
        Seen on a real backend: cancel deletes stream, consumer and Redis keys; run and retry
        publish all images into the stream of the job, also where it still has one.
    """
    told = _cancel(looks, as_of) if action == "cancel" else _again(action, looks, as_of)
    order: tuple[Kind, ...] = ("lost", "twice", "unknown", "note")
    return sorted(told, key=lambda each: order.index(each.kind))


def _cancel(looks: JobLooks, as_of: pd.Timestamp) -> Iterator[Consequence]:
    stream = looks.last("nats")
    if stream is None:
        yield _unknown(looks, "nats", "how many messages are deleted, and how many are in flight")
    elif not stream["stream_exists"]:
        yield Consequence("note", f"It has no stream: no message is lost{_read(stream, as_of)}.")
    else:
        yield from _stream_lost(looks, stream, as_of)
    counters = looks.last("redis")
    if counters is None:
        yield _unknown(looks, "redis", "which counters are deleted")
    elif pd.isna(counters["total"]):
        yield Consequence("note", f"It has no counters in Redis{_read(counters, as_of)}.")
    else:
        left = ", ".join(
            f"{_number(counters[column])} {what}"
            for column, what in (
                ("pending_process", "not processed"),
                ("pending_results", "not saved"),
                ("failed", "failed"),
            )
        )
        yield Consequence(
            "lost",
            f"Its counters in Redis are deleted: of {images(int(counters['total']))} {left}"
            f"{_read(counters, as_of)}.",
        )
    if (stream is None or stream["stream_exists"]) or (
        counters is None or not pd.isna(counters["total"])
    ):
        yield Consequence(
            "lost",
            "The evidence goes with them: afterwards only the recording tells what was wrong.",
        )
    yield Consequence("note", "Results that Antenna has saved stay.")


def _stream_lost(looks: JobLooks, stream: Row, as_of: pd.Timestamp) -> Iterator[Consequence]:
    since = _not_since(looks, "nats", as_of) or _read(stream, as_of)
    yield Consequence(
        "lost",
        f"Its stream is deleted: {_messages(stream['messages'])}, of them "
        f"{_number(stream['num_pending'])} not delivered yet{since}.",
    )
    in_flight = stream["num_ack_pending"]
    if pd.isna(in_flight):
        yield Consequence(
            "unknown",
            "How many images are in flight, and their results thrown away, is not known: "
            "NATS told nothing of its consumer.",
        )
    elif in_flight:
        yield Consequence(
            "lost",
            f"{images(int(in_flight)).capitalize()} in flight: the results that come for them are "
            "thrown away.",
        )


def _again(action: Action, looks: JobLooks, as_of: pd.Timestamp) -> Iterator[Consequence]:
    stream, counters = looks.last("nats"), looks.last("redis")
    total = looks.images
    if stream is None:
        yield _unknown(looks, "nats", "whether the job still has a stream, and work is done twice")
    elif stream["stream_exists"]:
        yield from _into_the_same(looks, stream, as_of)
    else:
        many = "its images" if total is None else f"up to {images(total)}"
        yield Consequence(
            "note",
            f"It has no stream{_read(stream, as_of)}: a new one is made, and {many} are published.",
        )
    if counters is None:
        yield _unknown(looks, "redis", "which counters begin anew")
    elif not pd.isna(counters["total"]):
        yield Consequence(
            "lost",
            f"Its counters begin anew: that {_number(counters['pending_process'])} of "
            f"{images(int(counters['total']))} are not processed and "
            f"{_number(counters['failed'])} failed is forgotten{_read(counters, as_of)}.",
        )
    if looks.status is None:
        yield _unknown(looks, "antenna", "what state the job is in")
    elif action == "retry":
        began = "" if looks.status in FINAL_STATUSES else ", although it runs"
        yield Consequence("lost", f"Its progress in Antenna begins anew{began}.")
    yield Consequence(
        "note", "Antenna leaves out images that it takes for done: there can be fewer."
    )


def _into_the_same(looks: JobLooks, stream: Row, as_of: pd.Timestamp) -> Iterator[Consequence]:
    held, total = stream["messages"], looks.images
    since = _not_since(looks, "nats", as_of) or _read(stream, as_of)
    more = "all its images" if total is None else f"up to {images(total)}"
    left = f"{_number(stream['num_pending'])} not delivered"
    left += f" and {_number(stream['num_ack_pending'])} in flight"
    after = ""
    if total is not None and not pd.isna(held):
        after = f", and it then holds up to {int(held) + total:,} messages for {images(total)}"
    yield Consequence(
        "twice",
        f"It still has its stream with {_messages(held)}, {left}{since}. Antenna publishes {more} "
        f"into the same stream again{after}.",
    )
    yield Consequence(
        "twice",
        "Images that are done, or that a worker holds, are worked twice, and the job ends with "
        "messages left over. Cancel it first for a clean start.",
    )


def _messages(count: object) -> str:
    if pd.isna(count):
        return "a number of messages that is not known"
    return "1 message" if count == 1 else f"{_number(count)} messages"


def _number(count: object) -> str:
    return "an unknown number" if pd.isna(count) else f"{int(str(count)):,}"


def _read(row: Row, as_of: pd.Timestamp) -> str:
    """The age of what was read, where it is old."""
    age_s = (as_of - row["observed_at"]).total_seconds()
    return f" (read {seconds(age_s)} ago)" if age_s > OLD_S else ""


def _not_since(looks: JobLooks, source: SourceName, as_of: pd.Timestamp) -> str:
    """That the numbers may be over: their source can't be read any more."""
    row = looks.last(source)
    if source not in looks.errors or row is None:
        return ""
    age_s = (as_of - row["observed_at"]).total_seconds()
    return f" (read {seconds(age_s)} ago; {NAMES[source]} can't be read since)"


def _unknown(looks: JobLooks, source: SourceName, what: str) -> Consequence:
    why = f"{NAMES[source]} told nothing of this job"
    if source in looks.errors:
        why = looks.errors[source][1].rstrip(".")
    return Consequence("unknown", f"{what[0].upper()}{what[1:]} is not known: {why}.")
