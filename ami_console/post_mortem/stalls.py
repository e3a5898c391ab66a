"""What held a job up, as single images and log lines tell it: no worker, no saving, no Antenna."""

from typing import Any

import numpy as np
import pandas as pd

from ami_console.diagnosis import Evidence
from ami_console.metrics.arrays import seconds
from ami_console.metrics.fetching import QUIET_S
from ami_console.post_mortem.cause import COST_TIME, ENDED_IT, Cause, Suspect
from ami_console.post_mortem.instants import absent, clock, images, seconds_between, span
from ami_console.post_mortem.known import Known

STANDS_S = 15.0
"""Saving stands still for so long while results come in: as long as the check needs to speak."""

POSTS = 3
"""Posts of so many different seconds meanwhile: batches, not the rest of one."""

LINE_S = 60.0
"""A result waited so long to be saved."""

AWAY_S = 5.0
"""A worker could not post for so long."""


def no_worker(known: Known, troubled: pd.DataFrame) -> Suspect | None:
    """Nobody fetched: never, not for a long time at the beginning, or not any more."""
    spoken = known.shown("no_worker")
    spoken = spoken[spoken["severity"] == "critical"]
    queued_at, fetched_at = _queued_at(known), _first_fetched_at(known)
    never = _never_fetched(known)
    since, until = (
        (spoken["since"].iloc[0], spoken["ended_at"].iloc[0]) if len(spoken) else (pd.NaT, pd.NaT)
    )
    if never:
        since = queued_at if absent(since) else since
        until = known.ended_at
        waited_s = seconds_between(since, known.as_of)
        if spoken.empty and not known.is_over and (waited_s is None or waited_s <= QUIET_S):
            return None  # it has only just begun
    elif spoken.empty:
        since, until = queued_at, fetched_at
        waited_s = seconds_between(since, until)
        if waited_s is None or waited_s <= QUIET_S:
            return None
    day = known.begun_at
    waited_s = seconds_between(since, until)
    many = images(known.total) if never else "images"
    if never:
        end = f"until the job ended ({known.status}) at" if known.is_over else "at least until"
        at = until if known.is_over else known.as_of
        sentence = (
            f"No worker ever fetched an image: {many} waited from {clock(since, day=day)} {end} "
            f"{clock(at, day=day)}."
        )
    else:
        to = "and they still wait" if absent(until) else f"to {clock(until, day=day)}"
        sentence = (
            f"From {clock(since, day=day)} {to} images were queued and no worker fetched any "
            f"({span(waited_s)})."
        )
    marked = known.lines("health_check")
    bad = known.is_over and not known.ended_well and (never or absent(until))
    by = "nats" if len(spoken) else known.tells
    values = {"waited_s": waited_s, "total": known.total, "queued_at": queued_at,
              "first_fetched_at": fetched_at, "failed": known.failed}  # fmt: skip
    return Suspect(
        ENDED_IT if bad else COST_TIME,
        Cause(
            code="no_worker",
            title="No worker fetched the images",
            sentence=sentence,
            why="The images were in the broker and none was handed out; a worker that runs asks "
            "every few seconds."
            + (
                f" The health check then marked {images(marked['failed'].max())} as failed."
                if len(marked)
                else ""
            ),
            next_step="Start a worker that serves the job's pipeline (`ami worker` on the GPU "
            "machine), see that it reaches Antenna, and run the job again.",
            evidence=tuple(Evidence(name=n, value=v, source=by) for n, v in values.items()),
            images=troubled[(troubled["outcome"] == "failed").fillna(False)].reset_index(drop=True)
            if never
            else troubled.iloc[:0],
            since=None if absent(since) else since,
            until=None if absent(until) else until,
        ),
        ("why there was none: the worker's own output would tell",),
        waited_s or 0.0,
    )


def _queued_at(known: Known) -> Any:
    told = known.lines("queued")["logged_at"]
    stored = known.tasks["stored_at"].dropna()
    made = known.held["consumers"]["stream_created_at"].dropna()
    return next((each.iloc[0] for each in (told, made, stored) if len(each)), pd.NaT)


def _first_fetched_at(known: Known) -> Any:
    lines = known.lines("fetched", "reserved")
    lines = lines[(lines["delivered"] > 0).fillna(False)]
    return lines["logged_at"].iloc[0] if len(lines) and known.log_is_whole else pd.NaT


def _never_fetched(known: Known) -> bool:
    """Whether the broker, or the log, says that nothing was ever handed out."""
    looks = known.held["consumers"]["delivered_consumer_seq"].dropna()
    told = known.lines("finalizing", "consumer_state")["delivered"].dropna()
    counts = [*looks.tail(1), *told.tail(1)]
    if not counts or max(counts) > 0 or len(known.tasks):
        return False
    return _queued_at(known) is not pd.NaT


def results_backlog(known: Known, troubled: pd.DataFrame) -> Suspect | None:
    """Results came in and were not saved."""
    spoken = known.shown("results_backlog")
    stood = _standstill(known.tasks)
    save_s = known.tasks["save_time_s"].max()
    waits = not pd.isna(save_s) and save_s >= LINE_S
    if spoken.empty and stood is None and not waits:
        return None
    if stood is None:
        stood = _longest_pause(known.tasks)
    since, until = stood if stood else (pd.NaT, pd.NaT)
    if len(spoken):
        since, until = spoken["since"].iloc[0], spoken["ended_at"].iloc[-1]
    elif waits:
        slow = known.tasks[(known.tasks["save_time_s"] >= LINE_S / 2).fillna(False)]
        since, until = min(since, slow["posted_at"].min()), slow["acked_at"].max()
    day, still_s = known.begun_at, seconds_between(*stood) if stood else None
    stands = still_s is not None and still_s >= STANDS_S
    still = f", and nothing was saved for {span(still_s)}" if stands else ""
    waiting = _most_waiting(known)
    fate = "; all were saved in the end" if known.ended_well else ""
    when = f"From {clock(since, day=day)} to {clock(until, day=day)}"
    when = f"Since {clock(since, day=day)}" if absent(until) else when
    values = {"saving_stood_still_s": still_s, "most_waiting": waiting, "longest_save_s": save_s,
              "ack_wait_s": known.config["ack_wait_s"]}  # fmt: skip
    return Suspect(
        COST_TIME if known.ended_well or not known.is_over else ENDED_IT,
        Cause(
            code="results_backlog",
            title="Results came in faster than they were saved",
            sentence=f"{when} results came in and were not saved at that "
            f"pace: up to {images(waiting)} waited{still}{fate}.",
            why="Workers went on fetching, so they posted what they had, and it was not "
            "acknowledged: the acknowledgement is the last step of saving.",
            next_step="See what Celery did then: its log, its workers' memory, and the queue "
            "ml_results. More Celery workers save faster; what waits longer than ack wait is "
            "done twice.",
            evidence=tuple(
                Evidence(name=n, value=v, source="nats" if len(spoken) else known.tells)
                for n, v in values.items()
            ),
            since=None if absent(since) else since,
            until=None if absent(until) else until,
        ),
        ("why Celery did not save: its own log, and the machine's, would tell",),
        still_s or 0.0,
    )


def _standstill(tasks: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """From the last save before it to the first after it, if results came in meanwhile."""
    found = _longest_pause(tasks)
    if found is None or (found[1] - found[0]).total_seconds() < STANDS_S:
        return None
    posted = tasks["posted_at"].dropna()
    meanwhile = posted[(posted > found[0]) & (posted < found[1])]
    return found if meanwhile.dt.floor("s").nunique() >= POSTS else None


def _longest_pause(tasks: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    acked = tasks["acked_at"].dropna().sort_values(ignore_index=True)
    if len(acked) < 2:
        return None
    at = int(acked.diff().dt.total_seconds().iloc[1:].to_numpy().argmax())
    return acked.iloc[at], acked.iloc[at + 1]


def _most_waiting(known: Known) -> int | None:
    """The most results that were posted and not yet saved; without logs, images in flight."""
    both = known.tasks.dropna(subset=["posted_at", "acked_at"])
    if len(both):
        posted, acked = (np.sort(seconds(both, name)) for name in ("posted_at", "acked_at"))
        waiting = np.arange(1, len(posted) + 1) - np.searchsorted(acked, posted, side="right")
        return int(waiting.max())
    in_flight = known.held["consumers"]["num_ack_pending"].max()
    return None if pd.isna(in_flight) else int(in_flight)


def source_down(known: Known, troubled: pd.DataFrame) -> Suspect | None:
    """Antenna did not answer: by our own reads, or by a worker that could not post."""
    spoken = known.shown("source_down")
    spoken = spoken[spoken["subject"].isin(("antenna", "nats", "redis"))]
    if known.begun_at is not None:
        spoken = spoken[~(spoken["ended_at"] < known.begun_at)]
    if known.ended_at is not None:
        spoken = spoken[~(spoken["since"] > known.ended_at)]
    if len(spoken):
        lasted = (spoken["ended_at"].fillna(known.as_of) - spoken["since"]).dt.total_seconds()
        row = spoken.loc[lasted.idxmax()]
        source, since, until = str(row["subject"]), row["since"], row["ended_at"]
        by, error = source, _error_of(known, source)
    else:
        tries = _failed_posts(known)
        if tries is None:
            return None
        since, until, error = tries
        source, by = "antenna", "log_files"
    name = {"antenna": "Antenna", "nats": "NATS", "redis": "Redis"}[source]
    day, away_s = known.begun_at, seconds_between(since, until)
    lost = "; nothing was lost" if known.ended_well else ""
    again = known.numbers["redeliveries"]
    twice = ", and no image was handed out twice" if again == 0 else ""
    to = "and still does not" if absent(until) else f"to {clock(until, day=day)}"
    return Suspect(
        COST_TIME if known.ended_well or not known.is_over else ENDED_IT,
        Cause(
            code="source_down",
            title=f"{name} did not answer",
            sentence=f"{name} did not answer from {clock(since, day=day)} {to} "
            f"({span(away_s)}){lost}{twice}.",
            why=(f"Reads of it failed: {error}" if len(spoken) else
                 f"A worker could not post its results: {error}"),
            next_step=f"See why {name} was away then: its own log, a restart, a deploy, the "
            "network. Workers post what they hold when it is back, if that is within ack wait.",
            evidence=(
                Evidence(name="away_s", value=away_s, source=by),
                Evidence(name="since", value=since, source=by),
                Evidence(name="error", value=error, source=by),
                Evidence(name="redeliveries", value=again, source=known.tells),
            ),
            since=None if absent(since) else since,
            until=None if absent(until) else until,
        ),
        ("whether it was down or only out of reach from where it was asked",),
        away_s or 0.0,
    )  # fmt: skip


def _error_of(known: Known, source: str) -> str:
    reads = known.held["reads"]
    told = reads[(reads["source"] == source).fillna(False) & ~reads["ok"].fillna(True)]["error"]
    told = told.dropna()
    return str(told.iloc[-1])[:160] if len(told) else "no reason was given"


def _failed_posts(known: Known) -> tuple[Any, Any, str] | None:
    """From the first failed post of the longest stretch of them to the next that went well."""
    lines = known.lines("worker_failed", "worker_posted")
    is_failed = (lines["kind"] == "worker_failed").to_numpy(dtype=bool)
    if is_failed.sum() < 2:
        return None
    stretch = np.cumsum(~is_failed)
    failures = lines[is_failed].groupby(stretch[is_failed])["logged_at"].agg(["min", "max"])
    number = (failures["max"] - failures["min"]).idxmax()
    begin, end = failures.loc[number]
    if (end - begin).total_seconds() < AWAY_S:
        return None
    good = lines.loc[~is_failed, "logged_at"]
    good = good[good > end]
    said = lines.loc[lines["logged_at"] == begin, "message"].iloc[0]
    return begin, good.iloc[0] if len(good) else pd.NaT, str(said).partition("\n")[0][:160]
