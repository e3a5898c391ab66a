"""Events that the looks at the broker tell of: deliveries, fetching, the stream, restarts."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ami_console.metrics.arrays import NAT, Flags, Floats
from ami_console.metrics.event import Event, span_text
from ami_console.metrics.fetching import NOT_YET, QUIET_S, STOPPED, fetching
from ami_console.metrics.log_happenings import Logged
from ami_console.metrics.seen_job import SeenJob
from ami_console.metrics.source_gaps import NS_PER_S

BURST_S = 60.0
"""Redeliveries with less than this, or than ack wait, between them are one event."""


def of_broker(seen: SeenJob, told: Logged) -> Iterator[Event]:
    """Deliveries, fetching, the stream and its server."""
    looks = seen.consumers
    if not looks.rows:
        return
    at_ns, s = looks["observed_at_ns"], looks["observed_at"]

    def between(look: int) -> dict[str, Any]:
        error_s = float(s[look] - s[look - 1])
        return {"at_ns": int(at_ns[look]), "error_s": error_s, "subject": "nats"}

    fetched = fetching(looks, seen.failed_ns["nats"], until_ns=seen.as_of_ns)
    deliveries = fetched.deliveries
    for look in np.flatnonzero((deliveries[1:] > 0) & (deliveries[:-1] == 0))[:1] + 1:
        told_at = told.first(("fetched", "reserved"), int(at_ns[look - 1]), int(at_ns[look]))
        yield Event(
            kind="first_delivery",
            title="A worker got the first images",
            **between(int(look)) | told_at,
        )
    last = len(fetched.runs) - 1
    for number, run in enumerate(fetched.runs):
        lasted_s = (run.end_ns - run.begin_ns) / NS_PER_S
        if run.code == STOPPED or (run.code == NOT_YET and lasted_s > QUIET_S):
            what = "Nobody fetched images any more" if run.code == STOPPED else "No worker came"
            yield Event(
                kind="fetching_stopped",
                title=f"{what}, for {span_text(lasted_s)}",
                at_ns=run.begin_ns,
                until_ns=run.end_ns,
                is_open=number == last and not seen.is_gone,
                error_s=0.0 if run.code == STOPPED else float("nan"),
                subject="nats",
            )
    yield from _redeliveries(seen, deliveries)
    yield from _of_stream(seen, told)


def _redeliveries(seen: SeenJob, deliveries: Floats) -> Iterator[Event]:
    looks = seen.consumers
    again = deliveries - looks["delivered_stream_seq"]
    rises = np.flatnonzero(np.diff(again) > 0) + 1
    if not len(rises):
        return
    ack_wait_s = looks["ack_wait_s"][rises]
    at_s, at_ns = looks["observed_at"], looks["observed_at_ns"]
    apart = np.diff(at_s[rises]) > np.fmax(BURST_S, ack_wait_s[1:])
    begins = np.flatnonzero(np.append(True, apart))
    for begin, end in zip(begins, np.append(begins[1:], len(rises)) - 1, strict=True):
        first, last = rises[begin], rises[end]
        count = int(again[last] - again[first - 1])
        wait_s = ack_wait_s[end]
        within = "" if np.isnan(wait_s) else f" ({span_text(wait_s)})"
        yield Event(
            kind="redelivery",
            at_ns=int(at_ns[first]),
            until_ns=int(at_ns[last]) if last > first else NAT,
            error_s=float(at_s[first] - at_s[first - 1]),
            subject="nats",
            title=f"{count:,} image{' was' if count == 1 else 's were'} handed out again",
            reason=f"not acknowledged within ack wait{within}, or handed back",
        )


def _of_stream(seen: SeenJob, told: Logged) -> Iterator[Event]:
    """Made anew, filled again, gone; and restarts of the server that holds it."""
    looks = seen.consumers
    at_ns, at_s = looks["observed_at_ns"], looks["observed_at"]
    stream, consumer = looks["stream_exists"], looks["consumer_exists"]
    both = consumer[1:] & consumer[:-1]
    grew = np.diff(looks["delivered_consumer_seq"]) >= 0
    anew = np.abs(np.diff(looks["stream_created_at"])) > 0
    forgot = ~np.isnan(looks["delivered_last_active"][:-1]) & np.isnan(
        looks["delivered_last_active"][1:]
    )
    moved = np.abs(np.diff(looks["consumer_created_at"]))
    # The consumer's own creation moves by less than a millisecond when its server is restarted.
    restarted = both & grew & ~anew & (forgot | ((moved > 0) & (moved < 1.0)))
    recreated = both & (anew | ~grew | (moved >= 1.0))
    filled = both & ~recreated & (np.diff(looks["last_seq"]) > 0)
    filled &= (looks["delivered_consumer_seq"] > 0)[1:] & _stood(looks["last_seq"], at_s)
    gone = (stream[:-1] & ~stream[1:]) | (consumer[:-1] & ~consumer[1:])
    titles = {
        "restart": (restarted, "The broker was restarted"),
        "recreated": (recreated, "Stream or consumer were made anew"),
        "published_again": (filled, ""),
        "deleted": (gone, ""),
    }
    for kind, (happened, title) in titles.items():
        for look in np.flatnonzero(happened) + 1:
            event: dict[str, Any] = {
                "at_ns": int(at_ns[look]),
                "error_s": float(at_s[look] - at_s[look - 1]),
                "subject": "nats",
                "title": title,
            }
            if kind == "published_again":
                more = looks["last_seq"][look] - looks["last_seq"][look - 1]
                event["title"] = f"{more:,.0f} more images were put into the same stream"
            if kind == "deleted":
                event["title"] = (
                    "The consumer is gone" if stream[look] else "Stream and consumer are gone"
                )
                kinds = ("stream_deleted", "consumer_deleted")
                event |= told.first(kinds, int(at_ns[look - 1]), int(at_ns[look]))
            yield Event(kind=kind, **event)


def _stood(values: Floats, at_s: Floats) -> Flags:
    """At each look but the first: whether the value before it had stood for half a minute."""
    changed = np.append(True, np.diff(values) != 0)
    since_s = np.maximum.accumulate(np.where(changed, at_s, -np.inf))
    return np.asarray((at_s - since_s)[:-1] > 30.0)
