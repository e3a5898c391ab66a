"""Reserved images expire while the workers are busy with other jobs."""

import numpy as np

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import MARGIN, called, margin_s, seconds, workers
from ami_console.diagnosis.checks.not_returning import quiet_since_s
from ami_console.diagnosis.checks.redelivering import about, again_since_s
from ami_console.diagnosis.finding import Evidence
from ami_console.diagnosis.sheet import Sheet, number
from ami_console.diagnosis.truth import Truth, above, all_of, any_of, newest
from ami_console.metrics.arrays import Floats

RATE_S = 60.0
IN_LINE = 1.5


def others_in_flight(sheet: Sheet) -> Floats:
    """Images of other jobs of the pipeline that are in flight."""
    held = [np.nan_to_num(sheet.at(m, m["num_ack_pending"])) for m in sheet.mates]
    return np.sum(held, axis=0) if held else np.zeros(len(sheet.at_s))


def line_s(sheet: Sheet) -> Floats:
    """How long all that the pipeline's workers hold takes them at their pace, seconds."""
    rates = [_rate(sheet, sheet, sheet.settled)]
    rates += [_rate(sheet, mate, mate.settled) for mate in sheet.mates]
    total = np.nansum(rates, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        line = (sheet["num_ack_pending"] + others_in_flight(sheet)) / total
    return np.where(total > 0, line, np.nan)


def _rate(sheet: Sheet, of: Sheet, settled: Floats) -> Floats:
    """Images settled per second over the last minute, as of this sheet's ticks."""
    span_s = np.minimum(RATE_S, of.at_s - of.at_s[0])
    earlier = np.nan_to_num(of.before(settled, RATE_S))
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(span_s > 0, (settled - earlier) / span_s, np.nan)
    return sheet.at(of, np.where(rate >= 0, rate, np.nan))


def holds(sheet: Sheet) -> Held:
    """Images come back or lie expired, and the workers hold more than they can do in ack wait."""
    again = about(sheet)
    expired = all_of(
        sheet.in_work,
        above(sheet["num_ack_pending"], 0),
        above(sheet.at_s - quiet_since_s(sheet), sheet["ack_wait_s"]),
    )
    late = any_of(again, expired)
    if sheet.mates and np.any(late == 1.0):
        truth = all_of(late, _overcommitted(sheet))
    else:  # nothing is late, or there is no other job: spare the reckoning
        truth = np.where(np.isnan(late) & bool(sheet.mates), np.nan, 0.0)
    since_s = quiet_since_s(sheet) + sheet["ack_wait_s"]
    since_s = np.where(expired == 1.0, since_s, again_since_s(sheet, truth))
    return Held(truth, since_s, margin_s(sheet))


def _overcommitted(sheet: Sheet) -> Truth:
    """Whether workers that move hold, or held at the last fetch, more than they can do in time.

    Others are done first: when it is this job's turn they hold nothing else any more, and are
    late all the same, but for no longer than the line was.
    """
    line, others = line_s(sheet), others_in_flight(sheet)
    wait_s = sheet["ack_wait_s"]
    long_now = (line > wait_s) & (others > 0)
    fetched = np.clip(np.searchsorted(sheet.at_s, sheet.delivered_s), 0, len(sheet.at_s) - 1)
    line_then, others_then = line[fetched], others[fetched]
    quiet_s = sheet.at_s - sheet.delivered_s
    long_then = (line_then > wait_s) & (others_then > 0) & (quiet_s <= IN_LINE * line_then)
    moved_s = newest(sheet.settled_s, *(sheet.at(mate, mate.settled_s) for mate in sheet.mates))
    moves = sheet.at_s - moved_s <= wait_s
    return ((long_now | long_then) & moves).astype("float64")


def tell(sheet: Sheet, tick: int) -> Told:
    """Warning: work is done twice, and images are given up in the end."""
    others = others_in_flight(sheet)[tick]
    evidence = sheet.evidence(
        tick, "num_ack_pending", "num_redelivered", "ack_wait_s", "delivered_consumer_seq"
    )
    evidence += [
        Evidence(name="others_in_flight", value=number(others), source="nats"),
        Evidence(name="line_s", value=number(line_s(sheet)[tick]), source="nats"),
    ]
    holding = [mate for mate in sheet.mates if _holds_some(sheet, mate, tick)]
    ids = ", ".join(str(mate.looks.job_id) for mate in holding or sheet.mates)
    return Told(
        "warning",
        f"Reserved images expire: workers hold {others:,.0f} images of job {ids} as well",
        evidence,
        f"The workers of the pipeline hold images of {called(sheet)} and of job {ids}; at their "
        f"pace all of that takes {seconds(line_s(sheet)[tick])}, and ack wait is "
        f"{seconds(sheet['ack_wait_s'][tick])}. What they do not reach in time expires and is "
        "handed out again.",
        f"Start more of {workers(sheet)}, let them take smaller batches, or run fewer of these "
        "jobs at the same time.",
        "The broker does not tell which worker holds what: this is the pace of all of them.",
    )


def _holds_some(sheet: Sheet, mate: Sheet, tick: int) -> bool:
    return bool(sheet.at(mate, mate["num_ack_pending"])[tick] > 0)


register(
    Check(
        code="starved",
        title="Reserved images expire while the workers are busy with other jobs",
        meaning="Workers reserve images of several jobs and can't work all of them off within ack "
        "wait. Those of this job expire in their hands and are handed out again, so that work is "
        "done twice.",
        thresholds=(
            Threshold(
                "time that all images in flight of the pipeline take at its pace",
                "ack wait",
                "live ack wait of the consumer; the pace is that of the last minute",
            ),
            Threshold(
                "workers of the pipeline acknowledge, at most so long ago",
                "ack wait",
                "else they are not busy, but gone",
            ),
            Threshold(
                "after the fetch, while it is the job's turn",
                f"{IN_LINE:g} times the line that there was at the fetch",
                "the pace of a minute is not exact",
            ),
            MARGIN,
        ),
        columns=(
            "consumers.num_ack_pending",
            "consumers.num_redelivered",
            "consumers.delivered_consumer_seq",
            "consumers.delivered_stream_seq",
            "consumers.delivered_last_active",
            "consumers.ack_wait_s",
            "jobs.pipeline",
            "jobs.status",
        ),
        needs=("nats", "antenna"),
        disproved_by="redeliveries going on when the other jobs have ended",
        next_step="Start more workers, take smaller batches, or run fewer of these jobs at once.",
        explains=("redelivering", "not_returning", "slow"),
        clear_s=30.0,
        holds=holds,
        tell=tell,
    )
)
