"""Results come in faster than they are saved."""

import numpy as np
import pandas as pd

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import called, images, seconds
from ami_console.diagnosis.sheet import Sheet
from ami_console.diagnosis.truth import above, all_of
from ami_console.metrics.arrays import Flags, Floats

STANDS_S = 5.0
ROUNDS = 3
WINDOW_S = 60.0
OUTPACED = 2.0
BATCHES = 2.0
LINE_LEAST_S, LINE_MOST_S = 60.0, 120.0
CAUGHT_UP_S = 30.0
RATE_S = 10.0
DWELL_S = 10.0
GROWING_DWELL_S = 20.0


def waiting_s(sheet: Sheet) -> Floats:
    """How long the last image in line waits to be saved at the rate of the last looks, s."""
    rate = (sheet.settled - sheet.before(sheet.settled, RATE_S)) / RATE_S
    with np.errstate(divide="ignore", invalid="ignore"):
        line_s = np.where(rate > 0, sheet["num_ack_pending"] / rate, np.inf)
    return np.where(np.isnan(rate + sheet["num_ack_pending"]), np.nan, line_s)


def _rounds_since_settled(sheet: Sheet) -> Floats:
    """How many looks showed new deliveries since an acknowledgement was last seen."""
    delivered, settled = (
        pd.Series(values).ffill().to_numpy()
        for values in (sheet["delivered_stream_seq"], sheet.settled)
    )
    fetched = np.append(0.0, delivered[1:] > delivered[:-1])
    saved = np.append(False, settled[1:] > settled[:-1])
    rounds = np.cumsum(fetched)
    at_last_saved = np.maximum.accumulate(np.where(saved, rounds, -1.0))
    return np.where(at_last_saved >= 0, rounds - at_last_saved, 0.0)


def _stands(sheet: Sheet) -> Flags:
    """Workers come back for more, so they posted what they had, and nothing of it is saved."""
    quiet_s = sheet.at_s - sheet.settled_s
    return (
        (_rounds_since_settled(sheet) >= ROUNDS)
        & (quiet_s >= STANDS_S)
        & (sheet["num_redelivered"] == 0)
    )


def _grows(sheet: Sheet) -> Flags:
    """More than twice as many are handed out as saved, and the line has become long."""
    window_s = np.minimum(WINDOW_S, sheet.at_s - sheet.at_s[0])
    handed, saved = (
        values - np.nan_to_num(sheet.before(values, WINDOW_S))
        for values in (sheet["delivered_stream_seq"], sheet.settled)
    )
    ack_wait_s = np.where(np.isnan(sheet["ack_wait_s"]), np.inf, sheet["ack_wait_s"])
    limit_s = np.clip(ack_wait_s / 2, LINE_LEAST_S, LINE_MOST_S)
    with np.errstate(divide="ignore", invalid="ignore"):
        line_s = sheet["num_ack_pending"] / (saved / window_s)
    outpaced = (saved > 0) & (handed >= OUTPACED * saved) & (line_s > limit_s)
    if not outpaced.any():  # the rest takes long
        return outpaced
    # Another worker that joins takes a batch or two; a backlog grows all the time.
    return (
        outpaced
        & (handed - saved >= BATCHES * _largest_fetch(sheet))
        & (_rounds(sheet) >= ROUNDS + 1)
    )


def _largest_fetch(sheet: Sheet) -> Floats:
    """The most images that were handed out from one look to the next, over the window."""
    delivered = pd.Series(sheet["delivered_stream_seq"]).ffill().fillna(0.0)
    fetched = delivered.diff().clip(lower=0.0)
    fetched.index = pd.to_datetime(sheet.at_s, unit="s")
    return fetched.rolling(f"{WINDOW_S:.0f}s").max().fillna(0.0).to_numpy()


def _rounds(sheet: Sheet) -> Floats:
    delivered = pd.Series(sheet["delivered_stream_seq"]).ffill().to_numpy()
    rounds = np.cumsum(np.append(0.0, delivered[1:] > delivered[:-1]))
    return rounds - np.nan_to_num(sheet.before(rounds, WINDOW_S))


def holds(sheet: Sheet) -> Held:
    """Begins when saving stands or falls far behind; lasts until the line is short again."""
    known = all_of(sheet.in_work, above(sheet["num_ack_pending"], 0))
    stands, grows = _stands(sheet), _grows(sheet)
    begins = (known == 1.0) & (stands | grows)
    stood = "results_backlog" in sheet.standing
    if not stood and not begins.any():
        never = np.where(np.isnan(known), np.nan, 0.0)
        return Held(never, np.full(len(never), np.nan), np.full(len(never), GROWING_DWELL_S))
    ends = (waiting_s(sheet) <= CAUGHT_UP_S) | (known == 0.0)
    truth = np.where(np.isnan(known), np.nan, _latched(begins, ends, before=stood))
    kinds = _latched(begins & stands, ends, before=stood)
    since_s = np.where(_kept(begins, truth), sheet.settled_s, np.nan)
    return Held(
        truth, _first_of_run(truth, since_s), np.where(kinds == 1.0, DWELL_S, GROWING_DWELL_S)
    )


def _latched(begins: Flags, ends: Flags, *, before: bool) -> Floats:
    """1 from where it begins to where it ends; before the first of these as it was before."""
    events = np.where(begins, 1.0, np.where(ends, 0.0, np.nan))
    return pd.Series(events).ffill().fillna(float(before)).to_numpy()


def _kept(begins: Flags, truth: Floats) -> Flags:
    first = (truth == 1.0) & ~np.append(False, truth[:-1] == 1.0)
    return first & begins


def _first_of_run(truth: Floats, since_s: Floats) -> Floats:
    """The value at the first tick of each run of true ones, all along the run."""
    held = (truth == 1.0) | np.isnan(truth)
    run = np.cumsum(~held)
    return np.where(held, pd.Series(since_s).groupby(run).transform("first").to_numpy(), np.nan)


def tell(sheet: Sheet, tick: int) -> Told:
    """Critical while nothing is saved at all, else warning."""
    quiet_s = sheet.at_s[tick] - sheet.settled_s[tick]
    line_s = waiting_s(sheet)[tick]
    stands = quiet_s >= STANDS_S or not np.isfinite(line_s)
    evidence = sheet.evidence(
        tick,
        "num_ack_pending",
        "num_pending",
        "delivered_stream_seq",
        "redis_pending_process",
        "redis_pending_results",
        "ack_wait_s",
    )
    evidence.append(sheet.instant_evidence(tick, "settled_last_at", sheet.settled_s))
    evidence += sheet.queue_evidence(tick)
    waiting = images(sheet["num_ack_pending"][tick])
    pace = (
        f"nothing was saved for {seconds(quiet_s)}"
        if stands
        else f"at the present pace the last of them waits {seconds(line_s)}"
    )
    return Told(
        "critical" if stands else "warning",
        f"{waiting} wait to be saved; {pace}",
        evidence,
        f"Workers of {called(sheet)} come back for more, so they post results, but these are not "
        f"acknowledged at that pace, and the acknowledgement is the last step of saving: {pace}. "
        f"What waits longer than ack wait ({seconds(sheet['ack_wait_s'][tick])}) is handed out "
        "and worked on again.",
        "See whether Celery works: `docker compose logs --since 5m celeryworker`, and how long "
        "its queue ml_results is (RabbitMQ's page, or AMI_CONSOLE_RABBITMQ_URL here). Start more "
        "Celery workers or restart the one that hangs; workers may be paused meanwhile.",
        "The broker can't tell a result that waits for Celery from an image that a worker still "
        "holds; that workers fetch again and again is what speaks for Celery.",
    )


register(
    Check(
        code="results_backlog",
        title="Results come in faster than they are saved",
        meaning="Workers fetch, work and post, but Celery does not save at that pace, or stands "
        "still. Images in flight pile up; those that wait longer than ack wait are handed out and "
        "worked on a second time.",
        thresholds=(
            Threshold(
                "saving stands: nothing acknowledged for",
                f"{STANDS_S:g} s and {ROUNDS} looks with new deliveries",
                "a worker fetches again after it posted: three fetches without one acknowledgement "
                "are three batches that nobody saves",
            ),
            Threshold(
                "saving falls behind: handed out to saved, over a minute",
                f"{OUTPACED:g} to 1, in at least {ROUNDS + 1} fetches, and more than the "
                f"{BATCHES:g} largest of them",
                "in a steady job both are the same; one more worker adds a batch or two",
            ),
            Threshold(
                "and the last in line waits for",
                f"half of ack wait, {LINE_LEAST_S:g} to {LINE_MOST_S:g} s",
                "live ack wait: at the whole of it work is done twice",
            ),
            Threshold(
                "how long that must hold",
                f"{DWELL_S:g} s where saving stands, else {GROWING_DWELL_S:g} s",
                "some looks",
            ),
            Threshold(
                "over when the last in line waits less than",
                f"{CAUGHT_UP_S:g} s",
                "half of the shortest time at which it begins",
            ),
        ),
        columns=(
            "consumers.num_ack_pending",
            "consumers.num_pending",
            "consumers.num_redelivered",
            "consumers.delivered_stream_seq",
            "consumers.ack_floor_last_active",
            "consumers.ack_wait_s",
            "counters.pending_process",
            "counters.pending_results",
            "queues.ready",
            "queues.unacknowledged",
            "jobs.status",
        ),
        needs=("nats", "antenna"),
        disproved_by="num_ack_pending falling as fast as images are handed out",
        next_step="See whether Celery runs and how long its queue of results is.",
        explains=("at_capacity", "not_returning", "redelivering", "starved", "slow"),
        holds=holds,
        tell=tell,
    )
)
