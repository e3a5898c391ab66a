"""Images that were handed out again, and not because a worker was lost: or that can't be told."""

import pandas as pd

from ami_console.diagnosis import Evidence
from ami_console.post_mortem.cause import COST_TIME, WORTH_KNOWING, Cause, Suspect
from ami_console.post_mortem.images import no_images
from ami_console.post_mortem.instants import clock, images, span, were
from ami_console.post_mortem.known import Known

FEW_RATIO = 0.01
"""Below this share of a job's images nobody has to act, as in the check ``redelivering``."""


def _few(known: Known, count: int) -> int:
    total = known.total
    return WORTH_KNOWING if total and count < FEW_RATIO * total else COST_TIME


def too_slow(known: Known, mine: pd.DataFrame) -> Suspect:
    """Results of more than one delivery came back: batches outlive ack wait."""
    count, ack_wait_s = len(mine), known.config["ack_wait_s"]
    wait = "ack wait" if ack_wait_s is None else f"the ack wait of {span(ack_wait_s)}"
    first, last = mine["first_delivered_at"].min(), mine["last_delivered_at"].max()
    twice = int((mine["outcome"] == "repeated").sum())
    return Suspect(
        _few(known, count),
        Cause(
            code="redelivering",
            title=f"{images(count)} took longer than ack wait",
            sentence=f"{images(count)} {were(count)} not returned within {wait} and {were(count)} "
            f"handed out again, while their first worker still worked on them; {twice:,} "
            f"{were(twice)} done more than once.",
            why="Of these, results of more than one delivery came back: no worker was lost, the "
            "batches took too long.",
            next_step="Make batches smaller, or raise ack wait (Antenna's NATS_TASK_TTR) above the "
            "time of the slowest batch.",
            evidence=(
                Evidence(name="redelivered_images", value=count, source=known.tells),
                Evidence(name="done_more_than_once", value=twice, source=known.tells),
                Evidence(name="ack_wait_s", value=ack_wait_s, source="nats"),
            ),
            images=mine.reset_index(drop=True),
            since=None if pd.isna(first) else first,
            until=None if pd.isna(last) else last,
        ),
    )


def unclear(known: Known, mine: pd.DataFrame, because: str) -> Suspect:
    """It is known which images, and not why."""
    count = len(mine)
    cause = _again(known, count, mine.reset_index(drop=True), because)
    return Suspect(
        _few(known, count),
        cause,
        ("whether a worker was lost or batches took longer than ack wait",),
    )


def counted_only(known: Known, count: int) -> Suspect:
    """It is known how many, and nothing else."""
    cause = _again(known, count, no_images(), "only the broker's counters tell of them")
    return Suspect(
        _few(known, count),
        cause,
        (
            "which images were handed out again: the tap or a log would tell",
            "whether a worker was lost or batches took longer than ack wait: to the broker "
            "both look alike",
        ),
    )


def _again(known: Known, count: int, mine: pd.DataFrame, because: str) -> Cause:
    seen = known.happenings[known.happenings["kind"] == "redelivery"]
    at = mine["last_delivered_at"].min() if len(mine) else pd.NaT
    at = seen["at"].min() if pd.isna(at) and len(seen) else at
    when = "" if pd.isna(at) else f" from {clock(at, day=known.begun_at)}"
    ack_wait_s = known.config["ack_wait_s"]
    wait = "" if ack_wait_s is None else f" of {span(ack_wait_s)}"
    return Cause(
        code="redelivering",
        title=f"{images(count)} {were(count)} handed out again",
        sentence=f"{images(count)} {were(count)} not acknowledged within the ack wait{wait} and "
        f"{were(count)} handed out again{when}.",
        why=f"A worker was lost, or batches took longer than ack wait; {because}.",
        next_step="See in the output of the workers whether one ended. If none did, make batches "
        "smaller or ack wait longer.",
        evidence=(
            Evidence(name="redelivered_images", value=count, source=known.tells),
            Evidence(name="ack_wait_s", value=ack_wait_s, source="nats"),
        ),
        images=mine,
        since=None if pd.isna(at) else at,
    )
