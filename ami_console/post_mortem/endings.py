"""How a job came to a bad end: cancelled, reaped, images given up or failed."""

from typing import Any

import pandas as pd

from ami_console.diagnosis import Evidence
from ami_console.metrics import given_up
from ami_console.metrics.redelivery import SIGNATURES
from ami_console.post_mortem.cause import COST_TIME, ENDED_IT, Cause, Suspect
from ami_console.post_mortem.instants import clock, images, span, were
from ami_console.post_mortem.known import Known


def revoked(known: Known, troubled: pd.DataFrame) -> Suspect | None:
    """A job that ended as REVOKED: by somebody, or by the health check."""
    if known.status != "REVOKED":
        return None
    reaped = known.lines("reaped")
    idle_s = _idle_s(known)
    if len(reaped):
        return _reaped(known, reaped.iloc[-1])
    thrown = troubled[(troubled["outcome"] == "discarded").fillna(False)]
    total, day = known.total, known.begun_at
    pending, in_flight = _at_the_end(known)
    saved = None if total is None or pending is None else total - pending - (in_flight or 0)
    surely = idle_s is not None and idle_s < known.rules.health_check_idle_s
    of = "" if saved is None else f", with {saved:,} of its {images(total)} saved"
    lost = (
        f" {images(in_flight)} {were(in_flight)} with workers then; what came back of them was "
        "thrown away."
        if in_flight
        else ""
    )
    return Suspect(
        ENDED_IT,
        Cause(
            code="cancelled",
            title="The job was cancelled",
            sentence=f"The job was cancelled at {clock(known.ended_at, day=day)}{of}."
            f"{lost}",
            why="Its status is REVOKED. "
            + (
                f"The health check does that only to jobs that stood still for "
                f"{span(known.rules.health_check_idle_s)}, and this one had moved "
                f"{span(idle_s)} before."
                if surely
                else "No line says that the health check ended it."
            ),
            next_step="If it was a mistake, run the job again: images that are done already are "
            "left out. Workers may be stopped before a cancel, so that no work is thrown away.",
            evidence=_numbers(known, status=known.status, ended_at=known.ended_at, idle_s=idle_s,
                              saved=saved, total=total, in_flight=in_flight, pending=pending),
            images=thrown.reset_index(drop=True),
            since=known.ended_at,
            until=known.ended_at,
        ),
        (
            "who cancelled it: Antenna keeps no record of that",
            *(() if surely or len(known.held["log_events"]) else (
                "whether it was cancelled or ended by the health check: the job's log would tell",
            )),
        ),
    )  # fmt: skip


def _reaped(known: Known, line: "pd.Series[Any]") -> Suspect:
    stood = span(line["duration_s"])
    return Suspect(
        ENDED_IT,
        Cause(
            code="reaped",
            title="The health check ended a job that stood still",
            sentence=f"The health check ended the job at "
            f"{clock(line['logged_at'], day=known.begun_at)}: it had not moved for {stood}.",
            why="Its log says so.",
            next_step="See what stood still: a worker, Celery or the broker; then run it again.",
            evidence=_numbers(known, stood_still_s=line["duration_s"], processed=known.processed),
            since=line["logged_at"],
            until=known.ended_at,
        ),
    )


def _at_the_end(known: Known) -> tuple[int | None, int | None]:
    """Images that were pending, and in flight, when the consumer was last seen."""
    rows = [
        frame.dropna(subset=["num_pending", "num_ack_pending"]).tail(1)
        for frame in (known.lines("finalizing"), known.held["consumers"])
    ]
    for row in rows:
        if len(row):
            return int(row["num_pending"].iloc[0]), int(row["num_ack_pending"].iloc[0])
    return None, None


def _idle_s(known: Known) -> float | None:
    """From the last sign of life to the end, seconds."""
    if known.ended_at is None:
        return None
    before = known.ended_at
    signs = [
        known.tasks["acked_at"],
        known.tasks["posted_at"],
        known.lines("fetched", "posted", "acked")["logged_at"],
        known.held["consumers"]["delivered_last_active"],
        known.held["consumers"]["ack_floor_last_active"],
    ]
    last = [sign[sign <= before].max() for sign in signs if (sign <= before).any()]
    return None if not last else float((before - max(last)).total_seconds())


def lost_at_max_deliver(known: Known, troubled: pd.DataFrame) -> Suspect | None:
    """Images that were handed out as often as allowed, and never came back."""
    held = known.held
    rows = given_up(
        held["consumers"],
        as_of=known.as_of,
        counters=held["counters"],
        advisories=held["advisories"],
        log_events=held["log_events"],
        tasks=known.tasks,
    ).to_dict("records")
    spoken = known.shown("lost_at_max_deliver")
    told = rows[0] if rows else None
    if known.status == "SUCCESS" and known.processed == known.total and not known.failed:
        return None
    if told is not None and told["signature"] == "marked_failed" and not _was_at_rest(known):
        told = None
    if (told is None or not told["tasks_low"]) and spoken.empty:
        return None
    low = int(told["tasks_low"]) if told else None
    mine = troubled[(troubled["outcome"].isin(("given_up", "failed"))).fillna(False)]
    limit = known.config["max_deliver"]
    often = "as often as max_deliver allows" if limit is None else f"{limit:.0f} times"
    since = spoken["since"].iloc[0] if len(spoken) else None
    marked = known.lines("health_check")
    then = (
        f" At {clock(marked['logged_at'].iloc[0], day=known.begun_at)} the health check marked "
        f"{images(marked['failed'].max())} as failed."
        if len(marked)
        else ""
    )
    which = () if len(mine) else ("which images: advisories of the broker, or the health check's "
                                  "line in the log, name them",)  # fmt: skip
    return Suspect(
        ENDED_IT,
        Cause(
            code="lost_at_max_deliver",
            title=f"{images(low)} {were(low or 2)} given up by the broker",
            sentence=f"{images(low)} {were(low or 2)} handed out {often} and never came back, so "
            f"that the broker gave {'it' if low == 1 else 'them'} up.{then}",
            why="No worker will get them again: "
            + (SIGNATURES[told["signature"]] if told else "the verdict of that time says so")
            + ".",
            next_step=f"{_run_again(known)}: it takes up the images that have no result. If it is "
            "the same images each time, look at them: a worker that can't read an image may "
            "return nothing.",
            evidence=_numbers(known, given_up=low, max_deliver=limit, failed=known.failed,
                              ack_wait_s=known.config["ack_wait_s"],
                              stream_seqs=None if told is None else told["stream_seqs"]),
            images=mine.reset_index(drop=True),
            since=None if since is None or pd.isna(since) else since,
            until=known.ended_at,
        ),
        which,
    )  # fmt: skip


def _run_again(known: Known) -> str:
    """Not while it still has its stream: everything would be published twice."""
    if known.is_over:
        return "Run the job again"
    return "When the health check has closed the job, run it again"


def _was_at_rest(known: Known) -> bool:
    """Whether the health check found nothing to hand out any more, though images were missing."""
    line = known.lines("health_check").dropna(subset=["num_pending", "num_ack_pending"])
    if line.empty:
        return False
    last = line.iloc[-1]
    return int(last["num_pending"]) == 0 and int(last["num_ack_pending"]) == 0


def failed(known: Known, troubled: pd.DataFrame) -> Suspect | None:
    """Images that failed, where nothing else says why."""
    count = known.failed
    if not count:
        return None
    mine = troubled[(troubled["outcome"] == "failed").fillna(False)]
    errors = known.lines("result_error")
    said = (
        f" The last error: “{str(errors['message'].iloc[-1]).partition(chr(10))[0][:200]}”."
        if len(errors)
        else ""
    )
    total = known.total
    of = "" if total is None else f" of {total:,}"
    end = f", and the job ended as {known.status}" if known.is_over else " so far"
    is_most = known.status == "FAILURE" or len(known.shown("mostly_failing")) > 0
    code = "mostly_failing" if is_most else "lost_images"
    return Suspect(
        ENDED_IT if known.is_over else COST_TIME,
        Cause(
            code=code,
            title=f"{images(count)} failed",
            sentence=f"{count:,}{of} images failed{end}.{said}",
            why="Antenna counts them as failed"
            + ("; a job with more than half of them is a FAILURE." if is_most else
               "; up to half of them a job is SUCCESS on paper."),
            next_step="See the errors of these images in the job's log; run the job again when "
            "their cause is gone.",
            evidence=_numbers(known, failed=count, total=total, processed=known.processed,
                              errors_logged=len(errors)),
            images=mine.reset_index(drop=True),
            until=known.ended_at,
        ),
        () if len(mine) else ("which images failed: the job's log would name them",),
    )  # fmt: skip


def _numbers(known: Known, **values: Any) -> tuple[Evidence, ...]:
    by = "antenna" if len(known.held["jobs"]) else known.tells
    return tuple(Evidence(name=name, value=value, source=by) for name, value in values.items())
