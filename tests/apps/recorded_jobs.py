"""What is known of the jobs of the real recordings, as the page about a job is given it."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from recorded import JOBS, history_of

from ami_console import metrics
from ami_console.apps.job import Job, evidence_of
from ami_console.diagnosis.judge import VERDICTS


@dataclass(frozen=True)
class Known:
    """A job at the last look of its recording."""

    job: Job
    log_events: pd.DataFrame
    sources: pd.DataFrame
    as_of: pd.Timestamp


def known(scenario: str, *ways: str) -> Known:
    """A recorded job by some of its ways of knowing, see :data:`recorded.WAYS`."""
    history, job_id = history_of(scenario, *ways), JOBS[scenario]
    reads = history.frame("reads")
    as_of = reads["observed_at"].max() + pd.Timedelta(seconds=1)
    fleet = metrics.fleet(history, as_of=as_of)
    mine = fleet[fleet["job_id"] == job_id].to_dict("records")
    row: dict[Any, Any] = mine[0] if mine else dict.fromkeys(fleet.columns, pd.NA)
    row["job_id"] = job_id
    jobs, consumers = history.latest("jobs"), history.latest("consumers")
    newest = consumers[consumers["job_id"] == job_id].to_dict("records")
    job = Job(
        row=row,
        job={},
        consumer=newest[-1] if newest else {},
        counters={},
        stages=history.latest("stages"),
        timeline=pd.DataFrame(),
        evidence=evidence_of(
            history,
            job_id,
            jobs=jobs[jobs["job_id"] == job_id],
            reads=reads,
            redeliveries=row["redeliveries_total"],
            verdicts=pd.DataFrame({name: pd.Series(dtype=t) for name, t in VERDICTS.items()}),
            as_of=as_of,
        ),
    )
    return Known(
        job=job,
        log_events=history.frame("log_events", job_id=job_id, until=as_of),
        sources=metrics.source_ages(reads, as_of=as_of),
        as_of=as_of,
    )
