"""Whether anybody fetched images of a job, look by look."""

from dataclasses import dataclass

import numpy as np

from ami_console.metrics.arrays import Columns, Floats, Instants
from ami_console.metrics.runs import UNKNOWN, Run, runs
from ami_console.metrics.source_gaps import NS_PER_S

QUIET_S = 45.0
"""Images wait and nobody takes one for so long: a worker without work asks again every 5 s."""

USUAL_PAUSES = 3.0
"""And for so many of the pauses that are usual between two fetches of this job."""

EXPIRED_S = 5.0
"""With nothing left to hand out: what was handed out is overdue by more than this, and a worker
that asked would have got it again."""

NOT_YET, FETCHING, HANDED_OUT, STOPPED = range(4)

COLUMNS = (
    "observed_at",
    "consumer_exists",
    "num_pending",
    "num_ack_pending",
    "num_waiting",
    "delivered_consumer_seq",
    "delivered_last_active",
    "ack_wait_s",
    "server_at",
    "stream_created_at",
)


@dataclass(frozen=True)
class Fetching:
    """Who fetched when.

    Attributes:
        runs: In order of time; codes are the constants of this module and ``UNKNOWN``. One that
            stopped begins with the last delivery before it.
        deliveries: So far at each look, redeliveries included; NaN unknown.
    """

    runs: list[Run]
    deliveries: Floats


def fetching(looks: Columns, failed_ns: Instants, *, until_ns: int) -> Fetching:
    """Whether anybody fetched images of a job.

    That nobody did is known after a while only, and then since the last delivery: images are
    queued and none was handed out for 45 s and for three of the job's usual pauses; or none is
    queued and those handed out are overdue by 5 s. Who holds a reservation may be slow or dead:
    the broker does not tell, so this does not either.

    Args:
        looks: Those of one job at its consumer: ``COLUMNS``.
        failed_ns: When NATS could not be read.
        until_ns: The instant judged at.

    Source:
        JetStream ``CONSUMER.INFO``: ``delivered.consumer_seq``, ``delivered.last_active``,
        ``num_pending``, ``num_ack_pending``, ``num_waiting``; the reply's ``ts``.
    """
    exists = looks["consumer_exists"]
    deliveries = np.where(exists, looks["delivered_consumer_seq"], np.nan)
    at_ns = looks["observed_at_ns"]
    idle_s = _idle_s(looks, deliveries)
    limit_s = max(QUIET_S, USUAL_PAUSES * _usual_pause_s(looks["observed_at"], deliveries))
    pending, in_flight = looks["num_pending"], looks["num_ack_pending"]
    with np.errstate(invalid="ignore"):
        overdue = (in_flight > 0) & (idle_s > looks["ack_wait_s"] + EXPIRED_S)
        stopped = np.where(pending > 0, idle_s > limit_s, overdue) & ~(looks["num_waiting"] > 0)
        codes = np.select(
            [
                np.isnan(deliveries) | np.isnan(pending) | ((deliveries > 0) & np.isnan(idle_s)),
                deliveries == 0,
                stopped,
                pending > 0,
            ],
            [UNKNOWN, NOT_YET, STOPPED, FETCHING],
            HANDED_OUT,
        )
    seen = exists.astype(bool)
    gone_ns = at_ns[len(seen) - int(np.argmax(seen[::-1])) :][:1] if seen.any() else at_ns[:0]
    until_ns = int(gone_ns[0]) if len(gone_ns) else until_ns
    found = runs(
        at_ns[seen], codes[seen], failed_ns=failed_ns[failed_ns < until_ns], until_ns=until_ns
    )
    return Fetching(_backdated(found, (at_ns - idle_s * NS_PER_S)[seen]), deliveries)


def _idle_s(looks: Columns, deliveries: Floats) -> Floats:
    """Since the last delivery, seconds, by the server's clock where it tells; NaN none yet."""
    at_s = looks["observed_at"]
    told_s = looks["server_at"] - looks["delivered_last_active"]
    rose = np.append(False, np.diff(deliveries) > 0)
    seen_at_s = np.fmax.accumulate(np.where(rose, at_s, np.nan))
    # The broker forgets it when it is restarted: then it is no later than when it was seen.
    last_s = np.fmax.accumulate(np.where(np.isnan(told_s), seen_at_s, at_s - told_s))
    return np.maximum(at_s - last_s, 0.0)


def _usual_pause_s(at_s: Floats, deliveries: Floats) -> float:
    """The median pause between looks at which deliveries rose, seconds; 0 where there is none."""
    rose_s = at_s[1:][np.diff(deliveries) > 0]
    return float(np.median(np.diff(rose_s))) if len(rose_s) > 2 else 0.0


def _backdated(found: list[Run], last_ns: Floats) -> list[Run]:
    """That nobody fetched holds since the last delivery, as far as it was looked at."""
    whole: list[Run] = []
    for run in found:
        begin_ns = run.begin_ns
        if run.code == STOPPED and not np.isnan(last_ns[run.first]):
            since_ns = int(last_ns[run.first])
            while whole and whole[-1].code in (FETCHING, HANDED_OUT) and since_ns < begin_ns:
                before = whole.pop()
                begin_ns = max(since_ns, before.begin_ns)
                if before.begin_ns < since_ns:
                    whole.append(before._replace(end_ns=since_ns))
        whole.append(run._replace(begin_ns=begin_ns))
    return whole
