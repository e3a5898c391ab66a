"""Verdicts of a job and of the sources as stretches of time."""

from typing import NamedTuple

import pandas as pd

_RANK = ("critical", "warning", "info")


class Verdict(NamedTuple):
    """One verdict: from when its state began until it was over; ns since the epoch."""

    begin_ns: int
    end_ns: int
    is_open: bool
    code: str
    severity: str
    title: str

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return _RANK.index(self.severity) if self.severity in _RANK else len(_RANK)


def shown_verdicts(
    verdicts: pd.DataFrame | None, job_id: int, *, as_of: pd.Timestamp
) -> list[Verdict]:
    """Verdicts on a job that are not explained by others, in the order in which they spoke.

    Args:
        verdicts: :func:`ami_console.diagnosis.verdicts`, or what a live watch said so far;
            ``None``: nothing was judged.
        job_id: The job.
        as_of: The instant judged at; what spoke later is left out.
    """
    if verdicts is None or verdicts.empty:
        return []
    mine = verdicts[(verdicts["job_id"] == job_id).fillna(False) & verdicts["hidden_by"].isna()]
    found = []
    for row in mine[mine["spoken_at"] <= as_of].to_dict("records"):
        began = row["spoken_at"] if pd.isna(row["since"]) else row["since"]
        ended = row["withdrawn_at"] if pd.isna(row["ended_at"]) else row["ended_at"]
        is_open = pd.isna(ended) or ended > as_of
        found.append(
            Verdict(
                begin_ns=began.value,
                end_ns=max(began.value, as_of.value if is_open else ended.value),
                is_open=bool(is_open),
                code=str(row["code"]),
                severity="" if pd.isna(row["severity"]) else str(row["severity"]),
                title=str(row["code"]) if pd.isna(row["title"]) else str(row["title"]),
            )
        )
    return found
