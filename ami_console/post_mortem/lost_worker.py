"""Images that were handed out again: by a worker that was lost, or by one that was too slow."""

from typing import Any

import numpy as np
import pandas as pd

from ami_console.diagnosis import Evidence
from ami_console.metrics.arrays import Flags, Floats, floats
from ami_console.metrics.workers import workers
from ami_console.post_mortem.again import counted_only, too_slow, unclear
from ami_console.post_mortem.cause import COST_TIME, Cause, Suspect
from ami_console.post_mortem.images import named_among
from ami_console.post_mortem.instants import clock, images, seconds_between, sequences, span, were
from ami_console.post_mortem.known import Known

TOGETHER = 0.5
"""A lost worker's images lie together in the stream: in runs of more than this share of a batch."""

USUAL_BATCH = 4.0
"""Where neither a log nor a look tells how many images a fetch takes."""


def handed_out_again(known: Known, troubled: pd.DataFrame) -> Suspect | None:
    """The suspect that redelivered images speak for; ``None``: there are none.

    An image that comes back after ack wait was either never returned, or returned too late. Which
    of both is told by the attempts of which something came back: if none but the last did, and
    whole batches are missing, a worker took them and was lost.
    """
    mine = troubled[(troubled["deliveries"] > 1).fillna(False)]
    count = int(known.numbers["redeliveries"] or 0)
    if mine.empty:
        return counted_only(known, count) if count and not len(known.shown("starved")) else None
    if not known.sees_single_images:
        return unclear(known, mine, "not all that was acknowledged was seen")
    unreturned = mine[_never_returned(known, mine)]
    gone = unreturned[_in_whole_batches(known, floats(unreturned, "stream_seq"))]
    if len(gone) > len(mine) - len(unreturned) and len(gone) * 2 >= len(unreturned):
        return _worker_lost(known, gone)
    if len(known.shown("starved")):
        return None
    if len(unreturned) * 2 > len(mine):
        return unclear(known, mine, "they were single images of batches whose others came back")
    return too_slow(known, mine)


def _never_returned(known: Known, mine: pd.DataFrame) -> Flags:
    """Whether nothing but the last attempt of each was ever seen, and none was handed back."""
    seen = known.attempts
    earlier = np.unique(seen.stream_seq[seen.delivery < _highest(known, seen.stream_seq)])
    acks = known.held["acks"]
    handed_back = acks.loc[acks["kind"].isin(("-NAK", "+TERM")), "stream_seq"].dropna()
    came_back = np.union1d(earlier, handed_back.to_numpy(dtype="float64"))
    return np.asarray(~np.isin(floats(mine, "stream_seq"), came_back))


def _highest(known: Known, stream_seq: Any) -> Floats:
    """The highest attempt seen of each message."""
    highest = pd.Series(floats(known.tasks, "max_delivery"), index=known.tasks["stream_seq"])
    return highest.groupby(level=0).max().reindex(stream_seq).to_numpy(dtype="float64")


def _in_whole_batches(known: Known, numbers: Floats) -> Flags:
    """Whether each of some sorted sequences stands in a run longer than half a batch."""
    if not len(numbers):
        return np.zeros(0, dtype=bool)
    run = np.cumsum(np.diff(numbers, prepend=numbers[0]) > 1)
    lengths = np.bincount(run)[run]
    return np.asarray(lengths > TOGETHER * _batch(known))


def _batch(known: Known) -> float:
    """How many images one fetch brings, usually."""
    fetched = known.lines("fetched", "reserved", "worker_fetched")["delivered"].dropna()
    fetched = fetched[fetched > 0]
    if len(fetched):
        return float(fetched.median())
    steps = known.held["consumers"]["delivered_consumer_seq"].dropna().astype("float64").diff()
    steps = steps[steps > 0]
    return float(steps.median()) if len(steps) else USUAL_BATCH


def _worker_lost(known: Known, gone: pd.DataFrame) -> Suspect:
    count, day = len(gone), known.begun_at
    taken = gone["first_delivered_at"].dropna().sort_values()
    losses = 1 + int((taken.diff().dt.total_seconds() > 2.0).sum())
    taken_at = taken.iloc[0] if len(taken) else pd.NaT
    back_at = gone["last_delivered_at"].min()
    done = int(gone["outcome"].isin(("done", "repeated")).sum())
    ack_wait_s = known.config["ack_wait_s"]
    wait = "ack wait" if ack_wait_s is None else f"the ack wait of {span(ack_wait_s)}"
    attempts = int(gone["deliveries"].max())
    which = sequences([int(each) for each in gone["stream_seq"]])
    rest = count - done
    fate = f"all {count:,} were done" if not rest else f"{done:,} of them {were(done)} done"
    if count == 1:
        fate = "it was done" if done else "it was not done"
    fate += "" if known.is_over or not rest else " so far"
    # While it runs, those of which nothing has come back yet are not seen.
    at_least = "" if known.is_over else "at least "
    they, them = ("it", "it") if count == 1 else ("they", "them")
    messages = f"message{'' if count == 1 else 's'} {which} of the stream"
    took = f"At {clock(taken_at, day=day)} a worker took {at_least}{images(count)} ({messages})"
    again = f" at {clock(back_at, day=day)} (delivery {attempts})"
    if losses > 1 or attempts > 2:
        again = f" from {clock(back_at, day=day)} on (up to delivery {attempts})"
    if losses > 1:
        between = f"Between {clock(taken_at, day=day)} and {clock(taken.iloc[-1], day=day)}"
        took = f"{between} workers took {at_least}{images(count)} in {losses} batches ({messages})"
    return Suspect(
        COST_TIME,
        Cause(
            code="worker_lost",
            title=f"{'A worker was' if losses == 1 else 'Workers were'} lost with {images(count)} "
            "reserved",
            sentence=f"{took} and never returned {them}. After {wait} {they} came back and "
            f"{were(count)} handed out again{again}, and {fate}.",
            why=_why(known, count),
            next_step=_next_step(known, taken_at, rest),
            evidence=_evidence(known, gone, taken_at, back_at, done),
            images=gone.reset_index(drop=True),
            since=None if pd.isna(taken_at) else taken_at,
            until=None if pd.isna(gone["acked_at"].max()) else gone["acked_at"].max(),
        ),
        _not_known(known, gone),
        _longer_by_s(known, gone) or 0.0,
    )


def _why(known: Known, count: int) -> str:
    crash = known.lines("worker_crashed")
    own = ""
    if len(crash):
        at = clock(crash["logged_at"].iloc[0], day=known.begun_at)
        own = f" The worker's own output says it at {at}: “{crash['message'].iloc[0]}”."
    return (
        f"Nothing ever came back of the first delivery of these {images(count)}, and they are "
        f"whole batches: no result, no acknowledgement. Had the worker only been slow, its results "
        f"would have come later.{own}"
    )


def _next_step(known: Known, taken_at: Any, rest: int) -> str:
    slowest = known.tasks.loc[(known.tasks["delivery"] == 1).fillna(False), "in_flight_s"].max()
    again = "No image has to be done again"
    if rest:
        again = f"Run the job again for the {images(rest)} that did not come back"
    if rest and not known.is_over:
        again = f"Nothing yet: the other {images(rest)} are out again"
    shorter = (
        " It must stay longer than the slowest batch, which was in flight for "
        f"{span(slowest)} here."
        if not pd.isna(slowest)
        else ""
    )
    return (
        f"{again}. See in the output of the workers, and of their machines, what "
        f"ended one of them about {clock(taken_at, day=known.begun_at)}. What a lost worker held "
        "comes back after ack wait only: a shorter one (Antenna's NATS_TASK_TTR) or smaller "
        f"batches would have cost less.{shorter}"
    )


def _evidence(
    known: Known, gone: pd.DataFrame, taken_at: Any, back_at: Any, done: int
) -> tuple[Evidence, ...]:
    by = known.tells
    ids = gone["image_id"].dropna()
    config_by = "nats" if len(known.held["consumers"]) else by
    values: dict[str, Any] = {
        "images_reserved": len(gone),
        "stream_seqs": sequences([int(each) for each in gone["stream_seq"]]),
        "image_ids": ", ".join(ids) if len(ids) else None,
        "reserved_at": taken_at,
        "handed_out_again_at": back_at,
        "waited_s": seconds_between(taken_at, back_at),
        "max_delivery": int(gone["deliveries"].max()),
        "done": done,
        "job_longer_by_s": _longer_by_s(known, gone),
    }
    told = [Evidence(name=name, value=value, source=by) for name, value in values.items()]
    told.append(Evidence(name="ack_wait_s", value=known.config["ack_wait_s"], source=config_by))
    return (*told, *_by_workers(known))


def _by_workers(known: Known) -> list[Evidence]:
    """What the logs tell of who fetched."""
    events = known.held["log_events"]
    if events.empty:
        return []
    clients = workers(events)
    named = clients[clients["client"].notna()]
    source = "job_logs" if "job log" in known.told_by else "log_files"
    told = [
        Evidence(name="client", value=", ".join(named["client"].unique()) or None, source=source)
    ]
    if len(named):
        row = named.iloc[0]
        told += [
            Evidence(name=name, value=row[name], source=source)
            for name in ("fetches", "tasks_fetched", "results_posted", "unposted")
        ]
    crash = known.lines("worker_crashed")
    if len(crash):
        at = crash["logged_at"].iloc[0]
        told.append(Evidence(name="worker_says_it_died_at", value=at, source="log_files"))
    return told


def _longer_by_s(known: Known, gone: pd.DataFrame) -> float | None:
    """How long after the last of all others the last of these was saved: at most that it cost."""
    others = known.tasks[~known.tasks["stream_seq"].isin(gone["stream_seq"])]
    longer_s = seconds_between(others["acked_at"].max(), gone["acked_at"].max())
    return None if longer_s is None else max(0.0, longer_s)


def _not_known(known: Known, gone: pd.DataFrame) -> tuple[str, ...]:
    told = []
    if not len(known.lines("worker_crashed")):
        told.append(
            "whether the worker died, was stopped, or lost its network: its own output would tell"
        )
    if known.config["ack_wait_s"] is None:
        told.append("how long ack wait was: no look at the broker, and the log does not say")
    unnamed = gone[gone["image_id"].isna()]
    if len(unnamed):
        which = sequences([int(each) for each in unnamed["stream_seq"]])
        named = named_among(known.held["log_events"], {int(each) for each in gone["stream_seq"]})
        named = [each for each in named if each not in set(gone["image_id"].dropna())]
        some = f"; the job's log only says that {', '.join(named)} are among them" if named else ""
        one = len(unnamed) == 1
        subject = f"image message {which} was" if one else f"images messages {which} were"
        told.append(f"which {subject}: Celery's log would name those with detections{some}")
    if known.lines("fetched", "worker_fetched").empty:
        told.append("who fetched them: Antenna's log names the user of each fetch")
    return tuple(told)
