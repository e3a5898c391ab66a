"""The chosen job in words and numbers, as HTML; everything that came from outside is escaped."""

import math
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import clock, count, duration, escape, ratio
from ami_console.apps.job import Job
from ami_console.apps.links import job_links
from ami_console.apps.sections import pairs as rows_of
from ami_console.apps.sections import section
from ami_console.apps.tasks_card import tasks_card
from ami_console.apps.times_card import times_card
from ami_console.apps.told import Places, Told

STAGES = {"collect": "Collect", "process": "Process", "results": "Save results", "delay": "Delay"}


def parts(
    job: Job, *, as_of: pd.Timestamp, zone: ZoneInfo, antenna_ui: str = ""
) -> dict[str, Told]:
    """All parts of the page about a job but the charts, by name.

    Args:
        job: What is known of it.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
        antenna_ui: Where Antenna's own pages are; empty: not told.
    """
    return {
        "job": header(job, as_of=as_of, zone=zone, antenna_ui=antenna_ui),
        "stages": stages(job, as_of=as_of, zone=zone),
        "tasks": tasks_card(job, as_of=as_of, zone=zone),
        "times": times_card(job, as_of=as_of, zone=zone),
        "queue": queue(job, as_of=as_of, zone=zone),
        "counters": counters(job, as_of=as_of, zone=zone),
    }


def header(job: Job, *, as_of: pd.Timestamp, zone: ZoneInfo, antenna_ui: str = "") -> Told:
    """Name, state and the few numbers that matter most."""
    row = job.row
    state = formats.state_of(row["status"])
    where = " · ".join(
        escape(v) for v in (row["project"], row["pipeline"]) if not formats.absent(v)
    )
    total, processed = row["total"], row["processed"]
    share = float("nan")
    if not formats.absent(total) and not formats.absent(processed) and total > 0:
        share = min(1.0, float(processed) / float(total))
    final = not formats.absent(row["is_final"]) and bool(row["is_final"])
    put = Places()
    alarm = ' class="alarm"' if not formats.absent(row["failed"]) and row["failed"] > 0 else ""
    facts = [
        ("done", put(f"{count(processed)} of {count(total)}, {ratio(share)}")),
        ("failed", f"<span{alarm}>{put(count(row['failed']))}</span>"),
        ("started", clock(row["started_at"], zone, as_of=as_of)),
    ]
    if final:
        took_s = (row["finished_at"] - row["started_at"]).total_seconds() if _both(row) else None
        facts += [
            ("finished", clock(row["finished_at"], zone, as_of=as_of)),
            ("took", duration(took_s)),
        ]
    else:
        facts += [("time left, at this rate", put(duration(row["eta_s"])))]
    facts += [("last seen", put(clock(row["last_seen_at"], zone, as_of=as_of)))]
    project_id = job.job.get("project_id", pd.NA)
    told_id = None if formats.absent(project_id) else int(project_id)
    link = job_links(int(row["job_id"]), antenna_ui, project_id=told_id).html if antenna_ui else ""
    tone = "good" if state.tone == "good" else "bad" if state.tone == "bad" else "active"
    width = 0 if math.isnan(share) else int(share * 100)
    return put.told(
        f'<div class="job"><h2><span class="dim">Job {int(row["job_id"])}</span> '
        f"{escape(row['name'])}</h2>"
        f'<span class="state {state.tone}"><i class="mark">{state.mark}</i>'
        f"{escape(state.word)}</span>"
        f'<span class="dim">{where or "project and pipeline not told"}</span>{link}'
        '<div class="facts">'
        + "".join(
            f'<div class="fact"><span class="dim">{k}</span><b>{v}</b></div>' for k, v in facts
        )
        + f'</div></div><div class="bar {tone}" role="img" aria-label="done: {width} %">'
        f'<div style="width:{width}%"></div></div>'
    )


def _both(row: dict[str, Any]) -> bool:
    return not formats.absent(row["started_at"]) and not formats.absent(row["finished_at"])


def stages(job: Job, *, as_of: pd.Timestamp, zone: ZoneInfo) -> Told:
    """The stages as Antenna tells them."""
    head = section("Stages", "Antenna", job.job.get("observed_at"), as_of, zone)
    if job.stages.empty:
        return Told(f'{head}<p class="note">Antenna has told no stages of this job.</p></div>')
    put = Places()
    cells = []
    for stage in job.stages.to_dict("records"):
        state = formats.state_of(stage["status"])
        name = STAGES.get(stage["stage"], escape(stage["stage"]))
        cells.append(
            f'<span>{name}</span><span class="state {state.tone}">'
            f'<i class="mark">{state.mark}</i>{escape(state.word)}</span>'
            f'<span class="detail">{put(_stage_detail(stage))}</span>'
        )
    return put.told(f'{head}<div class="stages">{"".join(cells)}</div></div>')


def _stage_detail(stage: Mapping[Any, Any]) -> str:
    done, left, total = stage["processed"], stage["remaining"], stage["total"]
    if formats.absent(done):
        whole = "" if formats.absent(total) else f" of {count(total)}"
        told = [ratio(stage["progress_ratio"]) + whole]
    elif formats.absent(total):
        told = [f"{count(done)} done", f"{count(left)} to go"]
    else:
        told = [f"{count(done)} of {count(total)}"]
    for column in ("failed", "captures", "detections", "classifications"):
        if not formats.absent(stage[column]):
            told.append(f"{count(stage[column])} {column}")
    return " · ".join(told)


def queue(job: Job, *, as_of: pd.Timestamp, zone: ZoneInfo) -> Told:
    """The job's stream and consumer as last read, with the configuration that is in force."""
    last = job.consumer
    head = section("Queue", "NATS", last.get("observed_at"), as_of, zone)
    if not last:
        return Told(f'{head}<p class="note">The broker has not told of this job.</p></div>')
    pairs = [
        ("messages in the stream", count(last["messages"])),
        ("workers waiting for work", count(last["num_waiting"])),
        ("last delivery", clock(last["delivered_last_active"], zone, as_of=as_of)),
        ("last acknowledgement", clock(last["ack_floor_last_active"], zone, as_of=as_of)),
    ]
    note = ""
    if _denied(last["stream_exists"]) or _denied(last["consumer_exists"]):
        what = "stream" if _denied(last["stream_exists"]) else "consumer"
        note = f'<p class="note">Its {what} is gone: Antenna deletes it when a job ends.</p>'
        pairs = []
    pairs += [
        ("ack wait", duration(job.config.get("ack_wait_s"))),
        ("most deliveries", _limit(job.config.get("max_deliver"))),
        ("most in flight", _limit(job.config.get("max_ack_pending"))),
    ]
    put = Places()
    return put.told(f"{head}{note}{rows_of(pairs, put)}</div>")


def counters(job: Job, *, as_of: pd.Timestamp, zone: ZoneInfo) -> Told:
    """The image counters in Redis as last read."""
    last = job.counters
    head = section("Counters", "Redis", last.get("observed_at"), as_of, zone)
    if not last:
        return Told(f'{head}<p class="note">Redis has not told of this job.</p></div>')
    if formats.absent(last["total"]):
        gone = "Its counters are gone: Antenna deletes them when a job ends."
        return Told(f'{head}<p class="note">{gone}</p></div>')
    pairs = [
        ("images in all", count(last["total"])),
        ("not yet processed", count(last["pending_process"])),
        ("not yet saved", count(last["pending_results"])),
        ("failed", count(last["failed"])),
    ]
    put = Places()
    return put.told(f"{head}{rows_of(pairs, put)}</div>")


def _denied(flag: Any) -> bool:
    return not formats.absent(flag) and not flag


def _limit(value: Any) -> str:
    return "no limit" if not formats.absent(value) and value < 0 else count(value)
