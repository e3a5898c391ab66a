"""A job that moves, but clearly slower than its own past or its pipeline's."""

import numpy as np
import pandas as pd

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import called, workers
from ami_console.diagnosis.dwell import run_starts
from ami_console.diagnosis.finding import Evidence
from ami_console.diagnosis.sheet import Sheet
from ami_console.diagnosis.truth import Truth, above, all_of, below, no
from ami_console.metrics.arrays import Flags, Floats

WINDOW_S = 120.0
PAST_S = 240.0
CLEARLY = 0.4
STEPS = 8
OTHERS = 2
OTHERS_IMAGES = 50
OTHERS_MOST = 50
DWELL_S = 60.0
SHORT_S = 30.0
NEARLY = 0.7


def pace(sheet: Sheet) -> Floats:
    """Images settled per minute over the window; NaN before the job is that old."""
    return (sheet.settled - sheet.before(sheet.settled, WINDOW_S)) / WINDOW_S * 60.0


def own_past(sheet: Sheet) -> Floats:
    """Images settled per minute from the first delivery to the window's begin; NaN too short.

    Missing too where acknowledgements come in few large steps: a window holds too few of them
    to compare.
    """
    stood = sheet.standing.get("slow")
    if stood is not None:  # what it was compared with when it became slow
        usual_then = {each.name: each.value for each in stood.evidence}["usual_settled_per_min"]
        return np.full(len(sheet.at_s), float(usual_then))
    settled = sheet.settled
    at_work = (sheet["delivered_stream_seq"] > 0) & ~np.isnan(settled)
    began_s = _first_s(sheet, at_work)
    earlier = sheet.before(settled, WINDOW_S) - (settled[at_work][0] if at_work.any() else np.nan)
    span_s = sheet.at_s - WINDOW_S - began_s
    steps = np.cumsum(np.append(0.0, np.diff(pd.Series(settled).ffill().to_numpy()) > 0))
    past_steps = sheet.before(steps, WINDOW_S)
    with np.errstate(divide="ignore", invalid="ignore"):
        fine = past_steps / span_s * WINDOW_S >= STEPS
        return np.where((span_s >= PAST_S) & fine, earlier / span_s * 60.0, np.nan)


def others_past(sheet: Sheet) -> Floats:
    """Median pace of other jobs of the pipeline over their whole lives; NaN of too few.

    Of many jobs the newest tell it: each would ask each.
    """
    if len(sheet.mates) < OTHERS:
        return np.full(len(sheet.at_s), np.nan)
    known = np.stack(
        [
            sheet.at(mate, mate.once("slow.whole_life", _whole_life))
            for mate in sheet.mates[-OTHERS_MOST:]
        ]
    )
    enough = np.sum(~np.isnan(known), axis=0) >= OTHERS
    filled = np.where(enough, known, 0.0)
    return np.where(enough, np.nanmedian(filled, axis=0), np.nan)


def _whole_life(sheet: Sheet) -> Floats:
    """A job's own pace from its first delivery on; NaN where it did too little to count."""
    span_s = sheet.settled_s - _first_s(sheet, sheet["delivered_stream_seq"] > 0)
    done = pd.Series(sheet.settled).ffill().to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((done >= OTHERS_IMAGES) & (span_s > 0), done / span_s * 60.0, np.nan)


def _first_s(sheet: Sheet, told: Flags) -> float:
    first = np.flatnonzero(told)
    return float(sheet.at_s[first[0]]) if first.size else np.nan


def usual(sheet: Sheet) -> Floats:
    """What it is compared with: its own past, else that of its pipeline."""
    own = own_past(sheet)
    return np.where(np.isnan(own), others_past(sheet), own) if np.isnan(own).any() else own


def _pipeline_pace(sheet: Sheet) -> Floats:
    """Of all jobs of the pipeline together: sharing workers with another job is not slow."""
    paces = [np.nan_to_num(pace(sheet))]
    paces += [np.nan_to_num(sheet.at(m, m.once("slow.pace", pace))) for m in sheet.mates]
    return np.sum(paces, axis=0)


def holds(sheet: Sheet) -> Held:
    """It moves, has images queued, and its pipeline makes less than it used to make alone."""
    now, past = pace(sheet), usual(sheet)
    slower = np.where(np.isnan(past), 0.0, below(now, CLEARLY * past))
    if np.any(slower == 1.0):
        slower = all_of(slower, below(_pipeline_pace(sheet), CLEARLY * past))
    truth = all_of(
        sheet.in_work, above(sheet["num_pending"], 0), above(now, 0), slower, no(_disturbed(sheet))
    )
    # Too young to have a pace is no doubt.
    truth = np.where(np.isnan(now) & (sheet.in_work == 1.0), 0.0, truth)
    seen_s = run_starts(sheet.at_s, truth)
    began_s = _slowed_s(sheet, past, seen_s)
    # It must be seen for the dwell, though it began before it could be seen.
    return Held(truth, began_s, DWELL_S + np.nan_to_num(seen_s - began_s))


def _disturbed(sheet: Sheet) -> Truth:
    """Where something could not be seen, or not be fetched, in the window: that is no pace."""
    failing = np.zeros(len(sheet.at_s), dtype=bool)
    for source in ("antenna", "nats"):
        failing |= ~np.isnan(sheet.failing_s(source))
    count = np.cumsum(failing).astype("float64")
    return (count - np.nan_to_num(sheet.before(count, WINDOW_S)) > 0).astype("float64")


def _slowed_s(sheet: Sheet, past: Floats, seen_s: Floats) -> Floats:
    """When it was last seen at about its usual pace, before it was seen to be slow."""
    short = (sheet.settled - sheet.before(sheet.settled, SHORT_S)) / SHORT_S * 60.0
    began_s = seen_s.copy()
    for seen in np.unique(seen_s[~np.isnan(seen_s)]):
        place = int(np.searchsorted(sheet.at_s, seen))
        as_usual = np.flatnonzero(short[: place + 1] >= NEARLY * past[place])
        if as_usual.size:
            began_s[seen_s == seen] = sheet.at_s[as_usual[-1]]
    return began_s


def tell(sheet: Sheet, tick: int) -> Told:
    """Info: it gets done."""
    now, past = float(pace(sheet)[tick]), float(usual(sheet)[tick])
    own = not np.isnan(own_past(sheet)[tick])
    than = "its own earlier" if own else "its pipeline's"
    left = sheet["num_pending"][tick] + sheet["num_ack_pending"][tick]
    evidence = [
        Evidence(name="settled_per_min", value=round(now, 1), source="nats"),
        Evidence(name="usual_settled_per_min", value=round(past, 1), source="nats"),
        *sheet.evidence(tick, "num_pending", "num_ack_pending"),
    ]
    return Told(
        "info",
        f"{now:.0f} images a minute, {than} {past:.0f}",
        evidence,
        f"{called(sheet).capitalize()} moves, but over the last {WINDOW_S / 60:.0f} minutes at "
        f"less than {CLEARLY:.0%} of {than} pace, and no other job of the pipeline has its "
        f"workers. At this pace what is left takes {left / now:,.0f} minutes.",
        f"See whether one of {workers(sheet)} stopped, or whether images of another size or a "
        "slower disk or network came in.",
    )


register(
    Check(
        code="slow",
        title="Moving, but clearly slower than its own past or its pipeline's",
        meaning="The job gets done, at a pace far below the one that it had before, or that other "
        "jobs of its pipeline had. A worker may have stopped, or the images are others. A job "
        "that is slow from start to end and that nothing can be compared with is not called slow.",
        thresholds=(
            Threshold(
                "pace over the last 2 minutes",
                f"below {CLEARLY:.0%} of the usual one",
                "half the workers gone is 50 %: it must be clearly more than that",
            ),
            Threshold(
                "own past",
                f"at least {PAST_S / 60:.0f} minutes and {STEPS} acknowledgements seen a window",
                "with fewer steps a window, one step more or less changes the pace by more than "
                "an eighth",
            ),
            Threshold(
                "the pipeline's past",
                f"at least {OTHERS} other jobs with {OTHERS_IMAGES} images each",
                "one job may be a special one",
            ),
            Threshold(
                "how long that must hold", f"{DWELL_S:g} s", "half of the window that it looks at"
            ),
        ),
        columns=(
            "consumers.delivered_stream_seq",
            "consumers.num_ack_pending",
            "consumers.num_redelivered",
            "consumers.num_pending",
            "jobs.pipeline",
            "jobs.status",
        ),
        needs=("nats", "antenna"),
        disproved_by="the pace coming back without anybody doing anything",
        next_step="See whether a worker stopped.",
        explains=(),
        clear_s=30.0,
        holds=holds,
        tell=tell,
    )
)
