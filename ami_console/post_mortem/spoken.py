"""Verdicts as suspects: what was found while the job ran, and no other suspect stands for."""

from collections.abc import Iterator

import pandas as pd

from ami_console.diagnosis import CHECKS, Evidence
from ami_console.post_mortem.cause import COST_TIME, ENDED_IT, WORTH_KNOWING, Cause, Suspect
from ami_console.post_mortem.images import no_images
from ami_console.post_mortem.instants import absent, clock, seconds_between, span
from ami_console.post_mortem.known import Known

LASTED_TO_THE_END_S = 15.0
"""A verdict that was over no longer than this before the job's end stood at its end."""

_AFTERWARDS = frozenset({"zombie_stream", "clock_skew"})
"""What brings no image late."""

_OF_REDELIVERED = frozenset({"starved", "redelivering", "not_returning"})

_OF_SOURCES = ("antenna", "nats", "redis")


def spoken(known: Known, troubled: pd.DataFrame) -> Iterator[Suspect]:
    """One suspect per code that was said of the job, the longest episode of each."""
    again = troubled[(troubled["deliveries"] > 1).fillna(False)].reset_index(drop=True)
    rows = known.verdicts[known.verdicts["hidden_by"].isna()]
    about = (rows["job_id"] == known.job_id).fillna(False) | rows["subject"].isin(_OF_SOURCES)
    rows = rows[about & rows["code"].isin(list(CHECKS))]
    if known.ended_at is not None:
        rows = rows[~(rows["subject"].notna() & (rows["since"] > known.ended_at)).fillna(False)]
    began = rows["since"].fillna(rows["spoken_at"])
    lasted = (rows["ended_at"].fillna(known.as_of) - began).dt.total_seconds()
    longest = rows.assign(lasted_s=lasted, began_at=began).sort_values("lasted_s", ascending=False)
    for row in longest.drop_duplicates("code").to_dict("records"):
        code, check = str(row["code"]), CHECKS[str(row["code"])]
        since, until = row["began_at"], row["ended_at"]
        day = known.begun_at
        begin, lasted = clock(since, day=day), span(row["lasted_s"])
        when = f"From {begin} to {clock(until, day=day)} ({lasted})"
        when = f"Since {begin} ({lasted} at least)" if absent(until) else when
        source = str(row["subject"]) if not absent(row["subject"]) else "diagnosis"
        yield Suspect(
            _weight(known, code, str(row["severity"]), until),
            Cause(
                code=code,
                title=check.title,
                sentence=f"{when}: {row['title']}.",
                why=check.meaning,
                next_step=check.next_step,
                evidence=(
                    Evidence(name="severity", value=row["severity"], source=source),
                    Evidence(name="since", value=since, source=source),
                    Evidence(name="lasted_s", value=seconds_between(since, until), source=source),
                ),
                images=again if code in _OF_REDELIVERED else no_images(),
                since=None if absent(since) else since,
                until=None if absent(until) else until,
            ),
            cost_s=float(row["lasted_s"]),
        )


def _weight(known: Known, code: str, severity: str, until: pd.Timestamp) -> int:
    if severity == "info" or code in _AFTERWARDS:
        return WORTH_KNOWING
    if not known.is_over or known.ended_well:
        return COST_TIME
    if code in ("state_gone", "lost_at_max_deliver", "mostly_failing", "lost_images"):
        return ENDED_IT
    at_end = absent(until) or (
        known.ended_at is not None
        and (known.ended_at - until).total_seconds() <= LASTED_TO_THE_END_S
    )
    return ENDED_IT if at_end and severity == "critical" else COST_TIME
