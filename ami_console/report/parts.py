"""The parts of a report that say it in words and numbers: title, summary, cause, key numbers."""

from typing import Any

import pandas as pd

from ami_console.diagnosis import CHECKS, Evidence
from ami_console.diagnosis.finding import plain
from ami_console.markup import MISSING, STATES, absent, count, duration, measure
from ami_console.metrics.source_gaps import SOURCE_NAMES
from ami_console.report.markup import badge, folded, pairs, paragraphs, section, stepped, table
from ami_console.report.material import Material
from ami_console.report.words import NOT_KNOWN, Clock, escape, ratio

LONGEST = 200
"""Characters of a value among the evidence; images are listed below, all of them."""

WAYS = {"tap": "the tap", "logs": "logs", "looks": "looks alone (times are estimated)"}

TIMES = (
    ("latency", "latency_s", "published to acknowledged"),
    ("queue wait", "queue_wait_s", "published to first delivered"),
    ("service time", "service_time_s", "delivered to posted by the worker"),
    ("save time", "save_time_s", "posted to acknowledged"),
)
"""Name of a time, its key in the summary, and what it is."""


def title(told: Material) -> str:
    """Which job, how it stands, and what all of this is as of."""
    clock = told.clock
    status = told.numbers["status"]
    mark, tone = STATES.get(str(status), ("?", "muted" if absent(status) else "warn"))
    word = NOT_KNOWN if absent(status) else str(status).lower()
    where = [escape(told.row[name]) for name in ("project", "pipeline")
             if not absent(told.row.get(name))]  # fmt: skip
    name = told.told.name
    facts = [
        ("project · pipeline", " · ".join(where) or NOT_KNOWN),
        ("as of", clock.whole(told.as_of)),
        ("times are", escape(clock.zone.key)),
    ]
    return (
        f'<header><p class="kind">Post-mortem</p><h1><span class="dim">Job {told.job_id}</span> '
        f"{escape(name) if not absent(name) else '(its name is not known)'}</h1>"
        f"{badge(word, mark, tone)}{pairs(facts)}</header>"
    )


def summary(told: Material) -> str:
    """What happened, in words."""
    texts = [told.clock.told(text) for text in told.told.in_words()]
    body = "".join(f'<p class="lead">{stepped(text)}</p>' for text in texts)
    return section("summary", "What happened", body)


def cause(told: Material) -> str:
    """The cause that it came to, what to do, what it rests on; and what else was wrong."""
    found, clock = told.told.cause, told.clock
    named = "verdict" if found.code in CHECKS else "cause"
    body = (
        f'<div class="cause"><h3>{escape(clock.told(found.title))}</h3>'
        f"<p><b>Next step</b> {stepped(clock.told(found.next_step))}</p>"
        f'<p class="note">{named} <code>{escape(found.code)}</code></p></div>'
    )
    if found.evidence:
        rows = [_evidence(each, clock) for each in found.evidence]
        heads = ("it rests on", "value", "told by")
        body += folded("evidence", table(heads, rows, label="Evidence", left=3))
    if told.told.others:
        body += "<h3>What else was wrong</h3><ul>"
        for other in told.told.others:
            says = paragraphs([clock.told(other.sentence)])
            step = f"<p><b>Next step</b> {stepped(clock.told(other.next_step))}</p>"
            body += f"<li><b>{escape(clock.told(other.title))}</b>{says}{step}</li>"
        body += "</ul>"
    return section("cause", "Cause", body)


def _evidence(each: Evidence, clock: Clock) -> tuple[str, str, str]:
    value = each.value
    if isinstance(value, pd.Timestamp):
        shown = clock.html(value)
    elif plain(value) is None:
        shown = NOT_KNOWN
    elif isinstance(value, float):
        shown = measure(value)
    else:
        text = str(value)
        shown = escape(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
    name = SOURCE_NAMES.get(each.source, each.source)
    at = "" if absent(each.observed_at) else f", {clock.html(each.observed_at)}"
    return f"<code>{escape(each.name)}</code>", shown, f"{escape(name)}{at}"


def numbers(told: Material) -> str:
    """The key numbers; what is not known says so."""
    known, clock = told.numbers, told.clock
    begun, ended = (_instant(known[name]) for name in ("started_at", "finished_at"))
    took_s = None if begun is None or ended is None else (ended - begun).total_seconds()
    groups = (
        (
            "Images",
            [(name, _known(count(known[key]))) for name, key in (
                ("in all", "total"), ("processed", "processed"), ("failed", "failed"),
                ("given up by the broker", "lost"), ("acknowledged", "acked"),
            )],
        ),
        (
            "Time",
            [
                ("started", _known(clock.html(begun))),
                ("ended", _known(clock.html(ended))),
                ("took", _known(duration(took_s))),
                ("settled per minute", _known(measure(known["throughput_per_min"]))),
                ("in its best minute", _known(measure(known["peak_throughput_per_min"]))),
            ],
        ),
        (
            "Deliveries",
            [
                ("redeliveries", _known(count(known["redeliveries"]))),
                ("images redelivered", _known(count(known["redelivered_tasks"]))),
                ("most attempts of one", _known(count(known["max_delivery"]))),
                *_in_vain(known["acks"]),
            ],
        ),
        ("What was seen", _coverage(known)),
    )  # fmt: skip
    boxes = "".join(f"<div><h3>{name}</h3>{pairs(rows)}</div>" for name, rows in groups)
    return section("numbers", "Key numbers", f'<div class="boxes">{boxes}</div>{times(known)}')


def times(known: dict[str, Any]) -> str:
    """How the times of single tasks are spread.

    Args:
        known: :func:`ami_console.summary.summarise`.
    """
    heads = ("time of an image", "images", "median", "95th", "99th", "longest", "±")
    rows = []
    for name, key, what in TIMES:
        spread = known[key]
        until = ", until acknowledged" if spread.get("until") == "acked" else ""
        estimated = " · estimated" if spread["is_estimate"] else ""
        label = f'{name}<span class="dim"> {what}{until}{estimated}</span>'
        if not spread["n"]:
            rows.append((label, NOT_KNOWN, *[MISSING] * 5))
            continue
        marks = [duration(spread[mark]) for mark in ("p50", "p95", "p99", "max")]
        rows.append((label, count(spread["n"]), *marks, duration(spread["error_s"])))
    return table(heads, rows, label="Times of single images")


def _in_vain(acks: dict[str, Any]) -> list[tuple[str, str]]:
    names = {
        "late": "late acknowledgements",
        "repeated": "repeated acknowledgements",
        "discarded": "results thrown away",
        "negative": "handed back by workers",
    }
    return [(name, count(acks[key])) for key, name in names.items() if acks[key]]


def _coverage(known: dict[str, Any]) -> list[tuple[str, str]]:
    seen, by = known["coverage"], known["acks"]["by"]
    told = [("images one by one told by", escape(" and ".join(WAYS[way] for way in by)))]
    if seen["acks_seen_ratio"] is not None:
        told.append(("of what was settled", f"{ratio(seen['acks_seen_ratio'])} seen"))
    if seen["missing"]:
        told.append(("not seen", count(seen["missing"])))
    if seen["tap_gap_s"] is not None:
        told.append(("nobody listened for", duration(seen["tap_gap_s"]) if seen["tap_gap_s"]
                     else "0 s"))  # fmt: skip
    told.append(("gaps of sources", count(seen["gaps"])))
    if seen["log_is_whole"] is not None:
        told.append(("the job's log is whole", "yes" if seen["log_is_whole"] else "no"))
    return told


def _known(text: str) -> str:
    return f'<span class="dim">{NOT_KNOWN}</span>' if text == MISSING else text


def _instant(text: Any) -> pd.Timestamp | None:
    return None if absent(text) else pd.Timestamp(text)
